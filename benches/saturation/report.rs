//! Medians over the rounds, as a table or as JSON.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::contestant::Contestant;
use super::load::Load;
use super::pictures::{HEIGHT, Shop, VIEWS, WIDTH};
use super::process::Usage;
use super::support::SEED;
use super::{OVERLOAD, Options, without_peer};

/// The figures of a round: key in JSON, words in the table.
const FIGURES: [(&str, &str); 22] = [
    ("bare_images_s", "bare loop beside it, photo by photo: images/s"),
    ("bare_batches_images_s", "   in batches as large as the server's may be"),
    ("images_s", "at saturation: images/s"),
    ("of_bare", "   of the bare loop (wanted: 0.85 or more)"),
    ("of_bare_batches", "   of the bare loop in batches"),
    ("p50_ms", "   p50, ms"),
    ("p99_ms", "   p99, ms"),
    ("cpu_ms", "   processor time per image, ms"),
    ("asking_cpu_ms", "   the same of the clients, ms"),
    ("idle_percent", "   processors idle, %"),
    ("peak_mb", "   peak memory, MB"),
    ("alone_p50_ms", "one client: p50, ms"),
    ("alone_p99_ms", "   p99, ms"),
    ("over_images_s", "in overload: images/s answered"),
    ("over_p50_ms", "   p50 of the answered, ms"),
    ("over_p99_ms", "   p99 of the answered, ms"),
    ("over_p99_of_alone", "   of that with one client (wanted: 2 or less)"),
    ("over_refused_percent", "   answered 429, %"),
    ("over_without_retry_after", "   of those without Retry-After (wanted: 0)"),
    ("over_failed", "   answered otherwise or not at all"),
    ("over_peak_mb", "   peak memory, MB"),
    ("over_late_p99_ms", "   sent later than planned, p99, ms"),
];

/// What was measured of a contestant in one round, in this order: saturation lies between both bare loops.
pub struct Round {
    /// One client.
    pub alone: Load,
    /// What the bare loop reached photo by photo, in images/s.
    pub bare: f64,
    /// As many clients as saturate the server.
    pub full: Load,
    /// What the bare loop reached in batches.
    pub bare_batches: f64,
    /// Three times the server's capacity.
    pub over: Load,
    /// What saturation took.
    pub full_took: Usage,
    /// What the overload took.
    pub over_took: Usage,
}

/// Every figure of every round, by contestant.
pub struct Rounds {
    figures: Vec<[Vec<f64>; FIGURES.len()]>,
}

impl Rounds {
    pub fn new(contestants: &[Arc<Contestant>]) -> Self {
        Self { figures: contestants.iter().map(|_| Default::default()).collect() }
    }

    /// One round of the contestant at `place`.
    pub fn add(&mut self, place: usize, round: &Round) {
        let Round { alone, bare, full, bare_batches, over, full_took, over_took } = round;
        let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
        let figures = [
            *bare,
            *bare_batches,
            full.rate(),
            full.rate() / bare,
            full.rate() / bare_batches,
            full.quantile(0.5),
            full.quantile(0.99),
            full_took.cpu_s * 1e3 / full.answered_ms.len().max(1) as f64,
            full_took.asking_cpu_s * 1e3 / full.answered_ms.len().max(1) as f64,
            100.0 * (1.0 - (full_took.cpu_s + full_took.asking_cpu_s) / (full.seconds * cores)),
            full_took.peak_mb,
            alone.quantile(0.5),
            alone.quantile(0.99),
            over.rate(),
            over.quantile(0.5),
            over.quantile(0.99),
            over.quantile(0.99) / alone.quantile(0.99),
            over.refused_percent(),
            over.refused_without_retry_after as f64,
            over.failed as f64,
            over_took.peak_mb,
            over.late_p99(),
        ];
        for (all, figure) in self.figures[place].iter_mut().zip(figures) {
            all.push(figure);
        }
    }

    fn median(&self, place: usize, figure: usize) -> f64 {
        let mut values = self.figures[place][figure].clone();
        values.sort_unstable_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// For people.
    pub fn print(&self, contestants: &[Arc<Contestant>], shop: &Shop, batch: usize, cores: usize, options: &Options) {
        println!(
            "{} photos of {WIDTH} × {HEIGHT} ({} kB on average), {} products taught with {VIEWS} photos each; seed {SEED}",
            shop.shown.len(),
            shop.mean_bytes() / 1_000,
            shop.packages.len()
        );
        println!(
            "{cores} cores, shared with the clients; medians of {} rounds of {} s; batches of the bare loop: {batch}",
            options.rounds, options.seconds
        );
        print!("{:<48}", "");
        contestants.iter().for_each(|contestant| print!("{:>14}", contestant.name));
        println!("{}", if contestants.len() == 2 { "         ratio" } else { "" });
        self.row("the right product named first, %", contestants, |contestant, _| contestant.right * 100.0);
        self.row("clients at saturation", contestants, |contestant, _| contestant.clients as f64);
        self.row(&format!("asked in overload ({OVERLOAD} ×), images/s"), contestants, |contestant, _| {
            contestant.capacity * OVERLOAD
        });
        for (figure, (_, words)) in FIGURES.iter().enumerate() {
            self.row(words, contestants, |_, place| self.median(place, figure));
        }
        match contestants {
            [_, _] => println!("The peer keeps no accounts and no evidence. Its memory is summed over its processes."),
            _ => println!("{}", without_peer(&options.peer)),
        }
    }

    fn row(&self, words: &str, contestants: &[Arc<Contestant>], value: impl Fn(&Contestant, usize) -> f64) {
        let values: Vec<f64> = contestants.iter().enumerate().map(|(place, one)| value(one, place)).collect();
        print!("{words:<48}");
        values.iter().for_each(|value| print!("{value:>14.2}"));
        match values[..] {
            [ours, theirs] if theirs != 0.0 => println!("{:>14.2}", ours / theirs),
            _ => println!(),
        }
    }

    /// For programs: an object per contestant.
    pub fn print_json(&self, contestants: &[Arc<Contestant>], batch: usize) {
        for (place, contestant) in contestants.iter().enumerate() {
            let mut line: Map<String, Value> = FIGURES
                .iter()
                .enumerate()
                .map(|(figure, (key, _))| ((*key).to_owned(), self.median(place, figure).into()))
                .collect();
            line.insert("server".to_owned(), contestant.name.as_str().into());
            line.insert("clients".to_owned(), contestant.clients.into());
            line.insert("asked_in_overload_images_s".to_owned(), (contestant.capacity * OVERLOAD).into());
            line.insert("right".to_owned(), contestant.right.into());
            line.insert("bare_batch".to_owned(), batch.into());
            println!("{}", Value::Object(line));
        }
    }
}
