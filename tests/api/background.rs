//! Background tasks as admins see them: each with its trigger, its runs and its last error.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tillsight::performance::AttemptOutcome;

use crate::alerts::{Monitor, SECRET};
use crate::harness::{AlertReceiver, ReceiverReply, TestApp, TestDatabase, on_both_databases};

const PATH: &str = "/api/monitoring/background";

/// The task `name`, once `is_reached` says so of it.
async fn until(app: &TestApp, admin: &str, name: &str, is_reached: impl Fn(&Value) -> bool) -> Value {
    let mut task = Value::Null;
    for _ in 0..400 {
        let tasks = app.get(PATH, admin).await.expect(200);
        task = tasks["data"].as_array().unwrap().iter().find(|task| task["name"] == name).unwrap().clone();
        if is_reached(&task) {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not reached: {task}");
}

async fn a_task_that_fails_shows_its_error_and_runs_again(database: TestDatabase) {
    let receiver = AlertReceiver::start().await;
    let hook = format!("webhook_url = \"{}\"\nwebhook_secret = \"{SECRET}\"", receiver.url);
    let settings = format!("[monitoring]\n{hook}");
    let app = TestApp::spawn_with(database, &settings).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    // At the start nothing is to be sent.
    let task = until(&app, &admin, "alerts: webhook", |task| !task["last_success_at"].is_null()).await;
    assert_eq!(
        (&task["trigger"], &task["period_s"], &task["last_error"], &task["panics"]),
        (&json!("on_signal"), &json!(5), &Value::Null, &json!(0)),
        "{task}"
    );
    let monitor = Monitor::start_with(&app, receiver, &settings).await;
    monitor.receiver.reply_next([ReceiverReply::Status(503, "in maintenance")]);
    monitor.record_attempts(&store, AttemptOutcome::Failed, 10);
    monitor.alerts.evaluate_rules().await.unwrap();
    let failed = until(&app, &admin, "alerts: webhook", |task| !task["last_error"].is_null()).await;
    let error = failed["last_error"].as_str().unwrap();
    assert!(error.contains("503") && error.contains("in maintenance") && !error.contains("127.0.0.1"), "{error}");
    assert_eq!(failed["last_error_at"], "2026-01-05T12:00:00Z");
    assert!(failed["last_duration_ms"].is_u64() && failed["runs"].as_u64() >= Some(2), "{failed}");
    app.clock.advance(10);
    let mended = until(&app, &admin, "alerts: webhook", |task| task["last_success_at"] == "2026-01-05T12:00:10Z").await;
    assert!(mended["last_error"] == failed["last_error"] && mended["runs"].as_u64() > failed["runs"].as_u64());
    assert_eq!(monitor.receiver.take_requests().len(), 2, "refused, then taken");
    let text = app.read_metrics().await;
    let line = |start: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{start}"));
        value.trim().parse::<f64>().unwrap()
    };
    assert!(line("tillsight_background_runs_total{task=\"alerts: webhook\",outcome=\"failed\"}") >= 1.0);
    assert!(line("tillsight_background_runs_total{task=\"alerts: webhook\",outcome=\"done\"}") >= 2.0);
    assert_eq!(line("tillsight_background_panics_total{task=\"alerts: webhook\"}"), 0.0);
    let success = line("tillsight_background_last_success_timestamp_seconds{task=\"alerts: webhook\"}");
    assert!(success >= 1_767_614_400.0, "{success}");
}

async fn every_task_is_listed_with_its_purpose_and_runs(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let tasks = app.get(PATH, &admin).await.expect(200)["data"].as_array().unwrap().clone();
    let names: BTreeSet<_> = tasks.iter().map(|task| task["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), tasks.len(), "no name twice: {names:?}");
    // The label values that dashboards know.
    for name in [
        "models: embed",
        "models: adopt",
        "models: clean up",
        "models: confidence",
        "catalog: follow",
        "catalog: listen",
        "catalog: retry",
        "catalog: snapshots",
        "performance",
        "accounts: last seen",
        "recognition: counts",
        "numbers: remember",
        "storage",
        "storage: damage",
        "servers: heartbeat",
        "alerts: storage",
        "database: clean up",
        "metrics",
        "metrics: stores",
        "automation: worker 1",
        "automation: worker 2",
        "automation: listen",
        "automation: leases",
        "automation: scheduler",
        "automation: measure",
        "alerts",
        "integrity",
    ] {
        assert!(names.contains(name), "{name} is not in {names:?}");
    }
    for task in tasks {
        assert!(task["purpose"].as_str().unwrap().ends_with('.'), "{task}");
        assert_eq!(task["trigger"] == "continuous", task["period_s"].is_null(), "{task}");
        // The other continuous tasks have nothing to do here, and then report nothing.
        if task["trigger"] != "continuous"
            || ["models: embed", "models: adopt"].contains(&task["name"].as_str().unwrap())
        {
            until(&app, &admin, task["name"].as_str().unwrap(), |task| !task["last_success_at"].is_null()).await;
        }
    }
}

on_both_databases!(a_task_that_fails_shows_its_error_and_runs_again, every_task_is_listed_with_its_purpose_and_runs);
