//! Sessions and bills: the server owns the cart, versions are checked, confirmation happens once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Reply, TestApp, TestDatabase, jpeg, on_both_databases, package_photo};

/// A store with a kiosk and two priced products, and one without a price.
struct Shop {
    app: TestApp,
    admin: String,
    kiosk: String,
    milk: String,
    bread: String,
    unpriced: String,
}

impl Shop {
    async fn open(database: TestDatabase) -> Self {
        let app = TestApp::spawn(database).await;
        let admin = app.login_admin().await;
        let store = app.create_store(&admin).await;
        let kiosk = app.enrol_kiosk(&admin, &store).await;
        let priced =
            |name, barcode, price| [("name", name), ("barcode", barcode), ("price", price), ("currency", "EUR")];
        let milk = app.create_product(&admin, &priced("Milk", "2000000000015", "129")).await;
        let bread = app.create_product(&admin, &priced("Bread", "2000000000022", "250")).await;
        let unpriced = app.create_product(&admin, &[("name", "Mystery")]).await;
        Self { app, admin, kiosk, milk, bread, unpriced }
    }

    async fn session(&self) -> Value {
        self.app.post("/api/sessions", &self.kiosk, json!({})).await.expect(201)
    }

    async fn add(&self, session: &Value, product: &str, quantity: i64) -> Reply {
        let body = json!({"version": session["version"], "product_id": product, "quantity": quantity});
        self.app.post(&path(session, "/items"), &self.kiosk, body).await
    }

    async fn confirm(&self, session: &Value, key: &str) -> Reply {
        let body = json!({"version": session["version"]});
        let fill = |request: reqwest::RequestBuilder| request.header("idempotency-key", key).json(&body);
        self.app.call(Method::POST, &path(session, "/confirm"), Some(&self.kiosk), fill).await
    }
}

fn path(session: &Value, rest: &str) -> String {
    format!("/api/sessions/{}{rest}", session["id"].as_str().unwrap())
}

async fn the_server_keeps_the_bill(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let session = shop.session().await;
    let session = shop.add(&session, &shop.milk, 2).await.expect(200);
    let by_barcode = json!({"version": session["version"], "barcode": "2000000000022"});
    let session = shop.app.post(&path(&session, "/items"), &shop.kiosk, by_barcode).await.expect(200);
    let session = shop.add(&session, &shop.milk, 1).await.expect(200);
    assert_eq!(session["items"].as_array().unwrap().len(), 2, "one line per product");
    assert_eq!((&session["items"][0]["quantity"], &session["items"][0]["line_total"]), (&json!(3), &json!(387)));
    assert_eq!(
        (&session["total"], &session["confirmable"], &session["version"]),
        (&json!(637), &json!(true), &json!(4))
    );

    let milk = session["items"][0]["id"].as_str().unwrap().to_owned();
    let change = json!({"version": session["version"], "quantity": 1});
    let session = shop.app.patch(&path(&session, &format!("/items/{milk}")), &shop.kiosk, change).await.expect(200);
    assert_eq!(session["total"], 379);
    let removal = path(&session, &format!("/items/{milk}?version={}", session["version"]));
    let session = shop.app.delete(&removal, &shop.kiosk).await.expect(200);
    assert_eq!((&session["total"], session["items"].as_array().unwrap().len()), (&json!(250), 1));
    let again = path(&session, &format!("/items/{milk}?version={}", session["version"]));
    shop.app.delete(&again, &shop.kiosk).await.expect_problem(404, "not-found");
}

async fn invalid_items_are_refused_with_the_field(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let session = shop.session().await;
    for quantity in [0, -1, 10_000, i64::MAX] {
        let problem = shop.add(&session, &shop.milk, quantity).await.expect_problem(422, "invalid-field");
        assert_eq!(problem["field"], "quantity");
    }
    let nobody = "01890000-0000-7000-8000-000000000000";
    shop.add(&session, nobody, 1).await.expect_problem(404, "not-found");
    let items = path(&session, "/items");
    let unknown = json!({"version": 1, "barcode": "0000"});
    shop.app.post(&items, &shop.kiosk, unknown).await.expect_problem(404, "not-found");
    let both = json!({"version": 1, "barcode": "2000000000022", "product_id": shop.milk});
    shop.app.post(&items, &shop.kiosk, both).await.expect_problem(422, "invalid-field");
    let priced_by_client = json!({"version": 1, "product_id": shop.milk, "unit_price": 1});
    shop.app.post(&items, &shop.kiosk, priced_by_client).await.expect_problem(422, "invalid-field");
    shop.app.get(&format!("/api/sessions/{nobody}"), &shop.kiosk).await.expect_problem(404, "not-found");
    shop.app.get("/api/sessions/17", &shop.kiosk).await.expect_problem(404, "not-found");
    let unchanged = shop.app.get(&path(&session, ""), &shop.kiosk).await.expect(200);
    assert_eq!((&unchanged["version"], unchanged["items"].as_array().unwrap().len()), (&json!(1), 0));
}

async fn a_stale_version_changes_nothing(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let first = shop.session().await;
    let second = shop.add(&first, &shop.milk, 1).await.expect(200);
    let problem = shop.add(&first, &shop.bread, 1).await.expect_problem(409, "stale-version");
    assert_eq!(problem["current_version"], second["version"]);
    shop.confirm(&first, "stale").await.expect_problem(409, "stale-version");
    let now = shop.app.get(&path(&first, ""), &shop.kiosk).await.expect(200);
    assert_eq!(now["items"], second["items"]);
}

async fn a_confirmation_happens_once(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let empty = shop.session().await;
    shop.confirm(&empty, "empty").await.expect_problem(422, "empty-bill");
    let session = shop.add(&empty, &shop.milk, 2).await.expect(200);
    let body = json!({"version": session["version"]});
    shop.app.post(&path(&session, "/confirm"), &shop.kiosk, body).await.expect_problem(400, "idempotency-key-missing");

    let first = shop.confirm(&session, "key-1").await;
    assert!(first.headers.get("idempotent-replayed").is_none());
    let order = first.expect(201);
    assert_eq!(
        (&order["receipt_number"], &order["total"], &order["currency"]),
        (&json!(1), &json!(258), &json!("EUR"))
    );
    let replay = shop.confirm(&session, "key-1").await;
    assert_eq!(replay.headers.get("idempotent-replayed").unwrap(), "true");
    assert_eq!(replay.expect(201), order);

    shop.confirm(&session, "key-2").await.expect_problem(409, "session-closed");
    let other = shop.session().await;
    let other = shop.add(&other, &shop.bread, 1).await.expect(200);
    shop.confirm(&other, "key-1").await.expect_problem(422, "idempotency-key-reused");
    assert_eq!(shop.confirm(&other, "key-3").await.expect(201)["receipt_number"], 2);
    let orders = shop.app.get("/api/orders", &shop.admin).await.expect(200);
    assert_eq!(orders["data"].as_array().unwrap().len(), 2);
    shop.add(&session, &shop.milk, 1).await.expect_problem(409, "session-closed");
}

async fn items_without_a_price_block_the_confirmation(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let session = shop.session().await;
    let session = shop.add(&session, &shop.milk, 1).await.expect(200);
    let session = shop.add(&session, &shop.unpriced, 1).await.expect(200);
    assert_eq!((&session["items"][1]["problem"], &session["confirmable"]), (&json!("unpriced"), &json!(false)));
    let problem = shop.confirm(&session, "k").await.expect_problem(422, "unsellable-items");
    assert_eq!(
        (&problem["items"][0]["product_name"], &problem["items"][0]["reason"]),
        (&json!("Mystery"), &json!("unpriced"))
    );

    let product = format!("/api/products/{}", shop.unpriced);
    shop.app.patch(&product, &shop.admin, json!({"price": 5, "currency": "KRW"})).await.expect(200);
    let problem = shop.confirm(&session, "k").await.expect_problem(422, "unsellable-items");
    assert_eq!(problem["items"][0]["reason"], "other-currency");
    shop.app.patch(&product, &shop.admin, json!({"price": 5, "currency": "EUR"})).await.expect(200);
    shop.app.patch(&format!("/api/products/{}", shop.milk), &shop.admin, json!({"price": 999})).await.expect(200);
    shop.confirm(&session, "k").await.expect_problem(409, "stale-version");
    let session = shop.app.get(&path(&session, ""), &shop.kiosk).await.expect(200);
    let order = shop.confirm(&session, "k").await.expect(201);
    assert_eq!(order["total"], 129 + 5, "the price that the shopper was shown counts");

    let session = shop.session().await;
    let session = shop.add(&session, &shop.bread, 1).await.expect(200);
    shop.app.delete(&format!("/api/products/{}", shop.bread), &shop.admin).await.expect(204);
    let problem = shop.confirm(&session, "gone").await.expect_problem(409, "stale-version");
    assert!(problem["detail"].as_str().unwrap().contains("Bread was taken off sale"), "{problem}");
    let session = shop.app.get(&path(&session, ""), &shop.kiosk).await.expect(200);
    let problem = shop.confirm(&session, "gone").await.expect_problem(422, "unsellable-items");
    assert_eq!(problem["items"][0]["reason"], "not-on-sale");
}

async fn frames_add_matched_products(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let photos = (0..4).map(|view| package_photo(3, view)).collect();
    let texts = [("name", "Seen"), ("price", "300"), ("currency", "EUR")];
    shop.app.post_form("/api/products", &shop.admin, &texts, photos).await.expect(201);
    let session = shop.session().await;
    let frames = path(&session, "/frames");
    // The enrolled photo itself: whatever the model is, its score is 1.
    let frame = shop.app.post_picture(&frames, &shop.kiosk, package_photo(3, 0)).await.expect(200);
    assert_eq!(frame["recognition"]["items"][0]["verdict"], "matched");
    let line = &frame["session"]["items"][0];
    assert_eq!((&line["product_name"], &line["quantity"]), (&json!("Seen"), &json!(1)));
    assert!(line["avg_score"].as_f64().unwrap() > 0.999);
    let stale = format!("{frames}?version=1");
    shop.app.post_picture(&stale, &shop.kiosk, package_photo(3, 2)).await.expect_problem(409, "stale-version");
    let frame = shop.app.post_picture(&frames, &shop.kiosk, package_photo(3, 1)).await.expect(200);
    assert_eq!(frame["session"]["items"][0]["quantity"], 2);
    shop.app.post_picture(&frames, &shop.kiosk, b"no picture".to_vec()).await.expect_problem(415, "not-an-image");
    shop.app.post_picture(&frames, &shop.kiosk, Vec::new()).await.expect_problem(422, "broken-image");
    let half = jpeg([1, 2, 3]);
    let half = half[..half.len() / 2].to_vec();
    shop.app.post_picture(&frames, &shop.kiosk, half).await.expect_problem(422, "broken-image");
    let order = shop.confirm(&frame["session"], "seen").await.expect(201);
    assert!(order["items"][0]["avg_score"].as_f64().unwrap() > 0.999);
}

async fn what_still_lies_in_view_is_not_billed_again(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let photos = (0..4).map(|view| package_photo(3, view)).collect();
    let texts = [("name", "Seen"), ("price", "300"), ("currency", "EUR"), ("region", "whole")];
    let seen = shop.app.post_form("/api/products", &shop.admin, &texts, photos).await.expect(201);
    let session = shop.session().await;
    let frames = path(&session, "/frames?regions=whole");
    let send = async |query: &str, view| {
        let reply = shop.app.post_picture(&format!("{frames}{query}"), &shop.kiosk, package_photo(3, view)).await;
        reply.expect(200)
    };
    assert_eq!(send("", 0).await["session"]["items"][0]["quantity"], 1);
    let in_view = format!("&in_view={},{}", shop.milk, seen["id"].as_str().unwrap());
    let again = send(&in_view, 1).await;
    assert_eq!(again["recognition"]["items"][0]["verdict"], "matched");
    assert_eq!(again["session"]["items"][0]["quantity"], 1);
    assert_eq!(send("&in_view=", 2).await["session"]["items"][0]["quantity"], 2);
    let wrong = shop.app.post_picture(&format!("{frames}&in_view=milk"), &shop.kiosk, package_photo(3, 3)).await;
    assert_eq!(wrong.expect_problem(422, "invalid-field")["field"], "in_view");
}

async fn sessions_belong_to_their_store_and_end(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let session = shop.session().await;
    let other_store = shop.app.create_store(&shop.admin).await;
    let stranger = shop.app.enrol_kiosk(&shop.admin, &other_store).await;
    shop.app.get(&path(&session, ""), &stranger).await.expect_problem(404, "not-found");
    let body = json!({"store_id": other_store});
    shop.app.post("/api/sessions", &shop.kiosk, body).await.expect_problem(404, "not-found");
    shop.app.post("/api/sessions", &shop.admin, json!({})).await.expect_problem(422, "invalid-field");

    shop.app.delete(&path(&session, ""), &shop.kiosk).await.expect(204);
    shop.add(&session, &shop.milk, 1).await.expect_problem(409, "session-closed");
    shop.app.delete(&path(&session, ""), &shop.kiosk).await.expect_problem(409, "session-closed");

    let idle = shop.session().await;
    let idle = shop.add(&idle, &shop.milk, 1).await.expect(200);
    shop.app.clock.advance(1_801);
    shop.confirm(&idle, "late").await.expect_problem(409, "session-closed");
}

/// A confirmation closes the session before it asks whose it is: for a stranger that is undone, and looks like nothing.
async fn a_stranger_confirms_nothing_and_leaves_no_trace(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let bill = shop.add(&shop.session().await, &shop.milk, 2).await.expect(200);
    let other_store = shop.app.create_store(&shop.admin).await;
    let stranger = shop.app.enrol_kiosk(&shop.admin, &other_store).await;
    let confirm = async |version: &Value, key: &str| {
        let body = json!({"version": version});
        let fill = |request: reqwest::RequestBuilder| request.header("idempotency-key", key).json(&body);
        shop.app.call(Method::POST, &path(&bill, "/confirm"), Some(&stranger), fill).await
    };
    confirm(&bill["version"], "right").await.expect_problem(404, "not-found");
    confirm(&json!(99), "stale").await.expect_problem(404, "not-found");
    assert_eq!(shop.app.get(&path(&bill, ""), &shop.kiosk).await.expect(200), bill);
    let order = shop.confirm(&bill, "own").await.expect(201);
    assert_eq!(order["receipt_number"], 1);
    confirm(&bill["version"], "right").await.expect_problem(404, "not-found");
}

/// Lines are written several with one statement: whatever their number, all of them are there, in their order.
async fn bills_of_every_length_become_orders_with_all_their_lines(database: TestDatabase) {
    const PRODUCTS: usize = 17;
    let shop = Shop::open(database).await;
    let (mut products, currency) = (Vec::new(), ("currency", "EUR"));
    for place in 1..=PRODUCTS {
        let (name, price) = (format!("Product {place}"), (100 * place).to_string());
        let texts = [("name", name.as_str()), ("sku", name.as_str()), ("price", price.as_str()), currency];
        products.push(shop.app.create_product(&shop.admin, &texts).await);
    }
    for length in [1, 2, 7, 8, 9, 16, 17] {
        let mut bill = shop.session().await;
        for product in &products[..length] {
            bill = shop.add(&bill, product, 2).await.expect(200);
        }
        let order = shop.confirm(&bill, &format!("of-{length}")).await.expect(201);
        let stored = shop.app.get(&format!("/api/orders/{}", order["id"].as_str().unwrap()), &shop.admin).await;
        let stored = stored.expect(200);
        let lines: Vec<_> = stored["items"].as_array().unwrap().iter().collect();
        assert_eq!(lines.len(), length);
        for (place, line) in (1..).zip(lines) {
            assert_eq!((&line["line"], &line["line_total"]), (&json!(place), &json!(200 * place)));
            assert_eq!((&line["sku"], &line["barcode"]), (&json!(format!("Product {place}")), &Value::Null));
        }
        assert_eq!(stored["total"], json!(100 * length * (length + 1)));
    }
    let run = "/api/monitoring/numbering/jobs/integrity/run-check?deep_check=true";
    let found = shop.app.post(run, &shop.admin, json!({})).await.expect(200);
    assert_eq!((&found["with_findings"], &found["lowest_health"]), (&json!(0), &json!(100)), "{found}");
}

on_both_databases!(
    the_server_keeps_the_bill,
    invalid_items_are_refused_with_the_field,
    a_stale_version_changes_nothing,
    a_confirmation_happens_once,
    items_without_a_price_block_the_confirmation,
    frames_add_matched_products,
    what_still_lies_in_view_is_not_billed_again,
    sessions_belong_to_their_store_and_end,
    a_stranger_confirms_nothing_and_leaves_no_trace,
    bills_of_every_length_become_orders_with_all_their_lines,
);
