//! What was measured, as a table or as JSON.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::load::Load;
use super::pictures::{HEIGHT, Shop, VIEWS, WIDTH};
use super::process::Usage;
use super::server::Server;
use super::support::SEED;
use super::{BURSTS, KIOSKS, OVERLOAD, Options, peer_missing};

/// The figures of a round: key in JSON, words in the table.
const FIGURES: [(&str, &str); 12] = [
    ("images_s", "at saturation: images/s (wanted: 1.6 × the peer)"),
    ("p50_ms", "   p50, ms"),
    ("p99_ms", "   p99, ms"),
    ("cpu_ms", "   processor time per image, ms"),
    ("client_cpu_ms", "   the same of the clients, ms"),
    ("idle_percent", "   processors idle, %"),
    ("peak_mb", "   peak memory, MB"),
    ("alone_p50_ms", "one client: p50, ms"),
    ("alone_p99_ms", "   p99, ms"),
    ("burst_slowest_ms", "bursts: slowest of all, ms (wanted: < 1000)"),
    ("burst_p50_ms", "   p50, ms"),
    ("burst_refused", "   refused or failed (wanted: 0)"),
];

/// What was measured of a server in one round.
pub struct Round {
    pub alone: Load,
    pub full: Load,
    pub full_usage: Usage,
    pub bursts: Load,
}

/// Every figure of every round, by server.
pub struct Rounds {
    figures: Vec<[Vec<f64>; FIGURES.len()]>,
}

impl Rounds {
    pub fn new(servers: &[Arc<Server>]) -> Self {
        Self { figures: servers.iter().map(|_| Default::default()).collect() }
    }

    /// One round of the server at `place`.
    pub fn add(&mut self, place: usize, round: &Round) {
        let Round { alone, full, full_usage, bursts } = round;
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let answered = full.answered_ms.len().max(1) as f64;
        let figures = [
            full.rate(),
            full.quantile(0.5),
            full.quantile(0.99),
            full_usage.cpu_s * 1e3 / answered,
            full_usage.client_cpu_s * 1e3 / answered,
            100.0 * (1.0 - (full_usage.cpu_s + full_usage.client_cpu_s) / (full.seconds * cores)),
            full_usage.peak_mb,
            alone.quantile(0.5),
            alone.quantile(0.99),
            bursts.slowest_ms(),
            bursts.quantile(0.5),
            (bursts.refused + bursts.failed) as f64,
        ];
        for (all, figure) in self.figures[place].iter_mut().zip(figures) {
            all.push(figure);
        }
    }

    /// The median over the rounds; of the slowest burst and of what was refused in bursts, the worst round.
    fn figure(&self, place: usize, figure: usize) -> f64 {
        let mut values = self.figures[place][figure].clone();
        values.sort_unstable_by(f64::total_cmp);
        let worst = matches!(FIGURES[figure].0, "burst_slowest_ms" | "burst_refused");
        let rank = if worst { values.len().saturating_sub(1) } else { values.len() / 2 };
        values.get(rank).copied().unwrap_or(f64::NAN)
    }

    /// For people.
    pub fn print(&self, servers: &[Arc<Server>], shop: &Shop, cores: usize, options: &Options) {
        println!(
            "{} photos of {WIDTH} × {HEIGHT} ({} kB on average), {} products taught with {VIEWS} photos each; seed {SEED}",
            shop.shown.len(),
            shop.mean_bytes() / 1_000,
            shop.packages.len()
        );
        println!(
            "{cores} cores, shared with the clients; medians of {} rounds of {} s and of {BURSTS} bursts of {KIOSKS} photos",
            options.rounds, options.seconds
        );
        print!("{:<52}", "");
        servers.iter().for_each(|server| print!("{:>14}", server.name));
        println!("{}", if servers.len() == 2 { "         ratio" } else { "" });
        print_row("the right product named first, %", servers, |server, _| server.right * 100.0);
        print_row("clients at saturation", servers, |server, _| server.clients as f64);
        for (figure, (_, words)) in FIGURES.iter().enumerate() {
            print_row(words, servers, |_, place| self.figure(place, figure));
        }
        match servers {
            [_, _] => println!("The peer keeps no accounts and no evidence. Its memory is summed over its processes."),
            _ => println!("{}", peer_missing(&options.peer)),
        }
    }

    /// For programs: an object per server.
    pub fn print_json(&self, servers: &[Arc<Server>]) {
        for (place, server) in servers.iter().enumerate() {
            let figures = FIGURES.iter().enumerate();
            let mut line: Map<String, Value> =
                figures.map(|(figure, (key, _))| ((*key).to_owned(), self.figure(place, figure).into())).collect();
            line.insert("server".to_owned(), server.name.as_str().into());
            line.insert("clients".to_owned(), server.clients.into());
            line.insert("right".to_owned(), server.right.into());
            println!("{}", Value::Object(line));
        }
    }
}

fn print_row(words: &str, servers: &[Arc<Server>], value: impl Fn(&Server, usize) -> f64) {
    let values: Vec<f64> = servers.iter().enumerate().map(|(place, server)| value(server, place)).collect();
    print!("{words:<52}");
    values.iter().for_each(|value| print!("{value:>14.2}"));
    match values[..] {
        [ours, theirs] if theirs != 0.0 => println!("{:>14.2}", ours / theirs),
        _ => println!(),
    }
}

/// What was measured under overload.
pub struct Overload {
    /// Photos per second that were sent.
    pub rate: f64,
    pub load: Load,
    /// Peak memory in each part of the time.
    pub peaks_mb: Vec<f64>,
}

impl Overload {
    /// For people.
    pub fn print(&self) {
        let Self { rate, load, peaks_mb } = self;
        println!("overload: {OVERLOAD} × the capacity, {rate:.0} images/s for {:.0} s", load.seconds);
        println!("   answered: {}, {:.1} images/s", load.answered_ms.len(), load.rate());
        println!("   refused with 429: {} ({:.1} %)", load.refused, load.refused_percent());
        println!("   of those without Retry-After (wanted: 0): {}", load.refused_without_retry_after);
        println!("   failed (wanted: 0): {}", load.failed);
        println!(
            "   p50 and p99 of the answered (wanted: p99 < 1500), ms: {:.0}, {:.0}",
            load.quantile(0.5),
            load.quantile(0.99)
        );
        let peaks: Vec<String> = peaks_mb.iter().map(|peak| format!("{peak:.0}")).collect();
        println!("   peak memory in each part of the time (wanted: flat), MB: {}", peaks.join(", "));
        println!("   sent later than planned, p99, ms: {:.1}", load.late_p99());
    }

    /// For programs.
    pub fn print_json(&self) {
        let Self { rate, load, peaks_mb } = self;
        let line = json!({
            "overload_asked_images_s": rate,
            "answered": load.answered_ms.len(),
            "answered_images_s": load.rate(),
            "refused": load.refused,
            "refused_percent": load.refused_percent(),
            "without_retry_after": load.refused_without_retry_after,
            "failed": load.failed,
            "p50_ms": load.quantile(0.5),
            "p99_ms": load.quantile(0.99),
            "peaks_mb": peaks_mb,
            "late_p99_ms": load.late_p99(),
        });
        println!("{line}");
    }
}
