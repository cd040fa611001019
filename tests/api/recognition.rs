//! Recognition over HTTP: what comes back, what is kept, and every picture that is refused.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::harness::{TestApp, TestDatabase, jpeg, on_both_databases, package_photo, png_of_size, table_frame};

const PATH: &str = "/api/recognize";

async fn a_picture_comes_as_a_form_or_as_the_body(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let kiosk = app.enrol_kiosk(&admin, &store).await;
    app.post_form("/api/products", &admin, &[("name", "One")], vec![package_photo(0, 0)]).await.expect(201);
    let bare = app.post_picture(PATH, &kiosk, package_photo(0, 0)).await.expect(200);
    let form = Form::new().part("image", Part::bytes(package_photo(0, 0)).file_name("x.jpg"));
    let form = app.call(Method::POST, PATH, Some(&kiosk), |request| request.multipart(form)).await.expect(200);
    assert_eq!(bare["items"], form["items"]);
    assert_ne!(bare["id"], form["id"]);
    let item = &bare["items"][0];
    assert_eq!((&item["verdict"], &item["candidates"][0]["product_name"]), (&json!("matched"), &json!("One")));
    assert!(item["candidates"][0]["score"].as_f64().unwrap() > 0.999);
    for side in ["x", "y", "width", "height"] {
        assert!(item["region"][side].as_u64().unwrap() <= 240, "{item}");
    }
    assert!(bare["model"].as_str().unwrap().contains("@"));
    for stage in ["decode", "queue", "regions", "infer", "search", "total"] {
        assert!(bare["timings_ms"][stage].as_f64().unwrap() >= 0.0, "{bare}");
    }
    assert_eq!(
        app.database.count("SELECT COUNT(*) FROM recognitions WHERE actor LIKE 'kiosk:%'").await,
        2,
        "the evidence"
    );
}

async fn each_product_in_a_picture_has_a_verdict_and_is_billed(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let kiosk = app.enrol_kiosk(&admin, &store).await;
    for product in 0..2 {
        let texts = [("name", ["Left", "Right"][product]), ("price", "100"), ("currency", "EUR")];
        let added =
            app.post_form("/api/products", &admin, &texts, vec![table_frame(&[(product, 400)])]).await.expect(201);
        let cut = &added["regions"][0];
        assert_eq!((&cut["image_id"], &cut["source"]), (&added["images"][0], &json!("background")));
        assert!((390..=402).contains(&cut["region"]["x"].as_u64().unwrap()), "{added}");
        let images =
            app.get(&format!("/api/products/{}/images", added["id"].as_str().unwrap()), &admin).await.expect(200);
        assert_eq!(images["data"][0]["region"], cut["region"]);
    }
    let both = table_frame(&[(0, 100), (1, 560)]);
    let seen = app.post_picture(PATH, &kiosk, both.clone()).await.expect(200);
    assert_eq!(seen["region_method"], "background");
    assert_eq!(seen["picture"], json!({"width": 960, "height": 540}));
    let named = |items: &Value| {
        let items = items.as_array().unwrap().iter();
        let named = items.map(|item| (item["verdict"].clone(), item["candidates"][0]["product_name"].clone()));
        named.collect::<Vec<_>>()
    };
    let expected = [(json!("matched"), json!("Left")), (json!("matched"), json!("Right"))];
    assert_eq!(named(&seen["items"]), expected, "{seen}");
    assert_eq!(seen["items"][0]["reason"], Value::Null);
    let whole = app.post_picture(&format!("{PATH}?regions=whole"), &kiosk, both.clone()).await.expect(200);
    assert_eq!((&whole["region_method"], whole["items"].as_array().unwrap().len()), (&json!("whole"), 1));
    app.post_picture(&format!("{PATH}?regions=some"), &kiosk, both.clone()).await.expect_problem(400, "bad-request");

    let session = app.post("/api/sessions", &kiosk, json!({})).await.expect(201);
    let frames = format!("/api/sessions/{}/frames", session["id"].as_str().unwrap());
    let billed = app.post_picture(&frames, &kiosk, both).await.expect(200);
    assert_eq!(billed["session"]["items"].as_array().unwrap().len(), 2, "{billed}");
}

async fn an_enrolment_photo_of_several_things_is_refused_unless_a_region_is_given(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let both = || vec![table_frame(&[(0, 100), (1, 560)])];
    let enrol = async |region: &str| {
        app.post_form("/api/products", &admin, &[("name", "One"), ("region", region)], both()).await
    };
    let refused = enrol("auto").await.expect_problem(422, "several-products");
    assert_eq!((refused["regions"].as_array().unwrap().len(), &refused["image_index"]), (2, &json!(0)));
    enrol("0,0,10").await.expect_problem(422, "invalid-field");
    let outside = enrol("900,0,100,100").await.expect_problem(422, "invalid-field");
    assert!(outside["detail"].as_str().unwrap().contains("960 × 540"), "{outside}");
    let added = enrol("90,130,270,270").await.expect(201);
    assert_eq!(added["regions"][0]["source"], "given");
    assert_eq!(added["regions"][0]["region"], json!({"x": 90, "y": 130, "width": 270, "height": 270}));
    let more = format!("/api/products/{}/images", added["id"].as_str().unwrap());
    let enrol_more = async |region: &str| {
        let photo = vec![table_frame(&[(0, 101), (1, 560)])];
        app.post_form(&more, &admin, &[("region", region)], photo).await.expect(201)
    };
    let whole = enrol_more("whole").await;
    assert_eq!(whole["regions"][0]["region"], json!({"x": 0, "y": 0, "width": 960, "height": 540}));
    for same in ["whole", "auto"] {
        let again = enrol_more(same).await;
        assert_eq!((&again["status"], &again["duplicates_skipped"]), (&json!("unchanged"), &json!(1)), "{again}");
    }
    let replaced = enrol_more("91,130,270,270").await;
    assert_eq!((&replaced["status"], &replaced["images_count"]), (&json!("added"), &json!(2)), "{replaced}");
    let images = app.get(&more, &admin).await.expect(200);
    let ids: Vec<&Value> = images["data"].as_array().unwrap().iter().map(|image| &image["id"]).collect();
    assert_eq!(ids, [&added["images"][0], &replaced["images"][0]]);
    assert_eq!(images["data"][1]["region"], json!({"x": 91, "y": 130, "width": 270, "height": 270}));
    let seen = app.post_picture(PATH, &admin, table_frame(&[(0, 101)])).await.expect(200);
    assert_eq!(seen["items"][0]["verdict"], "matched", "{seen}");
}

async fn at_most_five_products_are_named_best_first(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    for product in 0..7 {
        let name = format!("Product {product}");
        let photos = vec![package_photo(product, 0), package_photo(product, 1)];
        app.post_form("/api/products", &admin, &[("name", name.as_str()), ("region", "whole")], photos)
            .await
            .expect(201);
    }
    let seen = app.post_picture(&format!("{PATH}?regions=whole"), &admin, package_photo(4, 1)).await.expect(200);
    let candidates = seen["items"][0]["candidates"].as_array().unwrap();
    let scores: Vec<f64> = candidates.iter().map(|candidate| candidate["score"].as_f64().unwrap()).collect();
    assert_eq!((candidates.len(), &candidates[0]["product_name"]), (5, &json!("Product 4")));
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let mut ids: Vec<&str> = candidates.iter().map(|candidate| candidate["product_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each product once, though each has two photos");
}

async fn two_products_that_look_the_same_are_ambiguous(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    // Another file with the very same pixels: a comment after the first two bytes changes nothing that is seen.
    let photo = package_photo(0, 0);
    let comment = [&photo[..2], &[0xFF, 0xFE, 0x00, 0x06, b't', b'w', b'i', b'n'], &photo[2..]].concat();
    app.post_form("/api/products", &admin, &[("name", "One")], vec![photo.clone()]).await.expect(201);
    let twin = [("name", "Twin"), ("insist", "true")];
    app.post_form("/api/products", &admin, &twin, vec![comment]).await.expect(201);
    let seen = app.post_picture(PATH, &admin, photo).await.expect(200);
    assert_eq!(seen["items"][0]["verdict"], "ambiguous");
    assert_eq!(seen["items"][0]["candidates"].as_array().unwrap().len(), 2);
}

async fn bad_pictures_are_refused_and_the_server_goes_on(database: TestDatabase) {
    let app = TestApp::spawn_with(database, "[limits]\nimage_bytes = 200000").await;
    let admin = app.login_admin().await;
    let photo = package_photo(0, 0);
    let refused = async |picture: Vec<u8>, status: u16, slug: &str| -> Value {
        app.post_picture(PATH, &admin, picture).await.expect_problem(status, slug)
    };
    refused(b"no picture".to_vec(), 415, "not-an-image").await;
    refused(Vec::new(), 422, "broken-image").await;
    refused(photo[..photo.len() / 2].to_vec(), 422, "broken-image").await;
    let mut flipped = photo.clone();
    flipped.truncate(40);
    refused(flipped, 422, "broken-image").await;
    let huge = refused(png_of_size(30_000, 30_000), 413, "too-large").await;
    assert!(huge["detail"].as_str().unwrap().contains("30000"), "{huge}");
    refused(vec![0xFF; 200_001], 413, "too-large").await;
    let two = Form::new().part("image", Part::bytes(jpeg([1; 3]))).part("image", Part::bytes(jpeg([2; 3])));
    let two = app.call(Method::POST, PATH, Some(&admin), |request| request.multipart(two)).await;
    assert_eq!(two.expect_problem(422, "invalid-field")["field"], "image");
    let none =
        app.call(Method::POST, PATH, Some(&admin), |request| request.multipart(Form::new().text("note", "x"))).await;
    none.expect_problem(422, "invalid-field");
    let elsewhere = Form::new().part("file", Part::bytes(photo.clone()).file_name("photo.jpg"));
    let elsewhere = app.call(Method::POST, PATH, Some(&admin), |request| request.multipart(elsewhere)).await;
    assert_eq!(elsewhere.expect_problem(422, "invalid-field")["field"], "file");
    // Everything that was announced has arrived, and the last boundary is not among it: no reason to wait.
    let cut = "--long\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n\r\nbytes\r\n";
    let fill = |request: reqwest::RequestBuilder| {
        request.header("content-type", "multipart/form-data; boundary=long").body(cut)
    };
    app.call(Method::POST, PATH, Some(&admin), fill).await.expect_problem(400, "bad-request");
    for (boundary, body) in [("", "\n"), ("x", "\n"), ("abc", "--\n")] {
        let media_type = format!("multipart/form-data; boundary=\"{boundary}\"");
        let sent =
            app.call(Method::POST, PATH, Some(&admin), |request| request.header("content-type", media_type).body(body));
        sent.await.expect_problem(400, "bad-request");
    }
    // Whatever boundary RFC 2046 allows is taken.
    for boundary in ["+++", "x", "a b'c()+_,-./:=?d", &"b".repeat(70)] {
        let media_type = format!("multipart/form-data; boundary=\"{boundary}\"");
        let head = format!("\r\n\n--{boundary}\r\ncontent-disposition: form-data; name=\"image\"\r\n\r\n");
        let body = [head.as_bytes(), &photo, format!("\r\n--{boundary}--\r\n").as_bytes()].concat();
        let sent =
            app.call(Method::POST, PATH, Some(&admin), |request| request.header("content-type", media_type).body(body));
        sent.await.expect(200);
    }
    app.call(Method::POST, PATH, None, |request| request.body(photo.clone()))
        .await
        .expect_problem(401, "not-authenticated");
    app.post_picture(PATH, &app.sign_up_shopper("ann").await, photo.clone()).await.expect_problem(403, "forbidden");
    app.post_picture(PATH, &admin, photo).await.expect(200);
    assert_eq!(app.database.count("SELECT COUNT(*) FROM recognitions").await, 5);
}

async fn the_stored_evidence_is_measured(database: TestDatabase) {
    let app = TestApp::spawn_program(database.clone(), &[]).await;
    let admin = app.login_admin().await;
    for _ in 0..3 {
        app.post_picture(PATH, &admin, jpeg([9, 90, 200])).await.expect(200);
    }
    app.kill();
    // It is measured at the start and then every ten minutes.
    let app = TestApp::spawn_program(database, &[]).await;
    let mut rows = 0.0;
    for _ in 0..200 {
        rows = app.read_metric("tillsight_recognition_evidence_rows").await;
        if rows > 0.0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let bytes = app.read_metric("tillsight_recognition_evidence_bytes").await;
    assert!(rows == 3.0 && (600.0..6_000.0).contains(&bytes), "{rows} rows, {bytes} bytes");
}

on_both_databases!(
    the_stored_evidence_is_measured,
    a_picture_comes_as_a_form_or_as_the_body,
    each_product_in_a_picture_has_a_verdict_and_is_billed,
    an_enrolment_photo_of_several_things_is_refused_unless_a_region_is_given,
    at_most_five_products_are_named_best_first,
    two_products_that_look_the_same_are_ambiguous,
    bad_pictures_are_refused_and_the_server_goes_on,
);
