//! The pages of schedules and of pauses, without scripts.

use serde_json::json;

use crate::harness::{ADMIN_PASSWORD, Browser, TestApp, TestDatabase, on_both_databases};

const SCHEDULES: &str = "/api/automation/schedules";

async fn a_schedule_is_made_changed_run_and_removed(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let mut browser = Browser::new(&app);
    browser.sign_in("admin", ADMIN_PASSWORD).await;
    let page = browser.get("/admin/schedules").await.text().await.unwrap();
    assert!(page.contains("Daily clean-up") && page.contains("Every day at 03:30"), "{page}");

    // Wrong at the field; what was typed is kept.
    let fields = [
        ("type", "backup"),
        ("title", "Nightly"),
        ("kind", "weekly"),
        ("time", "22:15"),
        ("time_zone", "Europe/Berlin"),
        ("missed", "skip"),
    ];
    let refused = browser.submit("/admin/schedules", &fields).await;
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("at least one day") && refused.contains("value=\"Nightly\""), "{refused}");
    let mut right = fields.to_vec();
    right.extend([("weekdays", "monday"), ("weekdays", "friday"), ("form_key", "5")]);
    // Sent twice, it is one schedule.
    for _ in 0..2 {
        assert_eq!(browser.submit("/admin/schedules", &right).await.status(), 303);
    }
    let nightly = "SELECT COUNT(*) FROM task_schedules s JOIN tasks t ON t.id = s.task_id WHERE t.title = 'Nightly'";
    assert_eq!(app.database.count(nightly).await, 1);
    let page = browser.get("/admin/schedules").await.text().await.unwrap();
    assert!(page.contains("Monday, Friday at 22:15") && page.contains("waits for the next time"), "{page}");
    // 2026-01-05 is a Monday; the times are those of Berlin.
    for run in ["5 Jan 2026, 22:15", "9 Jan 2026, 22:15", "12 Jan 2026", "16 Jan 2026", "19 Jan 2026"] {
        assert!(page.contains(run), "{run}: {page}");
    }
    let listed = app.get(SCHEDULES, &admin).await.expect(200);
    let schedule = listed["data"].as_array().unwrap().iter().find(|one| one["task_title"] == "Nightly").unwrap();
    let id = schedule["id"].as_str().unwrap();
    let path = format!("/admin/schedules/{id}");
    let page = browser.get(&path).await.text().await.unwrap();
    assert!(page.contains("value=\"friday\" checked") && page.contains("value=\"22:15\""), "{page}");

    let monthly = [("kind", "monthly"), ("day", "31"), ("time", "01:00"), ("time_zone", "UTC"), ("missed", "run_once")];
    assert_eq!(browser.submit(&path, &monthly).await.status(), 303);
    let read = async || app.get(SCHEDULES, &admin).await.expect(200)["data"].clone();
    let find = |list: &serde_json::Value| {
        list.as_array().unwrap().iter().find(|one| one["id"] == id).cloned().unwrap_or_default()
    };
    let changed = find(&read().await);
    assert_eq!((&changed["kind"], &changed["missed"]), (&json!("monthly"), &json!("run_once")), "{changed}");
    assert_eq!(changed["next_runs"][1], "2026-02-28T01:00:00Z");
    let impossible = [("kind", "cron"), ("expression", "0 0 31 2 *"), ("time_zone", "UTC")];
    assert_eq!(browser.submit(&path, &impossible).await.status(), 422);
    // By the API too.
    let body = json!({"kind": "daily", "time": "04:00", "time_zone": "Asia/Seoul"});
    let replaced = app.call(reqwest::Method::PUT, &format!("{SCHEDULES}/{id}"), Some(&admin), |r| r.json(&body)).await;
    assert_eq!(replaced.expect(200)["next_runs"][0], "2026-01-05T19:00:00Z");

    assert_eq!(browser.submit(&format!("{path}/enabled"), &[]).await.status(), 303);
    assert_eq!(find(&read().await)["enabled"], false);
    assert_eq!(browser.submit(&format!("{path}/enabled"), &[("enabled", "yes")]).await.status(), 303);
    assert_eq!(find(&read().await)["enabled"], true);
    // Sent twice, it is one run.
    for _ in 0..2 {
        assert_eq!(browser.submit(&format!("{path}/run"), &[("form_key", "7")]).await.status(), 303);
    }
    let task = format!("/api/automation/tasks/{}/items", schedule["task_id"].as_str().unwrap());
    assert_eq!(app.get(&task, &admin).await.expect(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!(browser.submit(&format!("{path}/remove"), &[]).await.status(), 303);
    assert!(find(&read().await).is_null());
}

async fn a_stage_is_paused_and_resumed(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let mut browser = Browser::new(&app);
    browser.sign_in("admin", ADMIN_PASSWORD).await;
    let pause = [("kind", "type"), ("name", "report"), ("paused", "yes")];
    assert_eq!(browser.submit("/admin/tasks/pause", &pause).await.status(), 303);
    let fields = [("type", "report"), ("title", "Sales of today"), ("form_key", "7")];
    let queued = browser.submit("/admin/tasks", &fields).await;
    assert_eq!(queued.status(), 303);
    let again = browser.submit("/admin/tasks", &fields).await;
    assert_eq!(again.headers()["location"], queued.headers()["location"], "sent twice, it is one task");
    let long = "x".repeat(201);
    let refused = browser.submit("/admin/tasks", &[("type", "report"), ("title", long.as_str())]).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.text().await.unwrap().contains("id=\"title-fault\""), "at the field");
    let page = browser.get("/admin/tasks?tab=scheduled").await.text().await.unwrap();
    assert!(page.contains("Sales report: paused by admin") && page.contains("Sales of today"), "{page}");
    assert!(browser.get("/admin").await.text().await.unwrap().contains("is paused"));
    let task = queued.headers()["location"].to_str().unwrap().split('?').next().unwrap().to_owned();
    let wrong = browser.submit(&format!("{task}/discard"), &[("item_id", "7")]).await;
    assert_eq!(wrong.status(), 422, "not all items");
    // Stopped before it began; the page says what that did.
    assert_eq!(browser.submit(&format!("{task}/stop"), &[]).await.status(), 303);
    let page = browser.get(&task).await.text().await.unwrap();
    assert!(page.contains("1 waiting item removed") && page.contains("No item was being worked on"), "{page}");
    assert!(page.contains("stopped by admin"), "{page}");
    assert_eq!(browser.submit("/admin/tasks/pause", &[("kind", "type"), ("name", "report")]).await.status(), 303);
    let pauses = app.get("/api/automation/pauses", &admin).await.expect(200);
    assert_eq!(pauses["data"], json!([]));
    assert_eq!(browser.submit("/admin/tasks", &[("type", "import")]).await.status(), 422);
}

on_both_databases!(a_schedule_is_made_changed_run_and_removed, a_stage_is_paused_and_resumed);
