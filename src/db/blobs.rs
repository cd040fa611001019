//! Originals of enrolled photos: files named by the SHA-256 of their content, under `images/` of the data folder.
//!
//! Invariants: a file's path follows from its hash alone, never from what a client sent; a file with its final name is
//! complete and durable (`atomic_file`); a file never changes.
//! A file that no row names is deleted only when nobody has written it for a while ([`Blobs::remove_idle`]): another upload
//! of the same content may be about to name it again. An upload that finds its file there already renews the file's time.
//!
//! Servers that share a database must share this folder too; they know it by the identifier in it ([`Blobs::folder_id`]). File work blocks, so it runs on tokio's blocking threads;
//! it must never be done inside a [`Tx`](super::Tx).

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::private_folder::make_private_folder;
use crate::atomic_file::{self, IfExists};
use crate::domain::describe_io_error;

/// The file with the folder's identifier. No folder of photos has such a name.
const FOLDER_ID: &str = "folder-id";

/// SHA-256 of a photo's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Hashes `bytes`: some milliseconds for a large photo, so not on an HTTP worker.
    pub fn from_content(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl TryFrom<Vec<u8>> for ContentHash {
    type Error = String;
    fn try_from(bytes: Vec<u8>) -> Result<Self, String> {
        let length = bytes.len();
        bytes.try_into().map(Self).map_err(|_| format!("a content hash has 32 bytes, not {length}"))
    }
}

impl std::fmt::Display for ContentHash {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the disk that holds {} is full", .0.display())]
    Full(PathBuf),
    /// The hash of the content is not the one in the file's name.
    #[error("file {} is damaged: its content does not match the SHA-256 in its name", .0.display())]
    Damaged(PathBuf),
    #[error("file {}: {}", path.display(), describe_io_error(error))]
    Io { path: PathBuf, error: std::io::Error },
    /// The blocking task was cancelled or panicked.
    #[error("the thread that handles files has failed")]
    Thread,
}

impl BlobError {
    pub(super) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |error| {
            let full = [std::io::ErrorKind::StorageFull, std::io::ErrorKind::QuotaExceeded].contains(&error.kind());
            if full { Self::Full(path) } else { Self::Io { path, error } }
        }
    }
}

/// The folder of original photos; cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: Arc<Path>,
}

impl Blobs {
    /// Opens `images/` under `data_dir`; creates it if missing.
    pub fn open(data_dir: &Path) -> Result<Self, BlobError> {
        let root = data_dir.join("images");
        make_private_folder(&root).map_err(BlobError::at(&root))?;
        Ok(Self { root: root.into() })
    }

    /// The identifier of the folder, made when it is first asked for: on whatever machine it is mounted, it is the same. Blocks.
    pub fn folder_id(&self) -> Result<Uuid, BlobError> {
        let path = self.root.join(FOLDER_ID);
        let fresh = Uuid::new_v4().to_string();
        match atomic_file::write(&path, fresh.as_bytes(), Permissions::from_mode(0o600), IfExists::Keep) {
            Ok(()) => {}
            // Also if another server was faster.
            Err(_) if path.exists() => {}
            Err(error) => return Err(BlobError::at(&path)(error)),
        }
        let text = std::fs::read_to_string(&path).map_err(BlobError::at(&path))?;
        let damaged =
            |_| std::io::Error::other("it holds no identifier; remove it, and the next start makes a new one");
        Uuid::parse_str(text.trim()).map_err(damaged).map_err(BlobError::at(&path))
    }

    /// Whether `images`, a folder of photos, holds any. False if it does not exist.
    pub fn holds_photos(images: &Path) -> bool {
        let entries = std::fs::read_dir(images).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.file_name() != FOLDER_ID)
    }

    /// Stores `bytes`, whose hash is `hash`; quick if they are stored already. Durable when it returns.
    ///
    /// # Cancel safety
    /// If the future is dropped, the file is complete or absent; a temporary file may remain, which nothing reads.
    pub async fn put(&self, hash: ContentHash, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<(), BlobError> {
        let path = self.path(hash);
        tokio::task::spawn_blocking(move || write_file(&path, bytes.as_ref())).await.map_err(|_| BlobError::Thread)?
    }

    /// The content with this hash, if it is stored. A file whose content has changed is an error.
    pub async fn get(&self, hash: ContentHash) -> Result<Option<Vec<u8>>, BlobError> {
        let path = self.path(hash);
        tokio::task::spawn_blocking(move || read_file(&path, hash)).await.map_err(|_| BlobError::Thread)?
    }

    /// The files that nobody has written for `idle`, in no order.
    pub async fn list_idle(&self, idle: Duration) -> Result<Vec<ContentHash>, BlobError> {
        let root = Arc::clone(&self.root);
        tokio::task::spawn_blocking(move || list_idle(&root, idle)).await.map_err(|_| BlobError::Thread)?
    }

    /// Deletes a file that no row names. False if somebody has written it within `idle`, then it stays.
    pub async fn remove_idle(&self, hash: ContentHash, idle: Duration) -> Result<bool, BlobError> {
        let path = self.path(hash);
        tokio::task::spawn_blocking(move || remove_idle(&path, idle)).await.map_err(|_| BlobError::Thread)?
    }

    /// `images/ab/cdef…`: 256 folders keep each of them short.
    fn path(&self, hash: ContentHash) -> PathBuf {
        let name = hash.to_string();
        let (folder, file) = name.split_at(2);
        self.root.join(folder).join(file)
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), BlobError> {
    let folder = path.parent().unwrap_or(path);
    let size = std::fs::metadata(path).map(|metadata| metadata.len());
    if size.is_ok_and(|size| size == bytes.len() as u64) {
        match renew_time(path) {
            // The upload that wrote it may not have synced it yet, and the caller commits a row that relies on it.
            Ok(()) => return sync_folder(folder),
            // It was deleted just now.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(BlobError::at(path)(error)),
        }
    }
    if !folder.is_dir() {
        make_private_folder(folder).map_err(BlobError::at(folder))?;
        sync_folder(folder.parent().unwrap_or(folder))?;
    }
    atomic_file::write(path, bytes, Permissions::from_mode(0o600), IfExists::Replace).map_err(BlobError::at(path))
}

fn read_file(path: &Path, hash: ContentHash) -> Result<Option<Vec<u8>>, BlobError> {
    match std::fs::read(path) {
        Ok(bytes) if ContentHash::from_content(&bytes) == hash => Ok(Some(bytes)),
        Ok(_) => Err(BlobError::Damaged(path.to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BlobError::at(path)(error)),
    }
}

fn renew_time(path: &Path) -> std::io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "compared with the times that the file system gives")]
    let now = std::time::SystemTime::now();
    File::options().append(true).open(path)?.set_modified(now)
}

fn is_idle(path: &Path, idle: Duration) -> std::io::Result<bool> {
    let modified = std::fs::metadata(path)?.modified()?;
    // A time in the future was set by a clock that has been set back since.
    Ok(modified.elapsed().is_ok_and(|age| age >= idle))
}

fn list_idle(root: &Path, idle: Duration) -> Result<Vec<ContentHash>, BlobError> {
    let mut found = Vec::new();
    for folder in read_folder(root)? {
        let prefix = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for path in read_folder(&folder)? {
            let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
            let hash = hex::decode(&name).ok().and_then(|bytes| ContentHash::try_from(bytes).ok());
            // Another server may delete it meanwhile.
            if let Some(hash) = hash.filter(|_| is_idle(&path, idle).unwrap_or(false)) {
                found.push(hash);
            }
        }
    }
    Ok(found)
}

fn read_folder(folder: &Path) -> Result<Vec<PathBuf>, BlobError> {
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    match entries {
        Ok(paths) => Ok(paths),
        // A file beside the folders.
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(Vec::new()),
        Err(error) => Err(BlobError::at(folder)(error)),
    }
}

/// Out of the way first: an upload that comes now writes the file anew, and one that has just renewed its time is seen.
fn remove_idle(path: &Path, idle: Duration) -> Result<bool, BlobError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.orphan"));
    match std::fs::rename(path, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(BlobError::at(path)(error)),
    }
    if is_idle(&aside, idle).map_err(BlobError::at(&aside))? {
        std::fs::remove_file(&aside).map_err(BlobError::at(&aside))?;
        return Ok(true);
    }
    std::fs::rename(&aside, path).map_err(BlobError::at(&aside))?;
    Ok(false)
}

/// A rename is durable once its folder is synced.
fn sync_folder(folder: &Path) -> Result<(), BlobError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(BlobError::at(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(root: &Path) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(root.join("images")).unwrap();
        folders
            .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
            .map(|f| f.unwrap().path())
            .collect()
    }

    #[tokio::test]
    async fn content_is_stored_once_and_read_by_its_hash() {
        let root = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(root.path()).unwrap();
        let hash = ContentHash::from_content(b"a photo");
        assert_eq!(blobs.get(hash).await.unwrap(), None);
        let many = (0..8).map(|_| blobs.put(hash, b"a photo".to_vec()));
        for done in futures_util::future::join_all(many).await {
            done.unwrap();
        }
        assert_eq!(blobs.get(hash).await.unwrap().as_deref(), Some(b"a photo".as_slice()));
        let name = hash.to_string();
        assert_eq!(files(root.path()), [root.path().join("images").join(&name[..2]).join(&name[2..])]);
    }

    #[tokio::test]
    async fn a_damaged_file_is_refused_and_another_upload_repairs_it() {
        let root = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(root.path()).unwrap();
        let hash = ContentHash::from_content(b"a photo");
        blobs.put(hash, b"a photo".to_vec()).await.unwrap();
        std::fs::write(&files(root.path())[0], b"a ph").unwrap();
        assert!(matches!(blobs.get(hash).await, Err(BlobError::Damaged(_))));
        blobs.put(hash, b"a photo".to_vec()).await.unwrap();
        assert!(blobs.get(hash).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn only_idle_files_are_removed_and_an_upload_makes_a_file_busy() {
        let root = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(root.path()).unwrap();
        let hash = ContentHash::from_content(b"a photo");
        blobs.put(hash, b"a photo".to_vec()).await.unwrap();
        let day = Duration::from_secs(86_400);
        assert!(blobs.list_idle(day).await.unwrap().is_empty());
        let old = std::fs::metadata(&files(root.path())[0]).unwrap().modified().unwrap() - 2 * day;
        let make_old = || File::options().append(true).open(&files(root.path())[0]).unwrap().set_modified(old).unwrap();
        make_old();
        assert_eq!(blobs.list_idle(day).await.unwrap(), [hash]);
        // The same photo is uploaded between the search and the removal.
        blobs.put(hash, b"a photo".to_vec()).await.unwrap();
        assert!(!blobs.remove_idle(hash, day).await.unwrap());
        assert!(blobs.get(hash).await.unwrap().is_some());
        make_old();
        assert!(blobs.remove_idle(hash, day).await.unwrap());
        assert!(files(root.path()).is_empty() && !blobs.remove_idle(hash, day).await.unwrap());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_named() {
        let root = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(root.path()).unwrap();
        let hash = ContentHash::from_content(b"a photo");
        // A file in place of the folder: fails even for root.
        std::fs::write(root.path().join("images").join(&hash.to_string()[..2]), b"").unwrap();
        let error = blobs.put(hash, b"a photo".to_vec()).await.unwrap_err().to_string();
        assert!(error.contains("images"), "{error}");
    }
}
