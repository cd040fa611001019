//! Imports that are looked through before they start, by the API and on the pages of a browser without scripts.

use std::io::{Cursor, Write};
use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::harness::{ADMIN_PASSWORD, Browser, Reply, TestApp, TestDatabase, on_both_databases, package_photo};

const DRAFTS: &str = "/api/automation/imports";
const TASKS: &str = "/api/automation/tasks";

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Files of a form, each with its path.
fn form(files: &[(&str, &[u8])]) -> Form {
    let part = |(path, content): &(&str, &[u8])| Part::bytes(content.to_vec()).file_name((*path).to_owned());
    files.iter().fold(Form::new(), |form, file| form.part("file", part(file)))
}

async fn post_draft(app: &TestApp, admin: &str, files: &[(&str, &[u8])]) -> Reply {
    app.call(Method::POST, DRAFTS, Some(admin), |request| request.multipart(form(files))).await
}

async fn wait_until_over(app: &TestApp, admin: &str, path: &str) -> Value {
    for _ in 0..1_200 {
        let task = app.get(path, admin).await.expect(200);
        if !["waiting", "processing"].contains(&task["status"].as_str().unwrap()) {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not over: {}", app.get(path, admin).await.expect(200));
}

const TABLE: &str = "name,sku,price,currency,images\n\
    Oat milk,M-1,219,EUR,images/milk.jpg;images/ghost.jpg\n\
    Soap,S-1,2.50,EUR,images/soap.jpg\n\
    Bag,B-1,10,Euro,\n\
    Tea,M-1,300,EUR,\n";

async fn broken_rows_are_told_before_anything_changes(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let (milk, soap) = (package_photo(0, 0), package_photo(1, 0));
    let files: [(&str, &[u8]); 4] = [
        ("shop/products.csv", TABLE.as_bytes()),
        ("shop/images/milk.jpg", &milk),
        ("shop/images/soap.jpg", &soap),
        ("shop/images/more.jpg", &soap),
    ];
    let draft = post_draft(&app, &admin, &[("shop.zip", &zip(&files))]).await.expect(201);
    assert_eq!((&draft["products"], &draft["photos"], &draft["unused_photos"]), (&json!(1), &json!(1), &json!(2)));
    let rows = draft["broken_rows"].as_array().unwrap();
    let told: Vec<_> = rows.iter().map(|row| [&row["line"], &row["column"], &row["value"], &row["skipped"]]).collect();
    assert_eq!(
        json!(told),
        json!([
            [2, "images", "images/ghost.jpg", "photo"],
            [3, "price", "2.50", "row"],
            [4, "currency", "Euro", "row"],
            [5, "sku", "M-1", "row"],
        ]),
        "{draft}"
    );
    assert_eq!(draft["broken_rows_count"], 4);
    let none = async |path: &str| app.get(path, &admin).await.expect(200)["data"].as_array().unwrap().len();
    assert_eq!((none("/api/products").await, none("/api/automation/tasks?type=import").await), (0, 0));

    // The same files as a folder, as a browser sends it.
    let folder = post_draft(&app, &admin, &files).await.expect(201);
    for field in ["table", "products", "photos", "unused_photos", "broken_rows"] {
        assert_eq!(folder[field], draft[field], "{field}");
    }
    // Discarded, it is gone.
    let discarded = format!("{DRAFTS}/{}", folder["id"].as_str().unwrap());
    app.delete(&discarded, &admin).await.expect(204);
    app.get(&discarded, &admin).await.expect_problem(404, "not-found");
    app.delete(&discarded, &admin).await.expect_problem(404, "not-found");

    // Started, it becomes the task with its id, once.
    let path = format!("{DRAFTS}/{}", draft["id"].as_str().unwrap());
    assert_eq!(app.get(&path, &admin).await.expect(200), draft);
    let body = json!({"title": "Groceries", "settings": {"whole_photos": true}});
    let start = format!("{path}/start");
    let wrong = json!({"settings": {"whole": true}});
    app.post(&start, &admin, wrong).await.expect_problem(422, "invalid-field");
    let task = app.post(&start, &admin, body.clone()).await.expect(202);
    assert_eq!((&task["id"], &task["title"]), (&draft["id"], &json!("Groceries")));
    assert_eq!(app.post(&start, &admin, body).await.expect(202)["id"], draft["id"]);
    app.get(&path, &admin).await.expect_problem(404, "not-found");
    app.delete(&path, &admin).await.expect_problem(404, "not-found");
    let done = wait_until_over(&app, &admin, &format!("{TASKS}/{}", draft["id"].as_str().unwrap())).await;
    assert_eq!(done["items"], json!({"waiting": 0, "processing": 0, "completed": 1, "failed": 4}), "{done}");
    assert_eq!(app.get("/api/products", &admin).await.expect(200)["data"][0]["name"], "Oat milk");
}

async fn a_zip_of_another_system_gives_the_products_that_its_table_names(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let table = "name;sku;price;images;\r\nMüsli;M-1;219;Bilder\\MÜSLI.jpg;\r\nSoap;S-1;250;gone.jpg;\r\n;;;;\r\n";
    let photo = package_photo(0, 0);
    let files: [(&str, &[u8]); 3] = [
        (".\\shop\\Products.CSV", table.as_bytes()),
        // As macOS writes it: the letter and its dots apart.
        ("shop\\Bilder\\Mu\u{308}sli.jpg", &photo),
        ("__MACOSX/shop/._Products.CSV", b"x"),
    ];
    let draft = post_draft(&app, &admin, &[("shop.zip", &zip(&files))]).await.expect(201);
    assert_eq!((&draft["products"], &draft["photos"], &draft["broken_rows_count"]), (&json!(2), &json!(1), &json!(1)));
    let start = format!("{DRAFTS}/{}/start", draft["id"].as_str().unwrap());
    app.post(&start, &admin, json!({"settings": {"whole_photos": true, "insist": true}})).await.expect(202);
    let done = wait_until_over(&app, &admin, &format!("{TASKS}/{}", draft["id"].as_str().unwrap())).await;
    assert_eq!(done["items"], json!({"waiting": 0, "processing": 0, "completed": 2, "failed": 1}), "{done}");
    let products = app.get("/api/products", &admin).await.expect(200);
    let mut products: Vec<_> = products["data"].as_array().unwrap().iter().collect();
    products.sort_by_key(|product| product["sku"].to_string());
    let found: Vec<_> = products.iter().map(|product| [&product["name"], &product["images_count"]]).collect();
    assert_eq!(json!(found), json!([["Müsli", 1], ["Soap", 0]]), "the soap comes without its photo, as the draft says");

    let misnamed: [(&str, &[u8]); 2] = [("catalog.csv", b"name\nMilk\n"), ("images/milk.jpg", &photo)];
    let refused = post_draft(&app, &admin, &[("shop.zip", &zip(&misnamed))]).await.expect_problem(422, "invalid-field");
    assert!(refused["detail"].as_str().unwrap().contains("catalog.csv"), "{refused}");
}

async fn uploads_that_cannot_be_used_are_refused_and_removed(database: TestDatabase) {
    let app = TestApp::spawn_with(database, "[automation]\nupload_bytes = 100000").await;
    let admin = app.login_admin().await;
    let table: &[u8] = b"name\nMilk\n";
    let zipped = zip(&[("products.csv", table)]);
    type Files<'a> = Vec<(&'a str, &'a [u8])>;
    let cases: [(&str, Files); 6] = [
        ("Choose a ZIP or a folder", vec![("", b"")]),
        ("cannot be read as a ZIP", vec![("a.zip", b"no zip")]),
        ("not both", vec![("a.zip", &zipped), ("b/products.csv", table)]),
        ("leads out", vec![("shop/products.csv", table), ("../etc/1.jpg", b"x")]),
        ("no column \"colour\"", vec![("shop/products.csv", b"name,colour\nMilk,white\n")]),
        ("neither products.csv", vec![("shop/readme.txt", b"x")]),
    ];
    for (reason, files) in cases {
        let refused = post_draft(&app, &admin, &files).await.expect_problem(422, "invalid-field");
        assert_eq!(refused["field"], "file", "{reason}");
        assert!(refused["detail"].as_str().unwrap().contains(reason), "{reason}: {refused}");
    }
    let large = vec![0; 100_001];
    post_draft(&app, &admin, &[("a.zip", &large)]).await.expect_problem(413, "too-large");
    let folder = app.database.folder().join("tasks");
    for _ in 0..200 {
        // What broke off is removed in the background.
        if std::fs::read_dir(&folder).unwrap().count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("left behind: {:?}", std::fs::read_dir(folder).unwrap().collect::<Vec<_>>());
}

async fn the_export_is_a_zip_that_an_import_takes(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let fields = [("name", "Oat milk"), ("price", "219"), ("currency", "EUR"), ("region", "whole")];
    app.post_form("/api/products", &admin, &fields, vec![package_photo(0, 0)]).await.expect(201);
    let mut browser = Browser::new(&app);
    browser.sign_in("admin", ADMIN_PASSWORD).await;
    let response = browser.get("/api/automation/export").await;
    assert_eq!(response.headers()["content-type"], "application/zip");
    let bytes = response.bytes().await.unwrap();
    let draft = post_draft(&app, &admin, &[("export.zip", &bytes)]).await.expect(201);
    assert_eq!((&draft["products"], &draft["photos"], &draft["broken_rows_count"]), (&json!(1), &json!(1), &json!(0)));
}

/// As an admin does it in a browser without scripts: choose, look, start, see what failed, retry, delete.
async fn an_import_goes_without_scripts(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let mut browser = Browser::new(&app);
    browser.sign_in("admin", ADMIN_PASSWORD).await;
    let broken = &package_photo(5, 0)[..200];
    let milk = package_photo(0, 0);
    let table = "name,price,currency,images\nOat milk,219,EUR,milk.jpg\nBroken,100,EUR,broken.jpg\nTea,3.00,EUR,\n";
    let file = zip(&[("products.csv", table.as_bytes()), ("milk.jpg", &milk), ("broken.jpg", broken)]);
    // A browser sends an empty file for the input where nothing was chosen.
    let nothing = browser.upload("/admin/tasks/import", form(&[("", b"")])).await;
    assert_eq!(nothing.status(), 422);
    let sent = browser.upload("/admin/tasks/import", form(&[("shop.zip", &file), ("", b"")])).await;
    let draft = sent.headers()["location"].to_str().unwrap().to_owned();
    let page = browser.get(&draft).await.text().await.unwrap();
    assert!(page.contains("3.00") && page.contains("write whole minor units"), "{page}");
    assert!(page.contains("value=\"shop\"") && page.contains("name=\"form_key\""), "{page}");

    let start = draft.split('?').next().unwrap();
    let past = [("title", "Spring"), ("whole_photos", "yes"), ("publish_at", "2020-01-01T10:00")];
    let refused = browser.submit(start, &past).await;
    assert_eq!(refused.status(), 422);
    let refused = refused.text().await.unwrap();
    assert!(refused.contains("publish_at-fault") && refused.contains("value=\"Spring\""), "{refused}");
    let started = browser.submit(start, &[("title", "Spring"), ("whole_photos", "yes")]).await;
    let task = started.headers()["location"].to_str().unwrap().split('?').next().unwrap().to_owned();
    let id = task.rsplit('/').next().unwrap();
    let done = wait_until_over(&app, &admin, &format!("{TASKS}/{id}")).await;
    assert_eq!(done["items"], json!({"waiting": 0, "processing": 0, "completed": 1, "failed": 2}), "{done}");
    // The draft's page leads to its task.
    assert_eq!(browser.get(&draft).await.headers()["location"].to_str().unwrap(), task);

    let page = browser.get(&task).await.text().await.unwrap();
    for shown in ["Spring", "products.csv line 4", "broken.jpg", "Oat milk", "/retry", "Done, some failed"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let photo = page.split("data-photo").next().unwrap().rsplit("src=\"").next().unwrap().split('"').next().unwrap();
    let failed = browser.get(&format!("{task}?items=failed")).await.text().await.unwrap();
    assert!(!failed.contains("<th scope=\"row\">milk.jpg"), "{failed}");
    let items = app.get(&format!("{TASKS}/{id}/items"), &admin).await.expect(200);
    let item = |name: &str| {
        let found = items["data"].as_array().unwrap().iter().find(|item| item["item"] == name).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    assert!(photo.starts_with(&task), "{photo}");
    let shown = browser.get(&format!("{task}/items/{}/photo", item("milk.jpg"))).await;
    assert_eq!((shown.status().as_u16(), &shown.headers()["content-type"]), (200, &"image/jpeg".parse().unwrap()));
    assert_eq!(browser.get(&format!("{task}/items/{}/photo", item("broken.jpg"))).await.status(), 404);
    let log = browser.get(&format!("{task}?level=error&stage=extract&action=fail")).await.text().await.unwrap();
    assert!(log.contains("write whole minor units"), "{log}");

    // The list, the search and the dashboard lead there.
    for (path, part) in [("/admin/tasks?tab=failed", &*task), ("/admin/search?q=spri", &task), ("/admin", "tab=failed")]
    {
        let page = browser.get(path).await.text().await.unwrap();
        assert!(page.contains(part), "{path}: {page}");
    }
    let retried = browser.submit(&format!("{task}/retry"), &[("item_id", &item("broken.jpg"))]).await;
    assert_eq!(retried.status(), 303);
    wait_until_over(&app, &admin, &format!("{TASKS}/{id}")).await;
    let discarded = browser.submit(&format!("{task}/discard"), &[]).await;
    assert_eq!(discarded.status(), 303);
    assert_eq!(browser.submit(&format!("{task}/remove"), &[]).await.status(), 303);
    assert_eq!(browser.get(&task).await.status(), 404);
    assert!(browser.get("/admin/products").await.text().await.unwrap().contains("Oat milk"));
}

on_both_databases!(
    broken_rows_are_told_before_anything_changes,
    a_zip_of_another_system_gives_the_products_that_its_table_names,
    uploads_that_cannot_be_used_are_refused_and_removed,
    the_export_is_a_zip_that_an_import_takes,
    an_import_goes_without_scripts,
);
