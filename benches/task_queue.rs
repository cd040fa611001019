//! Jobs per second of the task queue, beside the same statements in a plain loop on the same database.
//!
//! A job that does nothing costs what the queue costs: taking it with a line in the log is one transaction, its end with another line a
//! second one. *queue*: workers as a server runs them, over a task of as many items. *plain*: one connection that
//! executes the statements of these two transactions, over rows prepared beforehand, without the worker, its leases, or the
//! task's lock. Databases wait for the disk at every commit, as in production. Medians over the rounds are printed.
//!
//! PostgreSQL is the one that `TILLSIGHT_TEST_POSTGRES_URL` names (an account that may create databases). Target: at least 200 jobs
//! a second on each database. `cargo bench --bench task_queue -- --help` lists the options.

use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tillsight::automation::{Automation, Job, JobFailure, JobHandler, JobOutcome, NewItem, NewTask, TaskFiles};
use tillsight::clock::Clock;
use tillsight::db::Database;
use tillsight::domain::{Caller, Stage, TaskType, TimeZone};
use uuid::Uuid;

/// Names a PostgreSQL server.
const POSTGRES: &str = "TILLSIGHT_TEST_POSTGRES_URL";
/// The statements of one job: two transactions. `$1` is the row, `$2` its task, `$3` the id of a log line.
const PLAIN: [&str; 8] = [
    "BEGIN",
    "UPDATE task_queue SET status = 'processing', locked_by = $2, locked_until = 0, started_at = 0, attempts = attempts + 1 \
     WHERE id = $1 AND status = 'waiting'",
    "INSERT INTO task_logs (id, task_id, item, queue_id, stage, level, action, message, metadata, at) \
     VALUES ($3, $2, 'plain', $1, 'publish', 'info', 'start', 'started', 'null', 0)",
    "COMMIT",
    "BEGIN",
    "UPDATE task_queue SET status = 'completed', finished_at = 0, locked_by = NULL, locked_until = NULL WHERE id = $1",
    "INSERT INTO task_logs (id, task_id, item, queue_id, stage, level, action, message, metadata, at) \
     VALUES ($3, $2, 'plain', $1, 'publish', 'info', 'complete', 'done', 'null', 0)",
    "COMMIT",
];

/// Jobs per second of the task queue, and of its statements in a plain loop.
#[derive(Debug, Parser)]
#[command(name = "task_queue")]
struct Options {
    /// Jobs of each measurement.
    #[arg(long, default_value_t = 1_000)]
    jobs: i64,
    /// Workers at the same time, one row of the table each.
    #[arg(long, value_delimiter = ',', default_value = "1,4,12")]
    workers: Vec<usize>,
    /// Rounds; medians over them are printed.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// What cargo adds to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Finds the items and then does nothing.
struct Nothing;

impl JobHandler for Nothing {
    fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<JobOutcome, JobFailure>> {
        let outcome = if job.row.stage == Stage::Schedule {
            let count = job.task.settings["jobs"].as_i64().unwrap_or(0);
            let item = |position: i64| NewItem { name: format!("item {position}"), position, data: Value::Null };
            JobOutcome::Items { message: String::new(), items: (0..count).map(item).collect() }
        } else {
            JobOutcome::Completed { message: "done".to_owned(), metadata: Value::Null }
        };
        std::future::ready(Ok(outcome)).boxed()
    }
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("{} jobs, median of {} rounds, jobs per second", options.jobs, options.rounds);
    println!("{:10} {:>8} {:>8} {:>8}", "database", "workers", "queue", "plain");
    measure("SQLite", &format!("sqlite://{}", folder.path().join("bench.db").display()), &options).await;
    match std::env::var(POSTGRES) {
        Ok(server) => measure("PostgreSQL", &create_database(&server).await, &options).await,
        Err(_) => println!("PostgreSQL: not measured, {POSTGRES} is not set"),
    }
}

async fn measure(name: &str, url: &str, options: &Options) {
    let db = Database::connect(&SecretString::from(url), 32).await.expect("the database opens");
    db.migrate().await.expect("the database is migrated");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let automation = Automation::new(db, Clock::system(), TaskFiles::new(folder.path()), TimeZone::utc());
    for workers in &options.workers {
        let (mut queue, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            queue.push(run_queue(&automation, options.jobs, *workers).await);
            plain.push(run_plain(url, &automation, options.jobs).await);
        }
        println!("{name:10} {workers:>8} {:>8.0} {:>8.0}", median(queue), median(plain));
    }
}

/// A task whose items wait, with one worker that found them.
async fn prepare(automation: &Automation, jobs: i64) {
    let id = automation.new_task_id();
    let task = NewTask { id, kind: TaskType::Import, title: "bench".to_owned(), settings: json!({"jobs": jobs}) };
    automation.create_task(&Caller::command_line(), task).await.expect("a task");
    automation.work_once(&Nothing).await.expect("the items are found");
}

async fn run_queue(automation: &Automation, jobs: i64, workers: usize) -> f64 {
    prepare(automation, jobs).await;
    let started = Instant::now();
    let handler = Arc::new(Nothing);
    let running: Vec<_> = (0..workers)
        .map(|_| {
            let (automation, handler) = (automation.clone(), Arc::clone(&handler));
            tokio::spawn(async move { automation.work_until_idle(&*handler).await })
        })
        .collect();
    let mut done = 0;
    for worker in running {
        done += worker.await.expect("a worker").expect("the database answers");
    }
    assert_eq!(i64::try_from(done), Ok(jobs), "every job was done once");
    jobs as f64 / started.elapsed().as_secs_f64()
}

async fn run_plain(url: &str, automation: &Automation, jobs: i64) -> f64 {
    prepare(automation, jobs).await;
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.expect("a connection");
        sqlx::query("PRAGMA synchronous = FULL").execute(&mut connection).await.expect("a setting");
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as("SELECT id, task_id FROM task_queue WHERE status = 'waiting'")
            .fetch_all(&mut connection)
            .await
            .expect("rows");
        let started = Instant::now();
        for (row, task) in &rows {
            for statement in PLAIN {
                let query = sqlx::query(statement).bind(row).bind(task).bind(Uuid::new_v4());
                query.execute(&mut connection).await.expect("a statement");
            }
        }
        rows.len() as f64 / started.elapsed().as_secs_f64()
    } else {
        let mut connection = PgConnection::connect(url).await.expect("a connection");
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as("SELECT id, task_id FROM task_queue WHERE status = 'waiting'")
            .fetch_all(&mut connection)
            .await
            .expect("rows");
        let started = Instant::now();
        for (row, task) in &rows {
            for statement in PLAIN {
                // PostgreSQL wants as many values as the statement has.
                let mut query = sqlx::query(statement);
                for (number, value) in [("$1", *row), ("$2", *task), ("$3", Uuid::new_v4())] {
                    if statement.contains(number) {
                        query = query.bind(value);
                    }
                }
                query.execute(&mut connection).await.expect("a statement");
            }
        }
        rows.len() as f64 / started.elapsed().as_secs_f64()
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::disallowed_methods, reason = "CREATE DATABASE takes no bound parameters; the name is a UUID")]
async fn create_database(server: &str) -> String {
    let name = format!("bench_{}", Uuid::new_v4().simple());
    let mut connection = PgConnection::connect(server).await.expect("PostgreSQL answers");
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut connection).await.expect("the account may create databases");
    let (address, _database) = server.rsplit_once('/').expect("the URL names a database");
    format!("{address}/{name}")
}
