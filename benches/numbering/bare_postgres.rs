//! The bare statements of a confirmation on PostgreSQL: `pgbench` with a script made of the very texts that the service
//! runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reqwest::Url;
use secrecy::SecretString;
use tillsight::db::{confirmation_sql, seals};
use uuid::Uuid;

use super::fixture::{Batch, PRODUCTS, STORES, TAX_RATE, TOTAL, product};

/// Threads of pgbench itself: one sends for few clients, more would take the cores from the database.
const CLIENTS_PER_THREAD: usize = 32;

/// The folder of PostgreSQL's programs, as the tests find it.
fn folder() -> Option<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/find-postgres.sh");
    let output = Command::new(script).stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// The programs that this bench needs.
pub struct Programs {
    folder: PathBuf,
}

/// A database that is dropped with this.
pub struct Database {
    url: Url,
    folder: PathBuf,
}

impl Programs {
    /// Nothing where one of them is missing.
    pub fn find() -> Option<Self> {
        let folder = folder()?;
        let all = ["createdb", "dropdb", "pgbench"].iter().all(|name| folder.join(name).exists());
        all.then_some(Self { folder })
    }

    /// A new database beside the one at `url`.
    pub fn create_database(&self, url: &str) -> Database {
        let server =
            Url::parse(url).unwrap_or_else(|error| panic!("the address of PostgreSQL does not parse: {error}"));
        let name = format!("bench_{}", Uuid::new_v4().simple());
        let created = at(&self.folder, "createdb", &server).arg(&name).status();
        assert!(created.is_ok_and(|status| status.success()), "createdb failed: its message is above");
        let mut url = server;
        url.set_path(&name);
        Database { url, folder: self.folder.clone() }
    }
}

impl Database {
    pub fn url(&self) -> SecretString {
        SecretString::from(self.url.to_string())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = name_of(&self.url);
        let dropped = at(&self.folder, "dropdb", &self.url).args(["--force", &name]).status();
        if !dropped.is_ok_and(|status| status.success()) {
            eprintln!("the database {name} could not be dropped");
        }
    }
}

/// One of PostgreSQL's programs, told where the server is. The password goes through the environment, where other users
/// cannot read it.
fn at(folder: &Path, program: &str, url: &Url) -> Command {
    let mut command = Command::new(folder.join(program));
    command.env("PGHOST", url.host_str().unwrap_or("127.0.0.1")).env("PGPORT", url.port().unwrap_or(5432).to_string());
    command.env("PGUSER", url.username()).env("PGPASSWORD", url.password().unwrap_or_default());
    command
}

fn name_of(url: &Url) -> String {
    url.path().trim_start_matches('/').to_owned()
}

/// Confirms a batch with `clients` connections; gives transactions per second. `reply` is kept with each order.
pub fn run(url: &str, folder: &Path, batch: Batch, clients: usize, reply: &str) -> f64 {
    let programs = Programs::find().expect("pgbench, which was there a moment ago");
    let url = Url::parse(url).expect("the address that was made here");
    let path = folder.join("confirm.pgbench");
    std::fs::write(&path, script()).expect("a script");
    let each = batch.count / clients;
    let mut command = at(&programs.folder, "pgbench", &url);
    command.args(["--no-vacuum", "--protocol=prepared"]).arg("--file").arg(&path);
    command.arg(format!("--client={clients}")).arg(format!("--transactions={each}"));
    command.arg(format!("--jobs={}", clients.div_ceil(CLIENTS_PER_THREAD)));
    let first_store = batch.contestant.first_store();
    for (name, value) in
        [("first", batch.first), ("each", each as u64), ("first_store", first_store), ("stores", STORES)]
    {
        command.arg("-D").arg(format!("{name}={value}"));
    }
    // Before the first turn; each client counts its own.
    command.args(["-D", "turn=-1", "-D"]).arg(format!("reply={reply}"));
    let output = command.arg(name_of(&url)).output().expect("pgbench");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let done = format!("actually processed: {}/{0}", each * clients);
    assert!(output.status.success() && text.contains(&done), "pgbench: {text}{errors}");
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.unwrap_or_else(|| panic!("pgbench says no rate: {text}"))
}

/// One confirmation. Each placeholder is replaced by its value with its type; the service names the types when it prepares
/// a statement.
fn script() -> String {
    let session = uuid_of("session");
    let store = uuid_of("store");
    let (scope, key) = ("CAST('bare' AS TEXT)", "CAST('bill-' || CAST(:session AS BIGINT) AS TEXT)");
    let now = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
    let bytes = |text: &str| format!("CAST({text} AS BYTEA)");
    let seal = bytes("decode(repeat('5e', 32), 'hex')");
    let (series, text, number) =
        ("CAST('order' AS TEXT)", |t: &str| format!("CAST({t} AS TEXT)"), |n: i64| n.to_string());
    let mut lines = vec![
        r"\set turn :turn + 1".to_owned(),
        r"\set session :first + :client_id * :each + :turn".to_owned(),
        r"\set store :first_store + :session % :stores".to_owned(),
    ];
    lines.push(filled(confirmation_sql::READ_BILL, &[&session, "CAST(1 AS BIGINT)"]) + ";");
    lines.push("BEGIN;".to_owned());
    let mut run = |statement: &str, values: &[&str], end: &str| lines.push(filled(statement, values) + end);
    let confirmed = text("'confirmed'");
    let close = [&session, &confirmed, now, "CAST(0 AS BIGINT)", "CAST(1 AS BIGINT)", now];
    run(confirmation_sql::CLOSE_SESSION, &close, ";");
    run(confirmation_sql::TAKE_NUMBER, &[&store, series, &seal], r" \gset");
    let (total, version) = (number(TOTAL), number(seals::ORDER_VERSION));
    let (currency, claim, previous) = (text("'EUR'"), text("'bare ' || CAST(:session AS BIGINT)"), bytes(":last_hash"));
    let taken = "CAST(:last_number AS BIGINT)";
    // The session's identifier serves as the order's too, and the store's as its kiosk's.
    let order = [
        &session,
        &store,
        taken,
        &session,
        &store,
        &total,
        &currency,
        &claim,
        now,
        &previous,
        &seal,
        &version,
        "TRUE",
        "CAST(NULL AS TEXT)",
        "CAST('Store' AS TEXT)",
        "CAST(NULL AS TEXT)",
        "CAST(NULL AS TEXT)",
        "CAST('UTC' AS TEXT)",
    ];
    run(confirmation_sql::INSERT_ORDER, &order, ";");
    let mut items = vec![session.clone()];
    for place in 0..confirmation_sql::LINES {
        items.extend(item(place));
    }
    run(confirmation_sql::INSERT_ITEMS, &items.iter().map(String::as_str).collect::<Vec<_>>(), ";");
    run(confirmation_sql::SET_LAST_HASH, &[&store, series, &seal, now], ";");
    run(confirmation_sql::INSERT_REPLY, &[scope, key, &seal, "CAST(:reply AS JSONB)", now], ";");
    lines.push("COMMIT;\n".to_owned());
    lines.join("\n")
}

/// The values of the line at a place; NULL where the bill has none.
fn item(place: usize) -> [String; 14] {
    const TYPES: [&str; 14] = [
        "BIGINT",
        "UUID",
        "TEXT",
        "TEXT",
        "TEXT",
        "BIGINT",
        "BIGINT",
        "BIGINT",
        "DOUBLE PRECISION",
        "BIGINT",
        "TEXT",
        "BIGINT",
        "BIGINT",
        "BIGINT",
    ];
    let null = || "NULL".to_owned();
    let values = PRODUCTS.get(place).map(|(name, price)| {
        let (line, id, sku) = (place + 1, format!("'{}'", product(place)), format!("'SKU-{place}'"));
        let number = |value: i64| value.to_string();
        let (one, none, tax) = (number(1), number(0), number(8));
        let (name, unit, all) = (format!("'{name}'"), number(*price), number(*price));
        let rate = number(TAX_RATE);
        [line.to_string(), id, name, sku, null(), one, unit, all, null(), none.clone(), null(), none, rate, tax]
    });
    let values = values.unwrap_or_else(|| std::array::from_fn(|_| null()));
    std::array::from_fn(|column| format!("CAST({} AS {})", values[column], TYPES[column]))
}

/// The identifier that the number in a variable stands for, as `fixture::uuid` makes it.
fn uuid_of(variable: &str) -> String {
    format!("CAST(lpad(to_hex(CAST(:{variable} AS BIGINT)), 32, '0') AS UUID)")
}

/// The statement with `values` in place of `$1`, `$2` …
fn filled(statement: &str, values: &[&str]) -> String {
    // From the last on, as `$1` is the beginning of `$10`.
    let places = values.iter().enumerate().rev();
    places.fold(statement.to_owned(), |text, (place, value)| text.replace(&format!("${}", place + 1), value))
}
