//! The check before the database is opened: a data folder with traces of a shop beside a database without one.
//!
//! Such a start would make a new, empty database in silence, and the shop would seem to have lost everything.

use std::path::{Path, PathBuf};

use super::StartError;
use crate::backup::LAST_NUMBERS_FILE;
use crate::config::Settings;
use crate::db::{Database, DatabaseError, sqlite_file, users};

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
    let is_filled = |folder: &Path| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let mut traces = Vec::new();
    let images = data_dir.join("images");
    if is_filled(&images) {
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
            Ok(None) | Err(DatabaseError::Unexpected(_)) => Ok(DatabaseState::Unused),
            Err(error) => Err(error),
        }
    };
    let state = state.await;
    db.close().await;
    state
}
