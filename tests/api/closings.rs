//! Daily closings: each takes everything since the one before, once, and sums it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Shop, TestDatabase, on_both_databases};

impl Shop {
    fn closings(&self) -> String {
        format!("/api/stores/{}/z-reports", self.store)
    }

    async fn close(&self) -> Value {
        self.post_once(&self.closings(), &self.clerk, json!({})).await.expect(201)
    }
}

async fn a_closing_sums_up_everything_since_the_previous_one(database: TestDatabase) {
    let body = json!({"name": "강남점", "currency": "EUR", "time_zone": "Asia/Seoul"});
    let shop = Shop::open_with(database, body).await;
    let first = shop.place_order(&[(&shop.milk, 2), (&shop.soap, 1)]).await;
    let split = json!([{"method": "card", "amount": 308}, {"method": "cash", "amount": 200, "tendered": 500}]);
    shop.pay(&first, split).await.expect(201);
    let second = shop.place_paid_order().await;
    let voided = shop.place_order(&[(&shop.soap, 2)]).await;
    shop.void(&voided).await.expect(201);
    shop.place_order(&[(&shop.milk, 1)]).await;
    shop.refund(&second, json!([{"line": 1, "quantity": 2}])).await.expect(201);

    // 12:00 UTC is 21:00 in Seoul; four hours later it is the next day there.
    shop.app.clock.advance(4 * 3_600);
    let clerk = shop.app.login("clerk", "knows every apple").await;
    let preview = shop.app.get(&format!("{}/preview", shop.closings()), &clerk).await.expect(200);
    let z = shop.post_once(&shop.closings(), &clerk, json!({})).await.expect(201);
    for (field, expected) in preview.as_object().unwrap() {
        assert_eq!(&z[field], expected, "{field} as in the preview");
    }
    let next = shop.app.get(&format!("{}/preview", shop.closings()), &clerk).await.expect(200);
    assert_eq!((&next["z_number"], &next["currencies"], &next["opened_at"]), (&json!(2), &json!([]), &z["closed_at"]));
    assert_eq!((&z["z_number"], &z["business_day"], &z["opened_at"]), (&json!(1), &json!("2026-01-06"), &Value::Null));
    assert_eq!(z["receipts"], json!({"first": 1, "last": 4, "count": 4}));
    assert_eq!(z["refunds"], json!({"first": 1, "last": 2, "count": 2}));
    assert_eq!(z["payments"], json!({"first": 1, "last": 3, "count": 3}));
    let euro = &z["currencies"][0];
    assert_eq!(euro["currency"], "EUR");
    // Sales 508 + 645 + 500 + 129; tax 17 + 40, 42, 80, 8.
    assert_eq!(euro["sales"], json!({"count": 4, "amount": 1782, "tax": 187}));
    assert_eq!(euro["voids"], json!({"count": 1, "amount": 500, "tax": 80}));
    assert_eq!(euro["refunds"], json!({"count": 1, "amount": 258, "tax": 17}));
    assert_eq!(euro["net"], json!({"count": 4, "amount": 1024, "tax": 90}));
    assert_eq!(euro["unpaid"]["amount"], 129);
    assert_eq!(euro["rates"][1]["tax_rate_bp"], 1900);
    assert_eq!(euro["rates"][1]["net"], json!({"count": 2, "amount": 250, "tax": 40}));
    let payments =
        json!([{"method": "card", "count": 2, "amount": 953}, {"method": "cash", "count": 1, "amount": 200}]);
    assert_eq!(
        (&euro["payments"], &euro["payouts"]),
        (&payments, &json!([{"method": "cash", "count": 1, "amount": 258}]))
    );

    // What is given back later, of an order of the day before, is in the later closing.
    let refund = json!({"currency": "EUR", "method": "card", "reason": "late"});
    let path = format!("/api/orders/{}/refunds", first["id"].as_str().unwrap());
    shop.post_once(&path, &clerk, refund).await.expect(201);
    let next = shop.post_once(&shop.closings(), &clerk, json!({})).await.expect(201);
    assert_eq!((&next["z_number"], &next["opened_at"]), (&json!(2), &z["closed_at"]));
    assert_eq!(next["receipts"], json!({"first": null, "last": null, "count": 0}));
    assert_eq!(next["currencies"][0]["net"], json!({"count": 0, "amount": -508, "tax": -57}));
    let empty = shop.post_once(&shop.closings(), &clerk, json!({})).await.expect(201);
    assert_eq!((&empty["z_number"], &empty["currencies"]), (&json!(3), &json!([])));

    let listed = shop.app.get(&shop.closings(), &clerk).await.expect(200);
    let numbers: Vec<_> = listed["data"].as_array().unwrap().iter().map(|z| z["z_number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    let again = shop.app.get(&format!("{}/1", shop.closings()), &clerk).await.expect(200);
    assert_eq!(again, z, "a closing never changes");
    shop.app.get(&format!("{}/4", shop.closings()), &clerk).await.expect_problem(404, "not-found");
}

async fn a_closing_is_made_once_and_by_the_staff_of_the_store(database: TestDatabase) {
    let shop = Arc::new(Shop::open(database).await);
    shop.place_paid_order().await;
    let path = shop.closings();
    let same = join_all((0..10).map(|_| shop.post_with_key(&path, &shop.clerk, "evening", json!({})))).await;
    assert!(same.iter().all(|reply| reply.status == 201 && reply.json == same[0].json));
    let more = join_all((0..5).map(|_| shop.post_once(&path, &shop.clerk, json!({})))).await;
    let mut numbers: Vec<_> = more.iter().map(|reply| reply.json["z_number"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3, 4, 5, 6]);
    assert!(more.iter().all(|reply| reply.json["receipts"]["count"] == 0));

    shop.app.post(&path, &shop.clerk, json!({})).await.expect_problem(400, "idempotency-key-missing");
    shop.post_once(&path, &shop.kiosk, json!({})).await.expect_problem(403, "forbidden");
    let other = shop.app.create_store(&shop.admin).await;
    let other = format!("/api/stores/{other}/z-reports");
    shop.post_once(&other, &shop.clerk, json!({})).await.expect_problem(404, "not-found");
    shop.app.get(&other, &shop.clerk).await.expect_problem(404, "not-found");
    shop.app.get(&format!("{other}/preview"), &shop.clerk).await.expect_problem(404, "not-found");
    shop.post_once(&other, &shop.admin, json!({})).await.expect(201);
}

/// Orders are confirmed and paid while closings are made: every record is in exactly one closing, and the closings
/// together come to what was sold.
async fn closings_during_sales_cover_every_record_once(database: TestDatabase) {
    const TILLS: usize = 4;
    const ORDERS: usize = 6;
    let shop = Arc::new(Shop::open(database).await);
    let done = Arc::new(AtomicBool::new(false));
    let tills: Vec<_> = (0..TILLS)
        .map(|_| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move {
                for _ in 0..ORDERS {
                    shop.place_paid_order().await;
                }
            })
        })
        .collect();
    let closer = tokio::spawn({
        let (shop, done) = (Arc::clone(&shop), Arc::clone(&done));
        async move {
            let mut closings = Vec::new();
            while !done.load(Ordering::SeqCst) {
                closings.push(shop.close().await);
            }
            closings.push(shop.close().await);
            closings
        }
    });
    for till in tills {
        till.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    let closings = closer.await.unwrap();
    for (series, per_order) in [("receipts", 1), ("payments", 1)] {
        let mut next = 1;
        for range in closings.iter().map(|z| &z[series]).filter(|range| range["count"] != 0) {
            assert_eq!(range["first"], next, "{series}");
            next = range["last"].as_i64().unwrap() + 1;
        }
        assert_eq!(next, (TILLS * ORDERS * per_order) as i64 + 1, "{series}");
    }
    let sum = |what: &str| -> i64 { closings.iter().filter_map(|z| z["currencies"][0][what]["amount"].as_i64()).sum() };
    assert_eq!(sum("sales"), (TILLS * ORDERS) as i64 * 645);
    let cards = |z: &Value| z["currencies"][0]["payments"][0]["amount"].as_i64();
    assert_eq!(closings.iter().filter_map(cards).sum::<i64>(), (TILLS * ORDERS) as i64 * 645);
}

on_both_databases!(
    a_closing_sums_up_everything_since_the_previous_one,
    a_closing_is_made_once_and_by_the_staff_of_the_store,
    closings_during_sales_cover_every_record_once,
);
