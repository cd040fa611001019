//! Photos that could not be embedded are searched as soon as they can be.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{TestApp, TestDatabase, on_both_databases, package_photo};

async fn enrol(app: &TestApp, admin: &str, name: &str, photo: Vec<u8>) -> (String, String) {
    let added = app.post_form("/api/products", admin, &[("name", name)], vec![photo]).await.expect(201);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&added["id"]), text(&added["images"][0]))
}

/// How many photos on sale the server says are not searched.
async fn unsearchable(app: &TestApp, admin: &str) -> Value {
    app.get("/readyz", admin).await.expect(200)["unsearchable_images"].clone()
}

async fn until_searched(app: &TestApp, admin: &str) {
    let begun = Instant::now();
    while unsearchable(app, admin).await != json!(0) {
        assert!(begun.elapsed() < Duration::from_secs(120), "the photo is still not searched");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn best(app: &TestApp, admin: &str, photo: Vec<u8>) -> Value {
    let seen = app.post_picture("/api/recognize", admin, photo).await.expect(200);
    seen["items"][0]["candidates"][0]["product_name"].clone()
}

/// Takes a product off sale, deletes its embedding, and puts it back on sale: the photo must be embedded again.
async fn put_back_without_embedding(app: &TestApp, admin: &str, product: &str) {
    let path = format!("/api/products/{product}");
    app.patch(&path, admin, json!({"active": false})).await.expect(200);
    app.database.execute("DELETE FROM embeddings").await;
    app.patch(&path, admin, json!({"active": true})).await.expect(200);
}

/// The photo is searched again, on both servers, once the model runs.
async fn a_photo_on_which_the_model_failed_is_retried(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    enrol(&app, &admin, "Other", package_photo(0, 0)).await;
    let (product, image) = enrol(&app, &admin, "Unlucky", package_photo(1, 0)).await;
    let other = TestApp::spawn_on_same_database(&app).await;
    let point = format!("embeddings.run {image}");
    fail::cfg(&point, "return").unwrap();
    put_back_without_embedding(&app, &admin, &product).await;
    assert_eq!(unsearchable(&app, &admin).await, 1, "the server is ready, and says that a photo is missing");
    assert_ne!(best(&app, &admin, package_photo(1, 0)).await, "Unlucky");
    let rows = app.get("/readyz", &admin).await.expect(200)["embeddings"].clone();
    assert_eq!(rows, 1);

    fail::remove(&point);
    for server in [&app, &other] {
        until_searched(server, &admin).await;
        let begun = Instant::now();
        while best(server, &admin, package_photo(1, 0)).await != "Unlucky" {
            assert!(begun.elapsed() < Duration::from_secs(120), "the photo is not found");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(best(server, &admin, package_photo(0, 0)).await, "Other");
        assert_eq!(server.get("/readyz", &admin).await.expect(200)["embeddings"], 2);
    }
}

/// An unreadable file does not stop the index from following the catalog, and is tried again.
async fn a_photo_on_a_disk_that_is_mounted_late_is_searched(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let (product, _) = enrol(&app, &admin, "Late", package_photo(1, 0)).await;
    let images = app.database.folder().join("images");
    let aside = app.database.folder().join("not mounted");
    std::fs::rename(&images, &aside).unwrap();
    // Reading below a file fails otherwise than reading what is not there.
    std::fs::write(&images, b"").unwrap();
    put_back_without_embedding(&app, &admin, &product).await;
    assert_eq!(unsearchable(&app, &admin).await, 1);
    std::fs::remove_file(&images).unwrap();
    std::fs::rename(&aside, &images).unwrap();
    until_searched(&app, &admin).await;
    assert_eq!(best(&app, &admin, package_photo(1, 0)).await, "Late");
}

on_both_databases!(a_photo_on_which_the_model_failed_is_retried, a_photo_on_a_disk_that_is_mounted_late_is_searched);
