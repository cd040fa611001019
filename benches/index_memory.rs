//! The index with a million vectors: memory, start from a snapshot, cost of an add, and searches during adds.
//!
//! * Memory: the increase of the resident memory (`VmRSS`), compared with the vectors' bytes, which is the minimum of any
//!   exact index, and with the index's own count.
//! * Snapshot: seconds to write one, and to load it.
//! * Add: five vectors, at this size and at 1 000, in turns.
//! * Searches with and without adds, in turns of a second, by one client and by one per core: `--adds` changes of five vectors
//!   per second, more than a model could embed. Also the times for which the write lock was held, as in the server's metric.
//!
//! `cargo bench --bench index_memory -- --rows 100000 --seconds 5`

#[path = "support/mod.rs"]
mod support;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::future::join_all;
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use support::{DIM, SEED, microseconds};
use tillsight::index::baseline::{RandomVectors, median, quantile};
use tillsight::index::{Change, IndexBuilder, IndexOptions, IndexRow, Snapshot, VectorIndex};

const IMAGES_PER_PRODUCT: usize = 5;
const TOP_PRODUCTS: usize = 5;
/// Products per call of the builder.
const CHUNK_PRODUCTS: usize = 1_000;
const SMALL_INDEX_ROWS: usize = 1_000;
const ADDS: usize = 500;
const TURN: Duration = Duration::from_secs(1);
const LOCK_SECONDS: &str = "tillsight_index_write_lock_seconds";

#[derive(Debug, Parser)]
struct Options {
    /// Vectors.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(5..))]
    rows: u32,
    /// Values per vector.
    #[arg(long, default_value_t = DIM as u16, value_parser = clap::value_parser!(u16).range(2..))]
    dim: u16,
    /// Seconds of searches without adds, and again with adds.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Changes per second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    adds: u32,
    /// `cargo bench` passes it to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let lock_times = LockTimes::default();
    metrics::set_global_recorder(lock_times.clone()).expect("the only recorder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (rows, dim) = (options.rows as usize, usize::from(options.dim));
    println!("seed {SEED}, {rows} vectors × {dim}, {IMAGES_PER_PRODUCT} images per product");
    let index = measure_memory_and_start(rows, dim, &runtime);
    measure_adds(&index, dim, &runtime);
    let (index, cores) = (Arc::new(index), std::thread::available_parallelism().map_or(1, usize::from));
    for clients in if cores > 1 { vec![1, cores] } else { vec![1] } {
        runtime.block_on(measure_searches(&index, &options, &lock_times, clients));
    }
}

fn build_index(rows: usize, dim: usize) -> VectorIndex {
    let mut random = RandomVectors::new(SEED, dim);
    let mut builder = IndexBuilder::new(dim, index_options());
    let mut remaining = rows;
    while remaining > 0 {
        let mut chunk =
            random.next_rows(CHUNK_PRODUCTS.min(remaining.div_ceil(IMAGES_PER_PRODUCT)), IMAGES_PER_PRODUCT);
        chunk.truncate(remaining);
        remaining -= chunk.len();
        builder.add(chunk).expect("rows");
    }
    builder.finish(1).expect("an index")
}

fn index_options() -> IndexOptions {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    IndexOptions { search_threads: cores, ..IndexOptions::default() }
}

/// Returns the index after it was loaded from its snapshot.
fn measure_memory_and_start(rows: usize, dim: usize, runtime: &tokio::runtime::Runtime) -> VectorIndex {
    let base = resident_bytes();
    println!("base: {:.1} MB resident before the index is built", base / 1e6);
    let start_time = Instant::now();
    let index = build_index(rows, dim);
    let time = start_time.elapsed();
    print_memory("built", &index, base, runtime);
    println!("  built in {:.1} s", time.as_secs_f64());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("index.snapshot");
    let start_time = Instant::now();
    let header = index.write_snapshot(runtime.block_on(index.position()), [0; 32], &path).expect("a snapshot");
    let write_time = start_time.elapsed();
    drop(index);
    let start_time = Instant::now();
    let index = Snapshot::open(&path).expect("its header").load(index_options()).expect("an index");
    let load_time = start_time.elapsed();
    println!(
        "snapshot of {} rows: written in {:.2} s, loaded in {:.2} s",
        header.rows,
        write_time.as_secs_f64(),
        load_time.as_secs_f64()
    );
    print_memory("from the snapshot", &index, base, runtime);
    index
}

fn print_memory(origin: &str, index: &VectorIndex, base: f64, runtime: &tokio::runtime::Runtime) {
    let stats = runtime.block_on(index.stats());
    let (vectors, counted, resident) =
        (stats.vector_bytes(index.dim()) as f64, stats.memory.total() as f64, resident_bytes() - base);
    println!(
        "memory, {origin}: vectors {:.1} MB, counted by the index {:.1} MB ({:.3} ×), resident {:.1} MB ({:.3} ×)",
        vectors / 1e6,
        counted / 1e6,
        counted / vectors,
        resident / 1e6,
        resident / vectors
    );
}

/// The resident memory of this process in bytes.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1_024.0
}

fn measure_adds(index: &VectorIndex, dim: usize, runtime: &tokio::runtime::Runtime) {
    let small = build_index(SMALL_INDEX_ROWS, dim);
    let mut random = RandomVectors::with_ids_from(SEED + 1, dim, uuid::Uuid::from_u128(1 << 100));
    let (mut large_times, mut small_times) = (Vec::new(), Vec::new());
    for _ in 0..ADDS {
        for (index, times) in [(index, &mut large_times), (&small, &mut small_times)] {
            let rows = random.next_rows(1, IMAGES_PER_PRODUCT);
            let images = rows.iter().map(|row| row.image).collect();
            times.push(runtime.block_on(apply(index, Change::Add(rows))));
            runtime.block_on(apply(index, Change::Remove(images)));
        }
    }
    let (large_time, small_time) = (microseconds(median(&mut large_times)), microseconds(median(&mut small_times)));
    println!(
        "add of {IMAGES_PER_PRODUCT}: {large_time:.1} µs, at {SMALL_INDEX_ROWS} vectors {small_time:.1} µs: {:.2} ×; medians of {ADDS}",
        large_time / small_time
    );
}

async fn apply(index: &VectorIndex, change: Change) -> Duration {
    let revision = index.stats().await.revision + 1;
    let start_time = Instant::now();
    index.apply(revision, vec![change]).await.expect("a change");
    start_time.elapsed()
}

async fn measure_searches(index: &Arc<VectorIndex>, options: &Options, lock_times: &LockTimes, clients: usize) {
    let dim = usize::from(options.dim);
    let mut random = RandomVectors::with_ids_from(SEED + 2, dim, uuid::Uuid::from_u128((2 + clients as u128) << 100));
    let mut query_sources: Vec<RandomVectors> =
        (0..clients).map(|client| RandomVectors::new(SEED + 3 + client as u64, dim)).collect();
    let (mut without_adds, mut with_adds, mut lock_durations) = (Vec::new(), Vec::new(), Vec::new());
    let pause = Duration::from_secs(1) / options.adds;
    for _ in 0..options.seconds {
        search_for_one_turn(index, &mut query_sources, &mut without_adds).await;
        lock_times.take();
        // Computed beforehand: in a server they come from the model.
        let changes: Vec<Vec<IndexRow>> = (0..options.adds).map(|_| random.next_rows(1, IMAGES_PER_PRODUCT)).collect();
        let images = changes.iter().flatten().map(|row| row.image).collect();
        let adder = tokio::spawn(add_periodically(Arc::clone(index), changes, pause));
        search_for_one_turn(index, &mut query_sources, &mut with_adds).await;
        adder.await.expect("adds");
        lock_durations.extend(lock_times.take());
        // Removed again, so that all turns search the same number of vectors.
        apply(index, Change::Remove(images)).await;
    }
    let [without_adds, with_adds] = [&mut without_adds, &mut with_adds]
        .map(|times| (microseconds(median(times)), microseconds(quantile(times, 0.99)), times.len()));
    println!(
        "{clients} client(s): {} searches without adds, median {:.0} µs, p99 {:.0} µs",
        without_adds.2, without_adds.0, without_adds.1
    );
    println!(
        "  {} with {} adds per second, median {:.0} µs, p99 {:.0} µs: {:.2} × the p99 without adds",
        with_adds.2,
        options.adds,
        with_adds.0,
        with_adds.1,
        with_adds.1 / without_adds.1
    );
    let longest = microseconds(quantile(&mut lock_durations, 1.0));
    println!(
        "  write lock held: {} times, median {:.1} µs, p99 {:.1} µs, longest {longest:.1} µs",
        lock_durations.len(),
        microseconds(median(&mut lock_durations)),
        microseconds(quantile(&mut lock_durations, 0.99))
    );
}

/// One client per source: each searches for its next vector when the previous search has ended.
async fn search_for_one_turn(
    index: &Arc<VectorIndex>,
    query_sources: &mut Vec<RandomVectors>,
    times: &mut Vec<Duration>,
) {
    let turn_start = Instant::now();
    let clients = query_sources.drain(..).map(|mut source| {
        let index = Arc::clone(index);
        tokio::spawn(async move {
            let mut times = Vec::new();
            while turn_start.elapsed() < TURN {
                let query = source.next_vector();
                let start_time = Instant::now();
                index.search(query, TOP_PRODUCTS).await.expect("hits");
                times.push(start_time.elapsed());
            }
            (source, times)
        })
    });
    for client in join_all(clients.collect::<Vec<_>>()).await {
        let (source, client_times) = client.expect("searches");
        query_sources.push(source);
        times.extend(client_times);
    }
}

async fn add_periodically(index: Arc<VectorIndex>, changes: Vec<Vec<IndexRow>>, pause: Duration) {
    let mut interval = tokio::time::interval(pause);
    for rows in changes {
        interval.tick().await;
        apply(&index, Change::Add(rows)).await;
    }
}

/// Records the times for which the write lock was held, as in the server's metric.
#[derive(Debug, Clone, Default)]
struct LockTimes(Arc<Mutex<Vec<Duration>>>);

impl LockTimes {
    fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HistogramFn for LockTimes {
    fn record(&self, seconds: f64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Duration::from_secs_f64(seconds));
    }
}

impl Recorder for LockTimes {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        if key.name() == LOCK_SECONDS { Histogram::from_arc(Arc::new(self.clone())) } else { Histogram::noop() }
    }
}
