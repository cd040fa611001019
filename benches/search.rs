//! Single and concurrent searches, compared with the time of reading the same bytes.
//!
//! An exact search must read every vector once, so reading them is the physical limit; the difference is the index's own work.
//! Both use the same number of threads. "Read" sums the same number of bytes as 64-bit words, with enough concurrent sums that
//! it waits for memory and not for additions. "Concurrent" submits many queries at once, which are answered in few passes; its
//! time is per query. `--json` prints one object per row, for `benches/peer/search.py`, which adds `faiss-cpu`.

#[path = "support/mod.rs"]
mod support;

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use support::{DIM, SEED, microseconds};
use tillsight::index::baseline::{RandomVectors, median, time_read};
use tillsight::index::{IndexOptions, VectorIndex};

const VECTORS: [usize; 3] = [1_000, 10_000, 100_000];
const IMAGES_PER_PRODUCT: usize = 5;
const TOP_PRODUCTS: usize = 5;
const SEARCHES: usize = 200;
/// Queries that are submitted at once.
const CONCURRENT_QUERIES: usize = 64;
const CONCURRENT_ROUNDS: usize = 20;

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut threads = vec![1, cores];
    threads.dedup();
    if !json {
        println!(
            "seed {SEED}, dimension {DIM}, top {TOP_PRODUCTS} products; medians of {SEARCHES} and of {CONCURRENT_ROUNDS} × {CONCURRENT_QUERIES}"
        );
        println!(
            "{:>7} {:>9} {:>9} {:>12} {:>12} {:>9} {:>16} {:>10}",
            "threads", "vectors", "MB", "search µs", "read µs", "ratio", "concurrent µs", "× cheaper"
        );
    }
    for threads in threads {
        for vectors in VECTORS {
            let mut random = RandomVectors::new(SEED, DIM);
            let rows = random.next_rows(vectors / IMAGES_PER_PRODUCT, IMAGES_PER_PRODUCT);
            let words = vec![1_u64; vectors * DIM * size_of::<f32>() / size_of::<u64>()];
            let options = IndexOptions { search_threads: threads, ..IndexOptions::default() };
            let index = VectorIndex::build(DIM, 1, rows, options).expect("an index");
            let (mut searches, mut reads, mut concurrent) = (Vec::new(), Vec::new(), Vec::new());
            // In turns, so that other load on the machine affects all of them.
            for turn in 0..SEARCHES {
                let query = random.next_vector();
                searches.push(time(|| runtime.block_on(index.search(query, TOP_PRODUCTS)).expect("hits")));
                reads.push(time_read(&words, threads));
                if turn % (SEARCHES / CONCURRENT_ROUNDS) == 0 {
                    let queries: Vec<Vec<f32>> = (0..CONCURRENT_QUERIES).map(|_| random.next_vector()).collect();
                    concurrent.push(time(|| {
                        let all = join_all(queries.into_iter().map(|query| index.search(query, TOP_PRODUCTS)));
                        runtime.block_on(all).into_iter().for_each(|hits| drop(black_box(hits.expect("hits"))));
                    }));
                }
            }
            let (search, read) = (microseconds(median(&mut searches)), microseconds(median(&mut reads)));
            let each = microseconds(median(&mut concurrent)) / CONCURRENT_QUERIES as f64;
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

fn time<T>(work: impl FnOnce() -> T) -> Duration {
    let start_time = Instant::now();
    black_box(work());
    start_time.elapsed()
}
