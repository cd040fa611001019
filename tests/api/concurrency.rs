//! Recognition goes on while the catalog grows, and the index grows without ever being rebuilt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::harness::{TestApp, TestDatabase, on_both_databases, package_photo};

/// Clients that recognise all the time.
const SHOPPERS: usize = 32;
/// Admins that upload at the same time, and products that each of them uploads.
const ADMINS: usize = 2;
const PRODUCTS: usize = 10;
/// Photos of each product.
const PHOTOS: usize = 2;

/// 32 clients post pictures without a pause while products are uploaded. No request fails, and each product is found by
/// the first request after the reply to its upload. The program runs by itself, so its counters are this test's alone.
async fn products_uploaded_under_load_are_found_by_the_next_request(database: TestDatabase) {
    let photos: Arc<Vec<Vec<Vec<u8>>>> = Arc::new(
        (0..ADMINS * PRODUCTS)
            .map(|product| (0..PHOTOS).map(|view| package_photo(product, view as u64)).collect())
            .collect(),
    );
    // More shoppers than this machine can serve promptly: here they wait instead of being sent away.
    let app = Arc::new(TestApp::spawn_program(database, &[("TILLSIGHT_ENGINE__MAX_WAIT_MS", "60000")]).await);
    let admin = app.admin().await;
    let store = app.store(&admin).await;
    let kiosk = app.kiosk(&admin, &store).await;
    let builds = app.metric("tillsight_index_builds_total").await;

    let done = Arc::new(AtomicBool::new(false));
    let recognised = Arc::new(AtomicUsize::new(0));
    let shoppers: Vec<_> = (0..SHOPPERS)
        .map(|shopper| {
            let (app, kiosk, photos) = (Arc::clone(&app), kiosk.clone(), Arc::clone(&photos));
            let (done, recognised) = (Arc::clone(&done), Arc::clone(&recognised));
            tokio::spawn(async move {
                for turn in shopper.. {
                    let picture = photos[turn % photos.len()][turn % PHOTOS].clone();
                    app.post_picture("/api/recognize", &kiosk, picture).await.expect(200);
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
                for product in uploader * PRODUCTS..(uploader + 1) * PRODUCTS {
                    let name = format!("Product {product}");
                    let form = photos[product].clone();
                    app.post_form("/api/products", &admin, &[("name", name.as_str())], form).await.expect(201);
                    let seen = app.post_picture("/api/recognize", &admin, photos[product][0].clone()).await.expect(200);
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
    assert_eq!(app.metric("tillsight_index_builds_total").await, builds);
    assert_eq!(app.metric("tillsight_index_added_vectors_total").await, (ADMINS * PRODUCTS * PHOTOS) as f64);
}

on_both_databases!(products_uploaded_under_load_are_found_by_the_next_request);
