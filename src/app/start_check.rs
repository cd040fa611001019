//! The checks at the start: a database without a shop beside the traces of one, a damaged file, a shop without its files.
//!
//! Without the first, a start would make a new, empty database in silence, and the shop would seem to have lost everything.

use std::path::{Path, PathBuf};

use super::StartError;
use crate::backup::{LAST_NUMBERS_FILE, keep_fiscal_stores};
use crate::config::Settings;
use crate::db::blobs::Blobs;
use crate::db::{Database, DatabaseError, number_series, product_images, sqlite_file, users};

/// What is left of a shop in its data folder.
struct Trace {
    path: PathBuf,
    /// Whether a first start that failed half-way can have left it.
    of_first_start: bool,
}

/// What the database holds.
enum DatabaseState {
    /// No file, or no tables.
    Missing,
    /// Tables, but no user: a first start ended before it was complete, or only `tillsight migrate` ran.
    Unused,
    InUse,
}

/// Refuses a start that would begin a new shop beside the traces of an old one.
///
/// # Errors
/// The database is missing or empty, but the data folder has photos, a snapshot, a key or numbers. Or it cannot be reached.
pub async fn refuse_lost_database(settings: &Settings) -> Result<(), StartError> {
    let traces = find_traces(&settings.data_dir);
    let Some(first) = traces.first() else { return Ok(()) };
    let lost = match read_state(settings).await? {
        DatabaseState::InUse => return Ok(()),
        DatabaseState::Missing => first,
        DatabaseState::Unused => match traces.iter().find(|trace| !trace.of_first_start) {
            Some(trace) => trace,
            None => return Ok(()),
        },
    };
    let database = match sqlite_file(&settings.database_url)? {
        Some(file) => format!("the database {}", file.display()),
        None => "the database that TILLSIGHT_DATABASE_URL names".to_owned(),
    };
    Err(StartError::LostDatabase { trace: lost.path.clone(), database })
}

/// Traces in the data folder, those of a first start last.
fn find_traces(data_dir: &Path) -> Vec<Trace> {
    let mut traces = Vec::new();
    let images = data_dir.join("images");
    if Blobs::holds_photos(&images) {
        traces.push(Trace { path: images, of_first_start: false });
    }
    for entry in std::fs::read_dir(data_dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == LAST_NUMBERS_FILE || (name.starts_with("index-") && name.ends_with(".snapshot")) {
            traces.push(Trace { path: entry.path(), of_first_start: false });
        }
    }
    let key = data_dir.join("token.key");
    if key.exists() {
        traces.push(Trace { path: key, of_first_start: true });
    }
    traces
}

async fn read_state(settings: &Settings) -> Result<DatabaseState, DatabaseError> {
    if let Some(file) = sqlite_file(&settings.database_url)?
        && std::fs::metadata(file).map_or(true, |metadata| metadata.len() == 0)
    {
        return Ok(DatabaseState::Missing);
    }
    let db = Database::connect_to_read(&settings.database_url, 1).await?;
    let state = async {
        if db.is_empty().await? {
            return Ok(DatabaseState::Missing);
        }
        match users::find_any(&mut db.read().await?).await {
            Ok(Some(_)) => Ok(DatabaseState::InUse),
            // A table is missing: `tillsight migrate` ended half-way. Any other error proves nothing about what is there.
            Ok(None) | Err(DatabaseError::Missing(_)) => Ok(DatabaseState::Unused),
            Err(error) => Err(error),
        }
    };
    let state = state.await;
    db.close().await;
    state
}

/// Refuses an SQLite file that is damaged, where something suggests it: a write-ahead log, which may belong to another file,
/// or a copy that a server rescued. A clean start does not pay for reading the whole file.
///
/// # Errors
/// The file is damaged, or cannot be read.
pub async fn refuse_damaged_database(settings: &Settings) -> Result<(), StartError> {
    let Some(file) = sqlite_file(&settings.database_url)? else { return Ok(()) };
    let has_content = |path: &Path| std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
    let has_log = has_content(Path::new(&format!("{}-wal", file.display())));
    let rescued = find_rescued(&settings.data_dir);
    if !has_content(&file) || !(has_log || rescued.is_some()) {
        return Ok(());
    }
    let damage = match Database::connect_to_read(&settings.database_url, 1).await {
        Ok(db) => {
            let damage = db.find_damage().await;
            db.close().await;
            damage?
        }
        Err(DatabaseError::Damaged(reason)) => Some(reason),
        Err(error) => return Err(error.into()),
    };
    match damage {
        None => Ok(()),
        Some(damage) => Err(StartError::DamagedDatabase { file, damage, rescued }),
    }
}

/// The newest copy of a lost database that a server left in the data folder.
fn find_rescued(data_dir: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(data_dir).ok()?.flatten().map(|entry| entry.path());
    let is_rescued = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("rescued-") && name.ends_with(".db")
    };
    entries.filter(is_rescued).max_by_key(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}

/// Says which files of the shop in `db` are gone. Call it before the parts of the server make new ones.
///
/// # Errors
/// The database does not answer.
pub async fn warn_of_missing_files(db: &Database, settings: &Settings) -> Result<(), StartError> {
    let mut reader = db.read().await?;
    if users::find_any(&mut reader).await?.is_none() {
        return Ok(());
    }
    let data_dir = &settings.data_dir;
    let images = data_dir.join("images");
    let photos = product_images::count_on_sale(&mut reader).await?;
    if photos > 0 && !Blobs::holds_photos(&images) {
        tracing::warn!(
            "the folder {} is missing or empty, but the database names {photos} photos: products are still recognised, but no \
             photo can be shown and no other model can be used. Put the folder back from a back-up",
            images.display()
        );
    }
    let key = data_dir.join("token.key");
    if settings.token_secret.is_none() && !key.exists() {
        tracing::warn!(
            "the key {} is gone and a new one is made, so everybody must sign in again. Put it back from a back-up to keep them \
             signed in",
            key.display()
        );
    }
    let last_numbers = data_dir.join(LAST_NUMBERS_FILE);
    let mut given = number_series::list_last_numbers(&mut reader).await?;
    keep_fiscal_stores(&mut reader, &mut given).await?;
    if given.iter().any(|given| given.number > 0) && !last_numbers.exists() {
        tracing::warn!(
            "{} is gone, so nothing tells whether the database is an older copy that would give receipt numbers again. Compare \
             with the newest printed receipt: tillsight numbering check --last-receipt STORE=NUMBER",
            last_numbers.display()
        );
    }
    Ok(())
}
