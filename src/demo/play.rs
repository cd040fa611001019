//! The demonstration: enrol a catalogue, recognise products at a kiosk, pay, print the receipt.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Client, DemoError, number, text};
use super::packages::{CURRENCY, Package, catalogue, encode_jpeg, render_photo};
use super::print;
use crate::terminal::say;

/// Enrolled photos per product.
const PHOTOS: u64 = 5;
const PHOTO_SIDE_PX: u32 = 320;
const CATALOGUE_SEED: u64 = 20_261;
/// Products that the shopper buys.
const PURCHASES: usize = 6;

#[derive(Debug)]
pub struct DemoReport {
    /// As the shopper reads it on mypage.
    pub order: Value,
    /// Photos that were matched with the right product.
    pub matched: usize,
    /// Photos that were ambiguous with the right product among the candidates.
    pub ambiguous: usize,
    /// Photos in all.
    pub shown: usize,
}

/// Plays and prints the demonstration as `admin`, with `products` products.
pub async fn play(admin: &Client, products: usize) -> Result<DemoReport, DemoError> {
    let packages = catalogue(CATALOGUE_SEED, products);
    say!("\n1. The admin opens a store and enrols a kiosk");
    let (store, kiosk) = open_store(admin).await?;
    say!("\n2. The admin enrols {} invented products, {PHOTOS} photos each", packages.len());
    enrol_products(admin, &packages).await?;
    say!("\n3. A shopper signs up, goes to the kiosk and shows {PURCHASES} products to its camera");
    let shopper = sign_up(admin).await?;
    let session = text(&kiosk.post("/api/sessions", json!({})).await?, "id")?;
    shopper.post(&format!("/api/sessions/{session}/join"), json!({})).await?;
    let (matched, ambiguous) = buy_products(&kiosk, &session, &packages).await?;
    say!("\n4. The bill");
    let bill = kiosk.get(&format!("/api/sessions/{session}")).await?;
    print::print_bill(&bill);
    say!("\n5. The shopper pays; the transaction that writes the order takes the store's next receipt number");
    let confirm = format!("/api/sessions/{session}/confirm");
    let confirmed = kiosk
        .post_idempotent(&confirm, &Uuid::new_v4().to_string(), json!({"version": number(&bill, "version")?}))
        .await?;
    let order = shopper.get(&format!("/api/mypage/orders/{}", text(&confirmed, "id")?)).await?;
    print::print_receipt(&order, &text(&store, "name")?, &text(&confirmed, "claim_code")?);
    Ok(DemoReport { order, matched, ambiguous, shown: PURCHASES })
}

async fn open_store(admin: &Client) -> Result<(Value, Client), DemoError> {
    let store = admin.post("/api/stores", json!({"name": "Demo store", "currency": CURRENCY})).await?;
    let kiosks = format!("/api/stores/{}/kiosks", text(&store, "id")?);
    let code = text(&admin.post(&kiosks, json!({"name": "Kiosk 1"})).await?, "enrolment_code")?;
    let device = admin.post("/api/kiosks/enrol", json!({"code": code})).await?;
    say!("   store {}, kiosk \"{}\" with a key of its own", text(&store, "id")?, text(&device, "name")?);
    Ok((store, admin.with_bearer(&text(&device, "key")?)))
}

async fn enrol_products(admin: &Client, packages: &[Package]) -> Result<(), DemoError> {
    let bar = ProgressBar::new(packages.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("   {bar:30} {pos}/{len}  {msg}") {
        bar.set_style(style);
    }
    let mut last_reply = Value::Null;
    for package in packages {
        bar.set_message(package.name.clone());
        let photos = (0..PHOTOS).map(|view| render_jpeg(package, view)).collect::<Result<Vec<_>, _>>()?;
        let texts = vec![
            ("name", package.name.clone()),
            ("sku", package.sku.clone()),
            ("barcode", package.barcode.clone()),
            ("price", package.price_minor.to_string()),
            ("currency", CURRENCY.to_owned()),
        ];
        match admin.post_form("/api/products", texts, photos).await {
            Ok(reply) => last_reply = reply,
            // An earlier demonstration enrolled the same product on this server.
            Err(error) if error.already_exists() => {}
            Err(error) => return Err(error),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    match last_reply["total_embeddings"].as_i64() {
        Some(total) => {
            say!("   each was recognisable when its upload returned; the index now holds {total} embeddings")
        }
        None => say!("   the server knew all of them already"),
    }
    Ok(())
}

/// A new shopper with a random name and password.
async fn sign_up(anonymous: &Client) -> Result<Client, DemoError> {
    let name = format!("demo-{}", &Uuid::new_v4().simple().to_string()[..8]);
    let credentials = json!({"username": name, "password": format!("{}", Uuid::new_v4())});
    anonymous.post("/api/auth/signup", credentials.clone()).await?;
    let tokens = anonymous.post("/api/auth/login", credentials).await?;
    say!("   shopper \"{name}\" has joined the session");
    Ok(anonymous.with_bearer(&text(&tokens, "access_token")?))
}

/// Shows one product after another. If the kiosk is not sure, the shopper taps the right candidate, or scans the barcode if it
/// is not among the candidates. Returns how many were matched, and how many were tapped.
async fn buy_products(kiosk: &Client, session: &str, packages: &[Package]) -> Result<(usize, usize), DemoError> {
    let (mut matched, mut ambiguous) = (0, 0);
    let mut before = Value::Null;
    for turn in 0..PURCHASES {
        let package = &packages[(turn * 5 + 2) % packages.len()];
        let photo = render_jpeg(package, 100 + turn as u64)?;
        let reply = kiosk.post_picture(&format!("/api/sessions/{session}/frames"), photo).await?;
        let item = &reply["recognition"]["items"][0];
        print::print_recognition(&package.name, item, &reply["recognition"]["timings_ms"]);
        let candidates = item["candidates"].as_array().cloned().unwrap_or_default();
        let correct = candidates.iter().position(|candidate| candidate["product_name"] == package.name.as_str());
        let after = reply["session"].clone();
        before = match (item["verdict"].as_str(), correct) {
            (Some("matched"), Some(0)) => {
                matched += 1;
                after
            }
            (Some("matched"), _) => {
                let corrected = remove_wrong_item(kiosk, session, &before, &after).await?;
                scan(kiosk, session, package, &corrected).await?
            }
            (Some("ambiguous"), Some(position)) => {
                ambiguous += 1;
                say!("      the kiosk shows candidates; the shopper taps {}", package.name);
                let product = &candidates[position]["product_id"];
                let item = json!({"version": number(&after, "version")?, "product_id": product});
                kiosk.post(&format!("/api/sessions/{session}/items"), item).await?
            }
            (_, _) => scan(kiosk, session, package, &after).await?,
        };
    }
    Ok((matched, ambiguous))
}

/// Removes what the last photo put on the bill: the line whose quantity grew.
async fn remove_wrong_item(kiosk: &Client, session: &str, before: &Value, after: &Value) -> Result<Value, DemoError> {
    let quantity = |bill: &Value, id: &Value| {
        let line = bill["items"].as_array().and_then(|items| items.iter().find(|item| item["id"] == *id)).cloned();
        line.and_then(|line| line["quantity"].as_i64()).unwrap_or(0)
    };
    let lines = after["items"].as_array().ok_or(DemoError::Incomplete("items"))?;
    let wrong = lines.iter().find(|line| quantity(after, &line["id"]) > quantity(before, &line["id"]));
    let wrong = wrong.ok_or(DemoError::Incomplete("items"))?;
    say!("      the match is wrong; the shopper removes one {}", text(wrong, "product_name")?);
    let (path, version) = (format!("/api/sessions/{session}/items/{}", text(wrong, "id")?), number(after, "version")?);
    match quantity(before, &wrong["id"]) {
        0 => kiosk.delete(&format!("{path}?version={version}")).await,
        quantity_before => kiosk.patch(&path, json!({"version": version, "quantity": quantity_before})).await,
    }
}

/// Scans the product's barcode and returns the bill after that.
async fn scan(kiosk: &Client, session: &str, package: &Package, bill: &Value) -> Result<Value, DemoError> {
    say!("      the shopper scans the barcode {}", package.barcode);
    let item = json!({"version": number(bill, "version")?, "barcode": package.barcode});
    kiosk.post(&format!("/api/sessions/{session}/items"), item).await
}

fn render_jpeg(package: &Package, view: u64) -> Result<Vec<u8>, DemoError> {
    encode_jpeg(&render_photo(package, view, PHOTO_SIDE_PX)).map_err(|error| DemoError::Picture(error.to_string()))
}
