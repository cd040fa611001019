//! `tillsight backup` and `tillsight restore`.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::app;
use crate::backup::{self, BackupManifest, ShopData};
use crate::clock::Clock;
use crate::config::Settings;
use crate::terminal::say;

#[derive(Debug, Args)]
pub(super) struct BackupOptions {
    /// A folder that does not exist or is empty.
    folder: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RestoreOptions {
    /// The folder of a back-up.
    folder: PathBuf,
}

pub(super) async fn back_up(options: BackupOptions, settings: Settings) -> Result<(), CliError> {
    let manifest =
        backup::back_up(&shop_data(settings), &Clock::system(), &options.folder).await.map_err(CliError::Backup)?;
    say!("The back-up in {} is complete and verified.", options.folder.display());
    print_manifest(&manifest);
    match manifest.missing_photos.len() {
        0 => Ok(()),
        count => Err(CliError::MissingPhotos { folder: options.folder, count }),
    }
}

pub(super) async fn restore(options: RestoreOptions, settings: Settings) -> Result<(), CliError> {
    let manifest = backup::restore(&shop_data(settings), &options.folder).await.map_err(CliError::Restore)?;
    say!("The back-up in {} is restored.", options.folder.display());
    print_manifest(&manifest);
    say!("Receipts that were given after it are missing, and their numbers would be given again. Before you open the");
    say!("shop, compare with the newest printed receipt: tillsight numbering check --last-receipt STORE=NUMBER");
    Ok(())
}

fn print_manifest(manifest: &BackupManifest) {
    let BackupManifest { created_at, database, .. } = manifest;
    let (files, photos, bytes) = (manifest.files.len(), manifest.photos(), manifest.total_bytes());
    say!("  made at {created_at}, database {database}, {files} files with {photos} photos, {bytes} bytes");
    for photo in &manifest.missing_photos {
        say!("  photo {photo} is missing, but the database names it");
    }
    for given in manifest.last_numbers.iter() {
        say!("  store \"{}\": last {} is {}", given.store, given.series, given.number);
    }
}

fn shop_data(settings: Settings) -> ShopData {
    let model = app::manifest_path(&settings);
    ShopData { database_url: settings.database_url, data_dir: settings.data_dir, model }
}
