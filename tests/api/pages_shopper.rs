//! The shopper's pages: orders, claims, open bills, and the end of an account.

use reqwest::Method;
use serde_json::json;

use crate::harness::{
    ADMIN_PASSWORD, Browser, Shop, TestApp, TestDatabase, assert_leads, on_both_databases, order_path,
};

const PASSWORD: &str = "apples and oranges";

async fn sign_up<'a>(shop: &'a Shop, name: &str) -> Browser<'a> {
    let mut browser = Browser::new(&shop.app);
    assert_leads(&browser.submit("/signup", &[("username", name), ("password", PASSWORD)]).await, "/");
    browser
}

async fn a_receipt_is_claimed_and_shown(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let mut ann = sign_up(&shop, "ann").await;
    assert_leads(&ann.get("/").await, "/mypage");
    assert!(ann.get("/mypage").await.text().await.unwrap().contains("Your receipts will be here"));
    let order = shop.place_paid_order().await;
    let id = order["id"].as_str().unwrap();
    let code = shop.app.get(&order_path(&order, "/receipt"), &shop.clerk).await.expect(200)["claim_code"].clone();
    let code = code.as_str().unwrap();
    let mut stranger = Browser::new(&shop.app);
    let next = format!("/login?next=%2Fclaim%3Fcode%3D{code}");
    assert_leads(&stranger.get(&format!("/claim?code={code}")).await, &next);
    assert!(ann.get(&format!("/claim?code={code}")).await.text().await.unwrap().contains(code));
    let wrong = ann.submit("/claim", &[("claim", "ABCDE-ABCDE-ABCDE-ABCDE")]).await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.text().await.unwrap().contains("id=\"claim-fault\""));
    for _twice in 0..2 {
        let claimed = ann.submit("/claim", &[("claim", &code.to_lowercase()), ("form_key", "1")]).await;
        assert_leads(&claimed, &format!("/mypage/orders/{id}?notice=notice-claimed"));
    }
    let list = ann.get("/mypage").await.text().await.unwrap();
    assert!(
        list.contains(&format!("/mypage/orders/{id}")) && list.contains("<svg class=\"plot") && list.contains("Paid"),
        "{list}"
    );
    for none in ["99", "abc", "0"] {
        let found = ann.get(&format!("/mypage?receipt={none}")).await.text().await.unwrap();
        assert!(found.contains("No order matches."), "{none}: {found}");
    }
    assert!(ann.get("/mypage?state=nonsense&cursor=").await.status().as_u16() < 500);
    let page = ann.get(&format!("/mypage/orders/{id}")).await.text().await.unwrap();
    assert!(page.contains("What happened") && page.contains("€"), "{page}");
    let mut bob = sign_up(&shop, "bob").await;
    assert_eq!(bob.get(&format!("/mypage/orders/{id}")).await.status(), 404);
    assert_eq!(bob.submit("/claim", &[("claim", code)]).await.status(), 422, "it is ann's");
    let mut staff = Browser::new(&shop.app);
    staff.sign_in("admin", ADMIN_PASSWORD).await;
    let refused = staff.get(&format!("/claim?code={code}")).await.text().await.unwrap();
    assert!(refused.contains("Sign in with a shopper’s account."), "{refused}");
}

async fn an_open_bill_is_collected(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let mut ann = sign_up(&shop, "ann").await;
    let session = shop.app.post("/api/sessions", &shop.kiosk, json!({})).await.expect(201);
    let path = format!("/join/{}", session["id"].as_str().unwrap());
    assert_eq!(ann.get(&path).await.status(), 200);
    for _twice in 0..2 {
        assert_leads(&ann.submit(&path, &[]).await, "/mypage?notice=notice-joined");
    }
    assert_eq!(database.count("SELECT COUNT(*) FROM checkout_sessions WHERE shopper_id IS NOT NULL").await, 1);
    let mut bob = sign_up(&shop, "bob").await;
    let refused = bob.submit(&path, &[]).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("role=\"alert\""));
}

async fn a_deleted_account_leaves_its_orders_to_nobody(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let mut ann = sign_up(&shop, "ann").await;
    let order = shop.place_paid_order().await;
    let code = shop.app.get(&order_path(&order, "/receipt"), &shop.clerk).await.expect(200)["claim_code"].clone();
    ann.submit("/claim", &[("claim", code.as_str().unwrap())]).await;
    let session = shop.app.post("/api/sessions", &shop.kiosk, json!({})).await.expect(201);
    ann.submit(&format!("/join/{}", session["id"].as_str().unwrap()), &[]).await;
    let wrong = ann.submit("/account/delete", &[("current_password", "something else")]).await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.text().await.unwrap().contains("id=\"current_password-fault\""));
    let gone = ann.submit("/account/delete", &[("current_password", PASSWORD)]).await;
    assert_leads(&gone, "/login?notice=notice-account-deleted");
    assert_leads(&ann.get("/mypage").await, "/login?next=%2Fmypage");
    for table in [
        "SELECT COUNT(*) FROM order_owners",
        "SELECT COUNT(*) FROM checkout_sessions WHERE shopper_id IS NOT NULL",
        "SELECT COUNT(*) FROM users WHERE username = 'ann'",
    ] {
        assert_eq!(database.count(table).await, 0, "{table}");
    }
    assert_eq!(database.count("SELECT COUNT(*) FROM orders").await, 1);
    shop.app.get(&order_path(&order, ""), &shop.clerk).await.expect(200);
    // The API does the same, for shoppers only.
    let bob = shop.app.sign_up_shopper("bob").await;
    let body = json!({"current_password": PASSWORD});
    shop.app.post("/api/auth/delete-account", &shop.clerk, body.clone()).await.expect_problem(403, "forbidden");
    shop.app.post("/api/auth/delete-account", &bob, body.clone()).await.expect(204);
    shop.app.post("/api/auth/delete-account", &bob, body).await.expect_problem(401, "not-authenticated");
    assert_eq!(database.count("SELECT COUNT(*) FROM audit_log WHERE action = 'user.delete'").await, 2);
}

async fn the_qr_code_of_a_receipt_leads_to_its_claim(database: TestDatabase) {
    let app = TestApp::spawn_with(database, "public_url = \"https://shop.example/\"").await;
    let shop = Shop::open_on_server(app, json!({"name": "Main Street", "currency": "EUR"})).await;
    let order = shop.place_paid_order().await;
    let prints = order_path(&order, "/receipt/prints");
    let page = shop.app.call(Method::POST, &prints, Some(&shop.kiosk), |request| request).await;
    let page = String::from_utf8(page.bytes).unwrap();
    // `https://shop.example/claim?code=` and the code need a larger symbol than the code alone (33 modules with its border).
    assert!(page.contains("viewBox=\"0 0 41 41\""), "{page}");
}

on_both_databases!(
    a_receipt_is_claimed_and_shown,
    an_open_bill_is_collected,
    a_deleted_account_leaves_its_orders_to_nobody,
    the_qr_code_of_a_receipt_leads_to_its_claim,
);
