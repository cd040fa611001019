//! The server's embedding of a picture against the one that Python computes with Pillow and onnxruntime.
//!
//! What is compared is the whole way: `tillsight model add` with a preset, then the server's own decoding, resizing and
//! inference, against `parity/reference.py`, which is written after what each family of networks publishes. The networks: a
//! vision transformer with random weights, made by that script, the model that is shipped, and two that others trained, where
//! they are at hand.
//!
//! Where the two differ: JPEG decoders round in slightly different ways where they spread half-resolution colours over the
//! pixels, and so do the resizers between their two passes. Each picture is therefore also handed to the server as a PNG of
//! the pixels that Pillow decoded; what is left then is the resizers' share. No JPEG is decoded at a reduced scale here or
//! there. models/ADDING.md has the figures.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "api/harness/skip.rs"]
mod skip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, crop_imm, resize};
use image::{DynamicImage, RgbImage};
use tillsight::demo::packages::{catalogue, render_photo};
use tillsight::embedding::{Embedder, EmbedderOptions, Model};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The environment that `deploy/setup.sh --tests` makes.
const PYTHON: &str = "target/python/bin/python";
/// Networks that others trained, and photos, beside the checkout where they are at hand.
const TEACHERS: &str = "../shared/data/teachers";
const GROCERY: &str = "../shared/data/grocery";
/// Least cosine between the server's embedding and Python's.
const LEAST: f32 = 0.999;
/// The same for the two MobileNets and photos of less than [`SMALL`] pixels: what two JPEG decoders round differently is then
/// hardly averaged away, and these networks, made for 8-bit numbers, take notice.
const LEAST_OF_SMALL_PHOTOS: f32 = 0.998;
/// Twice the side that the networks are fed, on the photo's shorter side.
const SMALL: u32 = 448;
/// The same where both are given the same pixels. MobileNetV1 moves by as much when one value in ten of its input is a step
/// of 256 off; the other networks but that in integers stay above 0.9999.
const LEAST_OF_PIXELS: f32 = 0.9995;

type Embeddings = BTreeMap<String, Vec<f32>>;

/// Python with the packages that the reference needs, or the reason why there is none.
fn python() -> Result<PathBuf, &'static str> {
    let python = Path::new(ROOT).join(PYTHON);
    if python.exists() { Ok(python) } else { Err("no target/python: deploy/setup.sh --tests makes it") }
}

#[track_caller]
fn good(output: Output) -> Vec<u8> {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    output.stdout
}

fn reference(python: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(python);
    good(command.arg(Path::new(ROOT).join("tests/parity/reference.py")).args(arguments).output().unwrap())
}

fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).unwrap();
    bytes
}

/// Puts an EXIF segment behind the start-of-image marker that says: turn by 90 degrees to the right.
fn held_upright(jpeg: &[u8]) -> Vec<u8> {
    const TIFF: [u8; 26] = [b'I', b'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
    let segment = [&[0xFF, 0xE1, 0, 34][..], b"Exif\0\0", &TIFF].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

/// Pictures of invented products as a camera, a phone and a catalogue would give them; and real ones, where there are any.
fn write_photos(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let rendered: Vec<RgbImage> = catalogue(3, 6).iter().map(|package| render_photo(package, 2, 640)).collect();
    let sized = |at: usize, width: u32, height: u32| {
        let side = width.max(height);
        let whole = resize(&rendered[at], side, side, FilterType::CatmullRom);
        crop_imm(&whole, (side - width) / 2, (side - height) / 2, width, height).to_image()
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("camera.jpg", &jpeg(&sized(0, 1280, 720), 88));
    write("phone.jpg", &held_upright(&jpeg(&sized(1, 1200, 900), 92)));
    write("large.jpg", &jpeg(&sized(2, 2000, 1500), 90));
    write("square.jpg", &jpeg(&rendered[3], 95));
    write("odd.jpg", &jpeg(&sized(4, 333, 517), 80));
    write("small.jpg", &jpeg(&sized(5, 150, 120), 85));
    let grey = DynamicImage::ImageRgb8(sized(0, 400, 300)).into_luma8();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&grey).unwrap();
    write("grey.jpg", &bytes);
    let Ok(listed) = std::fs::read_to_string(Path::new(ROOT).join(GROCERY).join("images.csv")) else {
        return skip::say("parity: no ../shared/data/grocery, so on drawn pictures alone");
    };
    for (at, line) in listed.lines().filter(|line| line.starts_with("val,")).step_by(60).enumerate() {
        let path = line.split(',').nth(1).unwrap();
        std::fs::copy(Path::new(ROOT).join(GROCERY).join(path), folder.join(format!("real-{at}.jpg"))).unwrap();
    }
}

/// A folder with the photos, room for models beside them, and what Python prepares of both.
fn prepared(python: &Path) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (photos, models) = (folder.path().join("photos"), folder.path().join("models"));
    write_photos(&photos);
    reference(python, &["prepare", folder.path().to_str().unwrap()]);
    (folder, photos, models)
}

/// Adds `model` by the command line and embeds all pictures in `photos` with it.
async fn served(model: &Path, preset: &str, further: &[&str], photos: &Path, models: &Path) -> Embeddings {
    let name = format!("{preset}-{}", further.join("").replace('_', "-"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    command.args(["model", "add"]).arg(model).args(["--preset", preset, "--name", &name, "--dir"]).arg(models);
    good(command.args(further).output().unwrap());
    let model = Model::open(&models.join(format!("{name}.json"))).unwrap();
    let embedder = Embedder::start(&model, EmbedderOptions::default()).unwrap();
    let mut embeddings = Embeddings::new();
    for entry in std::fs::read_dir(photos).unwrap() {
        let path = entry.unwrap().path();
        let embedded = embedder.embed_photo(std::fs::read(&path).unwrap()).await.unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        embeddings.insert(name, embedded.embedding.as_slice().to_vec());
    }
    embeddings
}

fn computed(python: &Path, model: &Path, fed: &str, read: &str, photos: &Path) -> Embeddings {
    let words = [model, photos].map(|path| path.to_str().unwrap());
    serde_json::from_slice(&reference(python, &["embed", words[0], fed, read, words[1]])).unwrap()
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// The least cosine over the pictures that `counts` takes, and whose it is.
fn lowest<'a>(ours: &Embeddings, theirs: &'a Embeddings, counts: impl Fn(&str) -> bool) -> (f32, &'a str) {
    let named = theirs.iter().filter(|(name, _)| counts(name));
    let cosines = named.map(|(name, embedding)| (cosine(&ours[name], embedding), name.as_str()));
    cosines.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap()
}

/// Compares and prints; every line of the table in models/ADDING.md comes from here.
fn compare(what: &str, ours: &Embeddings, theirs: &Embeddings, photos: &Path, least_of_small: f32) {
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    assert!(ours.len() >= 21, "seven photos in three forms: {:?}", ours.keys());
    let small = |name: &str| {
        let (width, height) = image::image_dimensions(photos.join(name)).unwrap();
        width.min(height) < SMALL
    };
    let (large, large_at) = lowest(ours, theirs, |name| name.ends_with(".jpg") && !small(name));
    let (little, little_at) = lowest(ours, theirs, |name| name.ends_with(".jpg") && small(name));
    let (pixels, pixels_at) = lowest(ours, theirs, |name| name.ends_with(".png"));
    let decoded: Vec<&Vec<f32>> = theirs.iter().filter(|(name, _)| name.ends_with(".png")).map(|(_, e)| e).collect();
    let pairs = decoded.iter().enumerate().flat_map(|(at, one)| decoded[..at].iter().map(|other| cosine(one, other)));
    let apart = pairs.fold(1.0, f32::min);
    println!(
        "parity, {what}: {} pictures; least cosine of large JPEGs {large:.6} ({large_at}), of small ones {little:.6} \
         ({little_at}), of the same pixels {pixels:.6} ({pixels_at}); two different photos: {apart:.3}",
        ours.len()
    );
    assert!(large >= LEAST, "{what}: {large_at} has {large}");
    assert!(little >= least_of_small, "{what}: {little_at} has {little}");
    assert!(pixels >= LEAST_OF_PIXELS, "{what}: {pixels_at} has {pixels}");
    // A network that finds everything alike would agree with anything.
    assert!(apart < 0.98, "{what}: no two photos are further apart than {apart}");
}

#[tokio::test]
async fn a_vision_transformer_is_fed_and_read_as_python_does_it() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return skip::skip("a_vision_transformer_is_fed_and_read_as_python_does_it", reason),
    };
    let (folder, photos, models) = prepared(&python);
    let vit = folder.path().join("vit.onnx");
    let mut by_preset = BTreeMap::new();
    for (preset, further, read) in [
        ("dinov2", &["--output", "last_hidden_state"][..], "last_hidden_state:cls"),
        (
            "timm",
            &["--output", "last_hidden_state", "--pooling", "mean", "--skip-tokens", "1"],
            "last_hidden_state:mean-1",
        ),
        ("clip", &[], "pooler_output:none"),
        ("siglip", &[], "pooler_output:none"),
        ("siglip2", &[], "pooler_output:none"),
        ("mobileclip", &["--output", "pooler_output"], "pooler_output:none"),
    ] {
        let ours = served(&vit, preset, further, &photos, &models).await;
        let theirs = computed(&python, &vit, preset, read, &photos);
        compare(&format!("vision transformer, {preset}, {read}"), &ours, &theirs, &photos, LEAST);
        by_preset.insert(preset, (ours, theirs));
    }
    // The yardstick is fine enough to tell a cut picture from a stretched one, and 256 → 224 from 224. (It cannot tell
    // bicubic from bilinear on this network: siglip against siglip2 is 0.99995.)
    let wrong =
        |ours: &str, theirs: &str| lowest(&by_preset[ours].0, &by_preset[theirs].1, |name| name.ends_with(".png")).0;
    for (ours, theirs) in [("clip", "siglip"), ("dinov2", "clip")] {
        let cosine = wrong(ours, theirs);
        println!("parity, {ours} against {theirs}: {cosine:.6}");
        assert!(cosine < LEAST, "{ours} cannot be told from {theirs}: {cosine}");
    }
}

#[tokio::test]
async fn the_shipped_model_is_fed_and_read_as_python_does_it() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return skip::skip("the_shipped_model_is_fed_and_read_as_python_does_it", reason),
    };
    let (_folder, photos, models) = prepared(&python);
    for file in ["tillsight-small-fp32.onnx", "tillsight-small.onnx"] {
        let network = Path::new(ROOT).join("models").join(file);
        let ours = served(&network, "tillsight", &[], &photos, &models.join(file)).await;
        let theirs = computed(&python, &network, "tillsight", "embedding:none", &photos);
        compare(file, &ours, &theirs, &photos, LEAST);
    }
}

#[tokio::test]
async fn networks_that_others_trained_are_fed_and_read_as_python_does_it() {
    let name = "networks_that_others_trained_are_fed_and_read_as_python_does_it";
    let teachers = Path::new(ROOT).join(TEACHERS);
    let python = match python() {
        Ok(python) if teachers.is_dir() => python,
        Ok(_) => return skip::skip(name, "no ../shared/data/teachers"),
        Err(reason) => return skip::skip(name, reason),
    };
    let (_folder, photos, models) = prepared(&python);
    for (preset, file) in [("mobilenet-v1", "mobilenet_v1_1.0_224.onnx"), ("mobilenet-v2", "mobilenet_v2_1.0_224.onnx")]
    {
        let network = teachers.join(file);
        let ours = served(&network, preset, &[], &photos, &models).await;
        let theirs = computed(&python, &network, preset, "embedding:none", &photos);
        compare(preset, &ours, &theirs, &photos, LEAST_OF_SMALL_PHOTOS);
    }
}
