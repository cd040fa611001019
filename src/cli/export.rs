//! `tillsight export ZIP`: the products on sale with their photos, as `tillsight import` takes them, and their embeddings.
//!
//! The database is only read.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::CliError;
use super::index::open_stored_index;
use crate::catalog::CatalogExport;
use crate::config::Settings;
use crate::db::blobs::Blobs;
use crate::terminal::say;

#[derive(Debug, Args)]
pub(super) struct ExportOptions {
    /// The ZIP to write; it must not exist.
    #[arg(value_name = "ZIP")]
    target: PathBuf,
}

pub(super) async fn run(options: ExportOptions, settings: Settings) -> Result<(), CliError> {
    let (stored, db) = open_stored_index(&settings).await?;
    let blobs = Blobs::open(&settings.data_dir).map_err(|error| CliError::Task(error.to_string()))?;
    let at = |error: io::Error| CliError::File(options.target.clone(), error);
    // A file that exists is not replaced.
    let mut file = OpenOptions::new().write(true).create_new(true).open(&options.target).map_err(at)?;
    let mut export = CatalogExport::new(db.clone(), blobs, stored.model().0.to_owned());
    while let Some(chunk) = export.next_chunk().await.map_err(|error| CliError::Task(error.to_string()))? {
        file.write_all(&chunk).map_err(at)?;
    }
    File::sync_all(&file).map_err(at)?;
    db.close().await;
    let (products, photos) = export.counts();
    say!("{products} products with {photos} photos are in {}.", options.target.display());
    Ok(())
}
