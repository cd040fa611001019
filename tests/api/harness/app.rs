//! A running server and its clients.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tillsight::app::{Application, StartError};
use tillsight::clock::Clock;
use tillsight::config::Settings;
use tillsight::domain::Timestamp;
use tillsight::embedding::Manifest;
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::documented::assert_documented;
use super::{Reply, TestDatabase};

/// The first admin's password in tests.
pub const ADMIN_PASSWORD: &str = "the till sees everything";
/// The shipped model.
pub const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tillsight-small.json");
/// The start of a test's clock: 2026-01-05 12:00 UTC.
const START: Timestamp = Timestamp::from_micros(1_767_614_400_000_000);

/// The snapshot file of servers on `database`.
pub fn snapshot_path(database: &TestDatabase) -> PathBuf {
    database.folder().join(format!("index-{}.snapshot", model_key().replace('#', "-")))
}

/// The key of the shipped model.
pub fn model_key() -> String {
    Manifest::read(MODEL.as_ref()).unwrap().model_id().to_string()
}

/// Stops a server, and returns how it ended.
type RunningServer = (oneshot::Sender<()>, JoinHandle<Result<(), StartError>>);

/// A server on a database of its own. Stops when dropped.
pub struct TestApp {
    pub url: String,
    pub clock: Clock,
    pub database: TestDatabase,
    pub(super) http: reqwest::Client,
    pub(super) overlay: String,
    /// The server's process, if it does not run within the test's.
    pub(super) process: Option<Child>,
    pub(super) running: Option<RunningServer>,
}

impl TestApp {
    /// Starts a server with the default settings.
    pub async fn spawn(database: TestDatabase) -> Self {
        Self::spawn_with(database, "").await
    }

    /// Starts a server with settings changed by `overlay` (TOML).
    pub async fn spawn_with(database: TestDatabase, overlay: &str) -> Self {
        let http = client();
        let clock = Clock::fixed(START);
        let overlay = overlay.to_owned();
        let mut app = Self { url: String::new(), clock, database, http, overlay, process: None, running: None };
        app.start().await;
        app
    }

    /// Starts another server with the database, folder and clock of `other`.
    pub async fn spawn_on_same_database(other: &Self) -> Self {
        let (clock, database) = (other.clock.clone(), other.database.clone());
        let (http, overlay) = (other.http.clone(), other.overlay.clone());
        let mut app = Self { url: String::new(), clock, database, http, overlay, process: None, running: None };
        app.start().await;
        app
    }

    /// Stops the server as SIGTERM would, and starts another one on the same database and folder.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// [`Self::restart`] with settings changed by `overlay` (TOML).
    pub async fn restart_with(&mut self, overlay: &str) {
        self.stop().await;
        overlay.clone_into(&mut self.overlay);
        self.start().await;
    }

    /// Stops the server as SIGTERM would, and waits until it has ended.
    pub async fn stop(&mut self) {
        let (stop, running) = self.running.take().unwrap();
        stop.send(()).unwrap();
        running.await.unwrap().unwrap();
    }

    /// Starts a server that was stopped, on the same database and folder.
    pub async fn start(&mut self) {
        let application =
            Application::build(self.settings(), self.clock.clone()).await.unwrap_or_else(|error| panic!("{error}"));
        self.url = application.url();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(application.run_until(async move {
            let _stopped_or_dropped = stopped.await;
        }));
        self.running = Some((stop, server));
        self.wait_until_ready().await;
    }

    pub(super) async fn wait_until_ready(&self) {
        for _ in 0..200 {
            if self.call(Method::GET, "/readyz", None, |request| request).await.status == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server did not become ready");
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::from_toml(&self.overlay).unwrap();
        settings.bind = ([127, 0, 0, 1], 0).into();
        settings.database_url = SecretString::from(self.database.url().expose_secret());
        settings.data_dir = self.database.folder().to_owned();
        if settings.model == Settings::from_toml("").unwrap().model {
            settings.model = MODEL.into();
        }
        settings.admin_password = Some(SecretString::from(ADMIN_PASSWORD));
        settings
    }

    /// Sends a request. `token` is an access token or a kiosk's key.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Reply {
        self.try_call(method, path, token, fill).await.unwrap()
    }

    /// Sends a request to a server that may be killed meanwhile.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> reqwest::Result<Reply> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.url));
        let request = token.into_iter().fold(request, RequestBuilder::bearer_auth);
        let reply = Reply::read(fill(request).send().await?).await?;
        assert_documented(&method, path, &reply);
        Ok(reply)
    }

    /// Opens the events of a task, those after `last_event` if there is one.
    pub async fn open_events(
        &self,
        task_path: &str,
        token: &str,
        last_event: Option<&str>,
    ) -> reqwest::Result<reqwest::Response> {
        let request = self.http.get(format!("{}{task_path}/events", self.url)).bearer_auth(token);
        let request = last_event.into_iter().fold(request, |request, id| request.header("last-event-id", id));
        request.send().await?.error_for_status()
    }

    pub async fn get(&self, path: &str, token: &str) -> Reply {
        self.call(Method::GET, path, Some(token), |request| request).await
    }

    pub async fn delete(&self, path: &str, token: &str) -> Reply {
        self.call(Method::DELETE, path, Some(token), |request| request).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(token), |request| request.json(&body)).await
    }

    pub async fn patch(&self, path: &str, token: &str, body: Value) -> Reply {
        self.call(Method::PATCH, path, Some(token), |request| request.json(&body)).await
    }

    /// `POST` without credentials.
    pub async fn post_anonymously(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, None, |request| request.json(&body)).await
    }

    /// `POST` of a JPEG as the body.
    pub async fn post_picture(&self, path: &str, token: &str, picture: Vec<u8>) -> Reply {
        let fill = |request: RequestBuilder| request.header("content-type", "image/jpeg").body(picture);
        self.call(Method::POST, path, Some(token), fill).await
    }

    /// `POST` of a form of texts and pictures in the field `images`.
    pub async fn post_form(&self, path: &str, token: &str, texts: &[(&str, &str)], pictures: Vec<Vec<u8>>) -> Reply {
        self.call(Method::POST, path, Some(token), |request| request.multipart(form(texts, pictures))).await
    }

    /// Returns the access token.
    pub async fn login(&self, username: &str, password: &str) -> String {
        let credentials = json!({"username": username, "password": password});
        let tokens = self.post_anonymously("/api/auth/login", credentials).await.expect(200);
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// Signs in the first admin and returns the access token.
    pub async fn login_admin(&self) -> String {
        self.login("admin", ADMIN_PASSWORD).await
    }

    /// Returns the shopper's access token.
    pub async fn sign_up_shopper(&self, username: &str) -> String {
        const PASSWORD: &str = "apples and oranges";
        self.post_anonymously("/api/auth/signup", json!({"username": username, "password": PASSWORD}))
            .await
            .expect(201);
        self.login(username, PASSWORD).await
    }

    /// Creates a clerk who has changed the first password. Returns the access token.
    pub async fn create_clerk(&self, admin: &str, store: &str) -> String {
        const FIRST: &str = "weighs every pear";
        const OWN: &str = "knows every apple";
        let body = json!({"username": "clerk", "password": FIRST, "role": "clerk", "store_id": store});
        self.post("/api/users", admin, body).await.expect(201);
        let first = self.login("clerk", FIRST).await;
        let change = json!({"current_password": FIRST, "new_password": OWN});
        let tokens = self.post("/api/auth/password", &first, change).await.expect(200);
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// Returns the store's id.
    pub async fn create_store(&self, admin: &str) -> String {
        let store = self.post("/api/stores", admin, json!({"name": "Test store", "currency": "EUR"})).await.expect(201);
        store["id"].as_str().unwrap().to_owned()
    }

    /// Creates and enrols a kiosk. Returns its key.
    pub async fn enrol_kiosk(&self, admin: &str, store: &str) -> String {
        let path = format!("/api/stores/{store}/kiosks");
        let kiosk = self.post(&path, admin, json!({"name": "Kiosk"})).await.expect(201);
        let enrolled =
            self.post_anonymously("/api/kiosks/enrol", json!({"code": kiosk["enrolment_code"]})).await.expect(200);
        enrolled["key"].as_str().unwrap().to_owned()
    }

    /// Creates a product without photos. Returns its id.
    pub async fn create_product(&self, admin: &str, texts: &[(&str, &str)]) -> String {
        let added = self.post_form("/api/products", admin, texts, Vec::new()).await.expect(201);
        added["id"].as_str().unwrap().to_owned()
    }

    /// All metrics as text.
    pub async fn read_metrics(&self) -> String {
        let reply = self.call(Method::GET, "/metrics", None, |request| request).await;
        String::from_utf8(reply.bytes).unwrap()
    }

    /// A metric's value: the sum over its labels, 0 if it does not exist.
    pub async fn read_metric(&self, name: &str) -> f64 {
        let text = self.read_metrics().await;
        let lines = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

/// A form of texts, and of pictures in the field `images`.
pub fn form(texts: &[(&str, &str)], pictures: Vec<Vec<u8>>) -> Form {
    let form = texts.iter().fold(Form::new(), |form, (name, text)| form.text((*name).to_owned(), (*text).to_owned()));
    let photo = |bytes| Part::bytes(bytes).file_name("photo.jpg");
    pictures.into_iter().fold(form, |form, bytes| form.part("images", photo(bytes)))
}

/// A client with a long timeout: test machines may be slow. It takes the certificate that a server with HTTPS makes.
pub(super) fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true);
    client.timeout(Duration::from_secs(120)).build().unwrap()
}
