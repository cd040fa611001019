//! A shopper at a kiosk: from the enrolment code to the receipt's number, and what can come between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::{TestBrowser, TestPage};
use crate::harness::{TestDatabase, on_both_databases};
use crate::kiosk_shop::{KioskShop, SEEN, TWIN, UNKNOWN, table};

/// The bill on the screen: name and quantity of each line.
async fn bill(page: &TestPage) -> Value {
    page.evaluate(
        "[...document.querySelectorAll('#lines .line:not(.removed)')].map((line) => \
         [line.querySelector('[data-part=name]').textContent, Number(line.querySelector('[data-part=quantity]').textContent)])",
    )
    .await
}

pub async fn wait_for_bill(page: &TestPage, expected: Value) {
    let condition = format!(
        "JSON.stringify([...document.querySelectorAll('#lines .line:not(.removed)')].map((line) => \
         [line.querySelector('[data-part=name]').textContent, Number(line.querySelector('[data-part=quantity]').textContent)])) \
         === '{expected}'"
    );
    page.wait_until(&condition).await;
}

/// Waits until the camera's newest picture was answered and nothing lies in view.
async fn wait_for_empty_view(page: &TestPage) {
    page.wait_until("document.querySelectorAll('#boxes .box').length === 0 && !document.getElementById('hint').hidden")
        .await;
}

pub async fn set_empty_view(page: &TestPage) {
    page.click("#open-settings").await;
    page.click("#set-empty-view").await;
    page.wait_until("document.getElementById('no-empty-view') === null").await;
    page.capture("kiosk-settings").await;
    page.click("#settings form[method=dialog] button.primary").await;
    wait_for_empty_view(page).await;
}

/// Types as a scanner does, wherever the focus is.
async fn scan(page: &TestPage, barcode: &str) {
    page.evaluate(&format!(
        "for (const key of [...'{barcode}', 'Enter']) document.activeElement.dispatchEvent(\
         new KeyboardEvent('keydown', {{ key, bubbles: true, cancelable: true }}))"
    ))
    .await;
}

async fn a_shopper_pays_for_what_the_camera_sees(database: TestDatabase) {
    let shop = KioskShop::open(database).await;
    let test = "kiosk::a_shopper_pays_for_what_the_camera_sees";
    let Some(browser) = TestBrowser::launch(test, &shop.camera.file()).await else { return };
    let page = shop.enrol(&browser).await;
    set_empty_view(&page).await;

    // Billed once, however long it lies there.
    shop.camera.show(&table(&[(SEEN, 120)]));
    wait_for_bill(&page, json!([["Oat milk 1 l", 1]])).await;
    shop.camera.show(&table(&[(SEEN, 420)]));
    page.wait_until("parseFloat(document.querySelector('#boxes .box.billed')?.style.left) > 30").await;
    assert_eq!(bill(&page).await, json!([["Oat milk 1 l", 1]]), "it was only moved");
    page.capture("kiosk-matched").await;
    // Again, after the view was empty; and taken back.
    shop.camera.show(&table(&[]));
    wait_for_empty_view(&page).await;
    shop.camera.show(&table(&[(SEEN, 120)]));
    wait_for_bill(&page, json!([["Oat milk 1 l", 2]])).await;
    page.click("#undo").await;
    wait_for_bill(&page, json!([["Oat milk 1 l", 1]])).await;

    // Two products look alike: the shopper chooses.
    shop.camera.show(&table(&[(SEEN, 120), (TWIN, 520)]));
    page.wait_until("document.querySelectorAll('#choices .choice').length >= 2").await;
    page.wait_until(
        "[...document.querySelectorAll('#choices img')].every((image) => image.complete && image.naturalWidth > 0)",
    )
    .await;
    page.capture("kiosk-ambiguous").await;
    let choose = "[...document.querySelectorAll('#choices .choice')].find((choice) => choice.textContent.includes('black')).click()";
    page.evaluate(choose).await;
    wait_for_bill(&page, json!([["Oat milk 1 l", 1], ["Tea, black", 1]])).await;
    page.wait_until("document.getElementById('question').hidden").await;

    // Nobody taught this one: the shopper finds it by name.
    shop.camera.show(&table(&[(UNKNOWN, 320)]));
    page.wait_until("document.getElementById('unknown-help').checkVisibility()").await;
    page.capture("kiosk-unknown").await;
    page.click("#unknown-help [data-action=search]").await;
    page.type_into("#search-text", "soa").await;
    page.wait_until("document.querySelectorAll('#search-results .choice').length === 1").await;
    page.capture("kiosk-search").await;
    page.click("#search-results .choice").await;
    wait_for_bill(&page, json!([["Oat milk 1 l", 1], ["Tea, black", 1], ["Soap", 1]])).await;
    page.wait_until("document.getElementById('question').hidden").await;

    // A scanner needs no focus; what it scanned and then lies in view is billed once.
    shop.camera.show(&table(&[]));
    wait_for_empty_view(&page).await;
    scan(&page, "4006381333931").await;
    wait_for_bill(&page, json!([["Oat milk 1 l", 2], ["Tea, black", 1], ["Soap", 1]])).await;
    shop.camera.show(&table(&[(SEEN, 300)]));
    page.wait_until("document.querySelector('#boxes .box.billed') !== null").await;
    scan(&page, "0000000000000").await;
    page.wait_until("document.getElementById('toasts').textContent.includes('0000000000000')").await;
    // By touch.
    page.click("#lines .line:nth-child(1) [data-part=less]").await;
    page.click("#lines .line:nth-child(3) [data-part=less]").await;
    wait_for_bill(&page, json!([["Oat milk 1 l", 1], ["Tea, black", 1]])).await;
    // A reload goes on with the bill, and does not bill again what lies there.
    page.goto(&format!("{}/kiosk", shop.app.url)).await;
    wait_for_bill(&page, json!([["Oat milk 1 l", 1], ["Tea, black", 1]])).await;
    page.wait_until("document.querySelector('#boxes .box.billed') !== null").await;
    assert_eq!(bill(&page).await, json!([["Oat milk 1 l", 1], ["Tea, black", 1]]));

    page.click("#pay").await;
    page.capture("kiosk-method").await;
    // A double tap does not press what comes under the finger.
    page.double_click("[data-method=cash]").await;
    page.wait_until("document.querySelector('[data-step=due]').checkVisibility()").await;
    page.click("[data-action=back]").await;
    page.click("[data-method=card]").await;
    page.capture("kiosk-due").await;
    page.click("[data-action=paid]").await;
    page.wait_until("document.querySelector('[data-receipt-number]') !== null").await;
    page.capture("kiosk-receipt").await;
    assert_eq!(page.evaluate("document.querySelector('[data-receipt-number]').textContent").await, json!("1"));
    let orders = shop.orders().await;
    assert_eq!((orders.len(), &orders[0]["state"], &orders[0]["total"]), (1, &json!("paid"), &json!(574)));
    // The next shopper does not pay for what was left lying there.
    page.click("[data-action=next]").await;
    shop.camera.show(&table(&[]));
    wait_for_empty_view(&page).await;
    assert_eq!(bill(&page).await, json!([]));
    page.assert_no_faults();
    browser.close().await;
}

async fn a_kiosk_tells_offline_closed_and_refused_apart_and_heals(database: TestDatabase) {
    let shop = KioskShop::open(database).await;
    let test = "kiosk::a_kiosk_tells_offline_closed_and_refused_apart_and_heals";
    let Some(browser) = TestBrowser::launch(test, &shop.camera.file()).await else { return };
    let page = shop.enrol(&browser).await;
    scan(&page, "4006381333962").await;
    wait_for_bill(&page, json!([["Soap", 1]])).await;
    page.set_offline(true).await;
    page.wait_until("document.querySelector('[data-connection-notice=offline]').checkVisibility()").await;
    page.capture("kiosk-offline").await;
    page.set_offline(false).await;
    page.wait_until("document.getElementById('kiosk').dataset.connection === 'open'").await;
    assert_eq!(bill(&page).await, json!([["Soap", 1]]));

    let kiosks = shop.app.get(&format!("/api/stores/{}/kiosks", shop.store), &shop.admin).await.expect(200);
    let kiosk = format!("/api/stores/{}/kiosks/{}", shop.store, kiosks["data"][0]["id"].as_str().unwrap());
    shop.app.patch(&kiosk, &shop.admin, json!({"closed": true})).await.expect(200);
    page.evaluate("dispatchEvent(new Event('online'))").await;
    page.wait_until("document.querySelector('[data-connection-notice=closing]').checkVisibility()").await;
    page.click("#cancel").await;
    page.click("#cancel-yes").await;
    page.wait_until("document.querySelector('[data-connection-notice=closed]').checkVisibility()").await;
    page.capture("kiosk-closed").await;
    shop.app.patch(&kiosk, &shop.admin, json!({"closed": false})).await.expect(200);
    page.wait_until("document.getElementById('kiosk').dataset.connection === 'open'").await;

    shop.app.delete(&kiosk, &shop.admin).await.expect(200);
    page.evaluate("dispatchEvent(new Event('online'))").await;
    page.wait_until("document.querySelector('[data-connection-notice=refused]').checkVisibility()").await;
    page.capture("kiosk-refused").await;
    // The way out: a new code on the same device.
    page.click("[data-connection-notice=refused] a").await;
    let code = shop.new_code().await;
    page.wait_until("document.querySelector('.notice.warn') !== null").await;
    page.type_into("#code", &code).await;
    page.click("form[action=\"/kiosk\"] button.primary").await;
    page.wait_until("document.getElementById('camera')?.videoWidth > 0").await;
    browser.close().await;
}

on_both_databases! {
    a_shopper_pays_for_what_the_camera_sees,
    a_kiosk_tells_offline_closed_and_refused_apart_and_heals,
}

/// Each sends a picture as soon as the one before is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_kiosks_that_never_pause_none_starves() {
    let shop = KioskShop::open(TestDatabase::sqlite()).await;
    shop.camera.show(&table(&[(SEEN, 120), (TWIN, 520)]));
    let test = "kiosk::of_three_kiosks_that_never_pause_none_starves";
    let Some(browser) = TestBrowser::launch(test, &shop.camera.file()).await else { return };
    let mut pages = Vec::new();
    for _ in 0..3 {
        pages.push(shop.enrol(&browser).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answers =
        futures_util::future::join_all(pages.iter().map(|page| page.evaluate(include_str!("kiosk_load.js")))).await;
    crate::harness::say(&format!("three kiosks, answers and their 95th percentile in milliseconds: {answers:?}"));
    let counts: Vec<i64> = answers.iter().map(|answer| answer["answers"].as_i64().unwrap()).collect();
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least >= 5 && least * 2 >= *most, "{counts:?}");
    assert!(answers.iter().all(|answer| answer["refused"] == 0), "{answers:?}");
    browser.close().await;
}
