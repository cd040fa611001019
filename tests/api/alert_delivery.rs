//! Telling receivers that refuse, hang, redirect and lie; the signature; who is told when a server dies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tillsight::db::{Database, alert_deliveries};
use tillsight::domain::SinkKind;
use tillsight::performance::Outcome;

use crate::alerts::{SECRET, Watch};
use crate::harness::{
    AlertReceiver, ONLY_ON_DEMAND, ReceivedRequest, ReceiverReply, TestApp, TestDatabase, on_both_databases,
};

/// A store whose orders fail, and a watch that has seen it and told nobody yet.
async fn trouble(database: TestDatabase, overlay: &str) -> (TestApp, Watch) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let store = app.create_store(&app.login_admin().await).await;
    let watch = Watch::on(&app, overlay).await;
    watch.ended(&store, Outcome::Failed, 10);
    watch.alerts.look().await.unwrap();
    (app, watch)
}

/// The last message about the one alert that there is, as staff see it.
async fn last(watch: &Watch) -> Value {
    let page = tillsight::domain::PageRequest { before: None, limit: 1 };
    let alerts = watch.alerts.history(page).await.unwrap();
    serde_json::to_value(&alerts.data[0].deliveries[0]).unwrap()
}

async fn what_is_refused_is_tried_again_with_longer_waits_and_given_up(database: TestDatabase) {
    let (_app, watch) = trouble(database, "").await;
    watch.receiver.reply_next((0..6).map(|_| ReceiverReply::Status(503, "in \u{7}maintenance")));
    let mut ids = Vec::new();
    for (attempt, wait) in [(1, 10), (2, 40), (3, 160), (4, 640), (5, 1_800)] {
        assert_eq!(watch.alerts.deliver_due().await.unwrap(), 1, "attempt {attempt}");
        let shown = last(&watch).await;
        assert_eq!((&shown["state"], &shown["attempts"]), (&json!("waiting"), &json!(attempt)));
        assert_eq!(shown["last_status"], 503);
        let error = shown["last_error"].as_str().unwrap();
        assert!(error.starts_with("answered 503") && error.ends_with(": in maintenance"), "{error}");
        watch.clock.advance(wait - 1);
        assert_eq!(watch.alerts.deliver_due().await.unwrap(), 0, "{wait} s are not over");
        watch.clock.advance(1);
        ids.extend(watch.receiver.take_requests().into_iter().map(|received| received.headers["webhook-id"].clone()));
    }
    assert_eq!(watch.alerts.deliver_due().await.unwrap(), 1);
    ids.extend(watch.receiver.take_requests().into_iter().map(|received| received.headers["webhook-id"].clone()));
    let shown = last(&watch).await;
    assert_eq!((&shown["state"], &shown["attempts"], &shown["due_at"]), (&json!("failed"), &json!(6), &Value::Null));
    watch.clock.advance(86_400);
    assert_eq!(watch.alerts.deliver_due().await.unwrap(), 0, "it is given up");
    assert!(ids.len() == 6 && ids.iter().all(|id| *id == ids[0]), "the same message each time: {ids:?}");
}

async fn a_receiver_that_hangs_redirects_or_lies_gets_nothing_but_another_attempt(database: TestDatabase) {
    let (_app, watch) = trouble(database, "delivery_timeout_s = 1").await;
    let elsewhere = AlertReceiver::start().await;
    let refusals = [
        (ReceiverReply::NoReply, Value::Null, "did not answer in time"),
        (ReceiverReply::Redirect(elsewhere.url.clone()), json!(302), "redirects are not followed"),
        (ReceiverReply::NotHttp, Value::Null, "no HTTP"),
        (ReceiverReply::Status(404, "Cannot POST /HOOK"), json!(404), "parts of the address"),
    ];
    for (answer, status, reason) in refusals {
        watch.receiver.reply_next([answer.clone()]);
        assert_eq!(watch.alerts.deliver_due().await.unwrap(), 1, "{answer:?}");
        let shown = last(&watch).await;
        assert_eq!((&shown["state"], &shown["last_status"]), (&json!("waiting"), &status), "{answer:?}");
        let error = shown["last_error"].as_str().unwrap();
        assert!(error.contains(reason) && !error.contains("127.0.0.1"), "{answer:?}: {error}");
        watch.clock.advance(1_800);
    }
    assert!(elsewhere.take_requests().is_empty(), "the secret address is the only one that is asked");
    // An answer that never ends is not read to its end.
    watch.receiver.reply_next([ReceiverReply::EndlessBody]);
    assert_eq!(watch.alerts.deliver_due().await.unwrap(), 1);
    assert_eq!(last(&watch).await["state"], "delivered");
}

/// Told too much at once, a receiver says when it wants the rest: that is no failed attempt, and not for ever.
async fn a_receiver_may_put_messages_off_for_a_day(database: TestDatabase) {
    let (_app, watch) = trouble(database, "").await;
    for _ in 0..8 {
        watch.receiver.reply_next([ReceiverReply::RetryAfter(60)]);
        assert_eq!(watch.alerts.deliver_due().await.unwrap(), 1);
        let shown = last(&watch).await;
        assert_eq!((&shown["state"], &shown["attempts"]), (&json!("waiting"), &json!(0)));
        watch.clock.advance(60);
    }
    watch.clock.advance(86_400);
    watch.receiver.reply_next([ReceiverReply::RetryAfter(60)]);
    watch.alerts.deliver_due().await.unwrap();
    assert_eq!(last(&watch).await["state"], "failed");
}

async fn slack_is_believed_when_it_says_ok(database: TestDatabase) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let store = app.create_store(&app.login_admin().await).await;
    let receiver = AlertReceiver::start().await;
    let settings = format!("[monitoring]\nslack_url = \"{}\"", receiver.url);
    let watch = Watch::with(&app, receiver, &settings).await;
    watch.ended(&store, Outcome::Failed, 10);
    watch.alerts.look().await.unwrap();
    watch.receiver.reply_next([ReceiverReply::Status(200, "<html>Log in to the guest network</html>")]);
    watch.alerts.deliver_due().await.unwrap();
    let shown = last(&watch).await;
    assert!(shown["last_error"].as_str().unwrap().contains("guest network"), "{shown}");
    assert_eq!((&shown["state"], &shown["last_status"]), (&json!("waiting"), &json!(200)));
    watch.clock.advance(10);
    watch.alerts.deliver_due().await.unwrap();
    let shown = last(&watch).await;
    assert_eq!((&shown["state"], &shown["last_error"]), (&json!("delivered"), &Value::Null));
    let received = watch.receiver.take_requests();
    assert!(received.iter().all(|received| !received.headers.contains_key("webhook-signature")));
    let text = received[0].json()["text"].as_str().unwrap().to_owned();
    assert!(text.starts_with("[warning] Test store: 10 of 10 orders could not be made"), "{text}");
}

async fn the_webhook_is_signed_so_that_its_receiver_can_tell(database: TestDatabase) {
    let (app, watch) = trouble(database, "").await;
    watch.alerts.deliver_due().await.unwrap();
    let received = watch.receiver.take_requests().pop().unwrap();
    let at = received.headers["webhook-timestamp"].clone();
    assert_eq!(at, app.clock.now().seconds().to_string());
    assert!(is_signed(&received, SECRET));
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
    received.headers["webhook-signature"] == format!("v1,{}", STANDARD.encode(sum.finalize().into_bytes()))
}

async fn the_end_is_not_told_before_the_beginning(database: TestDatabase) {
    let (_app, watch) = trouble(database, "").await;
    watch.receiver.reply_next([ReceiverReply::Status(500, "")]);
    watch.alerts.deliver_due().await.unwrap();
    watch.receiver.take_requests();
    watch.clock.advance(5);
    let key = watch.alerts.active().await.unwrap()[0].key.clone();
    let caller = tillsight::domain::Caller::system();
    watch.alerts.resolve(&caller, &key).await.unwrap();
    assert_eq!(watch.alerts.deliver_due().await.unwrap(), 0, "the beginning waits for its next attempt");
    watch.clock.advance(5);
    assert_eq!(watch.alerts.deliver_due().await.unwrap(), 2);
    let events: Vec<_> =
        watch.receiver.take_requests().iter().map(|received| received.json()["type"].clone()).collect();
    assert_eq!(events, ["alert.fired", "alert.resolved"]);
}

/// A server takes a message and dies: another one takes it up, and no two have it at once.
async fn a_message_outlives_the_server_that_took_it(database: TestDatabase) {
    let (app, watch) = trouble(database, "").await;
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
    assert_eq!(watch.alerts.deliver_due().await.unwrap(), 0);
    app.clock.advance(40);
    assert_eq!(watch.alerts.deliver_due().await.unwrap(), 1);
    assert_eq!(last(&watch).await["state"], "delivered");
}

on_both_databases!(
    what_is_refused_is_tried_again_with_longer_waits_and_given_up,
    a_receiver_that_hangs_redirects_or_lies_gets_nothing_but_another_attempt,
    a_receiver_may_put_messages_off_for_a_day,
    slack_is_believed_when_it_says_ok,
    the_webhook_is_signed_so_that_its_receiver_can_tell,
    the_end_is_not_told_before_the_beginning,
    a_message_outlives_the_server_that_took_it,
);
