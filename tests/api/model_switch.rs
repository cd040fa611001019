//! Switching the embedding model, and back, while the server serves: no photo is lost and no request waits.

mod cleanup;
mod comparison;
mod failures;
mod import;
mod lease;
mod shop;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{MODEL, TestApp, TestDatabase, jpeg, on_both_databases, package_photo};
use shop::{OTHER, SMALL, Shop, active};

async fn the_model_is_switched_and_switched_back_while_pictures_are_recognised(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    let photos: Vec<Vec<Vec<u8>>> =
        (0..3).map(|product| (0..2).map(|view| package_photo(product, view)).collect()).collect();
    for (product, photos) in photos.iter().enumerate() {
        shop.enrol(&format!("Product {product}"), photos.clone()).await;
    }
    let (_, _, small) = shop.seen(&photos[0][0]).await;
    assert_eq!(active(&shop.models().await), SMALL);

    let shop_now = Arc::new(shop);
    let done = Arc::new(AtomicBool::new(false));
    let (customer_shop, customer_done, customer_photos) = (Arc::clone(&shop_now), Arc::clone(&done), photos.clone());
    let customer = tokio::spawn(async move {
        let mut models = std::collections::BTreeSet::new();
        let mut turn = 0;
        while !customer_done.load(Ordering::SeqCst) {
            let product = turn % customer_photos.len();
            let (name, score, model) = customer_shop.seen(&customer_photos[product][0]).await;
            assert_eq!(name, format!("Product {product}"), "by {model}");
            assert!(score > 0.999, "{score}: an embedding was compared with another model's");
            models.insert(model);
            turn += 1;
        }
        models
    });
    let begun = shop_now.begin(OTHER, false).await.expect(202);
    assert_eq!((&begun["state"], &begun["photos"], &begun["embedded"]), (&json!("embedding"), &json!(6), &json!(0)));
    let ready = shop_now.until("ready", |models| models["switch"]["state"] == "ready").await;
    assert_eq!(ready["switch"]["comparison"], json!({"asked": 3, "right_before": 3, "right_after": 3}));
    assert_eq!(active(&ready), SMALL, "nothing changes before it is asked for");
    shop_now.enrol("Late", vec![package_photo(3, 0)]).await;
    shop_now.until("the late one", |models| models["switch"]["embedded"] == 7).await;
    assert_eq!(shop_now.activate().await.expect(200)["state"], "active");
    let (name, score, other) = shop_now.seen(&package_photo(3, 0)).await;
    assert!(name == "Late" && score > 0.999 && other != small, "{name} {score} {other}");
    done.store(true, Ordering::SeqCst);
    let models = customer.await.unwrap();
    assert!(models.contains(&small), "{models:?}");

    shop_now.enrol("New", vec![package_photo(4, 0)]).await;
    assert_eq!(shop_now.seen(&package_photo(4, 0)).await.0, "New");
    shop = Arc::into_inner(shop_now).unwrap();
    shop.app.restart().await;
    assert_eq!(active(&shop.models().await), OTHER, "a restart stays with what was switched to");
    assert_eq!(shop.seen(&package_photo(4, 0)).await.2, other);

    shop.app.post("/api/models/rollback", &shop.admin, json!({})).await.expect(202);
    let back = shop.until_active(SMALL).await;
    assert_eq!(
        shop.seen(&package_photo(4, 0)).await,
        ("New".to_owned(), shop.seen(&package_photo(4, 0)).await.1, small)
    );
    assert_eq!(back["history"].as_array().unwrap().len(), 2);
    let audited = shop.app.database.count("SELECT COUNT(*) FROM audit_log WHERE action LIKE 'model.switch.%'").await;
    assert_eq!(audited, 4, "two begun, two activated");
}

/// An update feeds the shipped network in another way: the photos are embedded anew while the old way recognises.
async fn after_an_update_the_model_before_serves_until_the_new_one_is_ready(database: TestDatabase) {
    const BEFORE: &str = "tillsight-small-crop.json";
    let before = format!("model = \"{}\"", MODEL.replace(SMALL, BEFORE));
    let mut shop = Shop::open_with(database, &before).await;
    let product = shop.enrol("Striped", vec![package_photo(0, 0)]).await;
    let plain: Vec<Vec<u8>> = (0..104_u8).map(|n| jpeg([n * 2, 255 - n * 2, 128])).collect();
    for photos in plain.chunks(40) {
        let path = format!("/api/products/{product}/images");
        let added = shop.app.post_form(&path, &shop.admin, &[("insist", "true")], photos.to_vec()).await.expect(201);
        assert_eq!(added["duplicates_skipped"], 0);
    }
    let hold = format!("switch.hold {}", shop.app.database.folder().display());
    fail::cfg(&hold, "return").unwrap();
    shop.app.restart_with("").await;
    let models = shop.models().await;
    assert_eq!(active(&models), BEFORE);
    assert_eq!(models["switch"]["to_manifest"], SMALL, "{models}");
    assert_eq!(shop.seen(&package_photo(0, 0)).await.0, "Striped");
    fail::remove(hold);
    shop.until_active(SMALL).await;
    assert_eq!(shop.seen(&package_photo(0, 0)).await.0, "Striped");
    shop.app.restart().await;
    assert_eq!(active(&shop.models().await), SMALL);
}

async fn an_unknown_or_unusable_switch_is_refused(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.enrol("One", vec![package_photo(0, 0)]).await;
    let unknown = shop.begin("nothing.json", true).await.expect_problem(404, "not-found");
    assert!(unknown["detail"].as_str().unwrap().contains(OTHER), "it names those that there are: {unknown}");
    shop.begin("../models/tillsight-small-fp32.json", true).await.expect_problem(404, "not-found");
    shop.begin(SMALL, true).await.expect_problem(409, "switch-refused");
    shop.activate().await.expect_problem(409, "switch-refused");
    shop.app.delete("/api/models/switch", &shop.admin).await.expect_problem(409, "switch-refused");
    shop.app.post("/api/models/rollback", &shop.admin, json!({})).await.expect_problem(409, "switch-refused");
    shop.app
        .post("/api/models/switch", &shop.admin, json!({"model": OTHER}))
        .await
        .expect_problem(422, "invalid-field");

    let begun = shop.begin(OTHER, false).await.expect(202);
    shop.begin(OTHER, false).await.expect_problem(409, "switch-refused");
    let cancelled = shop.app.delete("/api/models/switch", &shop.admin).await.expect(200);
    assert_eq!((&cancelled["id"], &cancelled["state"]), (&begun["id"], &json!("cancelled")));
    let models = shop.models().await;
    assert!(models["switch"].is_null() && active(&models) == SMALL, "{models}");
}

/// A photo whose original is gone is listed and holds up the switch until it is removed.
async fn a_switch_waits_for_a_photo_that_cannot_be_embedded(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.enrol("Sound", vec![package_photo(0, 0)]).await;
    let broken = shop.enrol("Broken", vec![package_photo(1, 0)]).await;
    let image = shop.image_of(&broken).await;
    std::fs::remove_file(shop.original_of(&broken, &image).await).unwrap();

    shop.begin(OTHER, true).await.expect(202);
    let stuck = shop.until("the problem", |models| models["switch"]["problems"][0]["image_id"] == image.as_str()).await;
    assert_eq!((&stuck["switch"]["state"], &stuck["switch"]["embedded"]), (&json!("embedding"), &json!(1)));
    let refused = shop.activate().await.expect_problem(409, "switch-refused");
    assert_eq!(refused["missing"], 1);
    assert_eq!(shop.seen(&package_photo(1, 0)).await.0, "Broken", "the old model still knows it");
    shop.app.delete(&format!("/api/products/{broken}/images/{image}"), &shop.admin).await.expect(204);
    shop.until_active(OTHER).await;
    assert_eq!(shop.seen(&package_photo(0, 0)).await.0, "Sound");
}

/// The program is killed while it embeds by the new model. Started again, it goes on and finishes the switch.
async fn a_switch_goes_on_after_a_kill(database: TestDatabase) {
    let app = TestApp::spawn_program(database.clone(), &[]).await;
    let admin = app.login_admin().await;
    let shop = Shop { app, admin };
    let photos: Vec<Vec<u8>> = (0..40).map(|shade| jpeg([shade * 6, 255 - shade * 5, 90])).collect();
    for some in photos.chunks(10) {
        shop.enrol(&format!("Product {}", some[0][300]), some.to_vec()).await;
    }
    shop.begin(OTHER, true).await.expect(202);
    let models = shop.until("progress", |models| models["switch"]["embedded"] != json!(0)).await;
    shop.app.kill();
    let embedded = models["switch"]["embedded"].as_i64().unwrap_or(40);

    let app = TestApp::spawn_program(database, &[]).await;
    let shop = Shop { app, admin: shop.admin.clone() };
    let again = shop.models().await;
    let switch = again["switch"]["embedded"].as_i64().unwrap_or(40);
    assert!(switch >= embedded, "{switch} of 40 after the kill, {embedded} before");
    let ended = shop.until_active(OTHER).await;
    assert_eq!((&ended["history"][0]["embedded"], &ended["photos"]), (&json!(40), &json!(40)));
    assert!(shop.seen(&photos[7]).await.1 > 0.999);
}

/// The index of the comparison and the prepared index of the new model do not change the gauges.
async fn the_gauges_show_the_index_in_use(database: TestDatabase) {
    let app = TestApp::spawn_program(database, &[]).await;
    let shop = Shop { admin: app.login_admin().await, app };
    for product in 0..3 {
        let photos = (0..2).map(|view| package_photo(product, view)).collect();
        shop.enrol(&format!("Product {product}"), photos).await;
    }
    let builds = shop.app.read_metric("tillsight_index_builds_total").await;
    shop.begin(OTHER, false).await.expect(202);
    shop.until("ready", |models| models["switch"]["state"] == "ready").await;
    assert!(shop.app.read_metric("tillsight_index_builds_total").await > builds, "the comparison built one");
    let gauges = async || {
        let products = shop.app.read_metric("tillsight_index_products").await;
        (
            shop.app.read_metric("tillsight_index_rows").await,
            products,
            shop.app.read_metric("tillsight_index_revision").await,
        )
    };
    assert_eq!(gauges().await, (6.0, 3.0, 3.0));
    shop.activate().await.expect(200);
    assert_eq!(gauges().await, (6.0, 3.0, 3.0));
    shop.enrol("Another", vec![package_photo(3, 0)]).await;
    assert_eq!(gauges().await, (7.0, 4.0, 4.0));
}

/// Every server adopts a new model within seconds, however seldom it polls the catalog. Any server can roll it back.
async fn every_server_adopts_the_new_model(database: TestDatabase) {
    let app = TestApp::spawn_with(database, "[engine]\nfollow_s = 3600").await;
    let shop = Shop { admin: app.login_admin().await, app };
    shop.enrol("One", vec![package_photo(0, 0)]).await;
    let other = Shop { app: TestApp::spawn_on_same_database(&shop.app).await, admin: shop.admin.clone() };
    shop.begin(OTHER, true).await.expect(202);
    shop.until_active(OTHER).await;
    other.until_active(OTHER).await;
    assert_eq!(other.seen(&package_photo(0, 0)).await, shop.seen(&package_photo(0, 0)).await);
    other.enrol("Two", vec![package_photo(1, 0)]).await;
    assert_eq!(other.seen(&package_photo(1, 0)).await.0, "Two");
    other.app.post("/api/models/rollback", &other.admin, json!({})).await.expect(202);
    for server in [&shop, &other] {
        server.until_active(SMALL).await;
        assert_eq!(server.seen(&package_photo(1, 0)).await.0, "Two", "the new index stands at the newest change");
    }
}

/// The switch is done: an answer that calls it a failure would make people begin again.
async fn a_switch_that_is_not_adopted_at_once_is_reported(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.enrol("One", vec![package_photo(0, 0)]).await;
    let begun = shop.begin(OTHER, false).await.expect(202);
    shop.until("ready", |models| models["switch"]["state"] == "ready").await;
    let point = format!("switch.take_up {}", begun["id"].as_str().unwrap());
    fail::cfg(&point, "return").unwrap();
    let problem = shop.activate().await.expect_problem(503, "index-behind");
    assert!(problem["detail"].as_str().unwrap().contains("is done"), "{problem}");
    fail::remove(&point);
    shop.until_active(OTHER).await;
    assert!(shop.seen(&package_photo(0, 0)).await.1 > 0.999);
}

/// Thresholds that nobody has calibrated are a guess: the list of models says so before a switch.
async fn a_model_with_guessed_thresholds_is_listed_as_such(database: TestDatabase) {
    let folder = tempfile::tempdir().unwrap();
    let shipped = std::path::Path::new(MODEL).parent().unwrap();
    for name in [SMALL, "tillsight-small.onnx"] {
        std::fs::copy(shipped.join(name), folder.path().join(name)).unwrap();
    }
    let manifest = std::fs::read(folder.path().join(SMALL)).unwrap();
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let version = std::mem::replace(&mut manifest["version"], json!("guessed"));
    manifest["thresholds"].as_object_mut().unwrap().remove("operating_point").unwrap();
    std::fs::write(folder.path().join("guessed.json"), manifest.to_string()).unwrap();
    std::fs::write(folder.path().join("page.json"), "<html>").unwrap();

    let own = folder.path().join(SMALL);
    let app = TestApp::spawn_program(database, &[("TILLSIGHT_MODEL", own.to_str().unwrap())]).await;
    let shop = Shop { admin: app.login_admin().await, app };
    let calibrated = |models: &Value, name: &str| -> bool {
        let model = models["models"].as_array().unwrap().iter().find(|model| model["manifest"] == name).unwrap();
        model["calibrated"].as_bool().unwrap()
    };
    let models = shop.models().await;
    assert_eq!([SMALL, "guessed.json", "page.json"].map(|name| calibrated(&models, name)), [true, false, false]);
    // What was written since counts from the next start on.
    manifest["version"] = version;
    std::fs::write(folder.path().join(SMALL), manifest.to_string()).unwrap();
    assert!(calibrated(&shop.models().await, SMALL), "the active model goes on with the thresholds that it began with");
}

on_both_databases!(
    a_switch_that_is_not_adopted_at_once_is_reported,
    a_model_with_guessed_thresholds_is_listed_as_such,
    the_model_is_switched_and_switched_back_while_pictures_are_recognised,
    after_an_update_the_model_before_serves_until_the_new_one_is_ready,
    an_unknown_or_unusable_switch_is_refused,
    a_switch_waits_for_a_photo_that_cannot_be_embedded,
    a_switch_goes_on_after_a_kill,
    the_gauges_show_the_index_in_use,
    every_server_adopts_the_new_model,
);
