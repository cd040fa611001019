//! Files that appear whole or not at all: temporary name beside the place, fsync, rename, fsync of the folder.
//!
//! Until the rename whatever lay at the place lies there untouched. A process that is killed before it leaves a file
//! `.NAME.….part` behind, which nothing reads; [`remove_abandoned`] clears such files away.
//!
//! And files that are read whole ([`read`]): of a known kind and size, so that a pipe or an endless device neither holds a
//! program up nor fills its memory.

use std::fs::{File, Permissions};
use std::io::{Error, ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

/// How unfinished files end.
const UNFINISHED: &str = ".part";

/// Whether a file that is there already is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// Another takes its place.
    Replace,
    /// It stays, and that it is there is an error, even where it appeared at the last moment.
    Keep,
}

/// Puts `bytes` at `path`.
///
/// # Errors
/// The folder is missing, or a file in it cannot be written; something is at `path` that is no regular file; with [`IfExists::Keep`], something is at `path` already.
pub fn put(path: &Path, bytes: &[u8], permissions: Permissions, existing: IfExists) -> std::io::Result<()> {
    fill(path, permissions, existing, |file| file.write_all(bytes), |_| Ok(()))
}

/// Puts at `path` what `write` writes into the empty file that it is handed; for content that is not in memory at once.
/// Once all of it is on the disk, `verify` is handed the file's temporary path and has the last word before the rename.
///
/// # Errors
/// As [`put`]; something is at `path` that is no regular file; what `write` or `verify` says. Nothing appears at `path` then, and the temporary file is removed.
pub fn fill<T, E: From<Error>>(
    path: &Path,
    permissions: Permissions,
    existing: IfExists,
    write: impl FnOnce(&mut File) -> Result<T, E>,
    verify: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<T, E> {
    if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        // The rename would put a file in the place of a device, a pipe or a link.
        return Err(Error::other("something is there that is no regular file, and is not replaced").into());
    }
    let folder = folder_of(path);
    let mut unfinished = tempfile::Builder::new().prefix(&prefix(path)).suffix(UNFINISHED).tempfile_in(folder)?;
    let written = write(unfinished.as_file_mut())?;
    unfinished.as_file().set_permissions(permissions)?;
    unfinished.as_file().sync_all()?;
    verify(unfinished.path())?;
    persist(unfinished, path, existing)?;
    File::open(folder)?.sync_all()?;
    Ok(written)
}

/// Whether a file could be put at `path`: one is made beside it, and gone again at once.
///
/// # Errors
/// The folder is missing, or a file in it cannot be written.
pub fn try_beside(path: &Path) -> std::io::Result<()> {
    tempfile::tempfile_in(folder_of(path)).map(drop)
}

/// All bytes of the file at `path`, where they are at most `most`; a link is followed.
///
/// # Errors
/// It cannot be read. [`ErrorKind::InvalidInput`]: it is no regular file. [`ErrorKind::FileTooLarge`]: it is larger; the
/// message says how large.
pub fn read(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    // Looked at before it is opened: opening a pipe waits for its other end.
    let about = std::fs::metadata(path)?;
    if about.is_dir() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is a folder"));
    }
    if !about.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no regular file but a pipe, a device or the like"));
    }
    let too_large =
        |bytes: u64| Error::new(ErrorKind::FileTooLarge, format!("it has {bytes} bytes; at most {most} are read"));
    if about.len() > most {
        return Err(too_large(about.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default());
    // It may grow while it is read.
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

/// Removes unfinished files of `path` that nobody has written to for `idle`, by the clock of the disk that they lie on:
/// whoever wrote them was killed. Gives how many they were.
///
/// # Errors
/// The folder cannot be read or written. A file that is gone by itself meanwhile is none.
pub fn remove_abandoned(path: &Path, idle: Duration) -> std::io::Result<usize> {
    let (folder, prefix) = (folder_of(path), prefix(path));
    let now = NamedTempFile::new_in(folder)?.as_file().metadata()?.modified()?;
    let mut removed = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !(name.starts_with(&prefix) && name.ends_with(UNFINISHED)) {
            continue;
        }
        let written = entry.metadata().and_then(|about| about.modified());
        if written.is_ok_and(|written| now.duration_since(written).is_ok_and(|since| since >= idle)) {
            match std::fs::remove_file(entry.path()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => removed += 1,
            }
        }
    }
    Ok(removed)
}

fn persist(unfinished: NamedTempFile, path: &Path, existing: IfExists) -> std::io::Result<()> {
    let persisted = match existing {
        IfExists::Replace => unfinished.persist(path),
        IfExists::Keep => unfinished.persist_noclobber(path),
    };
    persisted.map(drop).map_err(|error| error.error)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How the names of the unfinished files of `path` begin.
fn prefix(path: &Path) -> String {
    format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::SystemTime;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn private() -> Permissions {
        Permissions::from_mode(0o600)
    }

    #[test]
    fn what_is_no_regular_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&target, "kept").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        for path in [link.as_path(), folder.path(), Path::new("/dev/null")] {
            let error = put(path, b"new", private(), IfExists::Replace).unwrap_err().to_string();
            assert!(error.contains("no regular file"), "{}: {error}", path.display());
        }
        assert_eq!(
            (names(folder.path()), std::fs::read(&target).unwrap()),
            (vec!["a".into(), "b".into()], b"kept".into())
        );
    }

    #[test]
    fn what_cannot_be_written_or_verified_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        put(&path, b"old", private(), IfExists::Replace).unwrap();
        let refused = || Err(Error::other("no"));
        let unwritten = fill(&path, private(), IfExists::Replace, |_| refused(), |_| Ok(()));
        assert_eq!(unwritten.unwrap_err().to_string(), "no");
        let unverified = fill(
            &path,
            private(),
            IfExists::Replace,
            |file| file.write_all(b"new"),
            |unfinished| {
                assert_eq!((std::fs::read(unfinished)?, std::fs::read(&path)?), (b"new".to_vec(), b"old".to_vec()));
                refused()
            },
        );
        assert_eq!(unverified.unwrap_err().to_string(), "no");
        assert!(put(&path, b"new", private(), IfExists::Keep).is_err());
        assert_eq!((std::fs::read(&path).unwrap(), names(folder.path())), (b"old".to_vec(), vec!["a".to_owned()]));
    }

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        let refused = |path: &Path, most| read(path, most).unwrap_err().to_string();
        assert_eq!(refused(&path, 4), "it has 5 bytes; at most 4 are read");
        assert_eq!(refused(folder.path(), 4), "it is a folder");
        let endless = folder.path().join("endless");
        std::os::unix::fs::symlink("/dev/zero", &endless).unwrap();
        assert!(refused(&endless, 4).contains("no regular file"));
        // Says that it has 0 bytes, and has more.
        assert!(refused(Path::new("/proc/self/status"), 4).contains("5 bytes"));
        assert_eq!(read(&folder.path().join("absent"), 4).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn only_unfinished_files_of_this_place_that_rest_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let hour = Duration::from_secs(3_600);
        for name in [".a.1.part", ".a.2.part", ".ab.1.part", "a", ".a.1"] {
            let file = File::create(folder.path().join(name)).unwrap();
            if name != ".a.2.part" {
                file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }
        }
        assert_eq!(remove_abandoned(&folder.path().join("a"), hour).unwrap(), 1);
        assert_eq!(names(folder.path()), [".a.1", ".a.2.part", ".ab.1.part", "a"]);
    }
}
