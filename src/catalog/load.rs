//! Filling the index at start, from the database alone.

use super::FollowError;
use super::vectors::Vectors;
use crate::config::Engine;
use crate::domain::ImageId;
use crate::index::{IndexError, IndexOptions, Row, VectorIndex};
use crate::store::{catalog_changes, product_images};

/// Rows that are read and taken in at a time: about 2 MB of vectors.
const PAGE: i64 = 2_000;
/// Photos without an embedding that are read at a time.
const UNSEEN_PAGE: i64 = 64;
/// Photos that are embedded between two lines in the log.
const PROGRESS: usize = 100;
/// Sorts before every image.
const BEFORE_ALL: ImageId = ImageId::NIL;

impl Vectors<'_> {
    /// An index of everything on sale, at the catalog's newest change. Photos that the active model has not seen are
    /// embedded first.
    pub(super) async fn load_index(&self, engine: &Engine) -> Result<VectorIndex, FollowError> {
        self.embed_unseen().await?;
        let (revision, rows) = self.everything_on_sale().await?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let options = IndexOptions {
            search_threads: if engine.search_threads == 0 { cores } else { engine.search_threads },
            queue_limit: engine.queue,
            ..IndexOptions::default()
        };
        let (dim, embeddings) = (self.embedder.dim(), rows.len());
        let built = tokio::task::spawn_blocking(move || VectorIndex::build(dim, revision, rows, options)).await;
        let index = built.map_err(|error| IndexError::Threads { reason: error.to_string() })??;
        tracing::info!(index.revision = revision, index.embeddings = embeddings, "index loaded from the database");
        Ok(index)
    }

    /// The newest change and the vectors as they are after it: one state of the database, read page by page.
    async fn everything_on_sale(&self) -> Result<(i64, Vec<Row>), FollowError> {
        let mut tx = self.store.snapshot().await?;
        let revision = catalog_changes::head(&mut tx).await?;
        let mut rows = Vec::new();
        let mut damaged = Vec::new();
        let mut after = BEFORE_ALL;
        loop {
            let page = product_images::searchable(&mut tx, self.model(), after, PAGE).await?;
            let Some(last) = page.last().map(|row| row.image_id) else { break };
            after = last;
            for row in page {
                match self.kept(&row) {
                    Some(vector) => rows.push(Row { image: row.image_id, product: row.product_id, vector }),
                    None => damaged.push(row),
                }
            }
        }
        tx.rollback().await?;
        rows.extend(self.of(damaged).await?);
        Ok((revision, rows))
    }

    /// Embeds, from their originals, the photos that the active model has not seen. Nothing to do unless the model is
    /// another one than last time; then it takes as long as enrolling everything again.
    async fn embed_unseen(&self) -> Result<(), FollowError> {
        let mut after = BEFORE_ALL;
        let (mut done, mut reported) = (0, 0);
        loop {
            let mut tx = self.store.read().await?;
            let rows = product_images::unseen(&mut tx, self.model(), after, UNSEEN_PAGE).await?;
            tx.rollback().await?;
            let Some(last) = rows.last().map(|row| row.image_id) else { break };
            after = last;
            done += self.of(rows).await?.len();
            if done >= reported + PROGRESS {
                tracing::info!(model.id = self.model(), images = done, "embedding photos that this model has not seen");
                reported = done;
            }
        }
        if done > 0 {
            tracing::info!(model.id = self.model(), images = done, "embedded the photos that this model had not seen");
        }
        Ok(())
    }
}
