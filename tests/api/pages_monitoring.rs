//! The pages that watch the shop: dashboard, search, receipt numbers, alerts, background work, audit log, settings.

use serde_json::json;
use tillsight::performance::AttemptOutcome;

use crate::alerts::{Monitor, SECRET};
use crate::harness::{
    ADMIN_PASSWORD, AlertReceiver, Browser, ONLY_ON_DEMAND, Shop, TestApp, TestDatabase, assert_leads, delete_order,
    on_both_databases,
};
use crate::repair::shop_with_orders;

async fn admin_browser(app: &TestApp) -> Browser<'_> {
    let mut browser = Browser::new(app);
    browser.sign_in("admin", ADMIN_PASSWORD).await;
    browser
}

/// The text of a page that must open.
async fn text(browser: &mut Browser<'_>, path: &str) -> String {
    let response = browser.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    let text = response.text().await.unwrap();
    assert!(!text.contains("style=\"") && !text.contains("onclick="), "{path} has something inline");
    text
}

async fn the_dashboard_shows_sales_and_leads_to_what_it_names(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let mut browser = admin_browser(&shop.app).await;
    assert_leads(&browser.get("/").await, "/admin");
    assert!(text(&mut browser, "/admin").await.contains("No sales in this period"));
    shop.place_paid_order().await;
    let today = text(&mut browser, "/admin").await;
    assert!(
        today.contains("€6.45") && today.contains("Milk &#38; &#60;b&#62;honey") && today.contains("class=\"plot\"")
    );
    assert!(!today.contains("<b>honey"), "names are texts");
    assert!(text(&mut browser, "/admin?days=90").await.contains("Sales in 90 days"));
    let mut korean = browser.client.get(format!("{}/admin", shop.app.url)).header("cookie", browser.cookie_header());
    korean = korean.header("accept-language", "ko").header("accept", "text/html");
    assert!(korean.send().await.unwrap().text().await.unwrap().contains("오늘 매출"));

    let mut clerk = Browser::new(&shop.app);
    clerk.sign_in("clerk", "knows every apple").await;
    let own = text(&mut clerk, "/admin").await;
    assert!(own.contains("€6.45") && !own.contains("/admin/search"), "a clerk sees sales and no search");
    let other = shop.app.create_store(&shop.admin).await;
    assert_eq!(clerk.get(&format!("/admin?store_id={other}")).await.status(), 404);

    let found = text(&mut browser, "/admin/search?q=1").await;
    assert!(found.contains("/admin/orders/") && found.contains("#1"));
    assert!(text(&mut browser, "/admin/search?q=cler").await.contains("/admin/people/"));
    assert!(text(&mut browser, "/admin/search?q=%3Cscript%3E").await.contains("Nothing found for “&#60;script&#62;”"));
    assert_leads(&browser.get("/admin/search").await, "/admin");
}

async fn a_missing_number_is_written_out_and_repaired_in_two_steps(database: TestDatabase) {
    let shop = shop_with_orders(&database, true).await;
    delete_order(&database).await;
    let mut browser = admin_browser(&shop.app).await;
    let checked = browser.submit("/admin/numbering/check", &[("depth", "quick")]).await;
    assert_leads(&checked, "/admin/numbering?tab=integrity&notice=notice-check-findings");
    for tab in ["overview", "integrity"] {
        let page = text(&mut browser, &format!("/admin/numbering?tab={tab}")).await;
        assert!(page.contains("Receipt 3: missing (1 in total)"), "{tab}: {page}");
    }
    browser.submit("/preferences", &[("language", "ko")]).await;
    let korean = text(&mut browser, "/admin/numbering").await;
    assert!(korean.contains("영수증 3번: 번호가 빠졌습니다(모두 1건)"), "{korean}");
    browser.submit("/preferences", &[("language", "en")]).await;
    assert!(text(&mut browser, "/admin").await.contains("Receipt numbers of 1 store are damaged"));
    let history = format!("/admin/numbering?tab=integrity&store_id={}", shop.store);
    assert!(text(&mut browser, &history).await.contains("id=\"history\""));
    let fields = [("store_id", shop.store.as_str()), ("reason", "the disk broke")];
    let plan = browser.submit("/admin/numbering/repair", &fields).await.text().await.unwrap();
    assert!(plan.contains("1 number becomes void"), "{plan}");
    assert_eq!(database.count("SELECT COUNT(*) FROM void_placeholders").await, 0, "nothing is changed yet");
    let nothing = [("store_id", shop.store.as_str()), ("reason", " ")];
    assert_eq!(browser.submit("/admin/numbering/repair", &nothing).await.status(), 422);
    let apply = [fields[0], fields[1], ("apply", "yes")];
    let repaired = browser.submit("/admin/numbering/repair", &apply).await;
    assert_leads(&repaired, "/admin/numbering?tab=integrity&notice=notice-repaired");
    assert_eq!(database.count("SELECT COUNT(*) FROM void_placeholders").await, 1);
    let overview = text(&mut browser, "/admin/numbering").await;
    assert!(overview.contains("No gaps, no duplicates.") && overview.contains("Last numbers: Receipts "), "{overview}");
    assert!(overview.contains("Refunds and voids –"), "{overview}");
    assert!(text(&mut browser, "/admin/numbering?tab=performance").await.contains("95th percentile"));
}

async fn an_alert_is_shown_with_its_runbook_taken_care_of_and_resolved(database: TestDatabase) {
    let app = TestApp::spawn_with(database, ONLY_ON_DEMAND).await;
    let store = app.create_store(&app.login_admin().await).await;
    let mut browser = admin_browser(&app).await;
    assert!(text(&mut browser, "/admin/alerts").await.contains("No alert is active."));
    let monitor = Monitor::start(&app, "").await;
    monitor.record_attempts(&store, AttemptOutcome::Failed, 10);
    monitor.alerts.evaluate_rules().await.unwrap();
    monitor.alerts.deliver_due().await.unwrap();
    let page = text(&mut browser, "/admin/alerts").await;
    assert!(page.contains("Orders fail") && page.contains("<strong>What it means.</strong>"), "{page}");
    let admin = app.login_admin().await;
    let alert = app.get("/api/monitoring/numbering/alerts/active", &admin).await.expect(200)["data"][0].clone();
    let own = format!("/admin/alerts/{}", alert["id"].as_str().unwrap());
    assert!(text(&mut browser, &own).await.contains("Delivered"));
    let key = alert["key"].as_str().unwrap();
    for (action, notice) in [("acknowledge", "notice-alert-acknowledged"), ("resolve", "notice-alert-resolved")] {
        let done = browser.submit("/admin/alerts/act", &[("key", key), ("action", action)]).await;
        assert_leads(&done, &format!("/admin/alerts?notice={notice}"));
    }
    assert!(text(&mut browser, &own).await.contains("Resolved"));
    let again = browser.submit("/admin/alerts/act", &[("key", key), ("action", "resolve")]).await;
    assert_eq!(again.status(), 404, "it was resolved");
    let tested = browser.submit("/admin/alerts/test", &[]).await.text().await.unwrap();
    assert!(tested.contains("No receiver is set"), "{tested}");
}

async fn background_audit_and_settings_are_read(database: TestDatabase) {
    let receiver = AlertReceiver::start().await;
    let hook = format!("webhook_url = \"{}\"\nwebhook_secret = \"{SECRET}\"", receiver.url);
    let app = TestApp::spawn_with(database, &format!("[monitoring]\n{hook}")).await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    app.patch(&format!("/api/stores/{store}"), &admin, json!({"name": "High <Street>"})).await.expect(200);
    let mut browser = admin_browser(&app).await;
    assert!(text(&mut browser, "/admin/background").await.contains("catalog: follow"));
    let log = text(&mut browser, "/admin/audit").await;
    assert!(
        log.contains("<code>store.change</code>") && log.contains("Changed the store High &#60;Street&#62;"),
        "{log}"
    );
    assert!(log.contains("<dt>Name</dt><dd>Test store → High &#60;Street&#62;</dd>"), "{log}");
    assert!(log.contains("<dt>A business day begins at</dt><dd>00:00</dd>"), "{log}");
    let filtered = text(&mut browser, "/admin/audit?action=store&actor=admin").await;
    assert!(filtered.contains("Opened the store") && !filtered.contains("<code>user.create"));
    assert!(text(&mut browser, "/admin/audit?actor=nobody").await.contains("No record"));
    assert_eq!(browser.get("/admin/audit?since=yesterday").await.status(), 422);
    let settings = text(&mut browser, "/admin/settings").await;
    assert!(settings.contains("monitoring.webhook_secret") && settings.contains("set, never shown"));
    assert!(!settings.contains("twenty-four"));
}

on_both_databases!(
    the_dashboard_shows_sales_and_leads_to_what_it_names,
    a_missing_number_is_written_out_and_repaired_in_two_steps,
    an_alert_is_shown_with_its_runbook_taken_care_of_and_resolved,
    background_audit_and_settings_are_read,
);
