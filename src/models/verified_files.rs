//! Which model files have been hashed, so that listing the models does not read all of them each time.
//!
//! Only for listing: a model that is about to be used is read and hashed anyway.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::embedding::{Manifest, Model, ModelError};

/// The result for each manifest's model, by the manifest's file name.
#[derive(Debug, Default)]
pub(super) struct VerifiedFiles(Mutex<HashMap<String, VerifiedFile>>);

#[derive(Debug, Clone)]
struct VerifiedFile {
    stamp: FileStamp,
    outcome: Result<(), String>,
}

/// Identifies the content of a model file, and the hash that its manifest demands. A file that was written to or replaced
/// has another time of change (ctime), which nobody can set back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileStamp {
    demanded_sha256: String,
    bytes: u64,
    device_and_inode: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
}

impl VerifiedFiles {
    /// The manifest `name` of `folder`, if its model's file is what it says; else why the model cannot be used. Reads and
    /// hashes the file only if it has changed since the last time.
    pub(super) fn verify(&self, folder: &Path, name: &str) -> Result<Manifest, String> {
        self.verify_with(folder, name, |path| Model::open(path).map(drop))
    }

    fn verify_with(
        &self,
        folder: &Path,
        name: &str,
        open: impl FnOnce(&Path) -> Result<(), ModelError>,
    ) -> Result<Manifest, String> {
        let path = folder.join(name);
        let manifest = Manifest::read(&path).map_err(|error| error.to_string())?;
        let file = folder.join(&manifest.file);
        let before = stamp(&file, &manifest.sha256);
        let known = self.lock().get(name).filter(|known| Some(&known.stamp) == before.as_ref()).cloned();
        let outcome = match known {
            Some(known) => known.outcome,
            None => {
                let outcome = open(&path).map_err(|error| error.to_string());
                // If the file was replaced meanwhile, it is read again the next time.
                let unchanged = before.filter(|before| stamp(&file, &manifest.sha256).as_ref() == Some(before));
                match unchanged {
                    Some(stamp) => {
                        drop(self.lock().insert(name.to_owned(), VerifiedFile { stamp, outcome: outcome.clone() }));
                    }
                    None => drop(self.lock().remove(name)),
                }
                outcome
            }
        };
        outcome.map(|()| manifest)
    }

    /// Forgets all other manifests.
    pub(super) fn retain(&self, names: &[String]) {
        self.lock().retain(|name, _| names.contains(name));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VerifiedFile>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(file: &Path, demanded_sha256: &str) -> Option<FileStamp> {
    let metadata = std::fs::metadata(file).ok()?;
    Some(FileStamp {
        demanded_sha256: demanded_sha256.to_owned(),
        bytes: metadata.len(),
        device_and_inode: (metadata.dev(), metadata.ino()),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
    const NAME: &str = "tillsight-small.json";

    #[test]
    fn a_file_is_hashed_once_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Manifest::read(&Path::new(SHIPPED).join(NAME)).unwrap();
        for name in [NAME, &manifest.file] {
            std::fs::copy(Path::new(SHIPPED).join(name), folder.path().join(name)).unwrap();
        }
        let (files, hashed) = (VerifiedFiles::default(), Cell::new(0));
        let verify = || {
            files.verify_with(folder.path(), NAME, |path| {
                hashed.set(hashed.get() + 1);
                Model::open(path).map(drop)
            })
        };
        for _ in 0..3 {
            assert_eq!(verify().unwrap().model_id(), manifest.model_id());
        }
        assert_eq!(hashed.get(), 1);

        // Another file of the same size replaces it, with the same time of modification.
        let file = folder.path().join(&manifest.file);
        let metadata = std::fs::metadata(&file).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[0] ^= 1;
        let other = folder.path().join("other");
        std::fs::write(&other, bytes).unwrap();
        std::fs::File::options().write(true).open(&other).unwrap().set_modified(metadata.modified().unwrap()).unwrap();
        std::fs::rename(other, &file).unwrap();
        for _ in 0..3 {
            assert!(verify().unwrap_err().contains("SHA-256"), "what is wrong is kept too");
        }
        assert_eq!(hashed.get(), 2);

        std::fs::remove_file(&file).unwrap();
        verify().unwrap_err();
        std::fs::copy(Path::new(SHIPPED).join(&manifest.file), &file).unwrap();
        assert_eq!(verify().unwrap().model_id(), manifest.model_id());
        files.retain(&[]);
        assert!(files.lock().is_empty());
    }
}
