//! Our confirmations: the service within this process, and a server process over HTTP.

use std::num::NonZeroUsize;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;
use tillsight::active_model::{ActiveModel, ModelSlot};
use tillsight::checkout::Checkout;
use tillsight::config::Settings;
use tillsight::domain::SessionId;
use tillsight::embedding::{Embedder, EmbedderOptions, Model};
use tillsight::index::baseline::quantile;
use tillsight::index::{IndexOptions, VectorIndex};
use tillsight::orders::Orders;
use tillsight::performance::Performance;
use tillsight::recognition::RecognitionService;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::support::DIM;
use super::world::{Batch, World, kiosk_key, uuid};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tillsight-small.json");
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(120);

/// What one measurement gave.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// Confirmations per second.
    pub rate: f64,
    /// How long the slowest in a hundred took, in milliseconds.
    pub p99_ms: f64,
}

/// Runs `confirm` for every session of a batch, `clients` at a time, on as many threads as the server has for requests:
/// one for each core.
pub fn closed_loop<F: Future<Output = ()>>(
    runtime: &Runtime,
    batch: Batch,
    clients: usize,
    confirm: impl Fn(u64) -> F + Sync,
) -> Pace {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (threads, turns, confirm) = (cores.min(clients), AtomicUsize::new(0), &confirm);
    let client = async |turns: &AtomicUsize| {
        let mut times = Vec::new();
        loop {
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            if turn >= batch.count {
                return times;
            }
            let begun = Instant::now();
            confirm(batch.first + turn as u64).await;
            times.push(begun.elapsed());
        }
    };
    let (client, turns) = (&client, &turns);
    let begun = Instant::now();
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let work = |thread: usize| {
            let own = (clients - thread).div_ceil(threads);
            scope.spawn(move || runtime.block_on(join_all((0..own).map(|_| client(turns)))))
        };
        let working: Vec<_> = (0..threads).map(work).collect();
        working.into_iter().flat_map(|thread| thread.join().expect("clients that did not fail")).flatten().collect()
    });
    let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
    Pace { rate, p99_ms: quantile(&mut times, 0.99).as_secs_f64() * 1e3 }
}

/// The service, as the server builds it.
pub struct Service(Checkout);

impl Service {
    /// On the world's database. It can recognise too, since a checkout without eyes is not ours; nobody asks it to.
    pub fn open(world: &World) -> Self {
        let settings = Settings::from_toml("").expect("the defaults");
        let model = Model::open(MODEL.as_ref()).unwrap_or_else(|error| panic!("{error}"));
        let embedder = Embedder::start(&model, EmbedderOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        let index = VectorIndex::build(DIM, 0, Vec::new(), IndexOptions::default()).expect("an index");
        let (embedder, index, manifest) = (Arc::new(embedder), Arc::new(index), MODEL.to_owned());
        let active = ModelSlot::new(ActiveModel { embedder, index, manifest, generation: None });
        let (db, clock) = (world.db.clone(), world.clock.clone());
        let recognition = RecognitionService::new(db.clone(), clock.clone(), active, &settings);
        let orders = Orders::new(db.clone(), clock.clone());
        let performance = Performance::new(db.clone(), clock.clone());
        Self(Checkout::new(db, clock, recognition, orders, performance, settings.checkout))
    }

    /// What is answered to the confirmation of a batch's first session, as JSON.
    pub async fn first_reply(&self, batch: Batch) -> String {
        let (caller, id) = (batch.caller(batch.first), SessionId::from(uuid(batch.first)));
        let reply = self.0.confirm(&caller, id, 1, "first").await.unwrap_or_else(|error| panic!("{error}"));
        reply.body.to_string()
    }

    pub fn run(&self, runtime: &Runtime, batch: Batch, clients: usize) -> Pace {
        closed_loop(runtime, batch, clients, |session| async move {
            let (caller, id) = (batch.caller(session), SessionId::from(uuid(session)));
            let confirmed = self.0.confirm(&caller, id, 1, &format!("bill-{session}")).await;
            confirmed.unwrap_or_else(|error| panic!("session {session}: {error}"));
        })
    }
}

/// A server process. Ends when dropped.
pub struct Server {
    url: String,
    http: reqwest::Client,
    _process: Child,
}

impl Server {
    /// `tillsight serve` on the world's database.
    pub async fn start(world: &World) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
        program.arg("serve").kill_on_drop(true).stdout(Stdio::piped()).current_dir(&world.folder);
        program.env("TILLSIGHT_BIND", "127.0.0.1:0").env("TILLSIGHT_ADMIN_PASSWORD", Uuid::new_v4().to_string());
        program.env("TILLSIGHT_DATABASE_URL", world.url.expose_secret()).env("TILLSIGHT_DATA_DIR", &world.folder);
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

    pub fn run(&self, runtime: &Runtime, batch: Batch, clients: usize) -> Pace {
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
