//! A kiosk's photo from HTTP request to verdict: at saturation, in bursts and under overload, beside a peer in Python.
//!
//! The server is the program itself (`tillsight serve`, SQLite in a temporary folder, the shipped model, default settings),
//! taught rendered products through its API. One request carries one photo of 1280 × 720 pixels, as a kiosk's camera
//! delivers it. The peer is FastAPI, uvicorn, onnxruntime, faiss-cpu and Pillow with the same model
//! (`benches/peer/server.py`), if its Python is at hand. It keeps no accounts and no evidence, which is in its favour.
//!
//! * **Saturation** is a closed loop: C clients, each of which sends its next photo when the last one is answered (or, if it
//!   was refused, when it was told to come back), with C growing until the rate of answers no longer does. Wanted: 1.6 × the
//!   peer.
//! * **Bursts** are 16 photos at the same moment, ten times over. Wanted: 160 answers, each in well under a second.
//! * **Overload** is an open loop: photos are sent at three times the rate of saturation at seeded random instants (exponential
//!   gaps: kiosks do not know of each other), whatever became of the earlier ones. Clients in a closed loop would slow down
//!   with the server and so hide what they wait. Wanted: p99 of the answered below 1.5 s, the rest 429 with `Retry-After`,
//!   memory flat.
//!
//! Times count from the instant of sending. How much later than planned a photo was sent is printed too, since this program
//! shares the cores with the server. Saturation and bursts are measured in turns, and medians over the rounds are printed,
//! so that a busy moment of the machine falls on all of them. `cargo bench --bench saturation -- --help` lists the options.

mod http_client;
mod load;
mod pictures;
mod process;
mod report;
mod server;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the benches of searches use more of it")]
mod support;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use report::{Overload, Round, Rounds};
use server::Server;
use tokio::runtime::Runtime;

/// How many times its capacity a server is sent under overload.
const OVERLOAD: f64 = 3.0;
/// Photos that are sent at the same moment, and how often in a round.
const KIOSKS: usize = 16;
const BURSTS: usize = 10;
/// Parts of the overload whose peak memory is told apart: it is flat if the last is not above the first.
const MEMORY_PARTS: u32 = 3;
/// Clients of the closed loop, one after the other, until the rate no longer grows.
const CLIENTS: [usize; 10] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
/// What counts as growth, and how many steps without it end the search.
const GROWTH: f64 = 1.02;
const STEPS_WITHOUT_GROWTH: usize = 2;

/// A kiosk's photo from HTTP request to verdict, beside a peer in Python.
#[derive(Debug, Parser)]
#[command(name = "saturation")]
struct Options {
    /// Products to teach, with five photos each.
    #[arg(long, default_value_t = 200)]
    products: usize,
    /// Different kiosk photos.
    #[arg(long, default_value_t = 24)]
    photos: usize,
    /// Rounds; medians over them are printed.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each measurement within a round.
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// Seconds of overload.
    #[arg(long, default_value_t = 30.0)]
    overload_seconds: f64,
    /// Python of the peer, with benches/peer/requirements.txt installed.
    #[arg(long, default_value = "target/peer-python/bin/python")]
    peer: PathBuf,
    /// One JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
    /// What cargo adds to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    // One thread sends and receives: a second one would take more of the cores from the server than it gives.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let folder = tempfile::tempdir().expect("a temporary folder");
    eprintln!("rendering {} products and {} kiosk photos …", options.products, options.photos);
    let shop = pictures::Shop::render(options.products, options.photos, folder.path());

    eprintln!("starting the server and teaching it …");
    let seconds = Duration::from_secs_f64(options.seconds);
    let mut servers = vec![runtime.block_on(async {
        let mut server = Server::tillsight(&shop, folder.path()).await;
        server.find_capacity(seconds).await;
        server
    })];
    servers.extend(faster_peer(&options.peer, &shop, cores, &runtime, seconds));
    let servers: Vec<_> = servers.into_iter().map(Arc::new).collect();
    let mut rounds = Rounds::new(&servers);
    for round in 1..=options.rounds {
        eprintln!("round {round} of {} …", options.rounds);
        for (place, server) in servers.iter().enumerate() {
            rounds.add(place, &measure_round(server, &runtime, seconds));
        }
    }
    // The peer refuses nothing: it would only fill its memory with photos that wait.
    eprintln!("overload …");
    let overload = measure_overload(&servers[0], &runtime, Duration::from_secs_f64(options.overload_seconds));
    if options.json {
        rounds.print_json(&servers);
        overload.print_json();
    } else {
        rounds.print(&servers, &shop, cores, &options);
        overload.print();
    }
}

/// One client, as many as saturate the server, and bursts.
fn measure_round(server: &Server, runtime: &Runtime, seconds: Duration) -> Round {
    let alone = runtime.block_on(load::closed_loop(server, 1, seconds));
    let mut watch = process::Watch::start(server.pid());
    let full = runtime.block_on(load::closed_loop(server, server.clients, seconds));
    let full_usage = watch.lap();
    let bursts = runtime.block_on(load::bursts(server, KIOSKS, BURSTS));
    for (what, load) in [("one client", &alone), ("saturation", &full), ("bursts", &bursts)] {
        report_failure(server, what, load);
    }
    Round { alone, full, full_usage, bursts }
}

/// Three times the server's capacity.
fn measure_overload(server: &Arc<Server>, runtime: &Runtime, time: Duration) -> Overload {
    let rate = OVERLOAD * server.capacity;
    let mut watch = process::Watch::start(server.pid());
    let watching = async {
        let mut peaks_mb = Vec::new();
        for _ in 0..MEMORY_PARTS {
            tokio::time::sleep(time / MEMORY_PARTS).await;
            peaks_mb.push(watch.lap().peak_mb);
        }
        peaks_mb
    };
    let asking = load::open_loop(server, rate, time);
    let (load, peaks_mb) = runtime.block_on(async { tokio::join!(asking, watching) });
    report_failure(server, "overload", &load);
    Overload { rate, load, peaks_mb }
}

fn report_failure(server: &Server, what: &str, load: &load::Load) {
    if let Some(failure) = &load.first_failure {
        eprintln!("{}, {what}: {} photos failed, the first: {failure}", server.name, load.failed);
    }
}

/// The peer with one process and with one per core, whichever answers more; nothing, and a word about it, without its
/// Python.
fn faster_peer(
    python: &Path,
    shop: &pictures::Shop,
    cores: usize,
    runtime: &Runtime,
    seconds: Duration,
) -> Option<Server> {
    if !python.exists() {
        eprintln!("{}", peer_missing(python));
        return None;
    }
    let mut workers = vec![1, cores];
    workers.dedup();
    let measured = workers.into_iter().map(|workers| {
        eprintln!("starting the peer with {workers} process(es) …");
        runtime.block_on(async {
            let mut peer = Server::peer(python, shop, workers).await;
            peer.find_capacity(seconds).await;
            peer
        })
    });
    measured.max_by(|one, other| one.capacity.total_cmp(&other.capacity))
}

/// Says that the peer is missing, and how to get it.
fn peer_missing(python: &Path) -> String {
    format!(
        "The peer (FastAPI, benches/peer/server.py) was LEFT OUT: there is no {}. To have it measured:\n  \
         python3 -m venv target/peer-python && target/peer-python/bin/pip install -r benches/peer/requirements.txt",
        python.display()
    )
}
