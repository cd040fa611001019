//! How the index learns of the catalog: it is filled from the database or a snapshot, and follows the log of changes.

mod announcements;
mod error;
pub(crate) mod feed_status;
pub(crate) mod filling;
mod follower;
pub(crate) mod image_embeddings;
pub(crate) mod snapshot_file;
mod stored_index;
pub(crate) mod unsearchable_images;

pub use error::FollowError;
pub use feed_status::IndexOutage;
pub use snapshot_file::SnapshotFault;
pub use stored_index::{
    Difference, FileReport, IndexReport, ModelReport, Rebuilt, SnapshotReport, StoredIndex, StoredIndexError,
    Verification,
};
