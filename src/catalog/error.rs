//! Why the catalog cannot do what was asked.

use super::photo_warning::PhotoWarning;
use crate::db::DatabaseError;
use crate::db::blobs::BlobError;
use crate::domain::{InvalidField, PhotoFault, ProductId, Region};
use crate::idempotency::IdempotencyError;
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
    /// The barcode of another product means the same article.
    #[error(
        "Product \"{product_name}\" has the barcode {product_barcode} already, which means the same article as {barcode}."
    )]
    SameArticle { barcode: String, product_name: String, product_barcode: String },
    /// One of the uploaded photos is refused, and with it the whole upload.
    #[error("{photo}: {fault}")]
    BadPhoto { photo: PhotoName, fault: PhotoFault },
    /// The model returned no usable embedding for one of the photos; nothing was stored.
    #[error("{photo}: {reason}")]
    UnusablePhoto { photo: PhotoName, reason: String },
    #[error(
        "{photo}: the photo shows {} separate things. Photograph the product alone, or say which part \
         shows it: send the form field \"region\" with a box \"x,y,width,height\" in pixels, or \"whole\". \"insist\" does not \
         choose one.", regions.len()
    )]
    SeveralProducts { photo: PhotoName, regions: Vec<Region> },
    #[error("{count} photos are too many. At most {limit} are allowed {per}.")]
    TooManyImages {
        count: usize,
        limit: usize,
        /// `in one upload` or `for one product`.
        per: &'static str,
    },
    /// A photo would make recognition wrong, and the caller did not insist on it.
    #[error("{photo}: {} To enrol it all the same, send the form field \"insist\": \"true\".", first_serious(warnings))]
    PoorPhoto { photo: PhotoName, warnings: Vec<PhotoWarning> },
    /// One of the photos is enrolled for another product, so the two would look the same.
    #[error(
        "{photo}: product \"{product_name}\" has this photo already. Remove it there first, give each product its own part of \
         the photo (form field \"region\"), or send the form field \"insist\": \"true\"."
    )]
    AlreadyEnrolled { photo: PhotoName, product_id: ProductId, product_name: String },
    #[error("The report on products that look alike is being made. Ask again in some seconds.")]
    ReportPending,
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
    #[error("The original of image {0} is missing from the folder of images. Upload the photo again to restore it.")]
    LostOriginal(String),
    /// The index does not answer: too many searches wait, or it is behind the catalog.
    #[error("The index does not answer now: {0}")]
    Search(String),
    /// The embedder or one of its threads is gone.
    #[error("the embedder failed: {0}")]
    Embedder(String),
    #[error("This Idempotency-Key was already used for another request. Choose a new key for each new request.")]
    KeyReused,
    #[error(
        "The request with this Idempotency-Key was carried out before. Its reply was too large to be kept. Read what it \
         changed; do not send it with another key."
    )]
    ReplyNotKept,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

fn first_serious(warnings: &[PhotoWarning]) -> &str {
    warnings.iter().find(|warning| warning.is_serious).map_or("", |warning| warning.message.as_str())
}

impl From<IdempotencyError> for CatalogError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::KeyReused => Self::KeyReused,
            IdempotencyError::ReplyNotKept => Self::ReplyNotKept,
            IdempotencyError::Database(error) => Self::Database(error),
        }
    }
}

impl CatalogError {
    /// The index did not answer a search for enrolled photos.
    pub(super) fn from_search(error: &dyn std::fmt::Display) -> Self {
        Self::Search(error.to_string())
    }
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
