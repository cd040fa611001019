//! Embedding every photo on sale by the new model: on one server at a time, a batch at a time, gone on with by whichever
//! server looks next.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{ModelSwitches, Stuck, SwitchError};
use crate::catalog::FollowError;
use crate::catalog::vectors::Vectors;
use crate::domain::{Caller, ImageId};
use crate::embedding::Embedder;
use crate::store::model_switches::{self, SwitchRow, SwitchState};
use crate::store::product_images::{self, VectorRow};

/// Photos between two reports to the database.
const BATCH: i64 = 32;
/// Of these, photos that are read, decoded and embedded side by side.
const AT_ONCE: usize = 4;
/// How long a server has the work to itself after each report. One that is killed is waited for that long.
const LEASE_S: i64 = 30;
/// How long a server that failed leaves the work to others.
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// Photos that cannot be embedded and are named; the others are counted.
const NAMED: usize = 20;

/// What the worker knows of a switch from one look to the next.
#[derive(Default)]
struct Work {
    /// The new model, started.
    embedder: Option<Arc<Embedder>>,
    /// Photos that could not be embedded in this pass over the catalog.
    stuck: Vec<Stuck>,
    /// The last photo of this pass.
    after: Option<ImageId>,
}

impl ModelSwitches {
    /// Does what a switch under way needs done, looking every `every`, for as long as it is polled.
    pub async fn work(self, every: Duration) {
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut work, mut told) = (Work::default(), None);
        loop {
            beat.tick().await;
            match self.look(&mut work).await {
                Ok(()) => told = None,
                Err(error) => {
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        tracing::error!(%error, "photos cannot be embedded by the new model now; trying again");
                        told = Some(error);
                    }
                    // Another server may be able to.
                    if let Err(error) = self.release().await {
                        tracing::warn!(%error, "another server waits for half a minute before it goes on embedding");
                    }
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Lets go of the work, so that another server need not wait until the lease is over.
    pub async fn release(&self) -> Result<(), SwitchError> {
        let mut tx = self.catalog.store.begin().await?;
        model_switches::release(&mut tx, self.me).await?;
        Ok(tx.commit().await?)
    }

    /// Works on the open switch until nothing is left to do for now.
    async fn look(&self, work: &mut Work) -> Result<(), SwitchError> {
        while let Some(row) = self.claimed().await? {
            let embedder = match work.embedder.take().filter(|embedder| embedder.model_id().as_str() == row.to_model) {
                Some(embedder) => embedder,
                None => {
                    *work = Work::default();
                    let (folder, row) = (self.folder.clone(), row.clone());
                    let model = self.blocking(move || folder.open_switched(&row)).await?;
                    self.folder.start_beside(model).await?
                }
            };
            work.embedder = Some(Arc::clone(&embedder));
            #[cfg(feature = "fail-points")]
            fail::fail_point!(&format!("switch.batch {}", row.id), |_| Ok(()));
            let more = self.embed_some(&embedder, work).await?;
            let row = self.report(row, work, more).await?;
            if more {
                continue;
            }
            if !work.stuck.is_empty() {
                // Another server may have the originals that this one lacks.
                self.release().await?;
            }
            if row.state == SwitchState::Ready && row.at_once {
                // The session that embedded makes room for those that serve.
                *work = Work::default();
                drop(embedder);
                match self.carry_out(&Caller::system(), row.id).await {
                    Ok(_) => self.adopt().await?,
                    // Photos were enrolled meanwhile: the next look embeds them.
                    Err(SwitchError::NotReady { .. } | SwitchError::NoneOpen) => {}
                    Err(error) => return Err(error),
                }
            }
            return Ok(());
        }
        *work = Work::default();
        Ok(())
    }

    /// The open switch, if there is one and this server may work on it.
    async fn claimed(&self) -> Result<Option<SwitchRow>, SwitchError> {
        let mut tx = self.catalog.store.read().await?;
        let Some(row) = model_switches::open(&mut tx).await? else { return Ok(None) };
        // Waiting to be carried out by hand, with nothing enrolled since: nothing is written meanwhile.
        let idle = row.state == SwitchState::Ready
            && !row.at_once
            && product_images::count_unseen(&mut tx, &row.to_model).await? == 0;
        tx.rollback().await?;
        if idle {
            return Ok(None);
        }
        let now = self.catalog.clock.now();
        let mut tx = self.catalog.store.begin().await?;
        let ours = model_switches::claim(&mut tx, row.id, self.me, now, now.plus_seconds(LEASE_S)).await?;
        tx.commit().await?;
        Ok(ours.then_some(row))
    }

    /// Embeds the next photos that the new model has not seen; false at the end of a pass over the catalog.
    async fn embed_some(&self, embedder: &Embedder, work: &mut Work) -> Result<bool, SwitchError> {
        let vectors = Vectors { store: &self.catalog.store, blobs: &self.catalog.blobs, embedder };
        let mut tx = self.catalog.store.read().await?;
        let after = work.after.unwrap_or(ImageId::NIL);
        let rows = product_images::unseen(&mut tx, vectors.model(), after, BATCH).await?;
        tx.rollback().await?;
        let Some(last) = rows.last().map(|row| row.image_id) else {
            work.after = None;
            return Ok(false);
        };
        if work.after.is_none() {
            work.stuck.clear();
        }
        let embed =
            async |row: &VectorRow| vectors.try_make(row).await.map(|made| (row.image_id, row.product_id, made));
        let made: Vec<Result<_, FollowError>> = stream::iter(&rows).map(embed).buffered(AT_ONCE).collect().await;
        for made in made {
            let (image, product, embedding) = made?;
            if let Err(reason) = embedding {
                work.stuck.push(Stuck { image_id: image.to_string(), product_id: product.to_string(), reason });
            }
        }
        work.after = Some(last);
        Ok(true)
    }

    /// Counts, compares once nothing is missing, and keeps both.
    async fn report(&self, mut row: SwitchRow, work: &Work, more: bool) -> Result<SwitchRow, SwitchError> {
        let mut tx = self.catalog.store.read().await?;
        row.photos = product_images::count_on_sale(&mut tx).await?;
        row.missing = product_images::count_unseen(&mut tx, &row.to_model).await?;
        tx.rollback().await?;
        row.problems = json!(work.stuck.iter().take(NAMED).collect::<Vec<_>>());
        row.state = SwitchState::Embedding;
        if !more && row.missing == 0 {
            if row.comparison.is_none() {
                row.comparison = Some(json!(self.compare(&row).await?));
            }
            row.state = SwitchState::Ready;
            row.problems = json!([]);
        }
        row.changed_at = self.catalog.clock.now();
        let mut tx = self.catalog.store.begin().await?;
        model_switches::keep_progress(&mut tx, &row).await?;
        tx.commit().await?;
        tracing::info!(
            model.id = row.to_model,
            images.missing = row.missing,
            images.all = row.photos,
            images.stuck = work.stuck.len(),
            "embedding photos by the new model"
        );
        Ok(row)
    }
}
