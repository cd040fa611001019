//! A kiosk without a camera; a shopper who calls for staff; a phone that joins the bill.

use std::path::PathBuf;

use image::RgbImage;
use serde_json::json;
use tillsight::demo::packages;
use tillsight::qr_code::QrPath;

use crate::browser::{TestBrowser, TestPage};
use crate::harness::{ADMIN_PASSWORD, TestApp, TestDatabase};
use crate::kiosk::{set_empty_view, wait_for_bill};
use crate::kiosk_shop::{KioskShop, SEEN, table};

fn write_picture(folder: &tempfile::TempDir, name: &str, picture: &RgbImage) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, packages::encode_jpeg(picture).unwrap()).unwrap();
    path
}

/// Staff see the call without a reload, and end it; the kiosk goes on. A call can be taken back.
async fn call_for_staff(kiosk: &TestPage, staff: &TestPage, url: &str) {
    kiosk.click(".bill-actions [data-action=call-staff]").await;
    kiosk.wait_for_text("Staff were called at 12:00").await;
    kiosk.capture("kiosk-staff-called").await;
    staff.wait_for_text("Calls for staff since 12:00").await;
    staff.capture("store-staff-called").await;
    staff.goto(&format!("{url}/admin")).await;
    staff.wait_for_text("Till 1 (Main Street) calls for staff since 12:00").await;
    staff.capture("dashboard-staff-called").await;
    staff.click_text("Helped").await;
    staff.wait_for_text("The call for staff has ended.").await;
    kiosk.wait_until("!document.getElementById('staff-called').open").await;

    kiosk.click(".bill-actions [data-action=call-staff]").await;
    kiosk.wait_for_text("Staff were called at").await;
    staff.goto(&format!("{url}/admin")).await;
    staff.wait_for_text("calls for staff since").await;
    // The call goes on after a reload.
    kiosk.goto(&format!("{url}/kiosk")).await;
    kiosk.wait_for_text("Staff were called at").await;
    kiosk.click("#take-back-call").await;
    kiosk.wait_until("!document.getElementById('staff-called').open").await;
    staff.goto(&format!("{url}/admin")).await;
    staff.wait_for_text("Nothing needs attention.").await;
    staff.assert_no_faults();
}

/// A shopper's phone joins the bill by the QR code, and has the receipt without a code.
async fn join_by_phone(browser: &TestBrowser, kiosk: &TestPage, url: &str) {
    kiosk.click("#open-join").await;
    kiosk.wait_until("document.querySelector('#join-code .qr')?.checkVisibility()").await;
    kiosk.capture("kiosk-join").await;
    let session = kiosk.evaluate("sessionStorage.getItem('kiosk.session')").await;
    let path = format!("/join/{}", session.as_str().unwrap());
    let shown = kiosk.evaluate("document.querySelector('#join-code path').getAttribute('d')").await;
    assert_eq!(shown, json!(QrPath::draw(&format!("https://shop.example{path}")).unwrap().path));

    let phone = browser.open(&format!("{url}{path}")).await;
    phone.click("a[href^=\"/signup\"]").await;
    phone.type_into("form[action=\"/signup\"] #username", "ann.lee").await;
    phone.type_into("#password", "my own oat milk receipts").await;
    phone.click("form[action=\"/signup\"] button.primary").await;
    phone.click(&format!("form[action=\"{path}\"] button.primary")).await;
    phone.wait_for_text("The receipt will be here once the bill is closed.").await;
    kiosk.wait_for_text("Done: the receipt will be on your account.").await;
    kiosk.wait_until("!document.getElementById('join').open").await;

    kiosk.click("#pay").await;
    kiosk.click("[data-method=card]").await;
    kiosk.click("[data-action=paid]").await;
    kiosk.wait_for_text("This receipt is on your account.").await;
    kiosk.capture("kiosk-receipt-kept").await;
    phone.goto(&format!("{url}/mypage")).await;
    phone.wait_for_text("€2.19").await;
    phone.assert_no_faults();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kiosk_without_a_camera_calls_for_staff_and_is_joined_by_phone() {
    let test = "kiosk_help::a_kiosk_without_a_camera_calls_for_staff_and_is_joined_by_phone";
    let Some(browser) = TestBrowser::launch_without_camera(test).await else { return };
    let app = TestApp::spawn_with(TestDatabase::sqlite(), "public_url = \"https://shop.example\"").await;
    let shop = KioskShop::open_on_server(app).await;
    let url = shop.app.url.as_str();
    let kiosk = shop.start_kiosk(&browser).await;
    kiosk.wait_for_text("No camera was found.").await;
    kiosk.capture("kiosk-no-camera").await;
    let pictures = tempfile::tempdir().unwrap();
    let empty = write_picture(&pictures, "1.jpg", &table(&[]));
    let milk = write_picture(&pictures, "2.jpg", &table(&[(SEEN, 120)]));
    kiosk.choose_files("#no-camera [data-folder]", &[empty]).await;
    kiosk.wait_until("document.getElementById('folder-picture').checkVisibility()").await;
    set_empty_view(&kiosk).await;
    kiosk.choose_files("#settings [data-folder]", &[milk]).await;
    wait_for_bill(&kiosk, json!([["Oat milk 1 l", 1]])).await;
    kiosk.capture("kiosk-folder").await;

    let staff = browser.open(&format!("{url}/login?next=/admin/stores/{}", shop.store)).await;
    staff.type_into("#username", "admin").await;
    staff.type_into("#password", ADMIN_PASSWORD).await;
    staff.click("form[action=\"/login\"] button.primary").await;
    staff.wait_for_text("Till 1").await;
    call_for_staff(&kiosk, &staff, url).await;
    join_by_phone(&browser, &kiosk, url).await;
    kiosk.assert_no_faults();
    browser.close().await;
}
