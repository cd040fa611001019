//! A switch that activates itself compares the models first, unless somebody chose otherwise.

use serde_json::json;

use super::shop::{OTHER, SMALL, Shop, active};
use crate::harness::{TestDatabase, on_both_databases, package_photo};

async fn a_worse_model_is_activated_only_if_that_was_chosen(database: TestDatabase) {
    let shop = Shop::open(database).await;
    for product in 0..3 {
        let photos = (0..2).map(|view| package_photo(product, view)).collect();
        shop.enrol(&format!("Product {product}"), photos).await;
    }
    let begun = shop.begin(OTHER, false).await.expect(202);
    shop.until("ready", |models| models["switch"]["state"] == "ready").await;
    shop.app.delete("/api/models/switch", &shop.admin).await.expect(200);
    // To the new model all photos look alike.
    let alike = "UPDATE embeddings SET vector = (SELECT vector FROM embeddings WHERE model = $1 ORDER BY image_id LIMIT 1) \
                 WHERE model = $1";
    shop.app.database.execute_with(alike, begun["to"].as_str().unwrap()).await;

    shop.begin(OTHER, true).await.expect(202);
    let held = shop.until("ready", |models| models["switch"]["state"] == "ready").await;
    let switch = &held["switch"];
    assert_eq!(switch["comparison"], json!({"asked": 3, "right_before": 3, "right_after": 1}));
    let obstacle = switch["obstacle"].as_str().unwrap();
    assert!(obstacle.contains("recognises 1 of 3 enrolled photos, the active one 3"), "{obstacle}");
    // After another pass it still waits.
    shop.enrol("Another", vec![package_photo(3, 0)]).await;
    shop.until("the new photo", |models| models["switch"]["embedded"] == 7 && models["switch"]["state"] == "ready")
        .await;
    assert_eq!(active(&shop.models().await), SMALL);
    shop.app.delete("/api/models/switch", &shop.admin).await.expect(200);

    let alone = json!({"manifest": OTHER, "even_if_worse": true});
    let refused = shop.app.post("/api/models/switch", &shop.admin, alone).await.expect_problem(422, "invalid-field");
    assert_eq!(refused["field"], "even_if_worse");
    let begun = shop.begin_even_if_worse().await.expect(202);
    assert_eq!((&begun["at_once"], &begun["even_if_worse"]), (&json!(true), &json!(true)));
    let ended = shop.until_active(OTHER).await;
    assert_eq!(ended["history"][0]["comparison"]["right_after"], 1);
    let chosen = "SELECT COUNT(*) FROM audit_log WHERE action IN ('model.switch.begin', 'model.switch.activate') \
                  AND CAST(details AS TEXT) LIKE '%\"even_if_worse\":%true%'";
    assert_eq!(shop.app.database.count(chosen).await, 2, "the audit log has who chose it, and what came of it");
}

async fn a_worse_model_can_be_activated_by_hand(database: TestDatabase) {
    let shop = Shop::open(database).await;
    for product in 0..2 {
        let photos = (0..2).map(|view| package_photo(product, view)).collect();
        shop.enrol(&format!("Product {product}"), photos).await;
    }
    let begun = shop.begin(OTHER, false).await.expect(202);
    shop.until("ready", |models| models["switch"]["state"] == "ready").await;
    shop.app.delete("/api/models/switch", &shop.admin).await.expect(200);
    let alike = "UPDATE embeddings SET vector = (SELECT vector FROM embeddings WHERE model = $1 ORDER BY image_id LIMIT 1) \
                 WHERE model = $1";
    shop.app.database.execute_with(alike, begun["to"].as_str().unwrap()).await;
    shop.begin(OTHER, true).await.expect(202);
    shop.until("held back", |models| models["switch"]["obstacle"].is_string()).await;
    assert_eq!(shop.activate().await.expect(200)["state"], "active");
    assert_eq!(active(&shop.models().await), OTHER);
    // A rollback ignores the comparison.
    shop.app.post("/api/models/rollback", &shop.admin, json!({})).await.expect(202);
    shop.until_active(SMALL).await;
}

/// A vector of two values, where the model's have hundreds, may come from a copy of another database.
async fn vectors_of_another_size_are_skipped_and_made_again(database: TestDatabase) {
    let shop = Shop::open(database).await;
    for product in 0..3 {
        let photos = (0..2).map(|view| package_photo(product, view)).collect();
        shop.enrol(&format!("Product {product}"), photos).await;
    }
    let begun = shop.begin(OTHER, false).await.expect(202);
    shop.until("ready", |models| models["switch"]["state"] == "ready").await;
    shop.app.delete("/api/models/switch", &shop.admin).await.expect(200);
    let postgres = shop.app.database.kind() == "postgres";
    let (first, last) = if postgres {
        (
            "UPDATE embeddings SET vector = '\\x0000803f00000000'::bytea WHERE model = $1 \
             AND image_id = (SELECT id FROM product_images ORDER BY id LIMIT 1)",
            "UPDATE embeddings SET vector = '\\x0000803f00000000'::bytea WHERE model = $1 \
             AND image_id = (SELECT id FROM product_images ORDER BY id DESC LIMIT 1)",
        )
    } else {
        (
            "UPDATE embeddings SET vector = X'0000803f00000000' WHERE model = $1 \
             AND image_id = (SELECT id FROM product_images ORDER BY id LIMIT 1)",
            "UPDATE embeddings SET vector = X'0000803f00000000' WHERE model = $1 \
             AND image_id = (SELECT id FROM product_images ORDER BY id DESC LIMIT 1)",
        )
    };
    shop.app.database.execute_with(first, begun["from"].as_str().unwrap()).await;
    shop.app.database.execute_with(last, begun["to"].as_str().unwrap()).await;

    shop.begin(OTHER, true).await.expect(202);
    let ended = shop.until_active(OTHER).await;
    let compared = json!({"asked": 1, "right_before": 1, "right_after": 1});
    assert_eq!(ended["history"][0]["comparison"], compared, "both of them are left out, on both sides");
    for product in 0..3 {
        let (name, score, _) = shop.seen(&package_photo(product, 1)).await;
        assert!(name == format!("Product {product}") && score > 0.999, "{name} {score}");
    }
}

on_both_databases!(
    a_worse_model_is_activated_only_if_that_was_chosen,
    a_worse_model_can_be_activated_by_hand,
    vectors_of_another_size_are_skipped_and_made_again
);
