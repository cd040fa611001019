//! Barcodes in pictures: how many are read, and how long it takes; and how often the right one of two products that differ in their
//! barcodes alone is named, by looks and by barcode.
//!
//! Rendered packages with a barcode at any angle, `MODULES` pixels a module, JPEG. A pair has one photo each, of the same package from
//! two sides; a picture of it shows one of the two barcodes. Reading is on one thread. Needs the shipped model.

use std::f32::consts::TAU;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tillsight::barcodes::read_barcodes;
use tillsight::demo::packages::{Package, catalogue, ean13_modules, encode_jpeg, render_photo};
use tillsight::domain::{Photo, normalize_barcode};
use tillsight::embedding::{Embedder, EmbedderOptions, Model};

const SEED: u64 = 20_261_121;
const PAIRS: usize = 30;
/// Pictures of each pair.
const VIEWS: u64 = 4;
const MODULES: [f32; 4] = [1.5, 2.0, 2.5, 3.0];
const SIDE: u32 = 480;

/// Puts a barcode on the picture, somewhere around its middle.
fn add_barcode(picture: &mut RgbImage, code: &str, module: f32, random: &mut Pcg64Mcg) {
    let modules = ean13_modules(code);
    let (sin, cos) = random.random_range(0.0..TAU).sin_cos();
    let center: [f32; 2] = std::array::from_fn(|_| SIDE as f32 / 2.0 + random.random_range(-40.0..40.0));
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let (dx, dy) = (x as f32 - center[0], y as f32 - center[1]);
        let (along, across) = ((dx * cos + dy * sin) / module + 47.5, (dy * cos - dx * sin) / module);
        if across.abs() < 22.0 && (-10.0..105.0).contains(&along) {
            // As far as the pixel covers the bars.
            let covered = (0..8).filter(|part| {
                let place = along + (*part as f32 - 3.5) / 8.0 / module;
                place >= 0.0 && modules.get(place as usize) == Some(&true)
            });
            *pixel = Rgb([(235 - covered.count() * 26) as u8; 3]);
        }
    }
}

fn decode(jpeg: &[u8]) -> Arc<Photo> {
    let picture = image::load_from_memory(jpeg).expect("a picture").into_rgb8();
    Arc::new(Photo::new(picture.width(), picture.height(), picture.into_raw()).expect("pixels"))
}

fn main() {
    let mut random = Pcg64Mcg::seed_from_u64(SEED);
    let packages = catalogue(SEED, 2 * PAIRS);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let model = Model::open(Path::new("models/tillsight-small.json")).expect("the shipped model");
    let embedder = Embedder::start(&model, EmbedderOptions::default()).expect("a model that runs");
    let embed = |jpeg: Vec<u8>| runtime.block_on(embedder.embed_photo(jpeg)).expect("an embedding").embedding;
    println!("{PAIRS} pairs, {VIEWS} pictures of each, {SIDE} x {SIDE} pixels; seed {SEED}");
    println!("pixels a module   read   another read   right by looks   right with barcode   median ms   p95 ms");
    for module in MODULES {
        let (mut read, mut misread, mut by_looks, mut with_barcode, mut times) = (0, 0, 0, 0, Vec::new());
        for pair in packages.chunks_exact(2) {
            let [look, other]: &[Package; 2] = pair.try_into().expect("two");
            let photos = [0, 1].map(|view| embed(encode_jpeg(&render_photo(look, view, SIDE)).expect("a JPEG")));
            let codes = [&look.barcode, &other.barcode];
            for view in 0..VIEWS {
                let shown = (view % 2) as usize;
                let mut picture = render_photo(look, 2 + view, SIDE);
                add_barcode(&mut picture, codes[shown], module, &mut random);
                let jpeg = encode_jpeg(&picture).expect("a JPEG");
                let photo = decode(&jpeg);
                let began = Instant::now();
                let barcode = read_barcodes(&[photo]).remove(0);
                times.push(began.elapsed());
                let seen = embed(jpeg);
                let nearest = usize::from(seen.cosine(&photos[1]) > seen.cosine(&photos[0]));
                let known = codes.iter().position(|code| Some(normalize_barcode(code)) == barcode);
                read += usize::from(known == Some(shown));
                misread += usize::from(barcode.is_some() && known != Some(shown));
                by_looks += usize::from(nearest == shown);
                with_barcode += usize::from(known.unwrap_or(nearest) == shown);
            }
        }
        times.sort_unstable();
        let share = |count: usize| count as f64 * 100.0 / times.len() as f64;
        let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
        println!(
            "{module:15.1} {:5.0} % {:12.0} % {:14.0} % {:18.0} % {:11.1} {:8.1}",
            share(read),
            share(misread),
            share(by_looks),
            share(with_barcode),
            at(50),
            at(95)
        );
    }
    let frame = RgbImage::from_fn(1280, 720, |_, _| Rgb([random.random_range(0..=255); 3]));
    let frame = Arc::new(Photo::new(1280, 720, frame.into_raw()).expect("pixels"));
    let took: Duration = (0..20)
        .map(|_| {
            let began = Instant::now();
            read_barcodes(std::slice::from_ref(&frame));
            began.elapsed()
        })
        .min()
        .expect("twenty");
    println!("a frame of 1280 x 720 noise as one region: {:.1} ms", took.as_secs_f64() * 1e3);
}
