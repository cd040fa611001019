//! Atomic writes: a temporary file in the same folder, fsync, rename, fsync of the folder.
//!
//! A reader sees the old file or the new one. A process that is killed before the rename leaves a file `.NAME.….part` behind,
//! which nothing reads; [`remove_abandoned`] removes such files.
//!
//! [`read_limited`] reads a whole file if it is a regular one of bounded size, so that a pipe or an endless device neither
//! blocks the program nor fills its memory.

use std::fs::{File, Permissions};
use std::io::{Error, ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

/// Suffix of the temporary files.
const TEMPORARY_SUFFIX: &str = ".part";

/// Whether an existing file is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    Replace,
    /// The existing file stays and the write fails, even if the file appeared at the last moment.
    Keep,
}

/// Writes `bytes` to `path`.
///
/// # Errors
/// The folder is missing, or a file in it cannot be written; `path` is not a regular file; with [`IfExists::Keep`], `path`
/// exists.
pub fn write(path: &Path, bytes: &[u8], permissions: Permissions, if_exists: IfExists) -> std::io::Result<()> {
    write_with(path, permissions, if_exists, |file| file.write_all(bytes), |_| Ok(()))
}

/// Writes to `path` what `write` writes to a temporary file, for content that is not in memory as a whole. After the fsync,
/// `verify` is called with the temporary path and can refuse the rename.
///
/// # Errors
/// As [`write`], and the errors of `write` and `verify`. `path` is unchanged then, and the temporary file is removed.
pub fn write_with<T, E: From<Error>>(
    path: &Path,
    permissions: Permissions,
    if_exists: IfExists,
    write: impl FnOnce(&mut File) -> Result<T, E>,
    verify: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<T, E> {
    if std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        // The rename would replace a device, a pipe or a link by a file.
        return Err(Error::other("it exists and is not a regular file, so it is not replaced").into());
    }
    let folder = parent_folder(path);
    let mut temporary =
        tempfile::Builder::new().prefix(&temporary_prefix(path)).suffix(TEMPORARY_SUFFIX).tempfile_in(folder)?;
    let output = write(temporary.as_file_mut())?;
    temporary.as_file().set_permissions(permissions)?;
    temporary.as_file().sync_all()?;
    verify(temporary.path())?;
    persist(temporary, path, if_exists)?;
    File::open(folder)?.sync_all()?;
    Ok(output)
}

/// Whether a file could be written to `path`: creates a temporary file in its folder and removes it.
///
/// # Errors
/// The folder is missing, or a file in it cannot be written.
pub fn check_writable(path: &Path) -> std::io::Result<()> {
    tempfile::tempfile_in(parent_folder(path)).map(drop)
}

/// Reads the file at `path` if it has at most `bytes_max` bytes; a link is followed.
///
/// # Errors
/// The file cannot be read. [`ErrorKind::InvalidInput`]: it is not a regular file. [`ErrorKind::FileTooLarge`]: it is
/// larger; the message says how large.
pub fn read_limited(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    // Before the file is opened, because opening a pipe waits for its other end.
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is a folder"));
    }
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is not a regular file but a pipe, a device or the like"));
    }
    let too_large =
        |bytes: u64| Error::new(ErrorKind::FileTooLarge, format!("it has {bytes} bytes; at most {bytes_max} are read"));
    if metadata.len() > bytes_max {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    // The file may grow meanwhile.
    File::open(path)?.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

/// Removes the temporary files of `path` that were last written at least `idle` ago, by the clock of their disk: their
/// process was killed. Returns their number.
///
/// # Errors
/// The folder cannot be read or written.
pub fn remove_abandoned(path: &Path, idle: Duration) -> std::io::Result<usize> {
    let (folder, prefix) = (parent_folder(path), temporary_prefix(path));
    let now = NamedTempFile::new_in(folder)?.as_file().metadata()?.modified()?;
    let mut removed = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !(name.starts_with(&prefix) && name.ends_with(TEMPORARY_SUFFIX)) {
            continue;
        }
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        if modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age >= idle)) {
            match std::fs::remove_file(entry.path()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => removed += 1,
            }
        }
    }
    Ok(removed)
}

fn persist(temporary: NamedTempFile, path: &Path, if_exists: IfExists) -> std::io::Result<()> {
    let persisted = match if_exists {
        IfExists::Replace => temporary.persist(path),
        IfExists::Keep => temporary.persist_noclobber(path),
    };
    persisted.map(drop).map_err(|error| error.error)
}

/// The folder that `path` is in; `.` for a bare name.
pub fn parent_folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn temporary_prefix(path: &Path) -> String {
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
    fn only_regular_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&target, "kept").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        for path in [link.as_path(), folder.path(), Path::new("/dev/null")] {
            let error = write(path, b"new", private(), IfExists::Replace).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{}: {error}", path.display());
        }
        assert_eq!(
            (names(folder.path()), std::fs::read(&target).unwrap()),
            (vec!["a".into(), "b".into()], b"kept".into())
        );
    }

    #[test]
    fn a_failed_write_or_check_leaves_the_old_file_and_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"old", private(), IfExists::Replace).unwrap();
        let refused = || Err(Error::other("no"));
        let unwritten = write_with(&path, private(), IfExists::Replace, |_| refused(), |_| Ok(()));
        assert_eq!(unwritten.unwrap_err().to_string(), "no");
        let unverified = write_with(
            &path,
            private(),
            IfExists::Replace,
            |file| file.write_all(b"new"),
            |temporary| {
                assert_eq!((std::fs::read(temporary)?, std::fs::read(&path)?), (b"new".to_vec(), b"old".to_vec()));
                refused()
            },
        );
        assert_eq!(unverified.unwrap_err().to_string(), "no");
        assert!(write(&path, b"new", private(), IfExists::Keep).is_err());
        assert_eq!((std::fs::read(&path).unwrap(), names(folder.path())), (b"old".to_vec(), vec!["a".to_owned()]));
    }

    #[test]
    fn only_regular_files_of_a_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_limited(&path, 5).unwrap(), b"12345");
        let message = |path: &Path, bytes_max| read_limited(path, bytes_max).unwrap_err().to_string();
        assert_eq!(message(&path, 4), "it has 5 bytes; at most 4 are read");
        assert_eq!(message(folder.path(), 4), "it is a folder");
        let endless = folder.path().join("endless");
        std::os::unix::fs::symlink("/dev/zero", &endless).unwrap();
        assert!(message(&endless, 4).contains("not a regular file"));
        // Its metadata say 0 bytes, but it has more.
        assert!(message(Path::new("/proc/self/status"), 4).contains("5 bytes"));
        assert_eq!(read_limited(&folder.path().join("absent"), 4).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn only_idle_temporary_files_of_this_path_are_removed() {
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
