//! Who uses the server during the import: a till that asks at a steady rate, and a watcher of the progress.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::harness::TestApp;

/// The server process of the moment; it is killed and replaced.
#[derive(Clone)]
pub struct Server(Arc<Mutex<Arc<TestApp>>>);

impl Server {
    pub fn new(app: TestApp) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(app))))
    }

    pub fn app(&self) -> Arc<TestApp> {
        Arc::clone(&self.0.lock().unwrap())
    }

    pub fn replace(&self, app: TestApp) {
        *self.0.lock().unwrap() = Arc::new(app);
    }
}

/// How the till was answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// Of each photo that was recognised, in milliseconds.
    pub latencies_ms: Vec<f64>,
    /// Status of each reply that was no recognition.
    pub refusals: Vec<u16>,
    /// Photos whose connection the kill cut.
    pub cut_off: usize,
}

impl Answers {
    /// The latency that this share of the answers does not exceed.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let mut sorted = self.latencies_ms.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        sorted[(last as f64 * share).ceil() as usize]
    }
}

/// A till that sends a photo at each tick, whether or not the one before was answered.
pub struct Till {
    server: Server,
    kiosk: String,
    photos: Vec<Vec<u8>>,
    /// While the server is down on purpose.
    is_closed: AtomicBool,
    is_over: AtomicBool,
    answers: Mutex<Answers>,
}

impl Till {
    pub fn new(server: &Server, kiosk: String, photos: Vec<Vec<u8>>) -> Arc<Self> {
        let (is_closed, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { server: server.clone(), kiosk, photos, is_closed, is_over, answers: Mutex::default() })
    }

    pub fn start(self: &Arc<Self>, period: Duration) -> JoinHandle<()> {
        let till = Arc::clone(self);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(period);
            let mut asked = Vec::new();
            for photo in till.photos.iter().cycle() {
                let due = ticks.tick().await;
                if till.is_over.load(Ordering::SeqCst) {
                    break;
                }
                if !till.is_closed.load(Ordering::SeqCst) {
                    let (till, photo) = (Arc::clone(&till), photo.clone());
                    asked.push(tokio::spawn(async move { till.ask(photo, due.into_std()).await }));
                }
            }
            for asked in asked {
                asked.await.unwrap();
            }
        })
    }

    async fn ask(&self, photo: Vec<u8>, due: Instant) {
        let fill = |request: reqwest::RequestBuilder| request.header("content-type", "image/jpeg").body(photo);
        let app = self.server.app();
        let reply = app.try_call(reqwest::Method::POST, "/api/recognize", Some(&self.kiosk), fill).await;
        let latency = due.elapsed();
        let mut answers = self.answers.lock().unwrap();
        match reply {
            Ok(reply) if reply.status == 200 => answers.latencies_ms.push(latency.as_secs_f64() * 1_000.0),
            Ok(reply) => answers.refusals.push(reply.status.as_u16()),
            Err(_) => answers.cut_off += 1,
        }
    }

    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    pub fn open(&self) {
        self.is_closed.store(false, Ordering::SeqCst);
    }

    pub async fn end(&self, running: JoinHandle<()>) -> Answers {
        self.is_over.store(true, Ordering::SeqCst);
        running.await.unwrap();
        std::mem::take(&mut self.answers.lock().unwrap())
    }
}

/// What a watcher of the task was sent.
#[derive(Debug, Default)]
pub struct Watched {
    /// Completed items of each event about the task.
    pub completed: Vec<i64>,
    /// Identifiers of the lines of the log.
    pub lines: Vec<String>,
    pub last_event: Option<String>,
    pub connections: usize,
}

/// Follows the events of a task until it is over, over a killed server too.
pub async fn watch(server: Server, admin: String, path: String) -> Watched {
    let mut watched = Watched::default();
    loop {
        let app = server.app();
        if let Ok(mut stream) = app.open_events(&path, &admin, watched.last_event.as_deref()).await {
            watched.connections += 1;
            let mut text = String::new();
            while let Ok(Some(chunk)) = stream.chunk().await {
                text.push_str(std::str::from_utf8(&chunk).unwrap());
                while let Some((event, rest)) =
                    text.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned()))
                {
                    text = rest;
                    if read_event(&event, &mut watched) {
                        return watched;
                    }
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Notes an event; true if the task is over.
fn read_event(event: &str, watched: &mut Watched) -> bool {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    if let Some(id) = field("id: ") {
        watched.last_event = Some(id);
    }
    let Some(data) = field("data: ") else { return false };
    let data: Value = serde_json::from_str(&data).unwrap();
    if field("event: ").as_deref() == Some("log") {
        watched.lines.push(data["id"].as_str().unwrap().to_owned());
        return false;
    }
    let task = data;
    watched.completed.push(task["items"]["completed"].as_i64().unwrap());
    !["waiting", "processing"].contains(&task["status"].as_str().unwrap())
}
