//! `tillsight index bench`: how fast the index is on this machine, beside what the machine could do at best.

use std::time::{Duration, Instant};

use clap::Args;
use futures_util::future::join_all;
use serde::Serialize;
use uuid::Uuid;

use super::{describe_model, line, megabytes, open, print_json};
use crate::cli::CliError;
use crate::config::Settings;
use crate::domain::ImageId;
use crate::index::baseline::{RandomVectors, median, reading};
use crate::index::{Change, IndexBuilder, IndexError, IndexOptions, VectorIndex};
use crate::terminal::note;

/// Images of a made-up product, and of one that is added and removed.
const IMAGES: usize = 5;
/// Products that a search asks for.
const PRODUCTS: usize = 5;
/// Searches that are handed in at once.
const COMPANY: usize = 64;
/// Made-up products that are added at a time.
const PIECE: usize = 1_000;
/// Photos of the own catalogue that are searched for, the first ones.
const QUERIES: usize = 1_024;
/// Made-up identifiers begin here: above those of any photo that is enrolled, which hold the time in their first bits.
const MADE_UP: u128 = 0xFFFF << 112;

/// What can be chosen about a measurement.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// Measure on N made-up vectors instead of the own catalogue.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    rows: Option<u32>,
    /// Values per made-up vector.
    #[arg(long, value_name = "D", default_value_t = 256, requires = "rows", value_parser = clap::value_parser!(u16).range(1..=8_192))]
    dim: u16,
    /// Seed of what is made up.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads that search, and that read; by default those of the server's settings.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    threads: Option<u16>,
    /// Searches, adds and removals behind each median.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: u32,
    /// Print one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
}

/// What was measured; times are medians in microseconds.
#[derive(Debug, Serialize)]
struct Figures {
    /// The key of the model whose index it is; none of a made-up one.
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
    company: usize,
    each_in_company_us: f64,
    images_per_change: usize,
    add_us: f64,
    remove_us: f64,
}

/// Measures and prints.
pub(super) async fn run(options: &Options) -> Result<(), CliError> {
    let settings = Settings::load()?;
    let begun = Instant::now();
    let (index, threads, model) = match options.rows {
        Some(rows) => made_up(rows as usize, options, &settings).map(|(index, threads)| (index, threads, None))?,
        None => own(options, &settings).await.map(|(index, threads, model)| (index, threads, Some(model)))?,
    };
    let load = begun.elapsed();
    let mut figures = measure(&index, threads, load, options).await?;
    figures.model = model.as_ref().map(|(key, _)| key.clone());
    if options.json {
        return print_json(&figures);
    }
    if let Some((key, origin)) = &model {
        describe_model(key, origin);
    }
    describe(&figures);
    Ok(())
}

fn threads(options: &Options, settings: &Settings) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let set = if settings.engine.search_threads == 0 { cores } else { settings.engine.search_threads };
    options.threads.map_or(set, usize::from)
}

fn made_up(rows: usize, options: &Options, settings: &Settings) -> Result<(VectorIndex, usize), CliError> {
    let (dim, threads) = (usize::from(options.dim), threads(options, settings));
    let mut made = RandomVectors::new(options.seed, dim);
    let mut builder = IndexBuilder::new(dim, IndexOptions { search_threads: threads, ..IndexOptions::default() });
    let mut left = rows;
    while left > 0 {
        let mut piece = made.rows(PIECE.min(left.div_ceil(IMAGES)), IMAGES);
        piece.truncate(left);
        left -= piece.len();
        builder.add(piece)?;
    }
    Ok((builder.finish(0)?, threads))
}

/// The own catalogue's index, the threads that search it, and its model: key and origin.
async fn own(options: &Options, settings: &Settings) -> Result<(VectorIndex, usize, (String, String)), CliError> {
    let mut settings = settings.clone();
    let threads = threads(options, &settings);
    settings.engine.search_threads = threads;
    let stored = open(&settings).await?;
    let (index, left_out) = stored.load().await?;
    let (model, origin) = stored.model();
    if left_out > 0 {
        note!("tillsight: {left_out} photos have no sound embedding of this model and are left out");
    }
    if index.stats().await.rows == 0 {
        let reason = "no photo on sale has an embedding of this model: there is nothing to measure; try --rows 100000";
        return Err(CliError::Unsound(reason.to_owned()));
    }
    Ok((index, threads, (model.to_owned(), origin.to_owned())))
}

async fn measure(
    index: &VectorIndex,
    threads: usize,
    load: Duration,
    options: &Options,
) -> Result<Figures, IndexError> {
    let (stats, dim) = (index.stats().await, index.dim());
    let mut made = RandomVectors::with_ids_from(options.seed.wrapping_add(1), dim, Uuid::from_u128(MADE_UP));
    let enrolled = match options.rows {
        Some(_) => Vec::new(),
        None => index.rows_after(ImageId::NIL, QUERIES).await,
    };
    // Photos that are enrolled, or vectors that point anywhere.
    let mut asked = enrolled.iter().cycle().map(|row| row.vector.to_vec());
    let mut query = move |made: &mut RandomVectors| asked.next().unwrap_or_else(|| made.vector());
    let words = vec![1_u64; (stats.vector_bytes(dim) / size_of::<u64>()).max(1)];
    let (mut searches, mut reads, mut crowds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut adds, mut removals) = (Vec::new(), Vec::new());
    let mut revision = stats.revision;
    // In turns, so that a busy moment of the machine falls on all of them.
    for turn in 0..options.runs {
        let vector = query(&mut made);
        let begun = Instant::now();
        index.search(vector, PRODUCTS).await?;
        searches.push(begun.elapsed());
        reads.push(reading(&words, threads));
        if turn % 10 == 0 {
            let crowd: Vec<Vec<f32>> = (0..COMPANY).map(|_| query(&mut made)).collect();
            let begun = Instant::now();
            let answers = join_all(crowd.into_iter().map(|vector| index.search(vector, PRODUCTS))).await;
            crowds.push(begun.elapsed());
            answers.into_iter().try_for_each(|answer| answer.map(drop))?;
        }
        let rows = made.rows(1, IMAGES);
        let images = rows.iter().map(|row| row.image).collect();
        for (change, times) in [(Change::Add(rows), &mut adds), (Change::Remove(images), &mut removals)] {
            revision += 1;
            let begun = Instant::now();
            index.apply(revision, vec![change]).await?;
            times.push(begun.elapsed());
        }
    }
    let [search, read, crowd, add, remove] = [&mut searches, &mut reads, &mut crowds, &mut adds, &mut removals]
        .map(|times| median(times).as_secs_f64() * 1e6);
    Ok(Figures {
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
        company: COMPANY,
        each_in_company_us: crowd / COMPANY as f64,
        images_per_change: IMAGES,
        add_us: add,
        remove_us: remove,
    })
}

fn describe(figures: &Figures) {
    let Figures { rows, products, dim, threads, seed, runs, company, images_per_change, .. } = figures;
    line(
        "index",
        &format!("{rows} photos of {products} products, {dim} values each; loaded in {:.2} s", figures.load_seconds),
    );
    let (vectors, memory) = (figures.vector_bytes, figures.memory_bytes);
    let share = memory as f64 / vectors as f64;
    line("memory", &format!("{}, {share:.2} × the vectors' bytes", megabytes(memory as u64)));
    line("measured", &format!("{threads} threads, medians of {runs} runs, seed {seed}"));
    let times = |time: f64| format!("{:.2} × reading", time / figures.read_us);
    line("reading", &format!("{:.1} µs for the vectors' {}", figures.read_us, megabytes(vectors as u64)));
    line("search", &format!("{:.1} µs alone, {}", figures.search_us, times(figures.search_us)));
    let each = figures.each_in_company_us;
    let cheaper = figures.search_us / each;
    line("", &format!("{each:.1} µs each with {company} waiting, {}, {cheaper:.1} × cheaper than alone", times(each)));
    line("add", &format!("{:.1} µs for {images_per_change} photos, {}", figures.add_us, times(figures.add_us)));
    line(
        "remove",
        &format!("{:.1} µs for {images_per_change} photos, {}", figures.remove_us, times(figures.remove_us)),
    );
}
