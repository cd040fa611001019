//! Stores, who sees which, and kiosks from the enrolment code to the revocation.

use serde_json::{Value, json};

use crate::harness::{Reply, Shop, TestApp, TestDatabase, jpeg, on_both_databases};

const PASSWORD: &str = "a till that sees";

/// Returns the store's id.
async fn create_store(app: &TestApp, admin: &str, name: &str) -> String {
    let store = app.post("/api/stores", admin, json!({"name": name})).await.expect(201);
    store["id"].as_str().unwrap().to_owned()
}

/// Creates a clerk who has changed the first password. Returns the access token.
async fn create_clerk(app: &TestApp, admin: &str, store: &str) -> String {
    let clerk = json!({"username": "bob", "password": PASSWORD, "role": "clerk", "store_id": store});
    app.post("/api/users", admin, clerk).await.expect(201);
    let first = app.login("bob", PASSWORD).await;
    let change = json!({"current_password": PASSWORD, "new_password": "harvest trombone"});
    let pair = app.post("/api/auth/password", &first, change).await.expect(200);
    pair["access_token"].as_str().unwrap().to_owned()
}

/// Creates a kiosk that waits for its enrolment. Returns the reply with the code.
async fn create_kiosk(app: &TestApp, admin: &str, store: &str) -> Value {
    app.post(&format!("/api/stores/{store}/kiosks"), admin, json!({"name": "Till 1"})).await.expect(201)
}

async fn enrol(app: &TestApp, code: &Value) -> Reply {
    app.post_anonymously("/api/kiosks/enrol", json!({"code": code})).await
}

/// The status of the store's only kiosk.
async fn kiosk_status(app: &TestApp, admin: &str, store: &str) -> Value {
    app.get(&format!("/api/stores/{store}/kiosks"), admin).await.expect(200)["data"][0]["status"].clone()
}

async fn an_admin_creates_lists_reads_and_renames_stores(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let plain = app.post("/api/stores", &admin, json!({"name": " Main Street "})).await.expect(201);
    assert_eq!((plain["name"].as_str(), plain["currency"].as_str()), (Some("Main Street"), Some("EUR")));
    let korean = json!({"name": "강남점", "currency": "KRW"});
    let korean = app.post("/api/stores", &admin, korean).await.expect(201);
    let list = app.get("/api/stores", &admin).await.expect(200);
    assert_eq!(list, json!({"data": [korean, plain], "next_cursor": null}));
    let path = format!("/api/stores/{}", plain["id"].as_str().unwrap());
    assert_eq!(app.patch(&path, &admin, json!({"name": "High Street"})).await.expect(200)["name"], "High Street");
    assert_eq!(app.get(&path, &admin).await.expect(200)["name"], "High Street");
    for (bad, field) in [(json!({"name": " "}), "name"), (json!({"name": "x", "currency": "WON"}), "currency")] {
        let refused = app.post("/api/stores", &admin, bad).await.expect_problem(422, "invalid-field");
        assert_eq!(refused["field"], field);
    }
    app.get("/api/stores/00000000-0000-7000-8000-000000000000", &admin).await.expect_problem(404, "not-found");
    app.get("/api/stores/17", &admin).await.expect_problem(404, "not-found");
}

async fn a_clerk_sees_only_their_own_store(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let (own, other) = (create_store(&app, &admin, "Own").await, create_store(&app, &admin, "Other").await);
    let clerk = create_clerk(&app, &admin, &own).await;
    let list = app.get("/api/stores", &clerk).await.expect(200);
    assert_eq!((list["data"].as_array().unwrap().len(), &list["data"][0]["id"]), (1, &json!(own)));
    app.get(&format!("/api/stores/{own}"), &clerk).await.expect(200);
    app.get(&format!("/api/stores/{own}/kiosks"), &clerk).await.expect(200);
    for path in [format!("/api/stores/{other}"), format!("/api/stores/{other}/kiosks")] {
        app.get(&path, &clerk).await.expect_problem(404, "not-found");
    }
    app.patch(&format!("/api/stores/{own}"), &clerk, json!({"name": "Mine"})).await.expect_problem(403, "forbidden");
    let kiosk = json!({"name": "Mine"});
    app.post(&format!("/api/stores/{own}/kiosks"), &clerk, kiosk).await.expect_problem(403, "forbidden");
    let shopper = app.sign_up_shopper("ann.lee").await;
    app.get("/api/stores", &shopper).await.expect_problem(403, "forbidden");
}

async fn a_kiosk_is_enrolled_once_serves_its_store_and_is_revoked_at_once(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = create_store(&app, &admin, "Main Street").await;
    let kiosk = create_kiosk(&app, &admin, &store).await;
    assert_eq!((kiosk["status"].as_str(), kiosk["store_id"].as_str()), (Some("pending"), Some(store.as_str())));
    let code = kiosk["enrolment_code"].as_str().unwrap();
    assert_eq!(code.len(), 23);
    let retyped = json!(code.to_lowercase().replace('-', " "));
    let enrolled = enrol(&app, &retyped).await.expect(200);
    assert_eq!((&enrolled["kiosk_id"], &enrolled["store_id"]), (&kiosk["id"], &json!(store)));
    assert_eq!(enrolled["name"], "Till 1");
    let key = enrolled["key"].as_str().unwrap();
    assert!(key.starts_with("tsk_") && key.len() >= 40);
    enrol(&app, &kiosk["enrolment_code"]).await.expect_problem(401, "enrolment-refused");
    assert_eq!(kiosk_status(&app, &admin, &store).await, "enrolled");
    let listed = app.get(&format!("/api/stores/{store}/kiosks"), &admin).await;
    let listed = String::from_utf8(listed.bytes).unwrap();
    assert!(!listed.contains(key) && !listed.contains(code), "secrets are shown only once");

    let session = app.post("/api/sessions", key, json!({})).await.expect(201);
    assert_eq!(session["store_id"], json!(store));
    for path in ["/api/users", "/api/stores", "/api/auth/me", "/api/mypage/orders"] {
        app.get(path, key).await.expect_problem(403, "forbidden");
    }
    let path = format!("/api/stores/{store}/kiosks/{}", kiosk["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(app.delete(&path, &admin).await.expect(200)["status"], "revoked");
    }
    app.post("/api/sessions", key, json!({})).await.expect_problem(401, "not-authenticated");
}

async fn a_kiosk_revoked_through_another_server_is_refused_by_the_next_request(database: TestDatabase) {
    let here = TestApp::spawn(database).await;
    let there = TestApp::spawn_on_same_database(&here).await;
    let admin = here.login_admin().await;
    let store = create_store(&here, &admin, "Main Street").await;
    let kiosk = create_kiosk(&here, &admin, &store).await;
    let enrolled = enrol(&here, &kiosk["enrolment_code"]).await.expect(200);
    let key = enrolled["key"].as_str().unwrap();
    for server in [&here, &there] {
        server.post("/api/sessions", key, json!({})).await.expect(201);
    }
    let path = format!("/api/stores/{store}/kiosks/{}", kiosk["id"].as_str().unwrap());
    there.delete(&path, &admin).await.expect(200);
    here.post("/api/sessions", key, json!({})).await.expect_problem(401, "not-authenticated");
}

async fn a_code_expires_and_ends_with_its_kiosk(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let (first, second) = (create_store(&app, &admin, "First").await, create_store(&app, &admin, "Second").await);
    let revoked = create_kiosk(&app, &admin, &first).await;
    let path = format!("/api/stores/{first}/kiosks/{}", revoked["id"].as_str().unwrap());
    app.delete(&path, &admin).await.expect(200);
    enrol(&app, &revoked["enrolment_code"]).await.expect_problem(401, "enrolment-refused");
    let late = create_kiosk(&app, &admin, &second).await;
    app.clock.advance(3_600);
    enrol(&app, &late["enrolment_code"]).await.expect_problem(401, "enrolment-refused");
    let admin = app.login_admin().await;
    assert_eq!(kiosk_status(&app, &admin, &second).await, "expired");
    enrol(&app, &json!("K7QW2-9M4HX-TR8PA-3CZVB")).await.expect_problem(401, "enrolment-refused");
    enrol(&app, &json!("")).await.expect_problem(401, "enrolment-refused");
}

async fn of_eight_devices_with_one_code_one_is_enrolled(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = create_store(&app, &admin, "Main Street").await;
    let kiosk = create_kiosk(&app, &admin, &store).await;
    let replies = futures_util::future::join_all((0..8).map(|_| enrol(&app, &kiosk["enrolment_code"]))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 401).count(), 7);
}

async fn a_kiosk_is_reached_only_through_its_own_store(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let (own, other) = (create_store(&app, &admin, "Own").await, create_store(&app, &admin, "Other").await);
    let kiosk = create_kiosk(&app, &admin, &own).await;
    let swapped = format!("/api/stores/{other}/kiosks/{}", kiosk["id"].as_str().unwrap());
    app.delete(&swapped, &admin).await.expect_problem(404, "not-found");
    assert_eq!(kiosk_status(&app, &admin, &own).await, "pending");
    let nowhere = "/api/stores/00000000-0000-7000-8000-000000000000/kiosks";
    app.post(nowhere, &admin, json!({"name": "Till"})).await.expect_problem(404, "not-found");
}

async fn a_closed_kiosk_begins_nothing_and_ends_what_it_began(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let (app, admin) = (&shop.app, &shop.admin);
    let kiosks = format!("/api/stores/{}/kiosks", shop.store);
    let own = app.get("/api/kiosks/me", &shop.kiosk).await.expect(200);
    assert_eq!(
        (&own["closed_at"], &own["store_id"], &own["empty_view"]),
        (&Value::Null, &json!(shop.store), &Value::Null)
    );
    let path = format!("{kiosks}/{}", own["id"].as_str().unwrap());
    let bill = shop.fill_bill(&[(&shop.milk, 1)]).await;
    let closed = app.patch(&path, admin, json!({"closed": true, "name": "Till 9"})).await.expect(200);
    assert_eq!((&closed["closed_at"], &closed["name"]), (&json!("2026-01-05T12:00:00Z"), &json!("Till 9")));
    app.clock.advance(60);
    let again = app.patch(&path, admin, json!({"closed": true})).await.expect(200);
    assert_eq!(again["closed_at"], closed["closed_at"], "closing twice changes nothing");

    app.post("/api/sessions", &shop.kiosk, json!({})).await.expect_problem(403, "kiosk-closed");
    app.post_picture("/api/recognize", &shop.kiosk, jpeg([200, 40, 40])).await.expect_problem(403, "kiosk-closed");
    let session = format!("/api/sessions/{}", bill["id"].as_str().unwrap());
    app.post_picture(&format!("{session}/frames"), &shop.kiosk, jpeg([9, 9, 9]))
        .await
        .expect_problem(403, "kiosk-closed");
    let item = json!({"version": bill["version"], "product_id": shop.soap, "quantity": 1});
    app.post(&format!("{session}/items"), &shop.kiosk, item.clone()).await.expect_problem(403, "kiosk-closed");
    // What was begun is brought to its end, and staff go on.
    let order = shop.confirm(&bill).await;
    shop.pay(&order, json!([{"method": "card", "amount": 129}])).await.expect(201);
    assert_eq!(app.get("/api/kiosks/me", &shop.kiosk).await.expect(200)["closed_at"], closed["closed_at"]);
    app.post("/api/sessions", admin, json!({"store_id": shop.store})).await.expect(201);

    app.patch(&path, &shop.clerk, json!({"closed": false})).await.expect_problem(403, "forbidden");
    let other = app.create_store(admin).await;
    let elsewhere = path.replace(&shop.store, &other);
    app.patch(&elsewhere, admin, json!({"closed": false})).await.expect_problem(404, "not-found");
    app.patch(&path, admin, json!({"name": " "})).await.expect_problem(422, "invalid-field");
    assert_eq!(app.patch(&path, admin, json!({"closed": false})).await.expect(200)["closed_at"], Value::Null);
    app.post("/api/sessions", &shop.kiosk, json!({})).await.expect(201);
    let changes = app.get("/api/audit?action=kiosk.change", admin).await.expect(200);
    let closed: Vec<_> =
        changes["data"].as_array().unwrap().iter().map(|record| &record["details"]["closed"]).collect();
    assert_eq!(closed, [&json!(false), &json!(true)]);
}

async fn lists_say_when_people_and_kiosks_were_last_seen(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    shop.app.clock.advance(90);
    shop.app.get("/api/kiosks/me", &shop.kiosk).await.expect(200);
    // The notes are written twice a minute, and when a server stops.
    shop.app.restart().await;
    let kiosks = shop.app.get(&format!("/api/stores/{}/kiosks", shop.store), &shop.admin).await.expect(200);
    assert_eq!(kiosks["data"][0]["last_seen_at"], "2026-01-05T12:01:30Z");
    let clerks = shop.app.get("/api/users?role=clerk", &shop.admin).await.expect(200);
    assert_eq!(clerks["data"][0]["last_seen_at"], "2026-01-05T12:00:00Z");
    let clerk = format!("/api/users/{}", clerks["data"][0]["id"].as_str().unwrap());
    assert_eq!(shop.app.get(&clerk, &shop.admin).await.expect(200)["last_seen_at"], "2026-01-05T12:00:00Z");
}

on_both_databases!(
    an_admin_creates_lists_reads_and_renames_stores,
    a_clerk_sees_only_their_own_store,
    a_kiosk_is_enrolled_once_serves_its_store_and_is_revoked_at_once,
    a_kiosk_revoked_through_another_server_is_refused_by_the_next_request,
    a_code_expires_and_ends_with_its_kiosk,
    of_eight_devices_with_one_code_one_is_enrolled,
    a_kiosk_is_reached_only_through_its_own_store,
    a_closed_kiosk_begins_nothing_and_ends_what_it_began,
    lists_say_when_people_and_kiosks_were_last_seen,
);
