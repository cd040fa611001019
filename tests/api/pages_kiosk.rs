//! The kiosk's page without its scripts: enrolment, the key's cookie, the receipt at the end of a sale.

use serde_json::json;

use crate::harness::{Browser, Shop, TestDatabase, assert_leads, on_both_databases};

/// A code for a new kiosk of the shop.
async fn new_code(shop: &Shop) -> String {
    let path = format!("/api/stores/{}/kiosks", shop.store);
    let kiosk = shop.app.post(&path, &shop.admin, json!({"name": "Till <2>"})).await.expect(201);
    kiosk["enrolment_code"].as_str().unwrap().to_owned()
}

async fn a_browser_becomes_a_kiosk_with_a_code(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let mut browser = Browser::new(&shop.app);
    let code = new_code(&shop).await;
    let form = browser.get(&format!("/kiosk?code={code}")).await;
    assert!(form.text().await.unwrap().contains(&format!("value=\"{code}\"")), "the code of the link");
    let wrong = browser.submit("/kiosk", &[("code", "ABCDE-ABCDE-ABCDE-ABCDE")]).await;
    assert_eq!((wrong.status().as_u16(), browser.cookies.len()), (401, 0));
    let page = wrong.text().await.unwrap();
    assert!(page.contains("id=\"code-fault\"") && page.contains("ABCDE-ABCDE-ABCDE-ABCDE"), "{page}");
    assert_eq!(page.matches("wrong, used").count(), 1, "{page}");

    let enrolled = browser.submit("/kiosk", &[("code", &code)]).await;
    let cookie = enrolled.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("kiosk=tsk_") && cookie.contains("HttpOnly"), "{cookie}");
    assert_leads(&enrolled, "/kiosk");
    assert_leads(&browser.submit("/kiosk", &[("code", &code)]).await, "/kiosk");
    assert_leads(&browser.get("/").await, "/kiosk");
    let screen = browser.get("/kiosk").await;
    let policy = screen.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let screen = screen.text().await.unwrap();
    assert!(screen.contains("Till &#60;2&#62;") && screen.contains("data-currency=\"EUR\""), "{screen}");
    let scripts: Vec<&str> = screen.split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let script = scripts.iter().find(|address| address.ends_with("/kiosk/kiosk.js")).unwrap();
    let script = browser.get(script).await;
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");

    // The key is the API's too, but a page of another site cannot use it.
    let me = browser.get("/api/kiosks/me").await.text().await.unwrap();
    assert!(me.contains("Till <2>"), "{me}");
    let forged =
        browser.client.post(format!("{}/api/sessions", shop.app.url)).header("cookie", browser.cookie_header());
    let forged = forged.header("origin", "https://evil.example").header("content-type", "application/json").body("{}");
    assert_eq!(forged.send().await.unwrap().status(), 403);
}

async fn the_end_of_a_sale_shows_the_number_and_the_claim(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let order = shop.place_paid_order().await;
    let mut browser = Browser::new(&shop.app);
    browser.submit("/kiosk", &[("code", &new_code(&shop).await)]).await;
    let path = format!("/kiosk/receipts/{}", order["id"].as_str().unwrap());
    let receipt = browser.get(&path).await;
    assert_eq!(receipt.status(), 200);
    let receipt = receipt.text().await.unwrap();
    let claim = shop.app.get(&format!("/api/orders/{}/receipt", order["id"].as_str().unwrap()), &shop.admin).await;
    let claim = claim.expect(200)["claim_code"].as_str().unwrap().to_owned();
    assert!(receipt.contains("data-receipt-number=\"1\"") && receipt.contains(&claim), "{receipt}");
    assert!(receipt.contains("6.45") && receipt.contains("class=\"qr\""), "{receipt}");
    // Of its own store only.
    let other = shop.app.create_store(&shop.admin).await;
    let kiosks = format!("/api/stores/{other}/kiosks");
    let code = shop.app.post(&kiosks, &shop.admin, json!({"name": "Other"})).await.expect(201);
    let mut other = Browser::new(&shop.app);
    other.submit("/kiosk", &[("code", code["enrolment_code"].as_str().unwrap())]).await;
    assert_eq!(other.get(&path).await.status(), 404);
}

on_both_databases! {
    a_browser_becomes_a_kiosk_with_a_code,
    the_end_of_a_sale_shows_the_number_and_the_claim,
}
