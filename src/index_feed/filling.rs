//! Fills an index with all photos on sale: from its snapshot and the changes since, or from the database.
//!
//! The database is read in pages, so that besides the index at most two pages of embeddings are in memory: one that is being
//! read and one that is being added.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::image_embeddings::{ImageEmbeddings, stored_row, stored_vector};
use super::unsearchable_images::UnsearchableImages;
use super::{FollowError, SnapshotFault, snapshot_file};
use crate::db::product_images::{self, ImageEmbeddingRow};
use crate::db::{Database, catalog_changes};
use crate::domain::ImageId;
use crate::embedding::Embedding;
use crate::index::{IndexBuilder, IndexError, IndexOptions, IndexRow, VectorIndex};
use crate::telemetry::{INDEX_SNAPSHOTS_REJECTED_TOTAL, UNSEARCHABLE_IMAGES_TOTAL};

/// Rows that are read at a time: about 2 MB of vectors.
pub(super) const PAGE_SIZE: i64 = 2_000;
/// Photos that are embedded between two progress messages in the log.
const PROGRESS_INTERVAL: usize = 100;

/// Fills an index of one model, and counts the photos that it could not embed.
pub(super) struct IndexFiller<'a> {
    embeddings: ImageEmbeddings<'a>,
    unsearchable: &'a UnsearchableImages,
}

/// A filled index.
pub(super) struct OpenedIndex {
    pub(super) index: VectorIndex,
    /// The revision of the snapshot that was loaded, if any.
    pub(super) snapshot_revision: Option<i64>,
}

impl<'a> IndexFiller<'a> {
    pub(super) fn new(embeddings: ImageEmbeddings<'a>, unsearchable: &'a UnsearchableImages) -> Self {
        Self { embeddings, unsearchable }
    }

    pub(super) fn db(&self) -> &Database {
        self.embeddings.db
    }

    /// The key of the model.
    pub(super) fn model(&self) -> &str {
        self.embeddings.embedder.model_id().as_str()
    }

    fn dim(&self) -> usize {
        self.embeddings.embedder.dim()
    }

    /// An index of all photos on sale at the catalog's newest change. Loads the snapshot in `folder` if it is usable.
    pub(super) async fn open_index(&self, folder: &Path, options: IndexOptions) -> Result<OpenedIndex, FollowError> {
        let path = snapshot_file::snapshot_path(folder, self.model());
        if path.exists() {
            match self.fill_from_snapshot(path.clone(), options).await {
                Ok(opened) => return Ok(opened),
                Err(fault) => report_unused_snapshot(&path, &fault),
            }
        }
        Ok(OpenedIndex { index: self.fill_from_database(options).await?, snapshot_revision: None })
    }

    async fn fill_from_snapshot(&self, path: PathBuf, options: IndexOptions) -> Result<OpenedIndex, SnapshotFault> {
        let snapshot = snapshot_file::open_snapshot(self.db(), self.model(), self.dim(), path).await?;
        let index = tokio::task::spawn_blocking(move || snapshot.load(options)).await??;
        let snapshot_revision = index.stats().await.revision;
        let (revision, found, embedded, without_embedding) = loop {
            let revision = self.apply_changes(&index, &mut None).await?;
            let found = index.stats().await.rows;
            let mut reader = self.db().snapshot().await?;
            let head = catalog_changes::read_head(&mut reader).await?;
            let on_sale = product_images::count_on_sale(&mut reader).await?;
            // Usually 0, and counting reads every photo.
            let without_embedding = match i64::try_from(found) == Ok(on_sale) {
                true => 0,
                false => product_images::count_without_embedding(&mut reader, self.model()).await?,
            };
            // Compare at the same revision: another server may have changed the catalog in between.
            if head <= revision {
                break (revision, found, on_sale - without_embedding, without_embedding);
            }
        };
        if i64::try_from(found) != Ok(embedded) {
            return Err(SnapshotFault::Incomplete { found, embedded });
        }
        // Photos that could not be embedded before the snapshot was written do not make it unusable.
        self.unsearchable.add(u64::try_from(without_embedding).unwrap_or(0));
        tracing::info!(
            index.revision = revision,
            snapshot.revision = snapshot_revision,
            "index loaded from its snapshot and the changes since"
        );
        Ok(OpenedIndex { index, snapshot_revision: Some(snapshot_revision) })
    }

    /// Embeds photos without an embedding by the model from their originals. Usually there are none; with a new model it takes
    /// as long as enrolling everything again.
    async fn fill_from_database(&self, options: IndexOptions) -> Result<VectorIndex, FollowError> {
        let StoredCatalog { revision, mut builder, without_embedding } =
            read_stored_catalog(self.db(), self.model(), self.dim(), options).await?;
        let total = without_embedding.len();
        let mut embedded = 0;
        for chunk in without_embedding.chunks(PROGRESS_INTERVAL) {
            builder = add_rows(builder, self.index_rows(chunk.to_vec()).await?).await?;
            embedded += chunk.len();
            tracing::info!(
                model.id = self.model(),
                images.done = embedded,
                images.all = total,
                "embedding photos that this model has not seen"
            );
        }
        let index = builder.finish(revision)?;
        let embeddings = index.stats().await.rows;
        tracing::info!(index.revision = revision, index.embeddings = embeddings, "index loaded from the database");
        Ok(index)
    }

    /// The index rows of these photos, in their order. A photo that cannot be embedded is skipped, since one lost file must not
    /// stop a store; it counts as unsearchable and is retried.
    pub(super) async fn index_rows(&self, rows: Vec<ImageEmbeddingRow>) -> Result<Vec<IndexRow>, FollowError> {
        let mut index_rows = Vec::with_capacity(rows.len());
        for row in rows {
            let vector = match stored_vector(&row, self.dim()) {
                Some(vector) => Some(vector),
                None => self.embed_or_skip(&row).await?.map(Arc::from),
            };
            index_rows.extend(vector.map(|vector| IndexRow { image: row.image_id, product: row.product_id, vector }));
        }
        Ok(index_rows)
    }

    async fn embed_or_skip(&self, row: &ImageEmbeddingRow) -> Result<Option<Embedding>, FollowError> {
        let embedded = self.embeddings.embed_original(row).await?;
        let embedded = embedded.inspect_err(|failure| {
            metrics::counter!(UNSEARCHABLE_IMAGES_TOTAL).increment(1);
            tracing::error!(image.id = %row.image_id, product.id = %row.product_id, error = %failure,
                "a photo cannot be embedded, so its product is not recognised by it; it is retried");
            self.unsearchable.add(1);
        });
        Ok(embedded.ok())
    }
}

/// The photos on sale in a snapshot of the database.
pub(super) struct StoredCatalog {
    /// The newest change.
    pub(super) revision: i64,
    /// Has every photo with a valid embedding, in the order of their ids.
    pub(super) builder: IndexBuilder,
    /// The other photos.
    pub(super) without_embedding: Vec<ImageEmbeddingRow>,
}

/// Reads the photos on sale into an index builder.
pub(super) async fn read_stored_catalog(
    db: &Database,
    model: &str,
    dim: usize,
    options: IndexOptions,
) -> Result<StoredCatalog, FollowError> {
    let mut reader = db.snapshot().await?;
    let revision = catalog_changes::read_head(&mut reader).await?;
    let (mut builder, mut without_embedding) = (IndexBuilder::new(dim, options), Vec::new());
    let mut page = product_images::list_on_sale(&mut reader, model, ImageId::NIL, PAGE_SIZE).await?;
    while let Some(last) = page.last().map(|row| row.image_id) {
        let mut rows = Vec::with_capacity(page.len());
        for row in page {
            match stored_row(&row, dim) {
                Some(row) => rows.push(row),
                // Drops damaged bytes, which could fill the memory.
                None => without_embedding.push(ImageEmbeddingRow { vector: None, ..row }),
            }
        }
        // The next page is read while this one is being added.
        let next_page = product_images::list_on_sale(&mut reader, model, last, PAGE_SIZE);
        let (next_page, builder_with_rows) = tokio::join!(next_page, add_rows(builder, rows));
        (page, builder) = (next_page?, builder_with_rows?);
    }
    Ok(StoredCatalog { revision, builder, without_embedding })
}

/// Adds rows on a blocking thread.
async fn add_rows(mut builder: IndexBuilder, rows: Vec<IndexRow>) -> Result<IndexBuilder, IndexError> {
    let add = move || builder.add(rows).map(|()| builder);
    tokio::task::spawn_blocking(add).await.map_err(|error| IndexError::Threads { reason: error.to_string() })?
}

fn report_unused_snapshot(path: &Path, fault: &SnapshotFault) {
    metrics::counter!(INDEX_SNAPSHOTS_REJECTED_TOTAL, "reason" => fault.metric_label()).increment(1);
    tracing::warn!(path = %path.display(), error = %fault,
        "the index's snapshot cannot be used; the index is filled from the database");
}
