//! Repeated requests: with an Idempotency-Key, every change of a bill, an order or the catalog happens once; a photo of a frame is
//! billed once even without a key; a key that a route would ignore is refused.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Reply, Shop, TestDatabase, jpeg, on_both_databases, order_path, package_photo};

/// What a request carries.
enum Body {
    None,
    Json(Value),
    /// A product's name, if it has one, and the photos.
    Form(Option<&'static str>, Vec<Vec<u8>>),
    Photo(Vec<u8>),
}

impl Body {
    fn fill(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Json(body) => request.json(body),
            Self::Photo(photo) => request.header("content-type", "image/jpeg").body(photo.clone()),
            Self::Form(name, photos) => {
                let form = name.iter().fold(Form::new(), |form, name| form.text("name", *name));
                let part = |photo: &Vec<u8>| Part::bytes(photo.clone()).file_name("photo.jpg");
                request.multipart(photos.iter().fold(form, |form, photo| form.part("images", part(photo))))
            }
        }
    }
}

impl Shop {
    async fn send(&self, method: &Method, path: &str, token: &str, key: Option<&str>, body: &Body) -> Reply {
        let fill = |request: RequestBuilder| {
            let request = body.fill(request);
            key.into_iter().fold(request, |request, key| request.header("idempotency-key", key))
        };
        self.app.call(method.clone(), path, Some(token), fill).await
    }

    /// Sends a request twice with one key and checks that the second reply is the first one. Returns it.
    async fn twice(&self, method: Method, path: String, token: &str, body: Body) -> Reply {
        let key = format!("{method}:{path}");
        let first = self.send(&method, &path, token, Some(&key), &body).await;
        assert!(first.status.is_success(), "{key}: {}", String::from_utf8_lossy(&first.bytes));
        assert!(!is_replay(&first), "{key}");
        let second = self.send(&method, &path, token, Some(&key), &body).await;
        assert!(is_replay(&second), "{key} keeps its reply: {}", String::from_utf8_lossy(&second.bytes));
        assert_eq!((second.status, &second.json), (first.status, &first.json), "{key}");
        if first.json.is_null() {
            assert_eq!(second.bytes, first.bytes, "{key}");
        }
        first
    }

    async fn bill(&self, session: &Value) -> Value {
        self.app.get(&path(session, ""), &self.kiosk).await.expect(200)
    }
}

fn is_replay(reply: &Reply) -> bool {
    reply.headers.get("idempotent-replayed").is_some_and(|value| value == "true")
}

fn path(session: &Value, rest: &str) -> String {
    format!("/api/sessions/{}{rest}", session["id"].as_str().unwrap())
}

async fn every_change_of_a_bill_happens_once_under_its_key(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let sessions = "/api/sessions".to_owned();
    let opened = shop.twice(Method::POST, sessions, &shop.kiosk, Body::Json(json!({}))).await.json;
    let add = json!({"version": 1, "product_id": shop.milk, "quantity": 2});
    let bill = shop.twice(Method::POST, path(&opened, "/items"), &shop.kiosk, Body::Json(add)).await.json;
    assert_eq!((&bill["version"], &bill["items"][0]["quantity"]), (&json!(2), &json!(2)));
    let item = bill["items"][0]["id"].as_str().unwrap().to_owned();
    let line = path(&opened, &format!("/items/{item}"));
    let body = Body::Json(json!({"version": 2, "quantity": 5}));
    shop.twice(Method::PATCH, line.clone(), &shop.kiosk, body).await;
    let discount = |version: i64| Body::Json(json!({"version": version, "rate_bp": 1000, "reason": "dented"}));
    shop.twice(Method::PUT, format!("{line}/discount"), &shop.clerk, discount(3)).await;
    shop.twice(Method::DELETE, format!("{line}/discount?version=4"), &shop.clerk, Body::None).await;
    shop.twice(Method::PUT, path(&opened, "/discount"), &shop.clerk, discount(5)).await;
    shop.twice(Method::DELETE, path(&opened, "/discount?version=6"), &shop.clerk, Body::None).await;
    let shopper = shop.app.sign_up_shopper("ann").await;
    shop.twice(Method::POST, path(&opened, "/join"), &shopper, Body::None).await;
    let bill = shop.bill(&opened).await;
    assert_eq!((&bill["version"], &bill["total"]), (&json!(7), &json!(5 * 129)), "each change was made once: {bill}");
    shop.twice(Method::DELETE, format!("{line}?version=7"), &shop.kiosk, Body::None).await;
    assert_eq!(shop.bill(&opened).await["items"], json!([]));
    let cancelled = shop.twice(Method::DELETE, path(&opened, ""), &shop.kiosk, Body::None).await;
    assert_eq!(cancelled.status, 204);
}

async fn every_change_of_an_order_happens_once_under_its_key(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let session = shop.fill_bill(&[(&shop.milk, 2)]).await;
    let confirm = Body::Json(json!({"version": session["version"]}));
    let order = shop.twice(Method::POST, path(&session, "/confirm"), &shop.kiosk, confirm).await.json;
    let pay = json!({"currency": "EUR", "payments": [{"method": "card", "amount": 258}]});
    shop.twice(Method::POST, order_path(&order, "/payments"), &shop.kiosk, Body::Json(pay)).await;
    let refund = json!({"currency": "EUR", "method": "card", "reason": "late"});
    shop.twice(Method::POST, order_path(&order, "/refunds"), &shop.clerk, Body::Json(refund)).await;
    let unpaid = shop.place_order(&[(&shop.milk, 1)]).await;
    let void = Body::Json(json!({"reason": "left"}));
    shop.twice(Method::POST, order_path(&unpaid, "/void"), &shop.clerk, void).await;
    let shopper = shop.app.sign_up_shopper("ann").await;
    let claim = Body::Json(json!({"claim_code": order["claim_code"]}));
    shop.twice(Method::POST, "/api/mypage/claims".to_owned(), &shopper, claim).await;
    let closings = format!("/api/stores/{}/z-reports", shop.store);
    shop.twice(Method::POST, closings, &shop.clerk, Body::None).await;

    let prints = order_path(&order, "/receipt/prints");
    shop.twice(Method::POST, prints.clone(), &shop.kiosk, Body::None).await;
    let receipt = shop.app.get(&order_path(&order, "/receipt"), &shop.kiosk).await.expect(200);
    assert_eq!(receipt["prints"], 1, "a print whose reply was lost is not a copy");
    let copy = shop.send(&Method::POST, &prints, &shop.kiosk, Some("another"), &Body::None).await;
    assert!(!is_replay(&copy) && String::from_utf8(copy.bytes).unwrap().contains("COPY 1"));
}

async fn every_change_of_the_catalog_happens_once_under_its_key(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let form = Body::Form(Some("Tea"), vec![package_photo(1, 0)]);
    let created = shop.twice(Method::POST, "/api/products".to_owned(), &shop.admin, form).await;
    let tea = created.json;
    assert!(created.headers["location"].to_str().unwrap().ends_with(tea["id"].as_str().unwrap()));
    assert_eq!((&tea["total_products"], &tea["total_embeddings"]), (&json!(3), &json!(1)), "milk, soap and tea");
    let product = format!("/api/products/{}", tea["id"].as_str().unwrap());
    let images = format!("{product}/images");
    let added =
        shop.twice(Method::POST, images.clone(), &shop.admin, Body::Form(None, vec![package_photo(1, 1)])).await;
    let image = format!("{images}/{}", added.json["images"][0].as_str().unwrap());
    shop.twice(Method::DELETE, image, &shop.admin, Body::None).await;
    let change = || Body::Json(json!({"price": 300, "currency": "EUR"}));
    shop.twice(Method::PATCH, product.clone(), &shop.admin, change()).await;
    let unchanged = shop.send(&Method::PATCH, &product, &shop.admin, Some("nothing"), &change()).await;
    assert!(!is_replay(&unchanged), "a change that changes nothing keeps its reply, too");
    assert!(is_replay(&shop.send(&Method::PATCH, &product, &shop.admin, Some("nothing"), &change()).await));
    let merge = Body::Json(json!({"product_id": shop.soap}));
    shop.twice(Method::POST, format!("{product}/merge"), &shop.admin, merge).await;
    let removed = shop.twice(Method::DELETE, product, &shop.admin, Body::None).await;
    assert_eq!(removed.status, 204);
    let listed = shop.app.get("/api/products", &shop.admin).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "milk");

    let other = Body::Form(Some("Tea"), vec![package_photo(2, 0)]);
    let reused = shop.send(&Method::POST, "/api/products", &shop.admin, Some("POST:/api/products"), &other).await;
    reused.expect_problem(422, "idempotency-key-reused");
}

async fn a_frame_that_is_sent_twice_is_billed_once(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let texts = [("name", "Seen"), ("price", "300"), ("currency", "EUR"), ("region", "whole")];
    let photos = (0..4).map(|view| package_photo(3, view)).collect();
    shop.app.post_form("/api/products", &shop.admin, &texts, photos).await.expect(201);
    let session = shop.app.post("/api/sessions", &shop.kiosk, json!({})).await.expect(201);
    let frames = path(&session, "/frames?regions=whole");
    let photo = |view| Body::Photo(package_photo(3, view));
    let quantity = async || shop.bill(&session).await["items"][0]["quantity"].clone();

    // With a key: the request counts, not the photo.
    let first = shop.twice(Method::POST, frames.clone(), &shop.kiosk, photo(0)).await.json;
    assert_eq!(first["session"]["items"][0]["quantity"], 1);
    assert_eq!(quantity().await, 1);
    shop.send(&Method::POST, &frames, &shop.kiosk, Some("again"), &photo(0)).await.expect(200);
    assert_eq!(quantity().await, 2);
    let other = shop.send(&Method::POST, &frames, &shop.kiosk, Some("again"), &photo(1)).await;
    other.expect_problem(422, "idempotency-key-reused");

    // The reply to a keyed frame was lost, and the client comes back without the key, in another mode, or as the clerk.
    for (path, token) in [(&frames, &shop.kiosk), (&path(&session, "/frames"), &shop.kiosk), (&frames, &shop.clerk)] {
        let late = shop.send(&Method::POST, path, token, None, &photo(0)).await;
        assert!(is_replay(&late), "{path}");
        assert_eq!(quantity().await, 2);
    }

    // Without a key: the photo counts.
    let unkeyed = async |path: &str, view| shop.send(&Method::POST, path, &shop.kiosk, None, &photo(view)).await;
    let first = unkeyed(&frames, 2).await;
    let second = unkeyed(&frames, 2).await;
    assert!(!is_replay(&first) && is_replay(&second));
    assert_eq!(second.expect(200), first.json);
    assert_eq!(quantity().await, 3);
    let versioned = format!("{frames}&version={}", shop.bill(&session).await["version"]);
    assert_eq!(unkeyed(&versioned, 2).await.expect(200), first.json, "the reply was lost, not the photo");
    assert_eq!(quantity().await, 3);
    let first = unkeyed(&versioned, 1).await.expect(200);
    assert_eq!(unkeyed(&versioned, 1).await.expect(200), first);
    assert_eq!(quantity().await, 4);
    // A frame that adds nothing changes nothing: the lost reply before it is still found.
    let version = shop.bill(&session).await["version"].clone();
    let empty = Body::Photo(jpeg([40, 90, 200]));
    for key in [None, Some("empty")] {
        let seen = shop.send(&Method::POST, &frames, &shop.kiosk, key, &empty).await.expect(200);
        assert_eq!(seen["session"]["version"], version);
    }
    assert!(is_replay(&unkeyed(&frames, 1).await));
    assert_eq!(quantity().await, 4);
    let stale = unkeyed(&versioned, 3).await.expect_problem(409, "stale-version");
    assert!(stale["detail"].as_str().unwrap().contains("do not send the change a second time"), "{stale}");

    // Many copies at once.
    let copies = futures_util::future::join_all((0..6).map(|_| unkeyed(&frames, 3))).await;
    assert_eq!(copies.iter().filter(|reply| !is_replay(reply)).count(), 1);
    assert_eq!(quantity().await, 5);

    // After another change of the bill, the same photo is a new one.
    unkeyed(&frames, 2).await.expect(200);
    let again = unkeyed(&frames, 3).await;
    assert!(!is_replay(&again));
    assert_eq!(again.expect(200)["session"]["items"][0]["quantity"], 7);

    let order = shop.confirm(&shop.bill(&session).await).await;
    let late = unkeyed(&frames, 3).await.expect_problem(409, "session-closed");
    assert_eq!(late["order_id"], order["id"]);
    assert_eq!(order["items"][0]["quantity"], 7);
}

async fn a_refusal_does_not_advise_to_bill_twice(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let session = shop.fill_bill(&[(&shop.milk, 1)]).await;
    let again = json!({"version": 1, "product_id": shop.milk});
    let stale = shop.app.post(&path(&session, "/items"), &shop.kiosk, again).await.expect_problem(409, "stale-version");
    assert!(stale["detail"].as_str().unwrap().contains("Read the bill again first"), "{stale}");
    let order = shop.confirm(&session).await;
    let body = json!({"version": session["version"]});
    let closed = shop.post_once(&path(&session, "/confirm"), &shop.kiosk, body).await;
    let closed = closed.expect_problem(409, "session-closed");
    assert_eq!((&closed["order_id"], &closed["receipt_number"]), (&order["id"], &order["receipt_number"]));
    assert!(closed["detail"].as_str().unwrap().contains("Do not enter its items again"), "{closed}");
}

async fn a_key_is_refused_where_no_reply_is_kept(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let store = Body::Json(json!({"name": "Second"}));
    let refused = shop.send(&Method::POST, "/api/stores", &shop.admin, Some("k"), &store).await;
    let refused = refused.expect_problem(400, "bad-request");
    assert!(refused["detail"].as_str().unwrap().contains("keeps no replies"), "{refused}");
    let listed = shop.app.get("/api/stores", &shop.admin).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1, "nothing was created");
    let malformed = shop.send(&Method::POST, "/api/sessions", &shop.kiosk, Some("two words"), &Body::None).await;
    malformed.expect_problem(400, "bad-request");
    let login = Body::Json(json!({"username": "admin", "password": crate::harness::ADMIN_PASSWORD}));
    shop.send(&Method::POST, "/api/auth/login", "", Some("k"), &login).await.expect(200);
}

/// 300 products, each on the one bill there is.
const FILL_BILL: &str = "INSERT INTO billing_items (id, session_id, product_id, quantity, sightings, created_at, name) \
    SELECT p.id, s.id, p.id, 1, 1, 0, p.name FROM products p CROSS JOIN checkout_sessions s WHERE p.name LIKE 'Product %'";
const PRODUCTS_SQLITE: &str = "INSERT INTO products (id, name, name_folded, active, created_at, updated_at) \
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) \
    SELECT unhex(printf('019000000000700080000000%08x', i)), 'Product ' || i, 'product ' || i, 1, 0, 0 FROM n";
const PRODUCTS_POSTGRES: &str = "INSERT INTO products (id, name, name_folded, active, created_at, updated_at) \
    SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'Product ' || i, 'product ' || i, true, 0, 0 \
    FROM generate_series(1, 300) i";

async fn a_reply_too_large_to_keep_is_refused_and_its_request_not_repeated(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let session = shop.fill_bill(&[]).await;
    shop.app.database.run_script(PRODUCTS_SQLITE, PRODUCTS_POSTGRES).await;
    shop.app.database.run_script(FILL_BILL, FILL_BILL).await;
    let (items, add) = (path(&session, "/items"), json!({"version": 1, "product_id": shop.milk}));
    let add = Body::Json(add);
    let first = shop.send(&Method::POST, &items, &shop.kiosk, Some("k"), &add).await;
    assert!(first.bytes.len() > 65_536, "{} bytes", first.bytes.len());
    let bill = first.expect(200);
    let again = shop.send(&Method::POST, &items, &shop.kiosk, Some("k"), &add).await;
    let again = again.expect_problem(409, "reply-not-kept");
    assert!(again["detail"].as_str().unwrap().contains("was carried out before"), "{again}");
    assert_eq!(shop.bill(&session).await["version"], bill["version"], "nothing was added again");
    let other = Body::Json(json!({"version": 2, "product_id": shop.soap}));
    let reused = shop.send(&Method::POST, &items, &shop.kiosk, Some("k"), &other).await;
    reused.expect_problem(422, "idempotency-key-reused");
}

on_both_databases!(
    every_change_of_a_bill_happens_once_under_its_key,
    every_change_of_an_order_happens_once_under_its_key,
    every_change_of_the_catalog_happens_once_under_its_key,
    a_frame_that_is_sent_twice_is_billed_once,
    a_refusal_does_not_advise_to_bill_twice,
    a_key_is_refused_where_no_reply_is_kept,
    a_reply_too_large_to_keep_is_refused_and_its_request_not_repeated,
);
