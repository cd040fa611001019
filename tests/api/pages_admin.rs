//! The pages of products, orders, closings, stores, people and models: what they do without scripts, and what they say when a
//! form is wrong.

use reqwest::multipart::{Form, Part};
use serde_json::json;

use crate::harness::{
    ADMIN_PASSWORD, Browser, Shop, TestApp, TestDatabase, assert_leads, jpeg, on_both_databases, package_photo,
};

async fn sign_in(shop: &Shop) -> Browser<'_> {
    let mut browser = Browser::new(&shop.app);
    browser.sign_in("admin", ADMIN_PASSWORD).await;
    browser
}

fn photo_form(fields: &[(&'static str, &'static str)], photos: &[Vec<u8>]) -> Form {
    let form = fields.iter().fold(Form::new(), |form, (name, value)| form.text(*name, *value));
    let part = |photo: &Vec<u8>| Part::bytes(photo.clone()).file_name(if photo.is_empty() { "" } else { "photo.jpg" });
    photos.iter().fold(form, |form, photo| form.part("images", part(photo)))
}

/// The address that a redirect names, without its notice.
fn place(response: &reqwest::Response) -> String {
    assert_eq!(response.status(), 303, "{}", response.url());
    let location = response.headers()["location"].to_str().unwrap();
    location.split('?').next().unwrap().to_owned()
}

async fn a_product_is_taught_changed_and_removed_without_scripts(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let mut browser = sign_in(&shop).await;
    let page = browser.get("/admin/products/new").await.text().await.unwrap();
    assert!(page.contains("multipart/form-data") && page.contains("name=\"form_key\""), "{page}");
    // Wrong at the field, and what was typed is kept.
    let fields = [("name", "Green <tea>"), ("price", "2.199"), ("currency", "EUR"), ("form_key", "one")];
    let refused = browser.upload("/admin/products/new", photo_form(&fields, &[package_photo(0, 0)])).await;
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("Green &#60;tea&#62;") && refused.contains("id=\"price-fault\""), "{refused}");
    let blank = [("name", "Green tea"), ("price", "2,19"), ("currency", "eur"), ("form_key", "one")];
    let refused = browser.upload("/admin/products/new", photo_form(&blank, &[jpeg([180, 20, 60])])).await;
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("photo-fault") && refused.contains("name=\"insist\""), "{refused}");

    // A browser sends an empty file where none was chosen. Sent twice, it is taught once.
    let fields =
        [("name", "Green tea"), ("price", "2,19"), ("currency", "eur"), ("tax_rate_bp", "7"), ("form_key", "two")];
    let taught = browser.upload("/admin/products/new", photo_form(&fields, &[package_photo(0, 0), Vec::new()])).await;
    let product = place(&taught);
    let again = browser.upload("/admin/products/new", photo_form(&fields, &[package_photo(0, 0), Vec::new()])).await;
    assert_eq!(place(&again), product);
    let page = browser.get(&product).await.text().await.unwrap();
    assert!(page.contains("Green tea") && page.contains("value=\"2.19\"") && page.contains("value=\"7\""), "{page}");
    let list = browser.get("/admin/products?q=green").await.text().await.unwrap();
    assert!(list.contains("Green tea") && list.contains("?size=thumbnail") && !list.contains("Milk"), "{list}");

    let changed = [("name", "Green tea"), ("price", ""), ("currency", "EUR"), ("barcode", "2000000000015")];
    assert_eq!(place(&browser.submit(&product, &changed).await), product);
    let page = browser.get(&product).await.text().await.unwrap();
    assert!(page.contains("No price") && page.contains("value=\"2000000000015\""), "{page}");
    let added = browser
        .upload(&format!("{product}/photos"), photo_form(&[("form_key", "three")], &[package_photo(0, 1)]))
        .await;
    assert_eq!(place(&added), product);
    let page = browser.get(&product).await.text().await.unwrap();
    let remove = page.split("action=\"").find(|part| part.contains("/photos/") && part.contains("/remove")).unwrap();
    let remove = remove.split('"').next().unwrap();
    assert_eq!(place(&browser.submit(remove, &[]).await), product);
    assert_eq!(place(&browser.submit(&format!("{product}/sale"), &[("active", "no")]).await), product);
    assert!(browser.get(&product).await.text().await.unwrap().contains("Put on sale"));
    assert_eq!(place(&browser.submit(&format!("{product}/remove"), &[]).await), "/admin/products");
    assert_eq!(browser.get(&product).await.status(), 404);
}

async fn two_people_with_the_same_form_do_not_undo_each_others_changes(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let mut browser = sign_in(&shop).await;
    let product = format!("/admin/products/{}", shop.milk);
    let page = browser.get(&product).await.text().await.unwrap();
    let name = "Milk & <b>honey</b>";
    assert!(page.contains("name=\"shown_price\" value=\"1.29\"") && page.contains("name=\"shown_name\""), "{page}");
    // Both opened the page; one changes the price, then the other the name.
    let form = |name: &'static str, price: &'static str, shown_name: &'static str, shown_price: &'static str| {
        let rest = [("currency", "EUR"), ("tax_rate_bp", "7"), ("shown_currency", "EUR"), ("shown_tax_rate_bp", "7")];
        let changed = [("name", name), ("price", price), ("shown_name", shown_name), ("shown_price", shown_price)];
        changed.into_iter().chain(rest).collect::<Vec<_>>()
    };
    assert_eq!(place(&browser.submit(&product, &form(name, "1.49", name, "1.29")).await), product);
    assert_eq!(place(&browser.submit(&product, &form("Honey milk", "1.29", name, "1.29")).await), product);
    let page = browser.get(&product).await.text().await.unwrap();
    assert!(
        page.contains("value=\"Honey milk\"") && page.contains("name=\"price\" type=\"text\" value=\"1.49\""),
        "{page}"
    );
    // A price that both change is refused once, and says what it is.
    let late = browser.submit(&product, &form(name, "0.99", name, "1.29")).await;
    assert_eq!(late.status(), 409);
    let late = late.text().await.unwrap();
    assert!(late.contains("id=\"price-fault\"") && late.contains("1.49") && late.contains("value=\"0.99\""), "{late}");
    assert!(late.contains("name=\"shown_price\" value=\"1.49\"") && late.contains("value=\"Honey milk\""), "{late}");
    let again = form("Honey milk", "0.99", "Honey milk", "1.49");
    assert_eq!(place(&browser.submit(&product, &again).await), product);
    assert!(browser.get(&product).await.text().await.unwrap().contains("value=\"0.99\""));
}

async fn an_order_is_found_paid_refunded_by_line_and_closed(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let mut browser = sign_in(&shop).await;
    let order = shop.place_order(&[(&shop.milk, 2), (&shop.soap, 1)]).await;
    let page = format!("/admin/orders/{}", order["id"].as_str().unwrap());
    let list = browser.get("/admin/orders?receipt_number=1&day=2026-01-05&state=confirmed").await.text().await.unwrap();
    assert!(list.contains(&page) && list.contains("Not paid"), "{list}");
    let none = browser.get("/admin/orders?day=2026-01-06").await.text().await.unwrap();
    assert!(!none.contains(&page) && none.contains("No such order"), "{none}");
    let wrong = browser.get("/admin/orders?receipt_number=zero").await;
    assert_eq!(wrong.status(), 422);
    assert!(wrong.text().await.unwrap().contains("receipt_number-fault"));

    let short = [("method", "cash"), ("tendered", "0.01"), ("form_key", "pay-1")];
    let refused = browser.submit(&format!("{page}/pay"), &short).await;
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("value=\"0.01\""), "{refused}");
    let paid = [("method", "cash"), ("tendered", "100"), ("form_key", "pay-2")];
    assert_eq!(place(&browser.submit(&format!("{page}/pay"), &paid).await), page);
    let nothing = [("method", "cash"), ("reason", "broken"), ("what", "pieces"), ("form_key", "refund-1")];
    let refused = browser.submit(&format!("{page}/refund"), &nothing).await.text().await.unwrap();
    assert!(refused.contains("how many pieces") && refused.contains("value=\"broken\""), "{refused}");
    let one =
        [("pieces_1", "1"), ("method", "cash"), ("reason", "broken"), ("what", "pieces"), ("form_key", "refund-2")];
    for _ in 0..2 {
        assert_eq!(place(&browser.submit(&format!("{page}/refund"), &one).await), page, "sent twice, refunded once");
    }
    let shown = browser.get(&page).await.text().await.unwrap();
    assert!(shown.contains("Partly refunded") && shown.contains("broken") && shown.contains("max=\"1\""), "{shown}");
    let printed = browser.submit(&format!("{page}/print"), &[("form_key", "print-1")]).await;
    assert!(printed.status().is_success());

    let preview = browser.get("/admin/closings").await.text().await.unwrap();
    assert!(preview.contains("1 sale") && preview.contains("1 refund"), "{preview}");
    let closed = browser.submit(&format!("/admin/closings/{}", shop.store), &[("form_key", "close-1")]).await;
    let closing = place(&closed);
    assert_eq!(closing, format!("/admin/closings/{}/1", shop.store));
    assert!(browser.get(&closing).await.text().await.unwrap().contains("Z report 1"));
    let log = browser.get("/admin/audit").await.text().await.unwrap();
    assert!(log.contains("Refunded €1.29 of receipt 1") && log.contains("<dt>Method</dt><dd>cash</dd>"), "{log}");
    assert!(log.contains("Closed the day 2026-01-05 (report 1)"), "{log}");
}

async fn stores_kiosks_and_people_are_managed(database: TestDatabase) {
    let app = TestApp::spawn_with(database, "public_url = \"https://shop.example\"").await;
    let shop = Shop::open_on_server(app, json!({"name": "Main Street", "currency": "EUR"})).await;
    let mut browser = sign_in(&shop).await;
    let unnamed = [("name", " "), ("currency", "EUR"), ("address", "1 High Street")];
    let refused = browser.submit("/admin/stores", &unnamed).await;
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("name-fault") && refused.contains("value=\"1 High Street\""), "{refused}");
    let store = place(&browser.submit("/admin/stores", &[("name", "High Street"), ("currency", "EUR")]).await);
    let renamed = [("name", "Low Street"), ("time_zone", "Europe/Berlin"), ("prices_include_tax", "no")];
    assert_eq!(place(&browser.submit(&store, &renamed).await), store);
    let terms = [("name", "Low Street"), ("cash_rounding", "0,05"), ("day_starts_at", "05:00")];
    assert_eq!(place(&browser.submit(&store, &terms).await), store);
    let begun = [("series", "order"), ("first_number", "4711")];
    assert_eq!(place(&browser.submit(&format!("{store}/series"), &begun).await), store);
    let page = browser.get(&store).await.text().await.unwrap();
    assert!(
        page.contains("value=\"0.05\"") && page.contains("value=\"05:00\"") && page.contains("Next: 4711"),
        "{page}"
    );
    let again = browser.submit(&format!("{store}/series"), &begun).await;
    assert_eq!(again.status(), 409);
    assert!(again.text().await.unwrap().contains("already begin at 4711"));
    let wrong = [("name", "Low Street"), ("cash_rounding", "five")];
    let refused = browser.submit(&store, &wrong).await;
    assert_eq!(refused.status(), 422);
    assert!(refused.text().await.unwrap().contains("cash_rounding-fault"));
    let with_code = browser.submit(&format!("{store}/kiosks"), &[("name", "Till 7")]).await.text().await.unwrap();
    assert!(with_code.contains("Low Street") && with_code.contains("id=\"enrolment-code\""), "{with_code}");
    assert!(with_code.contains("class=\"qr\""));
    let revoke = with_code.split("action=\"").find(|part| part.contains("/revoke")).unwrap().split('"').next().unwrap();
    assert_eq!(place(&browser.submit(revoke, &[]).await), store);

    let storeless = [("username", "bob"), ("role", "clerk")];
    let refused = browser.submit("/admin/people", &storeless).await;
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("store_id-fault") && refused.contains("value=\"bob\""), "{refused}");
    let clerk = [("username", "bob"), ("role", "clerk"), ("store_id", shop.store.as_str())];
    let invited = browser.submit("/admin/people", &clerk).await.text().await.unwrap();
    let password = invited.split("data-copy=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut bob = Browser::new(&shop.app);
    assert_leads(&bob.sign_in("bob", &password).await, "/");
    let person = invited.split("action=\"").find(|part| part.contains("/disabled")).unwrap();
    let person = person.split("/disabled").next().unwrap().to_owned();
    assert_eq!(place(&browser.submit(&format!("{person}/disabled"), &[("disabled", "yes")]).await), person);
    let useless = browser.submit(&format!("{person}/password"), &[]).await;
    assert_eq!(useless.status(), 422, "no password opens a disabled account");
    assert_eq!(place(&browser.submit(&format!("{person}/disabled"), &[("disabled", "no")]).await), person);
    let reset = browser.submit(&format!("{person}/password"), &[]).await.text().await.unwrap();
    assert!(reset.contains("data-copy=\""), "{reset}");
    // The last admin cannot be made a clerk.
    let me = shop.app.get("/api/auth/me", &shop.admin).await.expect(200);
    let me = format!("/admin/people/{}", me["id"].as_str().unwrap());
    let refused = browser.submit(&me, &[("role", "user")]).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("last-admin"));
}

/// Two products of before with one article: the dashboard names them, each page the other, and a button merges them.
async fn products_of_one_article_are_named_and_merged(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let mut browser = sign_in(&shop).await;
    assert!(!browser.get("/admin").await.text().await.unwrap().contains("shares_article"));
    database
        .execute(
            "UPDATE products SET barcode = '036000291452', barcode_normalized = '00036000291452' WHERE name = 'Soap'",
        )
        .await;
    database
        .execute(
            "UPDATE products SET barcode = '0036000291452', barcode_normalized = '00036000291452' WHERE name <> 'Soap'",
        )
        .await;
    let dashboard = browser.get("/admin").await.text().await.unwrap();
    assert!(dashboard.contains("1 barcode belongs to several products"), "{dashboard}");
    let list = browser.get("/admin/products?shares_article=true").await.text().await.unwrap();
    assert!(list.contains("Soap") && list.contains("Open one to merge them"), "{list}");
    let soap = format!("/admin/products/{}", shop.soap);
    let page = browser.get(&soap).await.text().await.unwrap();
    assert!(page.contains("written 0036000291452") && page.contains("Merge them here"), "{page}");
    let merged = browser.submit(&format!("{soap}/merge"), &[("product_id", &shop.milk), ("form_key", "merge-1")]).await;
    assert_eq!(place(&merged), soap);
    assert!(!browser.get(&soap).await.text().await.unwrap().contains("Merge them here"));
    assert_eq!(browser.get(&format!("/admin/products/{}", shop.milk)).await.status(), 404);
}

async fn models_are_shown_and_a_refusal_is_a_sentence(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let mut browser = sign_in(&shop).await;
    let page = browser.get("/admin/models").await.text().await.unwrap();
    assert!(page.contains("In use") && page.contains("tillsight-small"), "{page}");
    let refused = browser.submit("/admin/models/rollback", &[]).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("never switched"));
    let unknown = browser.submit("/admin/models/switch", &[("manifest", "none.json")]).await;
    assert_eq!(unknown.status(), 404);
}

on_both_databases!(
    a_product_is_taught_changed_and_removed_without_scripts,
    two_people_with_the_same_form_do_not_undo_each_others_changes,
    an_order_is_found_paid_refunded_by_line_and_closed,
    stores_kiosks_and_people_are_managed,
    products_of_one_article_are_named_and_merged,
    models_are_shown_and_a_refusal_is_a_sentence,
);
