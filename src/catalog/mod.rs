//! The catalog: products, their prices and photos, and how the index learns of them.
//!
//! Invariants: the database is the truth, the index a cache of it. Every change that recognition must learn of takes the
//! next number of the catalog's log in its own transaction, and reaches the index through [`Catalog::follow`] alone, the
//! same way as a change made by another server. A reply is sent when the index has seen the change. Photos are decoded,
//! embedded and written to disk before a transaction begins, never within one.
//!
//! Who may call what is decided above; this module knows nothing of HTTP.

mod error;
mod product_change;
mod product_fields;
mod product_images;
mod products;
mod rows;
#[cfg(test)]
mod tests;
mod uploaded_photos;
mod view;

use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex};

use bytes::Bytes;
use tokio::sync::Mutex;

use crate::active_model::incoming_model::IncomingModel;
use crate::active_model::{ActiveModel, ModelSlot};
use crate::clock::Clock;
use crate::config::{Limits, Settings};
use crate::db::Database;
use crate::db::blobs::Blobs;
use crate::db::catalog_changes::ChangeRow;
use crate::domain::Currency;
use crate::embedding::Embedder;
use crate::index_feed::IndexOutage;
use crate::index_feed::feed_status::FollowFailures;
use crate::index_feed::filling;
use crate::index_feed::image_embeddings::EmbeddingSource;
use crate::index_feed::snapshot_file::WrittenSnapshot;
use crate::index_feed::unsearchable_images::UnsearchableImages;

pub use error::{CatalogError, PhotoName};
pub use product_change::ProductChange;
pub use product_fields::NewProduct;
pub use view::{EnrolmentView, ImageView, ProductView};

/// One uploaded photo.
#[derive(Debug, Clone)]
pub struct NewPhoto {
    /// What the client calls it; only ever repeated back in messages.
    pub file_name: Option<String>,
    /// The file.
    pub bytes: Bytes,
}

/// Which products of a list are wanted; what is `None` narrows nothing down.
#[derive(Debug, Clone, Default)]
pub struct ProductSearch {
    /// A part of the name, whatever the case of its letters.
    pub name_part: Option<String>,
    /// The whole SKU.
    pub sku: Option<String>,
    /// The whole barcode.
    pub barcode: Option<String>,
}

/// How the catalog and its index are.
#[derive(Debug, Clone)]
pub struct CatalogStatus {
    /// The active model.
    pub model: String,
    /// How many catalog changes the index has seen.
    pub index_revision: i64,
    /// How many embeddings are searched.
    pub embeddings: usize,
    /// Photos on sale that are not searched, because they could not be embedded; they are tried again.
    pub unsearchable: u64,
    /// Since when and why the index cannot follow the catalog; nothing while it does.
    pub not_following: Option<IndexOutage>,
}

/// The catalog service; cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) db: Database,
    pub(crate) blobs: Blobs,
    pub(crate) clock: Clock,
    pub(crate) active: ModelSlot,
    pub(crate) limits: Limits,
    /// Of prices that name none.
    pub(crate) currency: Currency,
    /// Photos of one upload that are embedded at the same time.
    pub(crate) photos_at_once: usize,
    /// Held by whoever teaches changes to the index: two at once would read the same changes and apply them twice.
    /// Within it the last change that the index has seen, once it is known.
    pub(crate) turn: Arc<Mutex<Option<ChangeRow>>>,
    /// The folder of the index's snapshots.
    pub(crate) snapshots: PathBuf,
    /// What the snapshot on disk holds, where this server has read or written it.
    pub(crate) written: Arc<StdMutex<Option<WrittenSnapshot>>>,
    /// Photos on sale that the index does without.
    pub(crate) left_out: Arc<UnsearchableImages>,
    /// Whether the index follows the catalog.
    pub(crate) failures: Arc<FollowFailures>,
    /// The model that is being switched to, by which uploads are seen too.
    pub(crate) beside: Arc<IncomingModel>,
}

impl Catalog {
    /// Opens the folder of originals and fills the index: from its snapshot and the changes since, or, where there is none
    /// that may be used, from the database alone; photos that the active model has not seen yet are then embedded first.
    /// Call it before serving.
    pub async fn start(
        db: Database,
        clock: Clock,
        embedder: Arc<Embedder>,
        (manifest, generation): (String, Option<i64>),
        settings: &Settings,
    ) -> Result<Self, CatalogError> {
        let blobs = Blobs::open(&settings.data_dir)?;
        let currency = Currency::parse("currency", &settings.currency)?;
        let left_out: Arc<UnsearchableImages> = Arc::default();
        let vectors = EmbeddingSource { db: &db, blobs: &blobs, embedder: &embedder, left_out: &left_out };
        let snapshots = settings.data_dir.clone();
        let options = filling::index_options(&settings.engine);
        let opened = vectors.open_index(&snapshots, options).await.map_err(CatalogError::Index)?;
        let model = embedder.model_id().clone();
        let written = opened.snapshot_revision.map(|revision| WrittenSnapshot { model, revision });
        let active = ModelSlot::new(ActiveModel { embedder, index: Arc::new(opened.index), manifest, generation });
        let limits = settings.limits.clone();
        // No more than may wait, or a large upload would be refused on an idle server.
        let photos_at_once = settings.engine.batch.min(settings.engine.queue);
        Ok(Self {
            db,
            blobs,
            clock,
            active,
            limits,
            currency,
            photos_at_once,
            turn: Arc::default(),
            snapshots,
            written: Arc::new(StdMutex::new(written)),
            left_out,
            failures: Arc::default(),
            beside: Arc::default(),
        })
    }

    /// The model in use, for recognition to see by.
    pub fn active_model(&self) -> ModelSlot {
        self.active.clone()
    }

    /// How things are. An error where the database does not answer or the index cannot be trusted.
    pub async fn status(&self) -> Result<CatalogStatus, CatalogError> {
        self.db.ping().await?;
        let active = self.active.now();
        let stats = active.index.stats().await;
        let not_following = self.failures.now();
        if let Some(reason) = active.index.distrusted() {
            return Err(CatalogError::Distrusted { reason: reason.to_owned(), not_following });
        }
        let model = active.embedder.model_id().to_string();
        let unsearchable = self.left_out.count();
        Ok(CatalogStatus { model, index_revision: stats.revision, embeddings: stats.rows, unsearchable, not_following })
    }

    /// How many embeddings are searched.
    async fn searched(&self) -> usize {
        self.active.now().index.stats().await.rows
    }
}
