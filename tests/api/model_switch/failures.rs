//! Failures during a switch: they are listed, the other photos go on, and the switch ends when they are repaired.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tillsight::embedding::Manifest;

use super::shop::{OTHER, SMALL, Shop, active};
use crate::harness::{MODEL, TestDatabase, jpeg, on_both_databases, package_photo};

/// A folder in place of the file cannot be read by any user, root included, like a file on a broken disk.
async fn an_unreadable_photo_is_listed_and_embedded_once_it_can_be_read(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let broken = shop.enrol("Broken", vec![package_photo(1, 0)]).await;
    shop.enrol("Sound", vec![package_photo(0, 0)]).await;
    let image = shop.image_of(&broken).await;
    let original = shop.original_of(&broken, &image).await;
    let aside = original.with_extension("aside");
    std::fs::rename(&original, &aside).unwrap();
    std::fs::create_dir(&original).unwrap();

    shop.begin(OTHER, true).await.expect(202);
    let stuck = shop.until("the problem", |models| models["switch"]["problem_count"] == 1).await;
    let problem = &stuck["switch"]["problems"][0];
    assert_eq!((&problem["image_id"], &problem["product_id"]), (&json!(image), &json!(broken)));
    let reason = problem["reason"].as_str().unwrap();
    assert!(reason.contains("cannot be read") && reason.contains(original.to_str().unwrap()), "{reason}");
    shop.until("the other photo", |models| models["switch"]["embedded"] == 1).await;
    let refused = shop.activate().await.expect_problem(409, "switch-refused");
    assert!(refused["detail"].as_str().unwrap().contains("1 of them cannot be"), "{refused}");
    assert_eq!(active(&shop.models().await), SMALL);

    std::fs::remove_dir(&original).unwrap();
    std::fs::rename(&aside, &original).unwrap();
    shop.until_active(OTHER).await;
    assert_eq!(shop.seen(&package_photo(1, 0)).await.0, "Broken");
}

/// The model fails on one photo only.
async fn a_photo_on_which_the_model_fails_is_listed_and_retried(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let hard = shop.enrol("Hard", vec![package_photo(1, 0)]).await;
    shop.enrol("Sound", vec![package_photo(0, 0)]).await;
    let image = shop.image_of(&hard).await;
    let point = format!("embeddings.run {image}");
    fail::cfg(&point, "return").unwrap();
    shop.begin(OTHER, true).await.expect(202);
    let stuck = shop.until("the problem", |models| models["switch"]["problem_count"] == 1).await;
    assert_eq!(stuck["switch"]["problems"][0]["image_id"], json!(image));
    assert_eq!(stuck["switch"]["obstacle"], json!(null), "the model itself is sound");
    shop.until("the other photo", |models| models["switch"]["embedded"] == 1).await;
    fail::remove(&point);
    shop.until_active(OTHER).await;
}

/// If the model fails on its test picture too, no photo is at fault.
async fn a_model_that_fails_on_everything_blames_no_photo(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let sound = shop.enrol("Sound", vec![package_photo(0, 0)]).await;
    let photo = format!("embeddings.run {}", shop.image_of(&sound).await);
    let control = format!("switch.control {}", shop.app.database.folder().display());
    for point in [&photo, &control] {
        fail::cfg(point, "return").unwrap();
    }
    shop.begin(OTHER, true).await.expect(202);
    let halted = shop.until("the obstacle", |models| models["switch"]["obstacle"].is_string()).await;
    let switch = &halted["switch"];
    assert!(switch["obstacle"].as_str().unwrap().contains("its test picture"), "{switch}");
    assert_eq!((&switch["problems"], &switch["problem_count"]), (&json!([]), &json!(0)));
    for point in [photo, control] {
        fail::remove(point);
    }
    shop.until_active(OTHER).await;
}

/// The new index may lack a photo that the old one has. It is counted and retried after the exchange.
async fn a_photo_that_the_new_index_lacks_is_retried_after_the_exchange(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.enrol("Sound", vec![package_photo(0, 0)]).await;
    let hard = shop.enrol("Hard", vec![package_photo(1, 0)]).await;
    let image = shop.image_of(&hard).await;
    let begun = shop.begin(OTHER, false).await.expect(202);
    shop.until("ready", |models| models["switch"]["state"] == "ready").await;
    let cut = "UPDATE embeddings SET vector = substr(vector, 1, 8) WHERE model = $1 \
               AND image_id = (SELECT id FROM product_images ORDER BY id DESC LIMIT 1)";
    shop.app.database.execute_with(cut, begun["to"].as_str().unwrap()).await;
    let run = format!("embeddings.run {image}");
    let exchange = format!("switch.adopt {}", shop.app.database.folder().display());
    for point in [&run, &exchange] {
        fail::cfg(point, "return").unwrap();
    }
    let lacking = async || shop.app.get("/readyz", &shop.admin).await.expect(200)["unsearchable_images"].clone();
    let held = async {
        // Longer than the delay before the first retry. The old index has all photos.
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(lacking().await, 0);
        }
        fail::remove(&exchange);
    };
    let (activated, ()) = tokio::join!(shop.activate(), held);
    activated.expect(200);
    assert_eq!(lacking().await, 1);
    assert_ne!(shop.seen(&package_photo(1, 0)).await.0, "Hard");
    fail::remove(run);
    shop.until_count("SELECT COUNT(*) FROM catalog_changes", |changes| changes > 2).await;
    for _ in 0..1_200 {
        if lacking().await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(shop.seen(&package_photo(1, 0)).await.0, "Hard");
}

async fn photos_that_cannot_be_embedded_are_counted_and_the_first_are_listed(database: TestDatabase) {
    let shop = Shop::open(database).await;
    for product in 0..3_u8 {
        let photos = (0..8).map(|shade| jpeg([product * 80, shade * 30, 90])).collect();
        shop.enrol(&format!("Product {product}"), photos).await;
    }
    std::fs::remove_dir_all(shop.app.database.folder().join("images")).unwrap();
    shop.begin(OTHER, true).await.expect(202);
    let stuck = shop.until("all problems", |models| models["switch"]["problem_count"] == 24).await;
    assert_eq!(stuck["switch"]["problems"].as_array().unwrap().len(), 20);
    assert_eq!((&stuck["switch"]["photos"], &stuck["switch"]["embedded"]), (&json!(24), &json!(0)));
    let refused = shop.activate().await.expect_problem(409, "switch-refused");
    assert!(refused["detail"].as_str().unwrap().contains("24 of them cannot be"), "{refused}");
    let cancelled = shop.app.delete("/api/models/switch", &shop.admin).await.expect(200);
    assert_eq!(cancelled["problem_count"], 24);
}

/// The files of the active model are removed and restored, while the server serves and while it is stopped.
async fn a_model_whose_files_are_missing_is_reported_in_the_list(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    for manifest in [SMALL, OTHER] {
        let shipped = Path::new(MODEL).with_file_name(manifest);
        let onnx = Manifest::read(&shipped).unwrap().file;
        std::fs::copy(&shipped, folder.path().join(manifest)).unwrap();
        std::fs::copy(shipped.with_file_name(&onnx), folder.path().join(onnx)).unwrap();
    }
    let overlay = format!("model = \"{}\"", folder.path().join(SMALL).display());
    let mut shop = Shop::open_with(database, &overlay).await;
    shop.enrol("Sound", vec![package_photo(0, 0)]).await;
    shop.begin(OTHER, true).await.expect(202);
    let switched = shop.until_active(OTHER).await;
    assert_eq!(switched["wanted"], json!(null));

    let (manifest, aside) = (folder.path().join(OTHER), folder.path().join("aside"));
    std::fs::rename(&manifest, &aside).unwrap();
    let models = shop.models().await;
    assert_eq!((active(&models), &models["wanted"]), (OTHER.to_owned(), &json!(null)), "it serves on");
    let listed = models["models"].as_array().unwrap().iter().find(|model| model["active"] == true).unwrap();
    assert!(
        listed["problem"].as_str().unwrap().contains("keeps using it until it restarts") && listed["embedded"] == 1,
        "{listed}"
    );

    shop.app.restart().await;
    let models = shop.models().await;
    assert_eq!((active(&models), &models["wanted"]["manifest"]), (SMALL.to_owned(), &json!(OTHER)));
    let reason = models["wanted"]["reason"].as_str().unwrap();
    assert!(reason.contains(OTHER) && reason.contains("switch to another model"), "{reason}");
    assert_eq!(shop.seen(&package_photo(0, 0)).await.0, "Sound");

    std::fs::rename(&aside, &manifest).unwrap();
    let models = shop.models().await;
    assert!(models["wanted"]["reason"].as_str().unwrap().contains("can be used again"), "{models}");
    shop.app.restart().await;
    let models = shop.models().await;
    assert_eq!((active(&models), &models["wanted"]), (OTHER.to_owned(), &json!(null)));

    // Only its ONNX file is missing: the list says so, and a server that is started meanwhile waits for it.
    let onnx = folder.path().join(Manifest::read(&manifest).unwrap().file);
    std::fs::rename(&onnx, &aside).unwrap();
    let models = shop.models().await;
    let listed = models["models"].as_array().unwrap();
    let in_use = listed.iter().find(|model| model["active"] == true).unwrap();
    assert!(
        listed.len() == 2 && in_use["problem"].as_str().unwrap().contains("keeps using it until it restarts"),
        "{models}"
    );
    shop.app.restart().await;
    let models = shop.models().await;
    let reason = models["wanted"]["reason"].as_str().unwrap();
    assert!(active(&models) == SMALL && reason.contains("by itself once this is repaired"), "{models}");
    std::fs::rename(&aside, &onnx).unwrap();
    shop.until_active(OTHER).await;

    // An upgrade puts the settings' model under the name of the other one: no model is wanted any more.
    std::fs::copy(folder.path().join(SMALL), &manifest).unwrap();
    shop.app.restart().await;
    let models = shop.models().await;
    assert_eq!(models["wanted"], json!(null), "{models}");
    assert_eq!(shop.seen(&package_photo(0, 0)).await.0, "Sound");
}

on_both_databases!(
    a_model_whose_files_are_missing_is_reported_in_the_list,
    a_photo_that_the_new_index_lacks_is_retried_after_the_exchange,
    an_unreadable_photo_is_listed_and_embedded_once_it_can_be_read,
    a_photo_on_which_the_model_fails_is_listed_and_retried,
    a_model_that_fails_on_everything_blames_no_photo,
    photos_that_cannot_be_embedded_are_counted_and_the_first_are_listed,
);
