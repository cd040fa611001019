//! Back-ups: a folder with the database, the photos, the models and the token key, and a manifest of hashes and last numbers.
//!
//! Invariants: a folder with its final name is complete and verified: it is written under a temporary name, read again, and
//! renamed last. The database is copied before the photos, which are only ever added, so every photo that the copy names is
//! there. A restore changes nothing that exists, and writes the database last.

mod back_up;
mod error;
mod files;
mod last_numbers;
mod manifest;
mod postgres_programs;
mod restore;

use std::path::PathBuf;

use secrecy::SecretString;

pub use back_up::back_up;
pub use error::BackupError;
pub use last_numbers::{LAST_NUMBERS_FILE, LastNumbers, keep_fiscal_stores, read_last_numbers};
pub use manifest::{BackupManifest, read_manifest};
pub use restore::restore;

/// In a back-up, the file of an SQLite database.
const SQLITE_COPY: &str = "tillsight.db";
/// In a back-up, the archive of `pg_dump`.
const POSTGRES_ARCHIVE: &str = "tillsight.dump";
/// In a back-up, the folder of models.
const MODELS: &str = "models";
/// In a back-up and in the data folder, the folder of photos.
const IMAGES: &str = "images";
/// In a back-up and in the data folder, the key that signs access tokens.
const TOKEN_KEY: &str = "token.key";

/// Where a shop's data are.
#[derive(Debug, Clone)]
pub struct ShopData {
    pub database_url: SecretString,
    pub data_dir: PathBuf,
    /// The manifest of the configured model; the others are beside it.
    pub model: PathBuf,
}
