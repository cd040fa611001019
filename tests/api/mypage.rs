//! What a shopper sees of their own, and of nobody else's.

use serde_json::{Value, json};

use crate::harness::{Shop, TestDatabase, on_both_databases};

/// A confirmed order of one milk; `shopper` joins its session first.
async fn order(shop: &Shop, shopper: Option<&str>) -> Value {
    let session = shop.fill_bill(&[(&shop.milk, 1)]).await;
    if let Some(shopper) = shopper {
        let join = format!("/api/sessions/{}/join", session["id"].as_str().unwrap());
        shop.app.post(&join, shopper, json!({})).await.expect(200);
    }
    shop.confirm(&session).await
}

async fn a_shopper_reads_their_own_orders_page_by_page(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let ann = shop.app.sign_up_shopper("ann").await;
    let bob = shop.app.sign_up_shopper("bob").await;
    for _ in 0..5 {
        order(&shop, Some(&ann)).await;
    }
    let bobs = order(&shop, Some(&bob)).await;
    let mut numbers = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let page = shop.app.get(&format!("/api/mypage/orders?limit=2{cursor}"), &ann).await.expect(200);
        numbers.extend(page["data"].as_array().unwrap().iter().map(|order| order["receipt_number"].as_i64().unwrap()));
        cursor = page["next_cursor"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default();
    }
    assert_eq!((numbers, cursor.as_str()), (vec![5, 4, 3, 2, 1], ""));

    let own = shop.app.get(&format!("/api/mypage/orders/{}", bobs["id"].as_str().unwrap()), &bob).await.expect(200);
    assert_eq!((&own["items"][0]["product_name"], &own["total"]), (&json!("Milk & <b>honey</b>"), &json!(129)));
    let path = format!("/api/mypage/orders/{}", bobs["id"].as_str().unwrap());
    shop.app.get(&path, &ann).await.expect_problem(404, "not-found");
    shop.app.get("/api/mypage/orders?cursor=rubbish", &ann).await.expect_problem(422, "invalid-field");
    shop.app.get("/api/mypage/orders?limit=1000", &ann).await.expect_problem(422, "invalid-field");
}

async fn a_receipt_is_claimed_once(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let (ann, bob) = (shop.app.sign_up_shopper("ann").await, shop.app.sign_up_shopper("bob").await);
    let order = order(&shop, None).await;
    let path = format!("/api/mypage/orders/{}", order["id"].as_str().unwrap());
    shop.app.get(&path, &ann).await.expect_problem(404, "not-found");
    let typed = order["claim_code"].as_str().unwrap().to_lowercase().replace('-', " ");
    let claimed = shop.app.post("/api/mypage/claims", &ann, json!({"claim_code": typed})).await.expect(200);
    assert_eq!(claimed["id"], order["id"]);
    assert!(claimed.get("claim_code").is_none(), "only the confirmation shows the code");
    shop.app.post("/api/mypage/claims", &ann, json!({"claim_code": typed})).await.expect(200);
    shop.app.post("/api/mypage/claims", &bob, json!({"claim_code": typed})).await.expect_problem(404, "not-found");
    shop.app.post("/api/mypage/claims", &bob, json!({"claim_code": "22222"})).await.expect_problem(404, "not-found");
    shop.app.get(&path, &ann).await.expect(200);
}

/// Whoever sells and refunds does not come to own the receipts that shoppers leave behind.
async fn staff_cannot_claim_receipts_or_join_sessions(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let order = order(&shop, None).await;
    let session = shop.fill_bill(&[(&shop.milk, 1)]).await;
    let join = format!("/api/sessions/{}/join", session["id"].as_str().unwrap());
    for (token, who) in [(&shop.clerk, "clerks"), (&shop.admin, "admins")] {
        let body = json!({"claim_code": order["claim_code"]});
        for reply in
            [shop.app.post("/api/mypage/claims", token, body).await, shop.app.post(&join, token, json!({})).await]
        {
            let detail = reply.expect_problem(403, "forbidden")["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(&format!("is not allowed for {who}. It is for shoppers only")), "{detail}");
        }
    }
    assert_eq!(database.count("SELECT COUNT(*) FROM order_owners").await, 0);
}

async fn a_session_has_one_shopper(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let (ann, bob) = (shop.app.sign_up_shopper("ann").await, shop.app.sign_up_shopper("bob").await);
    let session = shop.app.post("/api/sessions", &shop.kiosk, json!({})).await.expect(201);
    let join = format!("/api/sessions/{}/join", session["id"].as_str().unwrap());
    shop.app.post(&join, &ann, json!({})).await.expect(200);
    shop.app.post(&join, &ann, json!({})).await.expect(200);
    shop.app.post(&join, &bob, json!({})).await.expect_problem(409, "taken");
}

async fn a_shopper_finds_orders_by_store_time_and_state(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let ann = shop.app.sign_up_shopper("ann").await;
    let early = order(&shop, Some(&ann)).await;
    shop.pay(&early, json!([{"method": "card", "amount": 129}])).await.expect(201);
    shop.refund(&early, json!([{"line": 1, "amount": 29}])).await.expect(201);
    shop.app.clock.advance(60);
    let late = order(&shop, Some(&ann)).await;
    shop.void(&late).await.expect(201);
    let found = |query: String| {
        let (app, ann) = (&shop.app, &ann);
        async move {
            let page = app.get(&format!("/api/mypage/orders?{query}"), ann).await.expect(200);
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|order| order["receipt_number"].as_i64().unwrap())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(found(String::new()).await, [2, 1]);
    assert_eq!(found("state=partly_refunded".to_owned()).await, [1]);
    assert_eq!(found("state=voided".to_owned()).await, [2]);
    assert_eq!(found("from=2026-01-05T12:00:30Z".to_owned()).await, [2]);
    assert_eq!(found("to=2026-01-05T12:00:30Z".to_owned()).await, [1]);
    assert_eq!(found("receipt_number=1".to_owned()).await, [1]);
    assert!(found("receipt_number=3".to_owned()).await.is_empty());
    assert_eq!(found(format!("store_id={}", shop.store)).await, [2, 1]);
    let of_the_store = shop.app.get("/api/orders?receipt_number=2", &shop.clerk).await.expect(200);
    assert_eq!((&of_the_store["data"][0]["id"], of_the_store["data"].as_array().unwrap().len()), (&late["id"], 1));
    let other = shop.app.create_store(&shop.admin).await;
    assert!(found(format!("store_id={other}")).await.is_empty());
    let list = shop.app.get("/api/mypage/orders?state=partly_refunded", &ann).await.expect(200);
    assert_eq!((&list["data"][0]["refunded"], &list["data"][0]["total"]), (&json!(29), &json!(129)));
    for (field, value) in [("state", "lost"), ("from", "yesterday"), ("limit", "abc"), ("store_id", "corner")] {
        let refused = shop.app.get(&format!("/api/mypage/orders?{field}={value}"), &ann).await;
        let refused = refused.expect_problem(400, "bad-request");
        assert_eq!((&refused["field"], &refused["value"]), (&json!(field), &json!(value)), "{refused}");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.starts_with(&format!("The query parameter {field}")), "{detail}");
    }
    let backwards = "/api/mypage/orders?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z";
    assert_eq!(shop.app.get(backwards, &ann).await.expect_problem(422, "invalid-field")["field"], "to");
}

/// A record that somebody edited by hand hides none of the others, neither from the staff nor from the shopper.
async fn an_unreadable_order_is_named_and_the_others_are_listed(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let ann = shop.app.sign_up_shopper("ann").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(order(&shop, Some(&ann)).await["id"].clone());
    }
    database.execute("UPDATE orders SET currency = 'QQQ' WHERE number = 2").await;
    for (path, token) in [("/api/orders", &shop.clerk), ("/api/mypage/orders", &ann)] {
        let list = shop.app.get(path, token).await.expect(200);
        let shown: Vec<_> = list["data"].as_array().unwrap().iter().map(|order| &order["receipt_number"]).collect();
        assert_eq!(shown, [3, 1], "{list}");
        assert_eq!((&list["unreadable"], &list["next_cursor"]), (&json!([ids[1]]), &Value::Null));
        // The page is full with the order that cannot be shown, and the list goes on after it.
        let first = shop.app.get(&format!("{path}?limit=2"), token).await.expect(200);
        assert_eq!((first["data"].as_array().unwrap().len(), &first["unreadable"]), (1, &json!([ids[1]])));
        let next = format!("{path}?limit=2&cursor={}", first["next_cursor"].as_str().unwrap());
        let second = shop.app.get(&next, token).await.expect(200);
        assert_eq!((&second["data"][0]["receipt_number"], &second["unreadable"]), (&json!(1), &json!([])));
        let unread = format!("{path}/{}", ids[1].as_str().unwrap());
        for page in [unread.clone(), format!("{unread}/receipt")] {
            let problem = shop.app.get(&page, token).await.expect_problem(500, "unreadable-record");
            assert!(problem["detail"].as_str().unwrap().contains(ids[1].as_str().unwrap()), "{problem}");
            assert!(!problem["detail"].as_str().unwrap().contains("QQQ"), "what is stored is for the log: {problem}");
        }
    }
    // Sums that left an order out would be wrong.
    shop.app.get("/api/mypage/spending", &ann).await.expect_problem(500, "unreadable-record");
}

/// The clock of the tests begins on the fifth of January 2026; 26 days later it is February in Seoul, not yet in London.
async fn spending_is_summed_by_month_in_the_stores_time_zone(database: TestDatabase) {
    let body = json!({"name": "강남점", "currency": "EUR", "time_zone": "Asia/Seoul"});
    let shop = Shop::open_with(database, body).await;
    let ann = shop.app.sign_up_shopper("ann").await;
    let bob = shop.app.sign_up_shopper("bob").await;
    let january = order(&shop, Some(&ann)).await;
    shop.pay(&january, json!([{"method": "card", "amount": 129}])).await.expect(201);
    let voided = order(&shop, Some(&ann)).await;
    shop.void(&voided).await.expect(201);
    order(&shop, Some(&bob)).await;
    shop.app.clock.advance(26 * 86_400 + 4 * 3_600);
    let ann = shop.app.login("ann", "apples and oranges").await;
    let clerk = shop.app.login("clerk", "knows every apple").await;
    order(&shop, Some(&ann)).await;
    order(&shop, Some(&ann)).await;
    let refund = json!({"currency": "EUR", "method": "card", "reason": "late", "lines": [{"line": 1, "amount": 29}]});
    let path = format!("/api/orders/{}/refunds", january["id"].as_str().unwrap());
    shop.post_once(&path, &clerk, refund).await.expect(201);
    let spent = shop.app.get("/api/mypage/spending", &ann).await.expect(200);
    let expected = json!([
        {"month": "2026-02", "currency": "EUR", "orders": 2, "spent": 258, "refunded": 0, "net": 258},
        {"month": "2026-01", "currency": "EUR", "orders": 1, "spent": 129, "refunded": 29, "net": 100},
    ]);
    assert_eq!(spent, expected);
    let this_month = shop.app.get("/api/mypage/spending?months=1", &ann).await.expect(200);
    assert_eq!(this_month, json!([expected[0]]));
    let refused = shop.app.get("/api/mypage/spending?months=0", &ann).await.expect_problem(422, "invalid-field");
    assert_eq!(refused["field"], "months");
    shop.app.get("/api/mypage/spending", &shop.kiosk).await.expect_problem(403, "forbidden");
}

on_both_databases!(
    a_shopper_reads_their_own_orders_page_by_page,
    a_receipt_is_claimed_once,
    staff_cannot_claim_receipts_or_join_sessions,
    a_session_has_one_shopper,
    a_shopper_finds_orders_by_store_time_and_state,
    an_unreadable_order_is_named_and_the_others_are_listed,
    spending_is_summed_by_month_in_the_stores_time_zone,
);
