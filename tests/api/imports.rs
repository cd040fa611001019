//! Imports of products and photos from a ZIP.

use std::io::{Cursor, Write};
use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::harness::{MODEL, Reply, TestApp, TestDatabase, on_both_databases, package_photo, server_program, skip};

pub const TASKS: &str = "/api/automation/tasks";

/// A ZIP of these files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub async fn post_import(app: &TestApp, admin: &str, settings: &Value, file: Vec<u8>) -> Reply {
    let form = Form::new()
        .part("file", Part::bytes(file).file_name("groceries.zip"))
        .text("type", "import")
        .text("title", "Groceries")
        .text("settings", settings.to_string());
    app.call(Method::POST, TASKS, Some(admin), |request| request.multipart(form)).await
}

/// The photos of the harness fill the picture, so the whole of each is the product.
fn whole() -> Value {
    json!({"media_mode": "upload", "whole_photos": true})
}

pub async fn import(app: &TestApp, admin: &str, settings: &Value, file: Vec<u8>) -> Value {
    let task = post_import(app, admin, settings, file).await.expect(202);
    wait_until_over(app, admin, &task).await
}

pub async fn wait_until_over(app: &TestApp, admin: &str, task: &Value) -> Value {
    let path = format!("{TASKS}/{}", task["id"].as_str().unwrap());
    for _ in 0..1_200 {
        let task = app.get(&path, admin).await.expect(200);
        if !["waiting", "processing"].contains(&task["status"].as_str().unwrap()) {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not over: {}", app.get(&path, admin).await.expect(200));
}

/// Item and reason of each failed item, in the order of their names.
pub async fn failures(app: &TestApp, admin: &str, task: &Value) -> Vec<(String, String)> {
    let path = format!("{TASKS}/{}/items?status=failed&limit=100", task["id"].as_str().unwrap());
    let items = app.get(&path, admin).await.expect(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut failures: Vec<_> =
        items["data"].as_array().unwrap().iter().map(|item| (text(&item["item"]), text(&item["error"]))).collect();
    failures.sort_unstable();
    failures
}

pub async fn products(app: &TestApp, admin: &str) -> Vec<Value> {
    let mut products = app.get("/api/products?limit=100", admin).await.expect(200)["data"].as_array().unwrap().clone();
    products.sort_by_key(|product| product["name"].as_str().unwrap().to_owned());
    products
}

pub async fn recognise(app: &TestApp, admin: &str, photo: Vec<u8>) -> Value {
    app.post_picture("/api/recognize?regions=whole", admin, photo).await.expect(200)["items"][0].clone()
}

async fn a_table_and_its_photos_become_products_that_are_recognised(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let table = "\u{FEFF}name;sku;barcode;price;currency;tax_rate_bp;description;images\n\
        Oat milk;M-1;4006381333931;219;EUR;700;fresh;\"images/milk 1.jpg; images/milk 2.jpg\"\n\
        Soap;S-1;;250;EUR;1900;;images/soap.jpg\n\
        Bag;B-1;;10;EUR;1900;;\n\
        Tea;T-1;;3,99;EUR;700;;images/tea.jpg\n\
        Twin;M-1;;100;EUR;700;;\n\
        Ghost;G-1;;100;EUR;700;;images/ghost.jpg\n\
        Broken;X-1;;100;EUR;700;;images/broken.jpg\n\
        Cup;C-1;4006381333932;100;EUR;700;;\n";
    let broken = &package_photo(5, 0)[..200];
    let photos = [package_photo(0, 0), package_photo(0, 1), package_photo(1, 0)];
    let file = zip(&[
        ("shop/products.csv", table.as_bytes()),
        ("shop/images/milk 1.jpg", &photos[0]),
        ("shop/images/milk 2.jpg", &photos[1]),
        ("shop/images/soap.jpg", &photos[2]),
        ("shop/images/broken.jpg", broken),
        ("__MACOSX/shop/._products.csv", b"x"),
    ]);
    let done = import(&app, &admin, &whole(), file.clone()).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(done["items"], json!({"waiting": 0, "processing": 0, "completed": 5, "failed": 5}));
    let failed = failures(&app, &admin, &done).await;
    let names: Vec<&str> = failed.iter().map(|(item, _)| item.as_str()).collect();
    assert_eq!(
        names,
        [
            "products.csv line 5",
            "products.csv line 6",
            "products.csv line 9",
            "shop/images/broken.jpg",
            "shop/images/ghost.jpg"
        ]
    );
    assert!(failed[0].1.contains("3,99") && failed[1].1.contains("line 2 already"), "{failed:?}");
    assert!(failed[2].1.contains("4006381333931"), "the right check digit is told: {failed:?}");
    assert!(failed[4].1.contains("not in the ZIP"), "{failed:?}");
    let made = products(&app, &admin).await;
    let shown: Vec<_> = made
        .iter()
        .map(|product| {
            (product["name"].as_str().unwrap(), &product["active"], product["images_count"].as_i64().unwrap())
        })
        .collect();
    // A product none of whose photos could be enrolled stays off sale.
    let (yes, no) = (&json!(true), &json!(false));
    let expected = [("Bag", yes, 0), ("Broken", no, 0), ("Ghost", yes, 0), ("Oat milk", yes, 2), ("Soap", yes, 1)];
    assert_eq!(shown, expected);
    assert_eq!((&made[3]["price"], &made[3]["barcode"]), (&json!(219), &json!("4006381333931")), "{}", made[3]);
    for (photo, name) in [(0, "Oat milk"), (2, "Soap")] {
        let item = recognise(&app, &admin, photos[photo].clone()).await;
        assert_eq!(item["candidates"][0]["product_name"], name, "{item}");
    }
    // The same again changes nothing.
    let again = import(&app, &admin, &whole(), file).await;
    assert_eq!(again["items"]["completed"], 5, "{again}");
    let same: Vec<_> = products(&app, &admin).await.iter().map(|product| product["images_count"].clone()).collect();
    assert_eq!(same, [json!(0), json!(0), json!(0), json!(2), json!(1)]);
    // Deleting the task keeps its products.
    app.delete(&format!("{TASKS}/{}", done["id"].as_str().unwrap()), &admin).await.expect(204);
    assert_eq!(products(&app, &admin).await.len(), 5);
    assert!(!app.database.folder().join("tasks").join(done["id"].as_str().unwrap()).exists());
}

async fn folders_named_for_products_are_imported(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let photos = [package_photo(0, 0), package_photo(1, 0)];
    let file = zip(&[("Oat milk/front.jpg", &photos[0]), ("Soap/1.jpg", &photos[1]), ("readme.txt", b"x")]);
    let done = import(&app, &admin, &whole(), file).await;
    assert_eq!((&done["status"], &done["items"]["completed"]), (&json!("completed"), &json!(2)), "{done}");
    let item = recognise(&app, &admin, photos[1].clone()).await;
    assert_eq!(item["candidates"][0]["product_name"], "Soap");
}

async fn products_go_on_sale_when_they_are_to(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let mut settings = whole();
    settings["publish_at"] = json!("2026-01-05T18:00:00Z");
    let photo = package_photo(0, 0);
    let task = post_import(&app, &admin, &settings, zip(&[("Oat milk/1.jpg", &photo)])).await.expect(202);
    let path = format!("{TASKS}/{}/items", task["id"].as_str().unwrap());
    let mut item = Value::Null;
    for _ in 0..400 {
        item = app.get(&path, &admin).await.expect(200)["data"][0].clone();
        if item["stage"] == "publish" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((&item["status"], &item["due_at"]), (&json!("waiting"), &json!("2026-01-05T18:00:00Z")), "{item}");
    assert_eq!(products(&app, &admin).await[0]["active"], false);
    app.clock.advance(6 * 3_600 + 1);
    let admin = app.login_admin().await;
    assert_eq!(wait_until_over(&app, &admin, &task).await["status"], "completed");
    assert_eq!(products(&app, &admin).await[0]["active"], true);
    let item = recognise(&app, &admin, photo).await;
    assert_eq!(item["candidates"][0]["product_name"], "Oat milk");
}

/// The server died after the enrolment of a photo and before that was recorded.
async fn a_photo_that_was_enrolled_before_its_server_died_goes_on(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let publish = json!({"kind": "stage", "name": "publish"});
    app.post("/api/automation/pause", &admin, publish.clone()).await.expect(200);
    let file = zip(&[("Oat milk/1.jpg", &package_photo(0, 0))]);
    let task = post_import(&app, &admin, &whole(), file).await.expect(202);
    let id = task["id"].as_str().unwrap();
    let is_enrolled = "SELECT COUNT(*) FROM task_queue WHERE stage = 'publish'";
    for _ in 0..400 {
        if app.database.count(is_enrolled).await == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.post("/api/automation/pause", &admin, json!({"kind": "stage", "name": "embed"})).await.expect(200);
    app.database.execute("DELETE FROM task_queue WHERE stage = 'publish'").await;
    let again = "UPDATE task_queue SET status = 'waiting', is_current = TRUE, finished_at = NULL WHERE stage = 'embed'";
    app.database.execute(again).await;
    for body in [json!({"kind": "stage", "name": "embed"}), publish] {
        app.post("/api/automation/resume", &admin, body).await.expect(200);
    }
    let done = wait_until_over(&app, &admin, &task).await;
    assert_eq!((&done["status"], &done["items"]["completed"]), (&json!("completed"), &json!(1)), "{done}");
    let made = &products(&app, &admin).await[0];
    assert_eq!((&made["active"], &made["images_count"]), (&json!(true), &json!(1)), "{made}");
    let files = std::fs::read_dir(app.database.folder().join("tasks").join(id)).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["upload"], "the photo between the stages is removed");
}

async fn hostile_and_useless_uploads_are_refused(database: TestDatabase) {
    let limits = "[automation]\nupload_bytes = 100000\nimport_bytes = 200000";
    let app = TestApp::spawn_with(database, limits).await;
    let admin = app.login_admin().await;
    let bomb = vec![0; 300_000];
    let cases: [(&str, Vec<u8>); 6] = [
        ("more than the 200000 bytes", zip(&[("Milk/1.jpg", &bomb)])),
        ("leads out", zip(&[("../Milk/1.jpg", b"x")])),
        ("cannot be read as a ZIP", b"not a zip".to_vec()),
        ("neither products.csv", zip(&[("readme.txt", b"x")])),
        ("no column \"colour\"", zip(&[("products.csv", b"name,colour\nMilk,white\n")])),
        ("products.json is not a list", zip(&[("products.json", b"{\"name\": 1}")])),
    ];
    for (reason, file) in cases {
        let failed = import(&app, &admin, &whole(), file).await;
        assert_eq!(failed["status"], "failed", "{reason}: {failed}");
        let told = failed["last_error"].as_str().unwrap();
        assert!(told.contains(reason), "{reason}: {told}");
    }
    assert!(products(&app, &admin).await.is_empty());
    let large = post_import(&app, &admin, &whole(), vec![0; 100_001]).await.expect_problem(413, "too-large");
    assert_eq!(large["limit_bytes"], 100_000);
    let folders = || std::fs::read_dir(app.database.folder().join("tasks")).unwrap().count();
    for _ in 0..100 {
        if folders() == 6 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(folders(), 6, "nothing is left of the upload that was refused");
    let missing = app.post(TASKS, &admin, json!({"type": "import"})).await.expect_problem(422, "invalid-field");
    assert_eq!(missing["field"], "file");
    let unknown = json!({"media_mode": "telepathy"});
    let refused = post_import(&app, &admin, &unknown, zip(&[])).await.expect_problem(422, "invalid-field");
    assert!(refused["detail"].as_str().unwrap().contains("telepathy"), "{refused}");
    let form = Form::new().text("type", "cleanup").part("file", Part::bytes(vec![1]));
    let useless = app.call(Method::POST, TASKS, Some(&admin), |request| request.multipart(form)).await;
    assert_eq!(useless.expect_problem(422, "invalid-field")["field"], "file");
}

async fn a_disk_that_fills_holds_an_import_up_and_loses_nothing(database: TestDatabase) {
    let name = format!("imports::{}::a_disk_that_fills_holds_an_import_up_and_loses_nothing", database.kind());
    let Some(app) = TestApp::spawn_program_on_small_disk(database, &[]).await else {
        return skip(&name, "this machine allows no mount of its own to a test");
    };
    let admin = app.login_admin().await;
    let extract = json!({"kind": "stage", "name": "extract"});
    let resume = async || app.post("/api/automation/resume", &admin, extract.clone()).await;
    app.post("/api/automation/pause", &admin, extract.clone()).await.expect(200);
    let photos = [package_photo(0, 0), package_photo(1, 0)];
    let file = zip(&[("Oat milk/1.jpg", &photos[0]), ("Soap/1.jpg", &photos[1])]);
    let task = post_import(&app, &admin, &whole(), file).await.expect(202);
    app.fill_disk();
    if app.database.kind() == "sqlite" {
        // The database is on that disk: nothing changes any more, so nothing is begun.
        resume().await.expect_problem(507, "disk-full");
        app.free_disk();
        resume().await.expect(200);
    } else {
        resume().await.expect(200);
        let path = format!("{TASKS}/{}/items", task["id"].as_str().unwrap());
        let mut reason = Value::Null;
        for _ in 0..200 {
            reason = app.get(&path, &admin).await.expect(200)["data"][0]["error"].take();
            if !reason.is_null() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(reason.as_str().unwrap().contains("disk of the data folder is full"), "{reason}");
        app.free_disk();
    }
    let done = wait_until_over(&app, &admin, &task).await;
    assert_eq!((&done["status"], &done["items"]["completed"]), (&json!("completed"), &json!(2)), "{done}");
    assert_eq!(products(&app, &admin).await.len(), 2);
}

/// Runs the program with the test's database and folder.
pub async fn run_tillsight(database: &TestDatabase, arguments: &[&str]) -> std::process::Output {
    let mut program = tokio::process::Command::new(server_program());
    program.args(arguments).current_dir(database.folder()).env("TILLSIGHT_DATA_DIR", database.folder());
    program.env("TILLSIGHT_DATABASE_URL", database.url().expose_secret()).env("TILLSIGHT_MODEL", MODEL);
    program.output().await.unwrap()
}

/// Runs the program; its output, if it succeeds.
pub async fn tillsight(database: &TestDatabase, arguments: &[&str]) -> String {
    let output = run_tillsight(database, arguments).await;
    let (text, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{arguments:?}: {text}{errors}");
    text
}

/// What another server must have in common: everything but identifiers and times.
pub fn catalogue_fields(products: &[Value]) -> Vec<Value> {
    let fields =
        ["name", "sku", "barcode", "price", "currency", "tax_rate_bp", "description", "images_count", "active"];
    let part = |product: &Value| fields.iter().map(|field| product[*field].clone()).collect();
    products.iter().map(part).collect()
}

async fn what_was_exported_is_imported_as_it_was(database: TestDatabase) {
    // The commands use the system's clock, and so must the servers that do their tasks.
    let app = TestApp::spawn_program(database.clone(), &[]).await;
    let admin = app.login_admin().await;
    let folder = database.folder().join("shop");
    std::fs::create_dir_all(folder.join("Soap")).unwrap();
    let photos = [package_photo(0, 0), package_photo(0, 1), package_photo(1, 0)];
    let table = "name,sku,price,currency,tax_rate_bp,description,images\n\
        \"Oat milk, fresh\",M-1,219,EUR,700,\"two\nlines\",a.jpg;b.jpg\nSoap,S-1,250,EUR,1900,,Soap/1.jpg\n=Bag+1,-7,10,EUR,0,@shop,\n";
    std::fs::write(folder.join("products.csv"), table).unwrap();
    for (name, photo) in ["a.jpg", "b.jpg", "Soap/1.jpg"].iter().zip(&photos) {
        std::fs::write(folder.join(name), photo).unwrap();
    }
    // A folder, by the command line.
    let told = tillsight(&database, &["import", "shop", "--whole-photos"]).await;
    assert!(told.contains("4 items enrolled, 0 failed"), "{told}");
    let told = tillsight(&database, &["export", "shop.zip"]).await;
    assert!(told.contains("3 products with 3 photos"), "{told}");
    let before = products(&app, &admin).await;

    let empty = if database.kind() == "postgres" { TestDatabase::postgres().await } else { TestDatabase::sqlite() };
    let other = TestApp::spawn_program(empty.clone(), &[]).await;
    let zip = database.folder().join("shop.zip");
    tillsight(&empty, &["import", zip.to_str().unwrap(), "--whole-photos"]).await;
    let there = other.login_admin().await;
    assert_eq!(catalogue_fields(&products(&other, &there).await), catalogue_fields(&before));
    for photo in &photos {
        let [here, there] =
            [recognise(&app, &admin, photo.clone()).await, recognise(&other, &there, photo.clone()).await];
        let names = |item: &Value| item["candidates"][0]["product_name"].clone();
        assert_eq!((names(&here), &here["candidates"][0]["score"]), (names(&there), &there["candidates"][0]["score"]));
    }
}

on_both_databases!(
    a_table_and_its_photos_become_products_that_are_recognised,
    folders_named_for_products_are_imported,
    products_go_on_sale_when_they_are_to,
    a_photo_that_was_enrolled_before_its_server_died_goes_on,
    hostile_and_useless_uploads_are_refused,
    what_was_exported_is_imported_as_it_was,
    a_disk_that_fills_holds_an_import_up_and_loses_nothing,
);
