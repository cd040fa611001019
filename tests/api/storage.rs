//! The places that the server writes to: a database that is removed or exchanged, missing files, a full disk.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::alerts::SECRET;
use crate::harness::{
    ADMIN_PASSWORD, AlertReceiver, MODEL, Reply, Shop, TestApp, TestDatabase, execute_unconstrained, on_both_databases,
    package_photo, skip,
};

/// The server looks every second; a busy test machine takes longer.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);

async fn readyz(app: &TestApp) -> Reply {
    app.call(Method::GET, "/readyz", None, |request| request).await
}

/// Polls `/readyz` until `expected` holds for its answer.
async fn wait_for_readyz(app: &TestApp, expected: impl Fn(&Reply) -> bool) -> Reply {
    let begun = Instant::now();
    loop {
        let reply = readyz(app).await;
        if expected(&reply) {
            return reply;
        }
        assert!(begun.elapsed() < NOTICED_WITHIN, "{} {}", reply.status, reply.json);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// `tillsight serve` with these arguments and the database, which is expected not to start.
async fn start_refused(database: &TestDatabase, folder: &Path, arguments: &[&str]) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).current_dir(folder).kill_on_drop(true);
    program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret()).env("TILLSIGHT_BIND", "127.0.0.1:0");
    program.env("TILLSIGHT_DATA_DIR", folder).env("TILLSIGHT_MODEL", MODEL);
    let output = tokio::time::timeout(Duration::from_secs(60), program.output()).await;
    let output = output.expect("the start must be refused").unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// The file of an SQLite database.
fn database_file(database: &TestDatabase) -> std::path::PathBuf {
    database.url().expose_secret().strip_prefix("sqlite://").unwrap().into()
}

/// How the file is lost: `rm`, or another file in its place.
enum Loss {
    Removed,
    Replaced,
}

async fn the_file_is_lost(loss: Loss) {
    let database = TestDatabase::sqlite();
    let receiver = AlertReceiver::start().await;
    let overlay = format!("[monitoring]\nwebhook_url = \"{}\"\nwebhook_secret = \"{SECRET}\"", receiver.url);
    let shop = Shop::open_on_server(
        TestApp::spawn_with(database.clone(), &overlay).await,
        json!({"name": "Corner", "currency": "EUR"}),
    )
    .await;
    let last = shop.place_paid_order().await;
    assert_eq!(readyz(&shop.app).await.status, 200);
    let session = shop.fill_bill(&[(&shop.milk, 1)]).await;
    let (file, aside) = (database_file(&database), database.folder().join("aside.db"));
    std::fs::rename(&file, &aside).unwrap();
    if matches!(loss, Loss::Replaced) {
        std::fs::write(&file, b"").unwrap();
    }
    let ready = wait_for_readyz(&shop.app, |reply| reply.status == 503).await.json;
    let detail = ready["detail"].as_str().unwrap();
    assert!(detail.contains("sales and changes are refused") && !detail.contains("test.db"), "{detail}");
    let confirm = format!("/api/sessions/{}/confirm", session["id"].as_str().unwrap());
    let refused = shop.post_once(&confirm, &shop.kiosk, json!({"version": session["version"]})).await;
    assert_eq!(refused.expect_problem(503, "unavailable")["detail"], detail, "the till is told whom to tell");
    // The refusal comes first, then the rescue; both are told.
    let mut told = Vec::new();
    let begun = Instant::now();
    while !told.iter().any(|text: &String| text.contains("was written to rescued-1.db")) {
        assert!(begun.elapsed() < NOTICED_WITHIN, "{told:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        for request in receiver.take_requests() {
            let body = request.json();
            if body["data"]["key"] == "storage:database-lost" {
                assert_eq!(body["type"], "alert.fired");
                told.push(body["data"]["message"].as_str().unwrap().to_owned());
            }
        }
    }
    assert!(told[0].contains("do not stop the server yet") && told[0].contains("test.db"), "{told:?}");
    let faults = shop.app.get("/api/monitoring/storage", &shop.admin).await.expect(200);
    assert_eq!(faults["data"][0]["kind"], "database-lost");
    assert_eq!(faults["data"][0]["text"], *told.last().unwrap());
    // What the lost file held, with the last sale.
    let rescued = database.folder().join("rescued-1.db");
    let rescued = TestDatabase::at(&format!("sqlite://{}", rescued.display()));
    assert_eq!(rescued.count("SELECT COUNT(*) FROM orders WHERE number = 1").await, 1);
    assert!(shop.app.get("/api/orders", &shop.admin).await.status == 200, "reading goes on");
    // The file comes back: selling goes on.
    std::fs::rename(&aside, &file).unwrap();
    wait_for_readyz(&shop.app, |reply| reply.status == 200).await;
    assert_eq!(shop.read_order(&last).await["id"], last["id"]);
    shop.confirm(&session).await;
}

async fn another_database_under_the_running_server_is_noticed(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    // What a person sees who points the address at an empty database: the same address, other rows.
    let session = shop.fill_bill(&[(&shop.milk, 1)]).await;
    database.run_script("ALTER TABLE users RENAME TO lost", "ALTER TABLE users RENAME TO lost").await;
    wait_for_readyz(&shop.app, |reply| reply.status == 503 && reply.json["fault"] == "database-lost").await;
    let confirm = format!("/api/sessions/{}/confirm", session["id"].as_str().unwrap());
    let refused = shop.post_once(&confirm, &shop.kiosk, json!({"version": session["version"]})).await;
    refused.expect_problem(503, "unavailable");
    // The caller is looked up in the missing table.
    shop.app.get("/api/orders", &shop.admin).await.expect_problem(503, "unavailable");
    database.run_script("ALTER TABLE lost RENAME TO users", "ALTER TABLE lost RENAME TO users").await;
    wait_for_readyz(&shop.app, |reply| reply.status == 200).await;
    shop.confirm(&session).await;
}

async fn an_older_database_under_the_running_server_is_noticed(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    for _ in 0..3 {
        shop.place_paid_order().await;
    }
    let numbers = database.folder().join("last-numbers.json");
    let begun = Instant::now();
    let is_remembered = || {
        let text = std::fs::read(&numbers).unwrap_or_default();
        let given: Value = serde_json::from_slice(&text).unwrap_or_default();
        given
            .as_array()
            .is_some_and(|given| given.iter().any(|given| given["series"] == "order" && given["number"] == 3))
    };
    while !is_remembered() {
        assert!(begun.elapsed() < NOTICED_WITHIN * 2, "the numbers are not remembered");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // A counter that was only set back is no older database: the records keep their numbers from being given again.
    database.execute("UPDATE number_series SET last_number = 1").await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(readyz(&shop.app).await.status, 200);
    execute_unconstrained!(
        database,
        "DELETE FROM payments WHERE number > 1; \
         DELETE FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE number > 1); \
         DELETE FROM orders WHERE number > 1;"
    );
    let begun = Instant::now();
    while readyz(&shop.app).await.json["fault"] != "numbers-forgotten" {
        assert!(begun.elapsed() < NOTICED_WITHIN * 2, "forgotten numbers are not noticed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let refused = shop.app.post("/api/sessions", &shop.kiosk, json!({})).await.expect_problem(503, "unavailable");
    assert!(!refused["detail"].as_str().unwrap().contains("numbering repair"), "{refused}");
    let faults = shop.app.get("/api/monitoring/storage", &shop.admin).await.expect(200);
    let text = faults["data"][0]["text"].as_str().unwrap();
    assert!(text.contains("numbering repair void"), "{text}");
}

async fn missing_folders_and_files_are_told_while_selling_goes_on(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let photo = vec![package_photo(0, 0)];
    let path = "/api/products";
    shop.app.post_form(path, &shop.admin, &[("name", "Tea"), ("region", "whole")], photo).await.expect(201);
    for name in ["images", "token.key"] {
        let (place, aside) = (database.folder().join(name), database.folder().join("aside"));
        std::fs::rename(&place, &aside).unwrap();
        let ready = wait_for_readyz(&shop.app, |reply| reply.json["storage_faults"] == json!(["files-missing"])).await;
        assert_eq!(ready.status, 200);
        let faults = shop.app.get("/api/monitoring/storage", &shop.admin).await.expect(200);
        assert!(faults["data"][0]["text"].as_str().unwrap().contains(name), "{faults}");
        shop.place_paid_order().await;
        std::fs::rename(&aside, &place).unwrap();
        wait_for_readyz(&shop.app, |reply| reply.json["storage_faults"] == json!([])).await;
    }
}

async fn a_start_beside_traces_of_a_shop_without_its_database_stops_and_asks(database: TestDatabase) {
    let mut shop = Shop::open(database.clone()).await;
    let photo = vec![package_photo(0, 0)];
    let path = "/api/products";
    shop.app.post_form(path, &shop.admin, &[("name", "Tea"), ("region", "whole")], photo).await.expect(201);
    shop.app.stop().await;
    let empty = match database.kind() {
        "sqlite" => TestDatabase::sqlite(),
        _ => TestDatabase::postgres().await,
    };
    let folder = database.folder();
    for arguments in [["serve"], ["migrate"]] {
        let refused = start_refused(&empty, folder, &arguments).await;
        assert!(refused.contains("--new-store") && refused.contains("images"), "{refused}");
    }
    if database.kind() == "sqlite" {
        assert!(!database_file(&empty).exists(), "nothing was made");
    }
    // Each trace alone is enough.
    let traces = ["token.key", "images", "last-numbers.json"];
    for kept in traces {
        let elsewhere = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").arg("-r").arg(folder.join(kept)).arg(elsewhere.path()).status().await;
        assert!(copied.unwrap().success());
        let refused = start_refused(&empty, elsewhere.path(), &["serve"]).await;
        assert!(refused.contains(kept), "{refused}");
    }
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.args(["migrate", "--new-store"]).env("TILLSIGHT_DATABASE_URL", empty.url().expose_secret());
    program.env("TILLSIGHT_DATA_DIR", folder).current_dir(folder);
    assert!(program.status().await.unwrap().success());
    // An empty folder asks nothing.
    let fresh = tempfile::tempdir().unwrap();
    TestApp::spawn_program_in(empty, fresh.path(), &[]).await.login_admin().await;
}

/// On a small disk of its own (a tmpfs in a mount namespace).
async fn a_full_disk_is_told_without_the_database() {
    let receiver = AlertReceiver::start().await;
    let settings = [
        ("TILLSIGHT_MONITORING__WEBHOOK_URL", receiver.url.as_str()),
        ("TILLSIGHT_MONITORING__WEBHOOK_SECRET", SECRET),
    ];
    let Some(app) = TestApp::spawn_program_on_small_disk(TestDatabase::sqlite(), &settings).await else {
        let name = "storage::sqlite_alone::a_full_disk_is_told_without_the_database";
        return skip(name, "this machine lets nobody mount a tmpfs");
    };
    let shop = Shop::open_on_server(app, json!({"name": "Corner", "currency": "EUR"})).await;
    let credentials = json!({"username": "admin", "password": ADMIN_PASSWORD});
    let pair = shop.app.post_anonymously("/api/auth/login", credentials.clone()).await.expect(200);
    shop.app.fill_disk();
    let begun = Instant::now();
    loop {
        let session = shop.app.post("/api/sessions", &shop.kiosk, json!({})).await;
        if session.status == 507 {
            break;
        }
        assert!(begun.elapsed() < NOTICED_WITHIN, "the file still grows");
    }
    let ready = readyz(&shop.app).await.expect_problem(507, "disk-full");
    assert!(ready["detail"].as_str().unwrap().contains("full"), "{ready}");
    let signed_in = shop.app.post_anonymously("/api/auth/login", credentials).await.expect(200);
    assert_eq!(signed_in["refresh_token"], Value::Null);
    let token = signed_in["access_token"].as_str().unwrap();
    shop.app.get("/api/orders", token).await.expect(200);
    let refresh = json!({"refresh_token": pair["refresh_token"]});
    let refreshed = shop.app.post_anonymously("/api/auth/refresh", refresh.clone()).await.expect(200);
    assert_eq!(refreshed["refresh_token"], Value::Null);
    shop.app.get("/api/orders", refreshed["access_token"].as_str().unwrap()).await.expect(200);
    // Guesses are counted in memory.
    let mut guesses = Vec::new();
    for _ in 0..12 {
        let guess = json!({"username": "nobody", "password": "a wrong guess"});
        guesses.push(shop.app.post_anonymously("/api/auth/login", guess).await.status.as_u16());
    }
    assert!(guesses.starts_with(&[401; 10]) && guesses.ends_with(&[429, 429]), "{guesses:?}");
    let mut told = Vec::new();
    let wait_for = async |told: &mut Vec<String>, event: &str| {
        let begun = Instant::now();
        while !told.iter().any(|seen| seen == event) {
            assert!(begun.elapsed() < NOTICED_WITHIN * 2, "{told:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
            let requests = receiver.take_requests().into_iter().map(|request| request.json());
            let storage = requests.filter(|body| body["data"]["key"] == "storage:disk-full");
            told.extend(storage.map(|body| body["type"].as_str().unwrap().to_owned()));
        }
    };
    wait_for(&mut told, "alert.fired").await;
    // There is room again.
    shop.app.free_disk();
    wait_for_readyz(&shop.app, |reply| reply.status == 200).await;
    wait_for(&mut told, "alert.resolved").await;
    shop.app.post_anonymously("/api/auth/refresh", refresh).await.expect(200);
    shop.place_paid_order().await;
}

/// An older copy over the file, in place: the same file to the file system, and other pages than SQLite wrote.
async fn a_file_that_is_written_over_is_noticed() {
    let database = TestDatabase::sqlite();
    let shop = Shop::open(database.clone()).await;
    let session = shop.fill_bill(&[(&shop.milk, 1)]).await;
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let file = std::fs::OpenOptions::new().write(true).open(database_file(&database)).unwrap();
    // The watch has seen its length.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let bytes = file.metadata().unwrap().len();
    file.set_len(bytes / 2).unwrap();
    wait_for_readyz(&shop.app, |reply| reply.json["fault"] == "database-damaged").await;
    let confirm = format!("/api/sessions/{}/confirm", session["id"].as_str().unwrap());
    let refused = shop.post_once(&confirm, &shop.kiosk, json!({"version": session["version"]})).await;
    refused.expect_problem(503, "unavailable");
}

async fn a_start_on_a_damaged_file_is_refused_in_one_line() {
    let database = TestDatabase::sqlite();
    let mut shop = Shop::open(database.clone()).await;
    let file = database_file(&database);
    let log = std::path::PathBuf::from(format!("{}-wal", file.display()));
    // An older copy, and the newer log of another one.
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let older = std::fs::read(&file).unwrap();
    for _ in 0..20 {
        shop.place_paid_order().await;
    }
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    for _ in 0..5 {
        shop.place_paid_order().await;
    }
    let newer_log = std::fs::read(&log).unwrap();
    shop.app.stop().await;
    std::fs::write(&file, older).unwrap();
    std::fs::write(&log, newer_log).unwrap();
    for arguments in [["serve"], ["migrate"]] {
        let refused = start_refused(&database, database.folder(), &arguments).await;
        assert!(refused.contains("damaged") && refused.contains("-wal"), "{refused}");
        assert!(!refused.contains("empty or missing"), "{refused}");
    }
    // Nor is a file that is no database at all called empty.
    std::fs::remove_file(&log).unwrap();
    std::fs::write(&file, vec![7; 8_192]).unwrap();
    let refused = start_refused(&database, database.folder(), &["serve"]).await;
    assert!(refused.contains("not a database") && !refused.contains("empty or missing"), "{refused}");
}

async fn a_start_says_which_files_are_gone(database: TestDatabase) {
    let mut shop = Shop::open(database.clone()).await;
    let photo = vec![package_photo(0, 0)];
    let path = "/api/products";
    shop.app.post_form(path, &shop.admin, &[("name", "Tea"), ("region", "whole")], photo).await.expect(201);
    shop.app.stop().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret()).env("TILLSIGHT_BIND", "127.0.0.1:0");
    program.env("TILLSIGHT_DATA_DIR", elsewhere.path()).env("TILLSIGHT_MODEL", MODEL).current_dir(elsewhere.path());
    let mut started = program.spawn().unwrap();
    let mut lines = BufReader::new(started.stderr.take().unwrap()).lines();
    let mut missing = vec!["images", "token.key"];
    let look = async {
        while !missing.is_empty() {
            let line = lines.next_line().await.unwrap().unwrap();
            missing.retain(|name| !(line.contains(elsewhere.path().to_str().unwrap()) && line.contains(name)));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.unwrap();
    started.kill().await.unwrap();
}

on_both_databases!(
    a_start_says_which_files_are_gone,
    another_database_under_the_running_server_is_noticed,
    an_older_database_under_the_running_server_is_noticed,
    missing_folders_and_files_are_told_while_selling_goes_on,
    a_start_beside_traces_of_a_shop_without_its_database_stops_and_asks,
);

/// SQLite only: PostgreSQL's files are its own affair.
mod sqlite_alone {
    use super::Loss;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_removed_file_is_noticed_and_its_content_rescued() {
        Box::pin(super::the_file_is_lost(Loss::Removed)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_replaced_file_is_noticed_and_its_content_rescued() {
        Box::pin(super::the_file_is_lost(Loss::Replaced)).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_file_that_is_written_over_is_noticed() {
        super::a_file_that_is_written_over_is_noticed().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_start_on_a_damaged_file_is_refused_in_one_line() {
        super::a_start_on_a_damaged_file_is_refused_in_one_line().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_disk_is_told_without_the_database() {
        super::a_full_disk_is_told_without_the_database().await;
    }
}
