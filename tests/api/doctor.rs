//! `tillsight doctor` beside a running server, on both databases. `tests/program.rs` breaks everything else.

use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::process::Command;

use crate::harness::{MODEL, TestApp, TestDatabase, on_both_databases};

/// State and finding of the database's check and of the clock's.
async fn diagnose(database: &TestDatabase) -> [(String, String); 2] {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.args(["doctor", "--json"]).current_dir(database.folder()).env("TILLSIGHT_DATA_DIR", database.folder());
    program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret()).env("TILLSIGHT_MODEL", MODEL);
    let output = program.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let diagnosis: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {output:?}"));
    ["database", "clock"].map(|name| {
        let check = diagnosis["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
        let field = |name: &str| check[name].as_str().unwrap().to_owned();
        (field("state"), field("finding"))
    })
}

async fn the_doctor_asks_the_database_and_changes_nothing(database: TestDatabase) {
    let subject = if database.kind() == "sqlite" { "SQLite file" } else { "PostgreSQL" };
    // The clock of the server's process, not a fixed one, dates the records.
    let app = TestApp::spawn_program(database.clone(), &[]).await;
    app.login_admin().await;
    let probes = "SELECT COUNT(*) FROM idempotency_keys WHERE scope = 'probe'";
    let [(state, finding), (clock_state, clock)] = diagnose(&database).await;
    assert!(state == "good" && finding.starts_with(subject) && finding.contains("can be written"), "{finding}");
    assert_eq!(clock_state, "good", "{clock}");
    assert_eq!(clock.contains("as the database's machine does"), database.kind() == "postgres", "{clock}");
    assert_eq!(database.count(probes).await, 0);

    let newest = "SELECT MAX(version) FROM _sqlx_migrations";
    let forget_newest = "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)";
    database.execute(forget_newest).await;
    let [(state, finding), _] = diagnose(&database).await;
    assert!(state == "warning" && finding.contains("pending migrations: 1"), "{finding}");
    database.execute("UPDATE _sqlx_migrations SET version = 9999 WHERE version = 1").await;
    let [(state, finding), _] = diagnose(&database).await;
    assert!(state == "broken" && finding.contains("newer version of tillsight"), "{finding}");
    assert_eq!(database.count(newest).await, 9_999, "nothing was migrated");
}

on_both_databases!(the_doctor_asks_the_database_and_changes_nothing);
