//! The proof of the task queue: jobs of all stages are done by server processes that are killed and started again. Afterwards
//! every job's effect is there once, the stages of each item follow each other, and the log has a beginning and an end of
//! every attempt.
//!
//! PostgreSQL has three servers with four workers each, SQLite one. `QUEUE_LOAD_JOBS`, `…_KILLS` and `…_SEED` say another
//! size. Which job meets which kill depends on the seed and on how the servers happen to be scheduled.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

use crate::harness::{TestApp, TestDatabase, environment_number, on_both_databases, package_photo, say};
use crate::imports::{post_import, zip};

const TASKS: &str = "/api/automation/tasks";
/// With the default of two workers fewer jobs would be interrupted.
const SETTINGS: [(&str, &str); 1] = [("TILLSIGHT_AUTOMATION__WORKERS", "4")];
/// Rendered photos; each import photo is one of them with bytes of its own.
const PICTURES: usize = 4;
/// Of the kills, each so many-eth takes all servers at once, as a power cut does.
const POWER_CUT: usize = 4;
/// How often the progress is read.
const LOOK: Duration = Duration::from_millis(50);
/// The lease of a killed server's jobs lasts half a minute, and so may that of the next attempt.
const DEADLINE: Duration = Duration::from_secs(240);

/// How much there is to do.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Products of the import that have no photo.
    bare_products: usize,
    /// Products with one photo each.
    photos: usize,
    /// Tasks of one job: checks, clean-ups and reports.
    others: usize,
    kills: usize,
    seed: u64,
}

impl Size {
    /// The one for every day, changed by the environment.
    fn from_environment() -> Self {
        let jobs = environment_number("QUEUE_LOAD_JOBS", 2_000);
        let photos = jobs / 50;
        // The import has one job that finds the items, and three stages for each of them.
        let bare_products = (jobs - 1 - jobs / 25) / 3 - photos;
        let others = jobs - 1 - 3 * (bare_products + photos);
        let kills = environment_number("QUEUE_LOAD_KILLS", 8);
        Self { bare_products, photos, others, kills, seed: environment_number("QUEUE_LOAD_SEED", 20_261_201) as u64 }
    }

    fn products(&self) -> usize {
        self.bare_products + self.photos
    }

    fn jobs(&self) -> usize {
        1 + 3 * self.products() + self.others
    }

    /// A ZIP of a table and its photos.
    fn import_file(&self) -> Vec<u8> {
        let mut table = "name,sku,price,images\n".to_owned();
        let mut photos = Vec::new();
        for n in 0..self.products() {
            // Spread over the table, so that photos are enrolled until the end.
            let photo = (n % (self.products() / self.photos) == 0 && photos.len() < self.photos)
                .then(|| format!("images/{n}.jpg"));
            table.push_str(&format!("Product {n},SKU-{n},{},{}\n", 100 + n, photo.as_deref().unwrap_or_default()));
            photos.extend(photo.map(|path| (path, numbered_photo(n))));
        }
        assert_eq!(photos.len(), self.photos);
        let files = photos.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
        zip(&files.chain([("products.csv", table.as_bytes())]).collect::<Vec<_>>())
    }
}

/// One of a few pictures, with a comment in the file that makes its content unique.
fn numbered_photo(n: usize) -> Vec<u8> {
    let picture = package_photo(n % PICTURES, 0);
    let comment = [&b"\xFF\xFE\x00\x0A"[..], &(n as u64).to_be_bytes()].concat();
    [&picture[..2], &comment, &picture[2..]].concat()
}

/// Servers on one database and one data folder.
struct Servers {
    database: TestDatabase,
    running: Vec<TestApp>,
}

impl Servers {
    async fn start(database: TestDatabase) -> Self {
        let count = if database.kind() == "postgres" { 3 } else { 1 };
        let mut running = Vec::new();
        for _ in 0..count {
            running.push(TestApp::spawn_program(database.clone(), &SETTINGS).await);
        }
        Self { database, running }
    }

    /// Kills servers at random moments told in completed jobs, and starts them again.
    async fn kill_now_and_then(&mut self, size: Size) {
        let mut random = Pcg64Mcg::seed_from_u64(size.seed);
        let stretch = size.jobs() / (size.kills + 1);
        let began = Instant::now();
        for kill in 1..=size.kills {
            let due = kill * stretch + random.random_range(0..=stretch / 2);
            while self.completed_jobs().await < due as i64 {
                assert!(began.elapsed() < DEADLINE, "{} jobs are done", self.completed_jobs().await);
                tokio::time::sleep(LOOK).await;
            }
            let victims = if kill.is_multiple_of(POWER_CUT) { self.running.len() } else { 1 };
            let first = random.random_range(0..self.running.len());
            let places: Vec<_> = (first..first + victims).map(|place| place % self.running.len()).collect();
            places.iter().for_each(|place| self.running[*place].kill());
            for place in places {
                self.running[place] = TestApp::spawn_program(self.database.clone(), &SETTINGS).await;
            }
        }
    }

    async fn completed_jobs(&self) -> i64 {
        self.database.count("SELECT COUNT(*) FROM task_queue WHERE status = 'completed'").await
    }

    async fn wait_until_all_is_done(&self) {
        let began = Instant::now();
        while self.database.count("SELECT COUNT(*) FROM task_queue WHERE status IN ('waiting', 'processing')").await > 0
        {
            assert!(began.elapsed() < DEADLINE, "{} jobs are done", self.completed_jobs().await);
            tokio::time::sleep(LOOK).await;
        }
    }
}

async fn servers_that_are_killed_lose_and_repeat_no_job(database: TestDatabase) {
    let size = Size::from_environment();
    let mut servers = Servers::start(database.clone()).await;
    let admin = servers.running[0].login_admin().await;
    servers.running[0].create_store(&admin).await;
    let began = Instant::now();
    // Products share pictures, which is refused otherwise.
    let settings = json!({"whole_photos": true, "insist": true});
    let import = post_import(&servers.running[0], &admin, &settings, size.import_file()).await;
    import.expect(202);
    let mut reports = Vec::new();
    for n in 0..size.others {
        let kind = ["integrity", "cleanup", "report"][n % 3];
        let task = servers.running[0].post(TASKS, &admin, json!({"type": kind})).await.expect(202);
        reports.extend((kind == "report").then_some(task));
    }
    servers.kill_now_and_then(size).await;
    servers.wait_until_all_is_done().await;
    let took = began.elapsed();

    every_effect_is_there_once(&database, size, &reports).await;
    every_attempt_is_logged_in_order(&database, size).await;
    let interrupted = database.count("SELECT COUNT(*) FROM task_queue WHERE attempts > 1").await;
    say(&format!(
        "task queue ({}): {} jobs, {} servers, {} kills, {interrupted} jobs done by a second worker, {:.0} s",
        database.kind(),
        size.jobs(),
        servers.running.len(),
        size.kills,
        took.as_secs_f64(),
    ));
    // What was to happen did happen: else nothing was shown.
    assert!(interrupted > 0, "no kill has met a job");
}

async fn every_effect_is_there_once(database: &TestDatabase, size: Size, reports: &[Value]) {
    let count = async |sql| usize::try_from(database.count(sql).await).unwrap();
    const FAILED: &str = "SELECT stage || ', attempt ' || CAST(attempts AS TEXT) || ': ' || COALESCE(error, '') \
        FROM task_queue WHERE status = 'failed'";
    assert_eq!(database.texts(FAILED).await, Vec::<String>::new(), "none fails");
    assert_eq!(count("SELECT COUNT(*) FROM task_queue WHERE status = 'completed'").await, size.jobs(), "none is lost");
    assert_eq!(count("SELECT COUNT(*) FROM task_queue").await, size.jobs(), "none is there twice");
    assert_eq!(count("SELECT COUNT(*) FROM tasks WHERE status = 'completed'").await, 1 + size.others);
    assert_eq!(count("SELECT COUNT(*) FROM products WHERE active").await, size.products());
    assert_eq!(count("SELECT COUNT(*) FROM products").await, size.products());
    assert_eq!(count("SELECT COUNT(*) FROM task_products").await, size.products());
    assert_eq!(count("SELECT COUNT(*) FROM product_images").await, size.photos);
    assert_eq!(count("SELECT COUNT(DISTINCT content_hash) FROM product_images").await, size.photos);
    // Whoever did something twice would have said so twice.
    assert_eq!(count("SELECT COUNT(*) FROM audit_log WHERE action = 'product.create'").await, size.products());
    assert_eq!(count("SELECT COUNT(*) FROM audit_log WHERE action = 'product.images.add'").await, size.photos);
    for report in reports {
        let folder = database.folder().join("tasks").join(report["id"].as_str().unwrap());
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort_unstable();
        let endings: Vec<_> = files.iter().map(|path| path.extension().unwrap().to_str().unwrap()).collect();
        assert_eq!(endings, ["csv", "json"], "{folder:?}");
        let sales: Value = serde_json::from_slice(&std::fs::read(&files[1]).unwrap()).unwrap();
        assert!(sales.is_object(), "{sales}");
    }
}

async fn every_attempt_is_logged_in_order(database: &TestDatabase, size: Size) {
    let ends = "SELECT COUNT(*) FROM task_logs WHERE action = 'complete' AND queue_id IS NOT NULL";
    assert_eq!(database.count(ends).await, size.jobs() as i64, "each job ends once");
    let unlogged = "SELECT COUNT(*) FROM task_queue q WHERE q.attempts <> \
        (SELECT COUNT(*) FROM task_logs l WHERE l.queue_id = q.id AND l.action = 'start')";
    assert_eq!(database.count(unlogged).await, 0, "each beginning is logged");
    let unended = "SELECT COUNT(*) FROM task_queue q WHERE q.attempts <> \
        (SELECT COUNT(*) FROM task_logs l WHERE l.queue_id = q.id AND l.action IN ('complete', 'retry', 'fail'))";
    assert_eq!(database.count(unended).await, 0, "each attempt has an end in the log");
    let gaps = "SELECT COUNT(*) FROM (SELECT action, LAG(action) OVER (PARTITION BY queue_id ORDER BY at, id) AS earlier \
        FROM task_logs WHERE queue_id IS NOT NULL) lines \
        WHERE (action = 'start') = (COALESCE(earlier, 'end') = 'start')";
    assert_eq!(database.count(gaps).await, 0, "a beginning and an end take turns");
    let overlaps = "SELECT COUNT(*) FROM task_queue a JOIN task_queue b \
        ON a.task_id = b.task_id AND a.item = b.item AND a.id < b.id WHERE a.finished_at > b.started_at";
    assert_eq!(database.count(overlaps).await, 0, "a stage begins when the one before has ended");
    let out_of_order = "SELECT COUNT(*) FROM (SELECT stage, LAG(stage) OVER (PARTITION BY task_id, item ORDER BY id) AS earlier \
        FROM task_queue) stages WHERE NOT (\
        (earlier IS NULL AND stage IN ('schedule', 'extract', 'run')) OR (earlier = 'extract' AND stage = 'embed') \
        OR (earlier = 'embed' AND stage = 'publish'))";
    assert_eq!(database.count(out_of_order).await, 0, "stages follow each other");
}

on_both_databases!(servers_that_are_killed_lose_and_repeat_no_job);
