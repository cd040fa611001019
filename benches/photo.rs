//! One photo from bytes to embedding, step by step: decode, find regions, resize, embed.
//!
//! Regions are found in a frame of 1280 × 720 with products on a table, by its border and by an empty view, on one thread; and
//! a frame of six products is compared with a frame of one, from bytes to embeddings, in one session of the model and in as
//! many as the server starts on this machine.
//!
//! Resizing is compared with that of the `image` crate, to the same size with the same kernel. Photos: a synthetic one of
//! 1280 × 720 (as from a kiosk camera), a synthetic one of 4000 × 3000 (as from a phone), and a real one if `../shared/data` is
//! available; and one of 7000 × 7000, which is decoded at a reduced scale. Embedding needs the shipped model.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use image::imageops::FilterType;
use image::{ImageFormat, Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tillsight::domain::Photo;
use tillsight::embedding::{
    ColorOrder, DecodeLimits, Embedder, EmbedderOptions, Filter, Fit, Input, Model, Preprocessor, decode_photo,
};
use tillsight::pool::Priority;
use tillsight::regions::{EmptyView, RegionMode, crop_region, find_regions};

const SEED: u64 = 20_261_121;
const MODEL: &str = "models/tillsight-small.json";
const REAL_PHOTOS: &str = "../shared/data/grocery/val";
/// Side of the resized picture; the shipped model's may differ.
const SIDE_PX: u32 = 224;

/// Soft shapes with some noise: compresses about as well as a photo.
fn synthetic_photo(width: u32, height: u32) -> Vec<u8> {
    let mut random = Pcg64Mcg::seed_from_u64(SEED);
    let wave = |position: u32, period: f32, phase: f32| ((position as f32 / period + phase).sin() * 90.0) + 128.0;
    let picture = RgbImage::from_fn(width, height, |x, y| {
        let noise = random.random_range(-12.0..12.0);
        Rgb([wave(x, 70.0, 0.0), wave(y, 50.0, 1.0), wave(x + y, 90.0, 2.0)].map(|value| (value + noise) as u8))
    });
    encode_jpeg(&picture)
}

fn real_photo() -> Option<Vec<u8>> {
    let folder = std::fs::read_dir(Path::new(REAL_PHOTOS)).ok()?;
    let mut folders: Vec<_> = folder.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    folders.sort();
    let mut files: Vec<_> =
        std::fs::read_dir(folders.first()?).ok()?.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.sort();
    std::fs::read(files.first()?).ok()
}

fn photos() -> Vec<(&'static str, Vec<u8>)> {
    let synthetic = [("1280x720", synthetic_photo(1280, 720)), ("4000x3000", synthetic_photo(4000, 3000))];
    let real = real_photo().map(|bytes| ("real", bytes));
    if real.is_none() {
        println!("no photos in {REAL_PHOTOS}: only synthetic ones");
    }
    synthetic.into_iter().chain(real).collect()
}

/// A frame of a table with `products` packages, lit from the left, with noise.
fn frame(products: u32) -> RgbImage {
    let mut random = Pcg64Mcg::seed_from_u64(SEED);
    RgbImage::from_fn(1280, 720, |x, y| {
        let noise = random.random_range(-4.0..4.0);
        let (column, row) = (x / 400, y / 340);
        let in_package = (60..340).contains(&(x % 400)) && (50..300).contains(&(y % 340)) && column < 3 && row < 2;
        let number = row * 3 + column;
        let color = if in_package && number < products {
            // Print in bars, in other colours on each.
            let bar = ((x % 400) / 35 + (y % 340) / 50 + number) % 3;
            [[190.0, 40.0, 50.0], [40.0, 60.0, 160.0], [220.0, 200.0, 60.0]][bar as usize]
        } else {
            [205.0 - x as f32 / 40.0; 3]
        };
        Rgb(color.map(|value| (value + noise) as u8))
    })
}

fn encode_jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).expect("a JPEG");
    bytes.into_inner()
}

fn bench_regions(criterion: &mut Criterion) {
    let photo = |products| decode_photo(&encode_jpeg(&frame(products)), &DecodeLimits::default()).expect("a photo");
    let view = EmptyView::from_photo(&photo(0)).expect("an empty view");
    for products in [1, 6] {
        let photo: Photo = photo(products);
        for (name, view) in [("border", None), ("empty view", Some(&view))] {
            let found = find_regions(&photo, RegionMode::Auto, view);
            assert_eq!(found.regions.len(), products as usize, "{name}: {found:?}");
            let id = format!("find regions/{name}/{products}");
            criterion.bench_function(&id, |bench| bench.iter(|| find_regions(&photo, RegionMode::Auto, view)));
        }
    }
    let huge = synthetic_photo(7_000, 7_000);
    println!("7000x7000: {} kB", huge.len() / 1_000);
    let limits = DecodeLimits { max_bytes: 64 << 20, max_pixels: 50_000_000 };
    criterion.bench_function("decode/7000x7000", |bench| bench.iter(|| decode_photo(&huge, &limits)));
    criterion.bench_function("peer: decode by the image crate/7000x7000", |bench| {
        bench.iter(|| image::load_from_memory(&huge).expect("a photo").into_rgb8());
    });
}

/// From a frame's bytes to the embeddings of its regions.
async fn embed_frame(embedder: &Embedder, bytes: Vec<u8>) -> usize {
    let permit = embedder.admit(Priority::Interactive).await.expect("an idle embedder");
    let photo = embedder.decode(&permit, bytes).await.expect("a photo").photo;
    let cut = move || {
        let found = find_regions(&photo, RegionMode::Auto, None).regions;
        found.iter().map(|found| crop_region(&photo, found.region)).collect::<Vec<Arc<Photo>>>()
    };
    let (pictures, _queue) = embedder.run_on_decode_threads(&permit, cut).await.expect("regions");
    embedder.embed(&permit, pictures).await.expect("embeddings").embeddings.len()
}

fn input() -> Input {
    Input {
        name: "image".to_owned(),
        width: SIDE_PX,
        height: SIDE_PX,
        color: ColorOrder::Rgb,
        range: 1.0,
        mean: [0.5; 3],
        std: [0.25; 3],
        resize: Fit::Stretch,
        resize_to: None,
        filter: Filter::Bilinear,
    }
}

fn bench_steps(criterion: &mut Criterion) {
    println!("seed {SEED}, resized to {SIDE_PX} × {SIDE_PX} (bilinear)");
    let limits = DecodeLimits::default();
    let preprocessor = Preprocessor::new(&input());
    for (name, bytes) in photos() {
        let photo = decode_photo(&bytes, &limits).expect("a photo");
        println!("{name}: {} × {} pixels, {} kB", photo.width(), photo.height(), bytes.len() / 1_000);
        criterion.bench_function(&format!("decode/{name}"), |bench| bench.iter(|| decode_photo(&bytes, &limits)));
        let id = format!("resize and scale/{name}");
        criterion.bench_function(&id, |bench| bench.iter(|| preprocessor.preprocess(&photo)));
        let pixels = RgbImage::from_raw(photo.width(), photo.height(), photo.rgb().to_vec()).expect("the same pixels");
        let id = format!("peer: resize by the image crate/{name}");
        criterion.bench_function(&id, |bench| {
            bench.iter(|| image::imageops::resize(&pixels, SIDE_PX, SIDE_PX, FilterType::Triangle));
        });
    }
}

fn bench_whole_path(criterion: &mut Criterion) {
    let model = match Model::open(Path::new(MODEL)) {
        Ok(model) => model,
        Err(error) => return println!("no model, so nothing is embedded: {error}"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let start = |sessions| {
        let options = EmbedderOptions {
            sessions,
            decode_threads: sessions,
            threads_per_session: 1,
            ..EmbedderOptions::default()
        };
        Embedder::start(&model, options)
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (embedder, shared) = match (start(1), start(cores)) {
        (Ok(embedder), Ok(shared)) => (embedder, shared),
        (Err(error), _) | (_, Err(error)) => return println!("nothing is embedded: {error}"),
    };
    println!("{}, sessions of one thread each", model.id);
    for (name, embedder) in [("one session", &embedder), ("as served", &shared)] {
        for products in [1, 6] {
            let bytes = encode_jpeg(&frame(products));
            let found = runtime.block_on(embed_frame(embedder, bytes.clone()));
            assert_eq!(found, products as usize);
            let id = format!("decode, find regions and embed/{name}/{products}");
            criterion
                .bench_function(&id, |bench| bench.iter(|| runtime.block_on(embed_frame(embedder, bytes.clone()))));
        }
    }
    for (name, bytes) in photos() {
        let photo = runtime.block_on(embedder.embed_photo(bytes.clone())).expect("an embedding");
        println!("{name}: one photo alone: {:?}", photo.timings);
        let id = format!("decode, resize and embed/{name}");
        criterion.bench_function(&id, |bench| bench.iter(|| runtime.block_on(embedder.embed_photo(bytes.clone()))));
    }
}

criterion_group! {
    name = photo;
    config = Criterion::default().sample_size(30).measurement_time(std::time::Duration::from_secs(3));
    targets = bench_steps, bench_regions, bench_whole_path
}
criterion_main!(photo);
