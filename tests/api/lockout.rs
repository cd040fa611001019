//! Strangers who guess passwords, and the staff who still get in.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_PASSWORD, Browser, Reply, TestApp, TestDatabase, on_both_databases};

const PASSWORD: &str = "a till that sees";
/// Requests come from where `X-Forwarded-For` says. An account may fail twice, an address ten times.
const BEHIND_A_PROXY: &str = "trusted_proxies = [\"127.0.0.1\"]\nlimits.login_failures = 2";
const SHOP: &str = "198.51.100.7";

async fn post_from(app: &TestApp, forwarded_for: &str, path: &str, body: Value) -> Reply {
    let fill = |request: reqwest::RequestBuilder| request.json(&body).header("x-forwarded-for", forwarded_for);
    app.call(Method::POST, path, None, fill).await
}

async fn login_from(app: &TestApp, forwarded_for: &str, username: &str, password: &str) -> Reply {
    post_from(app, forwarded_for, "/api/auth/login", json!({"username": username, "password": password})).await
}

/// Fails as `name0`, `name1` … from one address until it is refused; returns how many were tried before.
async fn exhaust_address(app: &TestApp, forwarded_for: &str) -> usize {
    for attempt in 0..60 {
        let reply = login_from(app, forwarded_for, &format!("name{attempt}"), PASSWORD).await;
        if reply.status != 401 {
            reply.expect_problem(429, "throttled");
            return attempt;
        }
    }
    panic!("60 failures from {forwarded_for} were not throttled");
}

async fn strangers_at_the_address_of_the_shop_stop_neither_its_staff_nor_its_kiosks(database: TestDatabase) {
    let mut app = TestApp::spawn_with(database, BEHIND_A_PROXY).await;
    let tokens = login_from(&app, SHOP, "admin", ADMIN_PASSWORD).await.expect(200);
    let admin = tokens["access_token"].as_str().unwrap();
    let store = app.create_store(admin).await;
    let kiosk = app.post(&format!("/api/stores/{store}/kiosks"), admin, json!({"name": "Till 1"})).await.expect(201);
    assert_eq!(exhaust_address(&app, SHOP).await, 10);
    login_from(&app, SHOP, "admin", ADMIN_PASSWORD).await.expect(200);
    // Each kind of attempt has a budget of its own.
    let shopper = |name: &str| json!({"username": name, "password": PASSWORD});
    post_from(&app, SHOP, "/api/auth/signup", shopper("ann.lee")).await.expect(201);
    for _ in 0..10 {
        post_from(&app, SHOP, "/api/auth/signup", shopper("ann.lee")).await.expect_problem(409, "taken");
        let wrong = json!({"code": "ABCDE-ABCDE-ABCDE-ABCDE"});
        post_from(&app, SHOP, "/api/kiosks/enrol", wrong).await.expect_problem(401, "enrolment-refused");
    }
    post_from(&app, SHOP, "/api/auth/signup", shopper("bob")).await.expect_problem(429, "throttled");
    post_from(&app, SHOP, "/api/kiosks/enrol", json!({"code": "no code"})).await.expect_problem(429, "throttled");
    post_from(&app, SHOP, "/api/kiosks/enrol", json!({"code": kiosk["enrolment_code"]})).await.expect(200);
    // The address is known to the database and not only to the server.
    app.restart().await;
    login_from(&app, SHOP, "admin", ADMIN_PASSWORD).await.expect(200);
    login_from(&app, SHOP, "nobody", PASSWORD).await.expect_problem(429, "throttled");
}

async fn strangers_everywhere_lock_an_account_but_not_where_it_is_known(database: TestDatabase) {
    let app = TestApp::spawn_with(database, BEHIND_A_PROXY).await;
    login_from(&app, SHOP, "admin", ADMIN_PASSWORD).await.expect(200);
    for stranger in ["203.0.113.1", "203.0.113.2"] {
        login_from(&app, stranger, "admin", PASSWORD).await.expect_problem(401, "wrong-credentials");
    }
    login_from(&app, "203.0.113.3", "admin", ADMIN_PASSWORD).await.expect_problem(429, "throttled");
    for _ in 0..5 {
        login_from(&app, SHOP, "admin", ADMIN_PASSWORD).await.expect(200);
    }
    login_from(&app, "203.0.113.3", "admin", ADMIN_PASSWORD).await.expect_problem(429, "throttled");
    // The owner's own mistakes count, for that address alone.
    for _ in 0..2 {
        login_from(&app, SHOP, "admin", PASSWORD).await.expect_problem(401, "wrong-credentials");
    }
    let refused = login_from(&app, SHOP, "admin", ADMIN_PASSWORD).await;
    assert_eq!(refused.expect_problem(429, "throttled")["retry_after_s"], 900);
    app.clock.advance(901);
    login_from(&app, SHOP, "admin", ADMIN_PASSWORD).await.expect(200);
    // Thirty days after the last login there, the address is a stranger's.
    app.clock.advance(30 * 86_400);
    for stranger in ["203.0.113.1", "203.0.113.2"] {
        login_from(&app, stranger, "admin", PASSWORD).await.expect_problem(401, "wrong-credentials");
    }
    login_from(&app, SHOP, "admin", ADMIN_PASSWORD).await.expect_problem(429, "throttled");
}

async fn each_client_behind_a_proxy_is_told_apart_in_every_form_of_address(database: TestDatabase) {
    let app = TestApp::spawn_with(database, BEHIND_A_PROXY).await;
    let mut fail = 0;
    let mut fail_from = async |forwarded_for: String| {
        fail += 1;
        login_from(&app, &forwarded_for, &format!("name{fail}"), PASSWORD).await
    };
    // A port, brackets and quotation marks change nothing: ten failures of one client, from ten ports or interfaces.
    for port in 1001..1010 {
        fail_from(format!("192.0.2.1, 203.0.113.1:{port}")).await.expect_problem(401, "wrong-credentials");
        fail_from(format!("[2001:db8:1:2::{port}]:{port}")).await.expect_problem(401, "wrong-credentials");
    }
    fail_from("\"203.0.113.1\"".to_owned()).await.expect_problem(401, "wrong-credentials");
    fail_from("2001:db8:1:2::1".to_owned()).await.expect_problem(401, "wrong-credentials");
    for client in ["203.0.113.1", "203.0.113.1:1", "::ffff:203.0.113.1", "[2001:db8:1:2:ffff::]:443", "2001:db8:1:2::9"]
    {
        fail_from(client.to_owned()).await.expect_problem(429, "throttled");
    }
    for other in ["203.0.113.2:1001", "[2001:db8:1:3::1]:1001", "2001:db8:1:1::9", "[::1]:80"] {
        fail_from(other.to_owned()).await.expect_problem(401, "wrong-credentials");
    }
}

async fn a_forged_entry_before_one_that_is_no_address_is_not_believed(database: TestDatabase) {
    let app = TestApp::spawn_with(database, BEHIND_A_PROXY).await;
    for attempt in 0..10 {
        let forged = format!("198.51.100.{attempt}, unknown");
        let wrong = login_from(&app, &forged, &format!("name{attempt}"), PASSWORD).await;
        wrong.expect_problem(401, "wrong-credentials");
    }
    login_from(&app, "198.51.100.77, unknown", "nobody", PASSWORD).await.expect_problem(429, "throttled");
    // Bytes that are not UTF-8 do not hide what the proxy wrote after them.
    let hidden = reqwest::header::HeaderValue::from_bytes(b"\xff, 203.0.113.9").unwrap();
    let body = json!({"username": "nobody", "password": PASSWORD});
    let fill = |request: reqwest::RequestBuilder| request.json(&body).header("x-forwarded-for", hidden);
    app.call(Method::POST, "/api/auth/login", None, fill).await.expect_problem(401, "wrong-credentials");
}

/// 491 accounts in six seconds came from one address.
async fn an_address_creates_so_many_accounts_and_others_are_not_affected(database: TestDatabase) {
    let mut app = TestApp::spawn_with(database, &format!("{BEHIND_A_PROXY}\nlimits.sign_ups = 3")).await;
    let shopper = |name: &str| json!({"username": name, "password": PASSWORD});
    for attempt in 0..3 {
        let name = format!("shopper{attempt}");
        post_from(&app, "2001:db8:1:2::3", "/api/auth/signup", shopper(&name)).await.expect(201);
    }
    // The database knows it, and one of the address's network is the same address.
    app.restart().await;
    let refused = post_from(&app, "2001:db8:1:2:ffff::9", "/api/auth/signup", shopper("shopper3")).await;
    assert_eq!(refused.headers["retry-after"], "900");
    let problem = refused.expect_problem(429, "throttled");
    assert!(problem["detail"].as_str().unwrap().contains("accounts"), "{problem}");
    let mut browser = Browser::new(&app);
    browser.client = behind_proxy("2001:db8:1:2::4");
    let origin = app.url.replace("http:", "https:");
    let page = browser.submit_from(&origin, "/signup", &[("username", "shopper3"), ("password", PASSWORD)]).await;
    assert_eq!(page.status(), 429);
    post_from(&app, SHOP, "/api/auth/signup", shopper("shopper3")).await.expect(201);
    // Whoever has an account signs in.
    login_from(&app, "2001:db8:1:2::3", "shopper0", PASSWORD).await.expect(200);
    app.clock.advance(901);
    post_from(&app, "2001:db8:1:2::3", "/api/auth/signup", shopper("shopper4")).await.expect(201);
}

/// A browser that speaks HTTPS with the proxy.
fn behind_proxy(forwarded_for: &'static str) -> reqwest::Client {
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("x-forwarded-for", forwarded_for.parse().unwrap());
    headers.insert("x-forwarded-proto", "https".parse().unwrap());
    reqwest::Client::builder().default_headers(headers).build().unwrap()
}

on_both_databases!(
    an_address_creates_so_many_accounts_and_others_are_not_affected,
    strangers_at_the_address_of_the_shop_stop_neither_its_staff_nor_its_kiosks,
    strangers_everywhere_lock_an_account_but_not_where_it_is_known,
    each_client_behind_a_proxy_is_told_apart_in_every_form_of_address,
    a_forged_entry_before_one_that_is_no_address_is_not_believed,
);
