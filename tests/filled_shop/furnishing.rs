//! What the shop has before it opens: two stores, kiosks, people, products with photos.

use image::imageops::crop_imm;
use reqwest::Method;
use serde_json::{Value, json};
use tillsight::demo::frames::{KioskFrame, empty_view};
use tillsight::demo::packages::{Package, encode_jpeg, render_photo};

use super::{CLERK, FilledShop, OWN_PASSWORD, PASSWORD, SHOPPER, TABLES};

pub(super) const PHOTO_SIDE_PX: u32 = 320;
/// The kiosk cannot tell it from another product.
const TWIN: usize = 0;

impl FilledShop {
    pub(super) async fn furnish(&mut self, photos_per_product: u64) {
        self.store = self.create_store("Lindenhof Market", "Lindenstraße 12, 10969 Berlin").await;
        self.second_store = self.create_store("Lindenhof Station", "Europaplatz 1, 10557 Berlin").await;
        self.kiosk = self.enrol_kiosk("Till 1").await;
        let empty = encode_jpeg(&empty_view()).unwrap();
        let fill = |request: reqwest::RequestBuilder| request.header("content-type", "image/jpeg").body(empty);
        self.app.call(Method::PUT, "/api/kiosks/me/empty-view", Some(&self.kiosk), fill).await.expect(200);
        self.enrol_kiosk("Till 2").await;
        let waiting = json!({"name": "Till by the door"});
        self.app.post(&format!("/api/stores/{}/kiosks", self.store), &self.admin, waiting).await.expect(201);
        self.clerk_id = self.create_clerk(CLERK).await;
        self.create_clerk("mina").await;
        for name in [SHOPPER, "minjun", "clara"] {
            self.app.sign_up_shopper(name).await;
        }
        self.teach_everything(photos_per_product).await;
    }

    async fn create_store(&self, name: &str, address: &str) -> String {
        let body = json!({
            "name": name, "currency": "EUR", "time_zone": "Europe/Berlin", "address": address,
            "tax_number": "DE 123 456 789",
        });
        id(&self.app.post("/api/stores", &self.admin, body).await.expect(201))
    }

    async fn enrol_kiosk(&self, name: &str) -> String {
        let path = format!("/api/stores/{}/kiosks", self.store);
        let kiosk = self.app.post(&path, &self.admin, json!({"name": name})).await.expect(201);
        let body = json!({"code": kiosk["enrolment_code"]});
        let enrolled = self.app.post_anonymously("/api/kiosks/enrol", body).await.expect(200);
        enrolled["key"].as_str().unwrap().to_owned()
    }

    /// A clerk who has changed the first password.
    async fn create_clerk(&self, username: &str) -> String {
        let body = json!({"username": username, "password": PASSWORD, "role": "clerk", "store_id": self.store});
        let clerk = self.app.post("/api/users", &self.admin, body).await.expect(201);
        let first = self.app.login(username, PASSWORD).await;
        let change = json!({"current_password": PASSWORD, "new_password": OWN_PASSWORD});
        self.app.post("/api/auth/password", &first, change).await.expect(200);
        id(&clerk)
    }

    /// The product [`TWIN`] is taught a second time under another name: the kiosk has to ask which of the two it sees.
    async fn teach_everything(&mut self, photos_per_product: u64) {
        let photos = render_all(&self.packages, photos_per_product).await;
        for (package, photos) in self.packages.iter().zip(&photos) {
            let sku = ("sku", package.sku.as_str());
            let id = self.teach(package, &package.name, &[("barcode", &package.barcode), sku], photos.clone()).await;
            self.products.push(id);
        }
        let twin = format!("{}, new recipe", self.packages[TWIN].name);
        self.teach(&self.packages[TWIN], &twin, &[], photos[TWIN].clone()).await;
        let bag = [("name", "Paper bag"), ("price", "20"), ("currency", "EUR"), ("tax_rate_bp", "1900")];
        self.app.create_product(&self.admin, &bag).await;
    }

    /// More photos of what lies on the tables, as an admin takes them with the kiosk's camera.
    pub(super) async fn teach_at_the_kiosk(&self, tables: &[KioskFrame]) {
        for (table, shown) in tables.iter().zip(TABLES) {
            for (index, place) in shown.iter().zip(&table.places).filter(|(index, _)| **index != TWIN) {
                let photo = crop_imm(&table.picture, place.x, place.y, place.width, place.height).to_image();
                let path = format!("/api/products/{}/images", self.products[*index]);
                let texts = [("region", "whole"), ("insist", "true")];
                let photos = vec![encode_jpeg(&photo).unwrap()];
                self.app.post_form(&path, &self.admin, &texts, photos).await.expect(201);
            }
        }
    }

    async fn teach(&self, package: &Package, name: &str, more: &[(&str, &str)], photos: Vec<Vec<u8>>) -> String {
        let price = package.price_minor.to_string();
        let mut texts = vec![
            ("name", name),
            ("price", price.as_str()),
            ("currency", "EUR"),
            ("tax_rate_bp", "700"),
            ("region", "whole"),
            ("insist", "true"),
        ];
        texts.extend(more);
        id(&self.app.post_form("/api/products", &self.admin, &texts, photos).await.expect(201))
    }
}

/// Photos of each package, on all cores: one takes a fifth of a second in an unoptimised build.
pub(super) async fn render_all(packages: &[Package], photos_per_product: u64) -> Vec<Vec<Vec<u8>>> {
    let render = |package: Package| {
        tokio::task::spawn_blocking(move || {
            let photo = |view| encode_jpeg(&render_photo(&package, view, PHOTO_SIDE_PX)).unwrap();
            (0..photos_per_product).map(photo).collect()
        })
    };
    let rendering: Vec<_> = packages.iter().cloned().map(render).collect();
    let mut rendered = Vec::new();
    for photos in rendering {
        rendered.push(photos.await.unwrap());
    }
    rendered
}

pub(super) fn id(reply: &Value) -> String {
    reply["id"].as_str().unwrap().to_owned()
}
