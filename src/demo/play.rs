//! The story that the demonstration tells: enrol a catalogue, stand before a kiosk, pay, read the receipt at home.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{Client, DemoError, number, text};
use super::packages::{CURRENCY, Package, catalogue, jpeg, photograph};
use super::print;
use crate::terminal::say;

/// Photos that each product is taught with.
const PHOTOS: u64 = 5;
/// Side of the photos, in pixels.
const SIDE: u32 = 320;
/// Seed of the catalogue.
const SEED: u64 = 20_261;
/// Things that the shopper puts before the camera.
const SHOPPING: usize = 6;

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// The order as the shopper reads it on mypage.
    pub order: Value,
    /// Things that the kiosk put on the bill by itself, and rightly.
    pub matched: usize,
    /// Things that it asked about with the right one among the answers.
    pub asked: usize,
    /// Things that were shown.
    pub shown: usize,
}

/// Plays the whole story as `admin`, `products` products large, and prints it.
pub async fn play(admin: &Client, products: usize) -> Result<Report, DemoError> {
    let packages = catalogue(SEED, products);
    say!("\n1. The admin opens a store and enrols a kiosk");
    let (store, kiosk) = open_store(admin).await?;
    say!("\n2. The admin teaches {} invented products, {PHOTOS} photos each", packages.len());
    teach(admin, &packages).await?;
    say!("\n3. A shopper signs up, stands before the kiosk and puts {SHOPPING} things before its camera");
    let shopper = sign_up(admin).await?;
    let session = text(&kiosk.post("/api/sessions", json!({})).await?, "id")?;
    shopper.post(&format!("/api/sessions/{session}/join"), json!({})).await?;
    let (matched, asked) = shop(&kiosk, &session, &packages).await?;
    say!("\n4. The bill");
    let bill = kiosk.get(&format!("/api/sessions/{session}")).await?;
    print::bill(&bill);
    say!("\n5. The shopper pays; the store's next number is taken in the transaction that writes the order");
    let confirm = format!("/api/sessions/{session}/confirm");
    let confirmed =
        kiosk.post_once(&confirm, &Uuid::new_v4().to_string(), json!({"version": number(&bill, "version")?})).await?;
    let order = shopper.get(&format!("/api/mypage/orders/{}", text(&confirmed, "id")?)).await?;
    print::receipt(&order, &text(&store, "name")?, &text(&confirmed, "claim_code")?);
    Ok(Report { order, matched, asked, shown: SHOPPING })
}

async fn open_store(admin: &Client) -> Result<(Value, Client), DemoError> {
    let store = admin.post("/api/stores", json!({"name": "Demo store", "currency": CURRENCY})).await?;
    let kiosks = format!("/api/stores/{}/kiosks", text(&store, "id")?);
    let code = text(&admin.post(&kiosks, json!({"name": "Kiosk 1"})).await?, "enrolment_code")?;
    let device = admin.post("/api/kiosks/enrol", json!({"code": code})).await?;
    say!("   store {}, kiosk \"{}\" with a key of its own", text(&store, "id")?, text(&device, "name")?);
    Ok((store, admin.with_bearer(&text(&device, "key")?)))
}

async fn teach(admin: &Client, packages: &[Package]) -> Result<(), DemoError> {
    let bar = ProgressBar::new(packages.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("   {bar:30} {pos}/{len}  {msg}") {
        bar.set_style(style);
    }
    let mut last = Value::Null;
    for package in packages {
        bar.set_message(package.name.clone());
        let pictures = (0..PHOTOS).map(|view| picture(package, view)).collect::<Result<Vec<_>, _>>()?;
        let texts = vec![
            ("name", package.name.clone()),
            ("sku", package.sku.clone()),
            ("barcode", package.barcode.clone()),
            ("price", package.price_minor.to_string()),
            ("currency", CURRENCY.to_owned()),
        ];
        match admin.post_form("/api/products", texts, pictures).await {
            Ok(added) => last = added,
            // An earlier demonstration taught this server the same product.
            Err(error) if error.is_taken() => {}
            Err(error) => return Err(error),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    match last["total_embeddings"].as_i64() {
        Some(total) => {
            say!("   each was recognisable when its upload returned; the index now holds {total} vectors")
        }
        None => say!("   all of them were known to this server already"),
    }
    Ok(())
}

/// A new shopper with a random name and password.
async fn sign_up(anybody: &Client) -> Result<Client, DemoError> {
    let name = format!("demo-{}", &Uuid::new_v4().simple().to_string()[..8]);
    let credentials = json!({"username": name, "password": format!("{}", Uuid::new_v4())});
    anybody.post("/api/auth/signup", credentials.clone()).await?;
    let tokens = anybody.post("/api/auth/login", credentials).await?;
    say!("   shopper \"{name}\" has joined the session");
    Ok(anybody.with_bearer(&text(&tokens, "access_token")?))
}

/// Shows one thing after another. What the kiosk is not sure of is settled as a shopper would: by tapping the right one
/// of the candidates, or, where it is not among them, by scanning the barcode. Gives how many were matched, and how many
/// were tapped.
async fn shop(kiosk: &Client, session: &str, packages: &[Package]) -> Result<(usize, usize), DemoError> {
    let (mut matched, mut asked) = (0, 0);
    let mut before = Value::Null;
    for turn in 0..SHOPPING {
        let package = &packages[(turn * 5 + 2) % packages.len()];
        let shown = picture(package, 100 + turn as u64)?;
        let frame = kiosk.post_picture(&format!("/api/sessions/{session}/frames"), shown).await?;
        let seen = &frame["recognition"]["items"][0];
        print::sighting(&package.name, seen, &frame["recognition"]["timings_ms"]);
        let candidates = seen["candidates"].as_array().cloned().unwrap_or_default();
        let right = candidates.iter().position(|candidate| candidate["product_name"] == package.name.as_str());
        let after = frame["session"].clone();
        before = match (seen["verdict"].as_str(), right) {
            (Some("matched"), Some(0)) => {
                matched += 1;
                after
            }
            (Some("matched"), _) => {
                let corrected = take_back(kiosk, session, &before, &after).await?;
                scan(kiosk, session, package, &corrected).await?
            }
            (Some("ambiguous"), Some(place)) => {
                asked += 1;
                say!("      the kiosk asks; the shopper taps {}", package.name);
                let item =
                    json!({"version": number(&after, "version")?, "product_id": candidates[place]["product_id"]});
                kiosk.post(&format!("/api/sessions/{session}/items"), item).await?
            }
            (_, _) => scan(kiosk, session, package, &after).await?,
        };
    }
    Ok((matched, asked))
}

/// Undoes what the last frame put on the bill: the line whose quantity grew.
async fn take_back(kiosk: &Client, session: &str, before: &Value, after: &Value) -> Result<Value, DemoError> {
    let quantity = |bill: &Value, id: &Value| {
        let line = bill["items"].as_array().and_then(|items| items.iter().find(|item| item["id"] == *id)).cloned();
        line.and_then(|line| line["quantity"].as_i64()).unwrap_or(0)
    };
    let lines = after["items"].as_array().ok_or(DemoError::Incomplete("items"))?;
    let wrong = lines.iter().find(|line| quantity(after, &line["id"]) > quantity(before, &line["id"]));
    let wrong = wrong.ok_or(DemoError::Incomplete("items"))?;
    say!("      that is wrong: the shopper takes one {} off", text(wrong, "product_name")?);
    let (path, version) = (format!("/api/sessions/{session}/items/{}", text(wrong, "id")?), number(after, "version")?);
    match quantity(before, &wrong["id"]) {
        0 => kiosk.delete(&format!("{path}?version={version}")).await,
        had => kiosk.patch(&path, json!({"version": version, "quantity": had})).await,
    }
}

/// Scans the barcode of what the camera was not sure of. Gives the bill after it.
async fn scan(kiosk: &Client, session: &str, package: &Package, bill: &Value) -> Result<Value, DemoError> {
    say!("      the shopper scans the barcode {}", package.barcode);
    let item = json!({"version": number(bill, "version")?, "barcode": package.barcode});
    kiosk.post(&format!("/api/sessions/{session}/items"), item).await
}

fn picture(package: &Package, view: u64) -> Result<Vec<u8>, DemoError> {
    jpeg(&photograph(package, view, SIDE)).map_err(|error| DemoError::Picture(error.to_string()))
}
