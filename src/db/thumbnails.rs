//! Thumbnails of enrolled photos: JPEG files named by the photo's id, under `thumbnails/` of the data folder.
//!
//! A cache: a thumbnail never changes, since a photo never does, and a lost one is made again. So back-ups leave the folder
//! out, and it may be deleted at any time.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blobs::BlobError;
use super::private_folder::make_private_folder;
use crate::atomic_file::{self, IfExists};
use crate::domain::ImageId;

/// The folder of thumbnails; cheap to clone.
#[derive(Debug, Clone)]
pub struct Thumbnails {
    root: Arc<Path>,
}

impl Thumbnails {
    pub fn new(data_dir: &Path) -> Self {
        Self { root: data_dir.join("thumbnails").into() }
    }

    pub async fn get(&self, id: ImageId) -> Result<Option<Vec<u8>>, BlobError> {
        let path = self.path(id);
        let read = move || match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobError::at(&path)(error)),
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| BlobError::Thread)?
    }

    pub async fn put(&self, id: ImageId, jpeg: Vec<u8>) -> Result<(), BlobError> {
        let path = self.path(id);
        let write = move || {
            let folder = path.parent().unwrap_or(&path);
            make_private_folder(folder).map_err(BlobError::at(folder))?;
            let permissions = Permissions::from_mode(0o600);
            atomic_file::write(&path, &jpeg, permissions, IfExists::Replace).map_err(BlobError::at(&path))
        };
        tokio::task::spawn_blocking(write).await.map_err(|_| BlobError::Thread)?
    }

    /// `thumbnails/ef/….jpg`. Ids of one day begin alike, so the folder is named by the last two digits.
    fn path(&self, id: ImageId) -> PathBuf {
        let name = id.to_string();
        let folder = &name[name.len() - 2..];
        self.root.join(folder).join(format!("{name}.jpg"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[tokio::test]
    async fn a_thumbnail_is_found_until_it_is_deleted() {
        let root = tempfile::tempdir().unwrap();
        let thumbnails = Thumbnails::new(root.path());
        let id = ImageId::generate(Timestamp::from_micros(1_767_614_400_000_000));
        assert_eq!(thumbnails.get(id).await.unwrap(), None);
        thumbnails.put(id, b"small".to_vec()).await.unwrap();
        assert_eq!(thumbnails.get(id).await.unwrap().as_deref(), Some(b"small".as_slice()));
        std::fs::remove_dir_all(root.path().join("thumbnails")).unwrap();
        assert_eq!(thumbnails.get(id).await.unwrap(), None);
        thumbnails.put(id, b"again".to_vec()).await.unwrap();
        assert!(thumbnails.get(id).await.unwrap().is_some());
    }
}
