//! Statistics of the shop: what was sold, by day, hour and product, and who may see it.

use serde_json::{Value, json};

use crate::harness::{Shop, TestDatabase, on_both_databases, package_photo};

const SALES: &str = "/api/statistics/sales";

/// The test's clock begins at 12:00 UTC on the fifth of January 2026, 21:00 in Seoul; four hours later it is the sixth there.
async fn sales_are_summed_by_the_days_of_the_store(database: TestDatabase) {
    let body = json!({"name": "강남점", "currency": "EUR", "time_zone": "Asia/Seoul"});
    let shop = Shop::open_with(database, body).await;
    assert_eq!(shop.app.get(SALES, &shop.clerk).await.expect(200), json!({"days": 1, "currencies": []}));
    let early = shop.place_paid_order().await;
    shop.place_order(&[(&shop.soap, 2)]).await;
    let voided = shop.place_order(&[(&shop.soap, 1)]).await;
    shop.void(&voided).await.expect(201);
    shop.app.clock.advance(4 * 3_600);
    let clerk = shop.app.login("clerk", "knows every apple").await;
    shop.place_order(&[(&shop.milk, 1)]).await;
    // It is an order of the day before, but the money left the till today.
    let refund = json!({"currency": "EUR", "method": "cash", "reason": "late", "lines": [{"line": 1, "quantity": 2}]});
    let path = format!("/api/orders/{}/refunds", early["id"].as_str().unwrap());
    shop.post_once(&path, &clerk, refund).await.expect(201);

    let today = shop.app.get(SALES, &clerk).await.expect(200);
    let euro = &today["currencies"][0];
    let figures =
        json!({"turnover": -129, "orders": 1, "average_basket": 129, "sales": 129, "voids": 0, "refunds": 258});
    assert_eq!((&euro["currency"], &euro["current"]), (&json!("EUR"), &figures));
    // It is one in the morning. The day before is compared up to the same time, when nothing was sold.
    assert_eq!(euro["previous"]["orders"], 0);
    let points = euro["points"].as_array().unwrap();
    assert_eq!((points.len(), &points[0]["begins"]), (24, &json!("2026-01-06T00:00")));
    let busy: Vec<_> = points.iter().filter(|point| point["turnover"] != 0).collect();
    assert_eq!(busy, [&json!({"begins": "2026-01-06T01:00", "turnover": -129, "orders": 1})]);
    assert_eq!(euro["top_products"], json!([]), "more milk came back than was sold");

    let week = shop.app.get(&format!("{SALES}?days=7&store_id={}", shop.store), &clerk).await.expect(200);
    let euro = &week["currencies"][0];
    let figures =
        json!({"turnover": 1016, "orders": 3, "average_basket": 425, "sales": 1524, "voids": 250, "refunds": 258});
    assert_eq!(euro["current"], figures);
    let points = euro["points"].as_array().unwrap();
    let last = [("2026-01-05", 1145, 2), ("2026-01-06", -129, 1)];
    let last = last.map(|(day, turnover, orders)| json!({"begins": day, "turnover": turnover, "orders": orders}));
    assert_eq!((points.len(), &points[5..]), (7, &last[..]));
    let top: Vec<_> = euro["top_products"].as_array().unwrap().iter().collect();
    let names: Vec<_> = top.iter().map(|product| (&product["product_name"], &product["quantity"])).collect();
    assert_eq!(names, [(&json!("Milk & <b>honey</b>"), &json!(4)), (&json!("Soap"), &json!(2))]);
    let turnovers: Vec<_> = top.iter().map(|product| product["turnover"].as_i64().unwrap()).collect();
    assert_eq!(turnovers, [516, 500]);
    assert_eq!((&top[0]["product_id"], &top[0]["image_id"]), (&json!(shop.milk), &Value::Null));
    let again = shop.app.get(&format!("{SALES}?days=7"), &clerk).await.expect(200);
    assert_eq!(again, week, "past days are remembered, today is read");
    // The closing, which takes everything so far, comes to the same.
    let z = shop.post_once(&format!("/api/stores/{}/z-reports", shop.store), &clerk, json!({})).await.expect(201);
    assert_eq!(z["currencies"][0]["net"]["amount"], euro["current"]["turnover"]);
}

async fn sales_before_the_period_are_compared(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.place_order(&[(&shop.soap, 1)]).await;
    shop.app.clock.advance(24 * 3_600);
    let clerk = shop.app.login("clerk", "knows every apple").await;
    shop.place_order(&[(&shop.soap, 3)]).await;
    let euro = shop.app.get(SALES, &clerk).await.expect(200)["currencies"][0].clone();
    let figures = |key: &str| (euro[key]["turnover"].as_i64().unwrap(), euro[key]["orders"].as_i64().unwrap());
    // The order of the day before was confirmed at the very time of day that it is now.
    assert_eq!(figures("current"), (750, 1));
    assert_eq!(figures("previous"), (0, 0));
    shop.app.clock.advance(60);
    let euro = shop.app.get(SALES, &clerk).await.expect(200)["currencies"][0].clone();
    assert_eq!(euro["previous"]["turnover"], 250);
}

async fn staff_see_the_sales_of_their_stores(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let won = shop.app.post(
        "/api/stores",
        &shop.admin,
        json!({"name": "강남점", "currency": "KRW", "time_zone": "Asia/Seoul"}),
    );
    let won = won.await.expect(201)["id"].as_str().unwrap().to_owned();
    shop.place_order(&[(&shop.soap, 1)]).await;
    let texts = [("name", "Kimchi"), ("price", "5000"), ("currency", "KRW")];
    let kimchi = shop.app.create_product(&shop.admin, &texts).await;
    let kiosk = shop.app.enrol_kiosk(&shop.admin, &won).await;
    let session = shop.app.post("/api/sessions", &kiosk, json!({})).await.expect(201);
    let items = format!("/api/sessions/{}/items", session["id"].as_str().unwrap());
    let body = json!({"version": session["version"], "product_id": kimchi, "quantity": 2});
    let session = shop.app.post(&items, &kiosk, body).await.expect(200);
    let confirm = format!("/api/sessions/{}/confirm", session["id"].as_str().unwrap());
    shop.post_once(&confirm, &kiosk, json!({"version": session["version"]})).await.expect(201);

    let currencies = |sales: &Value| {
        let currencies = sales["currencies"].as_array().unwrap().iter();
        currencies.map(|sums| sums["currency"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(currencies(&shop.app.get(SALES, &shop.admin).await.expect(200)), ["KRW", "EUR"]);
    let one = format!("{SALES}?store_id={won}");
    assert_eq!(currencies(&shop.app.get(&one, &shop.admin).await.expect(200)), ["KRW"]);
    assert_eq!(currencies(&shop.app.get(SALES, &shop.clerk).await.expect(200)), ["EUR"]);
    shop.app.get(&one, &shop.clerk).await.expect_problem(404, "not-found");
    let nowhere = format!("{SALES}?store_id=00000000-0000-7000-8000-000000000000");
    shop.app.get(&nowhere, &shop.admin).await.expect_problem(404, "not-found");
    let refused = shop.app.get(&format!("{SALES}?days=2"), &shop.admin).await.expect_problem(422, "invalid-field");
    assert_eq!(refused["field"], "days");
    shop.app.get(SALES, &shop.kiosk).await.expect_problem(403, "forbidden");
}

async fn verdicts_are_counted_by_the_days_of_the_store(database: TestDatabase) {
    let mut shop = Shop::open(database).await;
    let photo = |view: u64| package_photo(3, view);
    let texts = [("name", "Oat milk"), ("region", "whole")];
    let oat = shop.app.post_form("/api/products", &shop.admin, &texts, vec![photo(0), photo(1)]).await.expect(201);
    let recognize = "/api/recognize?regions=whole";
    let seen = shop.app.post_picture(recognize, &shop.kiosk, photo(0)).await.expect(200);
    assert_eq!(seen["items"][0]["verdict"], "matched");
    shop.app.post_picture(recognize, &shop.clerk, package_photo(40, 0)).await.expect(200);
    // An admin, who stands in no store, tries something out.
    shop.app.post_picture(recognize, &shop.admin, photo(0)).await.expect(200);
    shop.app.clock.advance(24 * 3_600 + 60);
    shop.app.post_picture(recognize, &shop.kiosk, photo(0)).await.expect(200);
    // Counts are written twice a minute, and when a server stops.
    shop.app.restart().await;
    let clerk = shop.app.login("clerk", "knows every apple").await;
    let today = shop.app.get("/api/statistics/recognitions", &clerk).await.expect(200);
    assert_eq!(today["current"], json!({"matched": 1, "ambiguous": 0, "unknown": 0}));
    let total = |figures: &Value| {
        ["matched", "ambiguous", "unknown"].map(|key| figures[key].as_i64().unwrap()).iter().sum::<i64>()
    };
    assert_eq!(total(&today["previous"]), 2, "the admin's picture does not count");
    let week = shop.app.get("/api/statistics/recognitions?days=7", &clerk).await.expect(200);
    let points = week["points"].as_array().unwrap();
    assert_eq!((points.len(), &points[5]["begins"], total(&points[5])), (7, &json!("2026-01-05"), 2));
    assert_eq!((&points[6]["begins"], &points[6]["matched"]), (&json!("2026-01-06"), &json!(1)));
    assert_eq!(total(&week["current"]), 3);
    let other = shop.app.create_store(&shop.app.login_admin().await).await;
    let path = format!("/api/statistics/recognitions?store_id={other}");
    shop.app.get(&path, &clerk).await.expect_problem(404, "not-found");

    let product = shop.app.get(&format!("/api/products/{}", oat["id"].as_str().unwrap()), &clerk).await.expect(200);
    assert_eq!(product["last_seen_at"], "2026-01-06T12:01:00Z");
    assert_eq!((&product["image_id"], &product["images_advised"]), (&oat["images"][0], &json!(3)));
    let soap = shop.app.get(&format!("/api/products/{}", shop.soap), &clerk).await.expect(200);
    assert_eq!(
        (&soap["last_seen_at"], &soap["image_id"], &soap["images_advised"]),
        (&Value::Null, &Value::Null, &json!(5))
    );
}

on_both_databases!(
    sales_are_summed_by_the_days_of_the_store,
    sales_before_the_period_are_compared,
    staff_see_the_sales_of_their_stores,
    verdicts_are_counted_by_the_days_of_the_store,
);
