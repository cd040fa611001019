//! Every page of the server in a filled shop: how long the server takes for it, and how many bytes a browser loads.
//!
//! The server is the program itself with default settings; databases are SQLite and PostgreSQL in temporary folders. They are
//! filled with orders (with lines, payments, refunds and voids) over 90 days in five stores, products with a photo each,
//! shoppers, clerks, daily closings, alerts and the audit log; everything follows from the seed. Every page of
//! `web::page_table` is then opened by those for whom it is made, with its filters (`addresses.rs`), in turns, so that a busy
//! moment of the machine falls on all of them.
//!
//! * *Time* is from the request to the last byte of the page, over one connection that stays open, compressed as for a
//!   browser. *First* is the first visit after the server's start, when nothing is in memory.
//! * *Loads* is the page and everything that it names, each as many bytes as travel: scripts and those that they import,
//!   styles, icons, and thumbnails.
//!
//! Wanted: p95 below 50 ms for each page, and less than 150 kB. PostgreSQL is the one that `TILLSIGHT_TEST_POSTGRES_URL`
//! names (an account that may create databases), or a throwaway one. `cargo bench --bench pages -- --help` lists the options.

mod addresses;
mod browser;
mod fill;
#[path = "../support/program.rs"]
mod program;
mod report;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the benches of searches use more of it")]
mod support;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use actix_web::http::Method;
use addresses::{Visitor, addresses, visitors};
use browser::Browsers;
use clap::Parser;
use report::{Report, Visit};
use secrecy::SecretString;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tillsight::web::page_table::PAGES;
use tokio::runtime::Builder;
use uuid::Uuid;

/// Names a PostgreSQL server.
const POSTGRES: &str = "TILLSIGHT_TEST_POSTGRES_URL";
/// The largest wanted p95, in milliseconds, and the most wanted kilobytes.
const WANTED_MS: f64 = 50.0;
const WANTED_KB: f64 = 150.0;

/// The time and the bytes of every page in a filled shop.
#[derive(Debug, Parser)]
#[command(name = "pages")]
struct Options {
    /// Orders, over 90 days in five stores.
    #[arg(long, default_value_t = 10_000)]
    orders: usize,
    /// Products with a photo each.
    #[arg(long, default_value_t = 2_000)]
    products: usize,
    /// Visits of each page.
    #[arg(long, default_value_t = 40)]
    visits: usize,
    /// Only pages whose address contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// One JSON object per line instead of a table.
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
    let server = std::env::var(POSTGRES).ok();
    if server.is_none() && !options.sqlite {
        restart_beside_throwaway_postgres();
    }
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let photos = fill::render_photos(options.products);
    let sqlite = format!("sqlite://{}", folder.path().join("sqlite").join("bench.db").display());
    let mut report = Report::new();
    runtime.block_on(measure("SQLite", sqlite.into(), folder.path(), &photos, &options, &mut report));
    if let Some(server) = server.filter(|_| !options.sqlite) {
        let url = runtime.block_on(create_database(&server));
        runtime.block_on(measure("PostgreSQL", url, folder.path(), &photos, &options, &mut report));
    }
    if options.json { report.print_json() } else { report.print(&options) }
}

/// Starts this bench again, beside a PostgreSQL that waits for the disk.
fn restart_beside_throwaway_postgres() -> ! {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/throwaway-postgres.sh");
    let bench = std::env::current_exe().expect("this program");
    let mut again = Command::new(script);
    again.arg(bench).args(std::env::args_os().skip(1)).env("THROWAWAY_FSYNC", "on");
    panic!("{script} could not be started: {}", again.exec());
}

#[expect(clippy::disallowed_methods, reason = "CREATE DATABASE takes no bound parameters; the name is a UUID")]
async fn create_database(server: &str) -> SecretString {
    let name = format!("bench_{}", Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL");
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut connection).await.expect("a database");
    let (address, _database) = server.rsplit_once('/').expect("a URL with a database");
    format!("{address}/{name}").into()
}

/// Fills a database, and visits every page.
async fn measure(
    name: &'static str,
    url: SecretString,
    folder: &Path,
    photos: &[fill::Taught],
    options: &Options,
    report: &mut Report,
) {
    let folder = folder.join(name.to_lowercase());
    std::fs::create_dir_all(&folder).expect("a folder");
    eprintln!("{name}: filling …");
    let filled = fill::fill(&url, &folder, photos, options.orders).await;
    let (_server, base) = program::serve(&url, &folder, fill::PASSWORD).await;
    let browsers = Browsers::sign_in(&base, &filled.kiosk_key).await;
    let mut visits = Vec::new();
    for page in PAGES.iter().filter(|page| page.method == Method::GET) {
        for visitor in visitors(&page.pattern, page.policy) {
            let of_page = addresses(&page.pattern, &filled.examples).into_iter();
            visits.extend(of_page.map(|address| (*visitor, address)));
        }
    }
    visits.retain(|(_, address)| address.contains(&options.only));
    eprintln!("{name}: {} addresses, {} visits each …", visits.len(), options.visits);
    let mut measured: Vec<Visit> = Vec::with_capacity(visits.len());
    for (visitor, address) in visits {
        if let Some(visit) = first_visit(&browsers, visitor, address).await {
            measured.push(visit);
        }
    }
    for _ in 1..options.visits {
        for visit in &mut measured {
            visit.times.push(browsers.open(visit.visitor, &visit.address).await.time);
        }
    }
    report.add(name, measured);
}

/// The first visit of a page, and the bytes of all that it loads. `None` of one that leads elsewhere.
async fn first_visit(browsers: &Browsers, visitor: Visitor, address: String) -> Option<Visit> {
    let answer = browsers.open(visitor, &address).await;
    match answer.status {
        200 => {}
        300..400 => return None,
        status => panic!("{address} as {}: {status}", visitor.name()),
    }
    let loaded_bytes = answer.bytes + browsers.size_of_loaded(visitor, &address).await;
    Some(Visit { visitor, address, times: vec![answer.time], page_bytes: answer.bytes, loaded_bytes })
}
