//! Imports of photos from the web: a server that is good, slow, hostile, or that leads inside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{TestApp, TestDatabase, on_both_databases, package_photo};
use crate::imports::{TASKS, failures, import, products, recognise, wait_until_over};

/// A server of pictures, and how many requests it had at the same time at most.
struct Pictures {
    port: u16,
    open_max: Arc<AtomicUsize>,
}

impl Pictures {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, open_max) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = Self { port, open_max: Arc::clone(&open_max) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (open, open_max) = (Arc::clone(&open), Arc::clone(&open_max));
                tokio::spawn(async move {
                    open_max.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    // Before the answer: whoever has it may ask again.
                    open.fetch_sub(1, Ordering::SeqCst);
                    // The client may hang up.
                    let _answered = answer(stream, port).await;
                });
            }
        });
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

async fn answer(mut stream: TcpStream, port: u16) -> std::io::Result<()> {
    let mut request = vec![0; 8_192];
    let read = stream.read(&mut request).await?;
    let request = String::from_utf8_lossy(&request[..read]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    assert!(request.to_lowercase().contains("user-agent: tillsight/"), "{request}");
    assert!(request.contains("(+https://shop.example)"), "{request}");
    let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nConnection: close\r\n{more}\r\n");
    let redirect = |to: &str| head("302 Found", &format!("Location: {to}\r\nContent-Length: 0\r\n"));
    let sized = |length: usize| head("200 OK", &format!("Content-Type: image/jpeg\r\nContent-Length: {length}\r\n"));
    let (text, body) = match path {
        "/robots.txt" => {
            let rules = b"User-agent: *\nDisallow: /private/\n".to_vec();
            (sized(rules.len()), rules)
        }
        "/milk.jpg" => (sized(package_photo(0, 0).len()), package_photo(0, 0)),
        "/moved.jpg" => (redirect("/soap.jpg"), Vec::new()),
        "/soap.jpg" => (sized(package_photo(1, 0).len()), package_photo(1, 0)),
        "/metadata.jpg" => (redirect("http://169.254.169.254/latest/meta-data/"), Vec::new()),
        "/inside.jpg" => (redirect(&format!("http://127.0.0.1:{}/secret", port ^ 1)), Vec::new()),
        "/file.jpg" => (redirect("file:///etc/passwd"), Vec::new()),
        "/loop.jpg" => (redirect("/loop.jpg"), Vec::new()),
        "/page.jpg" => (head("200 OK", "Content-Type: text/html\r\n"), b"<html>no picture</html>".to_vec()),
        "/huge.jpg" => (sized(10 << 30), vec![0xFF; 1 << 16]),
        "/bomb.jpg" => (head("200 OK", ""), vec![0xFF; 1 << 20]),
        "/endless.jpg" => {
            stream.write_all(sized(100_000).as_bytes()).await?;
            loop {
                stream.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        _ => (head("404 Not Found", "Content-Length: 0\r\n"), Vec::new()),
    };
    stream.write_all(text.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}

fn crawl(products: Value) -> Value {
    json!({"type": "import", "settings": {"media_mode": "crawl", "whole_photos": true, "products": products}})
}

async fn photos_are_downloaded_and_nothing_else_is(database: TestDatabase) {
    let pictures = Pictures::start().await;
    let settings = format!(
        "[limits]\nimage_bytes = 500000\n[automation]\nworkers = 4\n[automation.download]\nhosts = [\"localhost\", \"169.254.169.254\"]\n\
         private_servers = [\"127.0.0.1:{}\"]\ncontact = \"https://shop.example\"\ndelay_ms = 0\ntimeout_s = 3",
        pictures.port
    );
    let app = TestApp::spawn_with(database, &settings).await;
    let admin = app.login_admin().await;
    // A table in which one row is good, one moved, and the others are not what they should be.
    let names = ["metadata", "inside", "file", "loop", "page", "huge", "bomb", "private/a", "missing"];
    let hostile: String =
        names.iter().map(|name| format!("{name},{}\n", pictures.url(&format!("/{name}.jpg")))).collect();
    let table = format!(
        "name,images\nOat milk,{}\nSoap,{}\n{hostile}local,http://localhost:{}/milk.jpg\nother,https://pictures.example/a.jpg\n\
         path,images/milk.jpg\n",
        pictures.url("/milk.jpg"),
        pictures.url("/moved.jpg"),
        pictures.port
    );
    let done = import(&app, &admin, &crawl(json!([]))["settings"], table.into_bytes()).await;
    assert_eq!((&done["status"], &done["items"]["completed"]), (&json!("completed"), &json!(2)), "{done}");
    let reasons = [
        ("/metadata.jpg", "not a public address"),
        ("/inside.jpg", "automation.download.hosts"),
        ("/file.jpg", "https://"),
        ("/loop.jpg", "more than 5 other addresses"),
        ("/page.jpg", "text/html"),
        ("/huge.jpg", "500000 bytes"),
        ("/bomb.jpg", "500000 bytes"),
        ("/private/a.jpg", "robots.txt"),
        ("/missing.jpg", "404"),
        ("http://localhost", "not a public address"),
        ("https://pictures.example", "automation.download.hosts"),
        ("images/milk.jpg", "no address"),
    ];
    let failed = failures(&app, &admin, &done).await;
    assert_eq!(failed.len(), reasons.len(), "{failed:?}");
    for (item, reason) in reasons {
        let told = failed.iter().find(|(name, _)| name.contains(item));
        assert!(told.is_some_and(|(_, told)| told.contains(reason)), "{item}: {told:?}");
    }
    let made = products(&app, &admin).await;
    let names: Vec<_> = made.iter().map(|product| product["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Oat milk", "Soap"]);
    let item = recognise(&app, &admin, package_photo(1, 0)).await;
    assert_eq!(item["candidates"][0]["product_name"], "Soap");
    assert_eq!(pictures.open_max.load(Ordering::SeqCst), 1, "one request at a time");

    // A download that never ends is given up, and tried again later.
    let endless = crawl(json!([{"name": "Tea", "urls": [pictures.url("/endless.jpg")]}]));
    let task = app.post(TASKS, &admin, endless).await.expect(202);
    let path = format!("{TASKS}/{}/items", task["id"].as_str().unwrap());
    let mut item = Value::Null;
    for _ in 0..200 {
        item = app.get(&path, &admin).await.expect(200)["data"][0].clone();
        if item["error"].is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(item["error"].as_str().is_some_and(|told| told.contains("within 3 s")), "{item}");
    assert_eq!((&item["stage"], &item["status"]), (&json!("fetch"), &json!("waiting")));
}

async fn without_permission_nothing_is_downloaded(database: TestDatabase) {
    let app = TestApp::spawn(database).await;
    let admin = app.login_admin().await;
    let listed = crawl(json!([{"name": "Tea", "images": ["http://127.0.0.1:1/tea.jpg"]}]));
    let task = app.post(TASKS, &admin, listed).await.expect(202);
    let failed = wait_until_over(&app, &admin, &task).await;
    assert_eq!(failed["status"], "failed");
    assert!(failed["last_error"].as_str().unwrap().contains("switched off"), "{failed}");
    let missing = app.post(TASKS, &admin, crawl(json!([]))).await.expect_problem(422, "invalid-field");
    assert_eq!(missing["field"], "file");
}

on_both_databases!(photos_are_downloaded_and_nothing_else_is, without_permission_nothing_is_downloaded);
