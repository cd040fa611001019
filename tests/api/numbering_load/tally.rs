//! What the tills saw, counted, and the table of it.

use std::time::Duration;

use serde_json::Value;

use super::Size;
use super::servers::Servers;
use crate::harness::say;

/// An order as a till was told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    pub store: String,
    pub number: i64,
    pub total: i64,
}

impl Acknowledged {
    /// From an order or a line of a list: its identifier, and what is compared.
    pub fn read(order: &Value) -> (String, Self) {
        let text = |name: &str| order[name].as_str().unwrap().to_owned();
        let number = |name: &str| order[name].as_i64().unwrap();
        (text("id"), Self { store: text("store_id"), number: number("receipt_number"), total: number("total") })
    }
}

/// Counts over all tills. Requests, unless it says otherwise.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Bills that were to be confirmed.
    pub asked: usize,
    /// Bills that were.
    pub acknowledged: usize,
    /// Confirmations that were answered 500: stopped at some statement and rolled back.
    pub rolled_back: usize,
    /// Sent and not answered, since the server was killed meanwhile: it may have done them or not.
    pub cut_off: usize,
    /// Not even sent, since the server was dead.
    pub unreached: usize,
    /// Answered 503 or 429, and repeated.
    pub busy: usize,
    /// Confirmations that were answered with the kept reply of an earlier one.
    pub replayed: usize,
    /// Bills that were confirmed by two requests at once.
    pub doubled: usize,
}

impl Tally {
    /// The table, shown even where the test passes.
    pub fn print(&self, database: &str, servers: &Servers, size: Size, stores: &[usize], took: Duration) {
        let seconds = took.as_secs_f64();
        let attempts = self.acknowledged + self.doubled + self.rolled_back;
        let share = 100.0 * self.rolled_back as f64 / attempts.max(1) as f64;
        let each: Vec<String> = stores.iter().map(|orders| format!("1..{orders}")).collect();
        let rows = [
            ("servers", format!("{} ({} processes in all)", servers.count(), servers.starts())),
            ("clients", size.clients.to_string()),
            ("confirms asked", self.asked.to_string()),
            ("acknowledged", self.acknowledged.to_string()),
            ("rolled back", format!("{} ({share:.1} % of the confirmations answered)", self.rolled_back)),
            ("cut off by a kill", self.cut_off.to_string()),
            ("answered 503 or 429", self.busy.to_string()),
            ("retried in all", (self.rolled_back + self.cut_off + self.busy).to_string()),
            ("sent to a dead server", self.unreached.to_string()),
            ("confirmed twice at once", self.doubled.to_string()),
            ("answered by a kept reply", self.replayed.to_string()),
            ("kills (SIGKILL)", servers.kills().to_string()),
            ("numbers per store", each.join(", ")),
            ("duration", format!("{seconds:.1} s, {:.1} orders per second", self.acknowledged as f64 / seconds)),
            ("seed", size.seed.to_string()),
        ];
        say(&format!("receipt numbering under load, {database}: no gap, no duplicate, chains whole"));
        for (name, value) in rows {
            say(&format!("  {name:<26}{value}"));
        }
    }
}
