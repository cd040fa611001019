//! Discounts that a clerk gives on a bill, tax contained in prices or on top of them, and their snapshots in orders.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Reply, Shop, TestDatabase, on_both_databases, order_path};

impl Shop {
    async fn discount(&self, session: &Value, place: &str, token: &str, body: Value) -> Reply {
        let mut body = body;
        body["version"] = session["version"].clone();
        let path = format!("/api/sessions/{}{place}/discount", session["id"].as_str().unwrap());
        self.app.call(Method::PUT, &path, Some(token), |request| request.json(&body)).await
    }
}

async fn a_clerk_gives_discounts_and_the_order_keeps_them(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let bill = shop.fill_bill(&[(&shop.milk, 2), (&shop.soap, 1)]).await;
    let soap = format!("/items/{}", bill["items"][1]["id"].as_str().unwrap());
    let dented = json!({"rate_bp": 2000, "reason": "dented box"});
    shop.discount(&bill, &soap, &shop.kiosk, dented.clone()).await.expect_problem(403, "forbidden");
    let bill = shop.discount(&bill, &soap, &shop.clerk, dented).await.expect(200);
    assert_eq!((&bill["items"][1]["amount"], &bill["total"]), (&json!(200), &json!(458)));
    assert_eq!(bill["items"][1]["discount"]["reason"], "dented box");
    let bill = shop.discount(&bill, "", &shop.clerk, json!({"amount": 58, "reason": "regular"})).await.expect(200);
    // 58 × 258 ÷ 458 = 32.68, 58 × 200 ÷ 458 = 25.33: one minor unit goes to the larger remainder.
    assert_eq!((&bill["items"][0]["amount"], &bill["items"][1]["amount"]), (&json!(225), &json!(175)));
    assert_eq!((&bill["total"], &bill["discount_total"]), (&json!(400), &json!(108)));

    let order = shop.confirm(&bill).await;
    assert_eq!((&order["total"], &order["discount_total"]), (&json!(400), &json!(108)));
    assert_eq!((&order["discount_reason"], &order["items"][1]["discount"]), (&json!("regular"), &json!(50)));
    assert_eq!((&order["items"][0]["bill_discount"], &order["items"][1]["bill_discount"]), (&json!(33), &json!(25)));
    // 225 × 7 ÷ 107 = 14.7; 175 × 19 ÷ 119 = 27.9: tax of what was paid, not of the prices.
    assert_eq!((&order["items"][0]["tax"], &order["items"][1]["tax"]), (&json!(15), &json!(28)));
    shop.pay(&order, json!([{"method": "card", "amount": 400}])).await.expect(201);
    let refund = shop.refund(&order, json!([{"line": 1, "quantity": 1}])).await.expect(201);
    assert_eq!(refund["amount"], 112, "half of 225, rounded down; the other half gives the rest");
    let page = shop.app.post(&order_path(&order, "/receipt/prints"), &shop.clerk, json!({})).await;
    let page = String::from_utf8(page.bytes).unwrap();
    assert!(
        page.contains("discount: dented box") && page.contains("-0.50 EUR") && page.contains("-0.58 EUR"),
        "{page}"
    );

    let z = shop.post_once(&format!("/api/stores/{}/z-reports", shop.store), &shop.clerk, json!({})).await.expect(201);
    assert_eq!(z["currencies"][0]["discounts"], json!({"count": 1, "amount": 108, "tax": 0}));
}

async fn discounts_are_checked_replaced_and_removed(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let bill = shop.fill_bill(&[(&shop.milk, 1)]).await;
    for (body, field) in [
        (json!({"rate_bp": 0, "reason": "x"}), "rate_bp"),
        (json!({"rate_bp": 10_001, "reason": "x"}), "rate_bp"),
        (json!({"amount": -1, "reason": "x"}), "amount"),
        (json!({"reason": "x"}), "rate_bp"),
        (json!({"rate_bp": 5, "amount": 5, "reason": "x"}), "rate_bp"),
        (json!({"rate_bp": 5, "reason": " "}), "reason"),
    ] {
        let refused = shop.discount(&bill, "", &shop.clerk, body).await.expect_problem(422, "invalid-field");
        assert_eq!(refused["field"], field);
    }
    let nobody = "/items/01890000-0000-7000-8000-000000000000";
    let some = json!({"rate_bp": 5, "reason": "x"});
    shop.discount(&bill, nobody, &shop.clerk, some.clone()).await.expect_problem(404, "not-found");
    // More than the price takes all of it, and no more.
    let all = shop.discount(&bill, "", &shop.clerk, json!({"amount": 9_999, "reason": "gift"})).await.expect(200);
    assert_eq!((&all["total"], &all["confirmable"]), (&json!(0), &json!(true)));
    assert_eq!((&all["discount"]["amount"], &all["discount"]["taken_off"]), (&json!(9_999), &json!(129)));
    shop.discount(&bill, "", &shop.clerk, some).await.expect_problem(409, "stale-version");
    let half = shop.discount(&all, "", &shop.clerk, json!({"rate_bp": 5_000, "reason": "half"})).await.expect(200);
    assert_eq!((&half["total"], &half["discount"]["amount"]), (&json!(64), &Value::Null));
    assert_eq!(half["discount"]["taken_off"], 65);
    let line = format!("/items/{}", half["items"][0]["id"].as_str().unwrap());
    let much = json!({"amount": 500, "reason": "broken"});
    let both = shop.discount(&half, &line, &shop.clerk, much).await.expect(200);
    assert_eq!((&both["items"][0]["discount"]["taken_off"], &both["discount"]["taken_off"]), (&json!(129), &json!(0)));
    assert_eq!((&both["discount_total"], &both["total"]), (&json!(129), &json!(0)), "nobody is paid out");
    let path = format!("/api/sessions/{}{line}/discount?version={}", half["id"].as_str().unwrap(), both["version"]);
    let half = shop.app.delete(&path, &shop.clerk).await.expect(200);
    let path = format!("/api/sessions/{}/discount?version={}", half["id"].as_str().unwrap(), half["version"]);
    shop.app.delete(&path, &shop.kiosk).await.expect_problem(403, "forbidden");
    let none = shop.app.delete(&path, &shop.clerk).await.expect(200);
    assert_eq!((&none["total"], &none["discount"]), (&json!(129), &Value::Null));
}

async fn tax_is_added_if_prices_do_not_include_it(database: TestDatabase) {
    let shop = Shop::open_with(database, json!({"name": "Net", "currency": "EUR", "prices_include_tax": false})).await;
    let bill = shop.fill_bill(&[(&shop.milk, 1), (&shop.soap, 1)]).await;
    // 129 × 7 % = 9.03, 250 × 19 % = 47.5
    assert_eq!((&bill["tax_total"], &bill["total"]), (&json!(57), &json!(436)));
    let order = shop.confirm(&bill).await;
    assert_eq!((&order["total"], &order["items"][1]["amount"]), (&json!(436), &json!(298)));
    shop.pay(&order, json!([{"method": "card", "amount": 436}])).await.expect(201);

    // What changes later changes no order.
    let product = format!("/api/products/{}", shop.soap);
    shop.app.patch(&product, &shop.admin, json!({"tax_rate_bp": 0})).await.expect(200);
    let store = format!("/api/stores/{}", shop.store);
    let changed = shop.app.patch(&store, &shop.admin, json!({"prices_include_tax": true})).await.expect(200);
    assert_eq!((&changed["name"], &changed["prices_include_tax"]), (&json!("Net"), &json!(true)));
    let seen = shop.read_order(&order).await;
    assert_eq!((&seen["total"], &seen["tax_total"]), (&json!(436), &json!(57)));
    assert_eq!((&seen["prices_include_tax"], &seen["hash"]), (&json!(false), &order["hash"]));
    let refund = shop.refund(&order, Value::Null).await.expect(201);
    assert_eq!((&refund["amount"], &refund["tax"]), (&json!(436), &json!(57)));
    let later = shop.place_order(&[(&shop.soap, 1)]).await;
    assert_eq!((&later["total"], &later["tax_total"]), (&json!(250), &json!(0)));
}

async fn invalid_tax_rates_and_time_zones_are_refused(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let product = format!("/api/products/{}", shop.soap);
    let refused = shop.app.patch(&product, &shop.admin, json!({"tax_rate_bp": 10_001})).await;
    assert_eq!(refused.expect_problem(422, "invalid-field")["field"], "tax_rate_bp");
    let texts = [("name", "Odd"), ("tax_rate_bp", "19 %")];
    let refused = shop.app.post_form("/api/products", &shop.admin, &texts, Vec::new()).await;
    assert_eq!(refused.expect_problem(422, "invalid-field")["field"], "tax_rate_bp");
    let mars = json!({"name": "Far", "time_zone": "Mars/Olympus"});
    let refused = shop.app.post("/api/stores", &shop.admin, mars).await.expect_problem(422, "invalid-field");
    assert_eq!(refused["field"], "time_zone");
    let store = format!("/api/stores/{}", shop.store);
    let changed = shop.app.patch(&store, &shop.admin, json!({"time_zone": "europe/berlin"})).await.expect(200);
    assert_eq!(changed["time_zone"], "Europe/Berlin");
}

on_both_databases!(
    a_clerk_gives_discounts_and_the_order_keeps_them,
    discounts_are_checked_replaced_and_removed,
    tax_is_added_if_prices_do_not_include_it,
    invalid_tax_rates_and_time_zones_are_refused,
);
