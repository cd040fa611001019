//! The index at a million vectors: memory, start from a snapshot, cost of an add, and searches while vectors are added.
//!
//! * Memory: what the system counts as resident (`VmRSS`), less what it was before, beside the vectors' bytes, which is the
//!   least that any exact index takes, and beside what the index says of itself.
//! * Snapshot: seconds to write one, and to be ready again from it.
//! * Add: five vectors, at this size and at 1 000 in turns.
//! * Searches with and without adds, in turns of a second, by one client and by as many as there are cores: `--adds` changes of
//!   five vectors a second, more than a model could embed. With them the times for which the write lock was held, as the
//!   server's metric has them.
//!
//! `cargo bench --bench index_memory -- --rows 100000 --seconds 5`

#[path = "support/mod.rs"]
mod support;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::future::join_all;
use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use support::{DIM, SEED, micros};
use tillsight::index::baseline::{RandomVectors, median, quantile};
use tillsight::index::{Change, IndexBuilder, IndexOptions, IndexRow, Snapshot, VectorIndex};

const IMAGES: usize = 5;
const PRODUCTS: usize = 5;
/// Products that are made up and added at a time.
const PIECE: usize = 1_000;
const SMALL: usize = 1_000;
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
    /// Seconds of searching without adds, and again with them.
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Changes a second while searching.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    adds: u32,
    /// `cargo bench` says it to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let held = Held::default();
    metrics::set_global_recorder(held.clone()).expect("the only recorder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (rows, dim) = (options.rows as usize, usize::from(options.dim));
    println!("seed {SEED}, {rows} vectors × {dim}, {IMAGES} images per product");
    let index = memory_and_start(rows, dim, &runtime);
    adds(&index, dim, &runtime);
    let (index, cores) = (Arc::new(index), std::thread::available_parallelism().map_or(1, usize::from));
    for clients in if cores > 1 { vec![1, cores] } else { vec![1] } {
        runtime.block_on(searches(&index, &options, &held, clients));
    }
}

fn built(rows: usize, dim: usize) -> VectorIndex {
    let mut made = RandomVectors::new(SEED, dim);
    let mut builder = IndexBuilder::new(dim, index_options());
    let mut left = rows;
    while left > 0 {
        let mut piece = made.next_rows(PIECE.min(left.div_ceil(IMAGES)), IMAGES);
        piece.truncate(left);
        left -= piece.len();
        builder.add(piece).expect("rows");
    }
    builder.finish(1).expect("an index")
}

fn index_options() -> IndexOptions {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    IndexOptions { search_threads: cores, ..IndexOptions::default() }
}

/// Gives the index as it is after a start from its snapshot.
fn memory_and_start(rows: usize, dim: usize, runtime: &tokio::runtime::Runtime) -> VectorIndex {
    let base = resident();
    println!("base: {:.1} MB resident before there is an index", base / 1e6);
    let begun = Instant::now();
    let index = built(rows, dim);
    let took = begun.elapsed();
    tell_memory("built", &index, base, runtime);
    println!("  made up and built in {:.1} s", took.as_secs_f64());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("index.snapshot");
    let begun = Instant::now();
    let head = index.write_snapshot(runtime.block_on(index.position()), [0; 32], &path).expect("a snapshot");
    let written = begun.elapsed();
    drop(index);
    let begun = Instant::now();
    let index = Snapshot::open(&path).expect("its head").load(index_options()).expect("an index");
    let ready = begun.elapsed();
    println!(
        "snapshot of {} rows: written in {:.2} s, ready again from it in {:.2} s",
        head.rows,
        written.as_secs_f64(),
        ready.as_secs_f64()
    );
    tell_memory("from the snapshot", &index, base, runtime);
    index
}

fn tell_memory(how: &str, index: &VectorIndex, base: f64, runtime: &tokio::runtime::Runtime) {
    let stats = runtime.block_on(index.stats());
    let (vectors, counted, resident) =
        (stats.vector_bytes(index.dim()) as f64, stats.memory.total() as f64, resident() - base);
    println!(
        "memory, {how}: vectors {:.1} MB, index by its own count {:.1} MB ({:.3} ×), resident {:.1} MB ({:.3} ×)",
        vectors / 1e6,
        counted / 1e6,
        counted / vectors,
        resident / 1e6,
        resident / vectors
    );
}

/// Bytes that the system counts as this process' own.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1_024.0
}

fn adds(index: &VectorIndex, dim: usize, runtime: &tokio::runtime::Runtime) {
    let small = built(SMALL, dim);
    let mut made = RandomVectors::with_ids_from(SEED + 1, dim, uuid::Uuid::from_u128(1 << 100));
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for _ in 0..ADDS {
        for (index, times) in [(index, &mut here), (&small, &mut there)] {
            let rows = made.next_rows(1, IMAGES);
            let images = rows.iter().map(|row| row.image).collect();
            times.push(runtime.block_on(apply(index, Change::Add(rows))));
            runtime.block_on(apply(index, Change::Remove(images)));
        }
    }
    let (here, there) = (micros(median(&mut here)), micros(median(&mut there)));
    println!(
        "add of {IMAGES}: {here:.1} µs, at {SMALL} vectors {there:.1} µs: {:.2} ×; medians of {ADDS}",
        here / there
    );
}

async fn apply(index: &VectorIndex, change: Change) -> Duration {
    let revision = index.stats().await.revision + 1;
    let begun = Instant::now();
    index.apply(revision, vec![change]).await.expect("a change");
    begun.elapsed()
}

async fn searches(index: &Arc<VectorIndex>, options: &Options, held: &Held, clients: usize) {
    let dim = usize::from(options.dim);
    let mut made = RandomVectors::with_ids_from(SEED + 2, dim, uuid::Uuid::from_u128((2 + clients as u128) << 100));
    let mut asking: Vec<RandomVectors> =
        (0..clients).map(|client| RandomVectors::new(SEED + 3 + client as u64, dim)).collect();
    let (mut alone, mut beside, mut locked) = (Vec::new(), Vec::new(), Vec::new());
    let pause = Duration::from_secs(1) / options.adds;
    for _ in 0..options.seconds {
        search_for_a_turn(index, &mut asking, &mut alone).await;
        held.take();
        // Made up beforehand: on a till they come from the model.
        let changes: Vec<Vec<IndexRow>> = (0..options.adds).map(|_| made.next_rows(1, IMAGES)).collect();
        let images = changes.iter().flatten().map(|row| row.image).collect();
        let adder = tokio::spawn(add(Arc::clone(index), changes, pause));
        search_for_a_turn(index, &mut asking, &mut beside).await;
        adder.await.expect("adds");
        locked.extend(held.take());
        // Back to where it was, so that both kinds of turns search the same number of vectors.
        apply(index, Change::Remove(images)).await;
    }
    let [alone, beside] =
        [&mut alone, &mut beside].map(|times| (micros(median(times)), micros(quantile(times, 0.99)), times.len()));
    println!("{clients} client(s): {} searches without adds, median {:.0} µs, p99 {:.0} µs", alone.2, alone.0, alone.1);
    println!(
        "  {} beside {} adds a second, median {:.0} µs, p99 {:.0} µs: {:.2} × the p99 without",
        beside.2,
        options.adds,
        beside.0,
        beside.1,
        beside.1 / alone.1
    );
    let longest = micros(quantile(&mut locked, 1.0));
    println!(
        "  write lock held meanwhile: {} times, median {:.1} µs, p99 {:.1} µs, longest {longest:.1} µs",
        locked.len(),
        micros(median(&mut locked)),
        micros(quantile(&mut locked, 0.99))
    );
}

/// Each of `asking` has its next search answered before it makes another.
async fn search_for_a_turn(index: &Arc<VectorIndex>, asking: &mut Vec<RandomVectors>, times: &mut Vec<Duration>) {
    let turn = Instant::now();
    let clients = asking.drain(..).map(|mut made| {
        let index = Arc::clone(index);
        tokio::spawn(async move {
            let mut times = Vec::new();
            while turn.elapsed() < TURN {
                let query = made.next_vector();
                let begun = Instant::now();
                index.search(query, PRODUCTS).await.expect("hits");
                times.push(begun.elapsed());
            }
            (made, times)
        })
    });
    for client in join_all(clients.collect::<Vec<_>>()).await {
        let (made, found) = client.expect("searches");
        asking.push(made);
        times.extend(found);
    }
}

async fn add(index: Arc<VectorIndex>, changes: Vec<Vec<IndexRow>>, pause: Duration) {
    let mut beat = tokio::time::interval(pause);
    for rows in changes {
        beat.tick().await;
        apply(&index, Change::Add(rows)).await;
    }
}

/// Keeps how long the write lock was held each time, as the index tells its metrics.
#[derive(Debug, Clone, Default)]
struct Held(Arc<Mutex<Vec<Duration>>>);

impl Held {
    fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HistogramFn for Held {
    fn record(&self, seconds: f64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Duration::from_secs_f64(seconds));
    }
}

impl Recorder for Held {
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
