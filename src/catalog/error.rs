//! Why the catalog cannot do what was asked.

use crate::db::DatabaseError;
use crate::db::blobs::BlobError;
use crate::domain::{InvalidField, PhotoFault, ProductId};
use crate::index_feed::{FollowError, IndexOutage};

/// A refusal or failure of the catalog service.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A value that cannot be taken.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// No such product, or no such image of it.
    #[error("there is no {what} {id}")]
    NotFound {
        /// `product` or `image`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// Another product has this SKU or barcode.
    #[error("{field}: another product has \"{value}\" already")]
    Taken {
        /// `sku` or `barcode`.
        field: &'static str,
        /// The value.
        value: String,
    },
    /// One of the uploaded photos cannot be taken; none of them was.
    #[error("{photo}: {fault}")]
    Image {
        /// Which one.
        photo: PhotoName,
        /// What is wrong with it.
        fault: PhotoFault,
    },
    /// The model gave no usable embedding for one of the photos; nothing was stored.
    #[error("{photo}: {reason}")]
    Unusable {
        /// Which one.
        photo: PhotoName,
        /// What the model did.
        reason: String,
    },
    /// More photos than one upload or one product may have.
    #[error("images: {count} photos; at most {limit} are allowed {per}")]
    TooManyImages {
        /// How many there would be.
        count: usize,
        /// How many there may be.
        limit: usize,
        /// `in one upload` or `for one product`.
        per: &'static str,
    },
    /// One of the photos is enrolled under another product, which would make the two look the same.
    #[error(
        "{photo}: this very photo is enrolled for product \"{product_name}\" ({product_id}); remove it there first"
    )]
    AlreadyEnrolled {
        /// Which one.
        photo: PhotoName,
        /// That product.
        product_id: ProductId,
        /// What people call it.
        product_name: String,
    },
    /// More photos wait to be embedded than may wait.
    #[error("too many photos are waiting to be embedded; nothing was stored")]
    Busy,
    /// The change is stored, but the index has not learnt of it yet.
    #[error(
        "product {product_id} is saved, but the index has not caught up with the catalog yet ({cause}); it will be found \
         as soon as it has, without another upload"
    )]
    Behind {
        /// The product that was changed.
        product_id: ProductId,
        /// What keeps the index back.
        cause: FollowError,
    },
    /// The index cannot be filled at start.
    #[error("the index cannot be filled: {0}")]
    Index(#[source] FollowError),
    /// The index has lost its place in the catalog's log and refuses searches.
    #[error("the index cannot be trusted until the server is started again: {reason}")]
    Distrusted {
        /// How it lost its place.
        reason: String,
        /// The same for anybody, and since when.
        not_following: Option<IndexOutage>,
    },
    /// The disk that holds the originals is full.
    #[error("{0}")]
    DiskFull(String),
    /// A photo's original could not be written or read.
    #[error("{0}")]
    Files(String),
    /// A photo's original is gone from the folder of originals.
    #[error(
        "the original of image {0} is missing from the folder of images; an admin who sends that photo again puts it back"
    )]
    LostOriginal(String),
    /// The embedder or one of its threads is gone.
    #[error("the embedder failed: {0}")]
    Embedder(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<BlobError> for CatalogError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full(_) => Self::DiskFull(error.to_string()),
            BlobError::Damaged(_) | BlobError::Io { .. } | BlobError::Thread => Self::Files(error.to_string()),
        }
    }
}

/// Which photo of an upload is meant: its place and what the client calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoName {
    /// Counted from 0, in the order sent.
    pub index: usize,
    /// The client's name for the file.
    pub file_name: Option<String>,
}

impl std::fmt::Display for PhotoName {
    /// `images[2] (milk.jpg)`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "images[{}]", self.index)?;
        self.file_name.as_deref().map_or(Ok(()), |name| write!(f, " ({name})"))
    }
}
