//! The whole road of a kiosk's photo, at saturation and beyond: HTTP in, verdict out, beside what the machine could do
//! at best.
//!
//! The server is the program itself (`tillsight serve`, SQLite in a temporary folder, the shipped model), taught
//! rendered products through its API. One request carries one photo of 1280 × 720 pixels, as a kiosk's camera delivers
//! it. Beside it:
//! * the *bare loop*: decoding, resizing, ONNX Runtime and FAISS on all cores, without HTTP, queues or database
//!   ([`bare`]), photo by photo as the server sees them come, and in batches as large as the server's may be at most: those
//!   get through more, and each of their photos is answered as late as the last one;
//! * the *peer*: FastAPI, uvicorn, onnxruntime, faiss-cpu and Pillow with the same model (`benches/peer/server.py`),
//!   where its Python is at hand. It keeps no accounts and no evidence, which is in its favour.
//!
//! **Capacity** is found by a closed loop: C clients, each of which sends its next photo when the last one is answered
//! (or, where it is refused, when it was told to come back), with C growing until the rate of answers no longer does.
//!
//! **Overload** is an open loop: photos are sent at three times that rate at seeded random instants (exponential gaps:
//! kiosks do not know of each other), whatever became of the earlier ones. Three times as many clients in a closed loop
//! would be a gentler thing: they slow down with the server and so hide what they wait. Times are taken from the
//! instant of sending; how much later than planned a photo was sent is printed too, since this program shares the cores
//! with the server.
//!
//! After a warm-up everything is measured in turns and medians over the rounds are printed, so that a busy moment of the
//! machine falls on all of them; saturation is measured between the two bare loops. The limits that they are held against stand
//! beside the figures. `cargo bench --bench saturation -- --help` lists what can be chosen.

mod bare;
mod contestant;
mod load;
mod pictures;
mod process;
mod report;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the benches of searches use more of it")]
mod support;
mod wire;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bare::Bare;
use clap::Parser;
use contestant::Contestant;
use report::{Round, Rounds};
use tillsight::config::Settings;

/// How much more than it can do is asked of a server in overload.
const OVERLOAD: f64 = 3.0;
/// Clients of the closed loop, one after the other, until the rate no longer grows.
const CLIENTS: [usize; 10] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
/// What counts as growth, and how many steps without it end the search.
const GROWTH: f64 = 1.02;
const STEPS_WITHOUT_GROWTH: usize = 2;

/// The whole road of a kiosk's photo over HTTP, beside a bare loop of the same parts and a peer in Python.
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

    let mut bare = Bare::open(cores, shop.vectors());
    eprintln!("starting the server and teaching it …");
    let mut contestants = vec![runtime.block_on(Contestant::tillsight(&shop, folder.path()))];
    let peer = the_peer(&options.peer, &shop, cores, &runtime, options.seconds);

    let seconds = Duration::from_secs_f64(options.seconds);
    let batch = Settings::from_toml("").expect("the defaults").engine.batch;
    bare.rate(&shop, batch, seconds);
    runtime.block_on(contestants[0].find_capacity(seconds));
    contestants.extend(peer);
    let contestants: Vec<_> = contestants.into_iter().map(Arc::new).collect();
    let mut rounds = Rounds::new(&contestants);
    for round in 1..=options.rounds {
        eprintln!("round {round} of {} …", options.rounds);
        for (place, contestant) in contestants.iter().enumerate() {
            let measured = one_round(contestant, &runtime, (&mut bare, batch), &shop, (seconds, round));
            rounds.add(place, &measured);
        }
    }
    if options.json {
        rounds.print_json(&contestants, batch);
    } else {
        rounds.print(&contestants, &shop, batch, cores, &options);
    }
}

/// One client, as many as saturate it, and three times its capacity; around saturation, the bare loop.
fn one_round(
    contestant: &Arc<Contestant>,
    runtime: &tokio::runtime::Runtime,
    (bare, batch): (&mut Bare, usize),
    shop: &pictures::Shop,
    (seconds, number): (Duration, usize),
) -> Round {
    let alone = runtime.block_on(load::closed(contestant, 1, seconds));
    let photo_by_photo = bare.rate(shop, 1, seconds);
    let mut watch = process::Watch::begin(contestant.pid());
    let full = runtime.block_on(load::closed(contestant, contestant.clients, seconds));
    let full_took = watch.lap();
    let in_batches = bare.rate(shop, batch, seconds);
    let mut watch = process::Watch::begin(contestant.pid());
    let over = runtime.block_on(load::open(contestant, OVERLOAD * contestant.capacity, seconds, number as u64));
    let over_took = watch.lap();
    for (what, load) in [("one client", &alone), ("saturation", &full), ("overload", &over)] {
        if let Some(failure) = &load.first_failure {
            eprintln!("{}, {what}: {} photos failed, the first: {failure}", contestant.name, load.failed);
        }
    }
    Round { alone, bare: photo_by_photo, full, bare_batches: in_batches, over, full_took, over_took }
}

/// The peer with one process and with one per core, whichever answers more; nothing, and a word about it, without its
/// Python.
fn the_peer(
    python: &Path,
    shop: &pictures::Shop,
    cores: usize,
    runtime: &tokio::runtime::Runtime,
    seconds: f64,
) -> Option<Contestant> {
    if !python.exists() {
        eprintln!("{}", without_peer(python));
        return None;
    }
    let mut workers = vec![1, cores];
    workers.dedup();
    let measured = workers.into_iter().map(|workers| {
        eprintln!("starting the peer with {workers} process(es) …");
        runtime.block_on(async {
            let mut peer = Contestant::peer(python, shop, workers).await;
            peer.find_capacity(Duration::from_secs_f64(seconds)).await;
            peer
        })
    });
    measured.max_by(|one, other| one.capacity.total_cmp(&other.capacity))
}

/// Says that the peer is missing, and how to get it.
fn without_peer(python: &Path) -> String {
    format!(
        "The peer (FastAPI, benches/peer/server.py) was LEFT OUT: there is no {}. To have it measured:\n  \
         python3 -m venv target/peer-python && target/peer-python/bin/pip install -r benches/peer/requirements.txt",
        python.display()
    )
}
