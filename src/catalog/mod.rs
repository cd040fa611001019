//! The catalog: products, their prices and photos, and how the index learns of them.
//!
//! Invariants: the database is the truth, the index a cache of it. Every change that recognition must learn of takes the
//! next number of the catalog's log in its own transaction, and reaches the index through [`Catalog::follow`] alone, the
//! same way as a change made by another server. A reply is sent when the index has seen the change. Photos are decoded,
//! embedded and written to disk before a transaction begins, never within one.
//!
//! Who may call what is decided above; this module knows nothing of HTTP.

mod change;
mod error;
mod fields;
mod follow;
mod images;
mod load;
mod photos;
mod products;
mod vectors;
mod view;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::config::Limits;
use crate::domain::Currency;
use crate::embedding::Embedder;
use crate::index::VectorIndex;
use crate::store::Store;
use crate::store::blobs::Blobs;

pub use change::ProductChange;
pub use error::{CatalogError, FollowError, PhotoName};
pub use fields::NewProduct;
pub use load::{LoadError, load_index};
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

/// What a [`Catalog`] works with.
#[derive(Debug, Clone)]
pub struct CatalogParts {
    /// The database.
    pub store: Store,
    /// Originals of photos.
    pub blobs: Blobs,
    /// Time.
    pub clock: Clock,
    /// The active model.
    pub embedder: Arc<Embedder>,
    /// What [`load_index`] gave for the same database and model.
    pub index: Arc<VectorIndex>,
    /// Bounds on uploads.
    pub limits: Limits,
    /// Currency of prices that name none.
    pub currency: Currency,
    /// Photos of one upload that are embedded at the same time.
    pub photos_at_once: usize,
}

/// The catalog service; cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalog {
    store: Store,
    blobs: Blobs,
    clock: Clock,
    embedder: Arc<Embedder>,
    index: Arc<VectorIndex>,
    limits: Limits,
    currency: Currency,
    photos_at_once: usize,
    /// Held by whoever teaches changes to the index: two at once would read the same changes and apply them twice.
    turn: Arc<Mutex<()>>,
}

impl Catalog {
    /// A catalog over these parts.
    pub fn new(parts: CatalogParts) -> Self {
        let CatalogParts { store, blobs, clock, embedder, index, limits, currency, photos_at_once } = parts;
        let photos_at_once = photos_at_once.max(1);
        Self { store, blobs, clock, embedder, index, limits, currency, photos_at_once, turn: Arc::default() }
    }
}
