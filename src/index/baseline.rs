//! The memory bandwidth that searches are compared with, and random vectors to measure them on.

use std::hint::black_box;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use uuid::Uuid;

use super::IndexRow;

/// Concurrent sums: four AVX2 registers of four.
const LANES: usize = 16;

/// A source of random vectors and rows. Its identifiers increase, as those of real photos do.
#[derive(Debug)]
pub struct RandomVectors {
    random: Pcg64Mcg,
    dim: usize,
    next: u128,
}

impl RandomVectors {
    /// Vectors of `dim` values, reproducible by the seed.
    pub fn new(seed: u64, dim: usize) -> Self {
        Self { random: Pcg64Mcg::seed_from_u64(seed), dim, next: 1 }
    }

    /// Like [`Self::new`], with ids that increase from `first`.
    pub fn with_ids_from(seed: u64, dim: usize, first: Uuid) -> Self {
        Self { next: first.as_u128(), ..Self::new(seed, dim) }
    }

    /// A vector of length 1 in a random direction.
    pub fn next_vector(&mut self) -> Vec<f32> {
        let values: Vec<f32> = (0..self.dim).map(|_| self.random.random_range(-1.0..1.0)).collect();
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.into_iter().map(|value| value / length).collect()
    }

    /// The rows of `products` new products with `images` images each.
    pub fn next_rows(&mut self, products: usize, images: usize) -> Vec<IndexRow> {
        let mut rows = Vec::with_capacity(products * images);
        for _ in 0..products {
            let product = self.next_id();
            for _ in 0..images {
                rows.push(IndexRow {
                    image: self.next_id().into(),
                    product: product.into(),
                    vector: self.next_vector().into(),
                });
            }
        }
        rows
    }

    fn next_id(&mut self) -> Uuid {
        self.next += 1;
        Uuid::from_u128(self.next)
    }
}

/// The time that `threads` threads take to read `words` from memory. Each adds up its share, with enough concurrent sums that it
/// waits for memory and not for additions. An exact search must read every vector once, so it cannot be faster.
pub fn time_read(words: &[u64], threads: usize) -> Duration {
    let start = Instant::now();
    black_box(sum_in_threads(black_box(words), threads));
    start.elapsed()
}

/// The median; zero for an empty list.
pub fn median(times: &mut [Duration]) -> Duration {
    quantile(times, 0.5)
}

/// The quantile `share`, for example 0.99 for the 99th percentile; zero for an empty list.
pub fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let position = (times.len() as f64 * share) as usize;
    times.get(position.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn sum_in_threads(words: &[u64], threads: usize) -> u64 {
    if threads <= 1 {
        return sum_on_one_thread(words);
    }
    std::thread::scope(|scope| {
        let share = words.len().div_ceil(threads).max(1);
        let parts: Vec<_> = words.chunks(share).map(|part| scope.spawn(move || sum_on_one_thread(part))).collect();
        parts.into_iter().fold(0_u64, |total, part| total.wrapping_add(part.join().unwrap_or_default()))
    })
}

fn sum_on_one_thread(words: &[u64]) -> u64 {
    let mut sums = [0_u64; LANES];
    let chunks = words.chunks_exact(LANES);
    let rest = chunks.remainder().iter().fold(0_u64, |total, word| total.wrapping_add(*word));
    for chunk in chunks {
        for (sum, word) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*word);
        }
    }
    sums.iter().fold(rest, |total, sum| total.wrapping_add(*sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_once_with_any_number_of_threads() {
        let words: Vec<u64> = (0..1_003).collect();
        for threads in [0, 1, 2, 7] {
            assert_eq!(sum_in_threads(&words, threads), 1_002 * 1_003 / 2);
        }
        assert_eq!(sum_in_threads(&[], 3), 0);
    }

    #[test]
    fn quantiles_are_values_from_the_list() {
        let mut times: Vec<Duration> = (0..100).rev().map(Duration::from_millis).collect();
        assert_eq!(median(&mut times), Duration::from_millis(50));
        assert_eq!(quantile(&mut times, 0.99), Duration::from_millis(99));
        assert_eq!(median(&mut []), Duration::ZERO);
    }
}
