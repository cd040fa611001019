//! A file or folder that must stay where it was at the start. Blocks the thread.

use std::io::{ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Device and inode: another file under the same path has others.
type FileId = (u64, u64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileChange {
    Removed,
    Replaced,
    /// Nobody knows whether it is still there, for example without the right to look into its folder.
    Unreadable(ErrorKind),
}

#[derive(Debug, Clone)]
pub(super) struct WatchedFile {
    path: PathBuf,
    id: FileId,
    /// Whether another file may take its place, as when a manifest is edited.
    replaceable: bool,
}

impl WatchedFile {
    /// `None` if nothing has this path.
    pub fn new(path: &Path, replaceable: bool) -> Option<Self> {
        Some(Self { path: path.to_owned(), id: read_id(path).ok()?, replaceable })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn change(&self) -> Option<FileChange> {
        match read_id(&self.path) {
            Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
                Some(FileChange::Removed)
            }
            Err(error) => Some(FileChange::Unreadable(error.kind())),
            Ok(id) if id != self.id && !self.replaceable => Some(FileChange::Replaced),
            Ok(_) => None,
        }
    }
}

fn read_id(path: &Path) -> Result<FileId> {
    std::fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_removed_or_replaced_is_noticed_and_its_return_too() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("a"), folder.path().join("aside"));
        assert!(WatchedFile::new(&path, false).is_none());
        std::fs::write(&path, "1").unwrap();
        let (fixed, replaceable) = (WatchedFile::new(&path, false).unwrap(), WatchedFile::new(&path, true).unwrap());
        std::fs::write(&path, "2").unwrap();
        assert_eq!((fixed.change(), replaceable.change()), (None, None), "written in place");
        std::fs::rename(&path, &aside).unwrap();
        assert_eq!((fixed.change(), replaceable.change()), (Some(FileChange::Removed), Some(FileChange::Removed)));
        std::fs::write(&path, "3").unwrap();
        assert_eq!((fixed.change(), replaceable.change()), (Some(FileChange::Replaced), None));
        std::fs::rename(&aside, &path).unwrap();
        assert_eq!(fixed.change(), None);
    }

    #[test]
    fn a_path_that_cannot_be_looked_at_is_not_called_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "1").unwrap();
        let mut file = WatchedFile::new(&path, false).unwrap();
        // Fails for root too, unlike a folder without rights.
        file.path = folder.path().join("a".repeat(300));
        assert!(matches!(file.change(), Some(FileChange::Unreadable(_))));
    }
}
