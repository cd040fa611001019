//! Searches beside the time it takes merely to read the same bytes, alone and in company.
//!
//! An exact search must read every vector once, so reading them is the physical limit; how far above it the search lies is
//! what the index's own work costs. Both use the same number of threads. "Read" sums the same number of bytes as 64-bit
//! words, with enough running sums at once that it waits for memory and not for additions. "In company" hands in many queries
//! at once, which are answered in few passes; its time is per query. `--json` prints one object per row instead, for
//! `benches/peer/search.py`, which sets `faiss-cpu` beside it.

#[path = "support/mod.rs"]
mod support;

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use support::{DIM, SEED, micros};
use tillsight::index::baseline::{RandomVectors, median, time_read};
use tillsight::index::{IndexOptions, VectorIndex};

const VECTORS: [usize; 3] = [1_000, 10_000, 100_000];
const IMAGES: usize = 5;
const PRODUCTS: usize = 5;
const SEARCHES: usize = 200;
/// Queries that are handed in at once, and how often.
const COMPANY: usize = 64;
const CROWDS: usize = 20;

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut threads = vec![1, cores];
    threads.dedup();
    if !json {
        println!(
            "seed {SEED}, dimension {DIM}, top {PRODUCTS} products; medians of {SEARCHES} and of {CROWDS} × {COMPANY}"
        );
        println!(
            "{:>7} {:>9} {:>9} {:>12} {:>12} {:>9} {:>16} {:>10}",
            "threads", "vectors", "MB", "search µs", "read µs", "ratio", "in company µs", "× cheaper"
        );
    }
    for threads in threads {
        for vectors in VECTORS {
            let mut made = RandomVectors::new(SEED, DIM);
            let rows = made.next_rows(vectors / IMAGES, IMAGES);
            let words = vec![1_u64; vectors * DIM * size_of::<f32>() / size_of::<u64>()];
            let options = IndexOptions { search_threads: threads, ..IndexOptions::default() };
            let index = VectorIndex::build(DIM, 1, rows, options).expect("an index");
            let (mut searches, mut reads, mut crowds) = (Vec::new(), Vec::new(), Vec::new());
            // In turns, so that a busy moment of the machine falls on all of them.
            for turn in 0..SEARCHES {
                let query = made.next_vector();
                searches.push(timed(|| runtime.block_on(index.search(query, PRODUCTS)).expect("hits")));
                reads.push(time_read(&words, threads));
                if turn % (SEARCHES / CROWDS) == 0 {
                    let queries: Vec<Vec<f32>> = (0..COMPANY).map(|_| made.next_vector()).collect();
                    crowds.push(timed(|| {
                        let all = join_all(queries.into_iter().map(|query| index.search(query, PRODUCTS)));
                        runtime.block_on(all).into_iter().for_each(|hits| drop(black_box(hits.expect("hits"))));
                    }));
                }
            }
            let (search, read) = (micros(median(&mut searches)), micros(median(&mut reads)));
            let each = micros(median(&mut crowds)) / COMPANY as f64;
            let megabytes = (words.len() * size_of::<u64>()) as f64 / 1e6;
            if json {
                println!(
                    "{{\"threads\":{threads},\"vectors\":{vectors},\"search_us\":{search},\"read_us\":{read},\"company_us\":{each}}}"
                );
            } else {
                println!(
                    "{threads:>7} {vectors:>9} {megabytes:>9.1} {search:>12.1} {read:>12.1} {:>9.2} {each:>16.1} {:>10.1}",
                    search / read,
                    search / each
                );
            }
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed()
}
