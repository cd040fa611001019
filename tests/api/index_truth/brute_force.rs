//! The answers that are right by definition: a scan of every row, in f64.

use std::collections::HashSet;

use tillsight::index::{Hit, IndexRow};

/// The best image of each of the `products` nearest products.
pub fn search(rows: &[IndexRow], query: &[f32], products: usize) -> Vec<Hit> {
    let mut hits: Vec<Hit> = rows
        .iter()
        .map(|row| Hit { product: row.product, image: row.image, score: score(&row.vector, query) })
        .collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.image.cmp(&b.image)));
    let mut seen = HashSet::new();
    hits.retain(|hit| seen.insert(hit.product));
    hits.truncate(products);
    hits
}

/// As f32, since the index reports f32; adding zero turns -0 into 0.
fn score(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32 + 0.0
}
