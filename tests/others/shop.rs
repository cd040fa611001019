//! A server in a process of its own, with a store, a kiosk, a shopper, and photos of an invented product.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::multipart::Form;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const ADMIN_PASSWORD: &str = "the till sees everything";

/// Ended when it is dropped.
pub struct Shop {
    pub url: String,
    /// An access token.
    pub admin: String,
    /// The key of a kiosk.
    pub kiosk: String,
    /// An access token.
    pub shopper: String,
    store: String,
    folder: tempfile::TempDir,
    server: Child,
}

impl Shop {
    pub fn open() -> Self {
        Self::open_with(&[])
    }

    /// With variables that hold settings.
    pub fn open_with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let render = ["render", "--products", "1", "--views", "7", "--seed", "3", "--out", "rendered"];
        assert!(program(folder.path()).args(render).status().unwrap().success());
        let mut command = program(folder.path());
        command.arg("serve").env("TILLSIGHT_BIND", "127.0.0.1:0").env("TILLSIGHT_ADMIN_PASSWORD", ADMIN_PASSWORD);
        command.envs(settings.iter().copied());
        let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.find_map(|line| line.split_once("listens on ").map(|(_, url)| url.to_owned())).unwrap();
        // A closed pipe would end the server.
        std::thread::spawn(move || lines.for_each(drop));
        let mut shop = Self {
            url,
            admin: String::new(),
            kiosk: String::new(),
            shopper: String::new(),
            store: String::new(),
            folder,
            server,
        };
        shop.furnish();
        shop
    }

    fn furnish(&mut self) {
        let token = |reply: Value| reply["access_token"].as_str().unwrap().to_owned();
        self.admin = token(self.post("/api/auth/login", "", json!({"username": "admin", "password": ADMIN_PASSWORD})));
        let store = self.post("/api/stores", &self.admin, json!({"name": "Main Street", "currency": "EUR"}));
        let kiosks = format!("/api/stores/{}/kiosks", store["id"].as_str().unwrap());
        let kiosk = self.post(&kiosks, &self.admin, json!({"name": "Kiosk 1"}));
        let enrolled = self.post("/api/kiosks/enrol", "", json!({"code": kiosk["enrolment_code"]}));
        enrolled["key"].as_str().unwrap().clone_into(&mut self.kiosk);
        let shopper = json!({"username": "ann", "password": "my own oat milk receipts"});
        self.shopper = token(self.post("/api/auth/signup", "", shopper));
        let document = self.send(self.request(Method::GET, "/api/openapi.json", ""));
        std::fs::write(self.document(), document.to_string()).unwrap();
        store["id"].as_str().unwrap().clone_into(&mut self.store);
    }

    /// Fills the shop: a product, an open bill with it, and an order that belongs to the shopper. Generated requests then
    /// name them instead of ids that do not exist.
    pub fn stock(&self) {
        let form = Form::new().text("name", "Oat milk").text("price", "219").text("currency", "EUR");
        let product = self.send(self.request(Method::POST, "/api/products", &self.admin).multipart(form));
        let fill_bill = || {
            let session = self.post("/api/sessions", &self.kiosk, json!({}));
            let items = format!("/api/sessions/{}/items", session["id"].as_str().unwrap());
            self.post(&items, &self.kiosk, json!({"version": session["version"], "product_id": product["id"]}))
        };
        let (bought, open) = (fill_bill(), fill_bill());
        let confirm = format!("/api/sessions/{}/confirm", bought["id"].as_str().unwrap());
        let confirm = self.request(Method::POST, &confirm, &self.kiosk).header("Idempotency-Key", "first-sale");
        let order = self.send(confirm.json(&json!({"version": bought["version"]})));
        self.post("/api/mypage/claims", &self.shopper, json!({"claim_code": order["claim_code"]}));
        let me = self.send(self.request(Method::GET, "/api/auth/me", &self.shopper));
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let places = [
            ("/products/", id(&product)),
            ("/sessions/", id(&open)),
            ("/orders/", id(&order)),
            ("/users/", id(&me)),
            ("/stores/", self.store.clone()),
        ];
        let config: String = places
            .iter()
            .map(|(place, id)| {
                format!(
                    "[[operations]]\ninclude-path-regex = '{place}\\{{id'\nparameters = {{ 'path.id' = '{id}' }}\n\n"
                )
            })
            .collect();
        std::fs::write(self.folder().join("schemathesis.toml"), config).unwrap();
    }

    pub fn post(&self, path: &str, token: &str, body: Value) -> Value {
        self.send(self.request(Method::POST, path, token).json(&body))
    }

    fn request(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        reqwest::Client::new().request(method, format!("{}{path}", self.url)).bearer_auth(token)
    }

    #[track_caller]
    fn send(&self, request: RequestBuilder) -> Value {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reply = runtime.block_on(async { request.send().await?.error_for_status()?.json().await });
        reply.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Fails if the server has ended or no longer accepts requests.
    pub fn assert_alive(&self) {
        assert_eq!(self.send(self.request(Method::GET, "/readyz", ""))["status"], "ready");
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The OpenAPI document.
    pub fn document(&self) -> PathBuf {
        self.folder().join("openapi.json")
    }

    /// A folder with seven views of one product.
    pub fn photos(&self) -> PathBuf {
        self.folder().join("rendered/0000")
    }

    pub fn photo(&self) -> PathBuf {
        self.photos().join("00.jpg")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ended = self.server.kill();
        let _reaped = self.server.wait();
    }
}

fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tillsight"));
    command.current_dir(folder);
    // Nothing of the developer's own shop: generated requests change and delete what they reach.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TILLSIGHT_") {
            command.env_remove(name);
        }
    }
    command.env("TILLSIGHT_MODEL", Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tillsight-small.json"));
    command
}
