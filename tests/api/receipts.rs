//! Receipts: as data, as a page to print, originals and copies, in the store's time.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Shop, TestDatabase, on_both_databases, order_path};

async fn a_receipt_shows_items_tax_payments_and_refunds(database: TestDatabase) {
    let body = json!({"name": "강남점", "currency": "EUR", "time_zone": "Asia/Seoul"});
    let shop = Shop::open_with(database, body).await;
    let order = shop.place_order(&[(&shop.milk, 2), (&shop.soap, 1)]).await;
    shop.pay(&order, json!([{"method": "cash", "amount": 508, "tendered": 1000}])).await.expect(201);
    shop.refund(&order, json!([{"line": 2, "quantity": 1}])).await.expect(201);
    let receipt = shop.app.get(&order_path(&order, "/receipt"), &shop.kiosk).await.expect(200);
    // The clock of the tests stands at 2026-01-05 12:00 UTC.
    assert_eq!(receipt["local_time"], "2026-01-05 21:00:00 +09:00");
    // 258 × 7 ÷ 107 = 16.9; 250 × 19 ÷ 119 = 39.9
    let taxes = json!([{"tax_rate_bp": 700, "net": 241, "tax": 17, "gross": 258},
        {"tax_rate_bp": 1900, "net": 210, "tax": 40, "gross": 250}]);
    assert_eq!(receipt["taxes"], taxes);
    assert_eq!((&receipt["order"]["tax_total"], &receipt["prints"]), (&json!(57), &json!(0)));
    assert_eq!(receipt["order"]["payments"][0]["change"], 492);
    assert_eq!(
        (&receipt["order"]["refunds"][0]["amount"], &receipt["claim_code"]),
        (&json!(250), &order["claim_code"])
    );
    let printed = async |order: &serde_json::Value| {
        let page = shop
            .app
            .call(Method::POST, &order_path(order, "/receipt/prints"), Some(&shop.kiosk), |request| request)
            .await;
        String::from_utf8(page.bytes).unwrap()
    };
    let page = printed(&order).await;
    assert!(page.contains("refund 1 (cash): came back") && page.contains("-2.50 EUR"), "{page}");
    let voided = shop.place_order(&[(&shop.milk, 1)]).await;
    shop.void(&voided).await.expect(201);
    let page = printed(&voided).await;
    assert!(page.contains("void 2: shopper left"), "no money changed hands: {page}");
}

async fn the_first_print_is_the_original_and_every_later_one_a_copy(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let order = shop.place_order(&[(&shop.milk, 2)]).await;
    shop.pay(&order, json!([{"method": "card", "amount": 258}])).await.expect(201);
    let prints = order_path(&order, "/receipt/prints");
    let mut pages = Vec::new();
    for _ in 0..3 {
        let reply = shop.app.call(Method::POST, &prints, Some(&shop.kiosk), |request| request).await;
        assert_eq!(reply.status, 201);
        assert_eq!(reply.headers["content-type"], "text/html; charset=utf-8");
        let policy = reply.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe-inline"), "{policy}");
        pages.push(String::from_utf8(reply.bytes).unwrap());
    }
    assert!(!pages[0].contains("COPY") && pages[1].contains("COPY 1") && pages[2].contains("COPY 2"));
    let page = &pages[0];
    for text in ["Corner &#60;shop&#62;", "Receipt 1", "2.58 EUR", "tax 7 % of 2.41 EUR", "card", "<svg"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(page.contains(order["claim_code"].as_str().unwrap()) && page.contains(order["hash"].as_str().unwrap()));
    assert!(!page.contains("<b>") && !page.contains("<script"), "names are text: {page}");
    let receipt = shop.app.get(&order_path(&order, "/receipt"), &shop.kiosk).await.expect(200);
    assert_eq!(receipt["prints"], 3, "looking is no print");

    let stranger = shop.enrol_kiosk_of_new_store().await;
    shop.app.get(&order_path(&order, "/receipt"), &stranger).await.expect_problem(404, "not-found");
    shop.app.post(&prints, &stranger, json!({})).await.expect_problem(404, "not-found");
    assert_eq!(database.count("SELECT COUNT(*) FROM receipt_prints").await, 3);
}

async fn concurrent_prints_are_all_counted(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let order = shop.place_order(&[(&shop.milk, 1)]).await;
    let prints = order_path(&order, "/receipt/prints");
    let replies = futures_util::future::join_all((0..10).map(|_| shop.app.post(&prints, &shop.clerk, json!({})))).await;
    assert!(replies.iter().all(|reply| reply.status == 201));
    let originals = replies.iter().filter(|reply| !String::from_utf8_lossy(&reply.bytes).contains("COPY")).count();
    assert_eq!(originals, 1);
    assert_eq!(database.count("SELECT MAX(print) FROM receipt_prints").await, 10);
}

async fn a_shopper_sees_only_their_own_receipts(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let (ann, bob) = (shop.app.sign_up_shopper("ann").await, shop.app.sign_up_shopper("bob").await);
    let order = shop.place_paid_order().await;
    let code = shop.app.get(&order_path(&order, "/receipt"), &shop.clerk).await.expect(200)["claim_code"].clone();
    shop.app.post("/api/mypage/claims", &ann, json!({"claim_code": code})).await.expect(200);
    let path = format!("/api/mypage/orders/{}/receipt", order["id"].as_str().unwrap());
    let receipt = shop.app.get(&path, &ann).await.expect(200);
    assert!(receipt["order"]["payments"][0].get("made_by").is_none(), "who of the staff it was is not shown");
    let page = shop.app.get(&format!("{path}/page"), &ann).await;
    assert!(String::from_utf8(page.bytes).unwrap().contains("CUSTOMER&#39;S COPY"));
    for path in [path.clone(), format!("{path}/page")] {
        shop.app.get(&path, &bob).await.expect_problem(404, "not-found");
        shop.app.get(&path, &shop.kiosk).await.expect_problem(403, "forbidden");
    }
    assert_eq!(shop.app.get(&path, &ann).await.expect(200)["prints"], 0);
}

on_both_databases!(
    a_receipt_shows_items_tax_payments_and_refunds,
    the_first_print_is_the_original_and_every_later_one_a_copy,
    concurrent_prints_are_all_counted,
    a_shopper_sees_only_their_own_receipts,
);
