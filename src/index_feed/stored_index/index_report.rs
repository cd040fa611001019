//! `tillsight index stats`: describes the database, the data folder and the memory of the index.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::{SnapshotFault, snapshot_file};
use super::{StoredIndex, StoredIndexError};
use crate::db::{catalog_changes, product_images};
use crate::index::{MemoryUsage, Snapshot, SnapshotError};

/// The output of `tillsight index stats`.
#[derive(Debug, Clone, Serialize)]
pub struct IndexReport {
    /// The key of the model in use.
    pub model: String,
    /// Where the model is named: in the settings or by a switch.
    pub model_origin: String,
    /// Values per vector.
    pub dim: usize,
    /// The catalog's newest change.
    pub revision: i64,
    /// Photos on sale.
    pub photos: i64,
    /// Products with photos on sale.
    pub products: i64,
    /// How many photos on sale have an embedding, by model.
    pub models: Vec<ModelReport>,
    /// This model's snapshot, if there is one.
    pub snapshot: Option<SnapshotReport>,
    /// Snapshots of other models, and unfinished ones.
    pub other_files: Vec<FileReport>,
    /// The memory of an index of all photos with an embedding by this model.
    pub memory: MemoryUsage,
}

/// Embeddings of one model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    pub model: String,
    /// Photos on sale with an embedding by this model.
    pub embeddings: i64,
    /// Photos on sale without one.
    pub missing: i64,
}

/// A snapshot by its header.
#[derive(Debug, Clone, Serialize)]
pub struct SnapshotReport {
    pub path: PathBuf,
    pub bytes: u64,
    /// The last change in it, if its header can be read.
    pub revision: Option<i64>,
    pub rows: Option<u64>,
    /// Changes since, if it is usable.
    pub behind: Option<i64>,
    /// Why a server would not use it, by its header; only `verify` reads the rows.
    pub fault: Option<String>,
}

/// Another file in the data folder.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    pub path: PathBuf,
    pub bytes: u64,
    /// The key of the snapshot's model; `None` for an unfinished file.
    pub model: Option<String>,
}

impl StoredIndex {
    /// Reads the report from the database and the data folder.
    ///
    /// # Errors
    /// The database does not answer, or the folder cannot be read.
    pub async fn report(&self) -> Result<IndexReport, StoredIndexError> {
        let mut reader = self.db.snapshot().await?;
        let revision = catalog_changes::read_head(&mut reader).await?;
        let photos = product_images::count_on_sale(&mut reader).await?;
        let products = product_images::count_products_on_sale(&mut reader).await?;
        let seen = product_images::count_on_sale_by_model(&mut reader).await?;
        // The check of the snapshot's header takes another connection.
        drop(reader);
        let of_model =
            |(model, embeddings): (String, i64)| ModelReport { model, embeddings, missing: photos - embeddings };
        let mut models: Vec<ModelReport> = seen.into_iter().map(of_model).collect();
        if models.iter().all(|report| report.model != self.model) {
            models.push(of_model((self.model.clone(), 0)));
        }
        let embeddings = models.iter().find(|report| report.model == self.model).map_or(0, |report| report.embeddings);
        let count = |count: i64| usize::try_from(count).unwrap_or_default();
        Ok(IndexReport {
            model: self.model.clone(),
            model_origin: self.model_origin.clone(),
            dim: self.dim,
            revision,
            photos,
            products,
            models,
            snapshot: self.snapshot_report(revision).await?,
            other_files: self.other_files()?,
            memory: MemoryUsage::estimate(count(embeddings), count(products.min(embeddings)), self.dim, self.options),
        })
    }

    async fn snapshot_report(&self, newest: i64) -> Result<Option<SnapshotReport>, StoredIndexError> {
        let path = self.snapshot_path();
        let Ok(metadata) = std::fs::metadata(&path) else { return Ok(None) };
        let opened = snapshot_file::open_snapshot(&self.db, &self.model, self.dim, path.clone()).await;
        let (header, fault) = match opened {
            Ok(snapshot) => (Some(snapshot.header()), None),
            Err(SnapshotFault::Database(error)) => return Err(error.into()),
            Err(SnapshotFault::File(SnapshotError::Io(error))) => {
                return Err(StoredIndexError::Folder { path, error });
            }
            Err(fault) => (Snapshot::open(&path).ok().map(|snapshot| snapshot.header()), Some(fault.to_string())),
        };
        Ok(Some(SnapshotReport {
            path,
            bytes: metadata.len(),
            revision: header.map(|header| header.revision),
            rows: header.map(|header| header.rows),
            behind: header.filter(|_| fault.is_none()).map(|header| newest.saturating_sub(header.revision)),
            fault,
        }))
    }

    fn other_files(&self) -> Result<Vec<FileReport>, StoredIndexError> {
        let unreadable = |error| StoredIndexError::Folder { path: self.data_dir.clone(), error };
        let entries = match std::fs::read_dir(&self.data_dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let own_snapshot = self.snapshot_path();
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let model = snapshot_file::model_of_file_name(&name);
            let unfinished = name.starts_with(".index-") && name.ends_with(".part");
            // A file that has disappeared was an unfinished one.
            if let Some(bytes) = file_size(&path).filter(|_| path != own_snapshot && (model.is_some() || unfinished)) {
                files.push(FileReport { path, bytes, model });
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}

fn file_size(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.len())
}
