//! Medians over the rounds, as a table for each database or as JSON.

use serde_json::{Map, Value};

use super::Options;
use super::fixture::{PRODUCTS, STORES};
use super::load::Load;
use super::naive::NaiveResult;

/// What one round gave for one number of clients; `bare` in confirmations per second.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row {
    pub clients: usize,
    pub bare: f64,
    pub service: Load,
    pub http: Load,
    pub naive: NaiveResult,
}

/// The figures of a row: key in JSON, head of the column, digits after the point.
const FIGURES: [(&str, &str, usize); 7] = [
    ("bare_per_s", "bare/s", 0),
    ("service_per_s", "service/s", 0),
    ("http_per_s", "HTTP/s", 0),
    ("http_p50_ms", "HTTP p50 ms", 1),
    ("http_p95_ms", "HTTP p95 ms", 1),
    ("naive_per_s", "naive/s", 0),
    ("naive_collisions_per_order", "collisions", 2),
];

impl Row {
    fn figures(&self) -> [f64; FIGURES.len()] {
        let (http, naive) = (self.http, self.naive);
        [self.bare, self.service.rate, http.rate, http.p50_ms, http.p95_ms, naive.rate, naive.collisions]
    }
}

/// All rounds on one database.
pub struct Report {
    database: &'static str,
    rows: Vec<Row>,
}

impl Report {
    pub fn new(database: &'static str) -> Self {
        Self { database, rows: Vec::new() }
    }

    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The numbers of clients in the order in which they were first measured, each with its medians.
    fn medians(&self) -> Vec<(usize, [f64; FIGURES.len()])> {
        let mut clients: Vec<usize> = Vec::new();
        for row in &self.rows {
            if !clients.contains(&row.clients) {
                clients.push(row.clients);
            }
        }
        let of = |clients: usize| {
            let rows: Vec<_> = self.rows.iter().filter(|row| row.clients == clients).map(Row::figures).collect();
            std::array::from_fn(|figure| {
                let mut values: Vec<f64> = rows.iter().map(|row| row[figure]).collect();
                values.sort_unstable_by(f64::total_cmp);
                values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
            })
        };
        clients.into_iter().map(|clients| (clients, of(clients))).collect()
    }

    pub fn print(&self, options: &Options) {
        println!(
            "{}: confirmations per second of bills of {} lines in {STORES} stores; medians of {} rounds of {}",
            self.database,
            PRODUCTS.len(),
            options.rounds,
            options.confirms
        );
        print!("{:>8}", "clients");
        FIGURES.iter().for_each(|(_, head, _)| print!("{head:>13}"));
        println!();
        for (clients, figures) in self.medians() {
            print!("{clients:>8}");
            FIGURES.iter().zip(figures).for_each(|((_, _, digits), value)| print!("{value:>13.digits$}"));
            println!();
        }
        println!(
            "Target: at least 300 with 8 clients. Collisions are those of the naive way, per order.
"
        );
    }

    /// Prints one object per number of clients.
    pub fn print_json(&self) {
        for (clients, figures) in self.medians() {
            let named = FIGURES.iter().zip(figures).map(|((key, ..), value)| ((*key).to_owned(), value.into()));
            let mut line: Map<String, Value> = named.collect();
            line.insert("database".to_owned(), self.database.into());
            line.insert("clients".to_owned(), clients.into());
            println!("{}", Value::Object(line));
        }
    }
}
