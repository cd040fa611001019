//! Photos on sale that are missing from the index, because embedding them failed.
//!
//! They are retried with growing delays until none is missing: a run of the model may fail once, a disk may be mounted late, a
//! lost file may be restored. Only their number is stored; the missing photos are found by comparing index and database page
//! by page. Once embedded, a photo reaches the index through the catalog's log like every change, as a removal and an
//! addition, which changes nothing on servers that already have it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::filling::PAGE_SIZE;
use super::image_embeddings::stored_vector;
use super::{FollowError, IndexFeed};
use crate::background::RunReporter;
use crate::backoff::{Delays, UNSEARCHABLE_IMAGES as RETRY};
use crate::db::catalog_changes;
use crate::db::product_images;
use crate::domain::{ChangeKind, ImageId, ProductId};
use crate::telemetry::UNSEARCHABLE_IMAGES;

/// Photos that are embedded before the successful ones are appended to the log.
const BATCH_SIZE: usize = 32;

/// Why a retry did not embed all photos.
#[derive(Debug, thiserror::Error)]
enum RetryError {
    #[error("{0} photos on sale still cannot be embedded")]
    StillFailing(u64),
    #[error(transparent)]
    Follow(#[from] FollowError),
}

/// The number of unsearchable photos of an index.
#[derive(Debug)]
pub(super) struct UnsearchableImages {
    count: AtomicU64,
    added: Notify,
    /// Whether the gauge shows the count: only for the index in use.
    reports_gauge: bool,
}

impl Default for UnsearchableImages {
    fn default() -> Self {
        Self { count: AtomicU64::new(0), added: Notify::new(), reports_gauge: true }
    }
}

impl UnsearchableImages {
    /// For an index that is not in use yet.
    pub(super) fn for_standby_index() -> Self {
        Self { reports_gauge: false, ..Self::default() }
    }

    /// Takes over the count of an index that replaces this one.
    pub(super) fn replace_with(&self, other: &Self) {
        self.set(other.count());
        if other.count() > 0 {
            self.added.notify_one();
        }
    }

    /// Adds `count` photos that the index misses.
    pub(super) fn add(&self, count: u64) {
        if count > 0 {
            self.add_wrapping(count);
            self.added.notify_one();
        }
    }

    /// Exact after each retry. In between it can be too high, since removed photos are still counted.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn set(&self, count: u64) {
        self.count.store(count, Ordering::Relaxed);
        self.report(count);
    }

    /// Returns the new count. Wraps around, so that `difference` may be negative.
    fn add_wrapping(&self, difference: u64) -> u64 {
        let count = self.count.fetch_add(difference, Ordering::Relaxed).wrapping_add(difference);
        self.report(count);
        count
    }

    fn report(&self, count: u64) {
        if self.reports_gauge {
            metrics::gauge!(UNSEARCHABLE_IMAGES).set(count as f64);
        }
    }
}

impl IndexFeed {
    /// Retries unsearchable photos whenever there are any. Runs until it is dropped.
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
            left => Err(RetryError::StillFailing(left)),
        }
    }

    /// Waits for the next delay. If photos are added meanwhile, the delays restart. The next retry is then due after the first
    /// delay at the latest, and further photos do not postpone it.
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

    /// Tries every missing photo once; returns how many are still missing, including those added meanwhile.
    async fn retry_each_once(&self) -> Result<u64, FollowError> {
        let before = self.unsearchable.count();
        // First apply the log, so that photos it is about to add do not count as missing.
        self.follow().await?;
        let (mut after, mut left) = (ImageId::NIL, 0);
        loop {
            let page = product_images::list_ids_on_sale(&mut self.db.read().await?, after, PAGE_SIZE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            let missing = self.active.current().index.missing_images(&page).await;
            for batch in missing.chunks(BATCH_SIZE) {
                let embedded = self.embed_batch(batch, &mut left).await?;
                self.append_to_log_again(embedded).await?;
            }
        }
        Ok(self.unsearchable.add_wrapping(left.wrapping_sub(before)))
    }

    /// Embeds photos; returns those that have an embedding now, and adds the number of the others to `left`.
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

    /// Appends embedded photos to the log again if the index still misses them.
    async fn append_to_log_again(&self, images: Vec<ImageId>) -> Result<(), FollowError> {
        if images.is_empty() {
            return Ok(());
        }
        // Apply the log first: it may already add some of them.
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
            tracing::info!(product.id = %product, images = images.len(), "photos were embedded that had failed before");
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
