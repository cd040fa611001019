//! Damage to a store's records as somebody with a database tool can cause it, and its repair.

use serde_json::json;

use super::{Shop, TestApp, TestDatabase};

/// Settings of a server that runs no checks by itself.
pub const ONLY_ON_DEMAND: &str = "[monitoring]\nenabled = false";

/// Runs statements directly on the database, ignoring its constraints.
macro_rules! execute_unconstrained {
    ($database:expr, $sql:literal) => {
        $database.run_script(concat!("PRAGMA foreign_keys = OFF; ", $sql), $sql).await
    };
}
pub(crate) use execute_unconstrained;

/// A store with five paid orders, the first two partly refunded, a voided sixth order, and a closing.
pub async fn open_shop_with_six_orders(database: &TestDatabase) -> Shop {
    let app = TestApp::spawn_with(database.clone(), ONLY_ON_DEMAND).await;
    let shop = Shop::open_on_server(app, json!({"name": "Corner <shop>", "currency": "EUR"})).await;
    for number in 1..=5 {
        let paid = shop.place_paid_order().await;
        if number <= 2 {
            shop.refund(&paid, json!([{"line": 1, "quantity": 2}])).await.expect(201);
        }
    }
    let order = shop.place_order(&[(&shop.milk, 1), (&shop.soap, 2)]).await;
    shop.void(&order).await.expect(201);
    let close = format!("/api/stores/{}/z-reports", shop.store);
    shop.post_once(&close, &shop.clerk, json!({})).await.expect(201);
    shop
}

/// Drops primary keys, unique indexes and foreign keys, as a copy made by hand does, and saves all rows.
pub async fn drop_constraints(database: &TestDatabase) {
    let sqlite = "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON; \
        CREATE TABLE plain AS SELECT * FROM orders; DROP TABLE orders; ALTER TABLE plain RENAME TO orders; \
        CREATE TABLE plain AS SELECT * FROM refunds; DROP TABLE refunds; ALTER TABLE plain RENAME TO refunds;";
    let postgres = "ALTER TABLE orders DROP CONSTRAINT orders_pkey CASCADE, \
          DROP CONSTRAINT orders_store_id_series_number_key, DROP CONSTRAINT orders_session_id_key, \
          DROP CONSTRAINT orders_claim_code_key; \
        ALTER TABLE refunds DROP CONSTRAINT refunds_pkey CASCADE;";
    database.run_script(sqlite, postgres).await;
    execute_unconstrained!(
        database,
        "CREATE TABLE saved_orders AS SELECT * FROM orders; \
         CREATE TABLE saved_order_items AS SELECT * FROM order_items; \
         CREATE TABLE saved_payments AS SELECT * FROM payments; \
         CREATE TABLE saved_refunds AS SELECT * FROM refunds; \
         CREATE TABLE saved_number_series AS SELECT * FROM number_series;"
    );
}

/// Deletes order 3 with its lines, as if it had never been written. Nothing may refer to it.
pub async fn delete_order(database: &TestDatabase) {
    database.execute("DELETE FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE number = 3)").await;
    database.execute("DELETE FROM orders WHERE number = 3").await;
}

/// Restores the rows saved by [`drop_constraints`].
pub async fn restore_rows(database: &TestDatabase) {
    execute_unconstrained!(
        database,
        "DELETE FROM order_items; DELETE FROM payments; DELETE FROM refunds; DELETE FROM orders; \
         DELETE FROM number_series; \
         INSERT INTO orders SELECT * FROM saved_orders; INSERT INTO order_items SELECT * FROM saved_order_items; \
         INSERT INTO payments SELECT * FROM saved_payments; INSERT INTO refunds SELECT * FROM saved_refunds; \
         INSERT INTO number_series SELECT * FROM saved_number_series;"
    );
}
