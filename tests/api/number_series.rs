//! A series that begins at a number: once, before its first record; all counts go from there.

use serde_json::{Value, json};

use crate::backups::{another, tillsight, tillsight_done};
use crate::harness::{Shop, TestDatabase, on_both_databases};

impl Shop {
    async fn begin(&self, series: &str, first: i64) -> crate::harness::Reply {
        let path = format!("/api/stores/{}/series/{series}", self.store);
        let body = json!({"first_number": first});
        self.app.call(reqwest::Method::PUT, &path, Some(&self.admin), |request| request.json(&body)).await
    }

    async fn check_numbers(&self) -> Value {
        let run = "/api/monitoring/numbering/jobs/integrity/run-check?deep_check=true";
        self.app.post(run, &self.admin, json!({})).await.expect(200)
    }

    async fn close_with_numbers(&self) -> Value {
        self.post_once(&format!("/api/stores/{}/z-reports", self.store), &self.clerk, json!({})).await.expect(201)
    }
}

async fn a_shop_goes_on_with_the_numbers_of_another_till(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    for wrong in [0, 1, -5, 1_000_000_000_001] {
        assert_eq!(shop.begin("order", wrong).await.expect_problem(422, "invalid-field")["field"], "first_number");
    }
    let begun = shop.begin("order", 4_711).await.expect(200);
    assert_eq!((&begun["first_number"], &begun["next_number"]), (&json!(4_711), &json!(4_711)));
    let twice = shop.begin("order", 5_000).await.expect_problem(409, "series-begun");
    assert_eq!(twice["first_number"], 4_711);
    shop.begin("closing", 200).await.expect(200);
    shop.begin("payment", 900).await.expect(200);
    assert_eq!(shop.check_numbers().await["with_findings"], 0, "before the first record");
    let path = format!("/api/stores/{}/series", shop.store);
    let listed = shop.app.get(&path, &shop.clerk).await.expect(200);
    let next: Vec<_> = listed["data"].as_array().unwrap().iter().map(|series| &series["next_number"]).collect();
    assert_eq!(next, [4_711, 900, 1, 200]);

    let first = shop.place_paid_order().await;
    assert_eq!((&first["receipt_number"], &first["payments"][0]["payment_number"]), (&json!(4_711), &json!(900)));
    assert_eq!(shop.place_order(&[(&shop.milk, 1)]).await["receipt_number"], 4_712);
    let closing = shop.close_with_numbers().await;
    assert_eq!(
        (&closing["z_number"], &closing["receipts"]),
        (&json!(200), &json!({"first": 4_711, "last": 4_712, "count": 2}))
    );
    assert_eq!(closing["payments"], json!({"first": 900, "last": 900, "count": 1}));
    assert_eq!(closing["refunds"], json!({"first": null, "last": null, "count": 0}));
    assert_eq!(closing["currencies"][0]["sales"]["count"], 2);
    let late = shop.begin("order", 9_000).await.expect_problem(409, "series-begun");
    assert!(late["detail"].as_str().unwrap().contains("begin at 4711 and go on with 4713"), "{late}");
    // The refunds have no record yet, although a closing was made.
    shop.begin("refund", 50).await.expect(200);
    assert_eq!(shop.refund(&first, Value::Null).await.expect(201)["refund_number"], 50);
    let next = shop.close_with_numbers().await;
    assert_eq!((&next["z_number"], &next["refunds"]), (&json!(201), &json!({"first": 50, "last": 50, "count": 1})));
    assert_eq!(shop.check_numbers().await["with_findings"], 0);

    // What is missing from the first number on is a gap; a smaller number is out of range.
    database.execute("UPDATE number_series SET first_number = 4710 WHERE series = 'order'").await;
    assert_eq!(shop.check_numbers().await["with_findings"], 1);
    database.execute("UPDATE number_series SET first_number = 4712 WHERE series = 'order'").await;
    assert_eq!(shop.check_numbers().await["with_findings"], 1);
    database.execute("UPDATE number_series SET first_number = 4711 WHERE series = 'order'").await;
    assert_eq!(shop.check_numbers().await["with_findings"], 0);
}

async fn a_series_with_a_record_begins_where_it_began(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.place_order(&[(&shop.milk, 1)]).await;
    let refused = shop.begin("order", 4_711).await.expect_problem(409, "series-begun");
    assert!(refused["detail"].as_str().unwrap().contains("before the first record"), "{refused}");
    assert_eq!(shop.place_order(&[(&shop.milk, 1)]).await["receipt_number"], 2);
    shop.begin("receipts", 7).await.expect_problem(404, "not-found");
    let path = format!("/api/stores/{}/series/refund", shop.store);
    let body = json!({"first_number": 7});
    let put = |token: String| {
        let (path, body, shop) = (path.clone(), body.clone(), &shop);
        async move { shop.app.call(reqwest::Method::PUT, &path, Some(&token), |request| request.json(&body)).await }
    };
    put(shop.clerk.clone()).await.expect_problem(403, "forbidden");
    assert_eq!(shop.check_numbers().await["with_findings"], 0);
}

/// Back-ups of before and after the first record; the older one must not give numbers of the other till or of the shop again.
async fn restored_copies_go_on_where_the_series_began(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |name: &str| elsewhere.path().join(name).display().to_string();
    let (older, newer) = (path("older"), path("newer"));
    tillsight_done(&database, database.folder(), &["backup", &older]).await;
    let begin = ["numbering", "begin", "--store", &shop.store, "--series", "order", "--first-number", "4711"];
    let begun = tillsight_done(&database, database.folder(), &begin).await;
    assert!(begun.contains("begin at 4711"), "{begun}");
    let (code, out, error) = tillsight(&database, database.folder(), &begin).await;
    assert!(code == 1 && error.contains("already begin at 4711"), "{out}{error}");
    assert_eq!(shop.place_order(&[(&shop.milk, 1)]).await["receipt_number"], 4_711);
    tillsight_done(&database, database.folder(), &["backup", &newer]).await;

    let restored = another(&database).await;
    tillsight_done(&restored, restored.folder(), &["restore", &newer]).await;
    tillsight_done(&restored, restored.folder(), &["numbering", "check", "--deep"]).await;

    let restored = another(&database).await;
    tillsight_done(&restored, restored.folder(), &["restore", &older]).await;
    let file = "last-numbers.json";
    std::fs::copy(database.folder().join(file), restored.folder().join(file)).unwrap();
    let (code, out, error) = tillsight(&restored, restored.folder(), &["serve"]).await;
    assert!(code == 1 && error.contains("older than the shop") && error.contains("numbering begin"), "{out}{error}");
    tillsight_done(&restored, restored.folder(), &begin).await;
    let repair = ["numbering", "repair", "void", "--store", &shop.store, "--reason", "restored", "--apply"];
    let repaired = tillsight_done(&restored, restored.folder(), &repair).await;
    assert!(repaired.contains("Receipt 4711 gets a void placeholder."), "{repaired}");
    tillsight_done(&restored, restored.folder(), &["numbering", "check", "--deep"]).await;
    assert_eq!(restored.count("SELECT COUNT(*) FROM void_placeholders").await, 1);
}

on_both_databases!(
    a_shop_goes_on_with_the_numbers_of_another_till,
    a_series_with_a_record_begins_where_it_began,
    restored_copies_go_on_where_the_series_began,
);
