//! The time from a server's start to its first reply, and its memory then, by the size of its catalogue: from the database alone
//! and from a snapshot, on SQLite and, if available, on PostgreSQL.
//!
//! * SQL fills the database with products of five photos each; their embeddings repeat a thousand random vectors, which a
//!   start reads and verifies like any others.
//! * *Empty* is a server without products: the cost of a start besides the catalogue, above all the model's self-test.
//! * Memory is the resident memory (`VmRSS`) of the ready server, minus the empty server's, compared with the vectors' bytes.
//! * *Read* is the time of reading the snapshot's bytes from the page cache: no start from it can be faster.
//!
//! PostgreSQL is measured if `TILLSIGHT_TEST_POSTGRES_URL` names a server:
//! `deploy/throwaway-postgres.sh cargo bench --bench start -- --rows 1000000`

#[path = "support/mod.rs"]
#[expect(dead_code, reason = "the benches of searches use the rest")]
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use support::{DIM, SEED};
use tillsight::embedding::Manifest;
use tillsight::index::baseline::{RandomVectors, median};
use uuid::Uuid;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tillsight-small.json");
const POSTGRES_URL_VARIABLE: &str = "TILLSIGHT_TEST_POSTGRES_URL";
const IMAGES_PER_PRODUCT: u32 = 5;
/// Different vectors.
const RANDOM_VECTORS: usize = 1_000;

#[derive(Debug, Parser)]
struct Options {
    /// Embeddings in the catalogue, five per product.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(5..))]
    rows: u32,
    /// Starts of each kind; the median is printed.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    starts: u32,
    /// `cargo bench` passes it to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Fills an empty catalogue; `made` contains the vectors.
const FILL_SQLITE: &str = "
    PRAGMA foreign_keys = OFF;
    INSERT INTO products (id, name, name_folded, active, created_at, updated_at)
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {products})
      SELECT unhex(printf('019000000000700080000000%08x', i)) , 'Product ' || i, 'product ' || i, 1, 0, 0 FROM n;
    INSERT INTO product_images (id, product_id, content_hash, media_type, width, height, bytes, created_at)
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {images} - 1)
      SELECT unhex(printf('019000000000700090000000%08x', i)),
        unhex(printf('019000000000700080000000%08x', i / 5 + 1)),
        randomblob(32), 'image/jpeg', 100, 100, 1000, 0 FROM n;
    INSERT INTO embeddings (image_id, model, vector)
      SELECT id, '{model}', (SELECT vector FROM made WHERE place = (product_images.rowid % 1000)) FROM product_images;
    DROP TABLE made;";
const FILL_POSTGRES: &str = "
    SET synchronous_commit = off;
    INSERT INTO products (id, name, name_folded, active, created_at, updated_at)
      SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'Product ' || i, 'product ' || i, true, 0, 0
      FROM generate_series(1, {products}) i;
    INSERT INTO product_images (id, product_id, content_hash, media_type, width, height, bytes, created_at)
      SELECT ('01900000-0000-7000-9000-' || lpad(to_hex(i), 12, '0'))::uuid,
        ('01900000-0000-7000-8000-' || lpad(to_hex(i / 5 + 1), 12, '0'))::uuid,
        sha256(i::text::bytea), 'image/jpeg', 100, 100, 1000, 0 FROM generate_series(0, {images} - 1) i;
    INSERT INTO embeddings (image_id, model, vector)
      SELECT ('01900000-0000-7000-9000-' || lpad(to_hex(i), 12, '0'))::uuid, '{model}', made.vector
      FROM generate_series(0, {images} - 1) i JOIN made ON made.place = i % 1000;
    DROP TABLE made;
    ANALYZE;";

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("seed {SEED}, {} embeddings × {DIM}; medians of {} starts", options.rows, options.starts);
    println!(
        "{:>10} {:>10} {:>16} {:>16} {:>10} {:>12} {:>12} {:>7}",
        "database", "empty s", "from database s", "from snapshot s", "read s", "memory MB", "vectors MB", "ratio"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = format!("sqlite://{}", folder.path().join("bench.db").display());
    runtime.block_on(measure("SQLite", &sqlite, &options));
    match std::env::var(POSTGRES_URL_VARIABLE) {
        Ok(server) => {
            let url = runtime.block_on(new_database(&server));
            runtime.block_on(measure("PostgreSQL", &url, &options));
        }
        Err(_) => {
            println!("PostgreSQL is skipped: {POSTGRES_URL_VARIABLE} is not set (deploy/throwaway-postgres.sh sets it)")
        }
    }
}

async fn measure(name: &str, url: &str, options: &Options) {
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program { url, folder: folder.path() };
    program.run(&["migrate"]);
    let mut empty = Vec::new();
    let mut empty_memory = 0.0;
    for _ in 0..options.starts {
        let (time, memory) = program.start();
        empty.push(time);
        empty_memory = memory;
    }
    fill(url, options.rows).await;
    let (mut from_database, mut from_snapshot) = (Vec::new(), Vec::new());
    for _ in 0..options.starts {
        from_database.push(program.start().0);
    }
    program.run(&["index", "rebuild"]);
    let mut memory = 0.0;
    for _ in 0..options.starts {
        let (time, resident) = program.start();
        from_snapshot.push(time);
        memory = resident - empty_memory;
    }
    let snapshot =
        std::fs::read_dir(folder.path()).expect("the folder").filter_map(Result::ok).map(|entry| entry.path());
    let snapshot = snapshot.filter(|path| path.extension().is_some_and(|ending| ending == "snapshot")).last();
    let snapshot = snapshot.expect("the snapshot that `index rebuild` wrote");
    let mut reads: Vec<Duration> = (0..options.starts)
        .map(|_| {
            let start_time = Instant::now();
            std::hint::black_box(std::fs::read(&snapshot).expect("the snapshot"));
            start_time.elapsed()
        })
        .collect();
    let vectors = f64::from(options.rows) * (DIM * size_of::<f32>()) as f64 / 1e6;
    let seconds = |times: &mut Vec<Duration>| median(times).as_secs_f64();
    println!(
        "{name:>10} {:>10.2} {:>16.2} {:>16.2} {:>10.2} {memory:>12.0} {vectors:>12.0} {:>7.2}",
        seconds(&mut empty),
        seconds(&mut from_database),
        seconds(&mut from_snapshot),
        seconds(&mut reads),
        memory / vectors
    );
}

/// The program with one database and folder.
struct Program<'a> {
    url: &'a str,
    folder: &'a Path,
}

impl Program<'_> {
    fn command(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tillsight"));
        program.current_dir(self.folder).env("TILLSIGHT_DATABASE_URL", self.url).env("TILLSIGHT_DATA_DIR", self.folder);
        program.env("TILLSIGHT_MODEL", MODEL).env("TILLSIGHT_BIND", "127.0.0.1:0").env("TILLSIGHT_LOG_FILTER", "warn");
        // No snapshots and no checks during the measurement.
        program.env("TILLSIGHT_ENGINE__SNAPSHOT_S", "0").env("TILLSIGHT_MONITORING__ENABLED", "false");
        program
    }

    fn run(&self, arguments: &[&str]) {
        let output = self.command().args(arguments).output().expect("the program");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts a server, waits until it is ready, and stops it; returns the time and the resident memory in MB.
    fn start(&self) -> (Duration, f64) {
        let start_time = Instant::now();
        let mut server = self.command().arg("serve").stdout(Stdio::piped()).spawn().expect("the program");
        let mut lines = BufReader::new(server.stdout.take().expect("its output")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("listens on http://")?;
            Some(address.to_owned())
        });
        let address = address.expect("the address of the server");
        while !is_ready(&address) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let time = start_time.elapsed();
        let memory = resident_mb(&server);
        // The server's output must be read.
        std::thread::spawn(move || lines.for_each(drop));
        stop(server);
        (time, memory)
    }
}

fn is_ready(address: &str) -> bool {
    let reply = TcpStream::connect(address).and_then(|mut stream| {
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    });
    reply.is_ok_and(|reply| reply.starts_with("HTTP/1.1 200"))
}

fn resident_mb(server: &Child) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).expect("Linux's /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: f64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number");
    kib * 1_024.0 / 1e6
}

fn stop(mut server: Child) {
    let status = Command::new("kill").arg(server.id().to_string()).status();
    assert!(status.is_ok_and(|status| status.success()));
    server.wait().expect("its end");
}

#[expect(clippy::disallowed_methods, reason = "CREATE DATABASE takes no bound parameters; the name is a UUID")]
async fn new_database(server: &str) -> String {
    let name = format!("bench_{}", Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL");
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut connection).await.expect("a database");
    let (address, _database) = server.rsplit_once('/').expect("a URL with a database");
    format!("{address}/{name}")
}

#[expect(clippy::disallowed_methods, reason = "scripts of this bench with numbers and the model's key")]
async fn fill(url: &str, rows: u32) {
    let model = Manifest::read(MODEL.as_ref()).expect("the shipped model").model_id().to_string();
    let script = if url.starts_with("sqlite:") { FILL_SQLITE } else { FILL_POSTGRES };
    let script = script.replace("{products}", &rows.div_ceil(IMAGES_PER_PRODUCT).to_string());
    let script = sqlx::AssertSqlSafe(script.replace("{images}", &rows.to_string()).replace("{model}", &model));
    let mut random = RandomVectors::new(SEED, DIM);
    let vectors = (0..RANDOM_VECTORS)
        .map(|_| random.next_vector().iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
    const INSERT: &str = "INSERT INTO made (place, vector) VALUES ($1, $2)";
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.expect("the database");
        const CREATE: &str = "PRAGMA synchronous = OFF; CREATE TABLE made (place INTEGER PRIMARY KEY, vector BLOB)";
        sqlx::raw_sql(CREATE).execute(&mut connection).await.expect("a table");
        for (place, vector) in (0_i64..).zip(vectors) {
            sqlx::query(INSERT).bind(place).bind(vector).execute(&mut connection).await.expect("a row");
        }
        sqlx::raw_sql(script).execute(&mut connection).await.expect("a catalogue");
        connection.close().await.expect("closed");
    } else {
        let mut connection = PgConnection::connect(url).await.expect("the database");
        const CREATE: &str = "CREATE TABLE made (place BIGINT PRIMARY KEY, vector BYTEA)";
        sqlx::raw_sql(CREATE).execute(&mut connection).await.expect("a table");
        for (place, vector) in (0_i64..).zip(vectors) {
            sqlx::query(INSERT).bind(place).bind(vector).execute(&mut connection).await.expect("a row");
        }
        sqlx::raw_sql(script).execute(&mut connection).await.expect("a catalogue");
        connection.close().await.expect("closed");
    }
}
