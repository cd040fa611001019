//! The servers that are measured: ours and the peer, each a process of its own, started, taught and asked over HTTP.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tillsight::demo::Client;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::http_client::{Answer, HttpClient};
use super::pictures::Shop;
use super::{CLIENTS, GROWTH, STEPS_WITHOUT_GROWTH, load};

/// The shipped model.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tillsight-small.json");
const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer/server.py");
/// Where photos are shown.
/// The peer knows no regions: both embed the whole picture.
const RECOGNIZE: &str = "/api/recognize?regions=whole";
/// How long a server may take to start; the peer embeds its gallery first.
const START: Duration = Duration::from_secs(600);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(120);
/// From this share of the best rate on a rate is as good as it.
const AS_GOOD_AS: f64 = 0.98;
/// How often it is looked whether a server has stopped, and how long lies between.
const STOP_LOOKS: usize = 100;
const STOP_LOOK: Duration = Duration::from_millis(100);

/// A running server. Ends when dropped.
pub struct Server {
    pub name: String,
    client: HttpClient,
    /// A request with each of the kiosk photos.
    requests: Vec<Bytes>,
    /// Clients of a closed loop with which most photos are answered, and how many those are per second.
    pub clients: usize,
    pub capacity: f64,
    /// The share of the kiosk photos whose product it names first.
    pub right: f64,
    process: Child,
}

impl Server {
    /// The server of this house on SQLite in `folder`, with every product enrolled through its API.
    pub async fn tillsight(shop: &Shop, folder: &Path) -> Self {
        let password = Uuid::new_v4().to_string();
        let data = folder.join("data");
        std::fs::create_dir_all(&data).expect("a folder");
        let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
        program.arg("serve").kill_on_drop(true).stdout(Stdio::piped()).current_dir(&data);
        program.env("TILLSIGHT_BIND", "127.0.0.1:0").env("TILLSIGHT_ADMIN_PASSWORD", &password);
        program.env("TILLSIGHT_DATABASE_URL", format!("sqlite://{}", data.join("bench.db").display()));
        program.env("TILLSIGHT_DATA_DIR", &data).env("TILLSIGHT_MODEL", MODEL).env("TILLSIGHT_LOG_FILTER", "warn");
        let mut process = program.spawn().expect("the program");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let base = loop {
            let line = lines.next_line().await.expect("its output").expect("the server says where it listens");
            if let Some((_, base)) = line.split_once("listens on ") {
                break base.to_owned();
            }
        };
        // Whatever else it prints must find a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let key = teach(shop, &base, &password).await;
        Self::ready("tillsight".to_owned(), &base, key, process, shop).await
    }

    /// The peer with `workers` processes, which reads the same photos from the shop's gallery.
    pub async fn peer(python: &Path, shop: &Shop, workers: usize) -> Self {
        // Taken for a moment, to be told a free port.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut program = Command::new(python);
        program.arg(PEER).kill_on_drop(true).stdout(Stdio::null());
        program.arg("--model").arg(MODEL).arg("--gallery").arg(&shop.gallery);
        program.arg("--port").arg(port.to_string()).arg("--workers").arg(workers.to_string());
        let process = program.spawn().expect("the peer's Python");
        let name = format!("FastAPI × {workers}");
        Self::ready(name, &format!("http://127.0.0.1:{port}"), String::new(), process, shop).await
    }

    /// Waits until it answers, shows it each photo once, and counts how many it names rightly.
    async fn ready(name: String, base: &str, key: String, mut process: Child, shop: &Shop) -> Self {
        let http = reqwest::Client::builder().timeout(ANSWER).build().expect("a client");
        let waiting = async {
            while !http.get(format!("{base}/healthz")).send().await.is_ok_and(|reply| reply.status().is_success()) {
                if let Ok(Some(status)) = process.try_wait() {
                    panic!("{name} ended before it answered: {status}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let started = tokio::time::timeout(START, waiting).await;
        started.unwrap_or_else(|_| panic!("{name} does not answer at {base}"));
        let mut right = 0;
        for shown in &shop.shown {
            let request = http.post(format!("{base}{RECOGNIZE}")).bearer_auth(&key);
            let request = request.header("Content-Type", "image/jpeg").body(shown.jpeg.clone());
            let reply = request.send().await.expect("an answer");
            let reply: Value = reply.error_for_status().expect("200").json().await.expect("JSON");
            right += usize::from(reply["items"][0]["candidates"][0]["product_name"] == shown.product.as_str());
        }
        let right = right as f64 / shop.shown.len() as f64;
        let client = HttpClient::new(base.strip_prefix("http://").expect("an address"));
        let requests = shop.shown.iter().map(|shown| client.request(RECOGNIZE, &key, &shown.jpeg)).collect();
        Self { name, client, requests, clients: 1, capacity: 0.0, right, process }
    }

    /// Shows it the photo whose turn it is.
    pub async fn ask(&self, turn: usize) -> std::io::Result<Answer> {
        self.client.ask(&self.requests[turn % self.requests.len()]).await
    }

    /// Lets the number of clients grow until the rate of answers no longer does, and keeps the best: of numbers that are as good
    /// as equal the largest, as two clients may both have come to the same of a server's processes.
    pub async fn find_capacity(&mut self, time: Duration) {
        let mut without_growth = 0;
        for clients in CLIENTS {
            let found = load::closed_loop(self, clients, time).await;
            let rate = found.rate();
            eprintln!(
                "{}: {clients} client(s): {rate:.1} images/s, {:.0} % refused",
                self.name,
                found.refused_percent()
            );
            without_growth = if rate > self.capacity * GROWTH { 0 } else { without_growth + 1 };
            if rate > self.capacity * AS_GOOD_AS {
                (self.capacity, self.clients) = (rate.max(self.capacity), clients);
            }
            if without_growth == STEPS_WITHOUT_GROWTH {
                break;
            }
        }
    }

    /// The process to be watched.
    pub fn pid(&self) -> u32 {
        self.process.id().expect("a running server")
    }
}

impl Drop for Server {
    /// Asks it to stop, so that it stops the processes that it started; the one that is dropped is killed otherwise.
    fn drop(&mut self) {
        let Some(pid) = self.process.id() else { return };
        let asked = std::process::Command::new("kill").arg(pid.to_string()).status();
        for _ in 0..STOP_LOOKS {
            if asked.is_err() || !matches!(self.process.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(STOP_LOOK);
        }
    }
}

/// Enrols all products as the admin and one kiosk, whose key is given.
async fn teach(shop: &Shop, base: &str, password: &str) -> String {
    let anybody = Client::new(base);
    let text = |json: &Value, name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name}: {json}")).to_owned();
    let credentials = json!({"username": "admin", "password": password});
    let tokens = anybody.post("/api/auth/login", credentials.clone()).await.expect("a login");
    let mut admin = anybody.with_bearer(&text(&tokens, "access_token"));
    let store = admin.post("/api/stores", json!({"name": "Bench", "currency": "EUR"})).await.expect("a store");
    let kiosks = format!("/api/stores/{}/kiosks", text(&store, "id"));
    let code = text(&admin.post(&kiosks, json!({"name": "Kiosk"})).await.expect("a kiosk"), "enrolment_code");
    let key = text(&anybody.post("/api/kiosks/enrol", json!({"code": code})).await.expect("a key"), "key");
    for (place, package) in shop.packages.iter().enumerate() {
        // Access tokens live for minutes; a large catalogue takes longer.
        if place % 100 == 99 {
            let tokens = anybody.post("/api/auth/login", credentials.clone()).await.expect("a login");
            admin = anybody.with_bearer(&text(&tokens, "access_token"));
        }
        let texts = vec![
            ("name", package.name.clone()),
            ("sku", package.sku.clone()),
            ("price", package.price_minor.to_string()),
            ("currency", "EUR".to_owned()),
            ("region", "whole".to_owned()),
        ];
        admin.post_form("/api/products", texts, shop.teaching_photos(place)).await.expect("a product");
    }
    key
}
