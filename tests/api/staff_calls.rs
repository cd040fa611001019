//! Calls for staff: by a kiosk, seen and ended by the staff of its store, or taken back.

use serde_json::{Value, json};

use crate::harness::{Browser, Shop, TestDatabase, assert_leads, on_both_databases};

const ONE_TIME_PASSWORD: &str = "bread, butter and jam";

async fn calls(shop: &Shop, token: &str) -> Vec<Value> {
    shop.app.get("/api/staff-calls", token).await.expect(200)["data"].as_array().unwrap().clone()
}

async fn put_call(shop: &Shop) -> Value {
    shop.app
        .call(reqwest::Method::PUT, "/api/kiosks/me/staff-call", Some(&shop.kiosk), |request| request)
        .await
        .expect(200)
}

async fn own_call(shop: &Shop) -> Value {
    shop.app.get("/api/kiosks/me", &shop.kiosk).await.expect(200)["staff_called_at"].clone()
}

async fn a_kiosk_calls_once_until_staff_end_it_or_it_is_taken_back(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let (app, admin) = (&shop.app, &shop.admin);
    assert_eq!((own_call(&shop).await, calls(&shop, admin).await), (Value::Null, vec![]));
    let called = put_call(&shop).await["staff_called_at"].clone();
    assert_eq!(called, "2026-01-05T12:00:00Z");
    app.clock.advance(60);
    assert_eq!(put_call(&shop).await["staff_called_at"], called, "since the first touch");
    let list = calls(&shop, admin).await;
    assert_eq!((list.len(), &list[0]["called_at"], &list[0]["store_id"]), (1, &called, &json!(shop.store)));
    let kiosks = format!("/api/stores/{}/kiosks", shop.store);
    assert_eq!(app.get(&kiosks, admin).await.expect(200)["data"][0]["staff_called_at"], called);

    app.delete("/api/kiosks/me/staff-call", &shop.kiosk).await.expect(200);
    assert_eq!((own_call(&shop).await, calls(&shop, admin).await), (Value::Null, vec![]));
    put_call(&shop).await;
    let path = format!("{kiosks}/{}/staff-call", list[0]["kiosk_id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(app.delete(&path, admin).await.status, 204);
    }
    assert_eq!((own_call(&shop).await, calls(&shop, admin).await), (Value::Null, vec![]));
    // A removed kiosk calls no more.
    put_call(&shop).await;
    app.delete(&format!("{kiosks}/{}", list[0]["kiosk_id"].as_str().unwrap()), admin).await.expect(200);
    assert_eq!(calls(&shop, admin).await, Vec::<Value>::new());
}

async fn only_the_staff_of_the_store_see_and_end_a_call(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let (app, admin) = (&shop.app, &shop.admin);
    let other = app.create_store(admin).await;
    let body = json!({"username": "eve.oak", "password": ONE_TIME_PASSWORD, "role": "clerk", "store_id": other});
    app.post("/api/users", admin, body).await.expect(201);
    let eve = app.login("eve.oak", ONE_TIME_PASSWORD).await;
    let change = json!({"current_password": ONE_TIME_PASSWORD, "new_password": "honey, bread and jam"});
    let eve =
        app.post("/api/auth/password", &eve, change).await.expect(200)["access_token"].as_str().unwrap().to_owned();
    put_call(&shop).await;
    let bob = shop.clerk.as_str();
    assert_eq!((calls(&shop, bob).await.len(), calls(&shop, &eve).await.len()), (1, 0));
    let kiosk = calls(&shop, bob).await[0]["kiosk_id"].as_str().unwrap().to_owned();
    for store in [&shop.store, &other] {
        app.delete(&format!("/api/stores/{store}/kiosks/{kiosk}/staff-call"), &eve)
            .await
            .expect_problem(404, "not-found");
    }
    app.get("/api/staff-calls", &shop.kiosk).await.expect_problem(403, "forbidden");

    // On the pages of both, in the store's time, with the button that ends it.
    let mut browser = Browser::new(app);
    browser.sign_in("clerk", "knows every apple").await;
    let dashboard = browser.get("/admin").await.text().await.unwrap();
    assert!(dashboard.contains("calls for staff since"), "{dashboard}");
    let store = browser.get(&format!("/admin/stores/{}", shop.store)).await.text().await.unwrap();
    let path = format!("/admin/stores/{}/kiosks/{kiosk}/staff-call", shop.store);
    assert!(store.contains("Calls for staff since") && store.contains(&format!("action=\"{path}\"")), "{store}");
    let ended = browser.submit(&path, &[("from", "dashboard")]).await;
    assert_leads(&ended, "/admin?notice=notice-staff-call-ended");
    assert!(!browser.get("/admin").await.text().await.unwrap().contains("calls for staff since"));
    assert_eq!(own_call(&shop).await, Value::Null);
}

on_both_databases! {
    a_kiosk_calls_once_until_staff_end_it_or_it_is_taken_back,
    only_the_staff_of_the_store_see_and_end_a_call,
}
