//! `void`: lost numbers get placeholders and counters go forward, first shown and then done; the next sale gets the right
//! number, checks find nothing any more, and the audit log has it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tillsight::db::{Database, audit};
use tillsight::domain::CheckDepth;

use crate::alerts::Monitor;
use crate::harness::{ONLY_ON_DEMAND, Reply, Shop, TestApp, TestDatabase, delete_order, on_both_databases};
use crate::integrity::numbering;

const REPAIR: &str = "/api/monitoring/numbering/jobs/integrity/repair";

/// Six orders of one piece each, of which 1, 2 and 4 are paid, in a store that is fiscal or not.
pub async fn shop_with_orders(database: &TestDatabase, fiscal: bool) -> Shop {
    let app = TestApp::spawn_with(database.clone(), ONLY_ON_DEMAND).await;
    let shop = Shop::open_on_server(app, json!({"name": "Corner", "currency": "EUR", "fiscal": fiscal})).await;
    for number in 1..=6 {
        let order = shop.place_order(&[(&shop.milk, 1)]).await;
        if [1, 2, 4].contains(&number) {
            shop.pay(&order, json!([{"method": "card", "amount": 129}])).await.expect(201);
        }
    }
    shop
}

impl Shop {
    pub async fn repair(&self, method: &str, dry_run: bool) -> Reply {
        let body = json!({"store_id": self.store, "method": method, "reason": "disk broke", "dry_run": dry_run});
        self.app.post(REPAIR, &self.admin, body).await
    }

    /// What a deep check finds: kinds with their series and numbers, one line each.
    pub async fn faults(&self) -> Vec<String> {
        let path =
            format!("/api/monitoring/numbering/jobs/integrity/run-check?deep_check=true&store_id={}", self.store);
        let run = self.app.post(&path, &self.admin, json!({})).await.expect(200);
        let findings =
            run["reports"].as_array().unwrap().iter().flat_map(|report| report["findings"].as_array().unwrap());
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        findings
            .map(|found| {
                let first = &found["numbers"][0];
                format!("{} {} {}-{}", word(&found["series"]), word(&found["kind"]), first["first"], first["last"])
            })
            .collect()
    }

    /// Sells and takes the money: the numbers of the order and of its payment.
    pub async fn sell(&self) -> (i64, i64) {
        let order = self.place_order(&[(&self.milk, 1)]).await;
        let paid = self.pay(&order, json!([{"method": "card", "amount": 129}])).await.expect(201);
        (paid["receipt_number"].as_i64().unwrap(), paid["payments"][0]["payment_number"].as_i64().unwrap())
    }
}

/// The repairs in the audit log: by whom and what.
pub async fn audited(database: &TestDatabase) -> Vec<(String, Value)> {
    let db = Database::connect(database.url(), 2).await.unwrap();
    let records = audit::list(&mut db.read().await.unwrap(), 0, 10_000).await.unwrap();
    db.close().await;
    let repairs = records.into_iter().filter(|record| record.action == "numbering.repair");
    repairs.map(|record| (record.actor, record.details)).collect()
}

/// The dry run changes nothing at all and shows what the repair then does. Gives what was done.
pub async fn shown_then_done(shop: &Shop, database: &TestDatabase, method: &str) -> Value {
    let before = database.dump_rows().await;
    let mut shown = shop.repair(method, true).await.expect(200);
    assert_eq!(database.dump_rows().await, before, "a dry run changes nothing");
    let done = shop.repair(method, false).await.expect(200);
    assert_eq!((&shown["applied"], &done["applied"]), (&json!(false), &json!(true)));
    shown["applied"] = json!(true);
    assert_eq!(shown, done, "what was shown is what was done");
    done
}

async fn a_gap_is_filled_and_the_next_number_follows(database: TestDatabase) {
    let shop = shop_with_orders(&database, true).await;
    delete_order(&database).await;
    database.execute("DELETE FROM payments WHERE number = 2").await;
    assert_eq!(shop.faults().await, ["order gap 3-3", "payment gap 2-2"]);
    let done = shown_then_done(&shop, &database, "void").await;
    let of = |place: usize| (&done["series"][place]["series"], &done["series"][place]["placeholders"]);
    assert_eq!(of(0), (&json!("order"), &json!([{"first": 3, "last": 3}])));
    assert_eq!(of(1), (&json!("payment"), &json!([{"first": 2, "last": 2}])));
    assert_eq!((&done["series"][2], &done["series"][0]["counter"]), (&Value::Null, &Value::Null));
    assert_eq!(shop.faults().await, [""; 0]);
    let standing = format!("/api/monitoring/numbering/integrity/stores/{}", shop.store);
    let latest = shop.app.get(&standing, &shop.admin).await.expect(200)["latest"].clone();
    assert_eq!((&latest["placeholders"], &latest["records"], &latest["health"]), (&json!(2), &json!(7), &json!(100)));
    assert_eq!(shop.sell().await, (7, 4));
    assert_eq!(shop.faults().await, [""; 0]);

    let before = database.dump_rows().await;
    let again = shop.repair("void", false).await.expect(200);
    assert_eq!((&again["series"], &again["applied"]), (&json!([]), &json!(false)));
    assert_eq!(database.dump_rows().await, before, "there was nothing left to repair");
    let log = audited(&database).await;
    let [(actor, details)] = log.as_slice() else { panic!("{log:?}") };
    assert!(actor.starts_with("user:"), "{actor}");
    assert_eq!((&details["reason"], &details["method"]), (&json!("disk broke"), &json!("void")));
    assert_eq!(details["series"][0]["placeholders"], json!([{"first": 3, "last": 3}]));
}

async fn a_wrong_counter_is_repaired(database: TestDatabase) {
    let shop = shop_with_orders(&database, true).await;
    let counter = |done: &Value| done["series"][0]["counter"].clone();
    database.execute("UPDATE number_series SET last_number = 4 WHERE series = 'order'").await;
    assert_eq!(counter(&shown_then_done(&shop, &database, "void").await), json!({"from": 4, "to": 6}));
    assert_eq!(shop.sell().await.0, 7);

    // As if the counter's table were from an older back-up: the seal is an older one too.
    let older = "UPDATE number_series SET last_number = 5, \
        last_hash = (SELECT hash FROM orders WHERE number = 5) WHERE series = 'order'";
    database.execute(older).await;
    assert_eq!(counter(&shown_then_done(&shop, &database, "void").await), json!({"from": 5, "to": 7}));
    assert_eq!(shop.sell().await.0, 8);

    database.execute("DELETE FROM number_series WHERE series = 'order'").await;
    assert_eq!(counter(&shown_then_done(&shop, &database, "void").await), json!({"from": 0, "to": 8}));
    assert_eq!(shop.sell().await.0, 9);

    database.execute("UPDATE number_series SET last_number = 12 WHERE series = 'order'").await;
    assert_eq!(shop.faults().await, ["order gap 10-12", "order counter_ahead 10-12"]);
    let done = shown_then_done(&shop, &database, "void").await;
    assert_eq!(done["series"][0]["placeholders"], json!([{"first": 10, "last": 12}]));
    assert_eq!(shop.sell().await.0, 13);
    assert_eq!(shop.faults().await, [""; 0]);
}

async fn a_placeholder_is_checked_like_a_record(database: TestDatabase) {
    let shop = shop_with_orders(&database, true).await;
    delete_order(&database).await;
    shop.repair("void", false).await.expect(200);
    database.execute("UPDATE void_placeholders SET reason = 'no reason'").await;
    assert_eq!(shop.faults().await, ["order broken_placeholder 3-3"]);
    database.execute("UPDATE void_placeholders SET reason = 'disk broke'").await;
    assert_eq!(shop.faults().await, [""; 0]);
    // A record that comes back is a second one with the number.
    database.execute("UPDATE orders SET number = 3 WHERE number = 6").await;
    assert!(shop.faults().await.contains(&"order duplicate 3-3".to_owned()));
    let left = shop.repair("void", true).await.expect(200)["series"][0]["left"].clone();
    assert_eq!((&left[0]["kind"], &left[0]["numbers"]), (&json!("duplicate"), &json!([{"first": 3, "last": 3}])));
    database.execute("UPDATE orders SET number = 6 WHERE number = 3").await;
    database.execute("DELETE FROM void_placeholders").await;
    assert_eq!(shop.faults().await, ["order gap 3-3"]);
}

async fn a_lost_closing_gets_a_placeholder_and_the_next_one_covers_its_records(database: TestDatabase) {
    let shop = shop_with_orders(&database, true).await;
    let path = format!("/api/stores/{}/z-reports", shop.store);
    shop.post_once(&path, &shop.clerk, json!({})).await.expect(201);
    shop.sell().await;
    shop.post_once(&path, &shop.clerk, json!({})).await.expect(201);
    database.execute("DELETE FROM z_report_lines WHERE report_id IN (SELECT id FROM z_reports WHERE number = 2)").await;
    database.execute("DELETE FROM z_reports WHERE number = 2").await;
    shop.post_once(&path, &shop.clerk, json!({})).await.expect_problem(500, "internal");
    shown_then_done(&shop, &database, "void").await;
    let closing = shop.post_once(&path, &shop.clerk, json!({})).await.expect(201);
    assert_eq!((&closing["z_number"], &closing["receipts"]["first"]), (&json!(3), &json!(7)));
    assert_eq!(shop.faults().await, [""; 0]);
}

async fn the_command_line_plans_and_applies_repairs(database: TestDatabase) {
    let shop = shop_with_orders(&database, true).await;
    let store = shop.store.as_str();
    let of = |rest: &[&'static str]| [&["repair", "--store", store, "--reason", "disk broke"][..], rest].concat();
    let (code, out, _) = numbering(&database, &of(&["void", "--apply"])).await;
    assert_eq!((code, out.as_str()), (0, "This method has nothing to repair.\n"));
    delete_order(&database).await;
    let before = database.dump_rows().await;
    let (code, shown, _) = numbering(&database, &of(&["void"])).await;
    assert_eq!(
        (code, shown.as_str()),
        (0, "Receipt 3 gets a void placeholder.\nNothing was changed. Run it again with --apply to repair.\n")
    );
    let (code, out, _) = numbering(&database, &of(&["void", "--series", "payment"])).await;
    assert_eq!((code, out.as_str()), (0, "This method has nothing to repair.\n"));
    let (code, _, error) = numbering(&database, &of(&["renumber", "--apply"])).await;
    assert!(code == 1 && error.contains("\"Corner\" is fiscal"), "{error}");
    let nobody = "01890000-0000-7000-8000-000000000000";
    let (code, _, error) = numbering(&database, &["repair", "--store", nobody, "--reason", "x", "void"]).await;
    assert!(code == 1 && error.contains(nobody), "{error}");
    let (code, _, error) = numbering(&database, &["repair", "--store", store, "--reason", " ", "void"]).await;
    assert!(code == 1 && error.contains("reason: must not be empty"), "{error}");
    for wrong in [vec!["repair", "--store", store, "void"], of(&["mend"]), of(&["void", "--series", "receipt"])] {
        assert_eq!(numbering(&database, &wrong).await.0, 2, "{wrong:?}");
    }
    assert_eq!(database.dump_rows().await, before);
    let (code, done, _) = numbering(&database, &of(&["void", "--apply"])).await;
    assert!(code == 0 && done.starts_with("Receipt 3 gets a void placeholder.\nDone"), "{done}");
    let log = audited(&database).await;
    assert_eq!((log.len(), log[0].0.as_str()), (1, "command line"));
    let (code, out, _) = numbering(&database, &["check", "--deep"]).await;
    assert!(code == 0 && out.contains("8 records, 1 void placeholders"), "{out}");
    assert_eq!(shop.sell().await.0, 7);
}

/// The counter is held: whoever sells meanwhile gets a number behind everything that is repaired.
async fn repairs_during_sales_lose_nothing(database: TestDatabase) {
    let shop = Arc::new(shop_with_orders(&database, true).await);
    delete_order(&database).await;
    database.execute("UPDATE number_series SET last_number = 8 WHERE series = 'order'").await;
    let sell = |shop: Arc<Shop>| async move {
        let mut numbers = Vec::new();
        for _ in 0..5 {
            numbers.push(shop.sell().await.0);
        }
        numbers
    };
    let tills: Vec<_> = (0..3).map(|_| tokio::spawn(sell(Arc::clone(&shop)))).collect();
    let repair = ["repair", "--store", &shop.store, "--reason", "disk broke", "void", "--apply"];
    let (api, (code, out, error)) = tokio::join!(shop.repair("void", false), numbering(&database, &repair));
    api.expect(200);
    assert_eq!(code, 0, "{out}{error}");
    let mut numbers = Vec::new();
    for till in tills {
        numbers.extend(till.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (9..24).collect::<Vec<_>>());
    assert_eq!(shop.faults().await, [""; 0]);
    assert_eq!(database.count("SELECT COUNT(*) FROM void_placeholders").await, 3);
    assert_eq!(audited(&database).await.len(), 1, "one of the two came first and did all");
}

/// Off unless the settings want it; then once across servers, told of by an alert that ends with the next check.
async fn scheduled_checks_repair_if_the_settings_allow(database: TestDatabase) {
    let shop = shop_with_orders(&database, true).await;
    delete_order(&database).await;
    let (plain, monitor) = (Monitor::start(&shop.app, "").await, Monitor::start(&shop.app, "auto_repair = true").await);
    let beside = Monitor::start(&shop.app, "auto_repair = true").await;
    assert_eq!(plain.integrity.run_due_check().await.unwrap(), Some(CheckDepth::Deep));
    assert_eq!(database.count("SELECT COUNT(*) FROM void_placeholders").await, 0);
    let key = format!("numbering-integrity:{}:order:gap", shop.store);
    let told = |event: &str| BTreeSet::from([(format!("alert.{event}"), key.clone())]);
    assert_eq!(BTreeSet::from_iter(monitor.evaluate_and_deliver().await), told("fired"));

    monitor.clock.advance(1_800);
    let checked_at = monitor.clock.now();
    let (one, other) = tokio::join!(monitor.integrity.run_due_check(), beside.integrity.run_due_check());
    assert_eq!([one.unwrap(), other.unwrap()].into_iter().flatten().count(), 1);
    assert_eq!(database.count("SELECT COUNT(*) FROM void_placeholders WHERE number = 3").await, 1);
    let log = audited(&database).await;
    let [(actor, details)] = log.as_slice() else { panic!("{log:?}") };
    let reason = format!("found by the check of {checked_at}");
    assert_eq!((actor.as_str(), &details["reason"]), ("system", &json!(reason)));
    assert_eq!(monitor.evaluate_and_deliver().await, [], "people know of what was lost until the next check");
    monitor.clock.advance(1_800);
    assert_eq!(monitor.integrity.run_due_check().await.unwrap(), Some(CheckDepth::Quick));
    assert_eq!(BTreeSet::from_iter(monitor.evaluate_and_deliver().await), told("resolved"));
    assert_eq!(audited(&database).await.len(), 1);
}

async fn impossible_repairs_are_refused(database: TestDatabase) {
    let shop = shop_with_orders(&database, true).await;
    let nobody = "01890000-0000-7000-8000-000000000000";
    let asked = |change: Value| {
        let mut body = json!({"store_id": shop.store, "method": "void", "reason": "disk broke"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    let post = async |change: Value| shop.app.post(REPAIR, &shop.admin, asked(change)).await;
    post(json!({"store_id": nobody})).await.expect_problem(404, "not-found");
    for change in [
        json!({"method": "mend"}),
        json!({"series": "receipts"}),
        json!({"reason": "\n"}),
        json!({"reason": "x".repeat(201)}),
        json!({"apply": true}),
        json!({"dry_run": "no"}),
    ] {
        post(change).await.expect_problem(422, "invalid-field");
    }
    assert_eq!(post(json!({})).await.expect(200)["applied"], false, "a dry run unless told otherwise");

    // A number that was changed is no loss of millions of records.
    database.execute("UPDATE orders SET number = 9000000 WHERE number = 6").await;
    let before = database.dump_rows().await;
    let refused = post(json!({"dry_run": false})).await.expect_problem(409, "repair-refused");
    assert!(refused["detail"].as_str().unwrap().contains("Receipt 6 and 8999993 more are missing"), "{refused}");
    assert_eq!(post(json!({"series": "payment"})).await.expect(200)["series"], json!([]));
    assert_eq!(database.dump_rows().await, before);
}

/// Every sale meets a number that is there already: the till is told what is wrong and not that somebody was quicker.
async fn a_counter_that_was_set_back_is_reported_to_the_till(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    for _ in 0..2 {
        shop.place_order(&[(&shop.milk, 1)]).await;
    }
    database.execute("UPDATE number_series SET last_number = 1 WHERE series = 'order'").await;
    let session = shop.fill_bill(&[(&shop.milk, 1)]).await;
    let path = format!("/api/sessions/{}/confirm", session["id"].as_str().unwrap());
    let reply = shop.post_once(&path, &shop.kiosk, json!({"version": session["version"]})).await;
    assert_eq!(reply.headers["retry-after"], "60");
    let problem = reply.expect_problem(503, "unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("numbering check"), "{problem}");
    database.execute("UPDATE number_series SET last_number = 2 WHERE series = 'order'").await;
    assert_eq!(shop.confirm(&session).await["receipt_number"], 3);
}

on_both_databases!(
    a_counter_that_was_set_back_is_reported_to_the_till,
    a_gap_is_filled_and_the_next_number_follows,
    a_wrong_counter_is_repaired,
    a_placeholder_is_checked_like_a_record,
    a_lost_closing_gets_a_placeholder_and_the_next_one_covers_its_records,
    the_command_line_plans_and_applies_repairs,
    repairs_during_sales_lose_nothing,
    scheduled_checks_repair_if_the_settings_allow,
    impossible_repairs_are_refused,
);
