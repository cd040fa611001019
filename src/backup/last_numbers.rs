//! The last numbers of every series, kept in the data folder beside the database.
//!
//! Whoever puts an older copy of the database in place gets a shop that has forgotten its last receipts and would number
//! them again. This file has not forgotten them: the start compares it with the counters, and so does `numbering check`.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::BackupError;
use crate::atomic_file::{self, IfExists};
use crate::db::stores::{self, StoreNameRow};
use crate::db::{Database, DatabaseError, Reader, number_checks, number_series};
use crate::domain::{GivenNumber, GivenNumbers, Series};

/// In the data folder.
pub const LAST_NUMBERS_FILE: &str = "last-numbers.json";
/// Far more than the lines of ten thousand stores.
const BYTES_MAX: u64 = 16 << 20;

/// The numbers in the file of `data_dir`; none without a file.
pub fn read_last_numbers(data_dir: &Path) -> Result<GivenNumbers, BackupError> {
    let path = data_dir.join(LAST_NUMBERS_FILE);
    let bytes = match atomic_file::read_limited(&path, BYTES_MAX) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(GivenNumbers::default()),
        bytes => bytes.map_err(BackupError::at(&path))?,
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        BackupError::Refused(format!(
            "{} cannot be read: {error}. It holds the last numbers of every series; if it is damaged, run `tillsight \
             numbering check --last-receipt STORE=NUMBER` with the newest printed receipt and remove the file",
            path.display()
        ))
    })
}

/// Raises the numbers in the file of `data_dir` to `numbers`.
pub(super) fn merge_into_file(data_dir: &Path, numbers: &GivenNumbers) -> Result<(), BackupError> {
    let known = read_last_numbers(data_dir)?;
    let mut merged = known.clone();
    merged.merge(numbers.clone());
    if merged == known {
        return Ok(());
    }
    write_file(data_dir, &merged)
}

fn write_file(data_dir: &Path, numbers: &GivenNumbers) -> Result<(), BackupError> {
    let path = data_dir.join(LAST_NUMBERS_FILE);
    let text = serde_json::to_vec_pretty(numbers)
        .map_err(|error| BackupError::Refused(format!("the last numbers cannot be written as JSON: {error}")))?;
    atomic_file::write(&path, &text, Permissions::from_mode(0o600), IfExists::Replace)
        .and_then(|()| give_to_owner_of(data_dir, &path))
        .map_err(BackupError::at(&path))
}

/// A back-up or a restore may run as root, and the server as another user must read and replace the file.
fn give_to_owner_of(folder: &Path, path: &Path) -> std::io::Result<()> {
    let (folder, file) = (std::fs::metadata(folder)?, std::fs::metadata(path)?);
    if (folder.uid(), folder.gid()) == (file.uid(), file.gid()) {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(folder.uid()), Some(folder.gid()))
}

/// Keeps the file of a running server up to date; cheap to clone.
#[derive(Debug, Clone)]
pub struct LastNumbers {
    db: Database,
    data_dir: PathBuf,
    /// What the file holds.
    written: Arc<Mutex<GivenNumbers>>,
}

impl LastNumbers {
    /// How often a server writes the file.
    pub const PERIOD: Duration = Duration::from_secs(10);

    /// Reads the file and compares it with the database.
    ///
    /// # Errors
    /// The database has forgotten numbers that the file knows.
    pub async fn open(db: Database, data_dir: &Path) -> Result<Self, BackupError> {
        let written = read_last_numbers(data_dir)?;
        let mut reader = db.read().await?;
        let counters = read_counters(&mut reader).await?;
        if let Some(text) = find_forgotten(&mut reader, &written, &counters, data_dir).await? {
            return Err(BackupError::Forgotten(text));
        }
        drop(reader);
        Ok(Self { db, data_dir: data_dir.to_owned(), written: Arc::new(Mutex::new(written)) })
    }

    /// The numbers in the file.
    fn current(&self) -> GivenNumbers {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The numbers in the file that must not be given again.
    pub async fn of_fiscal_stores(&self) -> Result<GivenNumbers, DatabaseError> {
        let mut numbers = self.current();
        keep_fiscal_stores(&mut self.db.read().await?, &mut numbers).await?;
        Ok(numbers)
    }

    /// Writes the file if numbers were given since.
    ///
    /// # Errors
    /// The database does not answer, the file cannot be written, or the database has forgotten numbers: it was exchanged
    /// under the running server.
    pub async fn remember(&self) -> Result<(), BackupError> {
        let written = self.current();
        let mut known = written.clone();
        let mut reader = self.db.read().await?;
        // A store that was not fiscal may have given its numbers again since.
        keep_fiscal_stores(&mut reader, &mut known).await?;
        let numbers = read_counters(&mut reader).await?;
        if let Some(text) = find_forgotten(&mut reader, &known, &numbers, &self.data_dir).await? {
            return Err(BackupError::Forgotten(text));
        }
        drop(reader);
        let mut merged = known.clone();
        merged.merge(numbers);
        if merged == written {
            return Ok(());
        }
        let (data_dir, text) = (self.data_dir.clone(), merged.clone());
        let written = tokio::task::spawn_blocking(move || write_file(&data_dir, &text)).await;
        written
            .map_err(|_| BackupError::Refused("the thread that writes the last numbers has failed".to_owned()))??;
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = merged;
        Ok(())
    }
}

/// Drops the numbers of stores that are not fiscal: theirs may be given again, by `numbering repair renumber`.
pub async fn keep_fiscal_stores(reader: &mut Reader, numbers: &mut GivenNumbers) -> Result<(), DatabaseError> {
    let stores = stores::list_names(reader).await?;
    numbers.retain(|given| stores.iter().any(|store| store.fiscal && store.id == given.store_id));
    Ok(())
}

/// The counters of fiscal stores; 0 for a series that has given no number.
async fn read_counters(reader: &mut Reader) -> Result<GivenNumbers, DatabaseError> {
    let mut counters = number_series::list_last_numbers(reader).await?;
    for StoreNameRow { id, name, .. } in stores::list_names(reader).await? {
        let none = |series| GivenNumber { store_id: id, store: name.clone(), series, number: 0 };
        counters.merge(Series::ALL.map(none));
    }
    keep_fiscal_stores(reader, &mut counters).await?;
    Ok(counters)
}

/// A series of a fiscal store whose counter is behind what is known, and with no record that would stop the number from
/// being given again. Returns a sentence about it.
async fn find_forgotten(
    reader: &mut Reader,
    known: &GivenNumbers,
    counters: &GivenNumbers,
    data_dir: &Path,
) -> Result<Option<String>, DatabaseError> {
    for given in known.iter() {
        let Some(counter) = counters.last(given.store_id, given.series).filter(|counter| *counter < given.number)
        else {
            continue;
        };
        // If somebody only set the counter back, the number is refused as a duplicate, and the checks find it.
        let state = number_checks::read_series_state(reader, given.store_id, given.series).await?;
        if state.highest.is_none_or(|highest| highest < given.number) {
            let mut text = forgotten_text(given, counter, data_dir);
            if state.highest.is_none() {
                text.push_str(&begin_text(given));
            }
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// How to go on with a series that the database knows nothing of, not even where it began.
fn begin_text(GivenNumber { store_id, series, .. }: &GivenNumber) -> String {
    format!(
        ". If the series began at another number than 1, first run `tillsight numbering begin --store {store_id} --series {series} \
         --first-number NUMBER`"
    )
}

fn forgotten_text(given: &GivenNumber, counter: i64, data_dir: &Path) -> String {
    let GivenNumber { store_id, store, series, number } = given;
    format!(
        "the database is older than the shop: store \"{store}\" has already given {series} number {number}, as {} says, but the \
         database continues after {counter} and would give the numbers between again. Restore a newer back-up. If there is \
         none, run `tillsight numbering repair void --store {store_id} --reason \"restored from a back-up\" --apply`, which \
         continues after {number}",
        data_dir.join(LAST_NUMBERS_FILE).display()
    )
}
