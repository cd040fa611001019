//! What a bill shows is what is charged, or the confirmation is refused; what a receipt or a closing said once, it says for ever.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Reply, Shop, TestDatabase, on_both_databases, order_path};

impl Shop {
    async fn read_bill(&self, session: &Value) -> Value {
        self.app.get(&format!("/api/sessions/{}", session["id"].as_str().unwrap()), &self.kiosk).await.expect(200)
    }

    async fn try_confirm(&self, session: &Value) -> Reply {
        let path = format!("/api/sessions/{}/confirm", session["id"].as_str().unwrap());
        self.post_once(&path, &self.kiosk, json!({"version": session["version"]})).await
    }

    async fn change_product(&self, product: &str, change: Value) {
        self.app.patch(&format!("/api/products/{product}"), &self.admin, change).await.expect(200);
    }

    async fn change_store(&self, change: Value) -> Value {
        self.app.patch(&format!("/api/stores/{}", self.store), &self.admin, change).await.expect(200)
    }

    async fn print(&self, order: &Value) -> String {
        let prints = order_path(order, "/receipt/prints");
        let page = self.app.call(Method::POST, &prints, Some(&self.kiosk), |request| request).await;
        assert_eq!(page.status, 201);
        String::from_utf8(page.bytes).unwrap()
    }

    async fn check_chains(&self) {
        let run = "/api/monitoring/numbering/jobs/integrity/run-check?deep_check=true";
        let found = self.app.post(run, &self.admin, json!({})).await.expect(200);
        assert_eq!((&found["with_findings"], &found["lowest_health"]), (&json!(0), &json!(100)), "{found}");
    }
}

async fn a_change_of_the_store_or_the_catalog_changes_no_open_bill(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let shown = shop.fill_bill(&[(&shop.milk, 2), (&shop.soap, 1)]).await;
    shop.change_store(json!({"prices_include_tax": false, "name": "High Street", "time_zone": "Asia/Seoul"})).await;
    let milk = json!({"name": "Cream", "tax_rate_bp": 2500, "price": 900, "sku": "C-1", "barcode": "2000000000015"});
    shop.change_product(&shop.milk, milk).await;
    assert_eq!(shop.read_bill(&shown).await, shown, "the bill and its version are as they were shown");

    let items = format!("/api/sessions/{}/items", shown["id"].as_str().unwrap());
    let more = json!({"version": shown["version"], "product_id": shop.milk});
    let shown = shop.app.post(&items, &shop.kiosk, more).await.expect(200);
    assert_eq!((&shown["items"][0]["quantity"], &shown["total"]), (&json!(3), &json!(3 * 129 + 250)));
    let order = shop.confirm(&shown).await;
    for field in ["total", "tax_total", "prices_include_tax", "currency"] {
        assert_eq!(order[field], shown[field], "{field}");
    }
    let (line, seen) = (&order["items"][0], &shown["items"][0]);
    for field in ["product_name", "tax_rate_bp", "unit_price", "line_total", "amount"] {
        assert_eq!(line[field], seen[field], "{field}");
    }
    assert_eq!((&line["sku"], &line["barcode"]), (&Value::Null, &Value::Null));
    assert_eq!((&order["store_name"], &order["time_zone"]), (&json!("High Street"), &json!("Asia/Seoul")));

    let next = shop.fill_bill(&[(&shop.milk, 1)]).await;
    assert_eq!((&next["prices_include_tax"], &next["total"]), (&json!(false), &json!(1125)), "a new bill is as of now");
    assert_eq!(next["items"][0]["product_name"], "Cream");
    shop.check_chains().await;
}

async fn what_the_bill_has_not_shown_is_refused_and_named(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    let mystery = shop.app.create_product(&shop.admin, &[("name", "Mystery")]).await;
    let unpriced = shop.fill_bill(&[(&shop.milk, 1), (&mystery, 2)]).await;
    shop.change_product(&mystery, json!({"price": 700, "currency": "KRW"})).await;
    assert_eq!(shop.read_bill(&unpriced).await["version"], unpriced["version"], "nothing that can be charged changed");
    shop.change_product(&mystery, json!({"price": 500, "currency": "EUR", "tax_rate_bp": 700})).await;
    let refused = shop.try_confirm(&unpriced).await.expect_problem(409, "stale-version");
    let change = json!({"product_name": "Mystery", "field": "price", "from": "none", "to": "5.00 EUR"});
    assert_eq!(refused["changes"], json!([change]));
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("Mystery costs 5.00 EUR now and had no price before"), "{detail}");
    // The first price that the bill shows stays, as for every other product.
    let shown = shop.read_bill(&unpriced).await;
    assert_eq!(shown["items"][1]["tax_rate_bp"], 700, "the tax of the price: {shown}");
    shop.change_product(&mystery, json!({"price": 600})).await;
    assert_eq!(shop.confirm(&shown).await["total"], 129 + 1000);

    let shown = shop.fill_bill(&[(&shop.milk, 1), (&shop.soap, 1)]).await;
    shop.change_product(&shop.soap, json!({"active": false})).await;
    let without = shop.read_bill(&shown).await;
    assert_eq!((&without["total"], &without["items"][1]["problem"]), (&json!(129), &json!("not-on-sale")));
    shop.change_product(&shop.soap, json!({"active": true})).await;
    let refused = shop.try_confirm(&without).await.expect_problem(409, "stale-version");
    assert!(refused["detail"].as_str().unwrap().contains("Soap is on sale again"), "{refused}");
    let refused = shop.try_confirm(&shown).await.expect_problem(409, "stale-version");
    assert_eq!(refused["changes"].as_array().unwrap().len(), 2, "off and on again: {refused}");
    assert_eq!(shop.confirm(&shop.read_bill(&shown).await).await["total"], 379);

    // A bill that was left idle has ended: it follows the catalog no more.
    let left = shop.fill_bill(&[(&shop.soap, 1)]).await;
    shop.app.clock.advance(1_801);
    shop.admin = shop.app.login_admin().await;
    shop.change_product(&shop.soap, json!({"active": false})).await;
    shop.change_product(&shop.soap, json!({"active": true})).await;
    assert_eq!(shop.read_bill(&left).await["version"], left["version"]);

    // A bill without the product, and a closed one, are left alone.
    let other = shop.fill_bill(&[(&shop.milk, 1)]).await;
    shop.app.delete(&format!("/api/products/{}", shop.soap), &shop.admin).await.expect(204);
    shop.try_confirm(&other).await.expect(201);
}

async fn receipts_and_closings_keep_what_was_true_when_they_were_made(database: TestDatabase) {
    let body = json!({"name": "Main Street", "currency": "EUR", "time_zone": "Europe/Berlin",
        "address": "1 Main Street, 12345 Springfield", "tax_number": "DE123456789"});
    let shop = Shop::open_with(database, body).await;
    let order = shop.place_order(&[(&shop.milk, 2)]).await;
    shop.pay(&order, json!([{"method": "card", "amount": 258}])).await.expect(201);
    let closings = format!("/api/stores/{}/z-reports", shop.store);
    let closed = shop.post_once(&closings, &shop.clerk, json!({})).await.expect(201);
    let shopper = shop.app.sign_up_shopper("ann").await;
    shop.app.post("/api/mypage/claims", &shopper, json!({"claim_code": order["claim_code"]})).await.expect(200);
    let paths = [
        (order_path(&order, ""), &shop.clerk),
        (order_path(&order, "/receipt"), &shop.clerk),
        ("/api/orders".to_owned(), &shop.clerk),
        (format!("{closings}/1"), &shop.clerk),
        (closings.clone(), &shop.clerk),
        ("/api/mypage/orders".to_owned(), &shopper),
        (format!("/api/mypage{}", order_path(&order, "/receipt").trim_start_matches("/api")), &shopper),
        ("/api/mypage/spending".to_owned(), &shopper),
    ];
    let mut before = Vec::new();
    for (path, token) in &paths {
        before.push(shop.app.get(path, token).await.expect(200));
    }
    let page = shop.print(&order).await;
    for text in
        ["<h1>Main Street</h1>", "1 Main Street, 12345 Springfield", "Tax number DE123456789", "13:00:00 +01:00"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert_eq!((&closed["store_name"], &closed["store_tax_number"]), (&json!("Main Street"), &json!("DE123456789")));

    let changed = json!({"name": "High Street", "time_zone": "Asia/Seoul", "prices_include_tax": false,
        "address": "2 High Street", "tax_number": null});
    let store = shop.change_store(changed).await;
    assert_eq!((&store["address"], &store["tax_number"]), (&json!("2 High Street"), &Value::Null));
    shop.change_product(&shop.milk, json!({"name": "Cream", "tax_rate_bp": 0})).await;
    for ((path, token), before) in paths.iter().zip(before) {
        let mut now = shop.app.get(path, token).await.expect(200);
        if path.ends_with("/receipt") {
            now["prints"] = before["prints"].clone();
        }
        assert_eq!(now, before, "{path}");
    }
    let copy = shop.print(&order).await;
    assert_eq!(
        copy.replace("<p class=\"copy\">COPY 1</p>\n", ""),
        page,
        "a copy differs from the original in its mark"
    );

    let next = shop.place_order(&[(&shop.milk, 1)]).await;
    assert_eq!((&next["store_name"], &next["store_tax_number"]), (&json!("High Street"), &Value::Null));
    shop.check_chains().await;
}

/// As a release wrote them that kept no store with an order or a closing.
async fn records_of_before_say_what_they_do_not_know(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let order = shop.place_order(&[(&shop.milk, 2)]).await;
    let closings = format!("/api/stores/{}/z-reports", shop.store);
    shop.post_once(&closings, &shop.clerk, json!({})).await.expect(201);
    for forget in [
        "UPDATE orders SET store_name = NULL, store_address = NULL, store_tax_number = NULL, hash_version = 2",
        "UPDATE z_reports SET store_name = NULL, store_address = NULL, store_tax_number = NULL, hash_version = 1",
    ] {
        database.execute(forget).await;
    }
    database.execute("UPDATE orders SET time_zone = NULL").await;
    let receipt = shop.app.get(&order_path(&order, "/receipt"), &shop.clerk).await.expect(200);
    for field in ["store_name", "store_address", "store_tax_number", "time_zone"] {
        assert_eq!(receipt["order"][field], Value::Null, "{field}");
    }
    assert_eq!(receipt["local_time"], "2026-01-05 12:00:00 +00:00", "in UTC, and it says so");
    let page = shop.print(&order).await;
    assert!(page.contains("name at that time was not kept with this receipt") && !page.contains("Corner"), "{page}");
    let listed = shop.app.get("/api/orders", &shop.clerk).await.expect(200);
    assert_eq!((&listed["data"][0]["id"], &listed["data"][0]["store_name"]), (&order["id"], &Value::Null));
    let closing = shop.app.get(&format!("{closings}/1"), &shop.clerk).await.expect(200);
    assert_eq!(closing["store_name"], Value::Null);
}

on_both_databases!(
    a_change_of_the_store_or_the_catalog_changes_no_open_bill,
    what_the_bill_has_not_shown_is_refused_and_named,
    receipts_and_closings_keep_what_was_true_when_they_were_made,
    records_of_before_say_what_they_do_not_know,
);
