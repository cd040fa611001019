//! Copies files with their hashes, and checks them. Blocks the thread.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::BackupError;
use super::manifest::BackedUpFile;

const CHUNK_BYTES: usize = 1 << 20;

/// Makes a folder and its missing parents, readable only by their owner.
pub(super) fn make_private_folder(folder: &Path) -> Result<(), BackupError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(BackupError::at(folder))
}

/// Copies a file to a path that does not exist, durably. Returns its line of the manifest, as `name`.
pub(super) fn copy_new(from: &Path, to: &Path, name: &str) -> Result<BackedUpFile, BackupError> {
    if let Some(folder) = to.parent() {
        make_private_folder(folder)?;
    }
    let mut source = File::open(from).map_err(BackupError::at(from))?;
    let mut target =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(BackupError::at(to))?;
    let file = hash_chunks(&mut source, from, name, |chunk| target.write_all(chunk).map_err(BackupError::at(to)))?;
    target.sync_all().map_err(BackupError::at(to))?;
    Ok(file)
}

/// The line of the manifest for a file that exists, as `name`.
pub(super) fn describe(path: &Path, name: &str) -> Result<BackedUpFile, BackupError> {
    let mut source = File::open(path).map_err(BackupError::at(path))?;
    hash_chunks(&mut source, path, name, |_| Ok(()))
}

/// Reads `source`, whose path is `path`, to its end and passes each piece on.
fn hash_chunks(
    source: &mut File,
    path: &Path,
    name: &str,
    mut pass_on: impl FnMut(&[u8]) -> Result<(), BackupError>,
) -> Result<BackedUpFile, BackupError> {
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = source.read(&mut chunk).map_err(BackupError::at(path))?;
        if count == 0 {
            return Ok(BackedUpFile { path: name.to_owned(), bytes, sha256: hex::encode(hasher.finalize()) });
        }
        hasher.update(&chunk[..count]);
        pass_on(&chunk[..count])?;
        bytes += count as u64;
    }
}

/// Reads every file of a back-up again and compares it with the manifest.
pub(super) fn verify(folder: &Path, files: &[BackedUpFile]) -> Result<(), BackupError> {
    for file in files {
        let path = folder.join(&file.path);
        if describe(&path, &file.path)? != *file {
            return Err(BackupError::Refused(format!(
                "{} is damaged: its size or SHA-256 is not the one in the manifest. Use another back-up",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Makes the names in a folder and in its folders durable.
pub(super) fn sync_folders(folder: &Path) -> Result<(), BackupError> {
    for entry in read_folder(folder)? {
        if entry.is_dir() {
            sync_folders(&entry)?;
        }
    }
    sync_folder(folder)
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), BackupError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BackupError::at(folder))
}

/// The entries of a folder, sorted; none if the folder is missing.
pub(super) fn read_folder(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(BackupError::at(folder))?,
    };
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(BackupError::at(folder))?;
    paths.sort();
    Ok(paths)
}
