//! A shop whose products a kiosk's camera recognises.

use image::RgbImage;
use serde_json::{Value, json};

use crate::browser::{TestBrowser, TestPage};
use crate::camera::FakeCamera;
use crate::harness::{TestApp, TestDatabase, cluttered_frame, package_photo};

/// A product of the test catalogue that is taught as "Seen".
pub const SEEN: usize = 3;
/// One that is taught as two products with the same photos: the kiosk must ask.
pub const TWIN: usize = 5;
/// One that nobody taught.
pub const UNKNOWN: usize = 8;

/// If set, pictures are in this language.
const LANGUAGE: &str = "TILLSIGHT_TEST_LANGUAGE";

pub struct KioskShop {
    pub app: TestApp,
    pub admin: String,
    pub store: String,
    pub camera: FakeCamera,
}

/// The kiosk's table, which is of many colours, with photos of products (product, left edge) on it.
pub fn table(cards: &[(usize, u32)]) -> RgbImage {
    image::load_from_memory(&cluttered_frame(1, cards)).unwrap().into_rgb8()
}

impl KioskShop {
    pub async fn open(database: TestDatabase) -> Self {
        Self::open_on_server(TestApp::spawn(database).await).await
    }

    pub async fn open_on_server(app: TestApp) -> Self {
        let admin = app.login_admin().await;
        let body = json!({"name": "Main Street", "currency": "EUR"});
        let store = app.post("/api/stores", &admin, body).await.expect(201);
        let store = store["id"].as_str().unwrap().to_owned();
        let shop = Self { app, admin, store, camera: FakeCamera::new(&table(&[])) };
        shop.teach("Oat milk 1 l", SEEN, "219", "4006381333931").await;
        shop.teach("Tea, green", TWIN, "345", "4006381333948").await;
        shop.teach("Tea, black", TWIN, "355", "4006381333955").await;
        let soap = [("name", "Soap"), ("price", "250"), ("currency", "EUR"), ("barcode", "4006381333962")];
        shop.app.create_product(&shop.admin, &soap).await;
        shop
    }

    async fn teach(&self, name: &str, product: usize, price: &str, barcode: &str) {
        let texts = [
            ("name", name),
            ("price", price),
            ("currency", "EUR"),
            ("barcode", barcode),
            ("region", "whole"),
            ("insist", "true"),
        ];
        let photos = (0..4).map(|view| package_photo(product, view)).collect();
        self.app.post_form("/api/products", &self.admin, &texts, photos).await.expect(201);
    }

    /// A code for a new kiosk.
    pub async fn new_code(&self) -> String {
        let path = format!("/api/stores/{}/kiosks", self.store);
        let kiosk = self.app.post(&path, &self.admin, json!({"name": "Till 1"})).await.expect(201);
        kiosk["enrolment_code"].as_str().unwrap().to_owned()
    }

    /// A browser's page that was made a kiosk with a code, and whose camera runs.
    pub async fn enrol(&self, browser: &TestBrowser) -> TestPage {
        let page = self.start_kiosk(browser).await;
        page.wait_until("document.getElementById('camera')?.videoWidth > 0").await;
        page
    }

    /// A browser's page that was made a kiosk with a code.
    pub async fn start_kiosk(&self, browser: &TestBrowser) -> TestPage {
        let page = browser.open(&format!("{}/kiosk?code={}", self.app.url, self.new_code().await)).await;
        self.choose_language(&page).await;
        page.capture("kiosk-enrol").await;
        page.click("form[action=\"/kiosk\"] button.primary").await;
        page.wait_until("document.getElementById('kiosk')").await;
        page
    }

    /// Pictures are in the language that is wanted.
    pub async fn choose_language(&self, page: &TestPage) {
        if let Ok(language) = std::env::var(LANGUAGE) {
            page.set_cookie(&self.app.url, "language", &language).await;
        }
    }

    /// The store's orders, newest first.
    pub async fn orders(&self) -> Vec<Value> {
        let page = self.app.get(&format!("/api/orders?store_id={}", self.store), &self.admin).await.expect(200);
        page["data"].as_array().unwrap().clone()
    }
}
