//! Forms as browsers and older programs send them: names in capitals and in other encodings, file inputs left empty.

use reqwest::Method;

use crate::harness::{Browser, Reply, TestApp, TestDatabase, on_both_databases, package_photo};

/// A file input of a browser where nothing was chosen.
const NOTHING_CHOSEN: &[u8] = b"filename=\"\"\r\ncontent-type: application/octet-stream";
const TASKS: &str = "/api/automation/tasks";

/// A part of a form: the field, what else its head says, and the content.
type Part<'a> = (&'a str, &'a [u8], &'a [u8]);

fn body(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, head, content) in parts {
        body.extend_from_slice(format!("--AbC\r\nContent-Disposition: Form-Data; Name=\"{field}\"").as_bytes());
        if !head.is_empty() {
            body.extend_from_slice(b"; ");
        }
        body.extend_from_slice(head);
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--AbC--\r\n");
    body
}

async fn post(app: &TestApp, token: &str, path: &str, parts: &[Part<'_>]) -> Reply {
    let fill = |request: reqwest::RequestBuilder| {
        request.header("content-type", "Multipart/Form-Data; Boundary=AbC").body(body(parts))
    };
    app.call(Method::POST, path, Some(token), fill).await
}

async fn names_in_capitals_and_empty_file_inputs_are_taken(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let photo = package_photo(0, 0);
    let milk: [Part; 5] = [
        ("name", b"", "우유".as_bytes()),
        ("region", b"", b"whole"),
        ("images", b"FileName=\"milk.jpg\"", &photo),
        ("images", NOTHING_CHOSEN, b""),
        ("invoice", NOTHING_CHOSEN, b""),
    ];
    let added = post(&app, &admin, "/api/products", &milk).await.expect(201);
    assert_eq!((&added["product_name"], &added["images_count"]), (&"우유".into(), &1.into()));
    let one: [Part; 2] = [("image", b"filename=a.jpg", &photo), ("image", NOTHING_CHOSEN, b"")];
    post(&app, &admin, "/api/recognize?regions=whole", &one).await.expect(200);
    let none: [Part; 1] = [("image", NOTHING_CHOSEN, b"")];
    let refused = post(&app, &admin, "/api/recognize", &none).await.expect_problem(422, "invalid-field");
    assert!(refused["detail"].as_str().unwrap().contains("0 images"), "{refused}");
    // A file that was chosen is told of, even if it is empty, and so is a file where none belongs.
    let empty: [Part; 1] = [("image", b"filename=\"a.jpg\"", b"")];
    post(&app, &admin, "/api/recognize", &empty).await.expect_problem(422, "broken-image");
    let elsewhere: [Part; 1] = [("invoice", b"filename=\"\"", b"content")];
    post(&app, &admin, "/api/recognize", &elsewhere).await.expect_problem(422, "invalid-field");
    // A task without a file, from a form that has an input for one.
    let cleanup: [Part; 2] = [("type", b"", b"cleanup"), ("file", NOTHING_CHOSEN, b"")];
    post(&app, &admin, TASKS, &cleanup).await.expect(202);
    let import: [Part; 2] = [("type", b"", b"import"), ("file", NOTHING_CHOSEN, b"")];
    let missing = post(&app, &admin, TASKS, &import).await.expect_problem(422, "invalid-field");
    assert_eq!(missing["field"], "file");
}

async fn file_names_are_read_in_the_encoding_of_their_system(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    for (head, name) in [
        (&b"filename=\"K\xe4se.jpg\""[..], "Käse.jpg"),
        (b"filename=\"\xbf\xec\xc0\xaf.jpg\"", "우유.jpg"),
        (b"filename*=UTF-8''%EC%9A%B0%EC%9C%A0.jpg", "우유.jpg"),
    ] {
        let parts: [Part; 2] = [("name", b"", b"x"), ("images", head, b"no photo")];
        let refused = post(&app, &admin, "/api/products", &parts).await.expect_problem(415, "not-an-image");
        assert_eq!(refused["file_name"], name);
    }
    // The folder is the product.
    let photo = package_photo(0, 0);
    let folder: [Part; 2] = [
        ("file", b"filename=\"shop/\xbf\xec\xc0\xaf/1.jpg\"", &photo),
        ("file", b"filename=\"shop/K\xe4se/1.jpg\"", &photo),
    ];
    let draft = post(&app, &admin, "/api/automation/imports", &folder).await.expect(201);
    assert_eq!((&draft["products"], &draft["photos"]), (&2.into(), &2.into()), "{draft}");
}

async fn a_page_takes_a_product_whose_photo_was_not_chosen(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let mut browser = Browser::new(&app);
    browser.sign_in("admin", crate::harness::ADMIN_PASSWORD).await;
    let parts: [Part; 3] = [("name", b"", b"Bread"), ("currency", b"", b"EUR"), ("images", NOTHING_CHOSEN, b"")];
    let request =
        browser.client.post(format!("{}/admin/products/new", app.url)).header("cookie", browser.cookie_header());
    let request = request.header("origin", app.url.clone()).header("accept", "text/html");
    let sent = request.header("content-type", "MULTIPART/FORM-DATA; BOUNDARY=AbC").body(body(&parts)).send().await;
    assert_eq!(sent.unwrap().status(), 303);
}

on_both_databases!(
    names_in_capitals_and_empty_file_inputs_are_taken,
    file_names_are_read_in_the_encoding_of_their_system,
    a_page_takes_a_product_whose_photo_was_not_chosen,
);
