//! What the benches share: made-up vectors from a fixed seed, and medians.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tillsight::index::Row;
use uuid::Uuid;

/// Values per vector, as the shipped model has.
pub const DIM: usize = 256;
/// Every bench starts from it.
pub const SEED: u64 = 20_261_121;

/// A source of made-up vectors and rows.
pub struct Made {
    random: Pcg64Mcg,
    next: u128,
}

impl Made {
    /// The same for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { random: Pcg64Mcg::seed_from_u64(seed), next: 1 }
    }

    /// A vector of length 1 that points anywhere.
    pub fn vector(&mut self) -> Vec<f32> {
        let values: Vec<f32> = (0..DIM).map(|_| self.random.random_range(-1.0..1.0)).collect();
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.into_iter().map(|value| value / length).collect()
    }

    /// The rows of `products` new products with `images` images each.
    pub fn rows(&mut self, products: usize, images: usize) -> Vec<Row> {
        let mut rows = Vec::with_capacity(products * images);
        for _ in 0..products {
            let product = self.id();
            for _ in 0..images {
                rows.push(Row { image: self.id().into(), product: product.into(), vector: self.vector().into() });
            }
        }
        rows
    }

    fn id(&mut self) -> Uuid {
        self.next += 1;
        Uuid::from_u128(self.next)
    }
}

/// The middle one.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// For a table.
pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
