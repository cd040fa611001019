//! Watches the places that the server writes to: whether the database is still the one it opened, whether folders and files
//! are still there, and whether the disk is full.
//!
//! An open file outlives its path: after `rm tillsight.db` the server would go on taking sales into a file without a name,
//! which ends with it. Nothing here needs the database to tell of a fault.

mod fault;
mod watched_file;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::background::Signal;
use crate::db::{Database, DatabaseError, idempotency_keys, users};
use crate::domain::UserId;

pub use fault::{StorageFault, StorageFaultKind};
use watched_file::{FileChange, WatchedFile};

/// How often everything is looked at. A sale that is acknowledged between an exchange of the database and its discovery is
/// only in the rescued copy.
pub const WATCH_PERIOD: Duration = Duration::from_secs(1);
/// What the probe of the disk writes: more than fits into what a file system keeps back for itself.
const PROBE_BYTES: usize = 64 * 1024;
/// Runs of the watch between two probes of the disk.
const RUNS_PER_PROBE: u32 = 10;

/// What is watched.
#[derive(Debug, Clone)]
pub struct WatchedPaths {
    /// The file of an SQLite database.
    pub database: Option<PathBuf>,
    pub data_dir: PathBuf,
    /// The manifest of the model.
    pub model: PathBuf,
}

/// The watch over the storage; cheap to clone.
#[derive(Clone)]
pub struct StorageWatch(Arc<Inner>);

struct Inner {
    db: Database,
    data_dir: PathBuf,
    database_files: Vec<WatchedFile>,
    other_files: Vec<WatchedFile>,
    /// A user of the database that this server opened; another database does not have it.
    known_user: OnceLock<UserId>,
    faults: Mutex<BTreeMap<StorageFaultKind, String>>,
    /// Raised when faults begin or end.
    changed: Signal,
    runs: std::sync::atomic::AtomicU32,
}

impl StorageWatch {
    /// Remembers what is there now. Call it when the database is open and every folder exists.
    pub fn new(db: Database, paths: &WatchedPaths) -> Self {
        let WatchedPaths { database, data_dir, model } = paths;
        let database_files = database.iter().flat_map(|file| {
            ["", "-wal", "-shm"].map(|end| WatchedFile::new(Path::new(&format!("{}{end}", file.display())), false))
        });
        let others = [
            (data_dir.clone(), false),
            (data_dir.join("images"), false),
            (data_dir.join("token.key"), true),
            (model.clone(), true),
            (model.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned(), true),
        ];
        Self(Arc::new(Inner {
            db,
            data_dir: data_dir.clone(),
            database_files: database_files.flatten().collect(),
            other_files: others.iter().filter_map(|(path, replaceable)| WatchedFile::new(path, *replaceable)).collect(),
            known_user: OnceLock::new(),
            faults: Mutex::default(),
            changed: Signal::default(),
            runs: std::sync::atomic::AtomicU32::new(0),
        }))
    }

    /// Remembers a user, by whom another database is told from this one.
    pub async fn remember_user(&self) -> Result<(), DatabaseError> {
        if let Some(user) = users::find_any(&mut self.0.db.read().await?).await? {
            // Set once, at the start.
            let _set = self.0.known_user.set(user);
        }
        Ok(())
    }

    /// The present faults.
    pub fn faults(&self) -> Vec<StorageFault> {
        self.lock().iter().map(|(kind, text)| StorageFault { kind: *kind, text: text.clone() }).collect()
    }

    /// The fault for which changes are refused, if there is one.
    pub fn refusal(&self) -> Option<StorageFault> {
        let faults = self.lock();
        let refusing = [StorageFaultKind::DatabaseLost, StorageFaultKind::NumbersForgotten];
        refusing.into_iter().find_map(|kind| Some(StorageFault { kind, text: faults.get(&kind)?.clone() }))
    }

    /// Raised when faults begin or end.
    pub fn change_signal(&self) -> Signal {
        self.0.changed.clone()
    }

    /// A write failed because a disk is full.
    pub fn report_disk_full(&self) {
        self.set(StorageFaultKind::DiskFull, Some(DISK_FULL.to_owned()));
    }

    /// Whether the database has forgotten numbers, and a sentence about it.
    pub fn report_forgotten_numbers(&self, text: Option<String>) {
        self.set(StorageFaultKind::NumbersForgotten, text);
    }

    /// Looks at everything once. Called every [`WATCH_PERIOD`].
    ///
    /// # Errors
    /// The database does not answer, so it cannot be told whether it is the same.
    pub async fn check(&self) -> Result<(), DatabaseError> {
        let this = self.clone();
        let (database, others) = tokio::task::spawn_blocking(move || {
            (
                this.0.database_files.iter().find_map(describe_change),
                this.0.other_files.iter().find_map(describe_change),
            )
        })
        .await
        .map_err(|_| DatabaseError::Unexpected("the thread that looks at files has failed".to_owned()))?;
        let files_missing = others.map(|change| {
            format!(
                "{change}. The server works on, but the next start needs it: put it back from a back-up, and restart the \
                 server if photos cannot be uploaded"
            )
        });
        self.set(StorageFaultKind::FilesMissing, files_missing);
        self.check_disk().await;
        match database {
            Some(change) => {
                if !self.lock().contains_key(&StorageFaultKind::DatabaseLost) {
                    let rescued = self.rescue().await;
                    self.set(StorageFaultKind::DatabaseLost, Some(format!("{change}. {LOST}. {rescued}")));
                }
                Ok(())
            }
            None => self.check_identity().await,
        }
    }

    /// Whether a known user is still in the database.
    async fn check_identity(&self) -> Result<(), DatabaseError> {
        let Some(user) = self.0.known_user.get() else { return Ok(()) };
        let found = match self.0.db.read().await {
            Ok(mut reader) => users::find(&mut reader, *user).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(Some(_)) => self.set(StorageFaultKind::DatabaseLost, None),
            // Without the table it is no database of tillsight at all.
            Ok(None) | Err(DatabaseError::Unexpected(_)) => {
                let text = "another database is at the address of the one that this server opened";
                self.set(StorageFaultKind::DatabaseLost, Some(format!("{text}. {LOST}. {ANOTHER}")));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Writes what the lost file holds beside it, once. Returns a sentence about it.
    async fn rescue(&self) -> String {
        let names = (1..).map(|number| format!("rescued-{number}.db"));
        let Some(name) = names.into_iter().find(|name| !self.0.data_dir.join(name).exists()) else {
            return String::new();
        };
        let path = self.0.data_dir.join(&name);
        match self.0.db.write_sqlite_copy(&path).await {
            Ok(()) => format!(
                "Everything that it held, with the last sales, was written to {name} in the data folder. Stop the server, put that \
                 file in the place of the database (without the old -wal and -shm), and start the server again"
            ),
            Err(error) => {
                tracing::error!(%error, "what the lost database holds could not be written to the data folder");
                let id = std::process::id();
                format!(
                    "Do not stop the server yet: its open files under /proc/{id}/fd hold the last sales (the database and its \
                     -wal). Copy both, then restore from them or from a back-up"
                )
            }
        }
    }

    /// Notices a full disk, and its end.
    async fn check_disk(&self) {
        let run = self.0.runs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if !run.is_multiple_of(RUNS_PER_PROBE) {
            return;
        }
        let folder = self.0.data_dir.clone();
        let probe = tokio::task::spawn_blocking(move || is_folder_full(&folder)).await;
        if matches!(probe, Ok(true)) {
            return self.report_disk_full();
        }
        let was_full = self.lock().contains_key(&StorageFaultKind::DiskFull);
        if was_full && self.database_has_room().await {
            self.set(StorageFaultKind::DiskFull, None);
        }
    }

    /// Tries a write that is rolled back.
    async fn database_has_room(&self) -> bool {
        match self.0.db.begin().await {
            Ok(mut tx) => idempotency_keys::insert_probe(&mut tx, PROBE_BYTES).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Sets or ends a fault. Its beginning and its end are logged.
    fn set(&self, kind: StorageFaultKind, text: Option<String>) {
        let mut faults = self.lock();
        if faults.get(&kind) == text.as_ref() {
            return;
        }
        match text {
            Some(text) => {
                tracing::error!(fault = kind.as_str(), "{text}");
                faults.insert(kind, text);
            }
            None => {
                tracing::info!(fault = kind.as_str(), "a fault of the storage has ended");
                faults.remove(&kind);
            }
        }
        drop(faults);
        self.0.changed.raise();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StorageFaultKind, String>> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For messages.
const LOST: &str = "Changes would be lost, so sales are refused";
const ANOTHER: &str = "Put the right database back, or restore a back-up, and restart the server";
const DISK_FULL: &str = "A disk is full: nothing can be sold or changed. Reading and recognition work. Free some space on the \
                         disks of the data folder and of the database";

fn describe_change(file: &WatchedFile) -> Option<String> {
    // Only its name: the sentence is also an answer to clients.
    let path = file.path().file_name().unwrap_or_default().display();
    Some(match file.change()? {
        FileChange::Removed => format!("{path} was removed or moved under the running server"),
        FileChange::Replaced => format!("{path} was replaced by another under the running server"),
    })
}

/// Tries to write to the folder. Other errors than a full disk say nothing about room.
fn is_folder_full(folder: &Path) -> bool {
    let written = tempfile::tempfile_in(folder).and_then(|mut file| {
        file.write_all(&vec![0x5a; PROBE_BYTES])?;
        file.sync_all()
    });
    let full = [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded];
    written.is_err_and(|error| full.contains(&error.kind()))
}
