//! The demonstration: enrol a catalogue, recognise products at a kiosk, pay, print the receipt.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Client, DemoError, number, text};
use super::frames::empty_view;
use super::packages::{CURRENCY, Package, catalogue, encode_jpeg, render_photo};
use super::print;
use super::purchases::Purchases;
use crate::terminal::say;

/// Enrolled photos per product.
const PHOTOS: u64 = 5;
const PHOTO_SIDE_PX: u32 = 320;
const CATALOGUE_SEED: u64 = 20_261;

#[derive(Debug)]
pub struct DemoReport {
    /// As the shopper reads it on mypage.
    pub order: Value,
    /// Products that were matched.
    pub matched: usize,
    /// Products that were among the candidates, and tapped.
    pub tapped: usize,
    /// Products that the shopper bought.
    pub bought: usize,
}

/// Plays and prints the demonstration as `admin`, with `products` products.
pub async fn play(admin: &Client, products: usize) -> Result<DemoReport, DemoError> {
    let packages = catalogue(CATALOGUE_SEED, products);
    say!("\n1. The admin opens a store and enrols a kiosk");
    let (store, kiosk) = open_store(admin).await?;
    say!("\n2. The admin enrols {} invented products, {PHOTOS} photos each", packages.len());
    enrol_products(admin, &packages).await?;
    say!("\n3. The kiosk sends a picture of its table, its empty view: what lies there always is not for sale");
    let empty_view = encode_jpeg(&empty_view()).map_err(|error| DemoError::Picture(error.to_string()))?;
    kiosk.put_picture("/api/kiosks/me/empty-view", empty_view).await?;
    say!("\n4. A shopper signs up, goes to the kiosk and puts products anywhere on its table, one and several at once");
    let shopper = sign_up(admin).await?;
    let session = text(&kiosk.post("/api/sessions", json!({})).await?, "id")?;
    shopper.post(&format!("/api/sessions/{session}/join"), json!({})).await?;
    let mut purchases = Purchases::new(&kiosk, &session);
    purchases.buy(&packages).await?;
    let (matched, tapped, bought) = (purchases.matched, purchases.tapped, purchases.bought);
    say!("\n5. The bill");
    let bill = kiosk.get(&format!("/api/sessions/{session}")).await?;
    print::print_bill(&bill);
    say!("\n6. The shopper pays; the transaction that writes the order takes the store's next receipt number");
    let confirm = format!("/api/sessions/{session}/confirm");
    let confirmed = kiosk
        .post_idempotent(&confirm, &Uuid::new_v4().to_string(), json!({"version": number(&bill, "version")?}))
        .await?;
    let order = shopper.get(&format!("/api/mypage/orders/{}", text(&confirmed, "id")?)).await?;
    print::print_receipt(&order, &text(&store, "name")?, &text(&confirmed, "claim_code")?);
    Ok(DemoReport { order, matched, tapped, bought })
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
        match enrol_product(admin, package).await {
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

/// A photo in which the server sees two things is taken whole, as an admin would decide.
async fn enrol_product(admin: &Client, package: &Package) -> Result<Value, DemoError> {
    let photos = (0..PHOTOS).map(|view| render_jpeg(package, view)).collect::<Result<Vec<_>, _>>()?;
    let texts = [
        ("name", package.name.clone()),
        ("sku", package.sku.clone()),
        ("barcode", package.barcode.clone()),
        ("price", package.price_minor.to_string()),
        ("currency", CURRENCY.to_owned()),
    ];
    match admin.post_form("/api/products", texts.to_vec(), photos.clone()).await {
        Err(error) if error.found_several() => {
            let whole = ("region", "whole".to_owned());
            admin.post_form("/api/products", texts.into_iter().chain([whole]).collect(), photos).await
        }
        enrolled => enrolled,
    }
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

fn render_jpeg(package: &Package, view: u64) -> Result<Vec<u8>, DemoError> {
    encode_jpeg(&render_photo(package, view, PHOTO_SIDE_PX)).map_err(|error| DemoError::Picture(error.to_string()))
}
