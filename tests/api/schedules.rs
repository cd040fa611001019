//! Schedules of tasks: a year of them with a clock that the test moves, and the API.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tillsight::automation::{Automation, NewSchedule, NewTask, TaskFiles};
use tillsight::clock::Clock;
use tillsight::db::Database;
use tillsight::domain::{Caller, MissedRuns, PageRequest, ScheduleRule, TaskId, TaskType, TimeZone, Timestamp};

use crate::harness::{TestApp, TestDatabase, on_both_databases};

const ALL: PageRequest = PageRequest { before: None, limit: 1_000 };
const DAY_S: i64 = 86_400;

fn zone(name: &str) -> TimeZone {
    TimeZone::parse("time_zone", name).unwrap()
}

fn at(text: &str) -> Timestamp {
    serde_json::from_value(json!(text)).unwrap()
}

/// Two servers on one database and one clock.
struct Servers {
    both: [Automation; 2],
    clock: Clock,
}

impl Servers {
    async fn start(database: &TestDatabase, now: &str) -> Self {
        let clock = Clock::fixed(at(now));
        let open = async || {
            let db = Database::connect(database.url(), 8).await.unwrap();
            db.migrate().await.unwrap();
            Automation::new(db, clock.clone(), TaskFiles::new(database.folder()), TimeZone::utc())
        };
        Self { both: [open().await, open().await], clock }
    }

    async fn plan(&self, rule: Value, zone_name: &str, missed: MissedRuns) -> TaskId {
        let [server, _] = &self.both;
        let title = format!("{} in {zone_name}", rule["kind"].as_str().unwrap());
        let task = NewTask { id: server.new_task_id(), kind: TaskType::Integrity, title, settings: json!({}) };
        let rule: ScheduleRule = serde_json::from_value(rule).unwrap();
        let schedule = NewSchedule { rule, time_zone: Some(zone(zone_name)), missed };
        server.create_scheduled_task(&Caller::command_line(), task, schedule).await.unwrap().task_id
    }

    /// The earliest planned run.
    async fn next_at(&self) -> Timestamp {
        let schedules = self.both[0].list_schedules(None, ALL).await.unwrap().data;
        schedules.iter().filter_map(|schedule| schedule.next_runs.first().copied()).min().unwrap()
    }

    /// Both servers look at the same time.
    async fn look(&self) -> u64 {
        let (one, other) = tokio::join!(self.both[0].queue_due_runs(), self.both[1].queue_due_runs());
        one.unwrap() + other.unwrap()
    }

    /// The planned moments of the runs that were queued, oldest first.
    async fn runs(&self, task: TaskId) -> Vec<Timestamp> {
        let mut page = ALL;
        let mut planned = Vec::new();
        loop {
            let items = self.both[0].list_items(task, None, page).await.unwrap();
            planned.extend(items.data.iter().map(|item| at(&item.item)));
            let Some(cursor) = items.next_cursor else { break };
            page.before = Some(cursor.parse().unwrap());
        }
        planned.sort_unstable();
        planned
    }
}

/// Every day of the year once, at half past two by the clock on the wall, also where summer time begins and ends: on three
/// continents, one of whose summer times is half an hour.
async fn a_year_has_every_run_once_in_three_zones(database: TestDatabase) {
    const GAPS: [(&str, &str, &str); 3] = [
        ("Europe/Berlin", "2026-03-29", "03:30:00 +02:00"),
        ("America/New_York", "2026-03-08", "03:30:00 -04:00"),
        // From 02:00 to 02:30: half past two exists.
        ("Australia/Lord_Howe", "2026-10-04", "02:30:00 +11:00"),
    ];
    let servers = Servers::start(&database, "2026-01-01T00:00:00Z").await;
    let mut tasks = Vec::new();
    for (zone_name, ..) in GAPS {
        let daily = servers.plan(json!({"kind": "daily", "time": "02:30"}), zone_name, MissedRuns::Skip).await;
        let monthly = json!({"kind": "monthly", "time": "02:30", "day": 31});
        let monthly = servers.plan(monthly, zone_name, MissedRuns::Skip).await;
        let weekly = json!({"kind": "cron", "expression": "30 2 * * MON"});
        tasks.push((daily, monthly, servers.plan(weekly, zone_name, MissedRuns::Skip).await));
    }
    let end = at("2027-01-01T00:00:00Z");
    let mut queued = 0;
    loop {
        let next = servers.next_at().await;
        if next >= end {
            break;
        }
        // The second after: a scheduler is never exactly on time.
        servers.clock.advance(next.seconds() + 1 - servers.clock.now().seconds());
        let now_queued = servers.look().await;
        assert!(now_queued > 0, "planned for {next}, and nothing was queued");
        queued += now_queued;
    }
    let mut found = 0;
    for ((zone_name, gap_day, gap_time), (daily, monthly, weekly)) in GAPS.into_iter().zip(tasks) {
        let zone = zone(zone_name);
        let local = |runs: &[Timestamp]| -> Vec<String> { runs.iter().map(|run| zone.format_local(*run)).collect() };
        let daily = local(&servers.runs(daily).await);
        let days: BTreeMap<&str, &str> = daily.iter().map(|run| (&run[..10], &run[11..])).collect();
        assert_eq!((daily.len(), days.len()), (365, 365), "{zone_name}");
        assert_eq!(days[gap_day], gap_time);
        let others = days.iter().filter(|(day, time)| **day != gap_day && !time.starts_with("02:30:00"));
        assert_eq!(others.count(), 0, "{days:?}");
        let monthly = local(&servers.runs(monthly).await);
        let months: Vec<&str> = monthly.iter().map(|run| &run[5..10]).collect();
        let mut last_days = vec![
            "01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30", "10-31", "11-30", "12-31",
        ];
        if monthly.first().is_some_and(|run| run.starts_with("2025")) {
            last_days.insert(0, "12-31");
        }
        assert_eq!(months, last_days, "{zone_name}");
        let weekly = servers.runs(weekly).await;
        assert_eq!(weekly.len(), 52, "{zone_name}");
        found += daily.len() + monthly.len() + weekly.len();
    }
    assert_eq!(u64::try_from(found).unwrap(), queued, "what was queued is what is there");
}

async fn missed_runs_follow_their_policy(database: TestDatabase) {
    let servers = Servers::start(&database, "2026-01-05T00:00:00Z").await;
    let daily = json!({"kind": "daily", "time": "03:00"});
    let skipped = servers.plan(daily.clone(), "UTC", MissedRuns::Skip).await;
    let made_up = servers.plan(daily, "UTC", MissedRuns::RunOnce).await;
    let once = json!({"kind": "once", "at": "2026-01-06T08:00:00Z"});
    let once = servers.plan(once, "UTC", MissedRuns::RunOnce).await;
    // No server ran for two days and a half.
    servers.clock.advance(2 * DAY_S + DAY_S / 2);
    assert_eq!(servers.look().await, 2);
    assert_eq!(servers.look().await, 0);
    assert!(servers.runs(skipped).await.is_empty());
    assert_eq!(servers.runs(made_up).await, [at("2026-01-07T03:00:00Z")], "the last of three");
    assert_eq!(servers.runs(once).await, [at("2026-01-06T08:00:00Z")]);
    // Both go on as planned, not from when the server came back.
    assert_eq!(servers.next_at().await, at("2026-01-08T03:00:00Z"));
    servers.clock.advance(DAY_S);
    assert_eq!(servers.look().await, 1, "nine hours late, again");
    servers.clock.advance(DAY_S - 9 * 3_600 + 30 - DAY_S / 2 + DAY_S / 2);
    assert_eq!(servers.look().await, 2, "on time, whatever the policy");
}

async fn a_schedule_runs_its_task_through_the_api(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let schedules = "/api/automation/schedules";
    // Every database has a daily clean-up.
    let listed = app.get(schedules, &admin).await.expect(200);
    assert_eq!(listed["data"][0]["task_title"], "Daily clean-up");
    assert_eq!(listed["data"][0]["next_runs"][0], "2026-01-06T03:30:00Z");
    let body = json!({
        "task": {"type": "integrity", "title": "Nightly check", "settings": {"depth": "quick"}},
        "kind": "daily", "time": "13:00", "time_zone": "Asia/Seoul",
    });
    let created = app.post(schedules, &admin, body).await.expect(201);
    let runs = [
        "2026-01-06T04:00:00Z",
        "2026-01-07T04:00:00Z",
        "2026-01-08T04:00:00Z",
        "2026-01-09T04:00:00Z",
        "2026-01-10T04:00:00Z",
    ];
    assert_eq!((&created["next_runs"], &created["missed"]), (&json!(runs), &json!("run_once")));
    let task = format!("/api/automation/tasks/{}", created["task_id"].as_str().unwrap());
    assert_eq!(app.get(&task, &admin).await.expect(200)["items"]["waiting"], 0, "only the schedule runs it");
    app.clock.advance(16 * 3_600 + 1);
    let admin = app.login_admin().await;
    let mut done = Value::Null;
    for _ in 0..400 {
        done = app.get(&task, &admin).await.expect(200);
        if done["status"] == "completed" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(done["items"]["completed"], 1, "{done}");
    let items = app.get(&format!("{task}/items"), &admin).await.expect(200);
    assert_eq!(items["data"][0]["item"], "2026-01-06T04:00:00Z");
    let id = created["id"].as_str().unwrap();
    let off = app.patch(&format!("{schedules}/{id}"), &admin, json!({"enabled": false})).await.expect(200);
    assert_eq!((&off["enabled"], &off["next_runs"]), (&json!(false), &json!([])));
    let on = app.patch(&format!("{schedules}/{id}"), &admin, json!({"enabled": true})).await.expect(200);
    assert_eq!(on["next_runs"][0], "2026-01-07T04:00:00Z");
    // Stopping a task switches its schedules off, although nothing of it runs.
    app.post("/api/automation/stop", &admin, json!({"task_id": created["task_id"]})).await.expect(200);
    let of_task = app.get(&format!("{schedules}?task_id={}", created["task_id"].as_str().unwrap()), &admin).await;
    assert_eq!(of_task.expect(200)["data"][0]["enabled"], false);
    app.delete(&format!("{schedules}/{id}"), &admin).await.expect(204);
    app.delete(&format!("{schedules}/{id}"), &admin).await.expect_problem(404, "not-found");
}

async fn wrong_schedules_are_refused_with_what_is_wrong(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let task = json!({"type": "cleanup"});
    let refuse = async |mut body: Value, field: &str| {
        body["task"] = task.clone();
        let problem = app.post("/api/automation/schedules", &admin, body).await.expect_problem(422, "invalid-field");
        assert_eq!(problem["field"], field, "{problem}");
        problem["detail"].as_str().unwrap().to_owned()
    };
    let past = refuse(json!({"kind": "once", "at": "2026-01-05T11:59:59Z"}), "at").await;
    assert!(past.contains("2026-01-05 11:59") && past.contains("past"), "{past}");
    let never = refuse(json!({"kind": "cron", "expression": "0 12 31 FEB *"}), "expression").await;
    assert!(never.contains("31 February"), "{never}");
    refuse(json!({"kind": "cron", "expression": "every day"}), "expression").await;
    refuse(json!({"kind": "daily"}), "time").await;
    refuse(json!({"kind": "daily", "time": "3:30"}), "time").await;
    refuse(json!({"kind": "daily", "time": "03:30", "day": 5}), "day").await;
    refuse(json!({"kind": "monthly", "time": "03:30", "day": 0}), "day").await;
    refuse(json!({"kind": "weekly", "time": "03:30", "weekdays": ["Mondays"]}), "weekdays").await;
    refuse(json!({"kind": "daily", "time": "03:30", "time_zone": "Mars/Olympus"}), "time_zone").await;
    let neither = app.post("/api/automation/schedules", &admin, json!({"kind": "daily", "time": "03:30"})).await;
    assert_eq!(neither.expect_problem(422, "invalid-field")["field"], "task_id");
    let unknown = json!({"task_id": "01890000-0000-7000-8000-000000000000", "kind": "daily", "time": "03:30"});
    app.post("/api/automation/schedules", &admin, unknown).await.expect_problem(404, "not-found");
}

on_both_databases!(
    a_year_has_every_run_once_in_three_zones,
    missed_runs_follow_their_policy,
    a_schedule_runs_its_task_through_the_api,
    wrong_schedules_are_refused_with_what_is_wrong,
);
