//! Why the catalog cannot do what was asked, and why the index cannot follow it.

use super::IndexOutage;
use crate::db::DatabaseError;
use crate::db::blobs::BlobError;
use crate::domain::{InvalidField, PhotoFault, ProductId};
use crate::index::IndexError;

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

/// Why the index could not follow the catalog.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log of changes has a hole: what stood there is unknown, so the index can no longer be trusted.
    #[error(
        "change {expected} is missing from the catalog's log; {}",
        found.map_or("there is none after it either".to_owned(), |found| format!("the next one there is {found}"))
    )]
    Hole {
        /// The change that should come next.
        expected: i64,
        /// The change that does; nothing where the log ends before a change that was counted.
        found: Option<i64>,
    },
    /// A change in the log is damaged: what it was is unknown, so the index can no longer be trusted.
    #[error("change {seq} of the catalog's log cannot be read: {reason}")]
    Unreadable {
        /// Which one.
        seq: i64,
        /// What cannot be read of it.
        reason: String,
    },
    /// The last change that the index has seen is not the one of that number in the log: the database was set back, and
    /// went on otherwise.
    #[error(
        "change {seq} of the catalog's log is not the one that the index has seen; the database was set back and has other \
         changes since"
    )]
    Another {
        /// Its number.
        seq: i64,
    },
    /// The index has seen changes that the database does not have: it is another database, or an older copy.
    #[error("the index has seen {revision} catalog changes, the database has only {head}")]
    Ahead {
        /// What the index has seen.
        revision: i64,
        /// What the database has.
        head: i64,
    },
    /// The counter of changes stands behind the log: one of the two was set back, and the next change would take a number that
    /// is there.
    #[error(
        "the counter of catalog changes (table catalog_head) says {head}, and the log goes on to {last}: one of them was set \
         back. Restore a back-up, or set the counter to the log's last number"
    )]
    Counter {
        /// What the counter says.
        head: i64,
        /// A change in the log.
        last: i64,
    },
    /// The index does not come to a change of our own, although nothing fails.
    #[error("the index stands at change {revision} of the catalog and has not seen change {wanted} yet")]
    Short {
        /// What the index has seen.
        revision: i64,
        /// The change.
        wanted: i64,
    },
    /// A photo has no embedding of this model yet, and the embedder has no room or failed.
    #[error("photos of the change cannot be embedded now: {0}")]
    Embedder(String),
    /// The index refused.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl FollowError {
    /// Whether it is something that was found wrong with the catalog's log, not a failure to read it.
    pub(super) fn is_finding(&self) -> bool {
        match self {
            Self::Hole { .. }
            | Self::Unreadable { .. }
            | Self::Another { .. }
            | Self::Ahead { .. }
            | Self::Counter { .. } => true,
            Self::Short { .. } | Self::Embedder(_) | Self::Index(_) | Self::Database(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::SnapshotFault;
    use super::*;

    #[test]
    fn a_log_that_is_wrong_is_told_from_one_that_cannot_be_read() {
        let gone = || FollowError::Database(DatabaseError::Unavailable("gone".to_owned()));
        assert!(FollowError::Hole { expected: 2, found: Some(3) }.is_finding());
        assert!(FollowError::Ahead { revision: 3, head: 2 }.is_finding());
        assert!(!gone().is_finding());
        assert!(SnapshotFault::Behind(FollowError::Another { seq: 4 }).is_finding());
        assert!(!SnapshotFault::Behind(gone()).is_finding());
    }
}
