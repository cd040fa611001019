//! The stored index, for the command line: the embeddings in the database and the snapshots in the data folder. Needs no server
//! and runs no model.
//!
//! It only reads the database and replaces the snapshot atomically, so it is safe while servers run.

mod index_report;
mod model_in_use;
mod verification;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::filling::{StoredCatalog, read_stored_catalog};
use super::{FollowError, SnapshotFault, change_log, index_options, snapshot_file};
use crate::config::Settings;
use crate::db::{Database, DatabaseError};
use crate::embedding::{ModelError, Thresholds};
use crate::index::{IndexOptions, VectorIndex};
pub use index_report::{FileReport, IndexReport, ModelReport, SnapshotReport};
pub use verification::{Difference, Verification};

/// The stored index of one model.
#[derive(Debug, Clone)]
pub struct StoredIndex {
    db: Database,
    model: String,
    /// Where the model is named: in the settings or by a switch.
    model_origin: String,
    dim: usize,
    thresholds: Thresholds,
    options: IndexOptions,
    data_dir: PathBuf,
}

/// Why the stored index cannot be examined, or a snapshot cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum StoredIndexError {
    /// The model's manifest cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("database: {0}")]
    Database(#[from] DatabaseError),
    /// The database belongs to another program, or to an older version.
    #[error("the database has no catalog ({0}). Start the server once, or run `tillsight migrate`")]
    NoCatalog(String),
    /// The embeddings cannot be read into an index.
    #[error("the index cannot be filled from the database: {0}")]
    Unfilled(#[from] FollowError),
    #[error("there is no snapshot {}. A running server writes one in time, `tillsight index rebuild` at once", .0.display())]
    NoSnapshot(PathBuf),
    #[error("snapshot {} cannot be used: {fault}. `tillsight index rebuild` writes a new one", path.display())]
    UnusableSnapshot { path: PathBuf, fault: SnapshotFault },
    #[error("snapshot {} cannot be written: {fault}", path.display())]
    UnwrittenSnapshot { path: PathBuf, fault: SnapshotFault },
    /// Only a server, which runs the model, can compute missing embeddings.
    #[error(
        "{count} photos on sale have no valid embedding by model {model} (the first: {first}). The server computes them \
         from the originals: move the snapshot away and start the server once with this model"
    )]
    Unembedded { count: usize, model: String, first: String },
    /// The folder cannot be searched.
    #[error("{}: {error}", path.display())]
    Folder { path: PathBuf, error: std::io::Error },
}

/// A new snapshot.
#[derive(Debug, Clone, Serialize)]
pub struct RebuiltSnapshot {
    /// The key of the model.
    pub model: String,
    /// Where the model is named: in the settings or by a switch.
    pub model_origin: String,
    pub path: PathBuf,
    /// The last change in it.
    pub revision: i64,
    pub rows: u64,
}

impl StoredIndexError {
    /// The error if a table is missing that every database of this version has.
    fn from_missing_table(error: DatabaseError) -> Self {
        if let DatabaseError::Missing(reason) = error { Self::NoCatalog(reason) } else { error.into() }
    }

    /// Whether something is wrong with the index, as opposed to a failure to examine it.
    pub fn is_finding(&self) -> bool {
        match self {
            Self::UnusableSnapshot { fault, .. } => fault.is_finding(),
            Self::Unfilled(error) => error.is_finding(),
            Self::Unembedded { .. } => true,
            Self::Model(_)
            | Self::Database(_)
            | Self::NoCatalog(_)
            | Self::NoSnapshot(_)
            | Self::UnwrittenSnapshot { .. }
            | Self::Folder { .. } => false,
        }
    }

    fn from_reading(path: PathBuf, fault: SnapshotFault) -> Self {
        if let SnapshotFault::Database(error) = fault { error.into() } else { Self::UnusableSnapshot { path, fault } }
    }

    fn from_writing(path: PathBuf, fault: SnapshotFault) -> Self {
        if let SnapshotFault::Database(error) = fault { error.into() } else { Self::UnwrittenSnapshot { path, fault } }
    }
}

impl StoredIndex {
    /// The stored index of the model that servers use: the model of the last switch, or, without a switch or if that model's
    /// files are missing, the model of `manifest`, which the settings name. Does not read the model file.
    ///
    /// # Errors
    /// The database does not answer, or has no catalog; the manifest cannot be read.
    pub async fn open(db: Database, manifest: &Path, settings: &Settings) -> Result<Self, StoredIndexError> {
        change_log::newest_change(&db).await.map_err(StoredIndexError::from_missing_table)?;
        let (manifest, model_origin) = model_in_use::find_model_in_use(&db, manifest).await?;
        Ok(Self {
            db,
            model: manifest.model_id().as_str().to_owned(),
            model_origin,
            dim: manifest.output.dim,
            thresholds: manifest.thresholds,
            options: index_options(&settings.engine),
            data_dir: settings.data_dir.clone(),
        })
    }

    /// Fills an index with the photos on sale; also returns how many have no valid embedding and are missing.
    ///
    /// # Errors
    /// The database does not answer, or the index refuses a row.
    pub async fn load(&self) -> Result<(VectorIndex, usize), StoredIndexError> {
        let StoredCatalog { revision, builder, without_embedding } = self.read_catalog().await?;
        Ok((builder.finish(revision).map_err(FollowError::from)?, without_embedding.len()))
    }

    /// Writes a new snapshot of the photos on sale.
    ///
    /// # Errors
    /// The database does not answer; a photo has no valid embedding; the file cannot be written.
    pub async fn rebuild(&self) -> Result<RebuiltSnapshot, StoredIndexError> {
        let StoredCatalog { revision, builder, without_embedding } = self.read_catalog().await?;
        if let Some(first) = without_embedding.first() {
            let (count, first) = (without_embedding.len(), first.image_id.to_string());
            return Err(StoredIndexError::Unembedded { count, model: self.model.clone(), first });
        }
        let index = Arc::new(builder.finish(revision).map_err(FollowError::from)?);
        let path = self.snapshot_path();
        let header = snapshot_file::write_snapshot(&self.db, &self.model, index, path.clone()).await;
        let header = header.map_err(|fault| StoredIndexError::from_writing(path.clone(), fault))?;
        let (model, model_origin) = (self.model.clone(), self.model_origin.clone());
        Ok(RebuiltSnapshot { model, model_origin, path, revision: header.revision, rows: header.rows })
    }

    /// The key of the model, and where it is named.
    pub fn model(&self) -> (&str, &str) {
        (&self.model, &self.model_origin)
    }

    /// Score and margin of a match by the model.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    async fn read_catalog(&self) -> Result<StoredCatalog, FollowError> {
        read_stored_catalog(&self.db, &self.model, self.dim, self.options).await
    }

    fn snapshot_path(&self) -> PathBuf {
        snapshot_file::snapshot_path(&self.data_dir, &self.model)
    }
}
