//! What keeps a switch from ending is named, the rest goes on, and it ends when that is mended.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use tillsight::embedding::Manifest;

use super::shop::{OTHER, SMALL, Shop, active};
use crate::harness::{MODEL, TestDatabase, jpeg, on_both_databases, package_photo};

/// A folder in the file's place is refused to every user, root included, as a broken disk refuses a file.
async fn a_photo_that_cannot_be_read_is_named_and_taken_up_when_it_can_be(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let broken = shop.teach("Broken", vec![package_photo(1, 0)]).await;
    shop.teach("Sound", vec![package_photo(0, 0)]).await;
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

/// The model's run fails on one photo, and on no other.
async fn a_photo_on_which_the_model_fails_is_named_and_tried_again(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let hard = shop.teach("Hard", vec![package_photo(1, 0)]).await;
    shop.teach("Sound", vec![package_photo(0, 0)]).await;
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

/// A model that fails on a picture of our own too is not a photo's fault.
async fn a_model_that_fails_on_everything_blames_no_photo(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let sound = shop.teach("Sound", vec![package_photo(0, 0)]).await;
    let photo = format!("embeddings.run {}", shop.image_of(&sound).await);
    let control = format!("switch.control {}", shop.app.database.folder().display());
    for point in [&photo, &control] {
        fail::cfg(point, "return").unwrap();
    }
    shop.begin(OTHER, true).await.expect(202);
    let halted = shop.until("the obstacle", |models| models["switch"]["obstacle"].is_string()).await;
    let switch = &halted["switch"];
    assert!(switch["obstacle"].as_str().unwrap().contains("a picture of our own"), "{switch}");
    assert_eq!((&switch["problems"], &switch["problem_count"]), (&json!([]), &json!(0)));
    for point in [photo, control] {
        fail::remove(point);
    }
    shop.until_active(OTHER).await;
}

/// What the old index has, the new one may have to do without; the word of that is not lost on the way from one to the other.
async fn a_photo_that_the_new_index_lacks_is_tried_again_after_the_exchange(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.teach("Sound", vec![package_photo(0, 0)]).await;
    let hard = shop.teach("Hard", vec![package_photo(1, 0)]).await;
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
        // Longer than it takes until left out photos are tried again. The old index has them all.
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

async fn photos_that_cannot_be_embedded_are_counted_and_the_first_are_named(database: TestDatabase) {
    let shop = Shop::open(database).await;
    for product in 0..3_u8 {
        let photos = (0..8).map(|shade| jpeg([product * 80, shade * 30, 90])).collect();
        shop.teach(&format!("Product {product}"), photos).await;
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

/// The files of the model in use go, or come back, while the server serves and while it is stopped.
async fn a_model_whose_files_are_gone_is_asked_for_where_models_are_listed(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    for manifest in [SMALL, OTHER] {
        let shipped = Path::new(MODEL).with_file_name(manifest);
        let onnx = Manifest::read(&shipped).unwrap().file;
        std::fs::copy(&shipped, folder.path().join(manifest)).unwrap();
        std::fs::copy(shipped.with_file_name(&onnx), folder.path().join(onnx)).unwrap();
    }
    let overlay = format!("model = \"{}\"", folder.path().join(SMALL).display());
    let mut shop = Shop::open_with(database, &overlay).await;
    shop.teach("Sound", vec![package_photo(0, 0)]).await;
    shop.begin(OTHER, true).await.expect(202);
    let switched = shop.until_active(OTHER).await;
    assert_eq!(switched["wanted"], json!(null));

    let (manifest, aside) = (folder.path().join(OTHER), folder.path().join("aside"));
    std::fs::rename(&manifest, &aside).unwrap();
    let models = shop.models().await;
    assert_eq!((active(&models), &models["wanted"]), (OTHER.to_owned(), &json!(null)), "it serves on");
    let listed = models["models"].as_array().unwrap().iter().find(|model| model["active"] == true).unwrap();
    assert!(listed["problem"].as_str().unwrap().contains("goes on with it") && listed["embedded"] == 1, "{listed}");

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

    // Its network alone is damaged: named at the model in use, and waited for by a server that is started meanwhile.
    let onnx = folder.path().join(Manifest::read(&manifest).unwrap().file);
    std::fs::rename(&onnx, &aside).unwrap();
    let models = shop.models().await;
    let listed = models["models"].as_array().unwrap();
    let in_use = listed.iter().find(|model| model["active"] == true).unwrap();
    assert!(listed.len() == 2 && in_use["problem"].as_str().unwrap().contains("goes on with it"), "{models}");
    shop.app.restart().await;
    let models = shop.models().await;
    let reason = models["wanted"]["reason"].as_str().unwrap();
    assert!(active(&models) == SMALL && reason.contains("by itself once that is repaired"), "{models}");
    std::fs::rename(&aside, &onnx).unwrap();
    shop.until_active(OTHER).await;

    // The settings' model is put under the name of the other, as by an upgrade: nothing is left to be asked for.
    std::fs::copy(folder.path().join(SMALL), &manifest).unwrap();
    shop.app.restart().await;
    let models = shop.models().await;
    assert_eq!(models["wanted"], json!(null), "{models}");
    assert_eq!(shop.seen(&package_photo(0, 0)).await.0, "Sound");
}

on_both_databases!(
    a_model_whose_files_are_gone_is_asked_for_where_models_are_listed,
    a_photo_that_the_new_index_lacks_is_tried_again_after_the_exchange,
    a_photo_that_cannot_be_read_is_named_and_taken_up_when_it_can_be,
    a_photo_on_which_the_model_fails_is_named_and_tried_again,
    a_model_that_fails_on_everything_blames_no_photo,
    photos_that_cannot_be_embedded_are_counted_and_the_first_are_named,
);
