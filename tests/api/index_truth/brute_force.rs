//! The answers that are right by definition: a scan of every row, in f64.

use std::collections::HashSet;

use tillsight::index::{Hit, IndexRow};

/// The best image of each of the `products` nearest products, and the score of its second best.
pub fn search(rows: &[IndexRow], query: &[f32], products: usize) -> Vec<Hit> {
    let hit = |row: &IndexRow| {
        let score = score(&row.vector, query);
        Hit { product: row.product, image: row.image, score, second_score: None }
    };
    let mut images: Vec<Hit> = rows.iter().map(hit).collect();
    images.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.image.cmp(&b.image)));
    let mut seen = HashSet::new();
    let mut hits = images.clone();
    hits.retain(|hit| seen.insert(hit.product));
    hits.truncate(products);
    let lowest = hits.last().map_or(0.0, |last| last.score);
    for hit in &mut hits {
        let second = images.iter().filter(|image| image.product == hit.product).nth(1);
        hit.second_score = second.map(|image| image.score).filter(|score| *score >= lowest);
    }
    hits
}

/// As f32, since the index reports f32; adding zero turns -0 into 0.
fn score(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32 + 0.0
}
