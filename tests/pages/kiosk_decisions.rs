//! What the kiosk's scripts decide, tested by a script in a page of the server: there is no other engine for JavaScript here.

use crate::browser::TestBrowser;
use crate::camera::FakeCamera;
use crate::harness::{TestApp, TestDatabase};
use crate::kiosk_shop::table;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kiosks_scripts_decide_rightly() {
    let camera = FakeCamera::new(&table(&[]));
    let Some(browser) = TestBrowser::launch("kiosk_decisions::the_kiosks_scripts_decide_rightly", &camera.file()).await
    else {
        return;
    };
    let app = TestApp::spawn(TestDatabase::sqlite()).await;
    let page = browser.open(&format!("{}/kiosk", app.url)).await;
    let checks = page.evaluate(include_str!("kiosk_decisions.js")).await;
    assert!(checks.as_i64().unwrap() > 30, "{checks}");
    browser.close().await;
}
