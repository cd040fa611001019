//! The empty views of kiosks: who sets them, what they change about recognition, and what becomes of them.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::harness::{Reply, Shop, TestDatabase, cluttered_frame, jpeg, on_both_databases, table_frame};

const OWN: &str = "/api/kiosks/me/empty-view";

async fn put(shop: &Shop, path: &str, token: &str, picture: Vec<u8>) -> Reply {
    let fill = |request: reqwest::RequestBuilder| request.header("content-type", "image/jpeg").body(picture);
    shop.app.call(Method::PUT, path, Some(token), fill).await
}

/// The store's only kiosk, as staff see it.
async fn show_kiosk(shop: &Shop) -> Value {
    let path = format!("/api/stores/{}/kiosks", shop.store);
    shop.app.get(&path, &shop.admin).await.expect(200)["data"][0].clone()
}

async fn recognize(shop: &Shop, token: &str, picture: Vec<u8>) -> Value {
    shop.app.post_picture("/api/recognize", token, picture).await.expect(200)
}

/// Frames are answered before what they show of the view is written.
async fn wait_for_one(shop: &Shop, count: &'static str) {
    for _ in 0..100 {
        if shop.app.database.count(count).await == 1 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("never 1: {count}");
}

async fn the_kiosk_and_its_staff_set_it_and_nobody_else(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let app = &shop.app;
    assert_eq!(show_kiosk(&shop).await["empty_view"], Value::Null);
    let set = put(&shop, OWN, &shop.kiosk, cluttered_frame(1, &[])).await.expect(200);
    let shown = show_kiosk(&shop).await;
    assert_eq!((&set["kiosk_id"], &set["width"], &set["height"]), (&shown["id"], &json!(960), &json!(540)));
    assert_eq!((&set["camera_moved"], &shown["empty_view"]["set_at"]), (&json!(false), &set["set_at"]));
    assert_eq!(app.database.count("SELECT COUNT(*) FROM audit_log WHERE action LIKE '%empty_view%'").await, 0);

    let path = format!("/api/kiosks/{}/empty-view", shown["id"].as_str().unwrap());
    let form = Form::new().part("image", Part::bytes(cluttered_frame(1, &[])).file_name("x.jpg"));
    app.call(Method::PUT, &path, Some(&shop.admin), |request| request.multipart(form)).await.expect(200);
    let clerk = shop.clerk.clone();
    put(&shop, &path, &clerk, cluttered_frame(1, &[])).await.expect(200);
    put(&shop, OWN, &clerk, cluttered_frame(1, &[])).await.expect_problem(403, "forbidden");
    put(&shop, &path, &shop.kiosk, cluttered_frame(1, &[])).await.expect_problem(403, "forbidden");
    let shopper = app.sign_up_shopper("ann").await;
    put(&shop, &path, &shopper, cluttered_frame(1, &[])).await.expect_problem(403, "forbidden");
    let other_store = app.create_store(&shop.admin).await;
    let other_kiosk = app.enrol_kiosk(&shop.admin, &other_store).await;
    let others = app.get(&format!("/api/stores/{other_store}/kiosks"), &shop.admin).await.expect(200);
    assert_eq!(others["data"][0]["empty_view"], Value::Null);
    let other = format!("/api/kiosks/{}/empty-view", others["data"][0]["id"].as_str().unwrap());
    put(&shop, &other, &clerk, cluttered_frame(1, &[])).await.expect_problem(404, "not-found");
    app.call(Method::DELETE, &other, Some(&clerk), |request| request).await.expect_problem(404, "not-found");
    let seen = recognize(&shop, &other_kiosk, table_frame(&[])).await;
    assert_eq!(seen["empty_view"], Value::Null, "another kiosk has none");
    assert_eq!((&seen["items"][0]["verdict"], &seen["items"][0]["reason"]), (&json!("unknown"), &json!("blank")));

    let shown_view = app.get(&path, &clerk).await;
    let picture = image::load_from_memory(&shown_view.bytes).unwrap();
    assert_eq!((shown_view.status.as_u16(), picture.width() * 540), (200, picture.height() * 960));
    app.get(&path, &shop.kiosk).await.expect_problem(403, "forbidden");
    app.get(&other, &clerk).await.expect_problem(404, "not-found");

    app.call(Method::DELETE, &path, Some(&clerk), |request| request).await.expect(204);
    app.call(Method::DELETE, &path, Some(&clerk), |request| request).await.expect(204);
    assert_eq!(show_kiosk(&shop).await["empty_view"], Value::Null);
    app.get(&path, &clerk).await.expect_problem(404, "not-found");
    let actions = "SELECT COUNT(*) FROM audit_log WHERE action IN ('kiosk.set_empty_view', 'kiosk.delete_empty_view')";
    assert_eq!(app.database.count(actions).await, 3);

    put(&shop, OWN, &shop.kiosk, cluttered_frame(1, &[])).await.expect(200);
    let kiosk = format!("/api/stores/{}/kiosks/{}", shop.store, shown["id"].as_str().unwrap());
    app.call(Method::DELETE, &kiosk, Some(&shop.admin), |request| request).await.expect(200);
    assert_eq!(app.database.count("SELECT COUNT(*) FROM kiosk_empty_views").await, 0);
    put(&shop, &path, &shop.admin, cluttered_frame(1, &[])).await.expect_problem(404, "not-found");
}

async fn what_differs_from_it_is_recognised_and_nothing_is_billed_for_nothing(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let app = &shop.app;
    for (product, name) in ["Left", "Right"].into_iter().enumerate() {
        let texts = [("name", name), ("price", "100"), ("currency", "EUR")];
        app.post_form("/api/products", &shop.admin, &texts, vec![table_frame(&[(product, 400)])]).await.expect(201);
    }
    let two_things = cluttered_frame(1, &[(0, 100), (1, 560)]);
    let before = recognize(&shop, &shop.kiosk, two_things.clone()).await;
    assert_ne!(before["region_method"], "empty-view");
    put(&shop, OWN, &shop.kiosk, cluttered_frame(1, &[])).await.expect(200);

    let seen = recognize(&shop, &shop.kiosk, two_things.clone()).await;
    assert_eq!((&seen["region_method"], &seen["empty_view"]), (&json!("empty-view"), &json!("used")));
    let names: Vec<_> = seen["items"].as_array().unwrap().iter().map(|item| &item["candidates"][0]).collect();
    assert_eq!(names.len(), 2, "{seen}");
    assert_eq!((&names[0]["product_name"], &names[1]["product_name"]), (&json!("Left"), &json!("Right")), "{seen}");
    let x = seen["items"][1]["region"]["x"].as_u64().unwrap();
    assert!((545..=575).contains(&x), "{seen}");
    let staff = recognize(&shop, &shop.admin, two_things.clone()).await;
    assert_eq!(staff["empty_view"], Value::Null, "a person's photo is not from the kiosk's camera");
    let whole = app.post_picture("/api/recognize?regions=whole", &shop.kiosk, two_things).await.expect(200);
    assert_eq!((&whole["region_method"], &whole["empty_view"]), (&json!("whole"), &Value::Null));

    let nothing = recognize(&shop, &shop.kiosk, cluttered_frame(1, &[])).await;
    assert_eq!((&nothing["items"], &nothing["empty_view"]), (&json!([]), &json!("used")));
    assert!(nothing["index_revision"].as_i64().unwrap() > 0, "{nothing}");
    let session = app.post("/api/sessions", &shop.kiosk, json!({})).await.expect(201);
    let frames = format!("/api/sessions/{}/frames", session["id"].as_str().unwrap());
    let billed = app.post_picture(&frames, &shop.kiosk, cluttered_frame(1, &[])).await.expect(200);
    assert_eq!((&billed["session"]["items"], &billed["recognition"]["items"]), (&json!([]), &json!([])), "{billed}");
}

async fn a_moved_camera_is_told_and_the_view_is_kept_fresh(database: TestDatabase) {
    let shop = Shop::open(database).await;
    put(&shop, OWN, &shop.kiosk, cluttered_frame(1, &[])).await.expect(200);
    let moved = recognize(&shop, &shop.kiosk, cluttered_frame(2, &[])).await;
    assert_eq!(moved["empty_view"], "camera-moved");
    assert_ne!(moved["region_method"], "empty-view");
    wait_for_one(&shop, "SELECT COUNT(*) FROM kiosk_empty_views WHERE camera_moved_at IS NOT NULL").await;
    let since = show_kiosk(&shop).await["empty_view"]["camera_moved_at"].clone();
    assert!(since.is_string(), "{since}");
    let back = recognize(&shop, &shop.kiosk, cluttered_frame(1, &[(0, 300)])).await;
    assert_eq!(back["empty_view"], "used");
    wait_for_one(&shop, "SELECT COUNT(*) FROM kiosk_empty_views WHERE camera_moved_at IS NULL").await;

    shop.app.database.execute("UPDATE kiosk_empty_views SET updated_at = 1").await;
    recognize(&shop, &shop.kiosk, cluttered_frame(1, &[(0, 300)])).await;
    recognize(&shop, &shop.kiosk, cluttered_frame(1, &[])).await;
    wait_for_one(&shop, "SELECT COUNT(*) FROM kiosk_empty_views WHERE updated_at > 1").await;
    let seen = recognize(&shop, &shop.kiosk, cluttered_frame(1, &[(0, 300)])).await;
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "the thing did not become part of the view: {seen}");

    let square = recognize(&shop, &shop.kiosk, jpeg([200, 30, 30])).await;
    assert_eq!((&square["empty_view"], &square["region_method"]), (&json!("other-size"), &json!("whole")));
}

async fn pictures_that_are_no_empty_view_are_refused(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let black = put(&shop, OWN, &shop.kiosk, jpeg([2; 3])).await.expect_problem(422, "invalid-field");
    assert_eq!(black["field"], "image");
    assert!(black["detail"].as_str().unwrap().contains("black"), "{black}");
    let strip = tillsight::demo::packages::encode_jpeg(&image::RgbImage::from_pixel(40, 400, image::Rgb([90; 3])));
    let small = put(&shop, OWN, &shop.kiosk, strip.unwrap()).await.expect_problem(422, "invalid-field");
    assert!(small["detail"].as_str().unwrap().contains("40 × 400"), "{small}");
    let plain = put(&shop, OWN, &shop.kiosk, table_frame(&[])).await.expect_problem(422, "invalid-field");
    assert!(plain["detail"].as_str().unwrap().contains("one colour"), "{plain}");
    put(&shop, OWN, &shop.kiosk, b"no picture".to_vec()).await.expect_problem(415, "not-an-image");
    put(&shop, OWN, &shop.kiosk, Vec::new()).await.expect_problem(422, "broken-image");
    assert_eq!(show_kiosk(&shop).await["empty_view"], Value::Null);
}

on_both_databases!(
    the_kiosk_and_its_staff_set_it_and_nobody_else,
    what_differs_from_it_is_recognised_and_nothing_is_billed_for_nothing,
    a_moved_camera_is_told_and_the_view_is_kept_fresh,
    pictures_that_are_no_empty_view_are_refused,
);
