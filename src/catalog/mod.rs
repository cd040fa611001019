//! The catalog: products, their prices and photos, and the checks of an upload.
//!
//! Invariants: the database is the truth. A change that concerns recognition takes the next number of the catalog's log in
//! its own transaction. It is answered when the index has applied it ([`IndexFeed::catch_up`]). Photos are decoded, embedded
//! and written to disk before a transaction begins, never within one.
//!
//! Who may call what is decided above; this module knows nothing of HTTP.

mod catalogue_evaluation;
mod enrolment_check;
mod error;
mod export;
mod look_alike_report;
mod look_alike_views;
mod photo_preview;
mod photo_warning;
mod product_change;
mod product_fields;
mod product_images;
mod product_merge;
mod products;
#[cfg(test)]
mod tests;
mod thumbnail;
mod uploaded_photos;
mod view;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::active_model::{IncomingModel, ModelSlot};
use crate::clock::Clock;
use crate::config::{Limits, Settings};
use crate::db::blobs::Blobs;
use crate::db::thumbnails::Thumbnails;
use crate::db::{Database, DatabaseError, Tx, audit};
use crate::domain::{Caller, Currency, ImageId, InvalidField, ProductId, Timestamp, VerdictLimits};
use crate::idempotency::Reply;
use crate::index_feed::IndexFeed;
use crate::look_alikes::ReportCache;

pub use crate::photo_quality::PhotoIssueCode;
pub use crate::product_photos::RegionChoice;
pub use catalogue_evaluation::{CatalogueEvaluationView, EvaluationProgress, EvaluationResult};
pub use error::{CatalogError, PhotoName};
pub use export::{CatalogExport, ExportError};
pub use look_alike_report::{name_checks, name_pairs};
pub use look_alike_views::{LookAlikePage, LookAlikePairView, LookAlikeView, PhotoCheckView, ProductCheckView};
pub use photo_preview::PhotoPreview;
pub use photo_warning::PhotoWarning;
pub use product_change::ProductChange;
pub use product_fields::NewProduct;
pub use view::{ArticleView, EnrolledRegion, EnrolmentStatus, EnrolmentView, ImageView, ProductView};

/// Uploaded photos of one product.
#[derive(Debug, Clone)]
pub struct NewPhotos {
    pub photos: Vec<NewPhoto>,
    /// Which part of each of them shows the product.
    pub region: RegionChoice,
    /// Whether photos are enrolled that would make recognition wrong.
    pub insist: bool,
}

/// One uploaded photo.
#[derive(Debug, Clone)]
pub struct NewPhoto {
    /// The client's name for it, only ever repeated in messages.
    pub file_name: Option<String>,
    pub bytes: Bytes,
}

/// Which products to list; each filter that is `None` matches all.
#[derive(Debug, Clone, Default)]
pub struct ProductSearch {
    /// A part of the name, in upper or lower case, or the whole SKU or barcode.
    pub name_part: Option<String>,
    /// The whole SKU.
    pub sku: Option<String>,
    /// The whole barcode, in any form of its article's number.
    pub barcode: Option<String>,
    /// Only products whose article another product has too.
    pub shares_article: bool,
}

/// The catalog service; cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    db: Database,
    blobs: Blobs,
    thumbnails: Thumbnails,
    clock: Clock,
    index_feed: IndexFeed,
    active: ModelSlot,
    /// Embeds uploads too while the model is being switched.
    incoming: IncomingModel,
    reports: ReportCache,
    limits: Limits,
    verdict_limits: VerdictLimits,
    /// For prices that name none.
    default_currency: Currency,
    /// A session that is idle for longer has ended.
    session_idle_s: i64,
    /// Photos of one upload that are embedded at the same time.
    concurrent_photos: usize,
}

impl Catalog {
    pub fn new(
        db: Database,
        blobs: Blobs,
        clock: Clock,
        index_feed: IndexFeed,
        incoming: IncomingModel,
        settings: &Settings,
    ) -> Result<Self, InvalidField> {
        let active = index_feed.active_model();
        let verdict_limits = settings.recognition.verdict_limits();
        let reports = ReportCache::new(active.clone(), clock.clone(), verdict_limits);
        let limits = settings.limits.clone();
        let default_currency = Currency::parse("currency", &settings.currency)?;
        // More than may wait would refuse a large upload on an idle server.
        let concurrent_photos = settings.engine.batch.min(settings.engine.queue);
        Ok(Self {
            db,
            blobs,
            thumbnails: Thumbnails::new(&settings.data_dir),
            clock,
            index_feed,
            active,
            incoming,
            reports,
            limits,
            verdict_limits,
            default_currency,
            session_idle_s: settings.checkout.idle_s,
            concurrent_photos,
        })
    }

    /// Bills that were last changed before this have ended, and follow the catalog no more.
    fn bills_active_since(&self, now: Timestamp) -> Timestamp {
        now.plus_seconds(-self.session_idle_s)
    }

    /// Makes the report on products that look alike, in the background.
    pub fn reports(&self) -> ReportCache {
        self.reports.clone()
    }

    /// Commits a change of `product` and waits until the index has applied it; returns the index's revision. `seq` is the
    /// change's number in the log, if the index must learn of it. If the server is killed between the two, any server that
    /// follows the log next applies the change.
    async fn commit(&self, tx: Tx, product: ProductId, seq: Option<i64>) -> Result<i64, CatalogError> {
        tx.commit().await?;
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("catalog.committed {}", self.index_feed.data_dir().display()));
        let Some(seq) = seq else { return Ok(self.index_feed.revision().await) };
        self.catch_up(product, seq).await
    }

    /// Waits until the index has every change so far, as the first reply to a repeated request did.
    async fn await_index(&self, product: ProductId) -> Result<i64, CatalogError> {
        let newest = self.index_feed.newest_change().await?;
        self.catch_up(product, newest).await
    }

    async fn catch_up(&self, product: ProductId, seq: i64) -> Result<i64, CatalogError> {
        let caught_up = self.index_feed.catch_up(seq).await;
        caught_up.map_err(|cause| CatalogError::IndexBehind { product_id: product, cause })
    }

    /// The stored reply of an enrolment, when the index has its photos.
    async fn repeat_enrolment(&self, reply: Reply) -> Result<Reply, CatalogError> {
        let index_revision = self.await_index(stored_field(&reply, "id")?).await?;
        self.complete_enrolment(reply, index_revision).await
    }

    /// Adds to the reply of an enrolment what is only known once the index has the photos.
    async fn complete_enrolment(&self, mut reply: Reply, index_revision: i64) -> Result<Reply, CatalogError> {
        let new: Vec<ImageId> = stored_field(&reply, "images")?;
        let check = self.check_product(stored_field(&reply, "id")?, &new).await;
        reply.body["look_alikes"] = Reply::first(&check.look_alikes)?.body;
        reply.body["photo_check"] = Reply::first(&check.photo_check)?.body;
        reply.body["total_embeddings"] = self.index_feed.embeddings_count().await.into();
        reply.body["index_revision"] = index_revision.into();
        Ok(reply)
    }
}

/// A field of a stored reply.
fn stored_field<T: DeserializeOwned>(reply: &Reply, field: &str) -> Result<T, DatabaseError> {
    serde_json::from_value(reply.body[field].clone()).map_err(|error| DatabaseError::Unexpected(error.to_string()))
}

/// Writes the audit entry of a change of `product`.
async fn append_audit(
    tx: &mut Tx,
    caller: &Caller,
    action: &'static str,
    product: ProductId,
    details: serde_json::Value,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    audit::append(tx, audit::AuditEntry { at: now, caller, action, subject: product.to_string(), details }).await
}

/// A count as the database and the API keep it.
fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
