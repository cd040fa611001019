//! Back-ups: written while tills sell, restored elsewhere, and an older copy does not number receipts again unnoticed.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{MODEL, Shop, TestApp, TestDatabase, form, on_both_databases, package_photo, say};

/// Clients that place orders at the same time.
const TILLS: usize = 4;

/// `tillsight …` with the database and a data folder: exit code, standard output, standard error.
pub async fn tillsight(database: &TestDatabase, folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.args(arguments).stdin(Stdio::null()).current_dir(folder);
    program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret());
    program.env("TILLSIGHT_DATA_DIR", folder).env("TILLSIGHT_MODEL", MODEL);
    let output = program.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

pub async fn tillsight_done(database: &TestDatabase, folder: &Path, arguments: &[&str]) -> String {
    let (code, out, error) = tillsight(database, folder, arguments).await;
    assert_eq!(code, 0, "{arguments:?}: {out}{error}");
    out
}

/// A new, empty database of the same kind.
pub async fn another(database: &TestDatabase) -> TestDatabase {
    if database.kind() == "sqlite" { TestDatabase::sqlite() } else { TestDatabase::postgres().await }
}

type Acknowledged = Arc<Mutex<BTreeMap<i64, String>>>;

/// Places orders until `stop`; remembers each receipt number once it is acknowledged.
fn start_tills(shop: &Arc<Shop>, stop: &Arc<AtomicBool>) -> (Acknowledged, Vec<tokio::task::JoinHandle<()>>) {
    let acknowledged = Acknowledged::default();
    let tills = (0..TILLS).map(|_| {
        let (shop, stop, acknowledged) = (Arc::clone(shop), Arc::clone(stop), Arc::clone(&acknowledged));
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let order = shop.place_order(&[(&shop.milk, 1)]).await;
                let (number, id) =
                    (order["receipt_number"].as_i64().unwrap(), order["id"].as_str().unwrap().to_owned());
                assert_eq!(acknowledged.lock().unwrap().insert(number, id), None, "receipt {number} was given twice");
            }
        })
    });
    let tills = tills.collect();
    (acknowledged, tills)
}

async fn list_numbers(app: &TestApp, token: &str) -> BTreeMap<i64, String> {
    let (mut numbers, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = app.get(&format!("/api/orders?limit=100{cursor}"), token).await.expect(200);
        for order in page["data"].as_array().unwrap() {
            numbers.insert(order["receipt_number"].as_i64().unwrap(), order["id"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return numbers,
        }
    }
}

async fn a_back_up_under_load_is_whole_and_numbers_go_on_without_reuse(database: TestDatabase) {
    let app = TestApp::spawn_program(database.clone(), &[]).await;
    let shop = Arc::new(Shop::open_on_server(app, json!({"name": "Corner", "currency": "EUR"})).await);
    let photo = package_photo(0, 0);
    let fields = form(&[("name", "Tea"), ("region", "whole")], vec![photo.clone()]);
    let fill = |request: reqwest::RequestBuilder| request.multipart(fields);
    shop.app.call(reqwest::Method::POST, "/api/products", Some(&shop.admin), fill).await.expect(201);
    let stop = Arc::new(AtomicBool::new(false));
    let (acknowledged, tills) = start_tills(&shop, &stop);
    tokio::time::sleep(Duration::from_secs(1)).await;

    let before = acknowledged.lock().unwrap().clone();
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("copy");
    let copy_text = copy.display().to_string();
    tillsight_done(&database, database.folder(), &["backup", &copy_text]).await;
    let files = std::fs::read_dir(&copy).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file());
    for private in files.chain([copy.clone()]) {
        let mode = private.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} holds secrets", private.display());
    }
    let during = acknowledged.lock().unwrap().len() - before.len();
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.store(true, Ordering::SeqCst);
    for till in tills {
        till.await.unwrap();
    }
    let acknowledged = acknowledged.lock().unwrap().clone();
    let newest = *acknowledged.keys().next_back().unwrap();
    assert!(before.len() > 2 && acknowledged.len() > before.len() + during, "the back-up was made under load");
    let mut shop = Arc::into_inner(shop).unwrap();
    assert!(shop.app.terminate().await);

    let restored = another(&database).await;
    tillsight_done(&restored, restored.folder(), &["restore", &copy_text]).await;
    tillsight_done(&restored, restored.folder(), &["numbering", "check", "--deep"]).await;
    let app = TestApp::spawn_program(restored.clone(), &[]).await;
    let admin = app.login_admin().await;
    let kept = list_numbers(&app, &admin).await;
    for (number, id) in &before {
        assert_eq!(kept.get(number), Some(id), "receipt {number} was acknowledged before the back-up");
    }
    let last_kept = *kept.keys().next_back().unwrap();
    assert_eq!(kept.len() as i64, last_kept, "no gaps");
    say(&format!(
        "{}: {} receipts before the back-up, {during} during it, {} after; {last_kept} in the copy",
        database.kind(),
        before.len(),
        acknowledged.len() - before.len() - during
    ));
    let seen = app.post_picture("/api/recognize?regions=whole", &admin, photo).await.expect(200);
    assert_eq!(seen["items"][0]["candidates"][0]["product_name"], "Tea");
    drop(app);

    // The receipts after the back-up are lost, and everything says so that can know it.
    let last_receipt = format!("Corner={newest}");
    let check = ["numbering", "check", "--last-receipt", &last_receipt];
    let (code, out, error) = tillsight(&restored, restored.folder(), &check).await;
    assert!(code == 1 && out.contains(&format!("{}–{newest}", last_kept + 1)), "{out}{error}");
    let file = "last-numbers.json";
    std::fs::copy(database.folder().join(file), restored.folder().join(file)).unwrap();
    let (code, out, error) = tillsight(&restored, restored.folder(), &["numbering", "check"]).await;
    assert!(code == 1 && out.contains(&format!("{}–{newest}", last_kept + 1)), "{out}{error}");
    let (code, out, error) = tillsight(&restored, restored.folder(), &["serve"]).await;
    assert!(
        code == 1 && error.contains("older than the shop") && error.contains("numbering repair void"),
        "{out}{error}"
    );

    let repair = ["numbering", "repair", "void", "--store", &shop.store, "--reason", "restored", "--apply"];
    tillsight_done(&restored, restored.folder(), &repair).await;
    tillsight_done(&restored, restored.folder(), &["numbering", "check", "--deep"]).await;
    shop.app = TestApp::spawn_program(restored.clone(), &[]).await;
    let next = shop.place_order(&[(&shop.milk, 1)]).await;
    assert_eq!(next["receipt_number"], newest + 1, "no number is given again");
}

async fn a_back_up_is_refused_rather_than_overwritten_or_trusted(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    shop.place_paid_order().await;
    let folder = database.folder();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |name: &str| elsewhere.path().join(name).display().to_string();
    std::fs::create_dir(path("used")).unwrap();
    std::fs::write(elsewhere.path().join("used/file"), "kept").unwrap();
    let (code, _, error) = tillsight(&database, folder, &["backup", &path("used")]).await;
    assert!(code == 1 && error.contains("not an empty folder"), "{error}");
    std::fs::create_dir(path("empty")).unwrap();
    tillsight_done(&database, folder, &["backup", &path("empty")]).await;
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(elsewhere.path()), ["empty", "used"], "no temporary folder is left");

    let (code, _, error) = tillsight(&database, folder, &["restore", &path("empty")]).await;
    assert!(code == 1 && error.contains("not overwritten"), "{error}");
    let target = another(&database).await;
    let copy = if database.kind() == "sqlite" { "tillsight.db" } else { "tillsight.dump" };
    let bytes = std::fs::read(elsewhere.path().join("empty").join(copy)).unwrap();
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    std::fs::write(elsewhere.path().join("empty").join(copy), damaged).unwrap();
    let (code, _, error) = tillsight(&target, target.folder(), &["restore", &path("empty")]).await;
    assert!(code == 1 && error.contains(copy) && error.contains("damaged"), "{error}");
    assert_eq!(names(target.folder()), Vec::<String>::new(), "nothing was restored");
    std::fs::write(elsewhere.path().join("empty").join(copy), bytes).unwrap();
    tillsight_done(&target, target.folder(), &["restore", &path("empty")]).await;
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(elsewhere.path().join("empty/manifest.json")).unwrap()).unwrap();
    assert!(
        manifest["last_numbers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|given| given["series"] == "order" && given["number"] == 1 && given["store"] == "Corner <shop>")
    );
    // What the programs of a person see: the same rows.
    let (here, there) = (database.dump_rows().await, target.dump_rows().await);
    let orders = |rows: &[String]| rows.iter().filter(|row| row.starts_with("orders ")).cloned().collect::<Vec<_>>();
    assert_eq!(orders(&here), orders(&there));
}

async fn a_back_up_names_what_it_lacks(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    let photos = vec![package_photo(0, 0), package_photo(0, 1)];
    let fields = [("name", "Tea"), ("region", "whole")];
    shop.app.post_form("/api/products", &shop.admin, &fields, photos).await.expect(201);
    let folder = database.folder();
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |name: &str| elsewhere.path().join(name).display().to_string();
    let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    program.args(["backup", &path("no-data")]).stdin(Stdio::null()).current_dir(folder);
    program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret());
    program.env("TILLSIGHT_DATA_DIR", path("nowhere")).env("TILLSIGHT_MODEL", MODEL);
    let refused = String::from_utf8(program.output().await.unwrap().stderr).unwrap();
    assert!(refused.contains("the data folder") && refused.contains("nowhere does not exist"), "{refused}");
    assert!(!Path::new(&path("no-data")).exists());

    // One of two photos is gone: the rest is saved, and the lost one named.
    let images = std::fs::read_dir(folder.join("images")).unwrap().map(|folder| folder.unwrap().path());
    let lost = images.flat_map(|folder| std::fs::read_dir(folder).unwrap()).next().unwrap().unwrap().path();
    std::fs::remove_file(&lost).unwrap();
    let (code, out, error) = tillsight(&database, folder, &["backup", &path("copy")]).await;
    let name = format!(
        "images/{}/{}",
        lost.parent().unwrap().file_name().unwrap().display(),
        lost.file_name().unwrap().display()
    );
    assert!(code == 1 && out.contains(&name) && error.contains("1 photos"), "{out}{error}");
    let manifest = std::fs::read(elsewhere.path().join("copy/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["missing_photos"], json!([name]));
    let target = another(&database).await;
    tillsight_done(&target, target.folder(), &["restore", &path("copy")]).await;

    // The last numbers cannot be written, so no folder looks complete.
    let numbers = folder.join("last-numbers.json");
    let _absent = std::fs::remove_file(&numbers);
    std::fs::create_dir(&numbers).unwrap();
    let (code, _, error) = tillsight(&database, folder, &["backup", &path("later")]).await;
    assert!(code == 1 && error.contains("last-numbers.json"), "{error}");
    assert!(!Path::new(&path("later")).exists());
}

async fn every_series_can_be_compared_with_its_newest_record(database: TestDatabase) {
    let shop = Shop::open(database.clone()).await;
    shop.place_paid_order().await;
    for (option, series) in [("--last-payment", "payment"), ("--last-refund", "refund"), ("--last-closing", "closing")]
    {
        let newest = format!("{}=3", shop.store);
        let (code, out, error) =
            tillsight(&database, database.folder(), &["numbering", "check", option, &newest]).await;
        assert!(
            code == 1 && out.to_lowercase().contains(series) && out.contains("–3 of store"),
            "{option}: {out}{error}"
        );
    }
}

on_both_databases!(
    a_back_up_names_what_it_lacks,
    every_series_can_be_compared_with_its_newest_record,
    a_back_up_under_load_is_whole_and_numbers_go_on_without_reuse,
    a_back_up_is_refused_rather_than_overwritten_or_trusted,
);
