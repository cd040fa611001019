//! Why the catalog cannot do what was asked.

use crate::db::DatabaseError;
use crate::db::blobs::BlobError;
use crate::domain::{InvalidField, PhotoFault, ProductId, Region};
use crate::index_feed::FollowError;

/// A refusal or failure of the catalog service.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error(transparent)]
    InvalidField(#[from] InvalidField),
    #[error("No {what} with id {id} exists.")]
    NotFound {
        /// `product` or `image`.
        what: &'static str,
        id: String,
    },
    /// Another product has this SKU or barcode.
    #[error("Another product has the {field} \"{value}\" already.")]
    CodeTaken {
        /// `sku` or `barcode`.
        field: &'static str,
        value: String,
    },
    /// One of the uploaded photos is refused, and with it the whole upload.
    #[error("{photo}: {fault}")]
    BadPhoto { photo: PhotoName, fault: PhotoFault },
    /// The model returned no usable embedding for one of the photos; nothing was stored.
    #[error("{photo}: {reason}")]
    UnusablePhoto { photo: PhotoName, reason: String },
    #[error(
        "{photo}: the photo shows {} separate things. Photograph the product alone, or send the form field \"region\": \
         \"whole\", or a box \"x,y,width,height\" in pixels.", regions.len()
    )]
    SeveralProducts { photo: PhotoName, regions: Vec<Region> },
    #[error("{count} photos are too many. At most {limit} are allowed {per}.")]
    TooManyImages {
        count: usize,
        limit: usize,
        /// `in one upload` or `for one product`.
        per: &'static str,
    },
    /// One of the photos is enrolled for another product, so the two would look the same.
    #[error("{photo}: this photo already belongs to product \"{product_name}\". Remove it there first.")]
    AlreadyEnrolled { photo: PhotoName, product_id: ProductId, product_name: String },
    /// More photos wait to be embedded than may wait.
    #[error("Too many photos are waiting to be embedded. Nothing was stored; try again in a few seconds.")]
    Busy,
    /// The change is stored, but the index has not applied it yet.
    #[error(
        "Product {product_id} is saved, but the index has not caught up with the catalog yet ({cause}). The product will be \
         found as soon as it has, without another upload."
    )]
    IndexBehind { product_id: ProductId, cause: FollowError },
    /// The disk that holds the originals is full.
    #[error("{0}")]
    DiskFull(String),
    /// A photo's original could not be written or read.
    #[error("{0}")]
    OriginalFile(String),
    /// A photo's original is gone from the folder of originals.
    #[error(
        "The original of image {0} is missing from the folder of images. An admin who sends that photo again puts it back."
    )]
    LostOriginal(String),
    /// The embedder or one of its threads is gone.
    #[error("the embedder failed: {0}")]
    Embedder(String),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<BlobError> for CatalogError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full(_) => Self::DiskFull(error.to_string()),
            BlobError::Damaged(_) | BlobError::Io { .. } | BlobError::Thread => Self::OriginalFile(error.to_string()),
        }
    }
}

/// Names a photo of an upload.
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
