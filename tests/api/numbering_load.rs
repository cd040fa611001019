//! The proof of receipt numbering: many tills confirm through real server processes while a fifth of the confirmations
//! is rolled back at random statements and servers are killed and started again. Afterwards every store has exactly
//! 1..N, each acknowledged order is there once under the number that was acknowledged, nothing is there that nobody
//! asked for, and numbers and hash chains are whole by every check there is.
//!
//! PostgreSQL has two servers, SQLite one. The size is small enough for every `make test`; docs/explanation/testing.md
//! tells how the full one is run. `NUMBERING_LOAD_CONFIRMS`, `…_CLIENTS`, `…_STORES`, `…_KILLS` and `…_SEED` say
//! another. Which confirmation meets which fault depends on the seed and on how requests happen to interleave.

mod servers;
mod tally;
mod tills;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::harness::{TestDatabase, environment_number, on_both_databases};
use crate::integrity::numbering;
use servers::Servers;
use tally::Acknowledged;
use tills::{Load, Till};

/// How much is asked.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Tills that confirm at the same time.
    clients: usize,
    stores: usize,
    /// Bills that are turned into orders, over all stores.
    confirms: usize,
    /// How often servers are killed.
    kills: usize,
    seed: u64,
}

impl Size {
    /// The one for every day, changed by the environment.
    fn from_environment() -> Self {
        let size = Self {
            clients: environment_number("NUMBERING_LOAD_CLIENTS", 64),
            stores: environment_number("NUMBERING_LOAD_STORES", 5),
            confirms: environment_number("NUMBERING_LOAD_CONFIRMS", 2_000),
            kills: environment_number("NUMBERING_LOAD_KILLS", 4),
            seed: environment_number("NUMBERING_LOAD_SEED", 20_261_121) as u64,
        };
        assert!(size.stores > 0 && size.clients >= size.stores, "each store needs a till: {size:?}");
        size
    }
}

async fn numbers_hold_while_confirmations_fail_and_servers_are_killed(database: TestDatabase) {
    let size = Size::from_environment();
    let count = if database.kind() == "postgres" { 2 } else { 1 };
    let servers = Arc::new(Servers::start(&database, count, size.seed).await);
    let load = Arc::new(Load::prepare(Arc::clone(&servers), size).await);
    let begun = Instant::now();
    let tills: Vec<_> = (0..size.clients).map(|place| tokio::spawn(Till::work(Arc::clone(&load), place))).collect();
    servers.kill_now_and_then(&load, size).await;
    for till in tills {
        till.await.unwrap();
    }
    let took = begun.elapsed();
    let acknowledged = load.acknowledged();
    let tally = load.tally();

    let stores = exactly_from_one(&acknowledged, &load.stores);
    let admin = servers.at(0).login_admin().await;
    assert_eq!(listed(&servers, &admin).await, acknowledged, "what is there is what was acknowledged");
    let orders = database.count("SELECT COUNT(*) FROM orders").await;
    let sold = database.count("SELECT COUNT(*) FROM checkout_sessions WHERE status = 'confirmed'").await;
    assert_eq!((orders, sold), (size.confirms as i64, size.confirms as i64));
    every_check_finds_nothing(&database, &servers, &admin, size.stores).await;
    load.repeat_some_that_were_answered().await;
    tally.print(database.kind(), &servers, size, &stores, took);
    // What was to happen did happen: else nothing was shown.
    assert_eq!(tally.acknowledged, size.confirms);
    assert!(tally.rolled_back * 8 >= size.confirms, "about a fifth is to be rolled back: {tally:?}");
    assert_eq!(servers.kills(), size.kills);
}

/// How many orders each store has, after checking that their numbers are 1..N.
fn exactly_from_one(acknowledged: &BTreeMap<String, Acknowledged>, stores: &[String]) -> Vec<usize> {
    let of_store = |store: &String| {
        let mut numbers: Vec<i64> =
            acknowledged.values().filter(|order| order.store == *store).map(|order| order.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>(), "the numbers of store {store}");
        numbers.len()
    };
    stores.iter().map(of_store).collect()
}

/// Every order that there is, as the staff sees it, by its identifier.
async fn listed(servers: &Servers, admin: &str) -> BTreeMap<String, Acknowledged> {
    let (mut listed, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let page = servers.at(0).get(&format!("/api/orders?limit=100{cursor}"), admin).await.expect(200);
        for order in page["data"].as_array().unwrap() {
            let (id, order) = Acknowledged::read(order);
            assert_eq!(listed.insert(id, order), None, "an order is listed once");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return listed,
        }
    }
}

/// By the command line and through the API, numbers and seals alike.
async fn every_check_finds_nothing(database: &TestDatabase, servers: &Servers, admin: &str, stores: usize) {
    let (code, out, error) = numbering(database, &["check", "--deep", "--json"]).await;
    assert_eq!(code, 0, "{out}{error}");
    let reports: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let whole = reports.iter().all(|report| report["health"] == 100 && report["findings"] == json!([]));
    // One report for each store, and one for lines that belong to none.
    assert!(whole && reports.len() == stores + 1, "{out}");
    let run = "/api/monitoring/numbering/jobs/integrity/run-check?deep_check=true";
    for place in 0..servers.count() {
        let found = servers.at(place).post(run, admin, json!({})).await.expect(200);
        assert_eq!((&found["with_findings"], &found["lowest_health"]), (&json!(0), &json!(100)), "{found}");
    }
}

on_both_databases!(numbers_hold_while_confirmations_fail_and_servers_are_killed);
