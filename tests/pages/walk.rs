//! The whole way in browsers, as people go it: an empty server is set up, a product is taught, a kiosk sells it, the shopper
//! keeps the receipt, an admin gives the money back, and the numbers are whole.
//!
//! On PostgreSQL from the kiosk on; what comes before is the same on both databases.

use std::path::PathBuf;

use image::RgbImage;
use serde_json::json;
use tillsight::demo::packages;
use tokio::process::Command;

use crate::browser::{TestBrowser, TestPage};
use crate::camera::FakeCamera;
use crate::harness::{ADMIN_PASSWORD, TestApp, TestDatabase, package_photo};
use crate::kiosk::{set_empty_view, wait_for_bill};
use crate::kiosk_shop::{KioskShop, SEEN, TWIN, table};

const SHOPPER_PASSWORD: &str = "my own oat milk receipts";

/// Photos of a product of the test catalogue, each of another view, alone on a grey table.
fn write_photos(folder: &tempfile::TempDir, product: usize, views: std::ops::Range<u64>) -> Vec<PathBuf> {
    let write = |view| {
        let photo = image::load_from_memory(&package_photo(product, view)).unwrap().into_rgb8();
        let mut table = RgbImage::from_pixel(640, 480, image::Rgb([205, 204, 200]));
        image::imageops::replace(&mut table, &photo, 200, 120);
        let path = folder.path().join(format!("{product}-{view}.jpg"));
        std::fs::write(&path, packages::encode_jpeg(&table).unwrap()).unwrap();
        path
    };
    views.map(write).collect()
}

/// The program at its very first start, and the one-time password that it prints.
async fn start_empty_server() -> (TestApp, String) {
    let database = TestDatabase::sqlite();
    let program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    let mut program = TestApp::prepare_program(program, &database, database.folder(), &[]);
    program.env_remove("TILLSIGHT_ADMIN_PASSWORD");
    let (app, greeting) = TestApp::run_program(program, database).await;
    let password = greeting.iter().find_map(|line| line.split_once("one-time password: ")).unwrap().1;
    (app, password.to_owned())
}

/// From the one-time password to a kiosk's code.
async fn set_the_shop_up(admin: &TestPage, one_time_password: &str) -> String {
    // Typed as a phone's keyboard offers it.
    admin.type_into("#one_time_password", &one_time_password.to_lowercase()).await;
    admin.type_into("#new_password", ADMIN_PASSWORD).await;
    admin.capture("walk-first-start").await;
    admin.click("form[action=\"/setup/password\"] button.primary").await;
    admin.type_into("#name", "Main Street").await;
    admin.click("form[action=\"/setup/store\"] button.primary").await;
    admin.wait_for_text("Main Street · EUR").await;
    admin.click("form[action=\"/setup/kiosk\"] button.primary").await;
    admin.wait_until("document.getElementById('enrolment-code')").await;
    admin.evaluate("document.getElementById('enrolment-code').innerText").await.as_str().unwrap().to_owned()
}

async fn teach(admin: &TestPage, url: &str, name: &str, price: &str, photos: &[PathBuf]) {
    admin.goto(&format!("{url}/admin/products/new")).await;
    admin.choose_files("#images", photos).await;
    let checked = format!("document.querySelectorAll('.picked li[data-tone]').length === {}", photos.len());
    admin.wait_until(&checked).await;
    admin.type_into("#name", name).await;
    admin.type_into("#price", price).await;
    admin.capture(&format!("walk-teach-{}", name.split(' ').next().unwrap())).await;
    admin.click("#product-fields button.primary").await;
    // A photo that another product has is asked about once.
    admin.wait_until("document.querySelector('[name=insist]') || location.pathname !== '/admin/products/new'").await;
    if admin.evaluate("location.pathname === '/admin/products/new'").await == json!(true) {
        admin.click("[name=insist]").await;
        admin.click("#product-fields button.primary").await;
    }
    let heading = format!("document.querySelector('h1')?.innerText === {}", json!(name));
    admin.wait_until(&heading).await;
}

/// At the kiosk, from the ambiguous thing to the receipt; returns the code on it. Oat milk lies there and is billed already.
async fn buy(kiosk: &TestPage, camera: &FakeCamera) -> String {
    camera.show(&table(&[(SEEN, 120), (TWIN, 520)]));
    kiosk.wait_until("document.querySelectorAll('#choices .choice').length >= 2").await;
    kiosk.capture("walk-ambiguous").await;
    kiosk.click_text("Tea, black").await;
    wait_for_bill(kiosk, json!([["Oat milk 1 l", 1], ["Tea, black", 1]])).await;
    kiosk.wait_until("document.getElementById('total').innerText === '€5.74'").await;
    kiosk.click("#pay").await;
    kiosk.click("[data-method=card]").await;
    kiosk.click("[data-action=paid]").await;
    kiosk.wait_until("document.querySelector('.receipt-number')?.innerText === '1'").await;
    kiosk.wait_until("document.querySelector('.receipt .qr')?.checkVisibility()").await;
    kiosk.capture("walk-receipt").await;
    let code = kiosk.evaluate("document.querySelector('.receipt .code').innerText").await.as_str().unwrap().to_owned();
    kiosk.assert_no_faults();
    code
}

/// The shopper signs up and makes the receipt their own with its code.
async fn claim(shopper: &TestPage, code: &str) {
    shopper.type_into("#username", "ann.lee").await;
    shopper.type_into("#password", SHOPPER_PASSWORD).await;
    shopper.click("form[action=\"/signup\"] button.primary").await;
    shopper.click("main a[href=\"/claim\"]").await;
    shopper.type_into("#claim", code).await;
    shopper.click("form[action=\"/claim\"] button.primary").await;
    for text in ["Main Street", "Oat milk 1 l", "Tea, black", "€5.74"] {
        shopper.wait_for_text(text).await;
    }
    shopper.capture("walk-claimed").await;
    shopper.click("main a[href=\"/mypage\"]").await;
    shopper.wait_until("document.querySelector('#orders .money')?.innerText === '€5.74'").await;
    shopper.capture("walk-mypage").await;
    shopper.assert_no_faults();
}

/// The admin finds the order and gives the money for the tea back.
async fn refund(admin: &TestPage) {
    admin.click("nav a[href=\"/admin/orders\"]").await;
    admin.click("#orders th a").await;
    admin.click_text("Refund").await;
    admin.type_into("#pieces_2", "1").await;
    admin.type_into("form[action$=\"/refund\"] #reason", "Wrong tea").await;
    admin.capture("walk-refund").await;
    admin.click("form[action$=\"/refund\"] button[value=pieces]").await;
    admin.wait_for_text("Refunded: €3.55").await;
    admin.wait_for_text("Wrong tea").await;
    admin.capture("walk-refunded").await;
}

/// The order, its payment and its refund are numbered, none is missing.
async fn look_at_the_numbers(admin: &TestPage) {
    admin.click("nav a[href=\"/admin/numbering\"]").await;
    admin.wait_for_text("Success rate").await;
    admin.click(".tabs a[href*=integrity]").await;
    admin.click_text("Deep check").await;
    for text in ["Main Street", "Health 100", "3 records", "No gaps, no duplicates."] {
        admin.wait_for_text(text).await;
    }
    admin.capture("walk-numbers").await;
    admin.assert_no_faults();
}

/// From the receipt to the numbers.
async fn keep_refund_and_check(browser: &TestBrowser, url: &str, admin: &TestPage, code: &str) {
    let shopper = browser.open(&format!("{url}/signup")).await;
    claim(&shopper, code).await;
    refund(admin).await;
    look_at_the_numbers(admin).await;
    shopper.goto(&format!("{url}/mypage")).await;
    shopper.wait_for_text("Partly refunded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_server_becomes_a_shop_that_sells_and_refunds() {
    let photos = tempfile::tempdir().unwrap();
    let camera = FakeCamera::new(&table(&[]));
    let test = "walk::an_empty_server_becomes_a_shop_that_sells_and_refunds";
    let Some(browser) = TestBrowser::launch(test, &camera.file()).await else { return };
    let (app, one_time_password) = start_empty_server().await;
    let admin = browser.open(&app.url).await;
    let code = set_the_shop_up(&admin, &one_time_password).await;
    let kiosk = browser.open(&format!("{}/kiosk", app.url)).await;
    kiosk.type_into("#code", &code).await;
    kiosk.click("form[action=\"/kiosk\"] button.primary").await;
    kiosk.wait_until("document.getElementById('camera')?.videoWidth > 0").await;
    set_empty_view(&kiosk).await;

    admin.goto(&format!("{}/setup", app.url)).await;
    admin.click("main a[href=\"/admin/products/new\"]").await;
    teach(&admin, &app.url, "Oat milk 1 l", "2.19", &write_photos(&photos, SEEN, 1..4)).await;
    // What was taught is recognised at once.
    camera.show(&table(&[(SEEN, 120)]));
    wait_for_bill(&kiosk, json!([["Oat milk 1 l", 1]])).await;
    kiosk.capture("walk-recognised").await;
    teach(&admin, &app.url, "Tea, green", "3.45", &write_photos(&photos, TWIN, 1..3)).await;
    teach(&admin, &app.url, "Tea, black", "3.55", &write_photos(&photos, TWIN, 1..3)).await;
    admin.assert_no_faults();

    let code = buy(&kiosk, &camera).await;
    keep_refund_and_check(&browser, &app.url, &admin, &code).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kiosk_on_postgres_sells_and_the_order_is_kept_and_refunded() {
    let shop = KioskShop::open(TestDatabase::postgres().await).await;
    let test = "walk::a_kiosk_on_postgres_sells_and_the_order_is_kept_and_refunded";
    let Some(browser) = TestBrowser::launch(test, &shop.camera.file()).await else { return };
    let kiosk = shop.enrol(&browser).await;
    set_empty_view(&kiosk).await;
    shop.camera.show(&table(&[(SEEN, 120)]));
    wait_for_bill(&kiosk, json!([["Oat milk 1 l", 1]])).await;
    let code = buy(&kiosk, &shop.camera).await;
    let admin = browser.open(&format!("{}/login?next=/admin", shop.app.url)).await;
    admin.type_into("#username", "admin").await;
    admin.type_into("#password", ADMIN_PASSWORD).await;
    admin.click("form[action=\"/login\"] button.primary").await;
    keep_refund_and_check(&browser, &shop.app.url, &admin, &code).await;
    browser.close().await;
}
