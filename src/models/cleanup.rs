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
use crate::db::model_switches;
use crate::db::{catalog_changes, product_images};
use crate::domain::ImageId;
use crate::embedding::Manifest;
use crate::index_feed::snapshot_file;

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
        let mut gone = HashSet::new();
        loop {
            beat.tick().await;
            if let Err(error) = self.forget_once(&mut gone).await {
                tracing::warn!(%error, "embeddings of models that are no longer used could not be removed; trying again later");
            }
        }
    }

    /// `gone` are the models of which nothing is left. Only a switch could bring it back, and then a model is in use.
    async fn forget_once(&self, gone: &mut HashSet<String>) -> Result<(), SwitchError> {
        let unused = self.unused().await?;
        gone.retain(|model| unused.contains(model));
        for model in unused {
            if gone.contains(&model) {
                continue;
            }
            let (mut after, mut removed) = (ImageId::NIL, 0);
            while let Some((last, count)) = self.forget_some(&model, after).await? {
                (after, removed) = (last, removed + count);
                tokio::time::sleep(PAUSE).await;
            }
            let had_snapshot = self.remove_snapshot(&model).await?;
            if removed > 0 || had_snapshot {
                tracing::info!(
                    model.id = model,
                    embeddings = removed,
                    snapshot = had_snapshot,
                    "what a model had left behind that is no longer used was removed"
                );
            }
            gone.insert(model);
        }
        Ok(())
    }

    async fn remove_snapshot(&self, model: &str) -> Result<bool, SwitchError> {
        let place = snapshot_file::place(&self.catalog.snapshots, model);
        let removed = self.blocking(move || match std::fs::remove_file(&place) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(SwitchError::Folder { folder: place, error }),
        });
        removed.await
    }

    /// The next batch, unless the model is in use again; nothing at the end.
    async fn forget_some(&self, model: &str, after: ImageId) -> Result<Option<(ImageId, u64)>, SwitchError> {
        // Looked for before the lock is taken: where there are few, this reads most of the table.
        let next = product_images::seen_by(&mut self.catalog.db.read().await?, model, after, BATCH).await?;
        let Some(last) = next.last().copied() else { return Ok(None) };
        let mut tx = self.catalog.db.begin().await?;
        // A switch is carried out under this lock, after a count that this batch must not make wrong.
        catalog_changes::lock(&mut tx).await?;
        let open = model_switches::open(&mut tx).await?;
        let active = model_switches::active(&mut tx).await?;
        let in_use = open.into_iter().chain(active).any(|row| row.from_model == model || row.to_model == model);
        if in_use {
            return Ok(None);
        }
        let removed = product_images::forget_vectors(&mut tx, model, after, last).await?;
        tx.commit().await?;
        Ok(Some((last, removed)))
    }

    async fn unused(&self) -> Result<Vec<String>, SwitchError> {
        let since = self.catalog.clock.now().plus_seconds(-KEPT_S);
        let mut reader = self.catalog.db.read().await?;
        let mut models = model_switches::not_named_since(&mut reader, since).await?;
        let active = model_switches::active(&mut reader).await?;
        drop(reader);
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
