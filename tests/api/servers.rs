//! Several servers on one database: a change through one counts on all of them, and one may be killed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{
    MODEL, Reply, TOKEN_SECRET, TestApp, TestDatabase, folder_with_shared_photos, form, on_both_databases,
    package_photo, say,
};

/// Polls until the product names that the server recognises in the photo, best first, are as expected. Waits up to 20 s, since
/// the test machine may be busy.
async fn wait_until_recognised(
    server: &TestApp,
    token: &str,
    photo: &[u8],
    expected: impl Fn(&[&str]) -> bool,
) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        let seen = server.post_picture("/api/recognize", token, photo.to_vec()).await.expect(200);
        let candidates = seen["items"][0]["candidates"].as_array().unwrap();
        let names: Vec<&str> = candidates.iter().filter_map(|candidate| candidate["product_name"].as_str()).collect();
        if expected(&names) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

/// On PostgreSQL the servers rely on notifications, so they poll only every hour; on SQLite they poll every second.
async fn changes_made_through_another_server_are_followed(database: TestDatabase) {
    let notifies = database.kind() == "postgres";
    let here = TestApp::spawn_with(database, if notifies { "[engine]\nfollow_s = 3600" } else { "" }).await;
    let there = TestApp::spawn_on_same_database(&here).await;
    let (admin, photo) = (here.login_admin().await, package_photo(0, 0));
    let add = async |server: &TestApp, name: &str| {
        server.post_form("/api/products", &admin, &[("name", name)], vec![photo.clone()]).await.expect(201)
    };
    let remove = async |server: &TestApp, product: &Value| {
        let path = format!("/api/products/{}", product["id"].as_str().unwrap());
        server.delete(&path, &admin).await.expect(204);
    };
    let shared = add(&here, "Shared").await;
    assert!(
        wait_until_recognised(&there, &admin, &photo, |names| names == ["Shared"]).await,
        "the other server follows by itself"
    );
    remove(&here, &shared).await;
    assert!(wait_until_recognised(&there, &admin, &photo, |names| names.is_empty()).await, "also the removal");
    let back = add(&there, "Back").await;
    assert_eq!(back["index_revision"], 3);
    assert!(wait_until_recognised(&here, &admin, &photo, |names| names == ["Back"]).await);
    let path = format!("/api/products/{}", back["id"].as_str().unwrap());
    assert!(wait_until_recognised(&there, &admin, &photo, |names| names == ["Back"]).await);
    there.patch(&path, &admin, json!({"name": "Renamed"})).await.expect(200);
    let seen = there.post_picture("/api/recognize", &admin, photo.clone()).await.expect(200);
    assert_eq!(seen["items"][0]["candidates"][0]["product_name"], "Renamed", "at once on the server of the change");
    assert!(wait_until_recognised(&here, &admin, &photo, |names| names == ["Renamed"]).await, "and soon on the other");

    if notifies {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE query LIKE 'LISTEN%' AND datname = current_database()";
        here.database.execute(cut).await;
        let after = there.post_form("/api/products", &admin, &[("name", "After")], vec![package_photo(1, 0)]).await;
        let after = after.expect(201);
        assert!(
            wait_until_recognised(&here, &admin, &photo, |names| names == ["Renamed", "After"]).await,
            "the lost notification is made up for"
        );
        remove(&there, &after).await;
        assert!(
            wait_until_recognised(&here, &admin, &photo, |names| names == ["Renamed"]).await,
            "and notifications arrive again"
        );
    }
}

/// During a switch to another model, or by mistake. Each server has embeddings of its own and never compares another model's.
async fn servers_with_different_models_use_their_own_embeddings(database: TestDatabase) {
    let here = TestApp::spawn_program(database.clone(), &[("TILLSIGHT_ENGINE__FOLLOW_S", "1")]).await;
    let other = MODEL.replace("tillsight-small.json", "tillsight-small-fp32.json");
    let settings = [("TILLSIGHT_MODEL", other.as_str()), ("TILLSIGHT_ENGINE__FOLLOW_S", "1")];
    let there = TestApp::spawn_program(database, &settings).await;
    let (admin, photos) = (here.login_admin().await, [package_photo(0, 0), package_photo(1, 0)]);
    let add = async |server: &TestApp, name: &str, photo: &[u8]| {
        server.post_form("/api/products", &admin, &[("name", name)], vec![photo.to_vec()]).await.expect(201)
    };
    let one = add(&here, "One", &photos[0]).await;
    add(&there, "Two", &photos[1]).await;
    let mut models = std::collections::BTreeSet::new();
    for server in [&here, &there] {
        for (photo, name) in photos.iter().zip(["One", "Two"]) {
            assert!(wait_until_recognised(server, &admin, photo, |names| names.first() == Some(&name)).await);
            let seen = server.post_picture("/api/recognize", &admin, photo.clone()).await.expect(200);
            let score = seen["items"][0]["candidates"][0]["score"].as_f64().unwrap();
            assert!(score > 0.999, "{score}: an embedding was compared with another model's");
            models.insert(seen["model"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(models.len(), 2, "{models:?}");
    there.delete(&format!("/api/products/{}", one["id"].as_str().unwrap()), &admin).await.expect(204);
    for server in [&here, &there] {
        assert!(wait_until_recognised(server, &admin, &photos[0], |names| names == ["Two"]).await);
    }
}

/// The error of a start with `secret` and `folder`, in one line.
async fn refused_start(database: &TestDatabase, secret: &str, folder: &Path) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.arg("serve").stdout(Stdio::null()).current_dir(folder).kill_on_drop(true);
    program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret()).env("TILLSIGHT_BIND", "127.0.0.1:0");
    program.env("TILLSIGHT_DATA_DIR", folder).env("TILLSIGHT_MODEL", MODEL).env("TILLSIGHT_TOKEN_SECRET", secret);
    program.env("TILLSIGHT_LOG_FILTER", "warn");
    let output = tokio::time::timeout(Duration::from_secs(60), program.output()).await;
    let output = output.expect("the start must be refused").unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

async fn a_server_with_another_key_or_other_photos_does_not_start(database: TestDatabase) {
    const OTHER_SECRET: &str = "another secret of thirty-two bytes";
    let mut here = TestApp::spawn_program(database.clone(), &[]).await;
    let shared = folder_with_shared_photos(&database);
    let refused = refused_start(&database, OTHER_SECRET, shared.path()).await;
    let here_id = format!("process {}", here.process_id());
    assert!(refused.contains("TILLSIGHT_TOKEN_SECRET") && refused.contains(&here_id), "{refused}");
    assert!(!refused.contains(OTHER_SECRET) && !refused.contains(TOKEN_SECRET), "{refused}");
    let stored = database.count("SELECT COUNT(*) FROM running_servers WHERE LENGTH(token_key) = 32").await;
    assert_eq!(stored, 1, "a hash of the key, of the one server that runs");

    let elsewhere = tempfile::tempdir().unwrap();
    let refused = refused_start(&database, TOKEN_SECRET, elsewhere.path()).await;
    let folder = elsewhere.path().join("images").display().to_string();
    assert!(refused.contains(&folder) && refused.contains("TILLSIGHT_DATA_DIR"), "{refused}");

    let mut there = TestApp::spawn_program_in(database.clone(), shared.path(), &[]).await;
    assert!(there.terminate().await && here.terminate().await);
    let settings = [("TILLSIGHT_TOKEN_SECRET", OTHER_SECRET)];
    TestApp::spawn_program_in(database, elsewhere.path(), &settings).await.login_admin().await;
}

on_both_databases!(
    a_server_with_another_key_or_other_photos_does_not_start,
    changes_made_through_another_server_are_followed,
    servers_with_different_models_use_their_own_embeddings,
);

/// Products enrolled and bills confirmed while one of three servers is killed.
const PRODUCTS: usize = 12;
const CONFIRMS: usize = 60;
/// Clients that confirm at the same time.
const TILLS: usize = 6;
/// Confirmed bills after which one server is killed.
const KILLED_AFTER: usize = 15;

/// Three servers, and what a client needs for a request to any of them.
struct Chain {
    servers: Vec<TestApp>,
    admin: String,
    kiosk: String,
    milk: String,
}

impl Chain {
    /// Sends a request to the next server if one does not reply or is not ready, like a proxy.
    async fn post(&self, first: usize, path: &str, token: &str, key: Option<&str>, body: &Value) -> Reply {
        for turn in 0..60 {
            let server = &self.servers[(first + turn) % self.servers.len()];
            let sent = server.try_call(Method::POST, path, Some(token), |request| {
                key.into_iter().fold(request, |request, key| request.header("idempotency-key", key)).json(body)
            });
            match sent.await {
                Ok(reply) if reply.status != 503 => return reply,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        panic!("no server replies to {path}");
    }

    /// Opens a session through one server, adds milk to its bill through the next and confirms it through the third.
    /// Returns the receipt number.
    async fn sell(&self, turn: usize) -> i64 {
        let session = self.post(turn, "/api/sessions", &self.kiosk, None, &json!({})).await.expect(201);
        let path = format!("/api/sessions/{}", session["id"].as_str().unwrap());
        let item = json!({"version": 1, "product_id": self.milk});
        let filled = self.post(turn + 1, &format!("{path}/items"), &self.kiosk, None, &item).await;
        // The first server may have added the item and been killed before it replied.
        let version = if filled.status == 200 { filled.json["version"].clone() } else { json!(2) };
        let (body, key) = (json!({"version": version}), format!("turn-{turn}"));
        let order = self.post(turn + 2, &format!("{path}/confirm"), &self.kiosk, Some(&key), &body).await.expect(201);
        order["receipt_number"].as_i64().unwrap()
    }

    /// Enrols a product with one photo. True if some server acknowledged it.
    async fn enrol(&self, product: usize, photo: &[u8]) -> bool {
        for turn in 0..60 {
            let server = &self.servers[(product + turn) % self.servers.len()];
            let name = format!("Product {product}");
            let sent = server.try_call(Method::POST, "/api/products", Some(&self.admin), |request| {
                request.multipart(form(&[("name", &name)], vec![photo.to_vec()]))
            });
            match sent.await {
                // 409: the photo is enrolled already; a server committed it and was killed before it replied.
                Ok(reply) if reply.status == 201 || reply.status == 409 => return true,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        false
    }
}

/// The best product name for each photo.
async fn recognised_names(server: &TestApp, token: &str, photos: &[Vec<u8>]) -> Vec<String> {
    let mut names = Vec::new();
    for photo in photos {
        let seen = server.post_picture("/api/recognize", token, photo.clone()).await.expect(200);
        names.push(seen["items"][0]["candidates"][0]["product_name"].as_str().unwrap_or("nothing").to_owned());
    }
    names
}

async fn three_servers_serve_one_store_and_one_may_be_killed(database: TestDatabase) {
    let folders: Vec<_> = (0..3).map(|_| folder_with_shared_photos(&database)).collect();
    let settings = [("TILLSIGHT_ENGINE__FOLLOW_S", "3600")];
    let mut servers = Vec::new();
    for folder in &folders {
        servers.push(TestApp::spawn_program_in(database.clone(), folder.path(), &settings).await);
    }
    let admin = servers[0].login_admin().await;
    let store = servers[1].create_store(&admin).await;
    let kiosk = servers[2].enrol_kiosk(&admin, &store).await;
    let texts = [("name", "Milk"), ("price", "129"), ("currency", "EUR")];
    let milk = servers[0].create_product(&admin, &texts).await;

    let first = package_photo(PRODUCTS, 0);
    servers[0].post_form("/api/products", &admin, &[("name", "First")], vec![first.clone()]).await.expect(201);
    let enrolled_at = Instant::now();
    for server in &servers[1..] {
        assert!(wait_until_recognised(server, &admin, &first, |names| names == ["First"]).await);
    }
    say(&format!(
        "enrolled through one server, recognised by two others {} ms later",
        enrolled_at.elapsed().as_millis()
    ));

    let photos: Arc<Vec<Vec<u8>>> = Arc::new((0..PRODUCTS).map(|product| package_photo(product, 0)).collect());
    let chain = Arc::new(Chain { servers, admin, kiosk, milk });
    let (turns, sold) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(BTreeMap::new())));
    let mut clients = Vec::new();
    for _ in 0..TILLS {
        let (chain, turns, sold) = (Arc::clone(&chain), Arc::clone(&turns), Arc::clone(&sold));
        clients.push(tokio::spawn(async move {
            loop {
                let turn = turns.fetch_add(1, Ordering::SeqCst);
                if turn >= CONFIRMS {
                    break;
                }
                let number = chain.sell(turn).await;
                let mut sold = sold.lock().unwrap();
                assert_eq!(sold.insert(number, turn), None, "receipt number {number} was used twice");
                if sold.len() == KILLED_AFTER {
                    chain.servers[2].kill();
                }
            }
        }));
    }
    for product in 0..PRODUCTS {
        assert!(chain.enrol(product, &photos[product]).await, "no server enrols product {product}");
    }
    for client in clients {
        client.await.unwrap();
    }
    let numbers: Vec<i64> = sold.lock().unwrap().keys().copied().collect();
    assert_eq!(numbers, (1..=CONFIRMS as i64).collect::<Vec<_>>(), "every acknowledged receipt, without a gap");
    assert_eq!(database.count("SELECT COUNT(*) FROM orders").await, CONFIRMS as i64);

    let names: Vec<String> = (0..PRODUCTS).map(|product| format!("Product {product}")).collect();
    for server in &chain.servers[..2] {
        assert!(wait_until_recognised(server, &chain.admin, &photos[PRODUCTS - 1], |names| names.len() == 5).await);
        assert_eq!(recognised_names(server, &chain.admin, &photos).await, names);
    }
    let restarted = TestApp::spawn_program_in(database.clone(), folders[2].path(), &settings).await;
    assert_eq!(recognised_names(&restarted, &chain.admin, &photos).await, names, "the killed server has caught up");
    let revision =
        async |server: &TestApp| server.get("/readyz", &chain.admin).await.expect(200)["index_revision"].clone();
    assert_eq!(revision(&restarted).await, revision(&chain.servers[0]).await);
}

/// An idle connection is tested before it is used.
async fn idle_connections_that_were_cut_are_replaced(database: TestDatabase) {
    /// More than the server has connections.
    const REQUESTS: usize = 40;
    // Nothing but the requests below uses connections.
    let quiet = "[engine]\nfollow_s = 3600\n[monitoring]\nenabled = false";
    let app = TestApp::spawn_with(database, quiet).await;
    let admin = app.login_admin().await;
    let at_once = async || join_all((0..REQUESTS).map(|_| app.get("/api/orders", &admin))).await;
    at_once().await;
    let cut = "SELECT COUNT(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'tillsight' AND query NOT LIKE 'LISTEN%' \
               AND datname = current_database() AND pid <> pg_backend_pid()) cut";
    assert!(app.database.count(cut).await > 1, "no connections were cut");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for reply in at_once().await {
        reply.expect(200);
    }
}

mod postgresql {
    /// PostgreSQL only: nobody can cut the connections of SQLite.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn idle_connections_that_were_cut_are_replaced() {
        super::idle_connections_that_were_cut_are_replaced(super::TestDatabase::postgres().await).await;
    }

    /// PostgreSQL only: SQLite is for one server.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn three_servers_serve_one_store_and_one_may_be_killed() {
        let database = super::TestDatabase::postgres().await;
        Box::pin(super::three_servers_serve_one_store_and_one_may_be_killed(database)).await;
    }
}
