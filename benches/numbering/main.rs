//! Confirmations per second: ours, the same statements driven straight at the database, and a naive MAX(number) + 1.
//!
//! A confirmation turns the bill of a session (three lines) into an order with the store's next receipt number; what it
//! runs is listed in `tillsight::db::confirmation_sql`. On each database, over five stores and with a growing number of
//! clients that confirm at the same time:
//! * *service*: `Checkout::confirm` within this process, as the server calls it;
//! * *HTTP*: `POST /api/sessions/{id}/confirm` at a server process of its own (one also on PostgreSQL), clients with
//!   kiosks' keys: credentials, routing and JSON come on top;
//! * *straight*: the same texts without anything of ours around them: `pgbench` with as many clients (prepared
//!   statements), and a bare loop over SQLite, which has one writer whoever asks. They check no prices and make no
//!   seals;
//! * *naive*: the number is MAX(number) + 1, read before the order is written, with no lock. The unique index that
//!   every order lies in refuses what would be a duplicate; the whole confirmation is then repeated. Without that index
//!   each collision would be two receipts with one number.
//!
//! Sessions are made beforehand and not measured. All of a database's contestants work on the same one, each in stores
//! of its own, and take turns within a round; medians over the rounds are printed. Databases wait for the disk at every
//! commit, as in production. PostgreSQL is the one that `TILLSIGHT_TEST_POSTGRES_URL` names (an account that may create
//! databases), or a throwaway one. Wanted: ours at least half of straight. `cargo bench --bench numbering -- --help`
//! lists what can be chosen.

mod naive;
mod ours;
mod pgbench;
mod report;
mod sqlite_loop;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the benches of searches use more of it")]
mod support;
mod world;

use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Parser;
use ours::{Server, Service};
use pgbench::Programs;
use report::{Report, Row};
use tokio::runtime::{Builder, Runtime};
use world::{Contestant, World};

/// Where a PostgreSQL is.
const POSTGRES: &str = "TILLSIGHT_TEST_POSTGRES_URL";
/// Of the confirmations of a measurement, the naive way gets one in so many: its rate is clear long before.
const NAIVE_SHARE: usize = 4;

/// Confirmations per second beside the same statements driven straight at the database, and beside MAX(number) + 1.
#[derive(Debug, Parser)]
#[command(name = "numbering")]
struct Options {
    /// Confirmations of each measurement.
    #[arg(long, default_value_t = 2_000)]
    confirms: usize,
    /// Clients at the same time, one table row each.
    #[arg(long, value_delimiter = ',', default_value = "1,8,64")]
    clients: Vec<usize>,
    /// Rounds; medians over them are printed.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// One JSON object per line instead of tables.
    #[arg(long)]
    json: bool,
    /// SQLite alone.
    #[arg(long)]
    sqlite: bool,
    /// What cargo adds to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let postgres = if options.sqlite { Err("--sqlite asks for it") } else { a_postgres() };
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut reports = vec![measure(World::sqlite(&runtime, folder.path()), &runtime, &options)];
    match postgres {
        Ok((programs, url)) => {
            let database = programs.create_database(&url);
            let world = World::postgres(&runtime, database.url(), folder.path());
            reports.push(measure(world, &runtime, &options));
        }
        Err(reason) => eprintln!("PostgreSQL was LEFT OUT: {reason}"),
    }
    for report in &reports {
        if options.json { report.print_json() } else { report.print(&options) }
    }
}

/// PostgreSQL's programs and where one runs, or why there is none. Where none runs and the programs are at hand, this
/// program starts anew beside a throwaway one.
fn a_postgres() -> Result<(Programs, String), &'static str> {
    let programs = Programs::find().ok_or(
        "createdb, dropdb and pgbench were not found beside its server programs (Debian's package postgresql has them)",
    )?;
    match std::env::var(POSTGRES) {
        Ok(url) => Ok((programs, url)),
        Err(_) => beside_a_throwaway_postgres(),
    }
}

/// Starts this bench once more, beside a PostgreSQL that waits for the disk.
fn beside_a_throwaway_postgres() -> ! {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/throwaway-postgres.sh");
    let bench = std::env::current_exe().expect("this program");
    let mut again = Command::new(script);
    again.arg(bench).args(std::env::args_os().skip(1)).env("THROWAWAY_FSYNC", "on");
    panic!("{script} could not be started: {}", again.exec());
}

/// All contestants on one database, in turns.
fn measure(world: World, runtime: &Runtime, options: &Options) -> Report {
    let service = Service::open(&world);
    let server = runtime.block_on(Server::start(&world));
    let mut report = Report::new(world.kind());
    let first = world.fill(runtime, Contestant::Service, 1);
    let reply = runtime.block_on(service.first_reply(first));
    for round in 1..=options.rounds {
        for clients in options.clients.iter().copied() {
            eprintln!("{}: round {round} of {}, {clients} client(s) …", world.kind(), options.rounds);
            // One client alone is slow, and its rate is clear sooner.
            let confirms = if clients == 1 { options.confirms.div_ceil(2) } else { options.confirms };
            let mut row = Row { clients, ..Row::default() };
            // Another one begins in each round: what is measured first must not always be the same.
            let mut turns = Contestant::ALL;
            turns.rotate_left(round % Contestant::ALL.len());
            for contestant in turns {
                let share = if contestant == Contestant::Naive { NAIVE_SHARE } else { 1 };
                let batch = world.fill(runtime, contestant, confirms.div_ceil(share));
                match contestant {
                    Contestant::Straight => row.straight = world.straight(batch, clients, &reply),
                    Contestant::Service => row.service = service.run(runtime, batch, clients),
                    Contestant::Http => row.http = server.run(runtime, batch, clients),
                    Contestant::Naive => row.naive = naive::run(&world, runtime, batch, clients),
                }
            }
            report.add(row);
        }
    }
    report
}
