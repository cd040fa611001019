//! What an upload tells of its photos: what is wrong with them, which products they look like, and whether they are enough.

use std::io::Cursor;
use std::time::{Duration, Instant};

use image::{ImageFormat, RgbImage};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tillsight::demo::packages;
use tokio::process::Command;

use crate::harness::{
    ADMIN_PASSWORD, Browser, MODEL, Reply, TestApp, TestDatabase, assert_leads, jpeg, on_both_databases, package_photo,
    table_frame,
};

struct Shop {
    app: TestApp,
    admin: String,
}

impl Shop {
    async fn open(database: TestDatabase) -> Self {
        Self::open_with(database, "").await
    }

    async fn open_with(database: TestDatabase, overlay: &str) -> Self {
        let app = TestApp::spawn_with(database, overlay).await;
        let admin = app.login_admin().await;
        Self { app, admin }
    }

    async fn create(&self, name: &str, texts: &[(&str, &str)], photos: Vec<Vec<u8>>) -> Reply {
        let texts = [&[("name", name)], texts].concat();
        self.app.post_form("/api/products", &self.admin, &texts, photos).await
    }

    async fn add(&self, product: &str, texts: &[(&str, &str)], photos: Vec<Vec<u8>>) -> Reply {
        self.app.post_form(&format!("/api/products/{product}/images"), &self.admin, texts, photos).await
    }

    /// A product of five views; its id.
    async fn teach(&self, product: usize) -> String {
        let photos = (0..5).map(|view| package_photo(product, view)).collect();
        text(&self.create(&format!("Product {product}"), &[], photos).await.expect(201)["id"])
    }

    async fn get(&self, path: &str) -> Reply {
        self.app.get(path, &self.admin).await
    }

    async fn catalog(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
        let database = &self.app.database;
        program.arg("catalog").args(arguments).current_dir(database.folder());
        program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret());
        program.env("TILLSIGHT_DATA_DIR", database.folder()).env("TILLSIGHT_MODEL", MODEL);
        let output = program.output().await.unwrap();
        let printed = serde_json::from_slice(&output.stdout);
        (output.status.code(), printed.unwrap_or_else(|error| panic!("{error}: {output:?}")))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn codes(reply: &Value) -> Vec<String> {
    reply["warnings"].as_array().unwrap().iter().map(|warning| text(&warning["code"])).collect()
}

fn decode(photo: &[u8]) -> RgbImage {
    image::load_from_memory(photo).unwrap().into_rgb8()
}

fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

async fn good_photos_raise_no_warning(database: TestDatabase) {
    let shop = Shop::open(database).await;
    for product in 0..3 {
        let photos = (0..5).map(|view| package_photo(product, view)).collect();
        let added = shop.create(&format!("Product {product}"), &[], photos).await.expect(201);
        assert_eq!((&added["warnings"], &added["photo_check"]["photos"]), (&json!([]), &json!(5)), "{added}");
        let recognized = added["photo_check"]["recognized"].as_i64().unwrap();
        assert!(recognized >= 4, "the first product too: {added}");
    }
    let mixed = (10..15).map(|product| package_photo(product, 0)).collect();
    let mixed = shop.create("Five different things", &[], mixed).await.expect(201);
    let check = &mixed["photo_check"];
    assert_eq!(check["enough"], false, "{mixed}");
    assert!(check["recognized"].as_i64().unwrap() <= 1, "{mixed}");
    let framed = shop.create("On a table", &[], vec![table_frame(&[(4, 400)])]).await.expect(201);
    assert_eq!(framed["warnings"], json!([]), "{framed}");
    assert!(text(&framed["photo_check"]["advice"]).starts_with("One photo"), "{framed}");
    let without = shop.create("Without photos", &[], Vec::new()).await.expect(201);
    assert_eq!((&without["warnings"], &without["look_alikes"]), (&json!([]), &json!([])));
    assert_eq!((&without["photo_check"]["photos"], &without["photo_check"]["enough"]), (&json!(0), &json!(false)));
}

async fn photos_that_show_nothing_are_refused_unless_one_insists(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let strip = RgbImage::from_fn(2_000, 1, |x, _| image::Rgb([(x / 8) as u8, (x / 4) as u8, 90]));
    let dot = RgbImage::from_pixel(1, 1, image::Rgb([200, 30, 30]));
    for (poor, code) in [(jpeg([180, 20, 60]), "blank"), (png(&dot), "blank"), (png(&strip), "too-small")] {
        let photos = vec![package_photo(0, 0), poor.clone()];
        let texts = [("region", "whole")];
        let refused = shop.create("Poor", &texts, photos.clone()).await.expect_problem(422, "poor-photo");
        assert_eq!((&refused["image_index"], &refused["file_name"]), (&json!(1), &json!("photo.jpg")));
        assert!(codes(&refused).iter().any(|found| found == code), "{refused}");
        assert!(text(&refused["detail"]).contains("insist"), "{refused}");
        assert_eq!(shop.get("/api/products").await.expect(200)["data"], json!([]), "nothing was kept");

        let texts = [("region", "whole"), ("insist", "true")];
        let added = shop.create("Poor", &texts, photos).await.expect(201);
        assert_eq!((&added["images_count"], codes(&added).contains(&code.to_owned())), (&json!(2), true), "{added}");
        shop.app.delete(&format!("/api/products/{}", text(&added["id"])), &shop.admin).await.expect(204);
    }
    let unclear = shop.create("Poor", &[("insist", "maybe")], vec![package_photo(0, 0)]).await;
    assert_eq!(unclear.expect_problem(422, "invalid-field")["field"], "insist");
    let insisted = "SELECT COUNT(*) FROM audit_log WHERE CAST(details AS TEXT) LIKE '%too-small%'";
    assert_eq!(shop.app.database.count(insisted).await, 2, "who insisted on the dot and the strip is on record");
}

async fn photos_that_are_blurred_dark_or_far_away_are_taken_with_a_warning(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let good = decode(&package_photo(0, 0));
    let light_at = |y| if y < 20 { 1 } else { 15 };
    let dark =
        RgbImage::from_fn(good.width(), good.height(), |x, y| good.get_pixel(x, y).0.map(|v| v / light_at(y)).into());
    let mut far = RgbImage::from_pixel(800, 600, image::Rgb([200; 3]));
    let tiny = image::imageops::thumbnail(&good, 40, 40);
    image::imageops::replace(&mut far, &tiny, 300, 300);
    let photos = vec![png(&image::imageops::fast_blur(&good, 8.0)), package_photo(0, 1), png(&dark)];
    let added = shop.create("Hurried", &[("region", "whole")], photos).await.expect(201);
    assert_eq!(codes(&added), ["blurred", "too-dark"], "{added}");
    assert_eq!((&added["warnings"][0]["image_index"], &added["warnings"][1]["image_index"]), (&json!(0), &json!(2)));
    assert_eq!(
        (&added["warnings"][0]["image_id"], &added["warnings"][1]["image_id"]),
        (&added["images"][0], &added["images"][2])
    );
    assert!(text(&added["warnings"][0]["message"]).contains("blurred"));
    let warning = &added["warnings"][1];
    assert!(warning["value"].as_f64() > warning["limit"].as_f64(), "{warning}");
    let product = text(&added["id"]);
    let box_of_tiny = [("region", "300,300,40,40")];
    assert_eq!(codes(&shop.add(&product, &box_of_tiny, vec![png(&far)]).await.expect(201)), ["too-small"]);
}

async fn a_copy_of_another_products_photo_is_refused_unless_one_insists(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let photo = package_photo(0, 0);
    let one = text(&shop.create("One", &[], vec![photo.clone()]).await.expect(201)["id"]);
    // The same pixels in another file.
    let copy = png(&decode(&photo));
    let refused = shop.create("Two", &[], vec![package_photo(1, 0), copy.clone()]).await;
    let refused = refused.expect_problem(409, "already-enrolled");
    assert_eq!((&refused["product_id"], &refused["image_index"]), (&json!(one), &json!(1)));
    assert_eq!(codes(&shop.add(&one, &[], vec![copy.clone()]).await.expect(201)), Vec::<String>::new(), "its own");
    let two = shop.create("Two", &[("insist", "true")], vec![copy, photo.clone()]).await.expect(201);
    assert_eq!((codes(&two), &two["warnings"][0]["product_id"]), (vec!["copy".to_owned(); 2], &json!(one)));
    assert!(text(&two["warnings"][0]["message"]).contains("\"One\""));
    let three = text(&shop.create("Three", &[], Vec::new()).await.expect(201)["id"]);
    shop.add(&three, &[], vec![photo]).await.expect_problem(409, "already-enrolled");
}

/// One photo of two products that stand side by side.
async fn one_photo_teaches_two_products_by_their_boxes(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let both = || vec![table_frame(&[(0, 100), (1, 600)])];
    let left = [("region", "100,140,240,240")];
    shop.create("Left", &left, both()).await.expect(201);
    shop.create("Left again", &left, both()).await.expect_problem(409, "already-enrolled");
    let nearly = [("region", "110,150,230,230")];
    shop.create("Left again", &nearly, both()).await.expect_problem(409, "already-enrolled");
    let right = shop.create("Right", &[("region", "600,140,240,240")], both()).await.expect(201);
    assert_eq!(right["warnings"], json!([]), "{right}");
    for (product, name) in [(0, "Left"), (1, "Right")] {
        let seen = shop.app.post_picture("/api/recognize?regions=whole", &shop.admin, package_photo(product, 0)).await;
        assert_eq!(seen.expect(200)["items"][0]["candidates"][0]["product_name"], name);
    }
}

async fn a_stray_photo_is_told_in_the_reply_and_the_check(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let [one, two] = [shop.teach(0).await, shop.teach(1).await];
    shop.teach(2).await;
    let path = format!("/api/products/{one}/photo-check");
    let before = shop.get(&path).await.expect(200);
    assert_eq!((&before["photos"], &before["checked"]), (&json!(5), &json!(5)));
    assert_ne!(before["worst_neighbour"], Value::Null);

    // Another view of product 1.
    let added = shop.add(&one, &[], vec![package_photo(1, 5)]).await.expect(201);
    let stray = &added["images"][0];
    let look_alike = &added["look_alikes"][0];
    assert_eq!((&look_alike["product_id"], &look_alike["image_id"]), (&json!(two), stray), "{added}");
    assert!(text(&look_alike["message"]).contains("\"Product 0\"") && text(&look_alike["message"]).contains("1\""));
    let check = &added["photo_check"];
    assert_eq!((&check["photos"], &check["checked"]), (&json!(6), &json!(6)));
    assert!(check["unrecognized"].as_array().unwrap().contains(stray), "{added}");
    assert!(text(&check["advice"]).contains("\"Product 1\""), "{added}");
    let shown = shop.get(&path).await.expect(200);
    assert_eq!((&shown["recognized"], &shown["worst_neighbour"]), (&check["recognized"], &check["worst_neighbour"]));

    shop.app.patch(&format!("/api/products/{one}"), &shop.admin, json!({"active": false})).await.expect(200);
    assert_eq!(shop.get(&path).await.expect(200)["photos"], 0);
    let off_sale = shop.add(&one, &[], vec![package_photo(0, 9)]).await.expect(201);
    assert_eq!((&off_sale["photo_check"], &off_sale["look_alikes"]), (&Value::Null, &json!([])));
    let nobody = "/api/products/01890000-0000-7000-8000-000000000000/photo-check";
    shop.get(nobody).await.expect_problem(404, "not-found");
}

const PATH: &str = "/api/products/lookalikes";
/// Learns within two seconds.
const PROMPT: &str = "[recognition]\nlearn_s = 1";

async fn the_report_lists_products_that_look_alike(database: TestDatabase) {
    let shop = Shop::open_with(database, PROMPT).await;
    assert_eq!(shop.get(PATH).await.expect(200)["data"], json!([]), "an empty catalogue");
    let mut products = Vec::new();
    for product in 0..6 {
        products.push(shop.teach(product).await);
    }
    let mut strays = Vec::new();
    for (product, shown) in [(0, 1), (2, 3)] {
        let added = shop.add(&products[product], &[], vec![package_photo(shown, 5)]).await.expect(201);
        strays.push(added["images"][0].clone());
    }
    let began = Instant::now();
    while shop.get("/api/models").await.expect(200)["confidence"]["photos"] != 32 {
        assert!(began.elapsed() < Duration::from_secs(60), "no confidence is learned");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let report = shop.get(PATH).await.expect(200);
    assert_eq!((&report["index_revision"], &report["photos"]), (&json!(8), &json!(32)), "{report}");
    assert_eq!(report["photos_checked"], 32);
    let pairs = report["data"].as_array().unwrap().clone();
    let found: Vec<&Value> = pairs.iter().filter(|pair| strays.contains(&pair["image_id"])).collect();
    assert_eq!(found.len(), 2, "{report}");
    for pair in found {
        let names = (text(&pair["product_name"]), text(&pair["other_product_name"]));
        assert!([("Product 0", "Product 1"), ("Product 2", "Product 3")].contains(&(&names.0, &names.1)), "{pair}");
        assert!(pair["confidence"].as_f64().unwrap() >= 0.2, "{pair}");
    }
    let strengths: Vec<f64> = pairs.iter().map(|pair| pair["confidence"].as_f64().unwrap()).collect();
    assert!(strengths.is_sorted_by(|a, b| a >= b), "{strengths:?}");

    let first = shop.get(&format!("{PATH}?limit=1")).await.expect(200);
    let cursor = text(&first["next_cursor"]);
    let rest = shop.get(&format!("{PATH}?cursor={cursor}")).await.expect(200);
    assert_eq!((&first["data"][0], rest["data"].as_array().unwrap()), (&pairs[0], &pairs[1..].to_vec()));
    let unknown = shop.get(&format!("{PATH}?cursor=01890000-0000-7000-8000-000000000000")).await;
    assert_eq!(unknown.expect_problem(422, "invalid-field")["field"], "cursor");

    let (code, printed) = shop.catalog(&["lookalikes", "--json"]).await;
    assert_eq!((code, &printed["pairs"], &printed["index_revision"]), (Some(0), &report["data"], &json!(8)));
    let (code, checked) = shop.catalog(&["check", "--json", "--limit", "1"]).await;
    let count = checked["not_enough_count"].as_u64().unwrap();
    assert_eq!((code, &checked["products_count"]), (Some(i32::from(count > 0)), &json!(6)), "{checked}");
    assert_eq!(checked["products"].as_array().unwrap().len() as u64, count.min(1));
    assert_evaluation(&shop, &pairs).await;

    let path = format!("/api/products/{}/images/{}", products[0], text(&strays[0]));
    shop.app.delete(&path, &shop.admin).await.expect(204);
    let after = shop.get(PATH).await.expect(200);
    assert_eq!(after["index_revision"], 9, "{after}");
    assert!(after["data"].as_array().unwrap().iter().all(|pair| pair["image_id"] != strays[0]), "{after}");
    let store = shop.app.create_store(&shop.admin).await;
    let clerk = shop.app.create_clerk(&shop.admin, &store).await;
    shop.app.get(PATH, &clerk).await.expect(200);
    let kiosk = shop.app.enrol_kiosk(&shop.admin, &store).await;
    shop.app.get(PATH, &kiosk).await.expect_problem(403, "forbidden");
}

/// The evaluation of the same catalogue: two of 32 photos are another product's, and the pairs are those of the report.
async fn assert_evaluation(shop: &Shop, pairs: &[Value]) {
    const EVALUATION: &str = "/api/models/evaluation";
    let mut browser = Browser::new(&shop.app);
    browser.sign_in("admin", ADMIN_PASSWORD).await;
    assert_leads(&browser.submit("/admin/models/evaluate", &[]).await, "/admin/models#evaluation");
    let begun = shop.app.post(EVALUATION, &shop.admin, json!({})).await.expect(202);
    assert!(begun["progress"]["photos_checked"].as_u64() <= Some(32), "{begun}");
    let began = Instant::now();
    let result = loop {
        let evaluation = shop.get(EVALUATION).await.expect(200);
        if evaluation["progress"].is_null() {
            break evaluation["result"].clone();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the evaluation does not end: {evaluation}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let count = |name: &str| result[name].as_u64().unwrap();
    assert_eq!((count("index_revision"), count("photos_checked"), count("known")), (8, 32, 32), "{result}");
    assert!((25..=30).contains(&count("first")), "all but the strays: {result}");
    assert!(count("billed") + count("billed_wrongly") + count("asked") <= 32, "{result}");
    assert_eq!(count("unseen"), 32);
    assert!(count("unseen_billed") <= 8 && count("unseen_billed") + count("unseen_asked") > 0, "{result}");
    assert_eq!(result["worst_pairs"].as_array().unwrap()[..], pairs[..pairs.len().min(10)]);
    let page = browser.get("/admin/models").await.text().await.unwrap();
    let product = format!("href=\"/admin/products/{}\"", text(&pairs[0]["other_product_id"]));
    assert!(page.contains(&product) && page.contains("32 of 32 photos were checked"), "{page}");
    assert!(page.contains(&format!("{} of 32 photos", count("first"))), "{page}");
}

async fn values_that_nobody_can_see_are_refused(database: TestDatabase) {
    let shop = Shop::open(database).await;
    let invisible = shop.create("\u{200B}\u{2060}", &[], Vec::new()).await.expect_problem(422, "invalid-field");
    assert_eq!(invisible["field"], "name");
    for (field, word) in [("sku", "None"), ("barcode", "null"), ("description", "undefined")] {
        let refused = shop.create("Milk", &[(field, word)], Vec::new()).await.expect_problem(422, "invalid-field");
        assert!(refused["field"] == field && text(&refused["detail"]).contains(word), "{refused}");
    }
    let milk = text(&shop.create("Milk", &[], Vec::new()).await.expect(201)["id"]);
    let change = json!({"name": "\u{3164}"});
    shop.app.patch(&format!("/api/products/{milk}"), &shop.admin, change).await.expect_problem(422, "invalid-field");
}

/// The photos of the demonstration and of most tests.
#[test]
fn rendered_photos_have_no_issue() {
    use tillsight::photo_quality::find_issues;
    for package in packages::catalogue(3, 12) {
        for view in 0..4 {
            let picture = packages::render_photo(&package, view, 240);
            let (width, height) = picture.dimensions();
            let photo = tillsight::domain::Photo::new(width, height, picture.into_raw()).unwrap();
            assert_eq!(find_issues(&photo, tillsight::domain::Region::whole(width, height)), []);
        }
    }
}

async fn a_photo_is_judged_before_it_is_enrolled(database: TestDatabase) {
    let shop = Shop::open(database).await;
    shop.create("Tea", &[], vec![package_photo(0, 0)]).await.expect(201);
    let path = "/api/products/photo-preview";
    let judge = async |photo| shop.app.post_form(path, &shop.admin, &[], vec![photo]).await;
    let good = judge(package_photo(1, 0)).await.expect(200);
    assert_eq!((&good["warnings"], &good["refused"], &good["things"]), (&json!([]), &json!(false), &json!([])));
    assert!(good["region"]["width"].as_i64().unwrap() > 0, "{good}");
    let blank = judge(jpeg([180, 20, 60])).await.expect(200);
    assert_eq!((codes(&blank), &blank["refused"]), (vec!["blank".to_owned()], &json!(true)));
    let copy = judge(package_photo(0, 0)).await.expect(200);
    assert_eq!((codes(&copy), &copy["refused"]), (vec!["copy".to_owned()], &json!(true)), "{copy}");
    let two = judge(table_frame(&[(2, 60), (3, 600)])).await.expect(200);
    assert_eq!((two["things"].as_array().unwrap().len(), &two["region"]), (2, &Value::Null), "{two}");
    judge(b"no picture".to_vec()).await.expect_problem(415, "not-an-image");
    let none = shop.app.post_form(path, &shop.admin, &[("region", "auto")], Vec::new()).await;
    none.expect_problem(422, "invalid-field");
    assert_eq!(shop.get("/api/products").await.expect(200)["data"].as_array().unwrap().len(), 1, "nothing was kept");
}

on_both_databases!(
    a_photo_is_judged_before_it_is_enrolled,
    good_photos_raise_no_warning,
    photos_that_show_nothing_are_refused_unless_one_insists,
    photos_that_are_blurred_dark_or_far_away_are_taken_with_a_warning,
    a_copy_of_another_products_photo_is_refused_unless_one_insists,
    one_photo_teaches_two_products_by_their_boxes,
    a_stray_photo_is_told_in_the_reply_and_the_check,
    the_report_lists_products_that_look_alike,
    values_that_nobody_can_see_are_refused,
);
