//! What was measured, as a table or as JSON.

use std::time::Duration;

use serde_json::json;

use super::addresses::Visitor;
use super::{Options, WANTED_KB, WANTED_MS};

/// All visits of one address.
pub struct Visit {
    pub visitor: Visitor,
    pub address: String,
    /// The first is the first after the server's start.
    pub times: Vec<Duration>,
    pub page_bytes: usize,
    /// With the page itself.
    pub loaded_bytes: usize,
}

/// Times of one address, in milliseconds.
struct Times {
    first: f64,
    p50: f64,
    p95: f64,
}

pub struct Report {
    databases: Vec<(&'static str, Vec<Visit>)>,
}

impl Visit {
    fn times(&self) -> Times {
        let mut sorted: Vec<f64> = self.times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        let first = sorted[0];
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        Times { first, p50: at(0.5), p95: at(0.95) }
    }

    /// The address without identifiers.
    fn shown_address(&self) -> String {
        let is_id = |part: &str| part.len() == 36 && part.matches('-').count() == 4;
        let (path, query) = self.address.split_once('?').unwrap_or((&self.address, ""));
        let path: Vec<&str> = path.split('/').map(|part| if is_id(part) { "{id}" } else { part }).collect();
        let query: Vec<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) if is_id(value) => format!("{name}={{id}}"),
                Some(_) | None => pair.to_owned(),
            })
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", path.join("/"), query.join("&"))
    }
}

fn kilobytes(bytes: usize) -> f64 {
    bytes as f64 / 1e3
}

impl Report {
    pub fn new() -> Self {
        Self { databases: Vec::new() }
    }

    pub fn add(&mut self, database: &'static str, visits: Vec<Visit>) {
        self.databases.push((database, visits));
    }

    pub fn print(&self, options: &Options) {
        println!(
            "seed {}, {} orders, {} products, {} visits of each page; milliseconds",
            super::support::SEED,
            options.orders,
            options.products,
            options.visits
        );
        for (database, visits) in &self.databases {
            println!(
                "\n{:<52} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
                database, "as", "first", "p50", "p95", "page kB", "loads kB"
            );
            for visit in visits {
                let times = visit.times();
                println!(
                    "{:<52} {:>8} {:>8.1} {:>8.1} {:>8.1} {:>8.1} {:>8.1}{}",
                    visit.shown_address(),
                    visit.visitor.name(),
                    times.first,
                    times.p50,
                    times.p95,
                    kilobytes(visit.page_bytes),
                    kilobytes(visit.loaded_bytes),
                    if times.p95 > WANTED_MS || kilobytes(visit.loaded_bytes) > WANTED_KB {
                        "  more than wanted"
                    } else {
                        ""
                    }
                );
            }
            let slowest = visits.iter().map(|visit| visit.times().p95).fold(0.0, f64::max);
            let largest = visits.iter().map(|visit| kilobytes(visit.loaded_bytes)).fold(0.0, f64::max);
            println!("slowest p95 {slowest:.1} ms (wanted {WANTED_MS}), largest {largest:.1} kB (wanted {WANTED_KB})");
        }
    }

    pub fn print_json(&self) {
        for (database, visits) in &self.databases {
            for visit in visits {
                let times = visit.times();
                let line = json!({
                    "database": database, "address": visit.shown_address(), "visitor": visit.visitor.name(),
                    "first_ms": times.first, "p50_ms": times.p50, "p95_ms": times.p95,
                    "page_bytes": visit.page_bytes, "loaded_bytes": visit.loaded_bytes,
                });
                println!("{line}");
            }
        }
    }
}
