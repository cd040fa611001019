//! The disks that the server writes to: whether they can be written, how quickly they sync, how much room they have.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check::Check;
use crate::config::Settings;
use crate::db::sqlite_file;
use crate::domain::describe_io_error;
use crate::storage::{free_bytes, probe_folder};

/// A year of 1 000 receipts a day, with their evidence.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// A receipt is on the disk before it is confirmed; a till waits for it.
const SYNC_MAX: Duration = Duration::from_millis(100);

/// One check for each folder: data, SQLite's file, back-ups.
pub(super) fn check_disks(settings: &Settings) -> Vec<Check> {
    let database = sqlite_file(&settings.database_url).ok().flatten();
    let database = database.and_then(|file| file.parent().map(Path::to_owned));
    let backups = settings.data_dir.join(&settings.automation.backup_dir);
    let mut folders = vec![("disk", settings.data_dir.clone())];
    if let Some(folder) = database.filter(|folder| *folder != settings.data_dir) {
        folders.push(("database disk", folder));
    }
    if !backups.starts_with(&settings.data_dir) {
        folders.push(("back-up disk", backups));
    }
    folders.into_iter().map(|(name, folder)| check_disk(name, &folder)).collect()
}

fn check_disk(name: &'static str, folder: &Path) -> Check {
    let existing = nearest_existing(folder);
    let subject = match existing == folder {
        true => folder.display().to_string(),
        false => format!("{} (not made yet)", folder.display()),
    };
    let sync = match probe_folder(&existing) {
        Ok(sync) => sync,
        Err(error) => return refuse(name, &subject, &existing, &error),
    };
    let free = free_bytes(&existing).unwrap_or(u64::MAX);
    let room = format!("{:.1} GB are free", free as f64 / 1e9);
    let synced = format!("a megabyte is synced in {:.0} ms", sync.as_secs_f64() * 1e3);
    if free < FREE_BYTES_MIN {
        return Check::warning(name, format!("{subject}: {room}"), "Free some space before sales are refused.");
    }
    if sync > SYNC_MAX {
        let advice = "Tills wait for it with each receipt: use a disk of this machine, not of the network.";
        return Check::warning(name, format!("{subject}: {synced}"), advice);
    }
    Check::good(name, format!("{subject}: {room}, {synced}"))
}

fn refuse(name: &'static str, subject: &str, folder: &Path, error: &std::io::Error) -> Check {
    let folder = folder.display();
    let is = |kinds: &[ErrorKind]| kinds.contains(&error.kind());
    let advice = if is(&[ErrorKind::StorageFull, ErrorKind::QuotaExceeded]) {
        format!("Free some space on the disk of {folder}.")
    } else if is(&[ErrorKind::ReadOnlyFilesystem]) {
        format!("Mount the disk of {folder} for writing, or name another folder.")
    } else {
        format!("Let this user write to {folder} (chown), or name another folder.")
    };
    Check::broken(name, format!("{subject} cannot be written to: {}", describe_io_error(error)), advice)
}

/// The folder, or the nearest above it that exists.
fn nearest_existing(folder: &Path) -> PathBuf {
    let above = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty()).find(|folder| folder.is_dir());
    above.unwrap_or(Path::new(".")).to_owned()
}
