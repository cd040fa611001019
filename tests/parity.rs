//! Compares the server's embeddings with those that Python computes with Pillow and onnxruntime.
//!
//! The whole path is compared: `tillsight model add` with a preset and the server's decoding, resizing and inference, with
//! `parity/reference.py`, which follows the publications of each family of networks. The networks: a vision transformer with
//! random weights, made by that script, the shipped model, and two pretrained networks if they are available.
//!
//! JPEG decoders round slightly differently when they upsample the colours, and resizers between their two passes. So each
//! picture is also embedded from a PNG of the pixels that Pillow decoded, where only the resizers differ. Neither side decodes
//! JPEG at a reduced scale. models/ADDING.md has the figures.

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
/// The environment that `deploy/setup.sh --tests` creates.
const PYTHON: &str = "target/python/bin/python";
/// Pretrained networks and photos, if they are available.
const TEACHERS: &str = "../shared/data/teachers";
const GROCERY: &str = "../shared/data/grocery";
/// Between the server's embedding and Python's.
const COSINE_MIN: f32 = 0.999;
/// For the two MobileNets and photos smaller than [`SMALL_SIDE_PX`]: the rounding of JPEG decoders is hardly averaged out there, and
/// these networks, made for 8-bit numbers, are sensitive to it.
const SMALL_PHOTO_COSINE_MIN: f32 = 0.998;
/// The shorter side of a photo: twice the side of the networks' input.
const SMALL_SIDE_PX: u32 = 448;
/// For the same decoded pixels. MobileNetV1 differs by so much if one input value in ten is off by one step of 256; the other
/// networks, except the quantised one, stay above 0.9999.
const SAME_PIXELS_COSINE_MIN: f32 = 0.9995;

type Embeddings = BTreeMap<String, Vec<f32>>;

/// Python with the packages that the reference needs, or why it is missing.
fn find_python() -> Result<PathBuf, &'static str> {
    let python = Path::new(ROOT).join(PYTHON);
    if python.exists() { Ok(python) } else { Err("no target/python: deploy/setup.sh --tests creates it") }
}

#[track_caller]
fn successful_stdout(output: Output) -> Vec<u8> {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    output.stdout
}

fn run_reference(python: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(python);
    successful_stdout(command.arg(Path::new(ROOT).join("tests/parity/reference.py")).args(arguments).output().unwrap())
}

fn encode_jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(picture).unwrap();
    bytes
}

/// Inserts an EXIF segment after the start-of-image marker: rotate by 90 degrees clockwise.
fn with_rotation_tag(jpeg: &[u8]) -> Vec<u8> {
    const TIFF: [u8; 26] = [b'I', b'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
    let segment = [&[0xFF, 0xE1, 0, 34][..], b"Exif\0\0", &TIFF].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

/// Pictures of invented products as from a camera, a phone and a catalogue, and real photos if they are available.
fn write_photos(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let rendered: Vec<RgbImage> = catalogue(3, 6).iter().map(|package| render_photo(package, 2, 640)).collect();
    let resized = |product: usize, width: u32, height: u32| {
        let side = width.max(height);
        let whole = resize(&rendered[product], side, side, FilterType::CatmullRom);
        crop_imm(&whole, (side - width) / 2, (side - height) / 2, width, height).to_image()
    };
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("camera.jpg", &encode_jpeg(&resized(0, 1280, 720), 88));
    write("phone.jpg", &with_rotation_tag(&encode_jpeg(&resized(1, 1200, 900), 92)));
    write("large.jpg", &encode_jpeg(&resized(2, 2000, 1500), 90));
    write("square.jpg", &encode_jpeg(&rendered[3], 95));
    write("odd.jpg", &encode_jpeg(&resized(4, 333, 517), 80));
    write("small.jpg", &encode_jpeg(&resized(5, 150, 120), 85));
    let grey = DynamicImage::ImageRgb8(resized(0, 400, 300)).into_luma8();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&grey).unwrap();
    write("grey.jpg", &bytes);
    let Ok(listed) = std::fs::read_to_string(Path::new(ROOT).join(GROCERY).join("images.csv")) else {
        return skip::say("parity: no ../shared/data/grocery, so only rendered pictures are compared");
    };
    for (number, line) in listed.lines().filter(|line| line.starts_with("val,")).step_by(60).enumerate() {
        let path = line.split(',').nth(1).unwrap();
        std::fs::copy(Path::new(ROOT).join(GROCERY).join(path), folder.join(format!("real-{number}.jpg"))).unwrap();
    }
}

/// A folder with the photos and models that Python prepares, and the paths of both.
fn prepare_folder(python: &Path) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (photos, models) = (folder.path().join("photos"), folder.path().join("models"));
    write_photos(&photos);
    run_reference(python, &["prepare", folder.path().to_str().unwrap()]);
    (folder, photos, models)
}

/// Adds `model` on the command line and embeds all pictures in `photos` with it.
async fn server_embeddings(model: &Path, preset: &str, options: &[&str], photos: &Path, models: &Path) -> Embeddings {
    let name = format!("{preset}-{}", options.join("").replace('_', "-"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    command.args(["model", "add"]).arg(model).args(["--preset", preset, "--name", &name, "--dir"]).arg(models);
    successful_stdout(command.args(options).output().unwrap());
    let model = Model::open(&models.join(format!("{name}.json"))).unwrap();
    let embedder = Embedder::start(&model, EmbedderOptions::default()).unwrap();
    let mut embeddings = Embeddings::new();
    for entry in std::fs::read_dir(photos).unwrap() {
        let path = entry.unwrap().path();
        let photo = embedder.embed_photo(std::fs::read(&path).unwrap()).await.unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        embeddings.insert(name, photo.embedding.as_slice().to_vec());
    }
    embeddings
}

fn python_embeddings(python: &Path, model: &Path, preset: &str, output: &str, photos: &Path) -> Embeddings {
    let paths = [model, photos].map(|path| path.to_str().unwrap());
    serde_json::from_slice(&run_reference(python, &["embed", paths[0], preset, output, paths[1]])).unwrap()
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// The lowest cosine of the pictures that `included` accepts, and the name of that picture.
fn lowest_cosine<'a>(ours: &Embeddings, theirs: &'a Embeddings, included: impl Fn(&str) -> bool) -> (f32, &'a str) {
    let selected = theirs.iter().filter(|(name, _)| included(name));
    let cosines = selected.map(|(name, embedding)| (cosine(&ours[name], embedding), name.as_str()));
    cosines.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap()
}

/// Compares and prints the cosines; the table in models/ADDING.md is made of these lines.
fn compare(network: &str, ours: &Embeddings, theirs: &Embeddings, photos: &Path, small_photo_cosine_min: f32) {
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    assert!(ours.len() >= 21, "seven photos in three forms: {:?}", ours.keys());
    let is_small = |name: &str| {
        let (width, height) = image::image_dimensions(photos.join(name)).unwrap();
        width.min(height) < SMALL_SIDE_PX
    };
    let (large_cosine, large_name) = lowest_cosine(ours, theirs, |name| name.ends_with(".jpg") && !is_small(name));
    let (small_cosine, small_name) = lowest_cosine(ours, theirs, |name| name.ends_with(".jpg") && is_small(name));
    let (pixels_cosine, pixels_name) = lowest_cosine(ours, theirs, |name| name.ends_with(".png"));
    let decoded: Vec<&Vec<f32>> = theirs.iter().filter(|(name, _)| name.ends_with(".png")).map(|(_, e)| e).collect();
    let pairs = decoded.iter().enumerate().flat_map(|(n, one)| decoded[..n].iter().map(|other| cosine(one, other)));
    let different_cosine = pairs.fold(1.0, f32::min);
    println!(
        "parity, {network}: {} pictures; lowest cosine of large JPEGs {large_cosine:.6} ({large_name}), of small ones \
         {small_cosine:.6} ({small_name}), of the same pixels {pixels_cosine:.6} ({pixels_name}); of two different photos: \
         {different_cosine:.3}",
        ours.len()
    );
    assert!(large_cosine >= COSINE_MIN, "{network}: {large_name} has {large_cosine}");
    assert!(small_cosine >= small_photo_cosine_min, "{network}: {small_name} has {small_cosine}");
    assert!(pixels_cosine >= SAME_PIXELS_COSINE_MIN, "{network}: {pixels_name} has {pixels_cosine}");
    // A network with one embedding for all pictures would always agree.
    assert!(different_cosine < 0.98, "{network}: all photos have cosines of at least {different_cosine}");
}

#[tokio::test]
async fn a_vision_transformer_gives_the_embeddings_of_python() {
    let python = match find_python() {
        Ok(python) => python,
        Err(reason) => return skip::skip("a_vision_transformer_gives_the_embeddings_of_python", reason),
    };
    let (folder, photos, models) = prepare_folder(&python);
    let vit = folder.path().join("vit.onnx");
    let mut by_preset = BTreeMap::new();
    for (preset, options, output) in [
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
        let ours = server_embeddings(&vit, preset, options, &photos, &models).await;
        let theirs = python_embeddings(&python, &vit, preset, output, &photos);
        compare(&format!("vision transformer, {preset}, {output}"), &ours, &theirs, &photos, COSINE_MIN);
        by_preset.insert(preset, (ours, theirs));
    }
    // The comparison distinguishes a cropped picture from a stretched one, and 256 → 224 from 224. (It cannot distinguish
    // bicubic from bilinear with this network: siglip with siglip2 is 0.99995.)
    let cross_cosine = |ours: &str, theirs: &str| {
        lowest_cosine(&by_preset[ours].0, &by_preset[theirs].1, |name| name.ends_with(".png")).0
    };
    for (ours, theirs) in [("clip", "siglip"), ("dinov2", "clip")] {
        let cosine = cross_cosine(ours, theirs);
        println!("parity, {ours} against {theirs}: {cosine:.6}");
        assert!(cosine < COSINE_MIN, "{ours} cannot be told from {theirs}: {cosine}");
    }
}

#[tokio::test]
async fn the_shipped_model_gives_the_embeddings_of_python() {
    let python = match find_python() {
        Ok(python) => python,
        Err(reason) => return skip::skip("the_shipped_model_gives_the_embeddings_of_python", reason),
    };
    let (_folder, photos, models) = prepare_folder(&python);
    for file in ["tillsight-small-fp32.onnx", "tillsight-small.onnx"] {
        let network = Path::new(ROOT).join("models").join(file);
        let ours = server_embeddings(&network, "tillsight", &[], &photos, &models.join(file)).await;
        let theirs = python_embeddings(&python, &network, "tillsight", "embedding:none", &photos);
        compare(file, &ours, &theirs, &photos, COSINE_MIN);
    }
}

#[tokio::test]
async fn pretrained_networks_give_the_embeddings_of_python() {
    let name = "pretrained_networks_give_the_embeddings_of_python";
    let teachers = Path::new(ROOT).join(TEACHERS);
    let python = match find_python() {
        Ok(python) if teachers.is_dir() => python,
        Ok(_) => return skip::skip(name, "no ../shared/data/teachers"),
        Err(reason) => return skip::skip(name, reason),
    };
    let (_folder, photos, models) = prepare_folder(&python);
    for (preset, file) in [("mobilenet-v1", "mobilenet_v1_1.0_224.onnx"), ("mobilenet-v2", "mobilenet_v2_1.0_224.onnx")]
    {
        let network = teachers.join(file);
        let ours = server_embeddings(&network, preset, &[], &photos, &models).await;
        let theirs = python_embeddings(&python, &network, preset, "embedding:none", &photos);
        compare(preset, &ours, &theirs, &photos, SMALL_PHOTO_COSINE_MIN);
    }
}
