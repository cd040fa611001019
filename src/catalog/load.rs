//! Filling the index at start, from the database alone.

use super::FollowError;
use super::vectors::Vectors;
use crate::config::Engine;
use crate::domain::ImageId;
use crate::index::{IndexError, IndexOptions, Row, VectorIndex};
use crate::store::catalog_changes;
use crate::store::product_images::{self, VectorRow};

/// Rows that are read at a time: about 2 MB of vectors.
const PAGE: i64 = 2_000;
/// Photos that are embedded between two lines in the log.
const PROGRESS: usize = 100;

/// What the settings say about the index.
pub(super) fn index_options(engine: &Engine) -> IndexOptions {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let search_threads = if engine.search_threads == 0 { cores } else { engine.search_threads };
    IndexOptions { search_threads, queue_limit: engine.queue, ..IndexOptions::default() }
}

impl Vectors<'_> {
    /// An index of everything on sale, at the catalog's newest change. Photos that the active model has not seen are
    /// embedded from their originals: none, unless the model is another one than last time; then it takes as long as
    /// enrolling everything again.
    pub(super) async fn load_index(&self, engine: &Engine) -> Result<VectorIndex, FollowError> {
        let (revision, mut rows, unseen) = self.everything_on_sale().await?;
        let mut embedded = 0;
        for some in unseen.chunks(PROGRESS) {
            rows.extend(self.of(some.to_vec()).await?);
            embedded += some.len();
            tracing::info!(
                model.id = self.model(),
                images.done = embedded,
                images.all = unseen.len(),
                "embedding photos that this model has not seen"
            );
        }
        let options = index_options(engine);
        let (dim, embeddings) = (self.embedder.dim(), rows.len());
        let built = tokio::task::spawn_blocking(move || VectorIndex::build(dim, revision, rows, options)).await;
        let index = built.map_err(|error| IndexError::Threads { reason: error.to_string() })??;
        tracing::info!(index.revision = revision, index.embeddings = embeddings, "index loaded from the database");
        Ok(index)
    }

    /// The newest change, and what is on sale after it: rows for the index, and photos that have no vector of this model.
    /// One state of the database, read page by page.
    async fn everything_on_sale(&self) -> Result<(i64, Vec<Row>, Vec<VectorRow>), FollowError> {
        let mut tx = self.store.snapshot().await?;
        let revision = catalog_changes::head(&mut tx).await?;
        let (mut rows, mut unseen) = (Vec::new(), Vec::new());
        let mut after = ImageId::NIL;
        loop {
            let page = product_images::on_sale(&mut tx, self.model(), after, PAGE).await?;
            let Some(last) = page.last().map(|row| row.image_id) else { break };
            after = last;
            for row in page {
                match self.kept(&row) {
                    Some(vector) => rows.push(Row { image: row.image_id, product: row.product_id, vector }),
                    None => unseen.push(row),
                }
            }
        }
        tx.rollback().await?;
        Ok((revision, rows, unseen))
    }
}
