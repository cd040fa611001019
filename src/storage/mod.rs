//! Watches the places that the server writes to: whether the database is still the one it opened, whether folders and files
//! are still there, and whether the disk is full.
//!
//! An open file outlives its path: after `rm tillsight.db` the server would go on taking sales into a file without a name,
//! which ends with it. Nothing here needs the database to tell of a fault. Changes are refused before anything else is done
//! about a lost database.

mod disk;
mod fault;
mod rescue;
mod watched_file;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::background::Signal;
use crate::db::{Database, DatabaseError, idempotency_keys, users};
use crate::domain::UserId;

pub use disk::{free_bytes, probe_folder};
use disk::{is_folder_full, probe_bytes};
pub use fault::{StorageFault, StorageFaultKind};
use watched_file::{FileChange, WatchedFile};

/// How often everything is looked at. A sale that is acknowledged between an exchange of the database and its discovery is
/// only in the rescued copy.
pub const WATCH_PERIOD: Duration = Duration::from_secs(1);
/// How often the whole file of an SQLite database is checked for damage: a gigabyte takes some ten seconds of reading.
pub const DAMAGE_PERIOD: Duration = Duration::from_secs(3_600);
/// Runs of the watch between two probes of the disks: 1.5 GB a day. Refused writes tell sooner.
const RUNS_PER_PROBE: u32 = 60;
/// The same while a disk is full: its end is to be noticed soon.
const RUNS_PER_PROBE_WHEN_FULL: u32 = 10;

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
    /// The file of an SQLite database.
    database: Option<PathBuf>,
    /// Folders whose disks must have room.
    written_folders: Vec<PathBuf>,
    database_files: Vec<WatchedFile>,
    other_files: Vec<WatchedFile>,
    /// A user of the database that this server opened; another database does not have it.
    known_user: OnceLock<UserId>,
    faults: Mutex<BTreeMap<StorageFaultKind, String>>,
    /// Raised when faults begin, end, or change their text.
    changed: Signal,
    /// Raised when the file of the database may have been written over.
    damage_suspected: Signal,
    /// The most bytes that the file of the database had. SQLite never makes it shorter by itself.
    database_bytes: AtomicU64,
    runs: AtomicU32,
}

/// What a look at the files found.
struct FilesSeen {
    /// What happened to a file of the database.
    lost: Option<String>,
    /// What happened to another file, or cannot be told.
    missing: Option<String>,
    database_shrank: bool,
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
        let parent_of_database = database.iter().filter_map(|file| file.parent()).map(Path::to_owned);
        let mut written_folders = vec![data_dir.clone()];
        written_folders.extend(parent_of_database.filter(|folder| folder != data_dir && folder.is_dir()));
        Self(Arc::new(Inner {
            db,
            data_dir: data_dir.clone(),
            database: database.clone(),
            written_folders,
            database_files: database_files.flatten().collect(),
            other_files: others.iter().filter_map(|(path, replaceable)| WatchedFile::new(path, *replaceable)).collect(),
            known_user: OnceLock::new(),
            faults: Mutex::default(),
            changed: Signal::default(),
            damage_suspected: Signal::default(),
            database_bytes: AtomicU64::new(0),
            runs: AtomicU32::new(0),
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
        let refusing =
            [StorageFaultKind::DatabaseLost, StorageFaultKind::DatabaseDamaged, StorageFaultKind::NumbersForgotten];
        refusing.into_iter().find_map(|kind| Some(StorageFault { kind, text: faults.get(&kind)?.clone() }))
    }

    /// Raised when faults begin, end, or change their text.
    pub fn change_signal(&self) -> Signal {
        self.0.changed.clone()
    }

    /// Raised when the file of the database may have been written over.
    pub fn damage_signal(&self) -> Signal {
        self.0.damage_suspected.clone()
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
        let seen = tokio::task::spawn_blocking(move || this.look_at_files())
            .await
            .map_err(|_| DatabaseError::Unexpected("the thread that looks at files has failed".to_owned()))?;
        let files_missing = seen.missing.map(|change| {
            format!(
                "{change}. The server works on, but the next start needs it: put it back from a back-up, and restart the \
                 server if photos cannot be uploaded"
            )
        });
        self.set(StorageFaultKind::FilesMissing, files_missing);
        if seen.database_shrank {
            self.0.damage_suspected.raise();
        }
        if let Some(change) = seen.lost {
            self.report_lost_file(&change).await;
        } else {
            self.check_identity().await?;
        }
        self.check_disk().await;
        Ok(())
    }

    fn look_at_files(&self) -> FilesSeen {
        let changes = self.0.database_files.iter().filter_map(describe_change);
        let (lost, unreadable): (Vec<_>, Vec<_>) =
            changes.partition(|(change, _)| !matches!(change, FileChange::Unreadable(_)));
        let missing = unreadable.into_iter().chain(self.0.other_files.iter().filter_map(describe_change));
        let bytes = self.0.database.as_ref().and_then(|file| Some(std::fs::metadata(file).ok()?.len()));
        let database_shrank = bytes.is_some_and(|bytes| self.0.database_bytes.swap(bytes, Ordering::Relaxed) > bytes);
        let text = |(_, text): (FileChange, String)| text;
        FilesSeen { lost: lost.into_iter().next().map(text), missing: missing.map(text).next(), database_shrank }
    }

    /// Reads the whole file of an SQLite database. Another file written over it in place is noticed by nothing else.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn check_damage(&self) -> Result<(), DatabaseError> {
        let damage = self.0.db.find_damage().await?;
        let text = damage.map(|damage| {
            format!(
                "the file of the database is damaged ({damage}): another was written over it, or the disk fails. Changes would be \
                 lost, so sales are refused. Stop the server, keep a copy of the file with its -wal, restore a back-up, and start \
                 the server again"
            )
        });
        self.set(StorageFaultKind::DatabaseDamaged, text);
        Ok(())
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
            // Without the table it is no database of tillsight at all. Other errors prove nothing.
            Ok(None) | Err(DatabaseError::Missing(_)) => {
                let text = "another database is at the address of the one that this server opened";
                self.set(StorageFaultKind::DatabaseLost, Some(format!("{text}. {LOST}. {ANOTHER}")));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Notices a full disk, and its end.
    async fn check_disk(&self) {
        let run = self.0.runs.fetch_add(1, Ordering::Relaxed);
        let was_full = self.lock().contains_key(&StorageFaultKind::DiskFull);
        if !run.is_multiple_of(if was_full { RUNS_PER_PROBE_WHEN_FULL } else { RUNS_PER_PROBE }) {
            return;
        }
        let folders = self.0.written_folders.clone();
        let probe = tokio::task::spawn_blocking(move || folders.iter().any(|folder| is_folder_full(folder))).await;
        if matches!(probe, Ok(true)) {
            return self.report_disk_full();
        }
        if was_full && self.database_has_room().await {
            self.set(StorageFaultKind::DiskFull, None);
        }
    }

    /// Tries a write and its commit: one that is rolled back may never leave the memory.
    async fn database_has_room(&self) -> bool {
        let Ok(bytes) = probe_bytes() else { return false };
        let written: Result<(), DatabaseError> = async {
            let mut tx = self.0.db.begin().await?;
            idempotency_keys::delete_probe(&mut tx).await?;
            idempotency_keys::insert_probe(&mut tx, bytes).await?;
            tx.commit().await?;
            let mut tx = self.0.db.begin().await?;
            idempotency_keys::delete_probe(&mut tx).await?;
            tx.commit().await
        }
        .await;
        written.is_ok()
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

fn describe_change(file: &WatchedFile) -> Option<(FileChange, String)> {
    let path = file.path().display();
    let change = file.change()?;
    let text = match &change {
        FileChange::Removed => format!("{path} was removed or moved under the running server"),
        FileChange::Replaced => format!("{path} was replaced by another under the running server"),
        FileChange::Unreadable(reason) => format!("{path} cannot be looked at ({reason}), so it may be gone"),
    };
    Some((change, text))
}
