//! What happens to an order after its confirmation: payment, refund, void; and what is refused on the way.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Reply, Shop, TestApp, TestDatabase, on_both_databases, order_path};

/// What many clients send at once.
const AT_ONCE: usize = 20;

async fn an_order_is_paid_in_full_and_once(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let order = shop.place_order(&[(&shop.milk, 2), (&shop.soap, 1)]).await;
    assert_eq!((&order["total"], &order["state"], &order["paid"]), (&json!(508), &json!("confirmed"), &json!(0)));

    let short = shop.pay(&order, json!([{"method": "card", "amount": 507}])).await;
    assert_eq!(short.expect_problem(422, "amount-mismatch")["due"], 508);
    let over = json!([{"method": "card", "amount": 500}, {"method": "cash", "amount": 9}]);
    shop.pay(&order, over).await.expect_problem(422, "amount-mismatch");
    let won = json!({"currency": "KRW", "payments": [{"method": "card", "amount": 508}]});
    let refused =
        shop.post_once(&order_path(&order, "/payments"), &shop.kiosk, won).await.expect_problem(422, "wrong-currency");
    assert_eq!(refused["currency"], "EUR");
    for (payments, field) in [
        (json!([]), "payments"),
        (json!([{"method": "card", "amount": -508}]), "amount"),
        (json!([{"method": "card", "amount": 508, "tendered": 600}]), "tendered"),
        (json!([{"method": "cash", "amount": 508, "tendered": 500}]), "tendered"),
        (json!([{"method": "card", "amount": 508}, {"method": "cash", "amount": 0}]), "payments"),
        (json!([{"method": "card", "amount": 508, "reference": "a\nb"}]), "reference"),
    ] {
        assert_eq!(shop.pay(&order, payments).await.expect_problem(422, "invalid-field")["field"], field);
    }
    shop.pay(&order, json!([{"method": "shells", "amount": 508}])).await.expect_problem(422, "invalid-field");
    let keyless = json!({"currency": "EUR", "payments": [{"method": "card", "amount": 508}]});
    let keyless = shop.app.post(&order_path(&order, "/payments"), &shop.kiosk, keyless).await;
    keyless.expect_problem(400, "idempotency-key-missing");
    assert_eq!(shop.read_order(&order).await["payments"], json!([]));

    let body = json!({"currency": "EUR", "payments": [
        {"method": "card", "amount": 308, "reference": "T-17"}, {"method": "cash", "amount": 200, "tendered": 500}]});
    let path = order_path(&order, "/payments");
    let paid = shop.post_with_key(&path, &shop.kiosk, "pay-1", body.clone()).await.expect(201);
    assert_eq!((&paid["state"], &paid["paid"]), (&json!("paid"), &json!(508)));
    assert_eq!((&paid["payments"][1]["change"], &paid["payments"][1]["payment_number"]), (&json!(300), &json!(2)));
    let again = shop.post_with_key(&path, &shop.kiosk, "pay-1", body.clone()).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(201), paid);
    shop.post_with_key(&path, &shop.kiosk, "pay-2", body.clone()).await.expect_problem(409, "order-paid");
    let other = shop.place_order(&[(&shop.milk, 1)]).await;
    let reused = shop.post_with_key(&order_path(&other, "/payments"), &shop.kiosk, "pay-1", body).await;
    reused.expect_problem(422, "idempotency-key-reused");
}

async fn a_paid_order_is_refunded_piece_by_piece(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let order = shop.place_order(&[(&shop.milk, 3), (&shop.soap, 1)]).await;
    shop.refund(&order, Value::Null).await.expect_problem(409, "order-not-paid");
    shop.pay(&order, json!([{"method": "card", "amount": 637}])).await.expect(201);

    let one = shop.refund(&order, json!([{"line": 1, "quantity": 1}])).await.expect(201);
    assert_eq!((&one["kind"], &one["refund_number"], &one["amount"]), (&json!("refund"), &json!(1), &json!(129)));
    // 387 × 7 ÷ 107 = 25.3 of tax in three pieces.
    assert_eq!(one["tax"], 8);
    let seen = shop.read_order(&order).await;
    assert_eq!((&seen["state"], &seen["refunded"]), (&json!("partly_refunded"), &json!(129)));
    let goodwill = shop.refund(&order, json!([{"line": 2, "amount": 50}])).await.expect(201);
    assert_eq!((&goodwill["amount"], &goodwill["items"][0]["quantity"]), (&json!(50), &json!(0)));

    let much = shop.refund(&order, json!([{"line": 1, "quantity": 3}])).await;
    assert_eq!(much.expect_problem(409, "refund-too-large")["left"], 2);
    let much = shop.refund(&order, json!([{"line": 2, "amount": 201}])).await;
    assert_eq!(much.expect_problem(409, "refund-too-large")["left"], 200);
    for (lines, field) in [
        (json!([]), "lines"),
        (json!([{"line": 9, "quantity": 1}]), "line"),
        (json!([{"line": 1, "quantity": 1}, {"line": 1, "quantity": 1}]), "line"),
        (json!([{"line": 1, "quantity": -1}]), "quantity"),
        (json!([{"line": 1}]), "quantity"),
        (json!([{"line": 1, "quantity": 1, "amount": 0}]), "amount"),
    ] {
        assert_eq!(shop.refund(&order, lines).await.expect_problem(422, "invalid-field")["field"], field);
    }
    let refunds = order_path(&order, "/refunds");
    let won = json!({"currency": "KRW", "method": "cash", "reason": "x"});
    shop.post_once(&refunds, &shop.clerk, won).await.expect_problem(422, "wrong-currency");
    let silent = json!({"currency": "EUR", "method": "cash", "reason": " "});
    assert_eq!(
        shop.post_once(&refunds, &shop.clerk, silent).await.expect_problem(422, "invalid-field")["field"],
        "reason"
    );
    shop.void(&order).await.expect_problem(409, "order-paid");

    let rest = json!({"currency": "EUR", "method": "card", "reference": "T-18", "reason": "all of it"});
    let last = shop.post_with_key(&refunds, &shop.clerk, "rest", rest.clone()).await.expect(201);
    assert_eq!(last["amount"], 637 - 129 - 50);
    assert_eq!(shop.post_with_key(&refunds, &shop.clerk, "rest", rest).await.expect(201), last);
    let seen = shop.read_order(&order).await;
    assert_eq!((&seen["state"], &seen["refunded"]), (&json!("refunded"), &json!(637)));
    let taxes: i64 = seen["refunds"].as_array().unwrap().iter().map(|refund| refund["tax"].as_i64().unwrap()).sum();
    assert_eq!(seen["tax_total"], taxes, "all of the tax went back with all of the money");
    let told = |reply: Reply, slug: &str| {
        let problem = reply.expect_problem(409, slug);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("fully refunded") && detail.matches("6.37 EUR").count() == 2, "{detail}");
        assert_eq!(problem["refunded"], 637);
        problem["left"].clone()
    };
    assert_eq!(told(shop.refund(&order, Value::Null).await, "refund-too-large"), 0);
    assert_eq!(told(shop.refund(&order, json!([{"line": 1, "quantity": 1}])).await, "refund-too-large"), 0);
    told(shop.void(&order).await, "order-paid");
    told(shop.pay(&order, json!([{"method": "card", "amount": 637}])).await, "order-paid");
}

async fn an_unpaid_order_is_voided_once_and_for_good(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let order = shop.place_order(&[(&shop.milk, 2)]).await;
    let void = shop.void(&order).await.expect(201);
    assert_eq!((&void["kind"], &void["refund_number"], &void["amount"]), (&json!("void"), &json!(1), &json!(258)));
    assert_eq!(shop.read_order(&order).await["state"], "voided");
    shop.void(&order).await.expect_problem(409, "order-voided");
    shop.pay(&order, json!([{"method": "card", "amount": 258}])).await.expect_problem(409, "order-voided");
    shop.refund(&order, Value::Null).await.expect_problem(409, "order-voided");
    let paid = shop.place_paid_order().await;
    shop.void(&paid).await.expect_problem(409, "order-paid");
    let refund = shop.refund(&paid, Value::Null).await.expect(201);
    assert_eq!(refund["refund_number"], 2, "refunds and voids count together");
    shop.void(&paid).await.expect_problem(409, "order-paid");

    let listed = |state: &'static str| {
        let (app, admin) = (&shop.app, &shop.admin);
        async move { app.get(&format!("/api/orders?state={state}"), admin).await.expect(200)["data"].clone() }
    };
    assert_eq!(listed("voided").await[0]["id"], order["id"]);
    assert_eq!(listed("refunded").await[0]["refunded"], 645);
    assert_eq!(listed("paid").await, json!([]));
    // The tests of one process share its counters, so there may be more.
    for metric in ["tillsight_payments_total", "tillsight_refunds_total"] {
        assert!(shop.app.read_metric(metric).await >= 1.0, "{metric}");
    }
    assert!(shop.app.read_metric("tillsight_order_creation_duration_seconds_count").await >= 2.0);
}

async fn an_order_of_zero_is_paid_with_zero(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let gift = shop.app.create_product(&shop.admin, &[("name", "Sample"), ("price", "0"), ("currency", "EUR")]).await;
    let order = shop.place_order(&[(&gift, 1)]).await;
    let paid = shop.pay(&order, json!([{"method": "other", "amount": 0}])).await.expect(201);
    assert_eq!(paid["state"], "paid");
    let back = shop.refund(&order, json!([{"line": 1, "quantity": 1}])).await.expect(201);
    assert_eq!(back["amount"], 0);
    assert_eq!(shop.read_order(&order).await["state"], "refunded");
    shop.refund(&order, Value::Null).await.expect_problem(409, "refund-too-large");
}

async fn only_staff_of_the_store_change_an_order(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let order = shop.place_order(&[(&shop.milk, 1)]).await;
    let stranger = shop.enrol_kiosk_of_new_store().await;
    let shopper = shop.app.sign_up_shopper("ann.lee").await;
    let other_clerk = clerk_of_another_store(&shop.app, &shop.admin).await;
    let pay = json!({"currency": "EUR", "payments": [{"method": "card", "amount": 129}]});
    let refund = json!({"currency": "EUR", "method": "cash", "reason": "x"});
    let void = json!({"reason": "x"});
    for (rest, body) in [("/payments", &pay), ("/refunds", &refund), ("/void", &void)] {
        let path = order_path(&order, rest);
        shop.post_once(&path, &other_clerk, body.clone()).await.expect_problem(404, "not-found");
        shop.post_once(&path, &shopper, body.clone()).await.expect_problem(403, "forbidden");
    }
    shop.post_once(&order_path(&order, "/payments"), &stranger, pay.clone()).await.expect_problem(404, "not-found");
    shop.post_once(&order_path(&order, "/refunds"), &shop.kiosk, refund).await.expect_problem(403, "forbidden");
    shop.post_once(&order_path(&order, "/void"), &shop.kiosk, void).await.expect_problem(403, "forbidden");
    shop.app.get(&order_path(&order, ""), &other_clerk).await.expect_problem(404, "not-found");
    let nobody = "/api/orders/01890000-0000-7000-8000-000000000000/payments";
    shop.post_once(nobody, &shop.admin, pay).await.expect_problem(404, "not-found");
    assert_eq!(shop.read_order(&order).await["state"], "confirmed");
}

/// 20 refunds of one piece at once, of an order of five; then 20 of all that is left, of another.
async fn concurrent_refunds_never_exceed_the_payment(database: TestDatabase) {
    let shop = Arc::new(Shop::open(database).await);
    let order = shop.place_paid_order().await;
    let tries = join_all((0..AT_ONCE).map(|_| shop.refund(&order, json!([{"line": 1, "quantity": 1}])))).await;
    let mut numbers = Vec::new();
    for reply in tries {
        match reply.status.as_u16() {
            201 => numbers.push(reply.json["refund_number"].as_i64().unwrap()),
            _ => assert_eq!(reply.expect_problem(409, "refund-too-large")["left"], 0),
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let seen = shop.read_order(&order).await;
    assert_eq!((&seen["state"], &seen["refunded"]), (&json!("refunded"), &json!(645)));

    let whole = shop.place_paid_order().await;
    let tries = join_all((0..AT_ONCE).map(|_| shop.refund(&whole, Value::Null))).await;
    assert_eq!(tries.iter().filter(|reply| reply.status == 201).count(), 1);
    assert_eq!(shop.read_order(&whole).await["refunded"], 645);
}

/// Payments and voids of one order at once, each with a key of its own: one of them gets through. The same payment sent
/// 20 times with one key: one payment, 20 equal answers.
async fn one_of_concurrent_payments_and_voids_succeeds(database: TestDatabase) {
    let shop = Arc::new(Shop::open(database).await);
    for _ in 0..3 {
        let order = shop.place_order(&[(&shop.milk, 1)]).await;
        let card = json!([{"method": "card", "amount": 129}]);
        let pays = join_all((0..AT_ONCE / 2).map(|_| shop.pay(&order, card.clone())));
        let voids = join_all((0..AT_ONCE / 2).map(|_| shop.void(&order)));
        let (pays, voids) = futures_util::join!(pays, voids);
        let won = pays.iter().chain(&voids).filter(|reply| reply.status == 201).count();
        assert_eq!(won, 1);
        assert!(pays.iter().chain(&voids).all(|reply| matches!(reply.status.as_u16(), 201 | 409)));
    }
    let order = shop.place_order(&[(&shop.milk, 1)]).await;
    let body = json!({"currency": "EUR", "payments": [{"method": "card", "amount": 129}]});
    let path = order_path(&order, "/payments");
    let same = join_all((0..AT_ONCE).map(|_| shop.post_with_key(&path, &shop.kiosk, "one-key", body.clone()))).await;
    let first = same[0].json.clone();
    assert!(same.iter().all(|reply| reply.status == 201 && reply.json == first));
    assert_eq!(shop.read_order(&order).await["payments"].as_array().unwrap().len(), 1);
}

/// A clerk of a store made for the purpose, who has changed the first password.
async fn clerk_of_another_store(app: &TestApp, admin: &str) -> String {
    const GIVEN: &str = "weighs every pear";
    let store = app.create_store(admin).await;
    let body = json!({"username": "stranger", "password": GIVEN, "role": "clerk", "store_id": store});
    app.post("/api/users", admin, body).await.expect(201);
    let first = app.login("stranger", GIVEN).await;
    let change = json!({"current_password": GIVEN, "new_password": "knows every plum"});
    let tokens = app.post("/api/auth/password", &first, change).await.expect(200);
    tokens["access_token"].as_str().unwrap().to_owned()
}

async fn the_history_of_an_order_names_who_did_what(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let ann = shop.app.sign_up_shopper("ann").await;
    let session = shop.fill_bill(&[(&shop.milk, 5)]).await;
    let join = format!("/api/sessions/{}/join", session["id"].as_str().unwrap());
    shop.app.post(&join, &ann, json!({})).await.expect(200);
    let order = shop.confirm(&session).await;
    shop.app.clock.advance(10);
    shop.pay(&order, json!([{"method": "card", "amount": 645}])).await.expect(201);
    shop.app.clock.advance(10);
    shop.post_once(&order_path(&order, "/receipt/prints"), &shop.clerk, json!({})).await;
    shop.app.clock.advance(10);
    shop.refund(&order, json!([{"line": 1, "quantity": 1}])).await.expect(201);
    let path = order_path(&order, "/history");
    let events = shop.app.get(&path, &shop.clerk).await.expect(200)["data"].as_array().unwrap().clone();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["confirmed", "claimed", "paid", "printed", "refunded"]);
    let names: Vec<_> = events.iter().map(|event| event["made_by_name"].as_str().unwrap()).collect();
    assert_eq!((names[1], names[3], names[4]), ("ann", "clerk", "clerk"));
    assert_eq!((names[0], &events[0]["amount"], &events[0]["number"]), (names[2], &json!(645), &json!(1)));
    assert_eq!((&events[2]["method"], &events[4]["method"]), (&json!("card"), &json!("cash")));
    assert_eq!((&events[4]["amount"], &events[4]["reason"]), (&json!(129), &json!("came back")));
    shop.app.get(&path, &ann).await.expect_problem(403, "forbidden");
    let other = shop.enrol_kiosk_of_new_store().await;
    shop.app.get(&path, &other).await.expect_problem(403, "forbidden");
    shop.app
        .get("/api/orders/00000000-0000-7000-8000-000000000000/history", &shop.clerk)
        .await
        .expect_problem(404, "not-found");
}

async fn staff_find_orders_by_day_and_shopper(database: TestDatabase) {
    let body = json!({"name": "강남점", "currency": "EUR", "time_zone": "Asia/Seoul"});
    let shop = Shop::open_with(database, body).await;
    shop.app.sign_up_shopper("ann").await;
    shop.place_order(&[(&shop.milk, 1)]).await;
    // The sixth of January in Seoul.
    shop.app.clock.advance(4 * 3_600);
    let session = shop.fill_bill(&[(&shop.milk, 1)]).await;
    let join = format!("/api/sessions/{}/join", session["id"].as_str().unwrap());
    let ann = shop.app.login("ann", "apples and oranges").await;
    shop.app.post(&join, &ann, json!({})).await.expect(200);
    shop.confirm(&session).await;
    let clerk = shop.app.login("clerk", "knows every apple").await;
    let found = async |query: &str| {
        let page = shop.app.get(&format!("/api/orders?{query}"), &clerk).await.expect(200);
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|order| order["receipt_number"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("day=2026-01-05").await, [1]);
    assert_eq!(found("day=2026-01-06").await, [2]);
    assert!(found("day=2026-01-07").await.is_empty());
    assert!(found("day=2026-01-06&to=2026-01-05T15:30:00Z").await.is_empty());
    assert_eq!(found("shopper=Ann").await, [2]);
    assert!(found("shopper=ann&day=2026-01-05").await.is_empty());
    assert!(found("shopper=nobody").await.is_empty());
    let admin = shop.app.login_admin().await;
    let refused = shop.app.get("/api/orders?day=yesterday", &admin).await.expect_problem(422, "invalid-field");
    assert_eq!(refused["field"], "day");
    shop.app.create_store(&admin).await;
    let unclear = shop.app.get("/api/orders?day=2026-01-05", &admin).await.expect_problem(422, "invalid-field");
    assert!(unclear["detail"].as_str().unwrap().contains("store_id"), "{unclear}");
    let path = format!("/api/orders?day=2026-01-05&store_id={}", shop.store);
    assert_eq!(shop.app.get(&path, &admin).await.expect(200)["data"][0]["receipt_number"], 1);
}

on_both_databases!(
    the_history_of_an_order_names_who_did_what,
    staff_find_orders_by_day_and_shopper,
    an_order_is_paid_in_full_and_once,
    a_paid_order_is_refunded_piece_by_piece,
    an_unpaid_order_is_voided_once_and_for_good,
    an_order_of_zero_is_paid_with_zero,
    only_staff_of_the_store_change_an_order,
    concurrent_refunds_never_exceed_the_payment,
    one_of_concurrent_payments_and_voids_succeeds,
);
