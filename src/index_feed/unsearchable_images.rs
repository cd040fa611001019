//! Photos on sale that the index does without, because they could not be embedded when it learnt of them.
//!
//! They are tried again, at growing intervals, until all of them are searched: a run of the model may fail once, a disk may
//! be mounted late, a lost file may be restored. Which they are is found by asking the index page by page, so nothing need
//! be remembered, however many they are. What has its embedding at last reaches the index as everything does, through the
//! catalog's log: as a removal and an addition, which change nothing on servers that have the photo.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::FollowError;
use super::{filling, image_embeddings};
use crate::catalog::Catalog;
use crate::db::catalog_changes::{self, ChangeKind};
use crate::db::product_images;
use crate::domain::{ImageId, ProductId};
use crate::telemetry::UNSEARCHABLE_IMAGES;

/// The first and the longest pause before photos are tried again; it doubles in between.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(600));
/// Photos that are embedded before those that succeeded are put into the log.
const BATCH: usize = 32;

/// Word that there are such photos, and how many.
#[derive(Debug, Default)]
pub(crate) struct UnsearchableImages {
    count: AtomicU64,
    word: Notify,
    /// Whether it is about an index that nobody searches yet, which the gauge says nothing of.
    beside: bool,
}

impl UnsearchableImages {
    /// Of an index that is being filled beside the one that is searched.
    pub(crate) fn beside() -> Self {
        Self { beside: true, ..Self::default() }
    }

    /// The index that `other` is about has taken this one's place: what is lacking now is what it had to do without.
    pub(crate) fn take_over(&self, other: &Self) {
        self.set(other.count());
        if other.count() > 0 {
            self.word.notify_one();
        }
    }

    /// An index learnt of a photo and has to do without it.
    pub(crate) fn notice(&self) {
        self.notice_several(1);
    }

    /// An index was opened that does without so many.
    pub(crate) fn notice_several(&self, count: u64) {
        if count > 0 {
            self.add(count);
            self.word.notify_one();
        }
    }

    /// How many there are: exact when they were last tried, and at least those that were noticed since.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn set(&self, count: u64) {
        self.count.store(count, Ordering::Relaxed);
        self.tell(count);
    }

    /// Gives how many there are then. Wraps around, so that what is added may be negative.
    fn add(&self, more: u64) -> u64 {
        let count = self.count.fetch_add(more, Ordering::Relaxed).wrapping_add(more);
        self.tell(count);
        count
    }

    fn tell(&self, count: u64) {
        if !self.beside {
            metrics::gauge!(UNSEARCHABLE_IMAGES).set(count as f64);
        }
    }
}

impl Catalog {
    /// Tries photos that the index does without again until there are none, for as long as it is polled.
    pub async fn mend_left_out(self) {
        self.left_out.set(self.left_out.count());
        loop {
            self.left_out.word.notified().await;
            let mut pause = PAUSES.0;
            loop {
                self.wait_or_hear_of_others(&mut pause).await;
                let before = self.left_out.count();
                match self.try_left_out().await {
                    Ok(0) => break,
                    Ok(left) if left != before => {
                        tracing::warn!(images.left_out = left, "photos on sale still cannot be embedded; trying again");
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "photos that the index lacks could not be tried; trying again")
                    }
                }
                pause = (pause * 2).min(PAUSES.1);
            }
            tracing::info!("every photo on sale is searched again");
        }
    }

    /// Waits for `pause`. Where others join those that wait, no longer than the first pause from then on, and what follows
    /// doubles from there; ever more of them do not put off the next try.
    async fn wait_or_hear_of_others(&self, pause: &mut Duration) {
        let mut until = Instant::now() + *pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.left_out.word.notified() => {
                    until = until.min(Instant::now() + PAUSES.0);
                    *pause = PAUSES.0;
                }
            }
        }
    }

    /// Tries all of them once; gives how many are left, with those that were noticed meanwhile.
    async fn try_left_out(&self) -> Result<u64, FollowError> {
        let before = self.left_out.count();
        // What the log still has for the index is not lacking.
        self.follow().await?;
        let (mut after, mut left) = (ImageId::NIL, 0);
        loop {
            let page = product_images::ids_on_sale(&mut self.db.read().await?, after, filling::PAGE).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            let lacking = self.active.now().index.lacking(&page).await;
            for some in lacking.chunks(BATCH) {
                let embedded = self.embedded(some, &mut left).await?;
                self.teach_again(embedded).await?;
            }
        }
        Ok(self.left_out.add(left.wrapping_sub(before)))
    }

    /// Those of these photos that have an embedding now; the others are counted.
    async fn embedded(&self, images: &[ImageId], left: &mut u64) -> Result<Vec<ImageId>, FollowError> {
        let active = self.active.now();
        let vectors = self.vectors(&active);
        let rows = product_images::on_sale_among(&mut self.db.read().await?, vectors.model(), images).await?;
        let mut embedded = Vec::with_capacity(rows.len());
        for row in rows {
            if image_embeddings::kept(&row, active.embedder.dim()).is_some() || vectors.try_make(&row).await?.is_ok() {
                embedded.push(row.image_id);
            } else {
                *left += 1;
            }
        }
        Ok(embedded)
    }

    /// Puts photos that have an embedding into the log once more, where the index still lacks them.
    async fn teach_again(&self, images: Vec<ImageId>) -> Result<(), FollowError> {
        if images.is_empty() {
            return Ok(());
        }
        // Some may have been enrolled after the index was brought up, and come by themselves.
        self.follow().await?;
        let active = self.active.now();
        let lacking = active.index.lacking(&images).await;
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        catalog_changes::lock(&mut tx).await?;
        let mut products: BTreeMap<ProductId, Vec<ImageId>> = BTreeMap::new();
        for row in product_images::on_sale_among(&mut tx, active.embedder.model_id().as_str(), &lacking).await? {
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
