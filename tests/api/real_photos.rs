//! Real photos of groceries, enrolled and recognised over HTTP with the shipped model, down to the receipt.
//!
//! The photos are not part of the project: where they are missing, the test says so and counts as skipped.

use std::path::{Path, PathBuf};

use futures_util::{StreamExt, stream};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{TestApp, TestDatabase, on_both_databases, say, skip};

pub const GROCERY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/grocery");
/// Training photos that each product is enrolled with.
const ENROLLED: usize = 10;
/// Requests under way at the same time.
const AT_ONCE: usize = 8;
/// Photos on the bill.
const ON_THE_BILL: usize = 5;

/// A class of the data set and its photos.
pub struct Class {
    pub name: String,
    pub train: Vec<PathBuf>,
    pub val: Vec<PathBuf>,
}

/// The data set as its tables list it.
pub fn classes(folder: &Path) -> Vec<Class> {
    let table = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let rows = |text: &str| {
        text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let mut classes: Vec<Class> = rows(&table("classes.csv"))
        .iter()
        .map(|row| Class { name: row[1].clone(), train: Vec::new(), val: Vec::new() })
        .collect();
    for row in rows(&table("images.csv")) {
        let class = &mut classes[row[2].parse::<usize>().unwrap()];
        match row[0].as_str() {
            "train" => class.train.push(folder.join(&row[1])),
            "val" => class.val.push(folder.join(&row[1])),
            _ => {}
        }
    }
    classes
}

/// What was said about one photo.
struct RecognitionResult {
    photo: PathBuf,
    class: usize,
    verdict: String,
    /// Names of the candidates, best first.
    names: Vec<String>,
}

impl RecognitionResult {
    fn is_within(&self, classes: &[Class], top: usize) -> bool {
        self.names.iter().take(top).any(|name| *name == classes[self.class].name)
    }
}

async fn real_photos_are_recognised_and_become_a_receipt(database: TestDatabase) {
    let folder = Path::new(GROCERY);
    if !folder.is_dir() {
        let name = format!("real_photos::{}::real_photos_are_recognised_and_become_a_receipt", database.kind());
        return skip(&name, "the photos are not beside the checkout");
    }
    let classes = classes(folder);
    let kind = database.kind();
    // More looks at once than a small machine can serve promptly: here they wait instead of being sent away.
    let app = TestApp::spawn_with(database, "[engine]\nmax_wait_ms = 60000\n[recognition]\nlearn_s = 1").await;
    let admin = app.login_admin().await;
    let store = app.create_store(&admin).await;
    let kiosk = app.enrol_kiosk(&admin, &store).await;
    let enrolled = stream::iter(classes.iter().enumerate()).map(|(place, class)| enrol(&app, &admin, place, class));
    let embeddings: usize = enrolled.buffer_unordered(2).collect::<Vec<_>>().await.into_iter().sum();

    until_learned(&app, &admin, embeddings).await;
    let photos =
        classes.iter().enumerate().flat_map(|(class, of)| of.val.iter().map(move |photo| (class, photo.clone())));
    let looks = stream::iter(photos).map(|(class, photo)| look(&app, &kiosk, class, photo));
    let sightings: Vec<RecognitionResult> = looks.buffer_unordered(AT_ONCE).collect().await;
    let within = |top: usize| sightings.iter().filter(|sighting| sighting.is_within(&classes, top)).count();
    let share = |count: usize| 100.0 * count as f64 / sightings.len() as f64;
    let (top_1, top_5) = (share(within(1)), share(within(5)));
    let matched: Vec<_> = sightings.iter().filter(|sighting| sighting.verdict == "matched").collect();
    let wrong = share(matched.iter().filter(|sighting| !sighting.is_within(&classes, 1)).count());
    say(&format!(
        "real photos ({kind}): {} products, {embeddings} embeddings, {} photos recognised: top-1 {top_1:.1} %, top-5 {top_5:.1} \
         %; matched {:.1} %, wrongly {wrong:.1} %",
        classes.len(),
        sightings.len(),
        share(matched.len()),
    ));
    assert_eq!((classes.len(), sightings.len()), (81, 296));
    // Far below what the shipped model reaches and far above guessing (1.2 % and 6.2 %): a broken road fails here.
    assert!(top_1 > 65.0 && top_5 > 80.0);
    // The manifest's thresholds bill 6 % wrongly.
    assert!(share(matched.len()) > 30.0 && wrong < 5.0);
    receipt(&app, &admin, &store, &kiosk, &classes, &sightings).await;
}

/// Waits until the confidence is learned from all photos but copies.
async fn until_learned(app: &TestApp, admin: &str, embeddings: usize) {
    for _ in 0..600 {
        let learned = app.get("/api/models", admin).await.expect(200)["confidence"]["photos"].take();
        if learned.as_u64().is_some_and(|photos| photos * 10 > embeddings as u64 * 9) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no confidence is learned");
}

/// Enrols a class as a product; gives the number of its photos.
async fn enrol(app: &TestApp, admin: &str, place: usize, class: &Class) -> usize {
    let photos: Vec<_> = class.train.iter().take(ENROLLED).map(|path| std::fs::read(path).unwrap()).collect();
    let count = photos.len();
    let price = price(place).to_string();
    let texts = [("name", class.name.as_str()), ("price", price.as_str()), ("currency", "EUR")];
    let mut added = app.post_form("/api/products", admin, &texts, photos.clone()).await;
    if added.status == 422 {
        // Of one class a photo shows a second fruit at its edge; an admin says that it is meant all the same.
        added.expect_problem(422, "several-products");
        let texts = [&texts[..], &[("region", "whole")]].concat();
        added = app.post_form("/api/products", admin, &texts, photos).await;
    }
    let added = added.expect(201);
    assert_eq!((&added["images_count"], &added["duplicates_skipped"]), (&json!(count), &json!(0)));
    count
}

/// A price that differs from class to class, in cents.
fn price(class: usize) -> i64 {
    100 + i64::try_from(class).unwrap()
}

async fn look(app: &TestApp, kiosk: &str, class: usize, photo: PathBuf) -> RecognitionResult {
    let seen = app.post_picture("/api/recognize", kiosk, std::fs::read(&photo).unwrap()).await.expect(200);
    let item = &seen["items"][0];
    let names = item["candidates"].as_array().unwrap().iter();
    let names = names.map(|candidate| candidate["product_name"].as_str().unwrap().to_owned()).collect();
    RecognitionResult { photo, class, verdict: item["verdict"].as_str().unwrap().to_owned(), names }
}

/// Five photos of five products come on the bill as frames, are confirmed, and read back by the shopper.
async fn receipt(
    app: &TestApp,
    admin: &str,
    store: &str,
    kiosk: &str,
    classes: &[Class],
    sightings: &[RecognitionResult],
) {
    let mut bought: Vec<&RecognitionResult> =
        sightings.iter().filter(|s| s.verdict == "matched" && s.is_within(classes, 1)).collect();
    bought.sort_by(|a, b| (a.class, &a.photo).cmp(&(b.class, &b.photo)));
    bought.dedup_by_key(|sighting| sighting.class);
    bought.truncate(ON_THE_BILL);
    assert_eq!(bought.len(), ON_THE_BILL, "five products that are matched without asking");

    let shopper = app.sign_up_shopper("ann").await;
    let mut session = app.post("/api/sessions", kiosk, json!({})).await.expect(201);
    let path = format!("/api/sessions/{}", session["id"].as_str().unwrap());
    app.post(&format!("{path}/join"), &shopper, json!({})).await.expect(200);
    for sighting in &bought {
        let frame = app.post_picture(&format!("{path}/frames"), kiosk, std::fs::read(&sighting.photo).unwrap()).await;
        session = frame.expect(200)["session"].take();
    }
    let body = json!({"version": session["version"]});
    let fill = |request: RequestBuilder| request.header("idempotency-key", "five-photos").json(&body);
    let order = app.call(Method::POST, &format!("{path}/confirm"), Some(kiosk), fill).await.expect(201);

    let total: i64 = bought.iter().map(|sighting| price(sighting.class)).sum();
    assert_eq!(
        (&order["receipt_number"], &order["total"], &order["store_id"]),
        (&json!(1), &json!(total), &json!(store))
    );
    let orders = app.get("/api/mypage/orders", &shopper).await.expect(200);
    assert_eq!(orders["data"].as_array().unwrap().len(), 1);
    let own = app.get(&format!("/api/mypage/orders/{}", order["id"].as_str().unwrap()), &shopper).await.expect(200);
    let lines = |order: &Value| -> Vec<(String, i64, i64)> {
        let lines = order["items"].as_array().unwrap().iter();
        lines
            .map(|line| {
                (
                    line["product_name"].as_str().unwrap().to_owned(),
                    line["quantity"].as_i64().unwrap(),
                    line["unit_price"].as_i64().unwrap(),
                )
            })
            .collect()
    };
    let mut expected: Vec<_> = bought.iter().map(|s| (classes[s.class].name.clone(), 1, price(s.class))).collect();
    let mut read_back = lines(&own);
    expected.sort();
    read_back.sort();
    assert_eq!(read_back, expected);
    assert!(own["items"].as_array().unwrap().iter().all(|line| line["avg_score"].as_f64().unwrap() > 0.0));
    assert_eq!((&own["total"], &own["hash"]), (&order["total"], &order["hash"]));
    let listed = app.get("/api/orders", admin).await.expect(200);
    assert_eq!(listed["data"][0]["id"], order["id"]);
}

on_both_databases!(real_photos_are_recognised_and_become_a_receipt);
