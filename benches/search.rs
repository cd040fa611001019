//! One search against the time it takes merely to read the same bytes.
//!
//! An exact search must read every vector once, so reading them is the physical limit; how far above it the search lies is
//! what the index's own work costs. Both use one thread. "Read" sums the same number of bytes as 64-bit words, with
//! enough running sums at once that it waits for memory and not for additions.

#[path = "support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use support::{DIM, Made, SEED, median, micros};
use tillsight::index::{IndexOptions, VectorIndex};

const VECTORS: [usize; 3] = [1_000, 10_000, 100_000];
const IMAGES: usize = 5;
const PRODUCTS: usize = 5;
const SEARCHES: usize = 200;
/// Sums that run at once; four AVX2 registers of four.
const LANES: usize = 16;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    println!("seed {SEED}, dimension {DIM}, top {PRODUCTS} products, one thread; medians of {SEARCHES}");
    println!("{:>9} {:>9} {:>12} {:>12} {:>9} {:>14}", "vectors", "MB", "search µs", "read µs", "ratio", "search GB/s");
    for vectors in VECTORS {
        let mut made = Made::new(SEED);
        let rows = made.rows(vectors / IMAGES, IMAGES);
        let words = vec![1_u64; vectors * DIM * size_of::<f32>() / size_of::<u64>()];
        let options = IndexOptions { search_threads: 1, ..IndexOptions::default() };
        let index = VectorIndex::build(DIM, 1, rows, options).expect("an index");
        let (mut searches, mut reads) = (Vec::new(), Vec::new());
        // In turns, so that a busy moment of the machine falls on both.
        for _ in 0..SEARCHES {
            let query = made.vector();
            searches.push(timed(|| runtime.block_on(index.search(query, PRODUCTS)).expect("hits")));
            reads.push(timed(|| sum(black_box(&words))));
        }
        let (search, read) = (median(&mut searches), median(&mut reads));
        let bytes = (words.len() * size_of::<u64>()) as f64;
        println!(
            "{vectors:>9} {:>9.1} {:>12.1} {:>12.1} {:>9.2} {:>14.1}",
            bytes / 1e6,
            micros(search),
            micros(read),
            search.as_secs_f64() / read.as_secs_f64(),
            bytes / search.as_secs_f64() / 1e9
        );
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed()
}

fn sum(words: &[u64]) -> u64 {
    let mut sums = [0_u64; LANES];
    for chunk in words.chunks_exact(LANES) {
        for (sum, word) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*word);
        }
    }
    sums.iter().fold(0, |all, sum| all.wrapping_add(*sum))
}
