//! Texts that look alike and differ in their bytes, as keyboards and systems produce them: one name, one password.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher};
use serde_json::{Value, json};

use crate::harness::{Reply, TestApp, TestDatabase, on_both_databases};

/// As keyboards type it, and as macOS and old systems write it.
const COMPOSED: [&str; 2] = ["홍길동", "le café de 한강"];
const DECOMPOSED: [&str; 2] = [
    "\u{1112}\u{1169}\u{11bc}\u{1100}\u{1175}\u{11af}\u{1103}\u{1169}\u{11bc}",
    "le cafe\u{301} de \u{1112}\u{1161}\u{11ab}\u{1100}\u{1161}\u{11bc}",
];

async fn post_credentials(app: &TestApp, path: &str, [username, password]: [&str; 2]) -> Reply {
    app.post_anonymously(path, json!({"username": username, "password": password})).await
}

async fn an_account_has_one_name_and_one_password_in_both_forms(database: TestDatabase) {
    let mut app = TestApp::spawn(database).await;
    let account = post_credentials(&app, "/api/auth/signup", DECOMPOSED).await.expect(201);
    assert_eq!(account["user"]["username"], COMPOSED[0]);
    post_credentials(&app, "/api/auth/signup", COMPOSED).await.expect_problem(409, "taken");
    for credentials in [COMPOSED, DECOMPOSED, [COMPOSED[0], DECOMPOSED[1]]] {
        post_credentials(&app, "/api/auth/login", credentials).await.expect(200);
    }
    let admin = app.login_admin().await;
    let found = app.get(&format!("/api/users?q={}", DECOMPOSED[0]), &admin).await.expect(200);
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    let same = json!({"current_password": COMPOSED[1], "new_password": DECOMPOSED[1]});
    let token = account["access_token"].as_str().unwrap();
    app.post("/api/auth/password", token, same).await.expect_problem(422, "invalid-field");

    // An account of before: name and hash are as they were typed.
    let hash: PasswordHash = Argon2::default().hash_password(DECOMPOSED[1].as_bytes()).unwrap();
    app.database.execute_with("UPDATE users SET password_hash = $1 WHERE role = 'user'", &hash.to_string()).await;
    app.database.execute_with("UPDATE users SET username = $1 WHERE role = 'user'", DECOMPOSED[0]).await;
    app.restart().await;
    post_credentials(&app, "/api/auth/login", COMPOSED).await.expect_problem(401, "wrong-credentials");
    post_credentials(&app, "/api/auth/login", DECOMPOSED).await.expect(200);
    // The login has renewed the hash.
    post_credentials(&app, "/api/auth/login", COMPOSED).await.expect(200);
}

async fn products_and_stores_are_stored_and_found_in_one_form(database: TestDatabase) {
    let mut app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let [composed, decomposed] = ["Crème fraîche", "Cre\u{300}me frai\u{302}che"];
    let product = app.create_product(&admin, &[("name", decomposed), ("sku", "CF-1")]).await;
    let store = app.post("/api/stores", &admin, json!({"name": decomposed})).await.expect(201);
    assert_eq!(store["name"], composed);
    let assert_found = async |app: &TestApp| {
        for typed in [composed, decomposed] {
            let found = app.get(&format!("/api/products?q={}", typed.replace(' ', "%20")), &admin).await.expect(200);
            assert_eq!((&found["data"][0]["id"], &found["data"][0]["name"]), (&json!(product), &json!(composed)));
        }
    };
    assert_found(&app).await;
    app.database.execute_with("UPDATE products SET name = $1, name_folded = $1", decomposed).await;
    app.database.execute_with("UPDATE stores SET name = $1", decomposed).await;
    app.restart().await;
    assert_found(&app).await;
    let stores: Value = app.get("/api/stores", &admin).await.expect(200);
    assert_eq!(stores["data"][0]["name"], composed);
}

on_both_databases!(
    an_account_has_one_name_and_one_password_in_both_forms,
    products_and_stores_are_stored_and_found_in_one_form,
);
