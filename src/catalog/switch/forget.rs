//! Removing what models have left behind that are no longer used: their embeddings from the database, their snapshots from
//! this server's folder.
//!
//! Kept for ever are the active model, the one that a rollback goes back to, this server's own and its settings', and both
//! models of a switch under way. Of the others only those go that a switch has named: a model that no switch knows may be
//! another server's, by its settings. And they go a day after that switch ended, so that a try which was given up by mistake
//! can be taken up again. Embeddings are a cache: whatever is removed can be made anew from the originals.

use std::collections::HashSet;
use std::time::Duration;

use super::{ModelSwitches, SwitchError};
use crate::catalog::snapshot;
use crate::domain::ImageId;
use crate::embedding::Manifest;
use crate::store::model_switches;
use crate::store::{catalog_changes, product_images};

/// How often is looked for such models.
const EVERY: Duration = Duration::from_secs(3_600);
/// How long after its last switch ended, or changed, a model is kept.
const KEPT_S: i64 = 24 * 3_600;
/// Embeddings that are removed in one transaction, which enrolment waits for: some milliseconds.
const BATCH: i64 = 500;
/// What enrolment has to itself after each.
const PAUSE: Duration = Duration::from_millis(100);

impl ModelSwitches {
    /// Removes what is no longer used, for as long as it is polled.
    pub async fn forget_unused(self) {
        let mut beat = tokio::time::interval(EVERY);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            if let Err(error) = self.forget_once().await {
                tracing::warn!(%error, "embeddings of models that are no longer used could not be removed; trying again later");
            }
        }
    }

    async fn forget_once(&self) -> Result<(), SwitchError> {
        for model in self.unused().await? {
            let (mut after, mut removed) = (ImageId::NIL, 0);
            while let Some((last, count)) = self.forget_some(&model, after).await? {
                (after, removed) = (last, removed + count);
                tokio::time::sleep(PAUSE).await;
            }
            let place = snapshot::place(&self.catalog.snapshots, &model);
            let had_snapshot = match std::fs::remove_file(&place) {
                Ok(()) => true,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
                Err(error) => return Err(SwitchError::Folder { folder: place, error }),
            };
            if removed > 0 || had_snapshot {
                tracing::info!(
                    model.id = model,
                    embeddings = removed,
                    snapshot = had_snapshot,
                    "what a model had left behind that is no longer used was removed"
                );
            }
        }
        Ok(())
    }

    /// The next batch, unless the model is in use again; nothing at the end.
    async fn forget_some(&self, model: &str, after: ImageId) -> Result<Option<(ImageId, u64)>, SwitchError> {
        let mut tx = self.catalog.store.begin().await?;
        // A switch is carried out under this lock, after a count that this batch must not make wrong.
        catalog_changes::lock(&mut tx).await?;
        let open = model_switches::open(&mut tx).await?;
        let active = model_switches::active(&mut tx).await?;
        let in_use = open.into_iter().chain(active).any(|row| row.from_model == model || row.to_model == model);
        if in_use {
            return Ok(None);
        }
        let removed = product_images::forget_vectors(&mut tx, model, after, BATCH).await?;
        tx.commit().await?;
        Ok(removed)
    }

    async fn unused(&self) -> Result<Vec<String>, SwitchError> {
        let since = self.catalog.clock.now().plus_seconds(-KEPT_S);
        let mut tx = self.catalog.store.read().await?;
        let mut models = model_switches::not_named_since(&mut tx, since).await?;
        let active = model_switches::active(&mut tx).await?;
        tx.rollback().await?;
        if models.is_empty() {
            return Ok(models);
        }
        let folder = self.folder.clone();
        let settings = self.blocking(move || Ok(Manifest::read(&folder.own_manifest()).map(|own| own.model_id())));
        let mut kept: HashSet<String> = HashSet::new();
        kept.insert(self.catalog.active.now().embedder.model_id().to_string());
        // A manifest that cannot be read now names no model that could be started from.
        kept.extend(settings.await?.map(|id| id.to_string()));
        kept.extend(active.into_iter().flat_map(|row| [row.from_model, row.to_model]));
        models.retain(|model| !kept.contains(model));
        Ok(models)
    }
}
