//! The index as it is kept, without a server and without running a model: what is in the database and in the folder.
//!
//! Only reads the database, and replaces the snapshot whole or not at all: safe beside running servers.

mod index_report;
mod model_in_use;
mod verification;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::filling::{self, CatalogContents};
use super::{FollowError, SnapshotFault, snapshot_file};
use crate::config::Settings;
use crate::db::{Database, DatabaseError};
use crate::embedding::ModelError;
use crate::index::{IndexOptions, VectorIndex};
pub use index_report::{FileReport, IndexReport, ModelReport, SnapshotReport};
pub use verification::{Difference, Verification};

/// The index of one model.
#[derive(Debug, Clone)]
pub struct StoredIndex {
    db: Database,
    model: String,
    /// Why it is this one.
    model_origin: String,
    dim: usize,
    options: IndexOptions,
    data_dir: PathBuf,
}

/// Why something cannot be told of the index, or done with it.
#[derive(Debug, thiserror::Error)]
pub enum StoredIndexError {
    /// The model's manifest cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] DatabaseError),
    /// The database is not one of tillsight's, or an older version's.
    #[error("the database has no catalog ({0}): start the server once, or run `tillsight migrate`")]
    NoCatalog(String),
    /// The embeddings cannot be read into an index.
    #[error("the index cannot be filled from the database: {0}")]
    Unfilled(#[from] FollowError),
    /// There is no snapshot.
    #[error("there is no snapshot {}: the server writes one while it runs, `tillsight index rebuild` now", .0.display())]
    NoSnapshot(PathBuf),
    /// The snapshot cannot be used.
    #[error("snapshot {}: {fault}; `tillsight index rebuild` writes a new one", path.display())]
    Snapshot {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        fault: SnapshotFault,
    },
    /// The snapshot cannot be written.
    #[error("snapshot {} cannot be written: {fault}", path.display())]
    Unwritten {
        /// Which one.
        path: PathBuf,
        /// Why.
        fault: SnapshotFault,
    },
    /// Photos lack embeddings, which only a running model can make.
    #[error(
        "{count} photos on sale have no sound embedding of model {model} (the first: {first}); only the server can make \
         them, from their originals: move the snapshot away and start it once with this model"
    )]
    Unembedded {
        /// How many.
        count: usize,
        /// The model.
        model: String,
        /// One of them.
        first: String,
    },
    /// The folder cannot be looked through.
    #[error("{}: {error}", path.display())]
    Folder {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// A snapshot that was written.
#[derive(Debug, Clone, Serialize)]
pub struct Rebuilt {
    /// The key of the model.
    pub model: String,
    /// Why it is this one: the settings name it, or it was switched to.
    pub model_origin: String,
    /// Where it lies.
    pub path: PathBuf,
    /// The change at which it stands.
    pub revision: i64,
    /// Its rows.
    pub rows: u64,
}

impl StoredIndexError {
    /// Why a table cannot be read that every database of this version has.
    fn of_tables(error: DatabaseError) -> Self {
        if let DatabaseError::Unexpected(reason) = error { Self::NoCatalog(reason) } else { error.into() }
    }

    /// Whether it is something that was found wrong with the index, not a reason why it could not be looked at.
    pub fn is_finding(&self) -> bool {
        match self {
            Self::Snapshot { fault, .. } => fault.is_finding(),
            Self::Unfilled(error) => error.is_finding(),
            Self::Unembedded { .. } => true,
            Self::Model(_)
            | Self::Database(_)
            | Self::NoCatalog(_)
            | Self::NoSnapshot(_)
            | Self::Unwritten { .. }
            | Self::Folder { .. } => false,
        }
    }

    /// What is wrong with the snapshot at `path`, unless it is the database that failed.
    fn of_snapshot(path: PathBuf, fault: SnapshotFault) -> Self {
        if let SnapshotFault::Database(error) = fault { Self::Database(error) } else { Self::Snapshot { path, fault } }
    }

    /// The same of one that was to be written.
    fn of_writing(path: PathBuf, fault: SnapshotFault) -> Self {
        if let SnapshotFault::Database(error) = fault { Self::Database(error) } else { Self::Unwritten { path, fault } }
    }
}

impl StoredIndex {
    /// The index of the model that servers use: the one that was switched to last, or, where none was or its manifest is
    /// gone, or the model's file, the one of `manifest`, which the settings name. Of the file only that it is there is looked at.
    ///
    /// # Errors
    /// The database does not answer, or has no catalog; the manifest cannot be read.
    pub async fn open(db: Database, manifest: &Path, settings: &Settings) -> Result<Self, StoredIndexError> {
        snapshot_file::newest_change(&db).await.map_err(StoredIndexError::of_tables)?;
        let (manifest, model_origin) = model_in_use::in_use(&db, manifest).await?;
        Ok(Self {
            db,
            model: manifest.model_id().as_str().to_owned(),
            model_origin,
            dim: manifest.output.dim,
            options: filling::index_options(&settings.engine),
            data_dir: settings.data_dir.clone(),
        })
    }

    /// An index of what the database has on sale, and how many photos were left out for want of a sound embedding.
    ///
    /// # Errors
    /// The database does not answer, or the index refuses what it has.
    pub async fn load(&self) -> Result<(VectorIndex, usize), StoredIndexError> {
        let CatalogContents { revision, builder, unseen } = self.on_sale().await?;
        Ok((builder.finish(revision).map_err(FollowError::from)?, unseen.len()))
    }

    /// Writes a new snapshot of what the database has on sale.
    ///
    /// # Errors
    /// The database does not answer; a photo has no sound embedding; the file cannot be written.
    pub async fn rebuild(&self) -> Result<Rebuilt, StoredIndexError> {
        let CatalogContents { revision, builder, unseen } = self.on_sale().await?;
        if let Some(first) = unseen.first() {
            let (count, first) = (unseen.len(), first.image_id.to_string());
            return Err(StoredIndexError::Unembedded { count, model: self.model.clone(), first });
        }
        let index = Arc::new(builder.finish(revision).map_err(FollowError::from)?);
        let path = self.place();
        let head = snapshot_file::write(&self.db, &self.model, index, path.clone()).await;
        let head = head.map_err(|fault| StoredIndexError::of_writing(path.clone(), fault))?;
        let (model, model_origin) = (self.model.clone(), self.model_origin.clone());
        Ok(Rebuilt { model, model_origin, path, revision: head.revision, rows: head.rows })
    }

    /// The key of the model, and why it is this one.
    pub fn model(&self) -> (&str, &str) {
        (&self.model, &self.model_origin)
    }

    async fn on_sale(&self) -> Result<CatalogContents, FollowError> {
        filling::on_sale(&self.db, &self.model, self.dim, self.options).await
    }

    fn place(&self) -> PathBuf {
        snapshot_file::place(&self.data_dir, &self.model)
    }
}
