//! Unusable photos and copies, embedded by a tiny model of mean colours.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::embedding::DecodeLimits;
use crate::embedding::onnx_fixture::{model_blind_to_the_dark, png};

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Red and green, each with an enrolled and a query photo.
fn shop() -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, colour) in [
        ("train/red/1.png", [250, 100, 100]),
        ("train/green/1.png", [100, 250, 100]),
        ("val/red/1.png", [240, 110, 100]),
        ("val/green/1.png", [110, 240, 100]),
    ] {
        write(folder.path(), name, &png(colour));
    }
    folder
}

async fn embed_folder(folder: &TempDir) -> Result<Samples, EvaluationError> {
    embed_folder_within(folder, DecodeLimits::default()).await
}

async fn embed_folder_within(folder: &TempDir, limits: DecodeLimits) -> Result<Samples, EvaluationError> {
    let model_folder = TempDir::new().unwrap();
    let model = model_blind_to_the_dark(model_folder.path());
    let source = PhotoSource { path: folder.path().to_owned(), query_split: None, layout: FolderLayout::EnrolFirst(1) };
    let mut progress = 0;
    let set = PhotoSet::read(&source).unwrap();
    let samples = embed_photos(&model, &set, limits, || progress += 1).await;
    assert_eq!(progress, set.photos.len());
    samples
}

/// Copy or not, file name and reason of the skipped photos.
fn reasons(samples: &Samples) -> Vec<String> {
    let name = |path: &Path| path.iter().rev().take(2).map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("<");
    samples.skipped.iter().map(|photo| format!("{} {}: {}", photo.copy, name(&photo.path), photo.reason)).collect()
}

#[tokio::test]
async fn usable_photos_keep_their_order_and_broken_ones_are_named() {
    let shop = shop();
    write(shop.path(), "train/red/0.jpg", b"no picture");
    write(shop.path(), "val/red/0.png", &png([10; 3]));
    let samples = embed_folder(&shop).await.unwrap();
    assert_eq!((samples.enrolled.len(), samples.queries.len()), (2, 2));
    // Folders are sorted, so green is product 0.
    assert_eq!(samples.enrolled.iter().map(|sample| sample.product).collect::<Vec<_>>(), [0, 1]);
    assert!(samples.enrolled[0].embedding.as_slice()[1] > samples.enrolled[0].embedding.as_slice()[0]);
    let [broken, dark] = &reasons(&samples)[..] else { panic!("{:?}", samples.skipped) };
    assert!(broken.starts_with("false 0.jpg<red: this is not a JPEG"), "{broken}");
    assert!(dark.starts_with("false 0.png<red: the model returned a value that is not a finite number"), "{dark}");
}

#[tokio::test]
async fn a_photo_above_the_limits_and_a_pipe_are_named_and_not_read() {
    let shop = shop();
    std::os::unix::fs::symlink("/dev/zero", shop.path().join("train/red/endless.png")).unwrap();
    let pipe = shop.path().join("val/red/pipe.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let usable = png([250, 100, 100]).len();
    let heavy = [png([100, 250, 100]), vec![0; 1_000]].concat();
    write(shop.path(), "val/red/heavy.png", &heavy);
    let samples =
        embed_folder_within(&shop, DecodeLimits { max_bytes: usable + 500, max_pixels: 10_000 }).await.unwrap();
    let reasons = reasons(&samples);
    let is_skipped =
        |photo: &str, reason: &str| reasons.iter().any(|line| line.contains(photo) && line.contains(reason));
    assert!(
        is_skipped("endless.png<red", "not a regular file") && is_skipped("pipe.png<red", "not a regular file"),
        "{reasons:?}"
    );
    let limit = format!("has {} bytes; at most {} are allowed", heavy.len(), usable + 500);
    assert!(is_skipped("heavy.png<red", &limit) && reasons.len() == 3, "{reasons:?}");
    let error = embed_folder_within(&shop, DecodeLimits { max_bytes: 10_000, max_pixels: 599 }).await.unwrap_err();
    assert!(error.to_string().contains("20 × 30 pixels; at most 599"), "{error}");
}

#[tokio::test]
async fn a_photo_that_is_listed_twice_is_named_and_any_path_can_be_reported() {
    let shop = shop();
    let name = std::ffi::OsStr::from_bytes(b"val/red/\xff.png");
    std::fs::write(shop.path().join(name), b"no picture").unwrap();
    let samples = embed_folder(&shop).await.unwrap();
    let json = serde_json::to_string(&samples.skipped).unwrap();
    assert!(json.contains("val/red/\u{fffd}.png"), "{json}");
    let table = "path,product,role\ntrain/red/1.png,red,enrol\ntrain/green/1.png,green,enrol\nval/red/1.png,red,ask\n\
                 val/red/1.png,red,ask\n";
    write(shop.path(), "images.csv", table.as_bytes());
    assert_eq!(reasons(&embed_folder(&shop).await.unwrap()), ["true 1.png<red: it is listed twice"]);
}

#[tokio::test]
async fn copies_are_skipped_under_any_name() {
    let shop = shop();
    let enrolled = png([250, 100, 100]);
    write(shop.path(), "val/red/copy.png", &enrolled);
    write(shop.path(), "val/green/wrong.png", &enrolled);
    write(shop.path(), "train/red/twice.png", &enrolled);
    // A catalogue picture may be enrolled too, because each has a gallery of its own, but it must not be a query photo.
    write(shop.path(), "iconic/red.png", &enrolled);
    write(shop.path(), "iconic/green.png", &png([110, 240, 100]));
    let samples = embed_folder(&shop).await.unwrap();
    assert_eq!((samples.enrolled.len(), samples.catalogue.len(), samples.queries.len()), (2, 2, 1));
    let reasons = reasons(&samples);
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    let is_skipped =
        |photo: &str, reason: &str| reasons.iter().any(|line| line.contains(photo) && line.contains(reason));
    assert!(is_skipped("true copy.png<red", "train/red/1.png, which is enrolled"), "{reasons:?}");
    assert!(is_skipped("true wrong.png<green", "which is enrolled, as another product (\"red\")"), "{reasons:?}");
    assert!(is_skipped("true twice.png<red", "train/red/1.png"), "{reasons:?}");
    assert!(is_skipped("true 1.png<green", "iconic/green.png, which is a catalogue picture"), "{reasons:?}");
}

#[tokio::test]
async fn without_usable_photos_the_first_reason_is_named() {
    let shop = shop();
    write(shop.path(), "val/red/1.png", b"");
    write(shop.path(), "val/green/1.png", b"x");
    let error = embed_folder(&shop).await.unwrap_err().to_string();
    assert!(error.contains("none of the query photos can be used") && error.contains("green/1.png"), "{error}");
    assert!(!error.contains('\n'));
}

#[tokio::test]
async fn the_speed_is_measured_with_photos_that_every_model_takes() {
    let shop = shop();
    write(shop.path(), "val/green/0.png", &png([10; 3]));
    let model_folder = TempDir::new().unwrap();
    let models = [model_blind_to_the_dark(model_folder.path()), model_blind_to_the_dark(model_folder.path())];
    let source = PhotoSource { path: shop.path().to_owned(), query_split: None, layout: FolderLayout::EnrolFirst(1) };
    let set = PhotoSet::read(&source).unwrap();
    let speeds = measure_speeds(&models, &set, DecodeLimits::default(), 5).await.unwrap();
    assert_eq!(speeds.len(), 2);
    assert!(
        speeds.iter().all(|speed| speed.runs == 5 && speed.fastest_ms <= speed.median_ms && speed.median_ms > 0.0),
        "{speeds:?}"
    );
}
