//! Photos that cannot be used and copies, embedded for real by a small model of mean colours.

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

/// Red and green enrolled and asked about.
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

async fn embedded(folder: &TempDir) -> Result<Samples, EvaluationError> {
    embedded_within(folder, DecodeLimits::default()).await
}

async fn embedded_within(folder: &TempDir, limits: DecodeLimits) -> Result<Samples, EvaluationError> {
    let model_folder = TempDir::new().unwrap();
    let model = model_blind_to_the_dark(model_folder.path());
    let source = Source { path: folder.path().to_owned(), ask: None, layout: FolderLayout::FirstEnrolled(1) };
    let mut done = 0;
    let set = PhotoSet::read(&source).unwrap();
    let samples = embed(&model, &set, limits, || done += 1).await;
    assert_eq!(done, set.photos.len());
    samples
}

/// File name and reason of what was left out.
fn reasons(samples: &Samples) -> Vec<String> {
    let name = |path: &Path| path.iter().rev().take(2).map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("<");
    samples.left_out.iter().map(|photo| format!("{} {}: {}", photo.copy, name(&photo.path), photo.reason)).collect()
}

#[tokio::test]
async fn sound_photos_keep_their_order_and_broken_ones_are_named() {
    let shop = shop();
    write(shop.path(), "train/red/0.jpg", b"no picture");
    write(shop.path(), "val/red/0.png", &png([10; 3]));
    let samples = embedded(&shop).await.unwrap();
    assert_eq!((samples.enrolled.len(), samples.asked.len()), (2, 2));
    // Folders are sorted, so green is product 0.
    assert_eq!(samples.enrolled.iter().map(|sample| sample.product).collect::<Vec<_>>(), [0, 1]);
    assert!(samples.enrolled[0].embedding.as_slice()[1] > samples.enrolled[0].embedding.as_slice()[0]);
    let [broken, dark] = &reasons(&samples)[..] else { panic!("{:?}", samples.left_out) };
    assert!(broken.starts_with("false 0.jpg<red: this is not a JPEG"), "{broken}");
    assert!(dark.starts_with("false 0.png<red: the model returned a value that is not a finite number"), "{dark}");
}

#[tokio::test]
async fn what_the_server_would_refuse_or_what_is_no_file_is_named_and_not_read() {
    let shop = shop();
    std::os::unix::fs::symlink("/dev/zero", shop.path().join("train/red/endless.png")).unwrap();
    let pipe = shop.path().join("val/red/pipe.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let sound = png([250, 100, 100]).len();
    let heavy = [png([100, 250, 100]), vec![0; 1_000]].concat();
    write(shop.path(), "val/red/heavy.png", &heavy);
    let samples = embedded_within(&shop, DecodeLimits { max_bytes: sound + 500, max_pixels: 10_000 }).await.unwrap();
    let reasons = reasons(&samples);
    let said = |what: &str, why: &str| reasons.iter().any(|reason| reason.contains(what) && reason.contains(why));
    assert!(said("endless.png<red", "not a regular file") && said("pipe.png<red", "no regular file"), "{reasons:?}");
    let limit = format!("has {} bytes; at most {} are allowed", heavy.len(), sound + 500);
    assert!(said("heavy.png<red", &limit) && reasons.len() == 3, "{reasons:?}");
    let error = embedded_within(&shop, DecodeLimits { max_bytes: 10_000, max_pixels: 599 }).await.unwrap_err();
    assert!(error.to_string().contains("20 × 30 pixels; at most 599"), "{error}");
}

#[tokio::test]
async fn what_a_table_lists_twice_is_said_to_be_listed_twice_and_any_path_goes_into_the_report() {
    let shop = shop();
    let odd = std::ffi::OsStr::from_bytes(b"val/red/\xff.png");
    std::fs::write(shop.path().join(odd), b"no picture").unwrap();
    let samples = embedded(&shop).await.unwrap();
    let json = serde_json::to_string(&samples.left_out).unwrap();
    assert!(json.contains("val/red/\u{fffd}.png"), "{json}");
    let table = "path,product,role\ntrain/red/1.png,red,enrol\ntrain/green/1.png,green,enrol\nval/red/1.png,red,ask\n\
                 val/red/1.png,red,ask\n";
    write(shop.path(), "images.csv", table.as_bytes());
    assert_eq!(reasons(&embedded(&shop).await.unwrap()), ["true 1.png<red: it is listed twice"]);
}

#[tokio::test]
async fn copies_are_left_out_whatever_they_are_called() {
    let shop = shop();
    let enrolled = png([250, 100, 100]);
    write(shop.path(), "val/red/copy.png", &enrolled);
    write(shop.path(), "val/green/wrong.png", &enrolled);
    write(shop.path(), "train/red/twice.png", &enrolled);
    // A catalogue picture may be enrolled too: they are galleries of their own. Asked about it may not be.
    write(shop.path(), "iconic/red.png", &enrolled);
    write(shop.path(), "iconic/green.png", &png([110, 240, 100]));
    let samples = embedded(&shop).await.unwrap();
    assert_eq!((samples.enrolled.len(), samples.catalogue.len(), samples.asked.len()), (2, 2, 1));
    let reasons = reasons(&samples);
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    let said = |what: &str, why: &str| reasons.iter().any(|reason| reason.contains(what) && reason.contains(why));
    assert!(said("true copy.png<red", "train/red/1.png, which is enrolled"), "{reasons:?}");
    assert!(said("true wrong.png<green", "which is enrolled, as another product (\"red\")"), "{reasons:?}");
    assert!(said("true twice.png<red", "train/red/1.png"), "{reasons:?}");
    assert!(said("true 1.png<green", "iconic/green.png, which is a catalogue picture"), "{reasons:?}");
}

#[tokio::test]
async fn where_nothing_is_left_the_first_fault_is_said() {
    let shop = shop();
    write(shop.path(), "val/red/1.png", b"");
    write(shop.path(), "val/green/1.png", b"x");
    let error = embedded(&shop).await.unwrap_err().to_string();
    assert!(error.contains("none of the asked photos can be used") && error.contains("green/1.png"), "{error}");
    assert!(!error.contains('\n'));
}

#[tokio::test]
async fn the_speed_is_measured_with_photos_that_every_model_takes() {
    let shop = shop();
    write(shop.path(), "val/green/0.png", &png([10; 3]));
    let model_folder = TempDir::new().unwrap();
    let models = [model_blind_to_the_dark(model_folder.path()), model_blind_to_the_dark(model_folder.path())];
    let source = Source { path: shop.path().to_owned(), ask: None, layout: FolderLayout::FirstEnrolled(1) };
    let set = PhotoSet::read(&source).unwrap();
    let speeds = speeds_side_by_side(&models, &set, DecodeLimits::default(), 5).await.unwrap();
    assert_eq!(speeds.len(), 2);
    assert!(
        speeds.iter().all(|speed| speed.runs == 5 && speed.fastest_ms <= speed.median_ms && speed.median_ms > 0.0),
        "{speeds:?}"
    );
}
