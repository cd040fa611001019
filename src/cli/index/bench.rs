//! `tillsight index bench`: the speed of the index on this machine, compared with its memory bandwidth.

use std::time::{Duration, Instant};

use clap::Args;
use futures_util::future::join_all;
use serde::Serialize;
use uuid::Uuid;

use super::{format_megabytes, open_stored_index, print_field, print_json, print_model};
use crate::cli::CliError;
use crate::config::Settings;
use crate::domain::ImageId;
use crate::index::baseline::{RandomVectors, median, time_read};
use crate::index::{Change, IndexBuilder, IndexError, IndexOptions, VectorIndex};
use crate::terminal::note;

/// Images of a random product, and of one that is added and removed.
const IMAGES_PER_PRODUCT: usize = 5;
/// Products in the result of a search.
const TOP_PRODUCTS: usize = 5;
/// Searches that run concurrently.
const CONCURRENT_SEARCHES: usize = 64;
/// Random products per call of the builder.
const CHUNK_PRODUCTS: usize = 1_000;
/// Photos of the catalogue that are searched for, the first ones.
const QUERIES: usize = 1_024;
/// The first random identifier: above those of all enrolled photos, which begin with the time.
const FIRST_RANDOM_ID: u128 = 0xFFFF << 112;

#[derive(Debug, Args)]
pub(in crate::cli) struct BenchOptions {
    /// Measure on N random vectors instead of the catalogue.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    rows: Option<u32>,
    /// Values per random vector.
    #[arg(long, value_name = "D", default_value_t = 256, requires = "rows", value_parser = clap::value_parser!(u16).range(1..=8_192))]
    dim: u16,
    /// Seed of the random vectors.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads that search, and that read [default: as in the server's settings].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    threads: Option<u16>,
    /// Searches, adds and removals per median.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// The measurements; times are medians in microseconds.
#[derive(Debug, Serialize)]
struct BenchReport {
    /// The key of the model; none for random vectors.
    model: Option<String>,
    rows: usize,
    products: usize,
    dim: usize,
    threads: usize,
    seed: u64,
    runs: u32,
    load_seconds: f64,
    vector_bytes: usize,
    memory_bytes: usize,
    read_us: f64,
    search_us: f64,
    #[serde(rename = "company")]
    concurrent_searches: usize,
    #[serde(rename = "each_in_company_us")]
    concurrent_search_us: f64,
    images_per_change: usize,
    add_us: f64,
    remove_us: f64,
}

pub(super) async fn run(options: &BenchOptions) -> Result<(), CliError> {
    let settings = Settings::load()?;
    let start = Instant::now();
    let (index, threads, model) = match options.rows {
        Some(rows) => {
            build_random_index(rows as usize, options, &settings).map(|(index, threads)| (index, threads, None))?
        }
        None => load_index(options, &settings).await.map(|(index, threads, model)| (index, threads, Some(model)))?,
    };
    let load = start.elapsed();
    let mut report = measure(&index, threads, load, options).await?;
    report.model = model.as_ref().map(|(key, _)| key.clone());
    if options.json {
        return print_json(&report);
    }
    if let Some((key, origin)) = &model {
        print_model(key, origin);
    }
    print_report(&report);
    Ok(())
}

fn search_threads(options: &BenchOptions, settings: &Settings) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let configured = if settings.engine.search_threads == 0 { cores } else { settings.engine.search_threads };
    options.threads.map_or(configured, usize::from)
}

fn build_random_index(
    rows: usize,
    options: &BenchOptions,
    settings: &Settings,
) -> Result<(VectorIndex, usize), CliError> {
    let (dim, threads) = (usize::from(options.dim), search_threads(options, settings));
    let mut vectors = RandomVectors::new(options.seed, dim);
    let mut builder = IndexBuilder::new(dim, IndexOptions { search_threads: threads, ..IndexOptions::default() });
    let mut remaining = rows;
    while remaining > 0 {
        let mut chunk =
            vectors.next_rows(CHUNK_PRODUCTS.min(remaining.div_ceil(IMAGES_PER_PRODUCT)), IMAGES_PER_PRODUCT);
        chunk.truncate(remaining);
        remaining -= chunk.len();
        builder.add(chunk)?;
    }
    Ok((builder.finish(0)?, threads))
}

/// The index of the catalogue, its number of search threads, and its model's key and origin.
async fn load_index(
    options: &BenchOptions,
    settings: &Settings,
) -> Result<(VectorIndex, usize, (String, String)), CliError> {
    let mut settings = settings.clone();
    let threads = search_threads(options, &settings);
    settings.engine.search_threads = threads;
    let (stored, _) = open_stored_index(&settings).await?;
    let (index, skipped) = stored.load().await?;
    let (model, origin) = stored.model();
    if skipped > 0 {
        note!("tillsight: {skipped} photos have no valid embedding of this model and are skipped");
    }
    if index.stats().await.rows == 0 {
        let reason =
            "no photo on sale has an embedding of this model, so there is nothing to measure; try --rows 100000";
        return Err(CliError::IndexFindings(reason.to_owned()));
    }
    Ok((index, threads, (model.to_owned(), origin.to_owned())))
}

async fn measure(
    index: &VectorIndex,
    threads: usize,
    load: Duration,
    options: &BenchOptions,
) -> Result<BenchReport, IndexError> {
    let (stats, dim) = (index.stats().await, index.dim());
    let mut vectors = RandomVectors::with_ids_from(options.seed.wrapping_add(1), dim, Uuid::from_u128(FIRST_RANDOM_ID));
    let enrolled = match options.rows {
        Some(_) => Vec::new(),
        None => index.rows_after(ImageId::NIL, QUERIES).await,
    };
    // Enrolled photos, or random vectors.
    let mut catalogue_queries = enrolled.iter().cycle().map(|row| row.vector.to_vec());
    let mut next_query =
        move |vectors: &mut RandomVectors| catalogue_queries.next().unwrap_or_else(|| vectors.next_vector());
    let words = vec![1_u64; (stats.vector_bytes(dim) / size_of::<u64>()).max(1)];
    let (mut searches, mut reads, mut concurrent_searches) = (Vec::new(), Vec::new(), Vec::new());
    let (mut adds, mut removals) = (Vec::new(), Vec::new());
    let mut revision = stats.revision;
    // Interleaved, so that other load on the machine affects all of them.
    for turn in 0..options.runs {
        let vector = next_query(&mut vectors);
        let start = Instant::now();
        index.search(vector, TOP_PRODUCTS).await?;
        searches.push(start.elapsed());
        reads.push(time_read(&words, threads));
        if turn % 10 == 0 {
            let queries: Vec<Vec<f32>> = (0..CONCURRENT_SEARCHES).map(|_| next_query(&mut vectors)).collect();
            let start = Instant::now();
            let results = join_all(queries.into_iter().map(|vector| index.search(vector, TOP_PRODUCTS))).await;
            concurrent_searches.push(start.elapsed());
            results.into_iter().try_for_each(|result| result.map(drop))?;
        }
        let rows = vectors.next_rows(1, IMAGES_PER_PRODUCT);
        let images = rows.iter().map(|row| row.image).collect();
        for (change, times) in [(Change::Add(rows), &mut adds), (Change::Remove(images), &mut removals)] {
            revision += 1;
            let start = Instant::now();
            index.apply(revision, vec![change]).await?;
            times.push(start.elapsed());
        }
    }
    let [search, read, concurrent_search, add, remove] =
        [&mut searches, &mut reads, &mut concurrent_searches, &mut adds, &mut removals]
            .map(|times| median(times).as_secs_f64() * 1e6);
    Ok(BenchReport {
        model: None,
        rows: stats.rows,
        products: stats.products,
        dim,
        threads,
        seed: options.seed,
        runs: options.runs,
        load_seconds: load.as_secs_f64(),
        vector_bytes: stats.vector_bytes(dim),
        memory_bytes: stats.memory.total(),
        read_us: read,
        search_us: search,
        concurrent_searches: CONCURRENT_SEARCHES,
        concurrent_search_us: concurrent_search / CONCURRENT_SEARCHES as f64,
        images_per_change: IMAGES_PER_PRODUCT,
        add_us: add,
        remove_us: remove,
    })
}

fn print_report(report: &BenchReport) {
    let BenchReport { rows, products, dim, threads, seed, runs, concurrent_searches, images_per_change, .. } = report;
    print_field(
        "index",
        &format!("{rows} photos of {products} products, {dim} values each; loaded in {:.2} s", report.load_seconds),
    );
    let (vectors, memory) = (report.vector_bytes, report.memory_bytes);
    let share = memory as f64 / vectors as f64;
    print_field("memory", &format!("{}, {share:.2} × the vectors' bytes", format_megabytes(memory as u64)));
    print_field("measured", &format!("{threads} threads, medians of {runs} runs, seed {seed}"));
    let relative = |time: f64| format!("{:.2} × reading", time / report.read_us);
    print_field("reading", &format!("{:.1} µs for the vectors' {}", report.read_us, format_megabytes(vectors as u64)));
    print_field("search", &format!("{:.1} µs alone, {}", report.search_us, relative(report.search_us)));
    let each = report.concurrent_search_us;
    let speed_up = report.search_us / each;
    print_field(
        "",
        &format!(
            "{each:.1} µs each of {concurrent_searches} at once, {}, {speed_up:.1} × faster than alone",
            relative(each)
        ),
    );
    print_field("add", &format!("{:.1} µs for {images_per_change} photos, {}", report.add_us, relative(report.add_us)));
    print_field(
        "remove",
        &format!("{:.1} µs for {images_per_change} photos, {}", report.remove_us, relative(report.remove_us)),
    );
}
