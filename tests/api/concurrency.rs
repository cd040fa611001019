//! Recognition continues while the catalog grows, and the index grows without a rebuild.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::harness::{TestApp, TestDatabase, on_both_databases, package_photo};

const SHOPPERS: usize = 32;
const ADMINS: usize = 2;
const PRODUCTS_PER_ADMIN: usize = 10;
const PHOTOS_PER_PRODUCT: usize = 2;
/// Enrolled and sent are the same photos, whole.
const RECOGNIZE: &str = "/api/recognize?regions=whole";

/// 32 clients send photos without pause while admins upload products. No request fails, and each product is found by the
/// first request after the reply to its upload. The server is a process of its own, so no other test moves its metrics.
async fn a_product_uploaded_under_load_is_found_by_the_next_request(database: TestDatabase) {
    let photos: Arc<Vec<Vec<Vec<u8>>>> = Arc::new(
        (0..ADMINS * PRODUCTS_PER_ADMIN)
            .map(|product| (0..PHOTOS_PER_PRODUCT).map(|view| package_photo(product, view as u64)).collect())
            .collect(),
    );
    // A test machine may be too slow for so many clients: they wait instead of being refused.
    let app = Arc::new(TestApp::spawn_program(database, &[("TILLSIGHT_ENGINE__MAX_WAIT_MS", "60000")]).await);
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let kiosk = app.enrol_kiosk(&admin, &store).await;
    let builds = app.read_metric("tillsight_index_builds_total").await;

    let done = Arc::new(AtomicBool::new(false));
    let recognised = Arc::new(AtomicUsize::new(0));
    let shoppers: Vec<_> = (0..SHOPPERS)
        .map(|shopper| {
            let (app, kiosk, photos) = (Arc::clone(&app), kiosk.clone(), Arc::clone(&photos));
            let (done, recognised) = (Arc::clone(&done), Arc::clone(&recognised));
            tokio::spawn(async move {
                for turn in shopper.. {
                    let picture = photos[turn % photos.len()][turn % PHOTOS_PER_PRODUCT].clone();
                    app.post_picture(RECOGNIZE, &kiosk, picture).await.expect(200);
                    recognised.fetch_add(1, Ordering::SeqCst);
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                }
            })
        })
        .collect();
    let admins: Vec<_> = (0..ADMINS)
        .map(|uploader| {
            let (app, admin, photos) = (Arc::clone(&app), admin.clone(), Arc::clone(&photos));
            tokio::spawn(async move {
                for product in uploader * PRODUCTS_PER_ADMIN..(uploader + 1) * PRODUCTS_PER_ADMIN {
                    let name = format!("Product {product}");
                    let form = photos[product].clone();
                    app.post_form("/api/products", &admin, &[("name", name.as_str()), ("region", "whole")], form)
                        .await
                        .expect(201);
                    let seen = app.post_picture(RECOGNIZE, &admin, photos[product][0].clone()).await.expect(200);
                    let best = &seen["items"][0]["candidates"][0];
                    assert_eq!(best["product_name"], json!(name));
                    assert!(best["score"].as_f64().unwrap() > 0.999, "{seen}");
                }
            })
        })
        .collect();
    for uploader in admins {
        uploader.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for shopper in shoppers {
        shopper.await.unwrap();
    }
    assert!(recognised.load(Ordering::SeqCst) >= SHOPPERS);
    assert_eq!(builds, 1.0, "the index is built once, at the start");
    assert_eq!(app.read_metric("tillsight_index_builds_total").await, builds);
    assert_eq!(
        app.read_metric("tillsight_index_added_vectors_total").await,
        (ADMINS * PRODUCTS_PER_ADMIN * PHOTOS_PER_PRODUCT) as f64
    );
}

on_both_databases!(a_product_uploaded_under_load_is_found_by_the_next_request);
