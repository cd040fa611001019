//! The clients of the load: tills that open a session, put something on its bill and confirm it, and that repeat
//! whatever is not answered.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::Size;
use super::servers::Servers;
use super::tally::{Acknowledged, Tally};
use crate::harness::Reply;

/// How long a till waits before it repeats a request, and how often at most: minutes, for servers that start on a busy
/// machine.
const PAUSE: Duration = Duration::from_millis(40);
const TRIES: usize = 10_000;
/// Every so many-eth bill is confirmed by two requests at once, as from a till that lost patience.
const IMPATIENT: usize = 16;
/// Confirmations that are repeated long after they were answered.
const REPEATED: usize = 40;

/// What all tills share.
pub struct Load {
    pub stores: Vec<String>,
    servers: Arc<Servers>,
    size: Size,
    /// A key for each till, the store of which is that of its place, counted round.
    kiosks: Vec<String>,
    products: Vec<String>,
    turns: AtomicUsize,
    done: AtomicUsize,
    failed: AtomicBool,
    acknowledged: Mutex<BTreeMap<String, Acknowledged>>,
    confirmed: Mutex<Vec<Confirmed>>,
    tally: Mutex<Tally>,
}

/// A confirmation that was answered, to be repeated.
#[derive(Clone)]
struct Confirmed {
    order: String,
    path: String,
    version: Value,
    kiosk: String,
    key: String,
}

/// One client.
pub struct Till {
    load: Arc<Load>,
    kiosk: String,
}

impl Load {
    /// Stores, tills and products, made before anybody is killed.
    pub async fn prepare(servers: Arc<Servers>, size: Size) -> Self {
        let app = servers.at(0);
        let admin = app.login_admin().await;
        let mut stores = Vec::new();
        for _ in 0..size.stores {
            stores.push(app.create_store(&admin).await);
        }
        let kiosks =
            join_all((0..size.clients).map(|till| app.enrol_kiosk(&admin, &stores[till % stores.len()]))).await;
        let mut products = Vec::new();
        for (name, price) in [("Milk", "129"), ("Soap", "250"), ("Tea", "399")] {
            products.push(app.create_product(&admin, &[("name", name), ("price", price), ("currency", "EUR")]).await);
        }
        Self {
            stores,
            servers,
            size,
            kiosks,
            products,
            turns: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            acknowledged: Mutex::default(),
            confirmed: Mutex::default(),
            tally: Mutex::default(),
        }
    }

    /// Orders that were acknowledged so far.
    pub fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    /// Whether a till ended in another way than by being finished.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    pub fn acknowledged(&self) -> BTreeMap<String, Acknowledged> {
        self.acknowledged.lock().unwrap().clone()
    }

    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }

    fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.tally.lock().unwrap());
    }

    /// Sends a request to one server after the other until one has answered it. Only what carries a key may be answered
    /// 500: that a confirmation was rolled back.
    async fn ask(&self, first: usize, path: &str, token: &str, key: Option<&str>, body: &Value) -> Reply {
        for turn in first..first + TRIES {
            let sent = self.servers.at(turn);
            let sent = sent.try_call(Method::POST, path, Some(token), |request| {
                key.into_iter().fold(request, |request, key| request.header("idempotency-key", key)).json(body)
            });
            match sent.await {
                Err(error) if error.is_connect() => self.count(|tally| tally.unreached += 1),
                Err(_) => self.count(|tally| tally.cut_off += 1),
                Ok(reply) if reply.status == 503 || reply.status == 429 => self.count(|tally| tally.busy += 1),
                Ok(reply) if reply.status == 500 && key.is_some() => {
                    self.count(|tally| tally.rolled_back += 1);
                    continue;
                }
                Ok(reply) => return reply,
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("no server answers {path}");
    }

    /// Confirmations that were answered, sent again to a server of which nobody remembers them: the same orders.
    pub async fn repeat_some_that_were_answered(&self) {
        let confirmed = self.confirmed.lock().unwrap().clone();
        let step = (confirmed.len() / REPEATED).max(1);
        for (turn, once) in confirmed.iter().step_by(step).enumerate() {
            let body = json!({"version": once.version});
            let again = self.ask(turn, &once.path, &once.kiosk, Some(&once.key), &body).await;
            assert_eq!(again.headers["idempotent-replayed"], "true");
            assert_eq!(again.expect(201)["id"], once.order);
        }
    }
}

impl Till {
    /// Sells until all bills are sold.
    pub async fn work(load: Arc<Load>, place: usize) {
        let kiosk = load.kiosks[place].clone();
        let watched = Watched(Arc::clone(&load), false);
        let till = Self { load, kiosk };
        loop {
            let turn = till.load.turns.fetch_add(1, Ordering::SeqCst);
            if turn >= till.load.size.confirms {
                break;
            }
            till.sell(turn).await;
        }
        watched.finished();
    }

    async fn sell(&self, turn: usize) {
        let load = &self.load;
        let (path, version) = self.fill(turn).await;
        let (body, key) = (json!({"version": version}), format!("bill-{turn}"));
        load.count(|tally| tally.asked += 1);
        let confirm = async |first| {
            let reply = load.ask(first, &format!("{path}/confirm"), &self.kiosk, Some(&key), &body).await;
            let replayed = reply.headers.contains_key("idempotent-replayed");
            load.count(|tally| tally.replayed += usize::from(replayed));
            Acknowledged::read(&reply.expect(201))
        };
        let (id, order) = if turn.is_multiple_of(IMPATIENT) {
            load.count(|tally| tally.doubled += 1);
            let (one, other) = tokio::join!(confirm(turn), confirm(turn + 1));
            assert_eq!(one, other, "two requests with one key are one order");
            one
        } else {
            confirm(turn).await
        };
        let kiosk = self.kiosk.clone();
        let confirmed = Confirmed { order: id.clone(), path: format!("{path}/confirm"), version, kiosk, key };
        load.confirmed.lock().unwrap().push(confirmed);
        let before = load.acknowledged.lock().unwrap().insert(id, order);
        assert_eq!(before, None, "an order was given to two tills");
        load.count(|tally| tally.acknowledged += 1);
        load.done.fetch_add(1, Ordering::SeqCst);
    }

    /// A session with one to three products on its bill: its path and version.
    async fn fill(&self, turn: usize) -> (String, Value) {
        let load = &self.load;
        let session = load.ask(turn, "/api/sessions", &self.kiosk, None, &json!({})).await.expect(201);
        let path = format!("/api/sessions/{}", session["id"].as_str().unwrap());
        let lines = 1 + turn % load.products.len();
        for (version, product) in (1..).zip(&load.products[..lines]) {
            let item = json!({"version": version, "product_id": product});
            let filled = load.ask(turn + 1, &format!("{path}/items"), &self.kiosk, None, &item).await;
            // One that was asked before may have done it and been killed before it said so.
            let done = filled.status == 409 && filled.json["current_version"] == version + 1;
            assert!(done || filled.status == 200, "{}: {}", filled.status, filled.json);
        }
        (path, json!(lines + 1))
    }
}

/// Tells the others where a till ends by a failed assertion, so that nobody waits for its orders.
struct Watched(Arc<Load>, bool);

impl Watched {
    fn finished(mut self) {
        self.1 = true;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.1 {
            self.0.failed.store(true, Ordering::SeqCst);
        }
    }
}
