//! Whether a disk has room, found out by writing. Blocks the thread.
//!
//! A small or compressible write proves little: it may stay in memory, fit into what a file system keeps back, or take no
//! block at all. So a megabyte of random bytes is written and synced.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// More than a file system keeps back for itself, and more than SQLite or PostgreSQL write for a sale.
const PROBE_BYTES: usize = 1 << 20;

/// Bytes that no file system can compress.
pub(super) fn probe_bytes() -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; PROBE_BYTES];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes)
}

/// Tries to write to the folder. Other errors than a full disk say nothing about room.
pub(super) fn is_folder_full(folder: &Path) -> bool {
    probe_folder(folder).is_err_and(|error| [ErrorKind::StorageFull, ErrorKind::QuotaExceeded].contains(&error.kind()))
}

/// Writes a megabyte to a file without a name in the folder. Returns how long the disk took to sync it.
pub fn probe_folder(folder: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(&probe_bytes()?)?;
    let begun = Instant::now();
    file.sync_all()?;
    Ok(begun.elapsed())
}

/// Bytes that the disk of the folder has left for the user of this process.
pub fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
