//! Telling receivers that refuse, hang, redirect and lie; the signature; who is told when a server dies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tillsight::db::{Database, alert_deliveries};
use tillsight::domain::SinkKind;
use tillsight::performance::AttemptOutcome;

use crate::alerts::{Monitor, SECRET};
use crate::harness::{
    AlertReceiver, ONLY_ON_DEMAND, ReceivedRequest, ReceiverReply, TestApp, TestDatabase, on_both_databases,
};

/// A store whose orders fail, and a monitor that has an alert to deliver.
async fn start_with_alert(database: TestDatabase, overlay: &str) -> (TestApp, Monitor) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let store = app.create_store(&app.login_admin().await).await;
    let monitor = Monitor::start(&app, overlay).await;
    monitor.record_attempts(&store, AttemptOutcome::Failed, 10);
    monitor.alerts.evaluate_rules().await.unwrap();
    (app, monitor)
}

/// The last message about the only alert, as staff see it.
async fn last_delivery(monitor: &Monitor) -> Value {
    let page = tillsight::domain::PageRequest { before: None, limit: 1 };
    let alerts = monitor.alerts.list_history(page).await.unwrap();
    serde_json::to_value(&alerts.data[0].deliveries[0]).unwrap()
}

async fn a_refused_message_is_retried_with_growing_delays_and_given_up(database: TestDatabase) {
    let (_app, monitor) = start_with_alert(database, "").await;
    monitor.receiver.reply_next((0..6).map(|_| ReceiverReply::Status(503, "in \u{7}maintenance")));
    let mut ids = Vec::new();
    for (attempt, wait) in [(1, 10), (2, 40), (3, 160), (4, 640), (5, 1_800)] {
        assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 1, "attempt {attempt}");
        let shown = last_delivery(&monitor).await;
        assert_eq!((&shown["state"], &shown["attempts"]), (&json!("waiting"), &json!(attempt)));
        assert_eq!(shown["last_status"], 503);
        let error = shown["last_error"].as_str().unwrap();
        assert!(error.starts_with("answered 503") && error.ends_with(": in maintenance"), "{error}");
        monitor.clock.advance(wait - 1);
        assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 0, "{wait} s are not over");
        monitor.clock.advance(1);
        ids.extend(monitor.receiver.take_requests().into_iter().map(|received| received.headers["webhook-id"].clone()));
    }
    assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 1);
    ids.extend(monitor.receiver.take_requests().into_iter().map(|received| received.headers["webhook-id"].clone()));
    let shown = last_delivery(&monitor).await;
    assert_eq!((&shown["state"], &shown["attempts"], &shown["due_at"]), (&json!("failed"), &json!(6), &Value::Null));
    monitor.clock.advance(86_400);
    assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 0, "it is given up");
    assert!(ids.len() == 6 && ids.iter().all(|id| *id == ids[0]), "the same message each time: {ids:?}");
}

async fn a_receiver_that_hangs_redirects_or_sends_noise_only_gets_another_attempt(database: TestDatabase) {
    let (_app, monitor) = start_with_alert(database, "delivery_timeout_s = 1").await;
    let elsewhere = AlertReceiver::start().await;
    let refusals = [
        (ReceiverReply::NoReply, Value::Null, "did not answer in time"),
        (ReceiverReply::Redirect(elsewhere.url.clone()), json!(302), "redirects are not followed"),
        (ReceiverReply::NotHttp, Value::Null, "no HTTP"),
        (ReceiverReply::Status(404, "Cannot POST /HOOK"), json!(404), "parts of the address"),
    ];
    for (answer, status, reason) in refusals {
        monitor.receiver.reply_next([answer.clone()]);
        assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 1, "{answer:?}");
        let shown = last_delivery(&monitor).await;
        assert_eq!((&shown["state"], &shown["last_status"]), (&json!("waiting"), &status), "{answer:?}");
        let error = shown["last_error"].as_str().unwrap();
        assert!(error.contains(reason) && !error.contains("127.0.0.1"), "{answer:?}: {error}");
        monitor.clock.advance(1_800);
    }
    assert!(elsewhere.take_requests().is_empty(), "the secret address is the only one that is asked");
    // An answer that never ends is not read to its end.
    monitor.receiver.reply_next([ReceiverReply::EndlessBody]);
    assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 1);
    assert_eq!(last_delivery(&monitor).await["state"], "delivered");
}

/// A receiver that is overloaded asks for a delay: that counts as no failed attempt, but not for ever.
async fn a_receiver_may_postpone_messages_for_a_day(database: TestDatabase) {
    let (_app, monitor) = start_with_alert(database, "").await;
    for _ in 0..8 {
        monitor.receiver.reply_next([ReceiverReply::RetryAfter(60)]);
        assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 1);
        let shown = last_delivery(&monitor).await;
        assert_eq!((&shown["state"], &shown["attempts"]), (&json!("waiting"), &json!(0)));
        monitor.clock.advance(60);
    }
    monitor.clock.advance(86_400);
    monitor.receiver.reply_next([ReceiverReply::RetryAfter(60)]);
    monitor.alerts.deliver_due().await.unwrap();
    assert_eq!(last_delivery(&monitor).await["state"], "failed");
}

async fn slack_must_answer_ok(database: TestDatabase) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let store = app.create_store(&app.login_admin().await).await;
    let receiver = AlertReceiver::start().await;
    let settings = format!("[monitoring]\nslack_url = \"{}\"", receiver.url);
    let monitor = Monitor::start_with(&app, receiver, &settings).await;
    monitor.record_attempts(&store, AttemptOutcome::Failed, 10);
    monitor.alerts.evaluate_rules().await.unwrap();
    monitor.receiver.reply_next([ReceiverReply::Status(200, "<html>Log in to the guest network</html>")]);
    monitor.alerts.deliver_due().await.unwrap();
    let shown = last_delivery(&monitor).await;
    assert!(shown["last_error"].as_str().unwrap().contains("guest network"), "{shown}");
    assert_eq!((&shown["state"], &shown["last_status"]), (&json!("waiting"), &json!(200)));
    monitor.clock.advance(10);
    monitor.alerts.deliver_due().await.unwrap();
    let shown = last_delivery(&monitor).await;
    assert_eq!((&shown["state"], &shown["last_error"]), (&json!("delivered"), &Value::Null));
    let received = monitor.receiver.take_requests();
    assert!(received.iter().all(|received| !received.headers.contains_key("webhook-signature")));
    let text = received[0].json()["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("[warning] 10 of 10 orders of store Test store failed"), "{text}");
    assert!(text.ends_with("\nWhat to do: /admin/alerts, or deploy/RUNBOOK.md#order-failure-rate"), "{text}");
    assert!(!text.contains(&store), "people read no identifiers: {text}");
}

async fn a_webhook_is_signed_over_its_body(database: TestDatabase) {
    let (app, monitor) = start_with_alert(database, "").await;
    monitor.alerts.deliver_due().await.unwrap();
    let received = monitor.receiver.take_requests().pop().unwrap();
    let at = received.headers["webhook-timestamp"].clone();
    assert_eq!(at, app.clock.now().seconds().to_string());
    assert!(is_signed(&received, SECRET));
    assert_eq!(received.headers["webhook-signature"].split(' ').count(), 1);
    let mut changed = received.clone();
    changed.body = changed.body.replace("warning", "nothing");
    assert!(!is_signed(&changed, SECRET), "the signature is over the body");
    let body = received.json();
    assert_eq!((&body["type"], &body["data"]["severity"]), (&json!("alert.fired"), &json!("warning")));
    assert_eq!(body["data"]["runbook"], "deploy/RUNBOOK.md#order-failure-rate");
}

/// As a receiver would check it, by the specification.
fn is_signed(received: &ReceivedRequest, secret: &str) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let (id, at) = (&received.headers["webhook-id"], &received.headers["webhook-timestamp"]);
    let mut sum = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    sum.update(format!("{id}.{at}.{}", received.body).as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(sum.finalize().into_bytes()));
    received.headers["webhook-signature"].split(' ').any(|signature| signature == expected)
}

/// While receivers change to a new secret, they may know either.
async fn a_webhook_is_signed_with_the_previous_secret_as_well(database: TestDatabase) {
    let previous = "whsec_plJ3nmyCDGBKInavdOK15jsl6Zf8VyUJ";
    let (_app, monitor) = start_with_alert(database, &format!("webhook_secret_previous = \"{previous}\"")).await;
    monitor.alerts.deliver_due().await.unwrap();
    let received = monitor.receiver.take_requests().pop().unwrap();
    assert!(is_signed(&received, SECRET) && is_signed(&received, previous));
    assert_eq!(received.headers["webhook-signature"].split(' ').count(), 2);
    assert!(!is_signed(&received, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"));
}

async fn the_end_of_an_alert_is_delivered_after_its_beginning(database: TestDatabase) {
    let (_app, monitor) = start_with_alert(database, "").await;
    monitor.receiver.reply_next([ReceiverReply::Status(500, "")]);
    monitor.alerts.deliver_due().await.unwrap();
    monitor.receiver.take_requests();
    monitor.clock.advance(5);
    let key = monitor.alerts.list_active().await.unwrap()[0].key.clone();
    let caller = tillsight::domain::Caller::system();
    monitor.alerts.resolve_alert(&caller, &key).await.unwrap();
    assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 0, "the beginning waits for its next attempt");
    monitor.clock.advance(5);
    assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 2);
    let events: Vec<_> =
        monitor.receiver.take_requests().iter().map(|received| received.json()["type"].clone()).collect();
    assert_eq!(events, ["alert.fired", "alert.resolved"]);
}

/// A server claims a message and dies: another one delivers it later, and no two claim it at once.
async fn a_message_claimed_by_a_dead_server_is_delivered_by_another(database: TestDatabase) {
    let (app, monitor) = start_with_alert(database, "").await;
    let db = Database::connect(app.database.url(), 4).await.unwrap();
    let now = app.clock.now();
    let claim = async || {
        let mut tx = db.begin().await.unwrap();
        let taken =
            alert_deliveries::claim(&mut tx, SinkKind::Webhook, now, now.plus_seconds(40), now.plus_seconds(90))
                .await
                .unwrap();
        tx.commit().await.unwrap();
        taken
    };
    let (one, other) = tokio::join!(claim(), claim());
    assert!(one.is_some() != other.is_some(), "one of them has it: {one:?} {other:?}");
    assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 0);
    app.clock.advance(40);
    assert_eq!(monitor.alerts.deliver_due().await.unwrap(), 1);
    assert_eq!(last_delivery(&monitor).await["state"], "delivered");
}

async fn a_test_message_says_what_each_receiver_made_of_it(database: TestDatabase) {
    let receiver = AlertReceiver::start().await;
    let hook = format!("webhook_url = \"{}\"\nwebhook_secret = \"{SECRET}\"", receiver.url);
    let app = TestApp::spawn_with(database, &format!("[monitoring]\n{hook}\nslack_url = \"{}\"", receiver.url)).await;
    let admin = app.login_admin().await;
    let path = "/api/monitoring/numbering/alerts/test";
    receiver.reply_next([ReceiverReply::Status(404, "no_such_channel")]);
    let results = app.post(path, &admin, json!({})).await.expect(200)["data"].as_array().unwrap().clone();
    let slack =
        json!({"sink": "slack", "delivered": false, "status": 404, "error": "answered 404 Not Found: no_such_channel"});
    let webhook = json!({"sink": "webhook", "delivered": true, "status": 200, "error": null});
    assert_eq!(results, [slack, webhook]);
    let requests = receiver.take_requests();
    assert!(requests[0].json()["text"].as_str().unwrap().starts_with("[test] "));
    assert_eq!(requests[1].json()["type"], "alert.test");
    assert!(requests[1].headers.contains_key("webhook-signature"));
    assert_eq!(app.get("/api/audit?action=alert.test", &admin).await.expect(200)["data"].as_array().unwrap().len(), 1);
}

async fn all_messages_about_an_alert_are_listed(database: TestDatabase) {
    let (app, monitor) = start_with_alert(database, "").await;
    monitor.alerts.deliver_due().await.unwrap();
    let admin = app.login_admin().await;
    let alert = app.get("/api/monitoring/numbering/alerts/active", &admin).await.expect(200)["data"][0].clone();
    let key = alert["key"].as_str().unwrap();
    app.post(&format!("/api/monitoring/numbering/alerts/{key}/resolve"), &admin, json!({})).await.expect(200);
    let path = format!("/api/monitoring/numbering/alerts/{}/deliveries", alert["id"].as_str().unwrap());
    let deliveries = app.get(&path, &admin).await.expect(200)["data"].as_array().unwrap().clone();
    assert_eq!((&deliveries[0]["event"], &deliveries[0]["state"]), (&json!("fired"), &json!("delivered")));
    assert_eq!(deliveries[0]["created_at"], "2026-01-05T12:00:00Z");
    let nowhere = "/api/monitoring/numbering/alerts/00000000-0000-7000-8000-000000000000/deliveries";
    app.get(nowhere, &admin).await.expect_problem(404, "not-found");
    let section = app.get("/api/monitoring/runbook/order-failure-rate", &admin).await.expect(200);
    assert!(section["text"].as_str().unwrap().starts_with("**What it means.**"));
    app.get("/api/monitoring/runbook/no-such-rule", &admin).await.expect_problem(404, "not-found");
}

on_both_databases!(
    a_test_message_says_what_each_receiver_made_of_it,
    all_messages_about_an_alert_are_listed,
    a_refused_message_is_retried_with_growing_delays_and_given_up,
    a_receiver_that_hangs_redirects_or_sends_noise_only_gets_another_attempt,
    a_receiver_may_postpone_messages_for_a_day,
    slack_must_answer_ok,
    a_webhook_is_signed_over_its_body,
    a_webhook_is_signed_with_the_previous_secret_as_well,
    the_end_of_an_alert_is_delivered_after_its_beginning,
    a_message_claimed_by_a_dead_server_is_delivered_by_another,
);
