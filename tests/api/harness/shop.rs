//! A store with a kiosk, a clerk and products, and shortcuts to an order.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Reply, TestApp, TestDatabase};

pub struct Shop {
    pub app: TestApp,
    pub admin: String,
    pub clerk: String,
    pub kiosk: String,
    pub store: String,
    /// 1.29 EUR, 7 % tax.
    pub milk: String,
    /// 2.50 EUR, 19 % tax.
    pub soap: String,
}

impl Shop {
    /// A store in euro whose prices include the tax.
    pub async fn open(database: TestDatabase) -> Self {
        Self::open_with(database, json!({"name": "Corner <shop>", "currency": "EUR"})).await
    }

    /// A store created with `body`.
    pub async fn open_with(database: TestDatabase, body: Value) -> Self {
        Self::open_on_server(TestApp::spawn(database).await, body).await
    }

    /// A store created with `body` on a running server.
    pub async fn open_on_server(app: TestApp, body: Value) -> Self {
        let admin = app.login_admin().await;
        let currency = body["currency"].as_str().unwrap().to_owned();
        let store = app.post("/api/stores", &admin, body).await.expect(201);
        let store = store["id"].as_str().unwrap().to_owned();
        let kiosk = app.enrol_kiosk(&admin, &store).await;
        let clerk = app.create_clerk(&admin, &store).await;
        let texts = |name, price, tax| {
            [("name", name), ("price", price), ("currency", currency.as_str()), ("tax_rate_bp", tax)]
        };
        let milk = app.create_product(&admin, &texts("Milk & <b>honey</b>", "129", "700")).await;
        let soap = app.create_product(&admin, &texts("Soap", "250", "1900")).await;
        Self { app, admin, clerk, kiosk, store, milk, soap }
    }

    /// Opens a session with these products and quantities on its bill.
    pub async fn fill_bill(&self, lines: &[(&str, i64)]) -> Value {
        let mut session = self.app.post("/api/sessions", &self.kiosk, json!({})).await.expect(201);
        for (product, quantity) in lines {
            let items = format!("/api/sessions/{}/items", session["id"].as_str().unwrap());
            let body = json!({"version": session["version"], "product_id": product, "quantity": quantity});
            session = self.app.post(&items, &self.kiosk, body).await.expect(200);
        }
        session
    }

    /// Confirms a bill and returns the order.
    pub async fn confirm(&self, session: &Value) -> Value {
        let path = format!("/api/sessions/{}/confirm", session["id"].as_str().unwrap());
        self.post_once(&path, &self.kiosk, json!({"version": session["version"]})).await.expect(201)
    }

    /// Confirms an order of these products and quantities.
    pub async fn place_order(&self, lines: &[(&str, i64)]) -> Value {
        let session = self.fill_bill(lines).await;
        self.confirm(&session).await
    }

    /// Places an order of 5 × milk, 6.45 EUR, and pays it by card.
    pub async fn place_paid_order(&self) -> Value {
        let order = self.place_order(&[(&self.milk, 5)]).await;
        self.pay(&order, json!([{"method": "card", "amount": order["total"]}])).await.expect(201)
    }

    /// `POST` with a new Idempotency-Key.
    pub async fn post_once(&self, path: &str, token: &str, body: Value) -> Reply {
        self.post_with_key(path, token, &Uuid::new_v4().to_string(), body).await
    }

    /// `POST` with `key` as the Idempotency-Key.
    pub async fn post_with_key(&self, path: &str, token: &str, key: &str, body: Value) -> Reply {
        let fill = |request: RequestBuilder| request.header("idempotency-key", key).json(&body);
        self.app.call(Method::POST, path, Some(token), fill).await
    }

    pub async fn pay(&self, order: &Value, payments: Value) -> Reply {
        let body = json!({"currency": order["currency"], "payments": payments});
        self.post_once(&order_path(order, "/payments"), &self.kiosk, body).await
    }

    /// Refunds `lines` in cash; everything that is left if it is `null`.
    pub async fn refund(&self, order: &Value, lines: Value) -> Reply {
        let body = json!({"currency": order["currency"], "method": "cash", "reason": "came back", "lines": lines});
        self.post_once(&order_path(order, "/refunds"), &self.clerk, body).await
    }

    pub async fn void(&self, order: &Value) -> Reply {
        self.post_once(&order_path(order, "/void"), &self.clerk, json!({"reason": "shopper left"})).await
    }

    /// Reads the order as staff.
    pub async fn read_order(&self, order: &Value) -> Value {
        self.app.get(&order_path(order, ""), &self.clerk).await.expect(200)
    }

    /// Returns the kiosk's key.
    pub async fn enrol_kiosk_of_new_store(&self) -> String {
        let other = self.app.create_store(&self.admin).await;
        self.app.enrol_kiosk(&self.admin, &other).await
    }
}

/// The order's path, followed by `rest`.
pub fn order_path(order: &Value, rest: &str) -> String {
    format!("/api/orders/{}{rest}", order["id"].as_str().unwrap())
}
