//! Files that appear whole or not at all: temporary name beside the place, fsync, rename, fsync of the folder.

use std::fs::{File, Permissions};
use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

/// Whether a file that is there already is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Another takes its place.
    Replace,
    /// It stays, and that it is there is an error, even where it appeared at the last moment.
    Keep,
}

/// Puts `bytes` at `path`.
///
/// # Errors
/// The folder is missing, or a file in it cannot be written; with [`Existing::Keep`], something is at `path` already.
pub fn put(path: &Path, bytes: &[u8], permissions: Permissions, existing: Existing) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut unfinished = NamedTempFile::new_in(folder)?;
    unfinished.write_all(bytes)?;
    unfinished.as_file().set_permissions(permissions)?;
    unfinished.as_file().sync_all()?;
    let persisted = match existing {
        Existing::Replace => unfinished.persist(path),
        Existing::Keep => unfinished.persist_noclobber(path),
    };
    persisted.map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}
