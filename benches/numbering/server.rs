//! A server process that is asked over HTTP.

use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::MODEL;
use super::fixture::{Batch, Fixture, kiosk_key, uuid};
use super::load::closed_loop;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(120);

/// A server process. Ends when dropped.
pub struct Server {
    url: String,
    http: reqwest::Client,
    _process: Child,
}

impl Server {
    /// `tillsight serve` on the fixture's database.
    pub async fn start(fixture: &Fixture) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
        program.arg("serve").kill_on_drop(true).stdout(Stdio::piped()).current_dir(&fixture.folder);
        program.env("TILLSIGHT_BIND", "127.0.0.1:0").env("TILLSIGHT_ADMIN_PASSWORD", Uuid::new_v4().to_string());
        program.env("TILLSIGHT_DATABASE_URL", fixture.url.expose_secret()).env("TILLSIGHT_DATA_DIR", &fixture.folder);
        program.env("TILLSIGHT_MODEL", MODEL).env("TILLSIGHT_LOG_FILTER", "warn");
        // Checks would read every record while others are measured.
        program.env("TILLSIGHT_MONITORING__ENABLED", "false");
        let mut process = program.spawn().expect("the program");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let url = loop {
            let line = lines.next_line().await.expect("its output").expect("the server says where it listens");
            if let Some((_, url)) = line.split_once("listens on ") {
                break url.to_owned();
            }
        };
        // Whatever else it prints must find a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let http = reqwest::Client::builder().timeout(ANSWER).build().expect("a client");
        Self { url, http, _process: process }
    }

    pub fn run(&self, runtime: &Runtime, batch: Batch, clients: usize) -> f64 {
        closed_loop(runtime, batch, clients, |session| async move {
            let request = self.http.post(format!("{}/api/sessions/{}/confirm", self.url, uuid(session)));
            let request = request.bearer_auth(kiosk_key(batch.store(session)));
            let request = request.header("Idempotency-Key", format!("bill-{session}")).json(&json!({"version": 1}));
            let reply = request.send().await.expect("an answer");
            let (status, body) = (reply.status(), reply.text().await.expect("a body"));
            assert_eq!(status, 201, "session {session}: {body}");
        })
    }
}
