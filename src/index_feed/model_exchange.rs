//! Replaces the model in use. While the old model serves, both models are compared and a standby index of the new one is
//! filled. Then model and index are exchanged.

use std::sync::Arc;

use super::filling::IndexFiller;
use super::unsearchable_images::UnsearchableImages;
use super::{FollowError, IndexFeed, IndexRow};
use crate::active_model::{ActiveModel, StartedModel};
use crate::index::{IndexError, IndexOptions, VectorIndex};

/// A filled standby index of another model: it does not serve searches yet.
pub struct PreparedIndex {
    model: StartedModel,
    index: VectorIndex,
    /// Counted separately until the exchange, since the index in use may have these photos.
    unsearchable: UnsearchableImages,
}

impl IndexFeed {
    /// Fills a standby index of `model` up to the newest change. That takes long; [`IndexFeed::exchange`] applies later
    /// changes.
    pub async fn prepare_index(&self, model: StartedModel) -> Result<PreparedIndex, FollowError> {
        let unsearchable = UnsearchableImages::for_standby_index();
        let filler = IndexFiller::new(self.image_embeddings(&model.embedder), &unsearchable);
        let index = filler.open_index(&self.data_dir, self.standby_index_options()).await?.index;
        filler.apply_changes(&index, &mut None).await?;
        Ok(PreparedIndex { model, index, unsearchable })
    }

    /// Puts the new model and its standby index in use; returns the index's revision. The lock on `last_applied` keeps the
    /// follower from applying changes to the old index meanwhile, so the new one misses none.
    pub async fn exchange(&self, prepared: PreparedIndex) -> Result<i64, FollowError> {
        let PreparedIndex { model, index, unsearchable } = prepared;
        let mut last_applied = self.last_applied.lock().await;
        let filler = IndexFiller::new(self.image_embeddings(&model.embedder), &unsearchable);
        let revision = filler.apply_changes(&index, &mut last_applied).await?;
        self.active.current().index.stop_reporting();
        index.start_reporting().await;
        self.active.exchange(ActiveModel::new(model, index));
        self.unsearchable.replace_with(&unsearchable);
        Ok(revision)
    }

    /// How many of `queries` find their own product first in an index of `enrolled`.
    pub async fn count_correct_answers(
        &self,
        enrolled: Vec<IndexRow>,
        queries: &[IndexRow],
    ) -> Result<usize, FollowError> {
        let Some(dim) = enrolled.first().map(|row| row.vector.len()) else { return Ok(0) };
        let options = self.standby_index_options();
        let build = tokio::task::spawn_blocking(move || VectorIndex::build(dim, 0, enrolled, options));
        let index = build.await.map_err(|error| IndexError::Threads { reason: error.to_string() })??;
        let mut correct = 0;
        for query in queries {
            let hits = index.search(Arc::clone(&query.vector), 1).await?;
            correct += usize::from(hits.hits.first().is_some_and(|hit| hit.product == query.product));
        }
        Ok(correct)
    }

    /// Options of a standby index.
    fn standby_index_options(&self) -> IndexOptions {
        IndexOptions { standby: true, ..self.index_options }
    }
}
