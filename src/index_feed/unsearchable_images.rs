//! Photos on sale that are missing from the index, because they could not be embedded when it learnt of them.
//!
//! They are tried again, less and less often, until all of them are searched: a run of the model may fail once, a disk may
//! be mounted late, a lost file may be restored. Which photos they are is found by asking the index page by page, so nothing
//! need be remembered, however many they are. A photo that has its embedding at last reaches the index through the
//! catalog's log, like everything else: as a removal and an addition. Servers that have the photo are not changed by that.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::filling::PAGE;
use super::image_embeddings::stored_vector;
use super::{FollowError, IndexFeed};
use crate::background::RunReporter;
use crate::backoff::{Delays, UNSEARCHABLE_IMAGES as RETRY};
use crate::db::catalog_changes::{self, ChangeKind};
use crate::db::product_images;
use crate::domain::{ImageId, ProductId};
use crate::telemetry::UNSEARCHABLE_IMAGES;

/// Photos that are embedded before those that succeeded are put into the log.
const BATCH: usize = 32;

/// Why photos are still missing from the index.
#[derive(Debug, thiserror::Error)]
enum RetryError {
    #[error("{0} photos on sale still cannot be embedded")]
    Left(u64),
    #[error(transparent)]
    Follow(#[from] FollowError),
}

/// How many such photos there are.
#[derive(Debug)]
pub(super) struct UnsearchableImages {
    count: AtomicU64,
    added: Notify,
    /// Whether the gauge shows the count: not while the index is not searched yet.
    shown: bool,
}

impl Default for UnsearchableImages {
    fn default() -> Self {
        Self { count: AtomicU64::new(0), added: Notify::new(), shown: true }
    }
}

impl UnsearchableImages {
    /// For an index that is not searched yet.
    pub(super) fn of_prepared_index() -> Self {
        Self { shown: false, ..Self::default() }
    }

    /// The index that `other` counts for has replaced this one.
    pub(super) fn replace_with(&self, other: &Self) {
        self.set(other.count());
        if other.count() > 0 {
            self.added.notify_one();
        }
    }

    /// The index misses so many photos more.
    pub(super) fn add(&self, count: u64) {
        if count > 0 {
            self.add_wrapping(count);
            self.added.notify_one();
        }
    }

    /// Exact after each retry; at least those that were added since.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn set(&self, count: u64) {
        self.count.store(count, Ordering::Relaxed);
        self.show(count);
    }

    /// Returns the new count. Wraps around, so that what is added may be negative.
    fn add_wrapping(&self, difference: u64) -> u64 {
        let count = self.count.fetch_add(difference, Ordering::Relaxed).wrapping_add(difference);
        self.show(count);
        count
    }

    fn show(&self, count: u64) {
        if self.shown {
            metrics::gauge!(UNSEARCHABLE_IMAGES).set(count as f64);
        }
    }
}

impl IndexFeed {
    /// Retries photos that are missing from the index until none is. Runs until it is dropped.
    pub async fn retry_unsearchable_images(self, runs: RunReporter) {
        self.unsearchable.set(self.unsearchable.count());
        loop {
            self.unsearchable.added.notified().await;
            let mut delays = RETRY.delays();
            loop {
                self.wait_for_retry(&mut delays).await;
                if runs.run(self.retry_all()).await.is_ok() {
                    break;
                }
            }
        }
    }

    async fn retry_all(&self) -> Result<(), RetryError> {
        match self.retry_each_once().await? {
            0 => Ok(()),
            left => Err(RetryError::Left(left)),
        }
    }

    /// Waits for the next delay. If photos are added meanwhile, the delays begin anew; the next retry is then due after
    /// the first delay or earlier, so that ever more photos do not put it off.
    async fn wait_for_retry(&self, delays: &mut Delays) {
        let mut due = Instant::now() + next_delay(delays);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(due) => return,
                () = self.unsearchable.added.notified() => {
                    *delays = RETRY.delays();
                    due = due.min(Instant::now() + next_delay(delays));
                }
            }
        }
    }

    /// Tries every missing photo once; returns how many are left, with those that were added meanwhile.
    async fn retry_each_once(&self) -> Result<u64, FollowError> {
        let before = self.unsearchable.count();
        // Photos that the log is about to add are not missing.
        self.follow().await?;
        let (mut after, mut left) = (ImageId::NIL, 0);
        loop {
            let page = product_images::list_ids_on_sale(&mut self.db.read().await?, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            let missing = self.active.current().index.missing_images(&page).await;
            for batch in missing.chunks(BATCH) {
                let embedded = self.embed_batch(batch, &mut left).await?;
                self.append_to_log_again(embedded).await?;
            }
        }
        Ok(self.unsearchable.add_wrapping(left.wrapping_sub(before)))
    }

    /// Those of these photos that have an embedding now; `left` counts the others.
    async fn embed_batch(&self, images: &[ImageId], left: &mut u64) -> Result<Vec<ImageId>, FollowError> {
        let active = self.active.current();
        let embedder = &active.embedder;
        let model = embedder.model_id().as_str();
        let rows = product_images::list_on_sale_by_id(&mut self.db.read().await?, model, images).await?;
        let mut embedded = Vec::with_capacity(rows.len());
        for row in rows {
            let has_vector = stored_vector(&row, embedder.dim()).is_some();
            if has_vector || self.image_embeddings(embedder).embed_original(&row).await?.is_ok() {
                embedded.push(row.image_id);
            } else {
                *left += 1;
            }
        }
        Ok(embedded)
    }

    /// Puts photos that have an embedding into the log once more, if the index still misses them.
    async fn append_to_log_again(&self, images: Vec<ImageId>) -> Result<(), FollowError> {
        if images.is_empty() {
            return Ok(());
        }
        // Some may have been enrolled since the last follow; the log has those already.
        self.follow().await?;
        let active = self.active.current();
        let missing = active.index.missing_images(&images).await;
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        let mut products: BTreeMap<ProductId, Vec<ImageId>> = BTreeMap::new();
        for row in product_images::list_on_sale_by_id(&mut tx, active.embedder.model_id().as_str(), &missing).await? {
            products.entry(row.product_id).or_default().push(row.image_id);
        }
        for (product, images) in products {
            tracing::info!(product.id = %product, images = images.len(), "photos could be embedded at last");
            catalog_changes::append(&mut tx, ChangeKind::Remove, product, images.clone(), now).await?;
            catalog_changes::append(&mut tx, ChangeKind::Add, product, images, now).await?;
        }
        tx.commit().await?;
        self.follow().await?;
        Ok(())
    }
}

fn next_delay(delays: &mut Delays) -> Duration {
    delays.next().unwrap_or(RETRY.longest())
}
