//! The manifest of a back-up: its files with sizes and SHA-256 hashes, and the last number of every series.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::BackupError;
use crate::atomic_file;
use crate::domain::{GivenNumbers, Timestamp};

/// In a back-up. Written last.
pub(super) const FILE_NAME: &str = "manifest.json";
/// Raised when an older program could not restore a newer back-up.
const FORMAT: u32 = 1;
/// Far more than the lines of a million photos.
const BYTES_MAX: u64 = 1 << 30;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupManifest {
    pub(super) format: u32,
    /// The version of the program that wrote it.
    pub tillsight: String,
    pub created_at: Timestamp,
    /// `sqlite` or `postgres`.
    pub database: String,
    /// The last number of every series in the copy of the database.
    pub last_numbers: GivenNumbers,
    pub files: Vec<BackedUpFile>,
    /// Photos that the database names and that were missing in the data folder, as paths of a back-up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_photos: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpFile {
    /// Relative to the back-up, with `/`.
    pub path: String,
    pub bytes: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

impl BackupManifest {
    pub(super) fn new(
        created_at: Timestamp,
        database: &str,
        last_numbers: GivenNumbers,
        files: Vec<BackedUpFile>,
        missing_photos: Vec<String>,
    ) -> Self {
        let tillsight = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            format: FORMAT,
            tillsight,
            created_at,
            database: database.to_owned(),
            last_numbers,
            files,
            missing_photos,
        }
    }

    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// How many photos the back-up has.
    pub fn photos(&self) -> usize {
        self.files.iter().filter(|file| file.path.starts_with("images/")).count()
    }
}

/// Reads the manifest of the back-up in `folder`. Every path in it stays within the back-up.
pub fn read_manifest(folder: &Path) -> Result<BackupManifest, BackupError> {
    let path = folder.join(FILE_NAME);
    let bytes = atomic_file::read_limited(&path, BYTES_MAX).map_err(BackupError::at(&path))?;
    let manifest: BackupManifest = serde_json::from_slice(&bytes).map_err(|error| {
        BackupError::Refused(format!("{} is not the manifest of a back-up: {error}", path.display()))
    })?;
    if manifest.format != FORMAT {
        let (written, version) = (manifest.format, &manifest.tillsight);
        return Err(BackupError::Refused(format!(
            "{} has format {written}, but this program reads format {FORMAT}; use tillsight {version}",
            path.display()
        )));
    }
    let is_inside = |path: &str| !path.is_empty() && path.split('/').all(|part| !["", ".", ".."].contains(&part));
    if let Some(file) = manifest.files.iter().find(|file| !is_inside(&file.path)) {
        return Err(BackupError::Refused(format!(
            "{} names the file \"{}\" outside the back-up",
            path.display(),
            file.path
        )));
    }
    Ok(manifest)
}
