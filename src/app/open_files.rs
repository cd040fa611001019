//! The limit of open files, raised at the start to what the settings need. Each connection of a client is a file.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Settings;

/// Open files beside those of clients and the database: the libraries, the index, logs, photos being written.
const OTHER_FILES: u64 = 128;

/// The files that a server with these settings may have open at once.
pub fn open_files_needed(settings: &Settings) -> u64 {
    settings.limits.connections as u64 + open_files_needed_least(settings)
}

/// The same without a single client.
pub fn open_files_needed_least(settings: &Settings) -> u64 {
    2 * u64::from(settings.limits.database_connections) + OTHER_FILES
}

/// The most files that a process of this user may have open; `None` if there is no limit.
pub fn open_files_allowed() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises the limit of this process as far as it is needed and allowed. A shell usually begins with 1024.
pub fn raise_open_files(settings: &Settings) {
    let needed = open_files_needed(settings);
    let limit = getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < needed) else { return };
    let raised = limit.maximum.map_or(needed, |most| most.min(needed));
    let new = Rlimit { current: Some(raised), maximum: limit.maximum };
    let raised = match setrlimit(Resource::Nofile, new) {
        Ok(()) if raised > current => {
            tracing::info!("up to {raised} files may be open instead of {current}, as limits.connections needs it");
            raised
        }
        Ok(()) | Err(_) => current,
    };
    if raised < needed {
        tracing::warn!(
            "only {raised} files may be open, and limits.connections = {} needs {needed}: clients beyond that are refused. \
             `tillsight doctor` says how to raise the limit",
            settings.limits.connections
        );
    }
}
