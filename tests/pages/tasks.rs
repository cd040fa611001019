//! An admin imports by drag and drop, and a kiosk recognises what came; a failed item is retried, a task is stopped.

use std::io::{Cursor, Write};
use std::path::Path;

use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::browser::{TestBrowser, TestPage};
use crate::harness::{ADMIN_PASSWORD, TestDatabase, package_photo};
use crate::kiosk::{set_empty_view, wait_for_bill};
use crate::kiosk_shop::{KioskShop, UNKNOWN, table};

/// Lines 2 to 5: good; a price that cannot be read; a barcode that "Soap" has; a photo that is not in the ZIP.
const TABLE: &str = "name,sku,barcode,price,currency,images\n\
    Biscuits,B-1,,199,EUR,0.jpg;1.jpg;2.jpg;3.jpg\n\
    Coffee,C-1,,3.49,EUR,\n\
    Shower gel,G-1,4006381333962,299,EUR,\n\
    Jam,J-1,,249,EUR,jam.jpg\n";

fn write_zip(path: &Path, table: &str) {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut add = |name: String, content: &[u8]| {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    };
    add("products.csv".to_owned(), table.as_bytes());
    for view in 0..4 {
        add(format!("{view}.jpg"), &package_photo(UNKNOWN, view));
    }
    std::fs::write(path, writer.finish().unwrap().into_inner()).unwrap();
}

async fn sign_in(browser: &TestBrowser, shop: &KioskShop) -> TestPage {
    let page = browser.open(&format!("{}/login", shop.app.url)).await;
    shop.choose_language(&page).await;
    page.type_into("#username", "admin").await;
    page.type_into("#password", ADMIN_PASSWORD).await;
    page.click("form[action=\"/login\"] button.primary").await;
    page.wait_until("location.pathname.startsWith('/admin') || location.pathname.startsWith('/setup')").await;
    page
}

/// Drops a ZIP on the page of imports and waits until it has been looked through.
async fn drop_import(page: &TestPage, shop: &KioskShop, zip: &Path) {
    page.goto(&format!("{}/admin/tasks/import", shop.app.url)).await;
    page.drop_files("#import-zone", &[zip]).await;
    page.wait_until("document.getElementById('import-start') !== null").await;
}

async fn start_import(page: &TestPage) {
    page.click("input[name=whole_photos]").await;
    page.click("#import-start").await;
    page.wait_until("document.getElementById('task-progress') !== null").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_is_dropped_recognised_mended_and_stopped() {
    let shop = KioskShop::open(TestDatabase::sqlite()).await;
    let test = "tasks::an_import_is_dropped_recognised_mended_and_stopped";
    let Some(browser) = TestBrowser::launch(test, &shop.camera.file()).await else { return };
    let kiosk = shop.enrol(&browser).await;
    set_empty_view(&kiosk).await;
    let page = sign_in(&browser, &shop).await;
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("spring.zip");
    write_zip(&zip, TABLE);

    // The broken rows are told by line before anything starts.
    page.goto(&format!("{}/admin/tasks/import", shop.app.url)).await;
    page.capture("import").await;
    drop_import(&page, &shop, &zip).await;
    let rows = "[...document.querySelectorAll('#broken-rows tbody tr')].map((row) => \
        [...row.cells].slice(0, 3).map((cell) => cell.textContent.trim()))";
    assert_eq!(page.evaluate(rows).await, json!([["3", "price", "3.49"], ["5", "images", "jam.jpg"]]));
    assert_eq!(
        shop.app.get("/api/products?limit=100", &shop.admin).await.expect(200)["data"].as_array().unwrap().len(),
        4
    );
    page.capture("import-draft").await;

    // The page follows the import by itself, to its end.
    start_import(&page).await;
    page.wait_until("document.querySelector('#task-progress .badge.warn') !== null").await;
    page.wait_until("document.querySelectorAll('[data-retry]').length === 3").await;
    page.wait_until("document.querySelector('#task-products a') !== null").await;
    page.capture("task").await;
    // What came is recognised at the till.
    shop.camera.show(&table(&[(UNKNOWN, 320)]));
    wait_for_bill(&kiosk, json!([["Biscuits", 1]])).await;

    // The barcode becomes free, and the failed item is tried again.
    let products = shop.app.get("/api/products?barcode=4006381333962", &shop.admin).await.expect(200);
    let soap = format!("/api/products/{}", products["data"][0]["id"].as_str().unwrap());
    shop.app.delete(&soap, &shop.admin).await.expect(204);
    page.evaluate("[...document.querySelectorAll('#task-items tr')].find((row) => row.textContent.includes('Shower gel')).querySelector('[data-retry]').click()").await;
    page.wait_until(
        "[...document.querySelectorAll('#task-items tr')].some((row) => row.textContent.includes('Shower gel') && \
         row.querySelector('.badge.good'))",
    )
    .await;
    page.goto(&format!("{}/admin/tasks", shop.app.url)).await;
    page.capture("tasks").await;

    // Another import waits, because its stage is paused, and is stopped.
    shop.app.post("/api/automation/pause", &shop.admin, json!({"kind": "stage", "name": "embed"})).await.expect(200);
    write_zip(&zip, "name,sku,price,currency,images\nRice,R-1,99,EUR,0.jpg\nPasta,P-1,89,EUR,\n");
    drop_import(&page, &shop, &zip).await;
    start_import(&page).await;
    // Both items have come to the stage that is paused.
    let at_embed = "[...document.querySelectorAll('#log tbody tr, #task-log tbody tr')].length >= 4 && \
        document.querySelectorAll('#task-items tbody tr').length === 2";
    page.wait_until(at_embed).await;
    page.click("#stop").await;
    page.click("#ask-yes").await;
    page.wait_until("document.getElementById('task-stop') !== null").await;
    // Nothing ran, two items waited, no program was started.
    let told = page
        .evaluate("[...document.querySelectorAll('#task-stop li')].map((line) => /[0-9]/.exec(line.textContent)?.[0])")
        .await;
    assert_eq!(told, json!([null, "2", null]));
    page.capture("task-stopped").await;
    page.goto(&format!("{}/admin/schedules", shop.app.url)).await;
    page.capture("schedules").await;
    page.assert_no_faults();
    browser.close().await;
}
