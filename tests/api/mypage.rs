//! What a shopper sees of their own, and of nobody else's.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Database, TestApp, on_both_databases};

struct Shop {
    app: TestApp,
    kiosk: String,
    product: String,
}

impl Shop {
    async fn open(database: Database) -> Self {
        let app = TestApp::spawn(database).await;
        let admin = app.admin().await;
        let store = app.store(&admin).await;
        let kiosk = app.kiosk(&admin, &store).await;
        let product = app.product(&admin, &[("name", "Milk"), ("price", "129"), ("currency", "EUR")]).await;
        Self { app, kiosk, product }
    }

    /// A confirmed order; `shopper` joins its session first.
    async fn order(&self, key: &str, shopper: Option<&str>) -> Value {
        let session = self.app.post("/api/sessions", &self.kiosk, json!({})).await.expect(201);
        let path = format!("/api/sessions/{}", session["id"].as_str().unwrap());
        if let Some(shopper) = shopper {
            self.app.post(&format!("{path}/join"), shopper, json!({})).await.expect(200);
        }
        let item = json!({"version": 1, "product_id": self.product});
        self.app.post(&format!("{path}/items"), &self.kiosk, item).await.expect(200);
        let fill = |r: reqwest::RequestBuilder| r.header("idempotency-key", key).json(&json!({"version": 2}));
        self.app.call(Method::POST, &format!("{path}/confirm"), Some(&self.kiosk), fill).await.expect(201)
    }
}

async fn a_shopper_reads_their_own_orders_page_by_page(database: Database) {
    let shop = Shop::open(database).await;
    let ann = shop.app.shopper("ann").await;
    let bob = shop.app.shopper("bob").await;
    for place in 0..5 {
        shop.order(&format!("ann-{place}"), Some(&ann)).await;
    }
    let bobs = shop.order("bob", Some(&bob)).await;
    let mut numbers = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let page = shop.app.get(&format!("/api/mypage/orders?limit=2{cursor}"), &ann).await.expect(200);
        numbers.extend(page["data"].as_array().unwrap().iter().map(|order| order["receipt_number"].as_i64().unwrap()));
        cursor = page["next_cursor"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default();
    }
    assert_eq!((numbers, cursor.as_str()), (vec![5, 4, 3, 2, 1], ""));

    let own = shop.app.get(&format!("/api/mypage/orders/{}", bobs["id"].as_str().unwrap()), &bob).await.expect(200);
    assert_eq!((&own["items"][0]["product_name"], &own["total"]), (&json!("Milk"), &json!(129)));
    let path = format!("/api/mypage/orders/{}", bobs["id"].as_str().unwrap());
    shop.app.get(&path, &ann).await.expect_problem(404, "not-found");
    shop.app.get("/api/mypage/orders?cursor=rubbish", &ann).await.expect_problem(422, "invalid-field");
    shop.app.get("/api/mypage/orders?limit=1000", &ann).await.expect_problem(422, "invalid-field");
}

async fn a_receipt_is_claimed_once(database: Database) {
    let shop = Shop::open(database).await;
    let (ann, bob) = (shop.app.shopper("ann").await, shop.app.shopper("bob").await);
    let order = shop.order("anonymous", None).await;
    let path = format!("/api/mypage/orders/{}", order["id"].as_str().unwrap());
    shop.app.get(&path, &ann).await.expect_problem(404, "not-found");
    let typed = order["claim_code"].as_str().unwrap().to_lowercase().replace('-', " ");
    let claimed = shop.app.post("/api/mypage/claims", &ann, json!({"claim_code": typed})).await.expect(200);
    assert_eq!(claimed["id"], order["id"]);
    assert!(claimed.get("claim_code").is_none(), "only the confirmation shows the code");
    shop.app.post("/api/mypage/claims", &ann, json!({"claim_code": typed})).await.expect(200);
    shop.app.post("/api/mypage/claims", &bob, json!({"claim_code": typed})).await.expect_problem(404, "not-found");
    shop.app.post("/api/mypage/claims", &bob, json!({"claim_code": "22222"})).await.expect_problem(404, "not-found");
    shop.app.get(&path, &ann).await.expect(200);
}

async fn a_session_has_one_shopper(database: Database) {
    let shop = Shop::open(database).await;
    let (ann, bob) = (shop.app.shopper("ann").await, shop.app.shopper("bob").await);
    let session = shop.app.post("/api/sessions", &shop.kiosk, json!({})).await.expect(201);
    let join = format!("/api/sessions/{}/join", session["id"].as_str().unwrap());
    shop.app.post(&join, &ann, json!({})).await.expect(200);
    shop.app.post(&join, &ann, json!({})).await.expect(200);
    shop.app.post(&join, &bob, json!({})).await.expect_problem(409, "taken");
}

on_both_databases!(a_shopper_reads_their_own_orders_page_by_page, a_receipt_is_claimed_once, a_session_has_one_shopper,);
