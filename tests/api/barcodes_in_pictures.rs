//! A barcode in the picture decides between products that look alike, and whatever else it may be, it changes nothing.

use image::{Rgb, RgbImage, imageops};
use serde_json::{Value, json};
use tillsight::demo::packages::{ean13_modules, encode_jpeg};
use tillsight::qr_code::QrPath;

use crate::harness::{Shop, TestDatabase, on_both_databases, package_photo};

const TEA: &str = "4006381333931";
const STRONG_TEA: &str = "4012345678901";
const BALL: &str = "2012345678903";
/// Of another shop.
const STRANGE: &str = "4099887766556";

/// A photo of product 0 of the test catalogue, twice as large, with stickers.
fn photo(view: u64, stickers: &[RgbImage]) -> Vec<u8> {
    let package = image::load_from_memory(&package_photo(0, view)).unwrap().into_rgb8();
    let mut photo = imageops::resize(&package, 480, 480, imageops::FilterType::Triangle);
    for (sticker, top) in stickers.iter().zip([20, 190, 350]) {
        imageops::replace(&mut photo, sticker, 40, top);
    }
    encode_jpeg(&photo).unwrap()
}

fn barcode(code: &str) -> RgbImage {
    let modules = ean13_modules(code);
    RgbImage::from_fn(230, 90, |x, _| {
        let is_bar = x >= 20 && modules.get((x as usize - 20) / 2) == Some(&true);
        Rgb([if is_bar { 20 } else { 240 }; 3])
    })
}

fn qr_code(text: &str) -> RgbImage {
    let code = QrPath::draw(text).unwrap();
    let mut picture = RgbImage::from_pixel(code.side as u32, code.side as u32, Rgb([240; 3]));
    for module in code.path.split('M').filter(|module| !module.is_empty()) {
        let (x, y) = module.split('h').next().unwrap().split_once(' ').unwrap();
        picture.put_pixel(x.parse().unwrap(), y.parse().unwrap(), Rgb([20; 3]));
    }
    imageops::resize(&picture, code.side as u32 * 4, code.side as u32 * 4, imageops::FilterType::Nearest)
}

async fn add_product(shop: &Shop, name: &str, code: &str, photos: Vec<Vec<u8>>) -> String {
    let texts = [
        ("name", name),
        ("barcode", code),
        ("price", "100"),
        ("currency", "EUR"),
        ("region", "whole"),
        ("insist", "true"),
    ];
    let added = shop.app.post_form("/api/products", &shop.admin, &texts, photos).await.expect(201);
    added["id"].as_str().unwrap().to_owned()
}

/// The only thing in the picture.
async fn see(shop: &Shop, picture: Vec<u8>) -> Value {
    let seen = shop.app.post_picture("/api/recognize?regions=whole", &shop.kiosk, picture).await.expect(200);
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    seen["items"][0].clone()
}

fn named_by_barcode(item: &Value) -> Option<&str> {
    (item["verdict"] == "matched" && item["reason"] == "barcode")
        .then(|| item["candidates"][0]["product_name"].as_str().unwrap())
}

async fn it_decides_between_products_that_look_alike(database: TestDatabase) {
    let shop = Shop::open(database).await;
    add_product(&shop, "Tea", TEA, vec![photo(0, &[])]).await;
    let strong = add_product(&shop, "Strong tea", STRONG_TEA, vec![photo(1, &[])]).await;
    for (code, name) in [(TEA, "Tea"), (STRONG_TEA, "Strong tea")] {
        let item = see(&shop, photo(0, &[barcode(code)])).await;
        assert_eq!((named_by_barcode(&item), &item["barcode"]), (Some(name), &json!(format!("0{code}"))), "{item}");
        assert!(item["candidates"][0]["score"].as_f64().is_some() && item["candidates"].as_array().unwrap().len() == 2);
    }
    let session = shop.app.post("/api/sessions", &shop.kiosk, json!({})).await.expect(201);
    let frames = format!("/api/sessions/{}/frames?regions=whole", session["id"].as_str().unwrap());
    let billed = shop.app.post_picture(&frames, &shop.kiosk, photo(0, &[barcode(STRONG_TEA)])).await.expect(200);
    assert_eq!(billed["session"]["items"][0]["product_name"], "Strong tea");
    let off_sale = shop.app.patch(&format!("/api/products/{strong}"), &shop.admin, json!({"active": false})).await;
    off_sale.expect(200);
    assert_eq!(named_by_barcode(&see(&shop, photo(0, &[barcode(STRONG_TEA)])).await), None);
}

async fn it_names_a_product_that_was_never_photographed(database: TestDatabase) {
    let shop = Shop::open(database).await;
    add_product(&shop, "Ball", BALL, Vec::new()).await;
    let session = shop.app.post("/api/sessions", &shop.kiosk, json!({})).await.expect(201);
    let frames = format!("/api/sessions/{}/frames?regions=whole", session["id"].as_str().unwrap());
    let billed = shop.app.post_picture(&frames, &shop.kiosk, photo(0, &[barcode(BALL)])).await.expect(200);
    let item = &billed["recognition"]["items"][0];
    assert_eq!((named_by_barcode(item), &item["candidates"][0]["score"]), (Some("Ball"), &Value::Null), "{billed}");
    assert_eq!(billed["session"]["items"][0]["product_name"], "Ball");
    assert_eq!(billed["session"]["items"][0]["avg_score"], Value::Null, "{billed}");
}

async fn what_is_no_barcode_of_one_product_changes_nothing(database: TestDatabase) {
    let shop = Shop::open(database).await;
    add_product(&shop, "Tea", TEA, vec![photo(0, &[])]).await;
    add_product(&shop, "Strong tea", STRONG_TEA, vec![photo(1, &[])]).await;
    for (stickers, read) in [
        (vec![barcode(STRANGE)], json!(format!("0{STRANGE}"))),
        (vec![qr_code("https://shop.example/tea")], Value::Null),
        (vec![barcode(TEA), barcode(STRONG_TEA)], Value::Null),
        (vec![barcode(TEA), barcode(STRANGE), barcode(BALL)], Value::Null),
    ] {
        let item = see(&shop, photo(0, &stickers)).await;
        assert_eq!((named_by_barcode(&item), &item["barcode"]), (None, &read), "{item}");
    }
}

on_both_databases!(
    it_decides_between_products_that_look_alike,
    it_names_a_product_that_was_never_photographed,
    what_is_no_barcode_of_one_product_changes_nothing,
);
