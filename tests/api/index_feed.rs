//! An index that cannot follow the catalog reports it, and refuses to answer if it may be wrong.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Reply, TestApp, TestDatabase, on_both_databases, package_photo};

struct CatalogServer {
    app: TestApp,
    admin: String,
}

impl CatalogServer {
    /// Starts a server with one product, whose change the index has applied.
    async fn start(database: TestDatabase) -> Self {
        let app = TestApp::spawn(database).await;
        let admin = app.login_admin().await;
        let server = Self { app, admin };
        server.enrol_product("One", 0).await.expect(201);
        server
    }

    async fn enrol_product(&self, name: &str, photo: usize) -> Reply {
        self.app.post_form("/api/products", &self.admin, &[("name", name)], vec![package_photo(photo, 0)]).await
    }

    /// Polls `/readyz` until the reply is as expected; the server reads the log every second.
    async fn wait_for_readiness(&self, what: &str, expected: impl Fn(&Reply) -> bool) -> Reply {
        let begun = Instant::now();
        loop {
            let ready = self.app.get("/readyz", &self.admin).await;
            if expected(&ready) {
                return ready;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{what} is not reported: {}", ready.json);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Expects that the server reports `reason` by itself and refuses to recognise, and that a restart brings the index to
    /// change `seq`.
    async fn expect_outage_until_restart(mut self, reason: &str, seq: i64) {
        let refused = self.wait_for_readiness(reason, |ready| ready.status == 503).await;
        let outage = refused.expect_problem(503, "index-behind")["not_following"].clone();
        assert!(outage["reason"].as_str().unwrap().contains(reason), "{outage}");
        assert_eq!(outage["since"], json!(self.app.clock.now()));
        let seen = self.app.post_picture("/api/recognize", &self.admin, package_photo(0, 0)).await;
        seen.expect_problem(503, "index-behind");

        self.app.restart().await;
        let ready = self.app.get("/readyz", &self.admin).await.expect(200);
        assert_eq!((&ready["index_revision"], &ready["not_following"]), (&json!(seq), &Value::Null));
        assert_eq!(self.enrol_product("Two", 1).await.expect(201)["index_revision"], seq + 1);
    }
}

async fn a_missing_change_at_the_end_of_the_log_is_an_outage(database: TestDatabase) {
    let server = CatalogServer::start(database).await;
    server.app.database.execute("UPDATE catalog_head SET seq = 2").await;
    server.expect_outage_until_restart("change 2 is missing from the catalog's log; there is none after it", 2).await;
}

async fn an_unreadable_change_is_an_outage(database: TestDatabase) {
    let server = CatalogServer::start(database).await;
    let damaged = "INSERT INTO catalog_changes (seq, kind, product_id, images, created_at) \
                   SELECT 2, kind, product_id, '{\"not\": \"a list\"}', created_at FROM catalog_changes WHERE seq = 1";
    server.app.database.execute(damaged).await;
    server.app.database.execute("UPDATE catalog_head SET seq = 2").await;
    server.expect_outage_until_restart("change 2 of the catalog's log cannot be read", 2).await;
}

/// A failover lost the last change, and another one got its number.
async fn a_change_number_used_twice_is_an_outage(database: TestDatabase) {
    let server = CatalogServer::start(database).await;
    server.app.database.execute("UPDATE catalog_changes SET created_at = created_at + 1 WHERE seq = 1").await;
    server.expect_outage_until_restart("change 1 of the catalog's log is not the one that the index has seen", 1).await;
}

/// Nothing says that the index is wrong, so recognition continues.
async fn an_unreadable_head_of_the_log_is_reported_with_the_time(database: TestDatabase) {
    let server = CatalogServer::start(database).await;
    assert_eq!(server.app.get("/readyz", &server.admin).await.expect(200)["not_following"], Value::Null);
    server.app.database.execute("DELETE FROM catalog_head").await;
    let failing =
        server.wait_for_readiness("the failure", |ready| !ready.json["not_following"].is_null()).await.expect(200);
    assert_eq!(failing["not_following"]["since"], json!(server.app.clock.now()));
    let reason = failing["not_following"]["reason"].as_str().unwrap();
    assert!(reason.contains("the log of the catalog cannot be read"), "{reason}");
    server.app.post_picture("/api/recognize", &server.admin, package_photo(0, 0)).await.expect(200);

    server.app.database.execute("INSERT INTO catalog_head (id, seq) VALUES (1, 1)").await;
    server.wait_for_readiness("the end of the outage", |ready| ready.json["not_following"].is_null()).await.expect(200);
    assert_eq!(server.enrol_product("Two", 1).await.expect(201)["index_revision"], 2);
}

/// A counter that was set back would reuse numbers. A restart does not help, so the reason says what does.
async fn a_counter_behind_the_log_is_reported(database: TestDatabase) {
    let mut server = CatalogServer::start(database).await;
    let change = "INSERT INTO catalog_changes (seq, kind, product_id, images, created_at) \
                  SELECT 2, kind, product_id, images, created_at + 1 FROM catalog_changes WHERE seq = 1";
    server.app.database.execute(change).await;
    let refused = server.wait_for_readiness("the counter", |ready| ready.status == 503).await;
    let outage = refused.expect_problem(503, "index-behind")["not_following"].clone();
    assert!(outage["reason"].as_str().unwrap().contains("(table catalog_head) says 1"), "{outage}");
    server.app.database.execute("UPDATE catalog_head SET seq = 2").await;
    server.app.restart().await;
    assert_eq!(server.app.get("/readyz", &server.admin).await.expect(200)["index_revision"], 2);
}

/// More changes than one read takes lie between the snapshot and the newest one.
async fn a_server_catches_up_after_a_long_stop(database: TestDatabase) {
    let mut server = CatalogServer::start(database).await;
    server.app.stop().await;
    let changes = "WITH RECURSIVE number (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM number WHERE n < 201) \
                   INSERT INTO catalog_changes (seq, kind, product_id, images, created_at) \
                   SELECT n, CASE WHEN n % 2 = 0 THEN 'remove' ELSE 'add' END, product_id, images, created_at \
                   FROM number CROSS JOIN catalog_changes WHERE seq = 1";
    server.app.database.execute(changes).await;
    server.app.database.execute("UPDATE catalog_head SET seq = 201").await;
    server.app.start().await;
    let ready = server.app.get("/readyz", &server.admin).await.expect(200);
    assert_eq!((&ready["index_revision"], &ready["embeddings"]), (&json!(201), &json!(1)));
    let seen = server.app.post_picture("/api/recognize", &server.admin, package_photo(0, 0)).await.expect(200);
    assert_eq!(seen["items"][0]["candidates"][0]["product_name"], "One");
    assert_eq!(server.enrol_product("Two", 1).await.expect(201)["index_revision"], 202);
}

on_both_databases!(
    a_counter_behind_the_log_is_reported,
    a_server_catches_up_after_a_long_stop,
    a_missing_change_at_the_end_of_the_log_is_an_outage,
    an_unreadable_change_is_an_outage,
    a_change_number_used_twice_is_an_outage,
    an_unreadable_head_of_the_log_is_reported_with_the_time,
);
