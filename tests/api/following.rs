//! An index that cannot follow the catalog says so: it answers nothing where it may be wrong, and else tells since when.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Reply, TestApp, TestDatabase, on_both_databases, package_photo};

struct Shop {
    app: TestApp,
    admin: String,
}

impl Shop {
    /// One product, and an index that stands at the change that brought it.
    async fn open(database: TestDatabase) -> Self {
        let app = TestApp::spawn(database).await;
        let admin = app.admin().await;
        let shop = Self { app, admin };
        shop.teach("One", 0).await.expect(201);
        shop
    }

    async fn teach(&self, name: &str, photo: usize) -> Reply {
        self.app.post_form("/api/products", &self.admin, &[("name", name)], vec![package_photo(photo, 0)]).await
    }

    /// Waits until `/readyz` answers as wanted: the server looks at the log every second.
    async fn until_ready_is(&self, what: &str, wanted: impl Fn(&Reply) -> bool) -> Reply {
        let begun = Instant::now();
        loop {
            let ready = self.app.get("/readyz", &self.admin).await;
            if wanted(&ready) {
                return ready;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{what} is not seen: {}", ready.json);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The server notices by itself what is wrong with change `seq`, answers nothing, and knows everything after a restart.
    async fn stops_until_a_restart(mut self, because: &str, seq: i64) {
        let refused = self.until_ready_is(because, |ready| ready.status == 503).await;
        let failing = refused.expect_problem(503, "index-behind")["not_following"].clone();
        assert!(failing["reason"].as_str().unwrap().contains(because), "{failing}");
        assert_eq!(failing["since"], json!(self.app.clock.now()));
        let seen = self.app.post_picture("/api/recognize", &self.admin, package_photo(0, 0)).await;
        seen.expect_problem(503, "index-behind");

        self.app.restart().await;
        let ready = self.app.get("/readyz", &self.admin).await.expect(200);
        assert_eq!((&ready["index_revision"], &ready["not_following"]), (&json!(seq), &Value::Null));
        assert_eq!(self.teach("Two", 1).await.expect(201)["index_revision"], seq + 1);
    }
}

async fn a_hole_at_the_end_of_the_log_is_noticed(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.app.database.execute("UPDATE catalog_head SET seq = 2").await;
    shop.stops_until_a_restart("change 2 is missing from the catalog's log; there is none after it", 2).await;
}

async fn a_change_that_cannot_be_read_is_as_good_as_missing(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let damaged = "INSERT INTO catalog_changes (seq, kind, product_id, images, created_at) \
                   SELECT 2, kind, product_id, '{\"not\": \"a list\"}', created_at FROM catalog_changes WHERE seq = 1";
    shop.app.database.execute(damaged).await;
    shop.app.database.execute("UPDATE catalog_head SET seq = 2").await;
    shop.stops_until_a_restart("change 2 of the catalog's log cannot be read", 2).await;
}

/// A failover lost the last change, and another one was made under its number.
async fn a_number_that_was_given_out_twice_is_noticed(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.app.database.execute("UPDATE catalog_changes SET created_at = created_at + 1 WHERE seq = 1").await;
    shop.stops_until_a_restart("change 1 of the catalog's log is not the one that the index has seen", 1).await;
}

/// What the index holds is right as far as anybody knows, so recognition goes on.
async fn a_log_whose_end_cannot_be_asked_for_is_told_of_with_the_time(database: TestDatabase) {
    let shop = Shop::open(database).await;
    assert_eq!(shop.app.get("/readyz", &shop.admin).await.expect(200)["not_following"], Value::Null);
    shop.app.database.execute("DELETE FROM catalog_head").await;
    let failing = shop.until_ready_is("the failure", |ready| !ready.json["not_following"].is_null()).await.expect(200);
    assert_eq!(failing["not_following"]["since"], json!(shop.app.clock.now()));
    let reason = failing["not_following"]["reason"].as_str().unwrap();
    assert!(reason.contains("the log of the catalog cannot be read"), "{reason}");
    shop.app.post_picture("/api/recognize", &shop.admin, package_photo(0, 0)).await.expect(200);

    shop.app.database.execute("INSERT INTO catalog_head (id, seq) VALUES (1, 1)").await;
    shop.until_ready_is("the mending", |ready| ready.json["not_following"].is_null()).await.expect(200);
    assert_eq!(shop.teach("Two", 1).await.expect(201)["index_revision"], 2);
}

/// A counter that was set back would give out numbers that are taken; starting again does not help, so the reason says what does.
async fn a_counter_that_stands_behind_the_log_is_named(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    let change = "INSERT INTO catalog_changes (seq, kind, product_id, images, created_at) \
                  SELECT 2, kind, product_id, images, created_at + 1 FROM catalog_changes WHERE seq = 1";
    shop.app.database.execute(change).await;
    let refused = shop.until_ready_is("the counter", |ready| ready.status == 503).await;
    let failing = refused.expect_problem(503, "index-behind")["not_following"].clone();
    assert!(failing["reason"].as_str().unwrap().contains("(table catalog_head) says 1"), "{failing}");
    shop.app.database.execute("UPDATE catalog_head SET seq = 2").await;
    shop.app.restart().await;
    assert_eq!(shop.app.get("/readyz", &shop.admin).await.expect(200)["index_revision"], 2);
}

/// Far behind: more changes than are read at a time, between the snapshot and the newest.
async fn a_server_that_was_away_for_long_comes_to_the_newest_change(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    shop.app.stop().await;
    let changes = "WITH RECURSIVE number (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM number WHERE n < 201) \
                   INSERT INTO catalog_changes (seq, kind, product_id, images, created_at) \
                   SELECT n, CASE WHEN n % 2 = 0 THEN 'remove' ELSE 'add' END, product_id, images, created_at \
                   FROM number CROSS JOIN catalog_changes WHERE seq = 1";
    shop.app.database.execute(changes).await;
    shop.app.database.execute("UPDATE catalog_head SET seq = 201").await;
    shop.app.start().await;
    let ready = shop.app.get("/readyz", &shop.admin).await.expect(200);
    assert_eq!((&ready["index_revision"], &ready["embeddings"]), (&json!(201), &json!(1)));
    let seen = shop.app.post_picture("/api/recognize", &shop.admin, package_photo(0, 0)).await.expect(200);
    assert_eq!(seen["items"][0]["candidates"][0]["product_name"], "One");
    assert_eq!(shop.teach("Two", 1).await.expect(201)["index_revision"], 202);
}

on_both_databases!(
    a_counter_that_stands_behind_the_log_is_named,
    a_server_that_was_away_for_long_comes_to_the_newest_change,
    a_hole_at_the_end_of_the_log_is_noticed,
    a_change_that_cannot_be_read_is_as_good_as_missing,
    a_number_that_was_given_out_twice_is_noticed,
    a_log_whose_end_cannot_be_asked_for_is_told_of_with_the_time,
);
