//! Whether a disk has room, found out by writing. Blocks the thread.
//!
//! A small or compressible write proves little: it may stay in memory, fit into what a file system keeps back, or take no
//! block at all. So a megabyte of random bytes is written and synced.

use std::io::{ErrorKind, Write};
use std::path::Path;

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
    let written = tempfile::tempfile_in(folder).and_then(|mut file| {
        file.write_all(&probe_bytes()?)?;
        file.sync_all()
    });
    written.is_err_and(|error| [ErrorKind::StorageFull, ErrorKind::QuotaExceeded].contains(&error.kind()))
}
