//! A shop that has been open for days, for tests of what its pages look like: products with photos, sales of every hour,
//! refunds, closed days, a damaged second store with its alert, an import that waits, and one person of each role.
//!
//! The server's clock stands still unless it is moved, so the same days pass whenever the tests run, and nobody's session ends.

mod first_start;
mod furnishing;
mod trading;
mod visits;

use std::path::PathBuf;

use serde_json::{Value, json};
use tillsight::demo::frames::{KioskFrame, empty_view, kiosk_frame};
use tillsight::demo::packages::{Package, catalogue};

use self::first_start::FirstStart;
use crate::camera::FakeCamera;
use crate::harness::{ADMIN_PASSWORD, Browser, TestApp, TestDatabase};

/// The catalogue of `tillsight demo`.
const CATALOGUE_SEED: u64 = 20_261;
const PASSWORD: &str = "apples and oranges";
const OWN_PASSWORD: &str = "weighs every pear";
const CLERK: &str = "jonas";
const SHOPPER: &str = "hannah";

/// How much is in the shop.
pub struct Extent {
    pub days: u32,
    pub products: usize,
    pub photos_per_product: u64,
    /// Of 100 orders that a busy shop has, how many this one has.
    pub sales_percent: u32,
}

pub struct FilledShop {
    pub app: TestApp,
    admin: String,
    packages: Vec<Package>,
    /// Ids, in the order of `packages`.
    products: Vec<String>,
    store: String,
    second_store: String,
    /// A kiosk's key.
    kiosk: String,
    /// The shopper's newest order, and one of the store that was refunded.
    shopper_order: String,
    refunded_order: String,
    /// The newest order, not paid yet.
    open_order: String,
    alert: String,
    task: String,
    schedule: String,
    draft: String,
    /// An open bill that a shopper can join.
    session: String,
    /// The id of the clerk.
    clerk_id: String,
    camera: FakeCamera,
    /// A server that nobody has used yet.
    first_start: FirstStart,
    /// What the camera may see: nothing, then more and more products.
    scenes: Vec<FakeCamera>,
}

impl FilledShop {
    pub async fn open(extent: &Extent) -> Self {
        let overlay = "[monitoring]\nlook_s = 1";
        let app = TestApp::spawn_with(TestDatabase::sqlite(), overlay).await;
        let packages = catalogue(CATALOGUE_SEED, extent.products);
        let admin = app.login_admin().await;
        let tables = draw_tables(&packages);
        let mut shop = Self {
            app,
            admin,
            products: Vec::new(),
            store: String::new(),
            second_store: String::new(),
            kiosk: String::new(),
            shopper_order: String::new(),
            refunded_order: String::new(),
            open_order: String::new(),
            alert: String::new(),
            task: String::new(),
            schedule: String::new(),
            draft: String::new(),
            session: String::new(),
            clerk_id: String::new(),
            camera: FakeCamera::new(&empty_view()),
            first_start: FirstStart::begin(),
            scenes: tables.iter().map(|table| FakeCamera::new(&table.picture)).collect(),
            packages,
        };
        shop.furnish(extent.photos_per_product).await;
        shop.teach_at_the_kiosk(&tables).await;
        shop.trade(extent).await;
        shop.leave_work().await;
        shop
    }

    /// The shop as the scripts for Node read it: addresses, visits, cookies, barcodes, files for the camera.
    pub async fn write_plan(&self, chromium: &std::path::Path) -> PathBuf {
        let plan = json!({
            "url": self.app.url,
            "chromium": chromium,
            "visits": self.visits(),
            "cookies": self.sign_in_everybody().await,
            "camera": self.camera.file(),
            "scenes": self.scenes.iter().map(FakeCamera::file).collect::<Vec<_>>(),
            "barcodes": self.packages.iter().map(|package| &package.barcode).collect::<Vec<_>>(),
            "newProduct": self.write_new_product().await,
            "firstStart": {"url": self.first_start.url, "password": self.first_start.one_time_password},
        });
        let path = self.app.database.folder().join("plan.json");
        std::fs::write(&path, plan.to_string()).unwrap();
        path
    }

    /// A product that nobody has taught yet: its name, and files with photos of it.
    async fn write_new_product(&self) -> Value {
        let unknown = catalogue(CATALOGUE_SEED, self.packages.len() + 1).pop().unwrap();
        let photos = furnishing::render_all(std::slice::from_ref(&unknown), 5).await.remove(0);
        let write = |(number, photo): (usize, Vec<u8>)| {
            let path = self.app.database.folder().join(format!("photo-{number}.jpg"));
            std::fs::write(&path, photo).unwrap();
            path
        };
        json!({"name": unknown.name, "photos": photos.into_iter().enumerate().map(write).collect::<Vec<_>>()})
    }

    /// The cookies of one browser for each role.
    pub async fn sign_in_everybody(&self) -> Value {
        let mut everybody = json!({"stranger": []});
        for (role, username, password) in
            [("admin", "admin", ADMIN_PASSWORD), ("clerk", CLERK, OWN_PASSWORD), ("shopper", SHOPPER, PASSWORD)]
        {
            let mut browser = Browser::new(&self.app);
            assert_eq!(browser.sign_in(username, password).await.status(), 303, "{username}");
            everybody[role] = json!(browser.cookies);
        }
        everybody["kiosk"] = json!([["kiosk", self.kiosk]]);
        everybody
    }
}

/// What lies on the kiosk's table, one picture after another: products by their index.
const TABLES: [&[usize]; 4] = [&[], &[1], &[1, 4], &[0]];

/// The tables as the kiosk's camera sees them.
fn draw_tables(packages: &[Package]) -> Vec<KioskFrame> {
    let draw = |(seed, shown): (u64, &&[usize])| {
        kiosk_frame(&shown.iter().map(|index| &packages[*index]).collect::<Vec<_>>(), seed)
    };
    (200..).zip(&TABLES).map(draw).collect()
}
