//! The ZIPs of imports at work, and of those whose photos are looked at, stay open between two photos: reading the directory of a ZIP with 50 000 files takes 70 ms, more
//! than one photo does otherwise.
//!
//! A ZIP that nothing was read from for a minute is closed, so that the space of a deleted one is free again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::archive::Archive;
use crate::automation::JobFailure;

const IDLE: Duration = Duration::from_secs(60);

/// Open ZIPs; cheap to clone.
#[derive(Clone, Default)]
pub struct OpenArchives(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    open: Vec<OpenArchive>,
    /// Whether a task will close them.
    has_closer: bool,
}

struct OpenArchive {
    path: PathBuf,
    archive: Archive,
    used_at: Instant,
}

impl OpenArchives {
    /// The content of a file of the ZIP at `path`, which must not have more than `bytes_max` bytes.
    pub(super) async fn read_file(&self, path: PathBuf, name: String, bytes_max: u64) -> Result<Vec<u8>, JobFailure> {
        let archives = self.clone();
        let read = tokio::task::spawn_blocking(move || archives.read_blocking(&path, &name, bytes_max));
        let read = read.await.map_err(JobFailure::passing)?;
        self.schedule_closing();
        read
    }

    /// Workers that read at the same time have an archive each.
    fn read_blocking(&self, path: &Path, name: &str, bytes_max: u64) -> Result<Vec<u8>, JobFailure> {
        let known = {
            let mut state = self.lock();
            let place = state.open.iter().position(|open| open.path == path);
            place.map(|place| state.open.swap_remove(place).archive)
        };
        let mut archive = known.map_or_else(|| Archive::open(path), Ok)?;
        let read = archive.read_file(name, bytes_max);
        self.lock().open.push(OpenArchive { path: path.to_owned(), archive, used_at: Instant::now() });
        read
    }

    fn schedule_closing(&self) {
        if std::mem::replace(&mut self.lock().has_closer, true) {
            return;
        }
        let archives = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(IDLE).await;
                if archives.close_idle(IDLE) {
                    return;
                }
            }
        });
    }

    /// Closes those that were not read from for so long; true if none is left open.
    fn close_idle(&self, idle: Duration) -> bool {
        let mut state = self.lock();
        state.open.retain(|open| open.used_at.elapsed() < idle);
        state.has_closer = !state.open.is_empty();
        !state.has_closer
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[tokio::test]
    async fn a_zip_stays_open_until_it_is_idle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut writer = ZipWriter::new(std::fs::File::create(&path).unwrap());
        for name in ["a.jpg", "b.jpg"] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        let archives = OpenArchives::default();
        let read = async |name: &str| archives.read_file(path.clone(), name.to_owned(), 10).await;
        assert_eq!(read("a.jpg").await.unwrap(), b"a.jpg");
        assert!(read("c.jpg").await.unwrap_err().reason.contains("c.jpg"));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read("b.jpg").await.unwrap(), b"b.jpg", "the file is still open");
        assert_eq!(archives.lock().open.len(), 1);
        assert!(!archives.close_idle(IDLE));
        assert!(archives.close_idle(Duration::ZERO));
        assert!(read("b.jpg").await.unwrap_err().reason.contains("data folder"));
    }
}
