//! `renumber`: records of a store that is not fiscal are numbered and sealed anew, first shown and then done; everything
//! that must keep its number does. And the mark of a store that says which it is.

use serde_json::{Value, json};

use crate::harness::{
    Shop, TestDatabase, delete_order, drop_constraints, execute_unconstrained, on_both_databases,
    open_shop_with_six_orders, restore_rows,
};
use crate::integrity::numbering;
use crate::repair::{audited, shop_with_orders, shown_then_done};

impl Shop {
    /// Why renumbering is refused; nothing is changed.
    async fn refused(&self, database: &TestDatabase) -> String {
        let before = database.dump_rows().await;
        let problem = self.repair("renumber", false).await.expect_problem(409, "repair-refused");
        self.repair("renumber", true).await.expect_problem(409, "repair-refused");
        assert_eq!(database.dump_rows().await, before);
        problem["detail"].as_str().unwrap().to_owned()
    }

    async fn change(&self, change: Value) -> crate::harness::Reply {
        self.app.patch(&format!("/api/stores/{}", self.store), &self.admin, change).await
    }
}

async fn records_are_renumbered_and_resealed_and_the_next_number_follows(database: TestDatabase) {
    let shop = shop_with_orders(&database, false).await;
    let counter = "SELECT last_number FROM number_series WHERE series = 'order'";
    delete_order(&database).await;
    database.execute("DELETE FROM payments WHERE number = 2").await;
    let done = shown_then_done(&shop, &database, "renumber").await;
    let span = |first: i64, last: i64| json!({"first": first, "last": last});
    let orders = &done["series"][0];
    assert_eq!(orders["renumbered"], json!([{"from": span(4, 6), "to": span(3, 5)}]));
    assert_eq!((&orders["renumbered_count"], &orders["sealed_anew"]), (&json!(3), &json!(3)));
    assert_eq!((&orders["counter"], &orders["did_not_fit"]), (&json!({"from": 6, "to": 5}), &Value::Null));
    assert_eq!(done["series"][1]["renumbered"], json!([{"from": span(3, 3), "to": span(2, 2)}]));
    assert_eq!(database.count(counter).await, 5);
    assert_eq!(shop.faults().await, [""; 0]);
    assert_eq!(shop.sell().await, (6, 3));
    assert_eq!(shop.faults().await, [""; 0]);
    let log = audited(&database).await;
    let kept = &log[0].1["series"][0];
    assert_eq!(kept["renumbered"], json!([{"from": span(4, 6), "to": span(3, 5)}]));
    assert_eq!(kept["last_hash_before"].as_str().unwrap().len(), 64);

    // A counter that stands ahead goes back to the last record.
    database.execute("UPDATE number_series SET last_number = 9 WHERE series = 'order'").await;
    shown_then_done(&shop, &database, "renumber").await;
    assert_eq!(shop.sell().await, (7, 4));
    assert_eq!(shop.faults().await, [""; 0]);
}

async fn a_manually_changed_number_is_reported_and_sealed_as_it_is(database: TestDatabase) {
    let shop = shop_with_orders(&database, false).await;
    database.execute("UPDATE orders SET number = 40 WHERE number = 3").await;
    assert_eq!(shop.faults().await, ["order gap 3-3", "order counter_behind 7-40", "order broken_seal 40-40"]);
    let store = shop.store.as_str();
    let (code, out, _) =
        numbering(&database, &["repair", "--store", store, "--reason", "x", "--series", "order", "renumber"]).await;
    let expected = "Receipts 4–6 become 3–5.\nReceipt 40 becomes 6.\n4 receipts get new seals.\n\
        Receipt 40 was changed after it was written (1 in total). It is sealed as it is now.\n\
        Nothing was changed. Run it again with --apply to repair.\n";
    assert_eq!((code, out.as_str()), (0, expected));
    let done = shown_then_done(&shop, &database, "renumber").await;
    assert_eq!(done["series"][0]["did_not_fit"]["numbers"], json!([{"first": 40, "last": 40}]));
    assert_eq!(shop.faults().await, [""; 0]);
    assert_eq!(shop.sell().await.0, 7);
    assert_eq!(shop.faults().await, [""; 0]);
}

async fn fiscal_closed_and_void_numbers_are_kept(database: TestDatabase) {
    let shop = shop_with_orders(&database, true).await;
    delete_order(&database).await;
    assert!(shop.refused(&database).await.contains("is fiscal"));
    shop.change(json!({"fiscal": false})).await.expect(200);
    assert_eq!(shop.repair("renumber", true).await.expect(200)["series"][0]["renumbered_count"], 3);

    shop.repair("void", false).await.expect(200);
    assert_eq!(shop.repair("renumber", false).await.expect(200)["applied"], false, "nothing is missing any more");
    database.execute("DELETE FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE number = 5)").await;
    database.execute("DELETE FROM orders WHERE number = 5").await;
    assert!(shop.refused(&database).await.contains("series \"order\" has void placeholders (1)"));
    database.execute("DELETE FROM void_placeholders").await;

    let close = format!("/api/stores/{}/z-reports", shop.store);
    shop.post_once(&close, &shop.clerk, json!({})).await.expect(201);
    let refused = shop.refused(&database).await;
    assert!(refused.contains("Receipt 3 cannot be renumbered: daily closings name every number up to 6"), "{refused}");
    shop.repair("void", false).await.expect(200);
    database.execute("DELETE FROM payments WHERE number = 3").await;
    assert!(shop.refused(&database).await.contains("Payment 3 cannot be renumbered"));
    shop.repair("void", false).await.expect(200);
    assert_eq!(shop.faults().await, [""; 0]);
}

async fn records_after_a_closing_can_be_renumbered(database: TestDatabase) {
    let shop = shop_with_orders(&database, false).await;
    let close = format!("/api/stores/{}/z-reports", shop.store);
    shop.post_once(&close, &shop.clerk, json!({})).await.expect(201);
    for _ in 0..3 {
        shop.place_order(&[(&shop.milk, 1)]).await;
    }
    database.execute("DELETE FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE number = 7)").await;
    database.execute("DELETE FROM orders WHERE number = 7").await;
    shown_then_done(&shop, &database, "renumber").await;
    assert_eq!(shop.sell().await.0, 9);
    assert_eq!(shop.faults().await, [""; 0]);
    let closing = shop.post_once(&close, &shop.clerk, json!({})).await.expect(201);
    assert_eq!(closing["receipts"], json!({"first": 7, "last": 9, "count": 3}));
}

/// A copy that was made by hand has lost its constraints: records with one number, with one identifier.
async fn copies_with_one_id_or_one_number_are_distinguished(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    drop_constraints(&database).await;
    execute_unconstrained!(
        &database,
        "UPDATE stores SET fiscal = FALSE; DELETE FROM z_report_lines; DELETE FROM z_reports"
    );
    execute_unconstrained!(&database, "INSERT INTO orders SELECT * FROM orders WHERE number = 3");
    assert!(shop.refused(&database).await.contains("Receipt 3 exists more than once with the same id"));
    restore_rows(&database).await;

    execute_unconstrained!(
        &database,
        "UPDATE orders SET hash_version = 9 WHERE number = 5; UPDATE orders SET number = 30 WHERE number = 4"
    );
    let refused = shop.refused(&database).await;
    assert!(refused.contains("Receipt 5 cannot get a new seal") && refused.contains("version"), "{refused}");
    restore_rows(&database).await;

    execute_unconstrained!(&database, "UPDATE orders SET number = 4 WHERE number = 5");
    let done = shown_then_done(&shop, &database, "renumber").await;
    let span = |number: i64| json!({"first": number, "last": number});
    assert_eq!(done["series"][0]["renumbered"], json!([{"from": span(4), "to": span(5)}]));
    assert_eq!((&done["series"][0]["sealed_anew"], shop.faults().await), (&json!(2), Vec::new()));
}

/// Records never meet on their way, with the unique index there (PostgreSQL) or lost with the rest (SQLite).
async fn numbers_below_one_become_positive(database: TestDatabase) {
    let shop = shop_with_orders(&database, false).await;
    if database.kind() == "sqlite" {
        drop_constraints(&database).await;
    } else {
        database.execute("ALTER TABLE orders DROP CONSTRAINT orders_number_check").await;
    }
    execute_unconstrained!(
        &database,
        "UPDATE orders SET number = -2 WHERE number = 6; UPDATE orders SET number = 0 WHERE number = 5"
    );
    let left = shop.repair("void", true).await.expect(200)["series"][0]["left"].clone();
    assert_eq!((&left[0]["kind"], &left[0]["count"]), (&json!("out_of_range"), &json!(2)));
    let done = shown_then_done(&shop, &database, "renumber").await;
    let span = |first: i64, last: i64| json!({"first": first, "last": last});
    let moved = json!([{"from": span(-2, -2), "to": span(1, 1)}, {"from": span(0, 4), "to": span(2, 6)}]);
    assert_eq!(done["series"][0]["renumbered"], moved);
    assert_eq!(shop.faults().await, [""; 0]);
}

async fn a_store_is_fiscal_by_default_and_stays_so_after_a_closing(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let path = format!("/api/stores/{}", shop.store);
    assert_eq!(shop.app.get(&path, &shop.admin).await.expect(200)["fiscal"], true);
    assert_eq!(shop.change(json!({"fiscal": false})).await.expect(200)["fiscal"], false);
    assert_eq!(shop.change(json!({"name": "Other"})).await.expect(200)["fiscal"], false);
    assert_eq!(shop.change(json!({"fiscal": true})).await.expect(200)["fiscal"], true);
    shop.post_once(&format!("{path}/z-reports"), &shop.clerk, json!({})).await.expect(201);
    let refused = shop.change(json!({"fiscal": false, "name": "Third"})).await.expect_problem(409, "stays-fiscal");
    assert_eq!(refused["field"], "fiscal");
    let shown = shop.app.get(&path, &shop.admin).await.expect(200);
    assert_eq!((&shown["fiscal"], &shown["name"]), (&json!(true), &json!("Other")));
    shop.change(json!({"fiscal": null, "name": "Third"})).await.expect(200);
    shop.change(json!({"fiscal": "no"})).await.expect_problem(422, "invalid-field");
    let records = "SELECT COUNT(*) FROM audit_log WHERE action = 'store.change'";
    assert_eq!(database.count(records).await, 4);
}

on_both_databases!(
    records_are_renumbered_and_resealed_and_the_next_number_follows,
    a_manually_changed_number_is_reported_and_sealed_as_it_is,
    fiscal_closed_and_void_numbers_are_kept,
    records_after_a_closing_can_be_renumbered,
    copies_with_one_id_or_one_number_are_distinguished,
    numbers_below_one_become_positive,
    a_store_is_fiscal_by_default_and_stays_so_after_a_closing,
);
