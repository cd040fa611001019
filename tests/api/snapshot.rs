//! The snapshot of the index: a start uses it if it fits, and fills the index from the database if not.
//!
//! The tests overwrite the stored embeddings behind the server's back, so that the answers show which of the two the index
//! came from: the snapshot still has the old ones.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tillsight::index::Snapshot;

use crate::harness::{TestApp, TestDatabase, on_both_databases, package_photo, snapshot_path};

struct Shop {
    app: TestApp,
    admin: String,
}

impl Shop {
    /// Three products, and a snapshot that has them.
    async fn with_snapshot(database: TestDatabase) -> Self {
        let app = TestApp::spawn_with(database, "[engine]\nsnapshot_s = 1\n").await;
        let admin = app.login_admin().await;
        let shop = Self { app, admin };
        for product in 0..3 {
            shop.enrol(product).await;
        }
        shop.until_written(3).await;
        shop
    }

    async fn enrol(&self, product: usize) -> String {
        let name = format!("Product {product}");
        let photos = vec![package_photo(product, 0), package_photo(product, 1)];
        let added = self.app.post_form("/api/products", &self.admin, &[("name", name.as_str())], photos).await;
        added.expect(201)["id"].as_str().unwrap().to_owned()
    }

    fn snapshot_path(&self) -> PathBuf {
        snapshot_path(&self.app.database)
    }

    async fn until_written(&self, revision: i64) {
        for _ in 0..300 {
            if Snapshot::open(&self.snapshot_path()).is_ok_and(|snapshot| snapshot.header().revision == revision) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no snapshot of revision {revision} was written");
    }

    /// The best product for an enrolled photo of `product`, and whether the index has that very photo.
    async fn best_match(&self, product: usize) -> (Value, bool) {
        let seen = self.app.post_picture("/api/recognize", &self.admin, package_photo(product, 0)).await.expect(200);
        let best = &seen["items"][0]["candidates"][0];
        (best["product_name"].clone(), best["score"].as_f64().unwrap() > 0.999)
    }

    /// Gives all photos the embedding of one.
    async fn overwrite_embeddings(&self) {
        let first = "UPDATE embeddings SET vector = (SELECT vector FROM embeddings ORDER BY image_id LIMIT 1)";
        self.app.database.execute(first).await;
    }

    /// Whether the index tells the photos apart, as only the snapshot does.
    async fn came_from_the_snapshot(&self) -> bool {
        self.best_match(2).await == (Value::from("Product 2"), true)
    }
}

async fn a_start_uses_the_snapshot_and_the_changes_since(database: TestDatabase) {
    let mut shop = Shop::with_snapshot(database).await;
    shop.overwrite_embeddings().await;
    let newest = shop.enrol(3).await;
    let first = shop.app.get("/api/products?q=Product%200", &shop.admin).await.expect(200);
    let first = format!("/api/products/{}", first["data"][0]["id"].as_str().unwrap());
    // Another snapshot may be written in between; that it lags behind is the rule and not the exception here.
    shop.app.delete(&first, &shop.admin).await.expect(204);
    shop.app.restart().await;
    assert!(shop.came_from_the_snapshot().await);
    assert_eq!(shop.best_match(3).await, (Value::from("Product 3"), true));
    assert_ne!(shop.best_match(0).await.0, "Product 0");
    let ready = shop.app.get("/readyz", &shop.admin).await.expect(200);
    assert_eq!((&ready["index_revision"], &ready["embeddings"]), (&5.into(), &6.into()), "{ready}");
    shop.app.delete(&format!("/api/products/{newest}"), &shop.admin).await.expect(204);
    assert_ne!(shop.best_match(3).await.0, "Product 3");
}

async fn a_damaged_snapshot_is_not_used_and_written_again(database: TestDatabase) {
    let mut shop = Shop::with_snapshot(database).await;
    shop.overwrite_embeddings().await;
    let whole = std::fs::read(shop.snapshot_path()).unwrap();
    std::fs::write(shop.snapshot_path(), &whole[..whole.len() - 5]).unwrap();
    shop.app.restart().await;
    assert!(!shop.came_from_the_snapshot().await);
    shop.until_written(3).await;
    let anew = std::fs::read(shop.snapshot_path()).unwrap();
    assert!(anew.len() == whole.len() && anew != whole);
}

async fn a_snapshot_of_another_or_a_later_catalog_is_not_used(database: TestDatabase) {
    let mut shop = Shop::with_snapshot(database).await;
    shop.overwrite_embeddings().await;
    // As many changes, but not the same ones: a backup was restored, and other things happened since.
    shop.app.database.execute("UPDATE catalog_changes SET created_at = created_at + 1 WHERE seq = 3").await;
    shop.app.restart().await;
    assert!(!shop.came_from_the_snapshot().await);

    shop.until_written(3).await;
    // An older backup, to which nothing has happened yet.
    shop.app.database.execute("DELETE FROM catalog_changes WHERE seq = 3").await;
    shop.app.database.execute("UPDATE catalog_head SET seq = 2").await;
    shop.app.restart().await;
    let ready = shop.app.get("/readyz", &shop.admin).await.expect(200);
    assert_eq!(ready["index_revision"], 2);
}

async fn a_snapshot_that_lacks_what_is_on_sale_is_not_used(database: TestDatabase) {
    let mut shop = Shop::with_snapshot(database).await;
    shop.overwrite_embeddings().await;
    // Behind the server's back, so the log says nothing of it.
    shop.app.database.execute("UPDATE products SET active = FALSE WHERE name = 'Product 0'").await;
    shop.app.restart().await;
    assert!(!shop.came_from_the_snapshot().await);
    assert_eq!(shop.app.get("/readyz", &shop.admin).await.expect(200)["embeddings"], 4);
}

/// One lost file must not make every start read all embeddings from the database.
async fn a_snapshot_without_photos_that_cannot_be_embedded_is_used(database: TestDatabase) {
    let mut shop = Shop::with_snapshot(database).await;
    shop.app.stop().await;
    let unseen = "DELETE FROM embeddings WHERE image_id IN (SELECT i.id FROM product_images i JOIN products p \
                  ON p.id = i.product_id WHERE p.name = 'Product 0')";
    shop.app.database.execute(unseen).await;
    std::fs::remove_dir_all(shop.app.database.folder().join("images")).unwrap();
    std::fs::remove_file(shop.snapshot_path()).unwrap();
    shop.app.start().await;
    shop.until_written(3).await;
    shop.overwrite_embeddings().await;
    shop.app.restart().await;
    assert!(shop.came_from_the_snapshot().await);
    let ready = shop.app.get("/readyz", &shop.admin).await.expect(200);
    assert_eq!((&ready["embeddings"], &ready["unsearchable_images"]), (&4.into(), &2.into()), "{ready}");
}

on_both_databases!(
    a_snapshot_without_photos_that_cannot_be_embedded_is_used,
    a_start_uses_the_snapshot_and_the_changes_since,
    a_damaged_snapshot_is_not_used_and_written_again,
    a_snapshot_of_another_or_a_later_catalog_is_not_used,
    a_snapshot_that_lacks_what_is_on_sale_is_not_used,
);
