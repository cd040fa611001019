//! The days on which the shop was open, and what is left to do when they are over.

use std::io::{Cursor, Write};
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tillsight::demo::packages::{encode_jpeg, render_photo};
use uuid::Uuid;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::furnishing::{PHOTO_SIDE_PX, id};
use super::{CLERK, Extent, FilledShop, OWN_PASSWORD, PASSWORD, SHOPPER};
use crate::harness::order_path;

/// Orders of a busy shop in each hour from 8 to 19 o'clock.
const ORDERS_BY_HOUR: [u32; 12] = [1, 3, 3, 4, 6, 5, 3, 3, 4, 6, 5, 2];
/// The last hour of the last day, in which the tests look at the shop.
const LAST_HOUR: usize = 8;
/// From the start of a test's clock (13:00 in Berlin) to 8:00 of the next day; from 20:00 to 8:00.
const UNTIL_FIRST_MORNING_S: i64 = 19 * 3_600;
const NIGHT_S: i64 = 12 * 3_600;
/// One order in so many goes to the shopper's account.
const CLAIMED: usize = 25;
/// The second store loses its third order, as by a database tool.
const DELETE_LINES: &str = "DELETE FROM order_items WHERE order_id IN (SELECT id FROM orders WHERE number = 3 \
    AND store_id IN (SELECT id FROM stores WHERE name = 'Lindenhof Station'))";
const DELETE_ORDER: &str =
    "DELETE FROM orders WHERE number = 3 AND store_id IN (SELECT id FROM stores WHERE name = 'Lindenhof Station')";

impl FilledShop {
    /// Sells for days. The last one ends in the afternoon, unclosed.
    pub(super) async fn trade(&mut self, extent: &Extent) {
        let mut rng = Pcg64Mcg::seed_from_u64(30);
        let mut sold = 0;
        self.app.clock.advance(UNTIL_FIRST_MORNING_S);
        for day in 1..=extent.days {
            let is_last = day == extent.days;
            // More is sold towards the end of a week, and a little more every day.
            let busy = f64::from(80 + 6 * (day % 7) + day) / 100.0;
            let hours = if is_last { &ORDERS_BY_HOUR[..=LAST_HOUR] } else { &ORDERS_BY_HOUR[..] };
            for orders in hours {
                let wanted = f64::from(orders * extent.sales_percent) / 100.0 * busy * rng.random_range(0.7..1.3);
                let orders = (wanted.round() as u32).max(u32::from(is_last));
                for _ in 0..orders {
                    sold += 1;
                    self.sell(sold, &mut rng).await;
                    self.app.clock.advance(3_600 / i64::from(orders + 1));
                }
                self.app.clock.advance(3_600 / i64::from(orders + 1));
            }
            self.show_to_the_camera(day).await;
            if !is_last {
                self.close_the_day().await;
                self.app.clock.advance(NIGHT_S);
            }
        }
        self.admin = self.app.login_admin().await;
    }

    async fn sell(&mut self, number: usize, rng: &mut Pcg64Mcg) {
        let order = self.place_order(&self.kiosk, None, rng).await;
        let method = ["card", "card", "card", "cash", "wallet"][rng.random_range(0..5)];
        let payment = json!({"currency": "EUR", "payments": [{"method": method, "amount": order["total"]}]});
        self.post_once(&order_path(&order, "/payments"), &self.kiosk, payment).await;
        if number % CLAIMED == 1 {
            let shopper = self.app.login(SHOPPER, PASSWORD).await;
            let claim = json!({"claim_code": order["claim_code"]});
            self.shopper_order = id(&self.app.post("/api/mypage/claims", &shopper, claim).await.expect(200));
        }
        if number % CLAIMED == 2 {
            let clerk = self.app.login(CLERK, OWN_PASSWORD).await;
            let refund = json!({"currency": "EUR", "method": "cash", "reason": "The package was open",
                "lines": [{"line": 1, "quantity": 1}]});
            self.post_once(&order_path(&order, "/refunds"), &clerk, refund).await;
            self.refunded_order = id(&order);
        }
    }

    /// Of some products at random, the first ones more often.
    async fn place_order(&self, token: &str, store: Option<&str>, rng: &mut impl Rng) -> Value {
        let body = store.map_or_else(|| json!({}), |store| json!({"store_id": store}));
        let mut bill = self.app.post("/api/sessions", token, body).await.expect(201);
        for _ in 0..rng.random_range(1..=4) {
            let product = rng.random_range(0..self.products.len()) * rng.random_range(0..100) / 100;
            let items = format!("/api/sessions/{}/items", id(&bill));
            let quantity = [1, 1, 1, 2][rng.random_range(0..4)];
            let item = json!({"version": bill["version"], "product_id": self.products[product], "quantity": quantity});
            bill = self.app.post(&items, token, item).await.expect(200);
        }
        let confirm = format!("/api/sessions/{}/confirm", id(&bill));
        self.post_once(&confirm, token, json!({"version": bill["version"]})).await
    }

    /// What the day's verdicts are: most pictures are matched, some are asked about, few are unknown.
    async fn show_to_the_camera(&self, day: u32) {
        let path = "/api/recognize?regions=whole";
        for product in 0..6 + day as usize % 4 {
            let package = self.packages[product % self.packages.len()].clone();
            // The last one is seen from a side that was not taught.
            let view = if product >= 7 { 50 + u64::from(day) } else { u64::from(day % 2) };
            let photo =
                tokio::task::spawn_blocking(move || encode_jpeg(&render_photo(&package, view, PHOTO_SIDE_PX)).unwrap());
            self.app.post_picture(path, &self.kiosk, photo.await.unwrap()).await.expect(200);
        }
    }

    async fn close_the_day(&self) {
        let clerk = self.app.login(CLERK, OWN_PASSWORD).await;
        self.post_once(&format!("/api/stores/{}/z-reports", self.store), &clerk, json!({})).await;
    }

    /// What an admin finds to do: an order to be paid, an open bill, a damaged store, an import that waits.
    pub(super) async fn leave_work(&mut self) {
        let mut rng = Pcg64Mcg::seed_from_u64(31);
        for _ in 0..6 {
            self.place_order(&self.admin, Some(&self.second_store.clone()), &mut rng).await;
        }
        self.open_order = id(&self.place_order(&self.kiosk, None, &mut rng).await);
        self.session = id(&self.app.post("/api/sessions", &self.kiosk, json!({})).await.expect(201));
        self.damage_the_second_store().await;
        self.task = self.queue_import().await;
        self.await_import().await;
        self.draft = self.upload_draft().await;
        let path = "/api/automation/schedules";
        self.schedule = id(&self.app.get(path, &self.admin).await.expect(200)["data"][0]);
    }

    async fn damage_the_second_store(&mut self) {
        self.app.database.execute(DELETE_LINES).await;
        self.app.database.execute(DELETE_ORDER).await;
        let check = "/api/monitoring/numbering/jobs/integrity/run-check";
        self.app.post(check, &self.admin, json!({})).await.expect(200);
        for _ in 0..300 {
            let active = self.app.get("/api/monitoring/numbering/alerts/active", &self.admin).await.expect(200);
            if let Some(alert) = active["data"].get(0) {
                self.alert = id(alert);
                return;
            }
            // The schedule goes by the clock.
            self.app.clock.advance(1);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the damage raised no alert");
    }

    /// An import whose photos wait to be embedded. Returns its id.
    async fn queue_import(&self) -> String {
        let pause = json!({"kind": "stage", "name": "embed"});
        self.app.post("/api/automation/pause", &self.admin, pause).await.expect(200);
        let settings = json!({"media_mode": "upload", "whole_photos": true});
        let form = Form::new().part("file", self.zip_photos()).text("type", "import").text("title", "Spring range");
        let form = form.text("settings", settings.to_string());
        let fill = |request: RequestBuilder| request.multipart(form);
        let path = "/api/automation/tasks";
        id(&self.app.call(Method::POST, path, Some(&self.admin), fill).await.expect(202))
    }

    /// An upload that waits to be looked through. Returns its id.
    async fn upload_draft(&self) -> String {
        let form = Form::new().part("file", self.zip_photos());
        let fill = |request: RequestBuilder| request.multipart(form);
        id(&self.app.call(Method::POST, "/api/automation/imports", Some(&self.admin), fill).await.expect(201))
    }

    fn zip_photos(&self) -> Part {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for index in 0..4.min(self.packages.len()) {
            let photo = encode_jpeg(&render_photo(&self.packages[index], 90, 160)).unwrap();
            writer.start_file(format!("Spring range {index}/front.jpg"), SimpleFileOptions::default()).unwrap();
            writer.write_all(&photo).unwrap();
        }
        Part::bytes(writer.finish().unwrap().into_inner()).file_name("spring.zip")
    }

    /// Until nothing of the import moves for two seconds: a page that changes while it is looked at cannot be walked by keyboard.
    /// Under the test's clock, an item that is to be tried again waits for ever.
    async fn await_import(&self) {
        let path = format!("/api/automation/tasks/{}/items", self.task);
        let (mut last, mut same) = (Value::Null, 0);
        for _ in 0..600 {
            let items = self.app.get(&path, &self.admin).await.expect(200);
            same = if items == last { same + 1 } else { 0 };
            if same == 20 {
                return;
            }
            last = items;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the import goes on after a minute: {last}");
    }

    /// `POST` with a new Idempotency-Key; it must create something.
    async fn post_once(&self, path: &str, token: &str, body: Value) -> Value {
        let key = Uuid::new_v4().to_string();
        let fill = |request: RequestBuilder| request.header("idempotency-key", key).json(&body);
        self.app.call(Method::POST, path, Some(token), fill).await.expect(201)
    }
}
