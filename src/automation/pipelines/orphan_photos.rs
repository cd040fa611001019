//! Photo files that no product has: left behind by uploads that failed after the file was written.
//!
//! An upload of the same content may be about to name such a file, so only files that nobody wrote or touched for a day are
//! looked at, and [`Blobs::remove_idle`] looks again when it has the file out of the way.

use std::time::Duration;

use crate::automation::JobFailure;
use crate::db::blobs::Blobs;
use crate::db::{Database, product_images};

/// Longer than any upload takes.
const IDLE: Duration = Duration::from_secs(86_400);

/// Returns the number of files that were removed.
pub(super) async fn remove(db: &Database, blobs: &Blobs) -> Result<u64, JobFailure> {
    let mut removed = 0;
    for hash in blobs.list_idle(IDLE).await.map_err(JobFailure::passing)? {
        let is_named = product_images::exists_with_content(&mut db.read().await?, hash).await?;
        if !is_named && blobs.remove_idle(hash, IDLE).await.map_err(JobFailure::passing)? {
            // A row that was written while the file was being removed: the upload has written the file anew.
            removed += 1;
        }
    }
    Ok(removed)
}
