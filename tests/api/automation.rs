//! Tasks through the API, done by the workers of whole servers.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::alerts::Monitor;
use crate::harness::{ADMIN_PASSWORD, Browser, Shop, TestApp, TestDatabase, on_both_databases, package_photo};

const TASKS: &str = "/api/automation/tasks";
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";

fn task_path(task: &Value) -> String {
    format!("{TASKS}/{}", task["id"].as_str().unwrap())
}

/// The task, once none of its items is open.
pub async fn wait_until_over(app: &TestApp, admin: &str, task: &Value) -> Value {
    for _ in 0..600 {
        let task = app.get(&task_path(task), admin).await.expect(200);
        if !["waiting", "processing"].contains(&task["status"].as_str().unwrap()) {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not over: {}", app.get(&task_path(task), admin).await.expect(200));
}

pub async fn queue_task(app: &TestApp, admin: &str, body: Value) -> Value {
    app.post(TASKS, admin, body).await.expect(202)
}

async fn logs(app: &TestApp, admin: &str, query: &str) -> Vec<Value> {
    let page = app.get(&format!("/api/automation/logs?{query}"), admin).await.expect(200);
    page["data"].as_array().unwrap().clone()
}

async fn a_check_is_queued_done_and_logged(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    app.create_store(&admin).await;
    let queued = queue_task(&app, &admin, json!({"type": "integrity", "title": "Before the audit"})).await;
    assert_eq!(queued["type"], "integrity");
    // A worker may have taken it before the reply was written.
    assert!(["waiting", "processing", "completed"].map(Value::from).contains(&queued["status"]), "{queued}");
    assert_eq!(queued["settings"], json!({"depth": "deep", "store_id": null}), "completed with the defaults");
    let done = wait_until_over(&app, &admin, &queued).await;
    assert_eq!(done["status"], "completed");
    assert_eq!(done["items"], json!({"waiting": 0, "processing": 0, "completed": 1, "failed": 0}));
    let id = done["id"].as_str().unwrap();
    let lines = logs(&app, &admin, &format!("task_id={id}&stage=run")).await;
    let actions: Vec<_> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["complete", "start"], "newest first");
    assert_eq!(lines[0]["metadata"]["stores"], 1);
    assert!(logs(&app, &admin, &format!("task_id={id}&level=error")).await.is_empty());
    let listed = app.get(&format!("{TASKS}?type=integrity&status=completed"), &admin).await.expect(200);
    assert_eq!(listed["data"][0]["title"], "Before the audit");
    let items = app.get(&format!("{}/items", task_path(&done)), &admin).await.expect(200);
    assert_eq!((&items["data"][0]["stage"], &items["data"][0]["attempts"]), (&json!("run"), &json!(1)));
    let queue = app.get("/api/automation/queue?stage=run&status=completed", &admin).await.expect(200);
    assert_eq!(queue["data"][0]["task_id"], done["id"]);
    app.delete(&task_path(&done), &admin).await.expect(204);
    app.get(&task_path(&done), &admin).await.expect_problem(404, "not-found");
    let audited = "SELECT COUNT(*) FROM audit_log WHERE action IN ('task.create', 'task.delete')";
    assert_eq!(app.database.count(audited).await, 2);
}

async fn bad_requests_about_tasks_are_refused_with_what_is_wrong(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let refuse = async |body: Value| app.post(TASKS, &admin, body).await.expect_problem(422, "invalid-field");
    refuse(json!({})).await;
    refuse(json!({"type": "sweep"})).await;
    refuse(json!({"type": "cleanup", "priority": 1})).await;
    let settings = refuse(json!({"type": "backup", "settings": {"kept": -1}})).await;
    assert_eq!(settings["field"], "settings");
    let date = refuse(json!({"type": "report", "settings": {"date": "2026-02-31"}})).await;
    assert!(date["detail"].as_str().unwrap().contains("2026-02-31"), "{date}");
    let title = refuse(json!({"type": "cleanup", "title": " "})).await;
    assert_eq!(title["field"], "title");
    app.get(&format!("{TASKS}/{UNKNOWN}"), &admin).await.expect_problem(404, "not-found");
    app.get(&format!("{TASKS}/{UNKNOWN}/events"), &admin).await.expect_problem(404, "not-found");
    app.delete(&format!("{TASKS}/{UNKNOWN}"), &admin).await.expect_problem(404, "not-found");
    app.post("/api/automation/stop", &admin, json!({"task_id": UNKNOWN})).await.expect_problem(404, "not-found");
    app.post(&format!("{TASKS}/{UNKNOWN}/retry"), &admin, json!({})).await.expect_problem(404, "not-found");
    app.get(&format!("{TASKS}?status=done"), &admin).await.expect_problem(400, "bad-request");
    let pause = app.post("/api/automation/pause", &admin, json!({"kind": "stage", "name": "enrol"})).await;
    assert!(pause.expect_problem(422, "invalid-field")["detail"].as_str().unwrap().contains("\"enrol\""));
    let done = queue_task(&app, &admin, json!({"type": "cleanup"})).await;
    wait_until_over(&app, &admin, &done).await;
    let retry = app.post(&format!("{}/retry", task_path(&done)), &admin, json!({})).await;
    retry.expect_problem(409, "nothing-failed");
}

async fn a_paused_type_waits_and_a_waiting_task_is_stopped(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let body = json!({"kind": "type", "name": "cleanup"});
    let paused = app.post("/api/automation/pause", &admin, body.clone()).await.expect(200);
    assert_eq!(paused["data"][0]["name"], "cleanup");
    let waiting = queue_task(&app, &admin, json!({"type": "cleanup"})).await;
    let other = queue_task(&app, &admin, json!({"type": "integrity"})).await;
    wait_until_over(&app, &admin, &other).await;
    assert_eq!(app.get(&task_path(&waiting), &admin).await.expect(200)["status"], "waiting");
    let stopped = app.post("/api/automation/stop", &admin, json!({"task_id": waiting["id"]})).await.expect(200);
    let expected = json!({"success": true, "stopped_processing": 0, "deleted_waiting": 1, "killed_processes": []});
    assert_eq!(stopped, expected);
    assert_eq!(app.get(&task_path(&waiting), &admin).await.expect(200)["status"], "stopped");
    let again = app.post("/api/automation/stop", &admin, json!({"task_id": waiting["id"]})).await.expect(200);
    assert_eq!(again["deleted_waiting"], 0);
    let next = queue_task(&app, &admin, json!({"type": "cleanup"})).await;
    assert!(app.post("/api/automation/resume", &admin, body).await.expect(200)["data"].as_array().unwrap().is_empty());
    assert_eq!(wait_until_over(&app, &admin, &next).await["status"], "completed");
    assert!(app.get("/api/automation/pauses", &admin).await.expect(200)["data"].as_array().unwrap().is_empty());
}

/// The events of a stream until it ends: name and data.
async fn read_events(app: &TestApp, admin: &str, task: &Value, last_event: Option<&str>) -> Vec<(String, Value)> {
    let client = reqwest::Client::new();
    let request = client.request(Method::GET, format!("{}{}/events", app.url, task_path(task))).bearer_auth(admin);
    let request = last_event.into_iter().fold(request, |request, id| request.header("last-event-id", id));
    let mut response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while let Some(chunk) = tokio::time::timeout(Duration::from_secs(30), response.chunk()).await.unwrap().unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap().to_owned()
    };
    let events = text.split("\n\n").filter(|event| !event.is_empty() && !event.starts_with(':'));
    events.map(|event| (field(event, "event"), serde_json::from_str(&field(event, "data")).unwrap())).collect()
}

async fn progress_is_streamed_until_the_task_is_over(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let pause = json!({"kind": "stage", "name": "run"});
    app.post("/api/automation/pause", &admin, pause.clone()).await.expect(200);
    let task = queue_task(&app, &admin, json!({"type": "integrity"})).await;
    let (events, _) = tokio::join!(read_events(&app, &admin, &task, None), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.post("/api/automation/resume", &admin, pause).await.expect(200);
    });
    let statuses: Vec<_> = events.iter().filter(|(name, _)| name == "task").map(|(_, task)| &task["status"]).collect();
    assert_eq!(
        (statuses.first(), statuses.last()),
        (Some(&&json!("waiting")), Some(&&json!("completed"))),
        "{events:?}"
    );
    let actions: Vec<_> = events.iter().filter(|(name, _)| name == "log").map(|(_, line)| &line["action"]).collect();
    assert_eq!(actions, ["start", "complete"]);
    // Whoever reconnects gets the lines after the last one that arrived.
    let start = events.iter().find(|(name, _)| name == "log").unwrap().1["id"].as_str().unwrap().to_owned();
    let rest = read_events(&app, &admin, &task, Some(&start)).await;
    let lines: Vec<_> = rest.iter().filter(|(name, _)| name == "log").map(|(_, line)| &line["action"]).collect();
    assert_eq!(lines, ["complete"]);
    // One that saw no line yet misses none either; one that saw the end is told to stop.
    let all = read_events(&app, &admin, &task, Some("00000000-0000-0000-0000-000000000000")).await;
    assert_eq!(all.iter().filter(|(name, _)| name == "log").count(), 2, "{all:?}");
    let end = rest.iter().find(|(name, _)| name == "log").unwrap().1["id"].as_str().unwrap().to_owned();
    let watch = |last_event: String| {
        let request = reqwest::Client::new().get(format!("{}{}/events", app.url, task_path(&task))).bearer_auth(&admin);
        request.header("last-event-id", last_event).send()
    };
    let told = watch(end.clone()).await.unwrap();
    let told = (told.status().as_u16(), told.text().await.unwrap());
    assert!(told.0 == 200 && told.1.starts_with(&format!("id: {end}/over\nevent: task\n")), "{told:?}");
    assert_eq!(watch(format!("{end}/over")).await.unwrap().status(), 204);
}

async fn a_clean_up_removes_old_evidence_and_history_and_nothing_younger(database: TestDatabase) {
    let app = TestApp::spawn_with(database, "[automation]\nevidence_kept_days = 2\nhistory_kept_days = 3").await;
    let admin = app.login_admin().await;
    // The daily clean-up would come first as the clock advances.
    let daily = app.get("/api/automation/schedules", &admin).await.expect(200);
    for schedule in daily["data"].as_array().unwrap() {
        let path = format!("/api/automation/schedules/{}", schedule["id"].as_str().unwrap());
        app.patch(&path, &admin, json!({"enabled": false})).await.expect(200);
    }
    let recognise =
        async || app.post_picture("/api/recognize?regions=whole", &admin, package_photo(0, 0)).await.expect(200);
    recognise().await;
    let old = queue_task(&app, &admin, json!({"type": "integrity"})).await;
    wait_until_over(&app, &admin, &old).await;
    app.clock.advance(2 * 86_400 + 1);
    let admin = app.login_admin().await;
    app.post_picture("/api/recognize?regions=whole", &admin, package_photo(0, 0)).await.expect(200);
    let first = queue_task(&app, &admin, json!({"type": "cleanup"})).await;
    assert_eq!(wait_until_over(&app, &admin, &first).await["status"], "completed");
    assert_eq!(app.database.count("SELECT COUNT(*) FROM recognitions").await, 1, "the younger one stays");
    assert_eq!(app.get(&task_path(&old), &admin).await.expect(200)["items"]["completed"], 1);
    assert!(!logs(&app, &admin, &format!("task_id={}", old["id"].as_str().unwrap())).await.is_empty());
    app.clock.advance(86_400 + 1);
    let admin = app.login_admin().await;
    let second = queue_task(&app, &admin, json!({"type": "cleanup"})).await;
    let second = wait_until_over(&app, &admin, &second).await;
    let line = &logs(&app, &admin, &format!("task_id={}&action=complete", second["id"].as_str().unwrap())).await[0];
    assert_eq!(line["metadata"]["task_queue"], 1, "{line}");
    assert!(logs(&app, &admin, &format!("task_id={}", old["id"].as_str().unwrap())).await.is_empty());
    let kept = app.get(&task_path(&old), &admin).await.expect(200);
    assert_eq!((&kept["status"], &kept["items"]["completed"]), (&json!("completed"), &json!(1)), "the task remains");
}

async fn a_back_up_is_written_and_only_the_newest_are_kept(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let task = queue_task(&app, &admin, json!({"type": "backup", "settings": {"kept": 2}})).await;
    let done = wait_until_over(&app, &admin, &task).await;
    assert_eq!(done["status"], "completed", "{done}");
    let folders: Vec<_> = std::fs::read_dir(app.database.folder().join("backups")).unwrap().collect();
    assert_eq!(folders.len(), 1);
    assert!(folders[0].as_ref().unwrap().path().join("manifest.json").is_file());
    let line = &logs(&app, &admin, &format!("task_id={}&action=complete", done["id"].as_str().unwrap())).await[0];
    assert!(line["message"].as_str().unwrap().contains("verified"), "{line}");
}

async fn a_report_has_the_sales_of_the_day_by_product(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let app = &shop.app;
    shop.place_order(&[(&shop.milk, 2)]).await;
    let admin = app.login_admin().await;
    let task = queue_task(app, &admin, json!({"type": "report", "settings": {"date": "2026-01-05"}})).await;
    let done = wait_until_over(app, &admin, &task).await;
    assert_eq!(done["status"], "completed", "{done}");
    let folder = app.database.folder().join("tasks").join(done["id"].as_str().unwrap());
    let file = |extension: &str| {
        let mut files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        std::fs::read_to_string(files.find(|path| path.extension().unwrap() == extension).unwrap()).unwrap()
    };
    let report: Value = serde_json::from_str(&file("json")).unwrap();
    assert_eq!((&report["kind"], &report["date"]), (&json!("daily-sales"), &json!("2026-01-05")));
    assert_eq!(report["totals"][0]["orders"], 1, "{report}");
    assert_eq!(report["totals"][0]["amount"], report["products"][0]["amount"]);
    let csv = file("csv");
    assert_eq!(csv.lines().next(), Some("date,store,sku,name,currency,quantity,amount_minor,tax_minor"));
    assert_eq!(csv.lines().count(), 2, "{csv}");
    // An admin finds it on the task's page.
    let mut browser = Browser::new(app);
    browser.sign_in("admin", ADMIN_PASSWORD).await;
    let page = format!("/admin/tasks/{}", done["id"].as_str().unwrap());
    let shown = browser.get(&page).await.text().await.unwrap();
    let link = shown.split('"').find(|part| part.contains("/reports/") && part.ends_with(".csv")).unwrap();
    let sent = browser.get(link).await;
    assert!(sent.headers()["content-disposition"].to_str().unwrap().contains("2026-01-05"), "{sent:?}");
    assert_eq!(sent.text().await.unwrap(), csv);
    for other in ["upload", "sales-2026-01-05-none.csv", "..%2F..%2Ftoken.key"] {
        assert_eq!(browser.get(&format!("{page}/reports/{other}")).await.status(), 404, "{other}");
    }
    let other = queue_task(app, &admin, json!({"type": "report", "settings": {"store_id": UNKNOWN}})).await;
    let other = wait_until_over(app, &admin, &other).await;
    assert_eq!(other["status"], "failed");
    assert!(other["last_error"].as_str().unwrap().contains(UNKNOWN), "{other}");
}

async fn a_queue_that_nobody_works_on_raises_an_alert(database: TestDatabase) {
    let app = TestApp::spawn_with(database, "[automation]\nworkers = 0").await;
    let admin = app.login_admin().await;
    let task = queue_task(&app, &admin, json!({"type": "integrity"})).await;
    let monitor = Monitor::start(&app, "").await;
    app.clock.advance(901);
    assert!(monitor.evaluate_and_deliver().await.is_empty(), "it may have been seen just before it is done");
    // Longer than a worker takes to notice.
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    let event = |name: &str| (name.to_owned(), "task-queue-stuck:none".to_owned());
    assert_eq!(monitor.evaluate_and_deliver().await, [event("alert.fired")]);
    let admin = app.login_admin().await;
    app.post("/api/automation/stop", &admin, json!({"task_id": task["id"]})).await.expect(200);
    assert_eq!(monitor.evaluate_and_deliver().await, [event("alert.resolved")]);
    let depth = app.read_metrics().await;
    assert!(depth.contains("tillsight_task_queue_jobs{stage=\"run\",status=\"waiting\"}"), "{depth}");
}

on_both_databases!(
    a_queue_that_nobody_works_on_raises_an_alert,
    a_check_is_queued_done_and_logged,
    bad_requests_about_tasks_are_refused_with_what_is_wrong,
    a_paused_type_waits_and_a_waiting_task_is_stopped,
    progress_is_streamed_until_the_task_is_over,
    a_clean_up_removes_old_evidence_and_history_and_nothing_younger,
    a_back_up_is_written_and_only_the_newest_are_kept,
    a_report_has_the_sales_of_the_day_by_product,
);
