//! Orders, payments, refunds with voids, and closings are numbered without gaps and sealed in chains; what was changed by
//! hand no longer fits its seal. Orders from before seals knew of tax keep theirs.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use tillsight::db::{Database, Reader, number_series, orders, payments, refunds, seals, z_reports};
use tillsight::domain::{Seal, Series, StoreId};

use crate::harness::{Shop, TestApp, TestDatabase, on_both_databases, order_path};

/// More records than any test makes.
const ALL: i64 = 1_000;

/// A link of a chain: number, seal of the one before, seal as stored, seal as reckoned from the row.
type Link = (i64, Vec<u8>, Vec<u8>, Vec<u8>);

/// How many records each series of the store has, if numbers and seals are whole; else the first place that is not.
async fn checked(database: &TestDatabase, store: &str) -> Result<Vec<(String, i64)>, String> {
    let opened = Database::connect(database.url(), 2).await.unwrap();
    let mut reader = opened.snapshot().await.unwrap();
    let store: StoreId = store.parse().unwrap();
    let mut counts = Vec::new();
    for series in number_series::list(&mut reader, store).await.unwrap() {
        let links = links(&mut reader, store, series.series).await;
        let mut before = Seal::FIRST.to_vec();
        for (place, (number, previous, kept, reckoned)) in links.iter().enumerate() {
            let name = format!("{} {number}", series.series);
            if *number != place as i64 + 1 {
                return Err(format!("{name}: number"));
            }
            if *previous != before || kept != reckoned {
                return Err(format!("{name}: seal"));
            }
            before.clone_from(kept);
        }
        assert_eq!((links.len() as i64, &before), (series.last_number, &series.last_hash), "{}", series.series);
        counts.push((series.series.to_string(), links.len() as i64));
    }
    Ok(counts)
}

async fn links(reader: &mut Reader, store: StoreId, series: Series) -> Vec<Link> {
    let mut links = Vec::new();
    match series {
        Series::Order => {
            for row in orders::list_chain(reader, store, 1, ALL).await.unwrap() {
                let items = orders::list_items(reader, row.id).await.unwrap();
                let seal = seals::seal_order(&row, &items).expect("a version that is known");
                links.push((row.number, row.previous_hash, row.hash, seal));
            }
        }
        Series::Payment => {
            for row in payments::list_chain(reader, store, 1, ALL).await.unwrap() {
                let seal = seals::seal_payment(&row);
                links.push((row.number, row.previous_hash, row.hash, seal));
            }
        }
        Series::Refund => {
            for row in refunds::list_chain(reader, store, 1, ALL).await.unwrap() {
                let items = refunds::list_items(reader, row.id).await.unwrap();
                let seal = seals::seal_refund(&row, &items);
                links.push((row.number, row.previous_hash, row.hash, seal));
            }
        }
        Series::Closing => {
            for number in 1.. {
                let Some(row) = z_reports::find(reader, store, number).await.unwrap() else { break };
                let lines = z_reports::list_lines(reader, row.id).await.unwrap();
                let seal = seals::seal_z_report(&row, &lines).expect("a version that is known");
                links.push((row.number, row.previous_hash, row.hash, seal));
            }
        }
    }
    links
}

async fn every_series_is_sealed_and_manual_changes_break_the_seal(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    for _ in 0..2 {
        let paid = shop.place_paid_order().await;
        shop.refund(&paid, json!([{"line": 1, "quantity": 2}])).await.expect(201);
        let order = shop.place_order(&[(&shop.milk, 1), (&shop.soap, 2)]).await;
        shop.void(&order).await.expect(201);
        let close = format!("/api/stores/{}/z-reports", shop.store);
        shop.post_once(&close, &shop.clerk, json!({})).await.expect(201);
    }
    let expected = [("closing", 2), ("order", 4), ("payment", 2), ("refund", 4)];
    let expected: Vec<_> = expected.into_iter().map(|(series, count)| (series.to_owned(), count)).collect();
    assert_eq!(checked(&database, &shop.store).await, Ok(expected));

    for (change, back, found) in [
        (
            "UPDATE refund_items SET amount = amount - 1 WHERE amount = 258 AND quantity = 2",
            "UPDATE refund_items SET amount = amount + 1 WHERE amount = 257 AND quantity = 2",
            "refund 1: seal",
        ),
        ("UPDATE payments SET method = 'cash'", "UPDATE payments SET method = 'card'", "payment 1: seal"),
        ("UPDATE order_items SET tax = tax + 1", "UPDATE order_items SET tax = tax - 1", "order 1: seal"),
        ("UPDATE orders SET hash_version = 2", "UPDATE orders SET hash_version = 3", "order 1: seal"),
        (
            "UPDATE orders SET store_name = 'Elsewhere'",
            "UPDATE orders SET store_name = 'Corner <shop>'",
            "order 1: seal",
        ),
        ("UPDATE orders SET store_address = 'a'", "UPDATE orders SET store_address = NULL", "order 1: seal"),
        ("UPDATE orders SET store_tax_number = 'a'", "UPDATE orders SET store_tax_number = NULL", "order 1: seal"),
        ("UPDATE orders SET time_zone = 'Asia/Seoul'", "UPDATE orders SET time_zone = 'UTC'", "order 1: seal"),
        ("UPDATE z_reports SET hash_version = 1", "UPDATE z_reports SET hash_version = 2", "closing 1: seal"),
        ("UPDATE z_reports SET store_address = 'a'", "UPDATE z_reports SET store_address = NULL", "closing 1: seal"),
        (
            "UPDATE z_report_lines SET amount = amount + 1 WHERE section = 'sales'",
            "UPDATE z_report_lines SET amount = amount - 1 WHERE section = 'sales'",
            "closing 1: seal",
        ),
        (
            "UPDATE refunds SET reason = 'stolen' WHERE number = 3",
            "UPDATE refunds SET reason = 'came back' WHERE number = 3",
            "refund 3: seal",
        ),
    ] {
        database.execute(change).await;
        assert_eq!(checked(&database, &shop.store).await, Err(found.to_owned()), "{change}");
        database.execute(back).await;
        assert!(checked(&database, &shop.store).await.is_ok(), "{back}");
    }
}

async fn every_action_is_in_the_audit_log_with_its_actor(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let paid = shop.place_paid_order().await;
    shop.refund(&paid, Value::Null).await.expect(201);
    let order = shop.place_order(&[(&shop.milk, 1)]).await;
    shop.void(&order).await.expect(201);
    shop.app.post(&order_path(&paid, "/receipt/prints"), &shop.kiosk, json!({})).await.expect(201);
    let close = format!("/api/stores/{}/z-reports", shop.store);
    shop.post_once(&close, &shop.clerk, json!({})).await.expect(201);
    let opened = Database::connect(database.url(), 2).await.unwrap();
    let records = tillsight::db::audit::list(&mut opened.read().await.unwrap(), 0, ALL).await.unwrap();
    let acts: Vec<_> = records
        .iter()
        .skip_while(|record| record.action != "order.pay")
        .map(|record| (record.action.as_str(), record.actor.split(':').next().unwrap()))
        .collect();
    let expected = [
        ("order.pay", "kiosk"),
        ("order.refund", "user"),
        ("order.void", "user"),
        ("receipt.print", "kiosk"),
        ("store.close_day", "user"),
    ];
    assert_eq!(acts, expected);
    assert!(records.iter().any(|record| record.action == "order.refund" && record.details["reason"] == "came back"));
}

/// An order that was made and sealed by the first release, in a database that then gets the second's tables.
async fn an_order_of_the_first_release_keeps_its_seal_and_can_be_paid(database: TestDatabase) {
    migrate_first_only(&database).await;
    database.run_script(include_str!("first_release/sqlite.sql"), include_str!("first_release/postgres.sql")).await;
    let store = "019b8f00-0000-7000-8000-000000000001";
    let app = TestApp::spawn(database.clone()).await;
    assert_eq!(checked(&database, store).await, Ok(vec![("order".to_owned(), 1)]));
    let admin = app.login_admin().await;
    let shown = app.get(&format!("/api/stores/{store}"), &admin).await.expect(200);
    assert_eq!(shown["fiscal"], true, "stores that there were are fiscal");
    let order = app.get("/api/orders/019b8f00-0000-7000-8000-000000000004", &admin).await.expect(200);
    assert_eq!((&order["state"], &order["total"], &order["tax_total"]), (&json!("confirmed"), &json!(258), &json!(0)));
    let receipt = app.get(&order_path(&order, "/receipt"), &admin).await.expect(200);
    assert_eq!(receipt["taxes"], json!([]), "nothing is said about tax that was never recorded");
    let pay = json!({"currency": "EUR", "payments": [{"method": "card", "amount": 258}]});
    let fill = |request: reqwest::RequestBuilder| request.header("idempotency-key", "k").json(&pay);
    let paid = app.call(reqwest::Method::POST, &order_path(&order, "/payments"), Some(&admin), fill).await.expect(201);
    assert_eq!((&paid["state"], &paid["hash"]), (&json!("paid"), &order["hash"]));
    assert_eq!(checked(&database, store).await, Ok(vec![("order".to_owned(), 1), ("payment".to_owned(), 1)]));
}

/// Brings an empty database to where the first release had it.
async fn migrate_first_only(database: &TestDatabase) {
    let url = database.url().expose_secret();
    if database.kind() == "sqlite" {
        let options = url.parse::<sqlx::sqlite::SqliteConnectOptions>().unwrap().create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let mut first = sqlx::migrate!("migrations/sqlite");
        first.migrations.to_mut().retain(|migration| migration.version == 1);
        first.run(&pool).await.unwrap();
        pool.close().await;
    } else {
        let pool = PgPool::connect(url).await.unwrap();
        let mut first = sqlx::migrate!("migrations/postgres");
        first.migrations.to_mut().retain(|migration| migration.version == 1);
        first.run(&pool).await.unwrap();
        pool.close().await;
    }
}

on_both_databases!(
    every_series_is_sealed_and_manual_changes_break_the_seal,
    every_action_is_in_the_audit_log_with_its_actor,
    an_order_of_the_first_release_keeps_its_seal_and_can_be_paid,
);
