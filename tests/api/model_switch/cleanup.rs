//! Embeddings, snapshots and what unused models learned are removed; those of the active model and the one before it are kept.

use std::path::Path;

use tillsight::embedding::Manifest;

use super::shop::{OTHER, SMALL, Shop};
use crate::harness::{MODEL, TestDatabase, on_both_databases, package_photo};

const DAY_S: i64 = 24 * 3_600;
const ALL: &str = "SELECT COUNT(*) FROM embeddings";
const OLD: &str = "SELECT COUNT(*) FROM embeddings WHERE model = 'old@1#000000000000'";

impl Shop {
    /// Restarts the server `seconds` later: it cleans up at its start.
    async fn restart_after(&mut self, seconds: i64) {
        self.app.clock.advance(seconds);
        self.app.restart().await;
        self.admin = self.app.login_admin().await;
    }
}

async fn a_cancelled_models_embeddings_and_snapshot_are_removed_after_a_day(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    shop.enrol("One", vec![package_photo(0, 0), package_photo(0, 1)]).await;
    shop.begin(OTHER, false).await.expect(202);
    shop.until("ready", |models| models["switch"]["state"] == "ready").await;
    let other = Manifest::read(&Path::new(MODEL).with_file_name(OTHER)).unwrap().model_id().to_string();
    let snapshot = shop.app.database.folder().join(format!("index-{}.snapshot", other.replace('#', "-")));
    std::fs::write(&snapshot, b"of a model that is not used").unwrap();
    shop.restart_after(2 * DAY_S).await;
    assert_eq!(shop.app.database.count(ALL).await, 4, "the switch still goes on");

    shop.app.delete("/api/models/switch", &shop.admin).await.expect(200);
    shop.restart_after(DAY_S - 60).await;
    shop.begin(OTHER, false).await.expect(202);
    let again = shop.until("ready", |models| models["switch"]["state"] == "ready").await;
    assert_eq!(again["switch"]["embedded"], 2);
    shop.app.delete("/api/models/switch", &shop.admin).await.expect(200);
    shop.restart_after(DAY_S + 60).await;
    shop.until_count(ALL, |count| count == 2).await;
    assert_eq!(shop.seen(&package_photo(0, 0)).await.0, "One");
    shop.until("the snapshot to go", |_| !snapshot.exists()).await;
}

async fn the_active_model_and_the_one_before_it_are_kept(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    shop.enrol("One", vec![package_photo(0, 0), package_photo(0, 1)]).await;
    shop.begin(OTHER, false).await.expect(202);
    shop.app.delete("/api/models/switch", &shop.admin).await.expect(200);
    // A model that was tried before, and one that no switch knows: it may be another server's.
    shop.app.database.execute("UPDATE model_switches SET to_model = 'old@1#000000000000'").await;
    let copy = "INSERT INTO embeddings (image_id, model, vector) SELECT image_id, $1, vector FROM embeddings \
                WHERE model LIKE 'tillsight-%'";
    let learned =
        "INSERT INTO catalog_confidences (model, index_revision, content, learned_at) VALUES ($1, 1, '{}', 0)";
    for model in ["old@1#000000000000", "unknown@1#000000000000"] {
        shop.app.database.execute_with(copy, model).await;
        shop.app.database.execute_with(learned, model).await;
    }
    shop.begin(OTHER, true).await.expect(202);
    shop.until_active(OTHER).await;
    shop.restart_after(2 * DAY_S).await;
    shop.until_count(OLD, |count| count == 0).await;
    shop.until_count("SELECT COUNT(*) FROM catalog_confidences", |count| count == 1).await;
    shop.app.post("/api/models/rollback", &shop.admin, serde_json::json!({})).await.expect(202);
    shop.until_active(SMALL).await;
    assert_eq!(shop.app.database.count(ALL).await, 6, "both models and the unknown one have seen both photos");
}

on_both_databases!(
    a_cancelled_models_embeddings_and_snapshot_are_removed_after_a_day,
    the_active_model_and_the_one_before_it_are_kept,
);
