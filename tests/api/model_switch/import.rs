//! A switch during an import that never ends: uploads are embedded by both models, so the switch ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::shop::{OTHER, Shop};
use crate::harness::{TestDatabase, jpeg, on_both_databases, package_photo};

/// The worker is held, so the new model has embedded uploads only.
async fn uploads_during_a_switch_are_embedded_by_both_models(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.enrol("Before", vec![package_photo(0, 0)]).await;
    let hold = shop.hold();
    shop.begin(OTHER, true).await.expect(202);
    let held = "SELECT COUNT(*) FROM model_switches WHERE open AND worker IS NOT NULL";
    shop.until_count(held, |count| count == 1).await;
    let photos = "SELECT COUNT(*) FROM product_images";
    let seen = "SELECT COUNT(*) FROM embeddings";
    shop.enrol("Meanwhile", vec![package_photo(1, 0), package_photo(1, 1)]).await;
    assert_eq!((shop.app.database.count(photos).await, shop.app.database.count(seen).await), (3, 5));
    fail::remove(hold);
    shop.until_active(OTHER).await;
    assert_eq!(shop.app.database.count(seen).await, 6);
    assert_eq!(shop.seen(&package_photo(1, 0)).await.0, "Meanwhile");
    shop.enrol("After", vec![package_photo(2, 0)]).await;
    assert_eq!(shop.app.database.count(seen).await, 7, "one model is enough again");
}

async fn a_switch_ends_while_an_import_goes_on(database: TestDatabase) {
    let shop = Arc::new(Shop::open(database).await);
    for product in 0..4_u8 {
        let photos = (0..8).map(|shade| jpeg([product * 60, shade * 30, 200])).collect();
        shop.enrol(&format!("Product {product}"), photos).await;
    }
    let ended = Arc::new(AtomicBool::new(false));
    let importers = (0..2_u8).map(|importer| {
        let (shop, ended) = (Arc::clone(&shop), Arc::clone(&ended));
        tokio::spawn(async move {
            let mut number = 0_u64;
            while !ended.load(Ordering::SeqCst) {
                // What comes after a picture's end makes it another file, which few colours would not.
                let mut photo = jpeg([200, 60 * importer, 30]);
                photo.extend([u64::from(importer), number].map(u64::to_be_bytes).concat());
                shop.enrol("Imported", vec![photo]).await;
                number += 1;
            }
            number
        })
    });
    let importers: Vec<_> = importers.collect();
    shop.begin(OTHER, true).await.expect(202);
    shop.until_active(OTHER).await;
    ended.store(true, Ordering::SeqCst);
    for importer in importers {
        assert!(importer.await.unwrap() > 0, "something was imported meanwhile");
    }
}

on_both_databases!(uploads_during_a_switch_are_embedded_by_both_models, a_switch_ends_while_an_import_goes_on);
