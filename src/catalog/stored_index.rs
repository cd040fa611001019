//! The index as it is kept, without a server and without running a model: what is in the database and in the folder.
//!
//! Only reads the database, and replaces the snapshot whole or not at all: safe beside running servers.

mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::load::{self, OnSale};
use super::{FollowError, SnapshotFault, snapshot};
use crate::config::Settings;
use crate::embedding::Manifest;
use crate::index::{IndexOptions, Memory, SnapshotError, VectorIndex};
use crate::store::{Store, StoreError, catalog_changes, product_images};
pub use verify::{Difference, Verification};

/// The index of one model.
#[derive(Debug, Clone)]
pub struct StoredIndex {
    store: Store,
    model: String,
    dim: usize,
    options: IndexOptions,
    data_dir: PathBuf,
}

/// Why something cannot be told of the index, or done with it.
#[derive(Debug, thiserror::Error)]
pub enum StoredIndexError {
    /// The database failed.
    #[error("database: {0}")]
    Store(#[from] StoreError),
    /// The database is not one of tillsight's, or an older version's.
    #[error("the database has no catalog ({0}): start the server once, or run `tillsight migrate`")]
    NoCatalog(String),
    /// The embeddings cannot be read into an index.
    #[error("the index cannot be filled from the database: {0}")]
    Unfilled(#[from] FollowError),
    /// There is no snapshot.
    #[error("there is no snapshot {}: the server writes one while it runs, `tillsight index rebuild` now", .0.display())]
    NoSnapshot(PathBuf),
    /// The snapshot cannot be used, or not be written.
    #[error("snapshot {}: {fault}; `tillsight index rebuild` writes a new one", path.display())]
    Snapshot {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        fault: SnapshotFault,
    },
    /// Photos lack embeddings, which only a running model can make.
    #[error(
        "{count} photos on sale have no sound embedding of model {model} (the first: {first}); only the server can make \
         them: start it once with this model"
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

/// What there is.
#[derive(Debug, Clone, Serialize)]
pub struct IndexReport {
    /// The key of the settings' model.
    pub model: String,
    /// Values per vector.
    pub dim: usize,
    /// The catalog's newest change.
    pub revision: i64,
    /// Photos on sale.
    pub photos: i64,
    /// Products with such photos.
    pub products: i64,
    /// How many of those photos have an embedding, by model.
    pub models: Vec<ModelReport>,
    /// This model's snapshot, if there is one.
    pub snapshot: Option<SnapshotReport>,
    /// Files that this model's servers do not read: other models' snapshots, and unfinished ones.
    pub other_files: Vec<FileReport>,
    /// What the index takes in memory once all photos that have an embedding of this model are in it.
    pub memory: Memory,
}

/// Embeddings of one model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// Its key.
    pub model: String,
    /// Photos on sale that it has seen.
    pub embeddings: i64,
    /// Photos on sale that it has not seen.
    pub missing: i64,
}

/// A snapshot, as far as its head tells.
#[derive(Debug, Clone, Serialize)]
pub struct SnapshotReport {
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The change at which it stands, if its head can be read.
    pub revision: Option<i64>,
    /// Its rows.
    pub rows: Option<u64>,
    /// Changes since.
    pub behind: Option<i64>,
    /// Why a start would pass it over, as far as its head tells; its rows are read by `verify`.
    pub fault: Option<String>,
}

/// A file beside the snapshot.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The key of the model whose snapshot it is; none of an unfinished file.
    pub model: Option<String>,
}

/// A snapshot that was written.
#[derive(Debug, Clone, Serialize)]
pub struct Rebuilt {
    /// Where it lies.
    pub path: PathBuf,
    /// The change at which it stands.
    pub revision: i64,
    /// Its rows.
    pub rows: u64,
}

impl StoredIndex {
    /// The index of the model that `manifest` describes; the model's file is not looked at.
    ///
    /// # Errors
    /// The database does not answer, or has no catalog.
    pub async fn open(store: Store, manifest: &Manifest, settings: &Settings) -> Result<Self, StoredIndexError> {
        let checked = snapshot::newest_change(&store).await;
        checked.map_err(|error| match error {
            StoreError::Unexpected(reason) => StoredIndexError::NoCatalog(reason),
            other => StoredIndexError::Store(other),
        })?;
        Ok(Self {
            store,
            model: manifest.model_id().as_str().to_owned(),
            dim: manifest.output.dim,
            options: load::index_options(&settings.engine),
            data_dir: settings.data_dir.clone(),
        })
    }

    /// What there is.
    ///
    /// # Errors
    /// The database does not answer, or the folder cannot be read.
    pub async fn report(&self) -> Result<IndexReport, StoredIndexError> {
        let mut tx = self.store.snapshot().await?;
        let revision = catalog_changes::head(&mut tx).await?;
        let photos = product_images::count_on_sale(&mut tx).await?;
        let products = product_images::count_products_on_sale(&mut tx).await?;
        let seen = product_images::count_on_sale_by_model(&mut tx).await?;
        tx.rollback().await?;
        let of_model =
            |(model, embeddings): (String, i64)| ModelReport { model, embeddings, missing: photos - embeddings };
        let mut models: Vec<ModelReport> = seen.into_iter().map(of_model).collect();
        if models.iter().all(|known| known.model != self.model) {
            models.push(of_model((self.model.clone(), 0)));
        }
        let embeddings = models.iter().find(|known| known.model == self.model).map_or(0, |known| known.embeddings);
        let count = |count: i64| usize::try_from(count).unwrap_or_default();
        Ok(IndexReport {
            model: self.model.clone(),
            dim: self.dim,
            revision,
            photos,
            products,
            models,
            snapshot: self.snapshot_report(revision).await?,
            other_files: self.other_files()?,
            memory: Memory::expected(count(embeddings), count(products.min(embeddings)), self.dim, self.options),
        })
    }

    /// An index of what the database has on sale, and how many photos were left out for want of a sound embedding.
    ///
    /// # Errors
    /// The database does not answer, or the index refuses what it has.
    pub async fn load(&self) -> Result<(VectorIndex, usize), StoredIndexError> {
        let OnSale { revision, builder, unseen } = self.on_sale().await?;
        Ok((builder.finish(revision).map_err(FollowError::from)?, unseen.len()))
    }

    /// Writes a new snapshot of what the database has on sale.
    ///
    /// # Errors
    /// The database does not answer; a photo has no sound embedding; the file cannot be written.
    pub async fn rebuild(&self) -> Result<Rebuilt, StoredIndexError> {
        let OnSale { revision, builder, unseen } = self.on_sale().await?;
        if let Some(first) = unseen.first() {
            let (count, first) = (unseen.len(), first.image_id.to_string());
            return Err(StoredIndexError::Unembedded { count, model: self.model.clone(), first });
        }
        let index = Arc::new(builder.finish(revision).map_err(FollowError::from)?);
        let path = self.place();
        let head = snapshot::write(&self.store, &self.model, index, path.clone()).await;
        let head = head.map_err(|fault| StoredIndexError::Snapshot { path: path.clone(), fault })?;
        Ok(Rebuilt { path, revision: head.revision, rows: head.rows })
    }

    async fn on_sale(&self) -> Result<OnSale, FollowError> {
        load::on_sale(&self.store, &self.model, self.dim, self.options).await
    }

    fn place(&self) -> PathBuf {
        snapshot::place(&self.data_dir, &self.model)
    }

    async fn snapshot_report(&self, newest: i64) -> Result<Option<SnapshotReport>, StoredIndexError> {
        let path = self.place();
        let Ok(about) = std::fs::metadata(&path) else { return Ok(None) };
        let opened = snapshot::open(&self.store, &self.model, self.dim, path.clone()).await;
        let head = crate::index::Snapshot::open(&path).map(|snapshot| snapshot.head()).ok();
        let fault = match opened {
            Err(SnapshotFault::Store(error)) => return Err(error.into()),
            Err(SnapshotFault::File(SnapshotError::Io(error))) => {
                return Err(StoredIndexError::Folder { path, error });
            }
            Err(fault) => Some(fault.to_string()),
            Ok(_) => None,
        };
        Ok(Some(SnapshotReport {
            path,
            bytes: about.len(),
            revision: head.map(|head| head.revision),
            rows: head.map(|head| head.rows),
            behind: head.filter(|_| fault.is_none()).map(|head| newest.saturating_sub(head.revision)),
            fault,
        }))
    }

    fn other_files(&self) -> Result<Vec<FileReport>, StoredIndexError> {
        let unreadable = |error| StoredIndexError::Folder { path: self.data_dir.clone(), error };
        let entries = match std::fs::read_dir(&self.data_dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let own = self.place();
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let model = snapshot::model_of(&name);
            let unfinished = name.starts_with(".index-") && name.ends_with(".part");
            // One that is gone by now was somebody's unfinished file.
            if let Some(bytes) = size(&path).filter(|_| path != own && (model.is_some() || unfinished)) {
                files.push(FileReport { path, bytes, model });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}

fn size(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|about| about.len())
}
