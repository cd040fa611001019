//! The audit log as admins read it: filters, pages, names.

use serde_json::{Value, json};

use crate::harness::{TestApp, TestDatabase, on_both_databases};
use crate::imports::{run_tillsight, tillsight};

const PATH: &str = "/api/audit";

fn actions(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|record| record["action"].as_str().unwrap()).collect()
}

async fn the_audit_log_is_filtered_and_paged(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let clerk = app.create_clerk(&admin, &store).await;
    app.clock.advance(60);
    let path = format!("/api/stores/{store}");
    app.patch(&path, &admin, json!({"name": "High Street"})).await.expect(200);
    app.enrol_kiosk(&admin, &store).await;

    let all = app.get(PATH, &admin).await.expect(200);
    let records = all["data"].as_array().unwrap();
    assert_eq!(actions(&all)[..3], ["kiosk.enrol", "kiosk.create", "store.change"]);
    let numbers: Vec<_> = records.iter().map(|record| record["seq"].as_i64().unwrap()).collect();
    let count = numbers.len() as i64;
    assert_eq!(numbers, (1..=count).rev().collect::<Vec<_>>());
    assert_eq!((&records[2]["actor_name"], &records[2]["subject"]), (&json!("admin"), &json!(store)));
    assert_eq!(
        records[0]["actor_name"],
        app.get(&format!("{path}/kiosks"), &admin).await.expect(200)["data"][0]["name"]
    );
    assert_eq!(records[2]["hash"].as_str().unwrap().len(), 64);

    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.get(&format!("{PATH}?limit=2{cursor}"), &admin).await.expect(200);
        paged.extend(page["data"].as_array().unwrap().clone());
        match page["next_cursor"].as_i64() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(&paged, records);

    let found = async |query: &str| {
        let page = app.get(&format!("{PATH}?{query}"), &admin).await.expect(200);
        actions(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("action=store").await, ["store.change", "store.create"]);
    assert_eq!(found("action=store.create").await, ["store.create"]);
    assert!(found("action=stor").await.is_empty());
    assert_eq!(found(&format!("subject={store}")).await, ["store.change", "store.create"]);
    assert_eq!(found("actor=system").await, ["user.create"]);
    assert_eq!(found("actor=Admin&action=kiosk").await, ["kiosk.create"]);
    assert!(found("actor=nobody").await.is_empty());
    assert_eq!(found("from=2026-01-05T12:01:00Z&action=store").await, ["store.change"]);
    assert_eq!(found("to=2026-01-05T12:01:00Z&action=store").await, ["store.create"]);

    app.get(&format!("{PATH}?limit=0"), &admin).await.expect_problem(422, "invalid-field");
    app.get(&format!("{PATH}?cursor=rubbish"), &admin).await.expect_problem(400, "bad-request");
    app.get(&format!("{PATH}?actor=%00"), &admin).await.expect_problem(422, "invalid-field");
    app.get(PATH, &clerk).await.expect_problem(403, "forbidden");
}

async fn an_edited_and_a_removed_record_are_found(database: TestDatabase) {
    const DEEP: &str = "/api/monitoring/numbering/jobs/integrity/run-check?deep_check=true";
    let app = TestApp::spawn(database.clone()).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    app.create_clerk(&admin, &store).await;
    app.create_product(&admin, &[("name", "Oat milk, \"fresh\""), ("price", "219"), ("currency", "EUR")]).await;
    assert_eq!(app.post(DEEP, &admin, json!({})).await.expect(200)["with_findings"], 0);
    assert!(tillsight(&database, &["audit", "verify"]).await.starts_with("No record"));

    database.execute("UPDATE audit_log SET actor = 'system' WHERE seq = 3").await;
    database.execute("DELETE FROM audit_log WHERE seq = 5").await;
    let run = app.post(DEEP, &admin, json!({})).await.expect(200);
    let span = |number| json!([{"first": number, "last": number}]);
    let expected = json!([
        {"kind": "audit_changed", "series": "order", "count": 1, "numbers": span(3)},
        {"kind": "audit_missing", "series": "order", "count": 1, "numbers": span(5)},
    ]);
    assert_eq!((&run["with_findings"], &run["reports"][0]["findings"]), (&json!(1), &expected), "{run}");
    let output = run_tillsight(&database, &["audit", "verify"]).await;
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("Audit record 3 or the one before it was changed") && told.contains("Audit record 5 was removed")
    );
    let unread = run_tillsight(&TestDatabase::sqlite(), &["audit", "verify"]).await;
    assert_eq!(unread.status.code(), Some(2), "there is no database");
}

on_both_databases!(the_audit_log_is_filtered_and_paged, an_edited_and_a_removed_record_are_found);
