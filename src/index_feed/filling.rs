//! Filling the index at start, from the database alone.
//!
//! Page by page: beside the index itself no more than two pages of embeddings are in memory, one that is being read and
//! one that is being added.

use super::FollowError;
use super::image_embeddings::{self, EmbeddingSource};
use crate::config::Engine;
use crate::db::product_images::{self, VectorRow};
use crate::db::{Database, catalog_changes};
use crate::domain::ImageId;
use crate::index::{IndexBuilder, IndexError, IndexOptions, Row, VectorIndex};

/// Rows that are read at a time: about 2 MB of vectors.
pub(crate) const PAGE: i64 = 2_000;
/// Photos that are embedded between two lines in the log.
const PROGRESS: usize = 100;

/// What the settings say about the index.
pub(crate) fn index_options(engine: &Engine) -> IndexOptions {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let search_threads = if engine.search_threads == 0 { cores } else { engine.search_threads };
    IndexOptions { search_threads, queue_limit: engine.queue, ..IndexOptions::default() }
}

impl EmbeddingSource<'_> {
    /// An index of everything on sale, at the catalog's newest change. Photos that the active model has not seen are
    /// embedded from their originals: none, unless the model is another one than last time; then it takes as long as
    /// enrolling everything again.
    pub(crate) async fn load_index(&self, options: IndexOptions) -> Result<VectorIndex, FollowError> {
        let dim = self.embedder.dim();
        let CatalogContents { revision, mut builder, unseen } = on_sale(self.db, self.model(), dim, options).await?;
        let all = unseen.len();
        let mut embedded = 0;
        for some in unseen.chunks(PROGRESS) {
            builder = added(builder, self.of(some.to_vec()).await?).await?;
            embedded += some.len();
            tracing::info!(
                model.id = self.model(),
                images.done = embedded,
                images.all = all,
                "embedding photos that this model has not seen"
            );
        }
        let index = builder.finish(revision)?;
        let embeddings = index.stats().await.rows;
        tracing::info!(index.revision = revision, index.embeddings = embeddings, "index loaded from the database");
        Ok(index)
    }
}

/// What the database has on sale.
pub(crate) struct CatalogContents {
    /// The newest change.
    pub(crate) revision: i64,
    /// Every photo on sale that has a sound embedding, in the order of their identifiers.
    pub(crate) builder: IndexBuilder,
    /// The others, without their damaged bytes.
    pub(crate) unseen: Vec<VectorRow>,
}

/// Reads what is on sale into an index under construction: one state of the database.
pub(crate) async fn on_sale(
    db: &Database,
    model: &str,
    dim: usize,
    options: IndexOptions,
) -> Result<CatalogContents, FollowError> {
    let mut reader = db.snapshot().await?;
    let revision = catalog_changes::head(&mut reader).await?;
    let (mut builder, mut unseen) = (IndexBuilder::new(dim, options), Vec::new());
    let mut page = product_images::on_sale(&mut reader, model, ImageId::NIL, PAGE).await?;
    while let Some(last) = page.last().map(|row| row.image_id) {
        let mut rows = Vec::with_capacity(page.len());
        for row in page {
            match image_embeddings::kept(&row, dim) {
                Some(vector) => rows.push(Row { image: row.image_id, product: row.product_id, vector }),
                None => unseen.push(VectorRow { vector: None, ..row }),
            }
        }
        // The next page is read while this one is being added.
        let (next, grown) = tokio::join!(product_images::on_sale(&mut reader, model, last, PAGE), added(builder, rows));
        (page, builder) = (next?, grown?);
    }
    Ok(CatalogContents { revision, builder, unseen })
}

/// The builder with `rows` added, on a thread that may block.
async fn added(mut builder: IndexBuilder, rows: Vec<Row>) -> Result<IndexBuilder, IndexError> {
    let work = move || builder.add(rows).map(|()| builder);
    tokio::task::spawn_blocking(work).await.map_err(|error| IndexError::Threads { reason: error.to_string() })?
}
