//! The way back after a forgotten password: by an admin, and on the machine.

use std::process::Output;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{ADMIN_PASSWORD, Reply, TestApp, TestDatabase, on_both_databases};

const PASSWORD: &str = "apples and oranges";

async fn try_login(app: &TestApp, username: &str, password: &str) -> Reply {
    app.post_anonymously("/api/auth/login", json!({"username": username, "password": password})).await
}

/// Runs `tillsight user reset-password` on the server's database.
async fn reset_on_machine(database: &TestDatabase, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.args(["user", "reset-password"]).args(arguments).current_dir(database.folder());
    program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret());
    program.env("TILLSIGHT_DATA_DIR", database.folder().join("elsewhere"));
    program.output().await.unwrap()
}

/// Signs in with the one-time password, which allows nothing but a change of it, and changes it.
async fn choose_password(app: &TestApp, username: &str, one_time: &str) {
    let pair = try_login(app, username, one_time).await.expect(200);
    assert_eq!(pair["user"]["must_change_password"], true);
    let token = pair["access_token"].as_str().unwrap();
    app.get("/api/mypage/orders", token).await.expect_problem(403, "password-change-required");
    let change = json!({"current_password": one_time, "new_password": "harvest trombone"});
    let pair = app.post("/api/auth/password", token, change).await.expect(200);
    app.get("/api/mypage/orders", pair["access_token"].as_str().unwrap()).await.expect(200);
}

async fn an_admin_resets_a_forgotten_password(database: TestDatabase) {
    let app = TestApp::spawn_with(database, "limits.login_failures = 2").await;
    let admin = app.login_admin().await;
    app.sign_up_shopper("ann.lee").await;
    let ann = try_login(&app, "ann.lee", PASSWORD).await.expect(200);
    let token = ann["access_token"].as_str().unwrap();
    let path = format!("/api/users/{}/reset-password", ann["user"]["id"].as_str().unwrap());
    // Somebody who forgot the password tried it too often.
    for _ in 0..2 {
        try_login(&app, "ann.lee", "something else").await.expect_problem(401, "wrong-credentials");
    }
    try_login(&app, "ann.lee", PASSWORD).await.expect_problem(429, "throttled");
    app.post(&path, token, json!({})).await.expect_problem(403, "forbidden");
    let reset = app.call(reqwest::Method::POST, &path, Some(&admin), |request| request).await.expect(200);
    assert_eq!((&reset["user"]["username"], &reset["user"]["must_change_password"]), (&json!("ann.lee"), &json!(true)));
    let one_time = reset["one_time_password"].as_str().unwrap();
    app.get("/api/auth/me", token).await.expect_problem(401, "not-authenticated");
    let refresh = json!({"refresh_token": ann["refresh_token"]});
    app.post_anonymously("/api/auth/refresh", refresh).await.expect_problem(401, "not-authenticated");
    try_login(&app, "ann.lee", PASSWORD).await.expect_problem(401, "wrong-credentials");
    choose_password(&app, "ann.lee", one_time).await;
    try_login(&app, "ann.lee", one_time).await.expect_problem(401, "wrong-credentials");
    let id = ann["user"]["id"].as_str().unwrap();
    app.patch(&format!("/api/users/{id}"), &admin, json!({"disabled": true})).await.expect(200);
    let useless = app.post(&path, &admin, json!({})).await.expect_problem(422, "invalid-field");
    assert!(useless["detail"].as_str().unwrap().contains("ann.lee is disabled"), "{useless}");
    let unknown = "/api/users/01890000-0000-7000-8000-000000000000/reset-password";
    app.post(unknown, &admin, json!({})).await.expect_problem(404, "not-found");
    let audited = "SELECT COUNT(*) FROM audit_log WHERE action = 'user.password.reset' AND actor LIKE 'user:%'";
    assert_eq!(app.database.count(audited).await, 1);
}

async fn the_command_resets_a_forgotten_password_while_the_server_runs(database: TestDatabase) {
    let mut app = TestApp::spawn_with(database, "limits.login_failures = 3").await;
    let old = app.login_admin().await;
    for _ in 0..3 {
        try_login(&app, "admin", "something else").await.expect_problem(401, "wrong-credentials");
    }
    let output = reset_on_machine(&app.database, &["Admin", "--json"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let reset: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&reset["user"]["username"], &reset["user"]["role"]), (&json!("admin"), &json!("admin")));
    app.get("/api/auth/me", &old).await.expect_problem(401, "not-authenticated");
    try_login(&app, "admin", ADMIN_PASSWORD).await.expect_problem(401, "wrong-credentials");
    // The password in the server's settings does not come back with a restart.
    app.restart().await;
    try_login(&app, "admin", ADMIN_PASSWORD).await.expect_problem(401, "wrong-credentials");
    choose_password(&app, "admin", reset["one_time_password"].as_str().unwrap()).await;

    let output = reset_on_machine(&app.database, &["admin"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let one_time = text.lines().next().unwrap().strip_prefix("One-time password of \"admin\": ").unwrap();
    choose_password(&app, "admin", one_time).await;
    let output = reset_on_machine(&app.database, &["nobody"]).await;
    let reason = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(reason.trim(), "tillsight: user: No account has the name \"nobody\". The admins are: admin.");
    let audited = "SELECT COUNT(*) FROM audit_log WHERE action = 'user.password.reset' AND actor NOT LIKE 'user:%'";
    assert_eq!(app.database.count(audited).await, 2);
    assert!(!app.database.folder().join("elsewhere").exists(), "the command needs no data folder and creates none");
}

async fn a_change_that_changes_nothing_has_no_effect(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let clerk = app.create_clerk(&admin, &store).await;
    let clerk_id = app.get("/api/auth/me", &clerk).await.expect(200)["id"].as_str().unwrap().to_owned();
    let product = app.create_product(&admin, &[("name", "Oat milk"), ("price", "199")]).await;
    let audited = async || app.database.count("SELECT COUNT(*) FROM audit_log").await;
    let before = audited().await;
    let unchanged = [
        (format!("/api/users/{clerk_id}"), json!({"role": "clerk", "store_id": store, "disabled": false})),
        (format!("/api/stores/{store}"), json!({"name": " Test store ", "time_zone": "UTC", "fiscal": true})),
        (format!("/api/products/{product}"), json!({"name": "Oat milk", "price": 199, "active": true})),
    ];
    for (path, same) in unchanged {
        let shown = app.get(&path, &admin).await.expect(200);
        app.clock.advance(1);
        for change in [json!({}), same] {
            assert_eq!(app.patch(&path, &admin, change).await.expect(200), shown, "{path}");
        }
        assert_eq!(app.get(&path, &admin).await.expect(200), shown, "{path}");
    }
    assert_eq!(audited().await, before);
    app.get("/api/auth/me", &clerk).await.expect(200);
    app.patch(&format!("/api/users/{clerk_id}"), &admin, json!({"disabled": true})).await.expect(200);
    app.get("/api/auth/me", &clerk).await.expect_problem(401, "not-authenticated");
    assert_eq!(audited().await, before + 1);
}

on_both_databases!(
    an_admin_resets_a_forgotten_password,
    the_command_resets_a_forgotten_password_while_the_server_runs,
    a_change_that_changes_nothing_has_no_effect,
);
