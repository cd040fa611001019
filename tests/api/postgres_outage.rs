//! PostgreSQL that hangs: every request is answered in time, the server stops in time, and nothing acknowledged is lost.
//! TLS to PostgreSQL.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use secrecy::SecretString;
use serde_json::{Value, json};
use tillsight::db::Database;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use uuid::Uuid;

use crate::harness::{OwnPostgres, Shop, TestApp, TestDatabase, say};
use crate::integrity::numbering;

/// Waiting for a connection (3 s), a statement (12 s), and a busy test machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(20);
/// `stop_timeout_s` of the test, closing (two last writes and the connections), and a busy test machine.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
/// Clients that place orders at the same time.
const TILLS: usize = 6;

/// What the tills saw.
#[derive(Debug, Default)]
struct Seen {
    /// Receipt numbers of acknowledged orders by the order's id.
    orders: BTreeMap<String, i64>,
    slowest: Duration,
    /// Answers by status.
    statuses: BTreeMap<u16, u32>,
}

/// Tills that place orders until they are told to stop. Each repeats an unacknowledged confirmation with the same key.
struct Tills {
    shop: Arc<Shop>,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
}

impl Tills {
    fn start(shop: &Arc<Shop>) -> (Self, Vec<tokio::task::JoinHandle<()>>) {
        let tills = || Self { shop: Arc::clone(shop), seen: Arc::default(), stop: Arc::default() };
        let first = tills();
        let tasks = (0..TILLS).map(|_| {
            let till = Self { seen: Arc::clone(&first.seen), stop: Arc::clone(&first.stop), ..tills() };
            tokio::spawn(async move {
                while !till.stop.load(Ordering::SeqCst) {
                    till.place_order().await;
                }
            })
        });
        let tasks = tasks.collect();
        (first, tasks)
    }

    async fn place_order(&self) {
        let key = Uuid::new_v4().to_string();
        let session = self.repeat("/api/sessions", &key, &json!({})).await;
        let path = format!("/api/sessions/{}", session["id"].as_str().unwrap());
        let item = json!({"version": 1, "product_id": self.shop.milk});
        self.repeat(&format!("{path}/items"), &key, &item).await;
        let order = self.repeat(&format!("{path}/confirm"), &key, &json!({"version": 2})).await;
        let (id, number) = (order["id"].as_str().unwrap().to_owned(), order["receipt_number"].as_i64().unwrap());
        assert_eq!(self.seen.lock().unwrap().orders.insert(id, number), None);
    }

    /// Sends the request until it is acknowledged. Every answer must come in time.
    async fn repeat(&self, path: &str, key: &str, body: &Value) -> Value {
        loop {
            let begun = Instant::now();
            let fill = |request: RequestBuilder| request.header("idempotency-key", key).json(body);
            let reply = self.shop.app.call(Method::POST, path, Some(&self.shop.kiosk), fill).await;
            let took = begun.elapsed();
            assert!(took < ANSWERED_WITHIN, "{path} was answered after {took:?}");
            {
                let mut seen = self.seen.lock().unwrap();
                seen.slowest = seen.slowest.max(took);
                *seen.statuses.entry(reply.status.as_u16()).or_default() += 1;
            }
            match reply.status.as_u16() {
                200 | 201 => return reply.json,
                // The item was added by a request that was not acknowledged.
                409 if path.ends_with("/items") => return reply.json,
                503 => tokio::time::sleep(Duration::from_millis(200)).await,
                status => panic!("{path}: {status} {}", reply.json),
            }
        }
    }
}

/// PostgreSQL is frozen for `OUTAGE_S` seconds (18 if not set) while tills place orders, and again while the server stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_postgresql_holds_no_request_and_no_stop_and_loses_nothing() {
    let outage = std::env::var("OUTAGE_S").map_or(18, |text| text.parse().unwrap());
    let server = OwnPostgres::start().await;
    let database = TestDatabase::at(&server.url);
    let settings = [("TILLSIGHT_STOP_TIMEOUT_S", "10")];
    let app = TestApp::spawn_program(database.clone(), &settings).await;
    let shop = Arc::new(Shop::open_on_server(app, json!({"name": "Shop", "currency": "EUR"})).await);
    let (tills, tasks) = Tills::start(&shop);
    tokio::time::sleep(Duration::from_secs(2)).await;

    server.freeze();
    let frozen = Instant::now();
    let mut refused = 0;
    while frozen.elapsed() < Duration::from_secs(outage) {
        let asked = Instant::now();
        let ready = shop.app.call(Method::GET, "/readyz", None, |request| request).await;
        assert!(asked.elapsed() < Duration::from_secs(5), "/readyz was answered after {:?}", asked.elapsed());
        refused += u32::from(ready.status == 503);
        shop.app.call(Method::GET, "/healthz", None, |request| request).await.expect(200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(refused >= 2, "/readyz says that the database does not answer");
    server.thaw();
    let thawed = Instant::now();
    while shop.app.call(Method::GET, "/readyz", None, |request| request).await.status != 200 {
        assert!(thawed.elapsed() < Duration::from_secs(20), "the server does not recover");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    tills.stop.store(true, Ordering::SeqCst);
    for task in tasks {
        task.await.unwrap();
    }
    {
        let seen = tills.seen.lock().unwrap();
        say(&format!(
            "PostgreSQL frozen for {outage} s: {} orders, slowest answer {} ms, answers {:?}",
            seen.orders.len(),
            seen.slowest.as_millis(),
            seen.statuses
        ));
        let mut numbers: Vec<i64> = seen.orders.values().copied().collect();
        numbers.sort_unstable();
        assert_eq!(
            numbers,
            (1..=numbers.len() as i64).collect::<Vec<_>>(),
            "every acknowledged receipt, without a gap"
        );
        assert!(seen.statuses[&503] > 0, "{:?}", seen.statuses);
    }
    let acknowledged = tills.seen.lock().unwrap().orders.len() as i64;
    assert_eq!(database.count("SELECT COUNT(*) FROM orders").await, acknowledged);
    let (code, out, error) = numbering(&database, &["check", "--deep"]).await;
    assert_eq!(code, 0, "{out}{error}");

    drop(tills);
    server.freeze();
    let begun = Instant::now();
    let mut shop = Arc::into_inner(shop).unwrap();
    let hanging = shop.app.try_call(Method::GET, "/api/orders", Some(&shop.admin), |request| request);
    let _refused = tokio::time::timeout(Duration::from_millis(100), hanging).await;
    assert!(shop.app.terminate().await);
    assert!(begun.elapsed() < STOPPED_WITHIN, "SIGTERM took {:?}", begun.elapsed());
    say(&format!("SIGTERM while PostgreSQL is frozen: {} ms", begun.elapsed().as_millis()));
    server.thaw();
    let app = TestApp::spawn_program(database, &settings).await;
    app.login_admin().await;
}

/// Forwards connections to PostgreSQL. Those that exist when it goes dead stay open, and nothing passes any more.
struct Network {
    address: String,
    dead: watch::Sender<bool>,
}

impl Network {
    async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (dead, is_dead) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (target, mut is_dead) = (target.clone(), is_dead.clone());
                is_dead.mark_unchanged();
                tokio::spawn(async move {
                    let (mut client, mut server) = (client, TcpStream::connect(target).await.unwrap());
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = is_dead.changed() => tokio::time::sleep(Duration::from_secs(600)).await,
                    }
                });
            }
        });
        Self { address, dead }
    }
}

/// A firewall that has forgotten its connections, or a failover: what is sent is never answered, and no error comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_never_answer_are_given_up() {
    let postgres = TestDatabase::postgres().await;
    let url = secrecy::ExposeSecret::expose_secret(postgres.url()).to_owned();
    let (head, rest) = url.rsplit_once('@').unwrap();
    let (target, name) = rest.split_once('/').unwrap();
    let network = Network::start(target.to_owned()).await;
    let database = TestDatabase::at(&format!("{head}@{}/{name}", network.address));
    let app = TestApp::spawn_with(database, "[engine]\nfollow_s = 3600\n[monitoring]\nenabled = false").await;
    let admin = app.login_admin().await;
    let at_once = async || futures_util::future::join_all((0..30).map(|_| app.get("/api/orders", &admin))).await;
    at_once().await;

    // Idle connections are pinged before they are used, and replaced within the request; but not one that was used within the
    // last second, for example by a background task.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    network.dead.send(true).unwrap();
    let answered = at_once().await.into_iter().filter(|reply| reply.status == 200).count();
    assert!(answered >= 25, "{answered} of 30");
    // Connections in use miss their deadline, and are replaced.
    network.dead.send(true).unwrap();
    let begun = Instant::now();
    for reply in at_once().await {
        assert!([200, 503].contains(&reply.status.as_u16()), "{}", reply.json);
    }
    assert!(begun.elapsed() < ANSWERED_WITHIN, "{:?}", begun.elapsed());
    tokio::time::sleep(Duration::from_secs(4)).await;
    for reply in at_once().await {
        reply.expect(200);
    }
    let store = app.create_store(&admin).await;
    assert!(!store.is_empty());
}

/// As after a restart of PostgreSQL: it answers, but every connection of the pools is dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_connections_cost_no_request() {
    let database = TestDatabase::postgres().await;
    let shop = Shop::open(database.clone()).await;
    for _ in 0..5 {
        // Fills both pools, and keeps their connections young, so that they are trusted without a ping.
        let orders = (0..8).map(|_| shop.app.get("/api/orders", &shop.admin));
        futures_util::future::join_all(orders).await;
        shop.place_paid_order().await;
        database
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        shop.place_paid_order().await;
        let orders = (0..8).map(|_| shop.app.get("/api/orders", &shop.admin));
        for reply in futures_util::future::join_all(orders).await {
            reply.expect(200);
        }
    }
}

/// The server takes TLS alone: each `sslmode` does what PostgreSQL's own programs do with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_that_takes_tls_alone_is_reached_over_tls() {
    let server = OwnPostgres::start_with_tls_alone().await;
    let authority = server.authority.display();
    let by_name = server.url.replace("127.0.0.1", "localhost");
    let connect = async |url: String| {
        let db = Database::connect(&SecretString::from(url), 2).await?;
        db.ping().await?;
        db.close().await;
        Ok::<(), tillsight::db::DatabaseError>(())
    };
    let accepted = [
        server.url.clone(),
        format!("{}?sslmode=allow", server.url),
        format!("{}?sslmode=prefer", server.url),
        format!("{}?sslmode=require", server.url),
        format!("{}?sslmode=verify-ca&sslrootcert={authority}", server.url),
        format!("{by_name}?sslmode=verify-full&sslrootcert={authority}"),
    ];
    for url in accepted {
        connect(url.clone()).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }
    let refused = [
        (format!("{}?sslmode=disable", server.url), "sslmode=require"),
        (format!("{by_name}?sslmode=verify-full"), "sslrootcert"),
        // The certificate is for localhost.
        (format!("{}?sslmode=verify-full&sslrootcert={authority}", server.url), "sslrootcert"),
    ];
    for (url, advice) in refused {
        let error = connect(url).await.unwrap_err().to_string();
        assert!(error.contains(advice), "{error}");
    }
    let url = format!("{by_name}?sslmode=verify-full&sslrootcert={authority}");
    let app = TestApp::spawn_program(TestDatabase::at(&url), &[]).await;
    let admin = app.login_admin().await;
    app.create_store(&admin).await;
}
