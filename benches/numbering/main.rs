//! Confirmations per second: the service, a server, the bare statements, and a naive MAX(number) + 1.
//!
//! A confirmation turns the bill of a session (three lines) into an order with the store's next receipt number; its
//! statements are listed in `tillsight::db::confirmation_sql`. On each database, over five stores and with a growing number
//! of clients that confirm at the same time:
//! * *service*: `Checkout::confirm` within this process, as the server calls it;
//! * *HTTP*: `POST /api/sessions/{id}/confirm` at a server process of its own, clients with kiosks' keys: credentials,
//!   routing and JSON come on top;
//! * *bare*: the same statements without the service: `pgbench` with as many clients (prepared statements), and a loop over
//!   one connection of SQLite, which has one writer whoever asks. They check no prices and make no seals;
//! * *naive*: the number is MAX(number) + 1, read before the order is written, with no lock. The unique index refuses a
//!   duplicate, and the whole confirmation is repeated. Without that index each collision would be two receipts with one
//!   number.
//!
//! Beside the rate over HTTP stand the median and the 95th percentile of one confirmation's time. Sessions are made
//! beforehand and not measured. All of a database's contestants work on the same one, each in stores of its own, and take
//! turns within a round; medians over the rounds are printed. Databases wait for the disk at every commit, as in production. PostgreSQL is the one that `TILLSIGHT_TEST_POSTGRES_URL` names (an account that may create
//! databases), or a throwaway one. Target: at least 300 with 8 clients on each database. `cargo bench --bench numbering --
//! --help` lists the options.

mod bare_postgres;
mod bare_sqlite;
mod fixture;
mod load;
mod naive;
#[path = "../support/program.rs"]
mod program;
mod report;
mod server;
mod service;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the benches of searches use more of it")]
mod support;

use std::os::unix::process::CommandExt;
use std::process::Command;

use bare_postgres::Programs;
use clap::Parser;
use fixture::{Contestant, Fixture};
use report::{Report, Row};
use server::Server;
use service::Service;
use tokio::runtime::{Builder, Runtime};

/// Names a PostgreSQL server.
const POSTGRES: &str = "TILLSIGHT_TEST_POSTGRES_URL";
/// The naive way gets one in so many of the confirmations: its rate is clear long before.
const NAIVE_SHARE: usize = 4;

/// Confirmations per second of the service, of a server, of the bare statements, and of a naive MAX(number) + 1.
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
    let postgres = if options.sqlite { Err("--sqlite asks for it") } else { find_postgres() };
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut reports = vec![measure(Fixture::sqlite(&runtime, folder.path()), &runtime, &options)];
    match postgres {
        Ok((programs, url)) => {
            let database = programs.create_database(&url);
            let fixture = Fixture::postgres(&runtime, database.url(), folder.path());
            reports.push(measure(fixture, &runtime, &options));
        }
        Err(reason) => eprintln!("PostgreSQL was LEFT OUT: {reason}"),
    }
    for report in &reports {
        if options.json { report.print_json() } else { report.print(&options) }
    }
}

/// PostgreSQL's programs and the address of a server, or why there is none. Without an address, this program starts again
/// beside a throwaway server.
fn find_postgres() -> Result<(Programs, String), &'static str> {
    let programs = Programs::find().ok_or(
        "createdb, dropdb and pgbench were not found beside its server programs (Debian's package postgresql has them)",
    )?;
    match std::env::var(POSTGRES) {
        Ok(url) => Ok((programs, url)),
        Err(_) => restart_beside_throwaway_postgres(),
    }
}

/// Starts this bench again, beside a PostgreSQL that waits for the disk.
fn restart_beside_throwaway_postgres() -> ! {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/throwaway-postgres.sh");
    let bench = std::env::current_exe().expect("this program");
    let mut again = Command::new(script);
    again.arg(bench).args(std::env::args_os().skip(1)).env("THROWAWAY_FSYNC", "on");
    panic!("{script} could not be started: {}", again.exec());
}

/// All contestants on one database, in turns.
fn measure(fixture: Fixture, runtime: &Runtime, options: &Options) -> Report {
    let service = Service::open(&fixture);
    let server = runtime.block_on(Server::start(&fixture));
    let mut report = Report::new(fixture.kind());
    let first = fixture.insert_sessions(runtime, Contestant::Service, 1);
    let reply = runtime.block_on(service.first_reply(first));
    for round in 1..=options.rounds {
        for clients in options.clients.iter().copied() {
            eprintln!("{}: round {round} of {}, {clients} client(s) …", fixture.kind(), options.rounds);
            // One client alone is slow, and its rate is clear sooner.
            let confirms = if clients == 1 { options.confirms.div_ceil(2) } else { options.confirms };
            let mut row = Row { clients, ..Row::default() };
            // Another one begins in each round, so that none is always measured first.
            let mut turns = Contestant::ALL;
            turns.rotate_left(round % Contestant::ALL.len());
            for contestant in turns {
                let share = if contestant == Contestant::Naive { NAIVE_SHARE } else { 1 };
                let batch = fixture.insert_sessions(runtime, contestant, confirms.div_ceil(share));
                match contestant {
                    Contestant::Bare => row.bare = fixture.run_bare(batch, clients, &reply),
                    Contestant::Service => row.service = service.run(runtime, batch, clients),
                    Contestant::Http => row.http = server.run(runtime, batch, clients),
                    Contestant::Naive => row.naive = naive::run(&fixture, runtime, batch, clients),
                }
            }
            report.add(row);
        }
    }
    report
}
