//! The settings in force with their sources, and the search over receipts, products and people.

use serde_json::{Value, json};

use crate::alerts::SECRET;
use crate::harness::{Shop, TestApp, TestDatabase, on_both_databases};

async fn settings_are_listed_with_their_source_and_secrets_without_a_value(database: TestDatabase) {
    let receiver = format!("webhook_url = \"http://127.0.0.1:9/hook\"\nwebhook_secret = \"{SECRET}\"");
    let overlay = format!("[limits]\nlogin_failures = 7\n[monitoring]\n{receiver}");
    let app = TestApp::spawn_with(database, &overlay).await;
    let admin = app.login_admin().await;
    let report = app.get("/api/settings", &admin).await;
    let text = String::from_utf8_lossy(&report.bytes).into_owned();
    let settings = report.expect(200)["data"].as_array().unwrap().clone();
    let find = |name: &str| settings.iter().find(|setting| setting["name"] == name).unwrap();
    let expected =
        json!({"name": "limits.login_failures", "value": 7, "is_secret": false, "is_set": true, "source": "file"});
    assert_eq!(find("limits.login_failures"), &expected);
    assert_eq!(find("checkout.idempotency_s")["source"], "default");
    for secret in ["monitoring.webhook_url", "monitoring.webhook_secret"] {
        let setting = find(secret);
        assert_eq!(
            (&setting["value"], &setting["is_secret"], &setting["is_set"]),
            (&Value::Null, &json!(true), &json!(true))
        );
    }
    assert_eq!(find("token_secret")["is_set"], false);
    assert!(!text.contains("127.0.0.1:9") && !text.contains("whsec_"), "{text}");
    let shopper = app.sign_up_shopper("ann").await;
    app.get("/api/settings", &shopper).await.expect_problem(403, "forbidden");
}

async fn one_search_finds_receipts_products_and_people(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let order = shop.place_order(&[(&shop.milk, 1)]).await;
    let texts = [("name", "Seven Up 1 l"), ("sku", "1"), ("barcode", "4006381333931")];
    let seven = shop.app.create_product(&shop.admin, &texts).await;
    shop.app.sign_up_shopper("seven1").await;
    let found = async |text: &str| {
        let found = shop.app.get(&format!("/api/search?q={text}"), &shop.admin).await.expect(200);
        let ids = |kind: &str| {
            found[kind].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let people: Vec<_> = found["people"].as_array().unwrap().iter().map(|one| one["username"].clone()).collect();
        (ids("orders"), ids("products"), people)
    };
    let (orders, products, people) = found("1").await;
    let receipt = order["id"].as_str().unwrap().to_owned();
    assert_eq!((orders, products, people), (vec![receipt.clone()], vec![seven.clone()], vec![json!("seven1")]));
    assert_eq!(found("%231").await.0, [receipt]);
    assert_eq!(found("4006381333931").await, (vec![], vec![seven.clone()], vec![]));
    assert_eq!(found("SEVEN").await, (vec![], vec![seven], vec![json!("seven1")]));
    assert_eq!(found("nothing%25").await, (vec![], vec![], vec![]));
    shop.app.get("/api/search?q=+", &shop.admin).await.expect_problem(422, "invalid-field");
    shop.app.get("/api/search", &shop.admin).await.expect_problem(400, "bad-request");
    shop.app.get("/api/search?q=1", &shop.clerk).await.expect_problem(403, "forbidden");
}

on_both_databases!(
    settings_are_listed_with_their_source_and_secrets_without_a_value,
    one_search_finds_receipts_products_and_people,
);
