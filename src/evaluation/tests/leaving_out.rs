//! Photos that cannot be used and copies, embedded for real by a small model of mean colours.

use std::path::Path;

use tempfile::TempDir;

use super::*;
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
    let model_folder = TempDir::new().unwrap();
    let model = model_blind_to_the_dark(model_folder.path());
    let source = Source { path: folder.path().to_owned(), ask: None, layout: FolderLayout::FirstEnrolled(1) };
    let mut done = 0;
    let set = PhotoSet::read(&source).unwrap();
    let samples = embed(&model, &set, || done += 1).await;
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
    let speeds = speeds_side_by_side(&models, &set, 5).await.unwrap();
    assert_eq!(speeds.len(), 2);
    assert!(
        speeds.iter().all(|speed| speed.runs == 5 && speed.fastest_ms <= speed.median_ms && speed.median_ms > 0.0),
        "{speeds:?}"
    );
}
