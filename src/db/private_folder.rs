//! Folders for the database, keys and photos, which only their owner may read.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Creates `folder` and its missing parents, readable only by their owner.
pub(super) fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
