//! The server processes of the load: where they are now, and their untimely ends.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tempfile::TempDir;

use super::Size;
use super::tills::Load;
use crate::harness::{TestApp, TestDatabase, folder_with_shared_photos};

/// Share of the confirmations that a server rolls back.
const ROLLED_BACK: f64 = 0.2;
/// Of the kills, each so many-eth takes all servers at once, as a power cut does.
const POWER_CUT: usize = 3;
/// Longest pause between a kill and the next start, in milliseconds.
const LONGEST_OUTAGE_MS: u64 = 400;
/// How often it is looked whether the next kill is due.
const LOOK: Duration = Duration::from_millis(5);

/// Servers on one database, each with a folder of its own but for the photos.
pub struct Servers {
    database: TestDatabase,
    seed: u64,
    folders: Vec<(PathBuf, Option<TempDir>)>,
    running: Vec<Mutex<Arc<TestApp>>>,
    starts: AtomicUsize,
    kills: AtomicUsize,
}

impl Servers {
    /// Starts `count` servers.
    pub async fn start(database: &TestDatabase, count: usize, seed: u64) -> Self {
        let mut folders = vec![(database.folder().to_owned(), None)];
        for _ in 1..count {
            let folder = folder_with_shared_photos(database);
            folders.push((folder.path().to_owned(), Some(folder)));
        }
        let mut running = Vec::new();
        for (started, (folder, _)) in folders.iter().enumerate() {
            running.push(Mutex::new(Arc::new(spawn(database, folder, seed + started as u64).await)));
        }
        let (starts, kills) = (AtomicUsize::new(count), AtomicUsize::new(0));
        Self { database: database.clone(), seed, folders, running, starts, kills }
    }

    pub fn count(&self) -> usize {
        self.running.len()
    }

    /// How often servers were killed.
    pub fn kills(&self) -> usize {
        self.kills.load(Ordering::SeqCst)
    }

    /// Processes that were started in all.
    pub fn starts(&self) -> usize {
        self.starts.load(Ordering::SeqCst)
    }

    /// The server at a place, counted round. It may be dead.
    pub fn at(&self, turn: usize) -> Arc<TestApp> {
        Arc::clone(&self.running[turn % self.running.len()].lock().unwrap())
    }

    /// Kills servers while the load goes on, at seeded moments told in orders, and starts them again.
    pub async fn kill_now_and_then(&self, load: &Load, size: Size) {
        let mut random = Pcg64Mcg::seed_from_u64(size.seed);
        let stretch = size.confirms / (size.kills + 1).max(1);
        for kill in 1..=size.kills {
            let due = kill * stretch + random.random_range(0..=stretch / 2);
            while load.done() < due {
                assert!(!load.failed(), "a till has given up; its message is above");
                tokio::time::sleep(LOOK).await;
            }
            let first = random.random_range(0..self.count());
            let together = if kill.is_multiple_of(POWER_CUT) { self.count() } else { 1 };
            for place in first..first + together {
                self.at(place).kill();
            }
            self.kills.fetch_add(1, Ordering::SeqCst);
            for place in first..first + together {
                tokio::time::sleep(Duration::from_millis(random.random_range(0..=LONGEST_OUTAGE_MS))).await;
                self.start_again(place % self.count()).await;
            }
        }
    }

    async fn start_again(&self, place: usize) {
        let start = self.starts.fetch_add(1, Ordering::SeqCst) as u64;
        let server = spawn(&self.database, &self.folders[place].0, self.seed + start).await;
        *self.running[place].lock().unwrap() = Arc::new(server);
    }
}

async fn spawn(database: &TestDatabase, folder: &std::path::Path, seed: u64) -> TestApp {
    let share_and_seed = format!("{ROLLED_BACK}:{seed}");
    // Each confirmation that is stopped on purpose would be an error in the log.
    let settings = [("FAIL_CONFIRMS", share_and_seed.as_str()), ("TILLSIGHT_LOG_FILTER", "off")];
    TestApp::spawn_program_in(database.clone(), folder, &settings).await
}
