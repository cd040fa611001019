//! Accounts: signing up and in, sessions, passwords, roles, and the throttling of guesses.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_PASSWORD, Reply, TestApp, TestDatabase, on_both_databases};

const PASSWORD: &str = "a till that sees";

async fn sign_up(app: &TestApp, username: &str) -> Value {
    app.post_anonymously("/api/auth/signup", json!({"username": username, "password": PASSWORD})).await.expect(201)
}

async fn try_login(app: &TestApp, username: &str, password: &str) -> Reply {
    app.post_anonymously("/api/auth/login", json!({"username": username, "password": password})).await
}

async fn refresh(app: &TestApp, pair: &Value) -> Reply {
    app.post_anonymously("/api/auth/refresh", json!({"refresh_token": pair["refresh_token"]})).await
}

fn access_token(pair: &Value) -> &str {
    pair["access_token"].as_str().unwrap()
}

fn account_path(pair: &Value) -> String {
    format!("/api/users/{}", pair["user"]["id"].as_str().unwrap())
}

async fn a_shopper_signs_up_and_in_and_reads_their_account(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let signed_up = sign_up(&app, "Ann.Lee").await;
    let pair = try_login(&app, "ann.lee", PASSWORD).await.expect(200);
    assert_eq!((pair["token_type"].as_str(), pair["expires_in"].as_i64()), (Some("Bearer"), Some(600)));
    let user = &pair["user"];
    assert_eq!(*user, signed_up["user"]);
    assert_eq!((user["username"].as_str(), user["role"].as_str()), (Some("ann.lee"), Some("user")));
    assert_eq!((&user["store_id"], &user["must_change_password"]), (&Value::Null, &json!(false)));
    assert_eq!(user["created_at"], "2026-01-05T12:00:00Z");
    assert_eq!(app.get("/api/auth/me", access_token(&pair)).await.expect(200), *user);
    let taken = json!({"username": "ANN.LEE", "password": PASSWORD});
    let taken = app.post_anonymously("/api/auth/signup", taken).await.expect_problem(409, "taken");
    assert_eq!(taken["field"], "username");
}

async fn a_session_survives_a_lost_refresh_reply_and_ends_when_a_token_is_reused(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let first = sign_up(&app, "ann.lee").await;
    let second = refresh(&app, &first).await.expect(200);
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    app.clock.advance(20);
    refresh(&app, &first).await.expect(200);
    app.clock.advance(600);
    app.get("/api/auth/me", access_token(&second)).await.expect_problem(401, "not-authenticated");
    let third = refresh(&app, &second).await.expect(200);
    app.get("/api/auth/me", access_token(&third)).await.expect(200);
    refresh(&app, &first).await.expect_problem(401, "not-authenticated");
    refresh(&app, &third).await.expect_problem(401, "not-authenticated");
    app.get("/api/auth/me", access_token(&third)).await.expect_problem(401, "not-authenticated");
}

async fn signing_out_ends_this_session_and_no_other(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let here = sign_up(&app, "ann.lee").await;
    let there = try_login(&app, "ann.lee", PASSWORD).await.expect(200);
    for _ in 0..2 {
        let token = json!({"refresh_token": here["refresh_token"]});
        app.post_anonymously("/api/auth/logout", token).await.expect(204);
    }
    refresh(&app, &here).await.expect_problem(401, "not-authenticated");
    app.get("/api/auth/me", access_token(&here)).await.expect_problem(401, "not-authenticated");
    app.get("/api/auth/me", access_token(&there)).await.expect(200);
}

async fn a_new_password_ends_every_session(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let old = sign_up(&app, "ann.lee").await;
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let path = "/api/auth/password";
    let wrong = app.post(path, access_token(&old), change("not the old one", "harvest trombone")).await;
    assert_eq!(wrong.expect_problem(422, "invalid-field")["field"], "current_password");
    let short = app.post(path, access_token(&old), change(PASSWORD, "short")).await;
    assert_eq!(short.expect_problem(422, "invalid-field")["field"], "new_password");
    let new = app.post(path, access_token(&old), change(PASSWORD, "harvest trombone")).await.expect(200);
    app.get("/api/auth/me", access_token(&old)).await.expect_problem(401, "not-authenticated");
    refresh(&app, &old).await.expect_problem(401, "not-authenticated");
    app.get("/api/auth/me", access_token(&new)).await.expect(200);
    try_login(&app, "ann.lee", PASSWORD).await.expect_problem(401, "wrong-credentials");
    try_login(&app, "ann.lee", "harvest trombone").await.expect(200);
}

async fn a_login_does_not_reveal_which_names_exist(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    sign_up(&app, "ann.lee").await;
    let disabled = sign_up(&app, "disabled").await;
    app.patch(&account_path(&disabled), &admin, json!({"disabled": true})).await.expect(200);
    let existing = try_login(&app, "ann.lee", "something else").await;
    let unknown = try_login(&app, "nobody", "something else").await;
    let disabled = try_login(&app, "disabled", PASSWORD).await;
    let no_name = try_login(&app, "no name at all", PASSWORD).await;
    for other in [unknown, disabled, no_name] {
        assert_eq!(other.bytes, existing.bytes);
        assert_eq!(other.status, existing.status);
        assert_eq!(other.headers.len(), existing.headers.len());
    }
    existing.expect_problem(401, "wrong-credentials");
}

async fn guessing_is_throttled_across_a_restart(database: TestDatabase) {
    let mut app = TestApp::spawn_with(database, "limits.login_failures = 3").await;
    sign_up(&app, "ann.lee").await;
    for name in ["ann.lee", "nobody"] {
        for _ in 0..3 {
            try_login(&app, name, "something else").await.expect_problem(401, "wrong-credentials");
        }
    }
    app.restart().await;
    for name in ["ann.lee", "nobody"] {
        let refused = try_login(&app, name, PASSWORD).await;
        assert_eq!(refused.headers["retry-after"], "900");
        assert_eq!(refused.expect_problem(429, "throttled")["retry_after_s"], 900);
    }
    app.clock.advance(901);
    try_login(&app, "ann.lee", PASSWORD).await.expect(200);
}

async fn guessing_from_one_address_is_throttled_whatever_the_forwarded_header_says(database: TestDatabase) {
    let app = TestApp::spawn_with(database, "limits.login_failures = 1").await;
    for attempt in 0..5 {
        let body = json!({"username": format!("name{attempt}"), "password": PASSWORD});
        let forged = format!("198.51.100.{attempt}");
        let guess = app.call(Method::POST, "/api/auth/login", None, |request| {
            request.json(&body).header("x-forwarded-for", forged)
        });
        guess.await.expect_problem(401, "wrong-credentials");
    }
    try_login(&app, "admin", ADMIN_PASSWORD).await.expect_problem(429, "throttled");
}

async fn a_first_password_must_be_changed_before_anything_else(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let bob = json!({"username": "bob", "password": PASSWORD, "role": "clerk", "store_id": store});
    let created = app.post("/api/users", &admin, bob).await.expect(201);
    assert_eq!((&created["must_change_password"], &created["store_id"]), (&json!(true), &json!(store)));
    let pair = try_login(&app, "bob", PASSWORD).await.expect(200);
    app.get("/api/stores", access_token(&pair)).await.expect_problem(403, "password-change-required");
    app.get("/api/auth/me", access_token(&pair)).await.expect(200);
    let change = json!({"current_password": PASSWORD, "new_password": "harvest trombone"});
    let pair = app.post("/api/auth/password", access_token(&pair), change).await.expect(200);
    app.get("/api/stores", access_token(&pair)).await.expect(200);
}

async fn a_role_counts_from_the_next_request_on(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let ann = sign_up(&app, "ann.lee").await;
    let path = account_path(&ann);
    app.get("/api/users", access_token(&ann)).await.expect_problem(403, "forbidden");
    app.patch(&path, access_token(&ann), json!({"role": "admin"})).await.expect_problem(403, "forbidden");
    let no_store = app.patch(&path, &admin, json!({"role": "clerk"})).await.expect_problem(422, "invalid-field");
    assert_eq!(no_store["field"], "store_id");
    assert_eq!(app.patch(&path, &admin, json!({"role": "admin"})).await.expect(200)["role"], "admin");
    app.get("/api/users", access_token(&ann)).await.expect_problem(401, "not-authenticated");
    let ann = try_login(&app, "ann.lee", PASSWORD).await.expect(200);
    app.get(&path, access_token(&ann)).await.expect(200);
    app.patch(&path, &admin, json!({"disabled": true})).await.expect(200);
    app.get(&path, access_token(&ann)).await.expect_problem(401, "not-authenticated");
    refresh(&app, &ann).await.expect_problem(401, "not-authenticated");
}

async fn the_last_admin_remains_even_if_two_admins_demote_each_other(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = try_login(&app, "admin", ADMIN_PASSWORD).await.expect(200);
    for change in [json!({"role": "user"}), json!({"disabled": true})] {
        app.patch(&account_path(&admin), access_token(&admin), change).await.expect_problem(409, "last-admin");
    }
    let ann = sign_up(&app, "ann.lee").await;
    app.patch(&account_path(&ann), access_token(&admin), json!({"role": "admin"})).await.expect(200);
    let ann = try_login(&app, "ann.lee", PASSWORD).await.expect(200);
    let demote = || json!({"role": "user"});
    let (first, second) = (account_path(&ann), account_path(&admin));
    let (one, other) = tokio::join!(
        app.patch(&first, access_token(&admin), demote()),
        app.patch(&second, access_token(&ann), demote()),
    );
    let done = [&one, &other].into_iter().filter(|reply| reply.status == 200).count();
    assert_eq!(done, 1, "{one:?} {other:?}");
}

async fn accounts_are_listed_in_pages_newest_first(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    for name in ["first", "second", "third"] {
        sign_up(&app, name).await;
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = app.get(&format!("/api/users?limit=2{cursor}"), &admin).await.expect(200);
        let rows = page["data"].as_array().unwrap();
        names.extend(rows.iter().map(|row| row["username"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["third", "second", "first", "admin"]);
}

async fn invalid_names_and_passwords_are_refused_with_the_field_and_not_echoed(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let bad = [
        ("an", PASSWORD, "username", "3 characters"),
        ("ann lee", PASSWORD, "username", "' '"),
        ("ann.lee", "elevenchars", "password", "11 characters"),
        ("ann.lee", "Password123456", "password", "try first"),
        ("ann.lee", "i am ann.lee really", "password", "username"),
    ];
    for (username, password, field, reason) in bad {
        let body = json!({"username": username, "password": password});
        let refused = app.post_anonymously("/api/auth/signup", body).await.expect_problem(422, "invalid-field");
        assert_eq!(refused["field"], field);
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains(reason) && !detail.contains(password), "{detail}");
    }
    let missing = app.post_anonymously("/api/auth/login", json!({"username": "ann.lee"})).await;
    assert!(missing.expect_problem(422, "invalid-field")["detail"].as_str().unwrap().contains("password"));
}

async fn a_foreign_token_is_refused(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let pair = sign_up(&app, "ann.lee").await;
    let good = access_token(&pair);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let payload = head.rsplit_once('.').unwrap().1;
    let forged = [
        "nonsense".to_owned(),
        "tsk_nonsense".to_owned(),
        format!("{head}."),
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        // {"alg":"none","typ":"JWT"}
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{payload}."),
        pair["refresh_token"].as_str().unwrap().to_owned(),
    ];
    for token in forged {
        app.get("/api/auth/me", &token).await.expect_problem(401, "not-authenticated");
    }
    app.get("/api/auth/me", good).await.expect(200);
}

async fn an_invited_clerk_chooses_a_password_and_is_signed_out_by_an_admin(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let body = json!({"username": "Bob_1", "role": "clerk", "store_id": store});
    let invited = app.post("/api/users", &admin, body.clone()).await.expect(201);
    assert_eq!((&invited["username"], &invited["must_change_password"]), (&json!("bob_1"), &json!(true)));
    let first = invited["one_time_password"].as_str().unwrap();
    app.post("/api/users", &admin, body).await.expect_problem(409, "taken");
    let pair = try_login(&app, "bob_1", first).await.expect(200);
    let change = json!({"current_password": first, "new_password": PASSWORD});
    let pair = app.post("/api/auth/password", access_token(&pair), change).await.expect(200);
    app.get("/api/stores", access_token(&pair)).await.expect(200);

    let path = account_path(&pair);
    let account = app.post(&format!("{path}/end-sessions"), &admin, json!({})).await.expect(200);
    assert_eq!((&account["id"], &account["disabled"]), (&invited["id"], &json!(false)));
    app.get("/api/stores", access_token(&pair)).await.expect_problem(401, "not-authenticated");
    refresh(&app, &pair).await.expect_problem(401, "not-authenticated");
    let again = try_login(&app, "bob_1", PASSWORD).await.expect(200);
    app.get("/api/stores", access_token(&again)).await.expect(200);
    app.get("/api/audit?action=user.sessions.end", &admin).await.expect(200)["data"][0]["subject"]
        .as_str()
        .filter(|subject| *subject == invited["id"])
        .unwrap();
}

async fn accounts_are_found_by_name_role_store_and_state(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    for (name, role, store) in
        [("bob_1", "clerk", json!(store)), ("bobx1", "user", Value::Null), ("ann", "user", Value::Null)]
    {
        let body = json!({"username": name, "role": role, "store_id": store});
        app.post("/api/users", &admin, body).await.expect(201);
    }
    let found = async |query: &str| {
        let page = app.get(&format!("/api/users?{query}"), &admin).await.expect(200);
        let names = page["data"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(found("").await, ["ann", "bobx1", "bob_1", "admin"]);
    assert_eq!(found("q=BOB").await, ["bobx1", "bob_1"]);
    assert_eq!(found("q=b_1").await, ["bob_1"], "an underscore stands for itself");
    assert_eq!(found("role=user&q=b").await, ["bobx1"]);
    assert_eq!(found(&format!("store_id={store}")).await, ["bob_1"]);
    assert!(found("disabled=true").await.is_empty());
    let ann = app.get("/api/users?q=ann", &admin).await.expect(200)["data"][0].clone();
    assert_eq!(ann["last_seen_at"], Value::Null);
    let path = format!("/api/users/{}", ann["id"].as_str().unwrap());
    app.patch(&path, &admin, json!({"disabled": true})).await.expect(200);
    assert_eq!(found("disabled=true").await, ["ann"]);
    app.get("/api/users?q=%00", &admin).await.expect_problem(422, "invalid-field");
}

on_both_databases!(
    an_invited_clerk_chooses_a_password_and_is_signed_out_by_an_admin,
    accounts_are_found_by_name_role_store_and_state,
    a_shopper_signs_up_and_in_and_reads_their_account,
    a_session_survives_a_lost_refresh_reply_and_ends_when_a_token_is_reused,
    signing_out_ends_this_session_and_no_other,
    a_new_password_ends_every_session,
    a_login_does_not_reveal_which_names_exist,
    guessing_is_throttled_across_a_restart,
    guessing_from_one_address_is_throttled_whatever_the_forwarded_header_says,
    a_first_password_must_be_changed_before_anything_else,
    a_role_counts_from_the_next_request_on,
    the_last_admin_remains_even_if_two_admins_demote_each_other,
    accounts_are_listed_in_pages_newest_first,
    invalid_names_and_passwords_are_refused_with_the_field_and_not_echoed,
    a_foreign_token_is_refused,
);
