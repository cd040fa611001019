//! Receipt numbers are exactly 1..N, whatever fails in between.

use std::collections::HashSet;
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{TestApp, TestDatabase, on_both_databases};

const CONFIRMS: usize = 200;

/// An open session with one item on its bill.
async fn filled_session(app: &TestApp, kiosk: &str, product: &str) -> Value {
    let session = app.post("/api/sessions", kiosk, json!({})).await.expect(201);
    let items = format!("/api/sessions/{}/items", session["id"].as_str().unwrap());
    app.post(&items, kiosk, json!({"version": 1, "product_id": product})).await.expect(200)
}

/// Confirms as a till does: where the server has no time within three seconds (503, on a machine that is busy with
/// everything else), nothing was done, and the same request is sent again.
async fn confirm(app: &TestApp, kiosk: &str, session: &Value, key: &str) -> (u16, Value) {
    let path = format!("/api/sessions/{}/confirm", session["id"].as_str().unwrap());
    let body = json!({"version": session["version"]});
    loop {
        let reply = app.call(Method::POST, &path, Some(kiosk), |r| r.header("idempotency-key", key).json(&body)).await;
        if reply.status != 503 {
            return (reply.status.as_u16(), reply.json);
        }
        assert!(reply.headers.contains_key("retry-after"), "{}", reply.json);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// 200 confirmations at once; every fifth transaction is thrown away after it has taken its number and written its
/// order. The numbers of the others are 1..160, and the thrown-away ones get through when they are tried again.
async fn numbers_have_no_gap_when_every_fifth_confirmation_fails(database: TestDatabase) {
    let app = Arc::new(TestApp::spawn_with(database, "[engine]\nqueue = 1000").await);
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let kiosk = app.enrol_kiosk(&admin, &store).await;
    let product = app.create_product(&admin, &[("name", "Milk"), ("price", "129"), ("currency", "EUR")]).await;
    let mut sessions = Vec::new();
    for _ in 0..CONFIRMS {
        sessions.push(filled_session(&app, &kiosk, &product).await);
    }
    let failing: HashSet<String> =
        sessions.iter().step_by(5).map(|session| session["id"].as_str().unwrap().to_owned()).collect();
    for session in &failing {
        fail::cfg(format!("orders.place.written {session}"), "1*return->off").unwrap();
    }
    let attempts = sessions.iter().enumerate().map(|(place, session)| {
        let (app, kiosk, session) = (Arc::clone(&app), kiosk.clone(), session.clone());
        tokio::spawn(async move {
            let (status, order) = confirm(&app, &kiosk, &session, &format!("key-{place}")).await;
            (status, order["receipt_number"].as_i64(), session)
        })
    });
    let mut numbers = Vec::new();
    let mut failed = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        let (status, number, session) = attempt.await.unwrap();
        match status {
            201 => numbers.push(number.unwrap()),
            500 => failed.push(session),
            other => panic!("unexpected status {other}"),
        }
    }
    numbers.sort_unstable();
    assert_eq!(failed.len(), CONFIRMS / 5);
    assert!(failed.iter().all(|session| failing.contains(session["id"].as_str().unwrap())));
    assert_eq!(numbers, (1..=160).collect::<Vec<_>>());

    for (place, session) in failed.iter().enumerate() {
        let (status, order) = confirm(&app, &kiosk, session, &format!("again-{place}")).await;
        assert_eq!((status, order["receipt_number"].as_i64()), (201, Some(161 + place as i64)));
    }
    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.get(&format!("/api/orders?limit=100{cursor}"), &admin).await.expect(200);
        listed.extend(page["data"].as_array().unwrap().iter().map(|order| order["receipt_number"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    listed.sort_unstable();
    assert_eq!(listed, (1..=200).collect::<Vec<_>>());
}

/// The same confirmation sent by 20 impatient clients at once, with one key: one order, 20 equal answers.
async fn a_confirmation_sent_twenty_times_creates_one_order(database: TestDatabase) {
    let app = Arc::new(TestApp::spawn(database).await);
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let kiosk = app.enrol_kiosk(&admin, &store).await;
    let product = app.create_product(&admin, &[("name", "Milk"), ("price", "129"), ("currency", "EUR")]).await;
    let session = filled_session(&app, &kiosk, &product).await;
    let attempts = (0..20).map(|_| {
        let (app, kiosk, session) = (Arc::clone(&app), kiosk.clone(), session.clone());
        tokio::spawn(async move { confirm(&app, &kiosk, &session, "the-one-key").await })
    });
    let mut answers = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        answers.push(attempt.await.unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 201), "{answers:?}");
    assert_eq!(app.get("/api/orders", &admin).await.expect(200)["data"].as_array().unwrap().len(), 1);
}

/// Each store counts for itself.
async fn stores_number_independently(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let product = app.create_product(&admin, &[("name", "Milk"), ("price", "129"), ("currency", "EUR")]).await;
    for _ in 0..2 {
        let store = app.create_store(&admin).await;
        let kiosk = app.enrol_kiosk(&admin, &store).await;
        for expected in 1..=3 {
            let session = filled_session(&app, &kiosk, &product).await;
            let (status, order) = confirm(&app, &kiosk, &session, &format!("key-{expected}")).await;
            assert_eq!((status, order["receipt_number"].as_i64()), (201, Some(expected)));
        }
    }
}

on_both_databases!(
    numbers_have_no_gap_when_every_fifth_confirmation_fails,
    a_confirmation_sent_twenty_times_creates_one_order,
    stores_number_independently,
);
