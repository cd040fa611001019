//! A server process that is asked over HTTP.

use std::time::Duration;

use serde_json::json;
use tokio::process::Child;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::fixture::{Batch, Fixture, kiosk_key, uuid};
use super::load::{Load, closed_loop};
use super::program;

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
        let password = Uuid::new_v4().to_string();
        let (process, url) = program::serve(&fixture.url, &fixture.folder, &password).await;
        let http = reqwest::Client::builder().timeout(ANSWER).build().expect("a client");
        Self { url, http, _process: process }
    }

    pub fn run(&self, runtime: &Runtime, batch: Batch, clients: usize) -> Load {
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
