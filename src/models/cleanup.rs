//! Removes embeddings and the confidence learned from them (from the database) and snapshots (from this server's folder) of
//! unused models.
//!
//! The active model is kept, the one before it for a rollback, and both models of an open switch. So are this server's model
//! and its settings' model, and models that no switch has named: another server may use them by its settings. All others are
//! cleaned up a day after their last switch ended, so that a switch which was cancelled by mistake can be repeated.
//! Embeddings are a cache: whatever is removed can be made anew from the originals.

use std::collections::HashSet;
use std::time::Duration;

use super::{ModelSwitches, SwitchError, run_blocking};
use crate::db::model_switches;
use crate::db::{catalog_changes, catalog_confidences, product_images};
use crate::domain::ImageId;
use crate::embedding::Manifest;

/// How often [`ModelSwitches::clean_up_unused_models`] is to run.
pub const CLEANUP_PERIOD: Duration = Duration::from_secs(3_600);
/// How long a model is kept after its last switch ended or changed.
const KEPT_S: i64 = 24 * 3_600;
/// Embeddings that are removed in one transaction: enrolment waits for it for some milliseconds.
const BATCH: i64 = 500;
/// Time for enrolment after each batch.
const PAUSE: Duration = Duration::from_millis(100);

impl ModelSwitches {
    /// Removes embeddings, learned confidences and snapshots of unused models.
    pub async fn clean_up_unused_models(&self) -> Result<(), SwitchError> {
        let mut cleaned_up = self.cleaned_up.lock().await;
        let unused = self.unused_models().await?;
        cleaned_up.retain(|model| unused.contains(model));
        for model in unused {
            if cleaned_up.contains(&model) {
                continue;
            }
            let (mut after, mut removed) = (ImageId::NIL, 0);
            while let Some((last, count)) = self.remove_batch(&model, after).await? {
                (after, removed) = (last, removed + count);
                tokio::time::sleep(PAUSE).await;
            }
            let mut tx = self.db.begin().await?;
            catalog_confidences::delete(&mut tx, &model).await?;
            tx.commit().await?;
            let had_snapshot = self.remove_snapshot(&model).await?;
            if removed > 0 || had_snapshot {
                tracing::info!(
                    model.id = model,
                    embeddings = removed,
                    snapshot = had_snapshot,
                    "removed embeddings and snapshot of an unused model"
                );
            }
            cleaned_up.insert(model);
        }
        Ok(())
    }

    async fn remove_snapshot(&self, model: &str) -> Result<bool, SwitchError> {
        let (index_feed, model) = (self.index_feed.clone(), model.to_owned());
        let folder = index_feed.data_dir().to_owned();
        run_blocking(move || index_feed.remove_snapshot(&model).map_err(|error| SwitchError::Folder { folder, error }))
            .await
    }

    /// Removes the next batch of embeddings, unless the model is in use again. Returns the last photo and the number of
    /// embeddings removed; `None` at the end.
    async fn remove_batch(&self, model: &str, after: ImageId) -> Result<Option<(ImageId, u64)>, SwitchError> {
        // Read before the lock is taken: if there are few embeddings, this reads most of the table.
        let next = product_images::list_ids_with_embedding(&mut self.db.read().await?, model, after, BATCH).await?;
        let Some(last) = next.last().copied() else { return Ok(None) };
        let mut tx = self.db.begin().await?;
        // A switch is activated under this lock, after a count that this batch must not make wrong.
        catalog_changes::lock(&mut tx).await?;
        let open = model_switches::find_open(&mut tx).await?;
        let active = model_switches::find_active(&mut tx).await?;
        let in_use = open.into_iter().chain(active).any(|row| row.from_model == model || row.to_model == model);
        if in_use {
            return Ok(None);
        }
        let removed = product_images::delete_embeddings(&mut tx, model, after, last).await?;
        tx.commit().await?;
        Ok(Some((last, removed)))
    }

    async fn unused_models(&self) -> Result<Vec<String>, SwitchError> {
        let since = self.clock.now().plus_seconds(-KEPT_S);
        let mut reader = self.db.read().await?;
        let mut models = model_switches::list_models_unused_since(&mut reader, since).await?;
        let active = model_switches::find_active(&mut reader).await?;
        drop(reader);
        if models.is_empty() {
            return Ok(models);
        }
        let folder = self.folder.clone();
        let configured =
            run_blocking(move || Ok(Manifest::read(&folder.configured_manifest()).map(|manifest| manifest.model_id())));
        let mut kept: HashSet<String> = HashSet::new();
        kept.insert(self.active.current().embedder.model_id().to_string());
        // No server could be started from a manifest that cannot be read now.
        kept.extend(configured.await?.map(|id| id.to_string()));
        kept.extend(active.into_iter().flat_map(|row| [row.from_model, row.to_model]));
        models.retain(|model| !kept.contains(model));
        Ok(models)
    }
}
