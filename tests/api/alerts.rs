//! Alerts: what is wrong raises one, once; sliding windows, cool-down and escalation by a clock that the test moves; what
//! staff can do with them.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tillsight::alerts::Alerts;
use tillsight::clock::Clock;
use tillsight::config::{MonitoringSettings, Settings};
use tillsight::db::Database;
use tillsight::domain::{AlertRule, CheckDepth, StoreId};
use tillsight::integrity::Integrity;
use tillsight::performance::{Attempt, AttemptOutcome, Performance, Retries};

use crate::harness::{
    AlertReceiver, ONLY_ON_DEMAND, TestApp, TestDatabase, drop_constraints, execute_unconstrained, on_both_databases,
    open_shop_with_six_orders, restore_rows,
};

const PATH: &str = "/api/monitoring/numbering/alerts";

/// The monitoring of another server, on the database and clock of a test.
pub struct Monitor {
    pub alerts: Alerts,
    pub integrity: Integrity,
    pub performance: Performance,
    pub receiver: AlertReceiver,
    pub clock: Clock,
}

impl Monitor {
    /// Sends alerts to a webhook receiver of its own. `overlay` is TOML within `[monitoring]`.
    pub async fn start(app: &TestApp, overlay: &str) -> Self {
        let receiver = AlertReceiver::start().await;
        let hook = format!("webhook_url = \"{}\"\nwebhook_secret = \"{SECRET}\"", receiver.url);
        Self::start_with(app, receiver, &format!("[monitoring]\n{hook}\n{overlay}")).await
    }

    pub async fn start_with(app: &TestApp, receiver: AlertReceiver, settings: &str) -> Self {
        let settings: MonitoringSettings = Settings::from_toml(settings).unwrap().monitoring;
        let db = Database::connect(app.database.url(), 4).await.unwrap();
        let clock = app.clock.clone();
        let integrity = Integrity::new(db.clone(), clock.clone(), settings.clone());
        let performance = Performance::new(db.clone(), clock.clone());
        let (checks, counts) = (integrity.clone(), performance.clone());
        let alerts = Alerts::new(db, clock.clone(), checks, counts, settings).unwrap();
        Self { alerts, integrity, performance, receiver, clock }
    }

    /// Evaluates the rules twice, delivers, and gives event and key of each message received.
    pub async fn evaluate_and_deliver(&self) -> Vec<(String, String)> {
        self.alerts.evaluate_rules().await.unwrap();
        self.alerts.evaluate_rules().await.unwrap();
        self.alerts.deliver_due().await.unwrap();
        let messages = self.receiver.take_requests().into_iter().map(|received| received.json());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        messages.map(|body| (text(&body["type"]), text(&body["data"]["key"]))).collect()
    }

    async fn check(&self) {
        self.integrity.run_check(CheckDepth::Deep, None, "test").await.unwrap();
    }

    fn record_detailed_attempts(
        &self,
        store: &str,
        outcome: AttemptOutcome,
        count: usize,
        retries: Retries,
        took: Duration,
    ) {
        let store = Some(store.parse::<StoreId>().unwrap());
        for _ in 0..count {
            self.performance.record(&Attempt { store, outcome, retries, duration: took });
        }
    }

    /// Attempts of 10 ms each.
    pub fn record_attempts(&self, store: &str, outcome: AttemptOutcome, count: usize) {
        self.record_detailed_attempts(store, outcome, count, Retries::default(), Duration::from_millis(10));
    }
}

/// A key as Standard Webhooks writes them.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn message(event: &str, key: &str) -> (String, String) {
    (format!("alert.{event}"), key.to_owned())
}

async fn each_manual_change_raises_its_alerts_once_until_it_is_undone(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    drop_constraints(&database).await;
    let monitor = Monitor::start(&shop.app, "").await;
    monitor.check().await;
    assert_eq!(monitor.evaluate_and_deliver().await, []);
    macro_rules! raises {
        ($what:literal, $sql:literal, $number:literal, [$($finding:literal),+ $(,)?]) => {
            execute_unconstrained!(&database, $sql);
            assert_eq!(monitor.evaluate_and_deliver().await, [], "{}: not before a check", $what);
            monitor.check().await;
            monitor.alerts.evaluate_rules().await.unwrap();
            let active = monitor.alerts.list_active().await.unwrap();
            let subject = format!("{} of store Corner <shop> ", $number);
            assert!(active.iter().any(|alert| alert.message.starts_with(&subject)), "{}: {active:?}", $what);
            let keys = [$($finding),+].map(|finding| match finding {
                // Lines whose record is missing name no store.
                "order:stray_lines" => format!("numbering-integrity:none:{finding}"),
                _ => format!("numbering-integrity:{}:{finding}", shop.store),
            });
            let of = |event: &str| -> BTreeSet<_> { keys.iter().map(|key| message(event, key)).collect() };
            expect_messages(monitor.evaluate_and_deliver().await, &of("fired"), $what);
            monitor.check().await;
            assert_eq!(monitor.evaluate_and_deliver().await, [], "{}: reported once", $what);
            restore_rows(&database).await;
            monitor.check().await;
            expect_messages(monitor.evaluate_and_deliver().await, &of("resolved"), $what);
            monitor.clock.advance(1_801);
        };
    }
    raises!(
        "deleted",
        "DELETE FROM orders WHERE number = 2",
        "Receipt 2",
        ["order:gap", "payment:no_order", "refund:no_order", "order:stray_lines",]
    );
    raises!("duplicated", "INSERT INTO orders SELECT * FROM orders WHERE number = 3", "Receipt 3", ["order:duplicate"]);
    raises!(
        "renumbered",
        "UPDATE orders SET number = 40 WHERE number = 4",
        "Receipt 40",
        ["order:gap", "order:counter_behind", "order:broken_seal"]
    );
    raises!(
        "edited",
        "UPDATE orders SET total = total + 1 WHERE number = 3",
        "Receipt 3",
        ["order:broken_seal", "order:wrong_sum", "order:wrong_payment"]
    );
    raises!(
        "an edited line",
        "UPDATE order_items SET unit_price = unit_price + 1 \
        WHERE order_id = (SELECT id FROM orders WHERE number = 5)",
        "Receipt 5",
        ["order:broken_seal", "order:wrong_sum"]
    );
    raises!(
        "a counter set back",
        "UPDATE number_series SET last_number = 4 WHERE series = 'order'",
        "Receipts 5–6",
        ["order:counter_behind", "order:counter_seal"]
    );
    assert!(monitor.alerts.list_active().await.unwrap().is_empty());
}

#[track_caller]
fn expect_messages(messages: Vec<(String, String)>, expected: &BTreeSet<(String, String)>, what: &str) {
    assert_eq!(messages.len(), expected.len(), "{what}: each once: {messages:?}");
    assert_eq!(&messages.into_iter().collect::<BTreeSet<_>>(), expected, "{what}");
}

async fn rates_use_a_sliding_window(database: TestDatabase) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let store = app.create_store(&app.login_admin().await).await;
    let monitor = Monitor::start(&app, "cool_down_s = 0").await;
    let failures = format!("order-failure-rate:{store}");
    monitor.record_attempts(&store, AttemptOutcome::Failed, 9);
    assert_eq!(monitor.evaluate_and_deliver().await, [], "nine attempts are too few to conclude from");
    monitor.record_attempts(&store, AttemptOutcome::Refused, 50);
    assert_eq!(monitor.evaluate_and_deliver().await, [], "nor from what was refused");
    monitor.record_attempts(&store, AttemptOutcome::Failed, 1);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("fired", &failures)], "all that were not refused failed");
    let alert = &monitor.alerts.list_active().await.unwrap()[0];
    assert_eq!((alert.value, alert.threshold, alert.rule), (1.0, 0.01, AlertRule::OrderFailureRate));
    assert_eq!(alert.message, "10 of 10 orders of store Test store failed within 15 minutes.");
    monitor.record_attempts(&store, AttemptOutcome::Succeeded, 990);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("resolved", &failures)], "1 % is not above 1 %");
    // A minute counts as long as its beginning is within the window.
    monitor.clock.advance(15 * 60 - 1);
    monitor.record_attempts(&store, AttemptOutcome::Failed, 1);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("fired", &failures)], "11 of 1 001");
    monitor.clock.advance(1);
    assert_eq!(
        monitor.evaluate_and_deliver().await,
        [message("resolved", &failures)],
        "one attempt is left in the window"
    );
}

/// Servers look at the same time: each thing is told once, and what somebody acknowledges meanwhile is not escalated.
async fn concurrent_evaluations_report_once(database: TestDatabase) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let store = app.create_store(&app.login_admin().await).await;
    let monitor = Monitor::start(&app, "escalate_s = 600\n[monitoring.rules.failure_rate]\nwindow_s = 86400").await;
    monitor.record_attempts(&store, AttemptOutcome::Failed, 10);
    let at_once = async || {
        let looks = futures_util::future::join_all((0..4).map(|_| monitor.alerts.evaluate_rules())).await;
        looks.into_iter().for_each(|look| look.unwrap());
        monitor.evaluate_and_deliver().await
    };
    let key = format!("order-failure-rate:{store}");
    assert_eq!(at_once().await, [message("fired", &key)]);
    monitor.clock.advance(600);
    assert_eq!(at_once().await, [message("escalated", &key)]);
    assert_eq!(monitor.alerts.list_active().await.unwrap()[0].escalations, 1);
}

/// A report that cannot be read hides neither what else is wrong nor what fires because of an older one.
async fn an_unreadable_report_hides_no_other_violation(database: TestDatabase) {
    let shop = open_shop_with_six_orders(&database).await;
    let monitor = Monitor::start(&shop.app, "").await;
    database.execute("UPDATE orders SET total = total + 1 WHERE number = 3").await;
    monitor.check().await;
    assert_eq!(monitor.evaluate_and_deliver().await.len(), 3, "seal, sum and payment");
    database.execute("UPDATE integrity_reports SET findings = '[\"nonsense\"]'").await;
    let other = shop.app.create_store(&shop.admin).await;
    monitor.record_attempts(&other, AttemptOutcome::Failed, 10);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("fired", &format!("order-failure-rate:{other}"))]);
    assert_eq!(monitor.alerts.list_active().await.unwrap().len(), 4, "the others are neither over nor hidden");
}

/// An alert of a newer server, with a rule that this one does not know: the others are listed, and it stays as it is.
async fn an_alert_with_an_unknown_rule_hides_none_of_the_others(database: TestDatabase) {
    let app = TestApp::spawn_with(database.clone(), ONLY_ON_DEMAND).await;
    let admin = app.login_admin().await;
    let (one, other) = (app.create_store(&admin).await, app.create_store(&admin).await);
    let monitor = Monitor::start(&app, "[monitoring.rules.failure_rate]\nwindow_s = 86400").await;
    monitor.record_attempts(&one, AttemptOutcome::Failed, 10);
    assert_eq!(monitor.evaluate_and_deliver().await.len(), 1);
    database.execute("UPDATE alerts SET rule = 'from-a-newer-server'").await;
    monitor.record_attempts(&other, AttemptOutcome::Failed, 10);
    let key = format!("order-failure-rate:{other}");
    assert_eq!(
        monitor.evaluate_and_deliver().await,
        [message("fired", &key)],
        "its key is taken, and the other alert fires"
    );
    for path in [format!("{PATH}/active"), PATH.to_owned()] {
        let listed = app.get(&path, &admin).await.expect(200)["data"].clone();
        assert_eq!((listed.as_array().unwrap().len(), &listed[0]["key"]), (1, &json!(key)));
    }
    assert_eq!(database.count("SELECT COUNT(*) FROM alerts WHERE state = 'firing'").await, 2);
}

async fn conflicts_and_slow_orders_use_their_own_windows(database: TestDatabase) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let store = app.create_store(&app.login_admin().await).await;
    let monitor = Monitor::start(&app, "cool_down_s = 0").await;
    let conflict = Retries { conflicts: 1, after_conflict: 1, ..Retries::default() };
    let (fast, slow) = (Duration::from_millis(20), Duration::from_millis(5_500));
    monitor.record_detailed_attempts(&store, AttemptOutcome::Succeeded, 19, Retries::default(), fast);
    monitor.record_detailed_attempts(&store, AttemptOutcome::Succeeded, 1, conflict, fast);
    assert_eq!(monitor.evaluate_and_deliver().await, [], "one in twenty is 5 %, and not above");
    monitor.record_detailed_attempts(&store, AttemptOutcome::Succeeded, 1, conflict, slow);
    let conflicts = format!("order-conflict-rate:{store}");
    assert_eq!(
        monitor.evaluate_and_deliver().await,
        [message("fired", &conflicts)],
        "one slow one of 21 is less than 5 in 100"
    );
    monitor.record_detailed_attempts(&store, AttemptOutcome::Refused, 20, conflict, slow);
    assert_eq!(monitor.evaluate_and_deliver().await, [], "slow refusals are no slow orders");
    monitor.record_detailed_attempts(&store, AttemptOutcome::Succeeded, 1, Retries::default(), slow);
    let slowness = format!("order-slow:{store}");
    assert_eq!(monitor.evaluate_and_deliver().await, [message("fired", &slowness)]);
    let active = monitor.alerts.list_active().await.unwrap();
    let alert = active.iter().find(|alert| alert.rule == AlertRule::OrderSlow).unwrap();
    assert!((5.4..5.6).contains(&alert.value), "within 1 % of 5.5 s: {}", alert.value);
    monitor.clock.advance(10 * 60);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("resolved", &conflicts)], "ten minutes");
    monitor.clock.advance(5 * 60);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("resolved", &slowness)], "a quarter of an hour");
}

async fn an_alert_that_returns_within_the_cool_down_is_reported_once(database: TestDatabase) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let store = app.create_store(&app.login_admin().await).await;
    let monitor = Monitor::start(&app, "cool_down_s = 1800\n[monitoring.rules.failure_rate]\nwindow_s = 120").await;
    let key = format!("order-failure-rate:{store}");
    monitor.record_attempts(&store, AttemptOutcome::Failed, 10);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("fired", &key)]);
    monitor.clock.advance(120);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("resolved", &key)]);
    monitor.record_attempts(&store, AttemptOutcome::Failed, 10);
    assert_eq!(monitor.evaluate_and_deliver().await, [], "two minutes after it was told");
    assert_eq!(monitor.alerts.list_active().await.unwrap().len(), 1, "it fires all the same");
    monitor.clock.advance(120);
    assert_eq!(monitor.evaluate_and_deliver().await, [], "what was not told is not told to be over");
    monitor.clock.advance(1_800 - 240 - 1);
    monitor.record_attempts(&store, AttemptOutcome::Failed, 10);
    assert_eq!(monitor.evaluate_and_deliver().await, [], "a second before the cool-down is over");
    monitor.clock.advance(1);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("fired", &key)], "and still so when it is over");
}

async fn an_unacknowledged_alert_is_escalated(database: TestDatabase) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let store = app.create_store(&app.login_admin().await).await;
    let overlay = "escalate_s = 600\nescalations = 2\n[monitoring.rules.failure_rate]\nwindow_s = 86400";
    let monitor = Monitor::start(&app, overlay).await;
    let key = format!("order-failure-rate:{store}");
    monitor.record_attempts(&store, AttemptOutcome::Failed, 10);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("fired", &key)]);
    monitor.clock.advance(599);
    assert_eq!(monitor.evaluate_and_deliver().await, []);
    monitor.clock.advance(1);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("escalated", &key)]);
    let severity = async || serde_json::to_value(monitor.alerts.list_active().await.unwrap()[0].severity).unwrap();
    assert_eq!(severity().await, "critical", "it was a warning");
    monitor.clock.advance(600);
    assert_eq!(monitor.evaluate_and_deliver().await, [message("escalated", &key)]);
    monitor.clock.advance(6_000);
    assert_eq!(monitor.evaluate_and_deliver().await, [], "twice is enough");

    let admin = app.login_admin().await;
    let ended = app.post(&format!("{PATH}/{key}/resolve"), &admin, json!({})).await.expect(200);
    assert_eq!((&ended["state"], &ended["escalations"]), (&json!("resolved"), &json!(2)));
    assert_eq!(
        monitor.evaluate_and_deliver().await,
        [message("fired", &key)],
        "it is still so, and the cool-down is over"
    );
    let seen = app.post(&format!("{PATH}/{key}/acknowledge"), &admin, json!({})).await.expect(200);
    assert_eq!(seen["state"], "acknowledged");
    assert!(seen["acknowledged_by"].as_str().unwrap().starts_with("user:"), "{seen}");
    monitor.clock.advance(6_000);
    assert_eq!(monitor.evaluate_and_deliver().await, [], "somebody sees to it");
}

async fn staff_list_acknowledge_and_resolve_alerts(database: TestDatabase) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let monitor = Monitor::start(&app, "").await;
    let empty = app.get(&format!("{PATH}/active"), &admin).await.expect(200);
    assert_eq!(empty, json!({"data": []}));
    monitor.record_attempts(&store, AttemptOutcome::Failed, 10);
    monitor.evaluate_and_deliver().await;
    let active = app.get(&format!("{PATH}/active"), &admin).await.expect(200);
    let alert = &active["data"][0];
    let key = alert["key"].as_str().unwrap();
    assert_eq!((&alert["store_id"], &alert["store_name"]), (&json!(store), &json!("Test store")));
    assert_eq!((&alert["state"], &alert["severity"]), (&json!("firing"), &json!("warning")));
    assert_eq!(alert["runbook"], "deploy/RUNBOOK.md#order-failure-rate");
    let delivery = &alert["deliveries"][0];
    assert_eq!((&delivery["sink"], &delivery["event"]), (&json!("webhook"), &json!("fired")));
    assert_eq!((&delivery["state"], &delivery["last_status"]), (&json!("delivered"), &json!(200)));

    let first = app.post(&format!("{PATH}/{key}/acknowledge"), &admin, json!({})).await.expect(200);
    app.clock.advance(5);
    let again = app.post(&format!("{PATH}/{key}/acknowledge"), &admin, json!({})).await.expect(200);
    assert_eq!(first["acknowledged_at"], again["acknowledged_at"], "who was first stays so");
    let audited = "SELECT COUNT(*) FROM audit_log WHERE action = 'alert.acknowledge'";
    assert_eq!(app.database.count(audited).await, 1);
    app.post(&format!("{PATH}/{key}/resolve"), &admin, json!({})).await.expect(200);
    let strange = app.post(&format!("{PATH}/a%00b/acknowledge"), &admin, json!({})).await;
    strange.expect_problem(404, "not-found");
    for act in ["resolve", "acknowledge"] {
        let problem =
            app.post(&format!("{PATH}/{key}/{act}"), &admin, json!({})).await.expect_problem(404, "not-found");
        assert!(problem["detail"].as_str().unwrap().contains(key), "{problem}");
    }
    let history = app.get(PATH, &admin).await.expect(200);
    assert_eq!((&history["data"][0]["state"], &history["next_cursor"]), (&json!("resolved"), &Value::Null));
    assert!(history["data"][0]["resolved_by"].as_str().unwrap().starts_with("user:"), "{history}");
    app.clock.advance(366 * 86_400);
    assert_eq!(monitor.alerts.delete_expired().await.unwrap(), 1);
}

/// The whole way: a server with default rules looks by itself, and tells.
async fn a_server_evaluates_and_reports_by_itself(database: TestDatabase) {
    let receiver = AlertReceiver::start().await;
    let shop = open_shop_with_six_orders(&database).await;
    database.execute("UPDATE orders SET total = total + 1 WHERE number = 3").await;
    let overlay = format!("[monitoring]\nslack_url = \"{}\"\nlook_s = 1", receiver.url);
    let beside = TestApp::spawn_with(database, &overlay).await;
    let mut received = Vec::new();
    for _ in 0..3_000 {
        received.extend(receiver.take_requests());
        if received.len() >= 3 {
            break;
        }
        // The schedule goes by the clock, which stands still unless it is moved.
        beside.clock.advance(1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let texts: Vec<_> = received.iter().map(|received| received.json()["text"].as_str().unwrap().to_owned()).collect();
    assert!(
        texts.iter().all(|text| text.starts_with("[critical] Receipt 3 of store Corner &lt;shop&gt; ")),
        "{texts:?}"
    );
    assert!(texts.iter().all(|text| text.contains("deploy/RUNBOOK.md#numbering-integrity")), "{texts:?}");
    assert_eq!(texts.len(), 3, "seal, sum and payment, each once: {texts:?}");
    assert!(beside.read_metric("tillsight_alert_deliveries_total").await >= 3.0);
    drop(shop);
}

#[test]
fn the_runbook_has_a_section_for_each_rule() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/RUNBOOK.md");
    let runbook = std::fs::read_to_string(path).unwrap();
    for rule in AlertRule::ALL {
        let heading = format!("## {}", rule.as_str());
        let section =
            runbook.split("\n## ").find(|section| format!("## {section}").starts_with(&format!("{heading}\n")));
        let length = section.unwrap_or_else(|| panic!("deploy/RUNBOOK.md has no section \"{heading}\"")).len();
        assert!(length > 400, "the section \"{heading}\" says nothing");
    }
}

on_both_databases!(
    each_manual_change_raises_its_alerts_once_until_it_is_undone,
    rates_use_a_sliding_window,
    concurrent_evaluations_report_once,
    an_unreadable_report_hides_no_other_violation,
    an_alert_with_an_unknown_rule_hides_none_of_the_others,
    conflicts_and_slow_orders_use_their_own_windows,
    an_alert_that_returns_within_the_cool_down_is_reported_once,
    an_unacknowledged_alert_is_escalated,
    staff_list_acknowledge_and_resolve_alerts,
    a_server_evaluates_and_reports_by_itself,
);
