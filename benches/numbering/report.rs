//! Medians over the rounds, as a table for each database or as JSON.

use serde_json::{Map, Value};

use super::Options;
use super::naive::Naive;
use super::ours::Pace;
use super::world::{PRODUCTS, STORES};

/// What one round gave for one number of clients.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row {
    pub clients: usize,
    /// Confirmations per second, as are the rates of the others.
    pub straight: f64,
    pub service: Pace,
    pub http: Pace,
    pub naive: Naive,
}

/// The figures of a row: key in JSON, head of the column, digits behind the point. Ratios are those of one round.
const FIGURES: [(&str, &str, usize); 10] = [
    ("straight_per_s", "straight/s", 0),
    ("service_per_s", "service/s", 0),
    ("service_of_straight", "of straight", 2),
    ("service_p99_ms", "p99 ms", 1),
    ("http_per_s", "HTTP/s", 0),
    ("http_of_straight", "of straight", 2),
    ("http_p99_ms", "p99 ms", 1),
    ("naive_per_s", "naive/s", 0),
    ("naive_collisions_per_order", "collisions", 2),
    ("naive_attempts_per_order", "attempts", 2),
];

impl Row {
    fn figures(&self) -> [f64; FIGURES.len()] {
        [
            self.straight,
            self.service.rate,
            self.service.rate / self.straight,
            self.service.p99_ms,
            self.http.rate,
            self.http.rate / self.straight,
            self.http.p99_ms,
            self.naive.pace.rate,
            self.naive.collisions,
            self.naive.attempts,
        ]
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

    /// For people.
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
            "Wanted: ours at least 0.50 of straight. Collisions and attempts are those of the naive way, per order.\n"
        );
    }

    /// For programs: an object per number of clients.
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
