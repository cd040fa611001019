//! A clock that is set back or forward: records of a store and of the audit log stay dated in their order, lists stay newest first,
//! and nothing that expires lives for longer than it may.

use serde_json::{Value, json};
use tillsight::db::stores::{self, StoreRow};
use tillsight::db::{Database, audit};
use tillsight::domain::{Currency, StoreId, TimeZone, Timestamp};
use uuid::Uuid;

use crate::harness::{Shop, TestDatabase, on_both_databases};

const HOUR_S: i64 = 3_600;
const YEAR_S: i64 = 365 * 86_400;

fn time(value: &Value) -> Timestamp {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// The kiosk's key stays valid whatever the clock says, and the clerk signs in anew after each change of the clock.
async fn records_of_a_store_are_dated_in_their_order(database: TestDatabase) {
    let mut shop = Shop::open(database.clone()).await;
    let closings = format!("/api/stores/{}/z-reports", shop.store);
    let mut times: Vec<(String, Timestamp)> = Vec::new();
    let mut last_closed = Value::Null;
    for (turn, step_s) in [0, -HOUR_S, -YEAR_S, 2 * HOUR_S, YEAR_S].into_iter().enumerate() {
        shop.app.clock.advance(step_s);
        shop.clerk = shop.app.login("clerk", "knows every apple").await;
        let order = shop.place_paid_order().await;
        times.push((format!("order {turn}"), time(&order["created_at"])));
        times.push((format!("payment {turn}"), time(&order["payments"][0]["created_at"])));
        let refund = shop.refund(&order, json!([{"line": 1, "quantity": 1}])).await.expect(201);
        times.push((format!("refund {turn}"), time(&refund["created_at"])));
        let voided = shop.place_order(&[(&shop.milk, 1)]).await;
        times.push((format!("second order {turn}"), time(&voided["created_at"])));
        let void = shop.void(&voided).await.expect(201);
        times.push((format!("void {turn}"), time(&void["created_at"])));
        let closing = shop.post_once(&closings, &shop.clerk, json!({})).await.expect(201);
        assert_eq!(closing["opened_at"], last_closed);
        last_closed = closing["closed_at"].clone();
        times.push((format!("closing {turn}"), time(&last_closed)));
    }
    for pair in times.windows(2) {
        assert!(pair[0].1 < pair[1].1, "{} at {}, {} at {}", pair[0].0, pair[0].1, pair[1].0, pair[1].1);
    }
    let numbers = async |path: &str, field: &str| {
        let mut numbers = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = shop.app.get(&format!("{path}?limit=2{cursor}"), &shop.clerk).await.expect(200);
            numbers.extend(page["data"].as_array().unwrap().iter().map(|row| row[field].as_i64().unwrap()));
            let Some(next) = page["next_cursor"].as_str() else { return numbers };
            cursor = format!("&cursor={next}");
        }
    };
    assert_eq!(numbers(&closings, "z_number").await, [5, 4, 3, 2, 1]);
    assert_eq!(numbers("/api/orders", "receipt_number").await, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);

    let opened = Database::connect(database.url(), 2).await.unwrap();
    let log = audit::list(&mut opened.read().await.unwrap(), 0, 1_000).await.unwrap();
    assert!(log.len() > 20 && log.windows(2).all(|pair| pair[0].at <= pair[1].at), "the audit log is in order");
}

/// An earlier process of the server ran with a clock that was a century ahead.
async fn lists_stay_newest_first_over_a_restart_with_an_earlier_clock(database: TestDatabase) {
    let mut shop = Shop::open(database.clone()).await;
    let id = StoreId::from(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 4_900_000_000, 0)));
    let row = StoreRow {
        id,
        name: "Future".to_owned(),
        currency: Currency::parse("currency", "EUR").unwrap(),
        time_zone: TimeZone::utc(),
        prices_include_tax: true,
        fiscal: true,
        address: None,
        tax_number: None,
        cash_rounding: None,
        day_starts_min: 0,
        created_at: Timestamp::from_micros(4_900_000_000_000_000),
    };
    let opened = Database::connect(database.url(), 2).await.unwrap();
    let mut tx = opened.begin().await.unwrap();
    stores::insert(&mut tx, &row).await.unwrap();
    tx.commit().await.unwrap();
    opened.close().await;
    shop.app.restart().await;
    let newest = shop.app.create_store(&shop.admin).await;
    let listed = shop.app.get("/api/stores", &shop.admin).await.expect(200);
    assert_eq!(listed["data"][0]["id"], newest, "{listed}");
    assert!(listed["data"].as_array().unwrap().iter().any(|store| store["id"] == id.to_string()));
}

async fn a_bill_does_not_stay_open_until_the_clock_is_there_again(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.app.clock.advance(YEAR_S);
    let late = shop.fill_bill(&[(&shop.milk, 1)]).await;
    shop.app.clock.advance(-YEAR_S);
    let path = format!("/api/sessions/{}/confirm", late["id"].as_str().unwrap());
    let refused = shop.post_once(&path, &shop.kiosk, json!({"version": late["version"]})).await;
    refused.expect_problem(409, "session-closed");
    // By a few minutes, the shopper at the till goes on.
    let bill = shop.fill_bill(&[(&shop.milk, 1)]).await;
    shop.app.clock.advance(-600);
    shop.confirm(&bill).await;
}

/// Otherwise what went wrong then would keep an alert firing for a year.
async fn what_was_counted_ahead_of_the_clock_is_not_counted_now(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    shop.app.clock.advance(YEAR_S);
    shop.place_order(&[(&shop.milk, 1)]).await;
    shop.app.clock.advance(-YEAR_S);
    shop.admin = shop.app.login_admin().await;
    let stats = shop.app.get("/api/monitoring/numbering/performance/stats", &shop.admin).await.expect(200);
    assert_eq!(stats["total"]["attempts"], 0, "{stats}");
    shop.place_order(&[(&shop.milk, 1)]).await;
    let stats = shop.app.get("/api/monitoring/numbering/performance/stats", &shop.admin).await.expect(200);
    assert_eq!(stats["total"]["attempts"], 1, "{stats}");
}

on_both_databases!(
    records_of_a_store_are_dated_in_their_order,
    lists_stay_newest_first_over_a_restart_with_an_earlier_clock,
    a_bill_does_not_stay_open_until_the_clock_is_there_again,
    what_was_counted_ahead_of_the_clock_is_not_counted_now,
);
