//! Which model files have been hashed already, so that whoever lists the models does not read all of them each time.
//!
//! Only for showing: a model that is about to be used is read and hashed anyway.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::embedding::{Manifest, Model, ModelError};

/// What was found of each manifest's model, by the manifest's file name.
#[derive(Debug, Default)]
pub(super) struct CheckedFiles(Mutex<Known>);

type Known = HashMap<String, (FileStamp, Result<(), String>)>;

/// What the manifest demands, and which file was looked at. A file that was written to or exchanged has another time of
/// change, which nobody can set back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileStamp {
    wanted: String,
    bytes: u64,
    place: (u64, u64),
    written: (i64, i64),
    changed: (i64, i64),
}

impl CheckedFiles {
    /// The manifest `name` of `folder`, where its model's file is what it says; else why that cannot be used. Reads and hashes
    /// the file where that was not done since it changed.
    pub(super) fn model(&self, folder: &Path, name: &str) -> Result<Manifest, String> {
        self.model_by(folder, name, |path| Model::open(path).map(drop))
    }

    fn model_by(
        &self,
        folder: &Path,
        name: &str,
        open: impl FnOnce(&Path) -> Result<(), ModelError>,
    ) -> Result<Manifest, String> {
        let path = folder.join(name);
        let manifest = Manifest::read(&path).map_err(|error| error.to_string())?;
        let file = folder.join(&manifest.file);
        let before = stamp(&file, &manifest.sha256);
        let known = self.known().get(name).filter(|(known, _)| Some(known) == before.as_ref()).cloned();
        let found = match known {
            Some((_, found)) => found,
            None => {
                let found = open(&path).map_err(|error| error.to_string());
                // A file that was exchanged meanwhile is looked at once more.
                let same = before.filter(|before| stamp(&file, &manifest.sha256).as_ref() == Some(before));
                match same {
                    Some(stamp) => drop(self.known().insert(name.to_owned(), (stamp, found.clone()))),
                    None => drop(self.known().remove(name)),
                }
                found
            }
        };
        found.map(|()| manifest)
    }

    /// Forgets manifests that are gone.
    pub(super) fn keep_only(&self, names: &[String]) {
        self.known().retain(|name, _| names.contains(name));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(file: &Path, wanted: &str) -> Option<FileStamp> {
    let about = std::fs::metadata(file).ok()?;
    Some(FileStamp {
        wanted: wanted.to_owned(),
        bytes: about.len(),
        place: (about.dev(), about.ino()),
        written: (about.mtime(), about.mtime_nsec()),
        changed: (about.ctime(), about.ctime_nsec()),
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
        let (checked, hashed) = (CheckedFiles::default(), Cell::new(0));
        let look = || {
            checked.model_by(folder.path(), NAME, |path| {
                hashed.set(hashed.get() + 1);
                Model::open(path).map(drop)
            })
        };
        for _ in 0..3 {
            assert_eq!(look().unwrap().model_id(), manifest.model_id());
        }
        assert_eq!(hashed.get(), 1);

        // Another file of the same size takes its place, with the same time of writing.
        let file = folder.path().join(&manifest.file);
        let about = std::fs::metadata(&file).unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[0] ^= 1;
        let beside = folder.path().join("beside");
        std::fs::write(&beside, bytes).unwrap();
        std::fs::File::options().write(true).open(&beside).unwrap().set_modified(about.modified().unwrap()).unwrap();
        std::fs::rename(beside, &file).unwrap();
        for _ in 0..3 {
            assert!(look().unwrap_err().contains("SHA-256"), "what is wrong is kept too");
        }
        assert_eq!(hashed.get(), 2);

        std::fs::remove_file(&file).unwrap();
        look().unwrap_err();
        std::fs::copy(Path::new(SHIPPED).join(&manifest.file), &file).unwrap();
        assert_eq!(look().unwrap().model_id(), manifest.model_id());
        checked.keep_only(&[]);
        assert!(checked.known().is_empty());
    }
}
