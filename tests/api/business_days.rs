//! A business day that ends after midnight: closings, statistics and searches count the night for the day before.

use serde_json::{Value, json};

use crate::automation::{queue_task, wait_until_over};
use crate::harness::{Shop, TestDatabase, on_both_databases};

impl Shop {
    async fn turnover_by_day(&self, token: &str) -> Vec<(String, i64)> {
        let week = self.app.get("/api/statistics/sales?days=7", token).await.expect(200);
        let points = week["currencies"][0]["points"].as_array().unwrap().iter();
        let points =
            points.map(|point| (point["begins"].as_str().unwrap().to_owned(), point["turnover"].as_i64().unwrap()));
        points.filter(|(_, turnover)| *turnover != 0).collect()
    }

    async fn count_orders(&self, token: &str, day: &str) -> usize {
        self.app.get(&format!("/api/orders?day={day}"), token).await.expect(200)["data"].as_array().unwrap().len()
    }

    async fn count_orders_today(&self) -> i64 {
        let admin = self.app.login_admin().await;
        let stats = self.app.get("/api/monitoring/numbering/performance/stats", &admin).await.expect(200);
        stats["total"]["orders_today"].as_i64().unwrap()
    }

    async fn report_day(&self, day: &str) -> Value {
        let admin = self.app.login_admin().await;
        let task = json!({"type": "report", "settings": {"date": day}});
        let task = queue_task(&self.app, &admin, task).await;
        let done = wait_until_over(&self.app, &admin, &task).await;
        assert_eq!(done["status"], "completed", "{done}");
        let folder = self.app.database.folder().join("tasks").join(done["id"].as_str().unwrap());
        let text = std::fs::read(folder.join(format!("sales-{day}-{}.json", self.store))).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    async fn set_day_start(&self, admin: &str, time: &str) -> Value {
        let change = json!({"day_starts_at": time});
        self.app.patch(&format!("/api/stores/{}", self.store), admin, change).await.expect(200)["day_starts_at"].clone()
    }
}

fn on(day: &str, turnover: i64) -> (String, i64) {
    (day.to_owned(), turnover)
}

/// The test's clock begins on the fifth of January 2026 at 12:00 UTC, 13:00 in Berlin.
async fn a_night_counts_for_the_day_before_until_the_setting_changes(database: TestDatabase) {
    let body = json!({"name": "Bar", "currency": "EUR", "time_zone": "Europe/Berlin", "day_starts_at": "05:00"});
    let shop = Shop::open_with(database, body).await;
    shop.place_paid_order().await;
    // 02:00 in Berlin: the sixth by the calendar, the night of the fifth for the bar.
    shop.app.clock.advance(13 * 3_600);
    shop.place_paid_order().await;
    let clerk = shop.app.login("clerk", "knows every apple").await;
    let closings = format!("/api/stores/{}/z-reports", shop.store);
    let preview = shop.app.get(&format!("{closings}/preview"), &clerk).await.expect(200);
    assert_eq!(preview["business_day"], "2026-01-05");
    let night = shop.post_once(&closings, &clerk, json!({})).await.expect(201);
    assert_eq!((&night["business_day"], &night["receipts"]["count"]), (&json!("2026-01-05"), &json!(2)));
    assert_eq!(shop.turnover_by_day(&clerk).await, [on("2026-01-05", 1290)]);
    let today = shop.app.get("/api/statistics/sales", &clerk).await.expect(200);
    let hours = today["currencies"][0]["points"].as_array().unwrap();
    assert_eq!((hours.len(), &hours[0]["begins"]), (24, &json!("2026-01-05T05:00")));
    assert_eq!((&hours[23]["begins"], &hours[21]["turnover"]), (&json!("2026-01-06T04:00"), &json!(645)));
    assert_eq!((shop.count_orders(&clerk, "2026-01-05").await, shop.count_orders(&clerk, "2026-01-06").await), (2, 0));
    let verdicts = shop.app.get("/api/statistics/recognitions?days=7", &clerk).await.expect(200);
    assert_eq!(verdicts["points"][6]["begins"], "2026-01-05");
    assert_eq!(shop.count_orders_today().await, 2);

    let report = shop.report_day("2026-01-05").await;
    assert_eq!((&report["totals"][0]["orders"], &report["from"]), (&json!(2), &json!("2026-01-05T04:00:00Z")));

    // In the middle of the day the setting changes: the same orders are shown by the new days, the closing keeps its own.
    let admin = shop.app.login_admin().await;
    assert_eq!(shop.set_day_start(&admin, "00:00").await, "00:00");
    assert_eq!(shop.turnover_by_day(&clerk).await, [on("2026-01-05", 645), on("2026-01-06", 645)]);
    assert_eq!((shop.count_orders(&clerk, "2026-01-05").await, shop.count_orders(&clerk, "2026-01-06").await), (1, 1));
    let again = shop.app.get(&format!("{closings}/1"), &clerk).await.expect(200);
    assert_eq!(again, night);
    let calendar = shop.app.get(&format!("{closings}/preview"), &clerk).await.expect(200);
    assert_eq!(calendar["business_day"], "2026-01-06");
    assert_eq!(shop.count_orders_today().await, 1);
    assert_eq!(shop.set_day_start(&admin, "02:30").await, "02:30");
    assert_eq!(shop.turnover_by_day(&clerk).await, [on("2026-01-05", 1290)]);

    // 06:00: a new day.
    shop.set_day_start(&admin, "05:00").await;
    shop.app.clock.advance(4 * 3_600);
    let clerk = shop.app.login("clerk", "knows every apple").await;
    shop.place_paid_order().await;
    assert_eq!(shop.turnover_by_day(&clerk).await, [on("2026-01-05", 1290), on("2026-01-06", 645)]);
    let day = shop.post_once(&closings, &clerk, json!({})).await.expect(201);
    assert_eq!((&day["business_day"], &day["receipts"]["count"]), (&json!("2026-01-06"), &json!(1)));
}

async fn stores_with_other_days_are_summed_by_their_own(database: TestDatabase) {
    let shop =
        Shop::open_with(database, json!({"name": "Shop", "currency": "EUR", "time_zone": "Europe/Berlin"})).await;
    for wrong in ["5:00", "12:30", "midnight"] {
        let change = json!({"day_starts_at": wrong});
        let refused = shop.app.patch(&format!("/api/stores/{}", shop.store), &shop.admin, change).await;
        assert_eq!(refused.expect_problem(422, "invalid-field")["field"], "day_starts_at", "{wrong}");
    }
    shop.app.clock.advance(13 * 3_600);
    let admin = shop.app.login_admin().await;
    shop.place_paid_order().await;
    let bar = json!({"name": "Bar", "currency": "EUR", "time_zone": "Europe/Berlin", "day_starts_at": "05:00"});
    let bar = shop.app.post("/api/stores", &admin, bar).await.expect(201);
    let (id, starts) = (bar["id"].as_str().unwrap(), &bar["day_starts_at"]);
    assert_eq!(starts, "05:00");
    let session = shop.app.post("/api/sessions", &admin, json!({"store_id": id})).await.expect(201);
    let items = format!("/api/sessions/{}/items", session["id"].as_str().unwrap());
    let body = json!({"version": 1, "product_id": shop.soap});
    let session = shop.app.post(&items, &admin, body).await.expect(200);
    let confirm = format!("/api/sessions/{}/confirm", session["id"].as_str().unwrap());
    shop.post_once(&confirm, &admin, json!({"version": session["version"]})).await.expect(201);
    assert_eq!(shop.turnover_by_day(&admin).await, [on("2026-01-05", 250), on("2026-01-06", 645)]);
    let ambiguous = shop.app.get("/api/orders?day=2026-01-05", &admin).await.expect_problem(422, "invalid-field");
    assert!(ambiguous["detail"].as_str().unwrap().contains("store_id"), "{ambiguous}");
    let bars = shop.app.get(&format!("/api/orders?day=2026-01-05&store_id={id}"), &admin).await.expect(200);
    assert_eq!(bars["data"].as_array().unwrap().len(), 1);
}

on_both_databases!(
    a_night_counts_for_the_day_before_until_the_setting_changes,
    stores_with_other_days_are_summed_by_their_own,
);
