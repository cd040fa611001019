//! Every route of the OpenAPI document, called by every kind of caller: denied unless the route's policy admits the caller.

use reqwest::Method;
use serde_json::{Value, json};
use tillsight::http::policy::Policy;
use tillsight::http::route_table::{ROUTES, find};

use crate::harness::{TestApp, TestDatabase, on_both_databases};

const UNKNOWN_ID: &str = "01890000-0000-7000-8000-000000000000";

async fn every_route_is_denied_unless_its_policy_admits_the_caller(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let kiosk = app.enrol_kiosk(&admin, &store).await;
    let shopper = app.sign_up_shopper("ann").await;
    let clerk = app.create_clerk(&admin, &store).await;
    let document = app.call(Method::GET, "/api/openapi.json", None, |request| request).await.expect(200);
    let mut tried = 0;
    for (pattern, method) in operations(&document) {
        let policy =
            find(&actix_web::http::Method::from_bytes(method.as_str().as_bytes()).unwrap(), &pattern).unwrap().policy;
        if policy == Policy::Public {
            continue;
        }
        let path = pattern
            .replace("{id}", UNKNOWN_ID)
            .replace("{item_id}", UNKNOWN_ID)
            .replace("{kiosk_id}", UNKNOWN_ID)
            .replace("{image_id}", UNKNOWN_ID);
        let names = |callers: &str| callers.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let allowed = match policy {
            Policy::Public => unreachable!("skipped above"),
            Policy::AnyPassword | Policy::Person => names("shopper clerk admin"),
            Policy::Shopper => names("shopper"),
            Policy::Staff => names("clerk admin"),
            Policy::Admin => names("admin"),
            Policy::Till => names("kiosk clerk admin"),
            Policy::Kiosk => names("kiosk"),
        };
        for (name, token) in [("kiosk", &kiosk), ("shopper", &shopper), ("clerk", &clerk), ("admin", &admin)] {
            // The body is invalid, so that no call changes the password and ends the tokens that the test still needs.
            let reply =
                app.call(method.clone(), &path, Some(token), |request| request.json(&json!({"no": "field"}))).await;
            let denied = reply.json["type"] == "urn:tillsight:problem:forbidden" && reply.status == 403;
            assert_eq!(denied, !allowed.contains(&name.to_owned()), "{method} {path} as {name}: {}", reply.status);
            assert!(reply.status.as_u16() < 500, "{method} {path} as {name}: {}", reply.status);
            tried += 1;
        }
        let anonymous = app.call(method.clone(), &path, None, |request| request.json(&json!({}))).await;
        assert!(
            anonymous.headers.contains_key("x-request-id") && anonymous.headers.contains_key("content-security-policy")
        );
        anonymous.expect_problem(401, "not-authenticated");
        // The router decodes paths: an encoded letter must not bypass the policy.
        let (encoded, plain_length) = (path.replacen("/api/", "/api/%", 1), path.len());
        let letter = path.as_bytes()["/api/".len()];
        let encoded = encoded.replacen(&format!("%{}", char::from(letter)), &format!("%{letter:02X}"), 1);
        assert_eq!(encoded.len(), plain_length + 2);
        let reply = app.call(method.clone(), &encoded, None, |request| request.json(&json!({}))).await;
        reply.expect_problem(401, "not-authenticated");
        let forged = app.call(method.clone(), &path, Some("tsk_forged"), |request| request.json(&json!({}))).await;
        forged.expect_problem(401, "not-authenticated");
    }
    assert!(tried >= 30 * 4, "only {tried} tries");
}

async fn every_operation_refuses_a_query_name_that_it_does_not_know(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let kiosk = app.enrol_kiosk(&admin, &store).await;
    let shopper = app.sign_up_shopper("ann").await;
    for route in ROUTES.iter() {
        let token = match route.policy {
            Policy::Public => None,
            Policy::Kiosk => Some(kiosk.as_str()),
            Policy::Shopper => Some(shopper.as_str()),
            Policy::AnyPassword | Policy::Person | Policy::Staff | Policy::Admin | Policy::Till => Some(admin.as_str()),
        };
        let method: Method = route.method.as_str().parse().unwrap();
        let path = format!("{}?{}&misspelt=1", route.pattern.replace(['{', '}'], ""), known_query(&route.query_names));
        let problem = app.call(method, &path, token, |r| r).await.expect_problem(400, "unknown-parameter");
        assert_eq!((&problem["field"], &problem["known"]), (&json!("misspelt"), &json!(route.query_names)));
        let detail = problem["detail"].as_str().unwrap();
        assert!(route.query_names.iter().all(|name| detail.contains(name)), "{detail}");
    }
    // One letter more would otherwise answer with all products.
    app.get("/api/products?barcodes=4006381333931", &admin).await.expect_problem(400, "unknown-parameter");
    app.get("/api/products?barcode=4006381333931", &admin).await.expect(200);
}

fn known_query(names: &[String]) -> String {
    names.iter().map(|name| format!("{name}=")).collect::<Vec<_>>().join("&")
}

fn operations(document: &Value) -> Vec<(String, Method)> {
    let mut operations = Vec::new();
    for (pattern, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            operations.push((pattern.clone(), method.to_uppercase().parse().unwrap()));
        }
    }
    operations
}

async fn unknown_addresses_and_malformed_requests_get_problems(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    app.get("/api/nothing", &admin).await.expect_problem(404, "not-found");
    app.call(Method::PUT, "/api/products", Some(&admin), |r| r).await.expect_problem(405, "method-not-allowed");
    let syntax =
        app.call(Method::POST, "/api/stores", Some(&admin), |r| r.body("{").header("content-type", "application/json"));
    syntax.await.expect_problem(400, "bad-request");
    let huge = app.call(Method::POST, "/api/stores", Some(&admin), |r| r.body(vec![b' '; 100_000])).await;
    huge.expect_problem(413, "too-large");
    let brew = app.call(Method::from_bytes(b"BREW").unwrap(), "/healthz", None, |r| r).await;
    brew.expect_problem(405, "method-not-allowed");
    let head = app.call(Method::HEAD, "/healthz", None, |r| r).await;
    assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
    app.get("/api/products?q=%00", &admin).await.expect_problem(422, "invalid-field");
    let nul = json!({"username": "a\u{0}b", "password": "apples and oranges"});
    app.post_anonymously("/api/auth/login", nul).await.expect_problem(401, "wrong-credentials");
    let page = app.call(Method::GET, "/", None, |r| r).await;
    assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'self'"));
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    page.expect(200);
    let docs = app.call(Method::GET, "/docs", None, |r| r).await;
    assert!(String::from_utf8_lossy(&docs.bytes).contains("swagger-ui"));
    let text = app.call(Method::GET, "/metrics", None, |r| r).await;
    let text = String::from_utf8_lossy(&text.bytes).into_owned();
    assert!(
        text.contains("tillsight_http_requests_total") && text.contains("method=\"other\"") && !text.contains("BREW")
    );
}

on_both_databases!(
    every_operation_refuses_a_query_name_that_it_does_not_know,
    every_route_is_denied_unless_its_policy_admits_the_caller,
    unknown_addresses_and_malformed_requests_get_problems
);
