//! An uploaded ZIP: checked as a whole before anything of it is used, and read one file at a time.
//!
//! A ZIP is not trusted. What its directory says is checked first: number and sizes of the files, names that climb out,
//! links, encryption, files that share their bytes. A file that turns out longer than it is said to be is cut off.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Component, Path};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::automation::JobFailure;

/// Far more than an import has; listing them takes some megabytes.
const FILES_MAX: usize = 200_000;

/// An open ZIP.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, JobFailure> {
        let file = File::open(path).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                return JobFailure::lasting(
                    "The uploaded ZIP is not in this server's data folder. Servers on one database must share the folder.",
                );
            }
            JobFailure::passing(format!("The uploaded ZIP cannot be opened: {error}."))
        })?;
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| unreadable("The upload", &error))?;
        Ok(Self { zip })
    }

    /// The paths of all files, in the order of the ZIP's directory. Refuses a ZIP that is not what it should be, or whose
    /// files have more than `bytes_max` bytes together.
    pub(super) fn list_files(&mut self, bytes_max: u64) -> Result<Vec<String>, JobFailure> {
        if self.zip.len() > FILES_MAX {
            let count = self.zip.len();
            return Err(JobFailure::lasting(format!("The ZIP has {count} files; at most {FILES_MAX} are allowed.")));
        }
        if self.zip.has_overlapping_files().map_err(|error| unreadable("The upload", &error))? {
            return Err(JobFailure::lasting("The ZIP has files that share their bytes, as ZIP bombs do."));
        }
        let (mut files, mut bytes) = (Vec::with_capacity(self.zip.len()), 0_u64);
        for index in 0..self.zip.len() {
            let entry = self.zip.by_index_data(index).map_err(|error| unreadable("The upload", &error))?;
            let name = entry.name().map_err(|error| unreadable("The upload", &error))?.into_owned();
            let refuse = |what: &str| Err(JobFailure::lasting(format!("The ZIP has \"{}\", {what}.", shorten(&name))));
            if entry.is_symlink() {
                return refuse("which is a link. Pack the files themselves");
            }
            if !is_inside(&name) {
                return refuse("whose path leads out of the ZIP");
            }
            if entry.is_dir() || is_hidden(&name) {
                continue;
            }
            if entry.encrypted() {
                return refuse("which is encrypted. Pack the files without a password");
            }
            bytes = bytes.saturating_add(entry.size());
            if bytes > bytes_max {
                let limit = format!("The files of the ZIP have more than the {bytes_max} bytes allowed together.");
                return Err(JobFailure::lasting(limit));
            }
            files.push(name);
        }
        Ok(files)
    }

    /// The content of a file, which must not have more than `bytes_max` bytes.
    pub(super) fn read_file(&mut self, name: &str, bytes_max: u64) -> Result<Vec<u8>, JobFailure> {
        let file = match self.zip.by_name(name) {
            Ok(file) => file,
            Err(ZipError::FileNotFound) => {
                return Err(JobFailure::lasting(format!("\"{}\" is not in the ZIP.", shorten(name))));
            }
            Err(error) => return Err(unreadable(name, &error)),
        };
        let mut bytes = Vec::new();
        // One byte more tells a file that is too long; the size in the directory may be a lie.
        let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| {
            tracing::info!(%error, "a file of a ZIP cannot be unpacked");
            JobFailure::lasting(format!("\"{}\" is damaged in the ZIP. Pack the file again.", shorten(name)))
        })?;
        if bytes.len() as u64 > bytes_max {
            let reason = format!("\"{}\" has more than the {bytes_max} bytes allowed.", shorten(name));
            return Err(JobFailure::lasting(reason));
        }
        Ok(bytes)
    }
}

fn unreadable(what: &str, error: &ZipError) -> JobFailure {
    let what = shorten(what);
    if matches!(error, ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_)) {
        return JobFailure::lasting(format!(
            "{what} cannot be read as a ZIP: it is packed in a way that is not supported. Pack it as a plain ZIP."
        ));
    }
    tracing::info!(%error, "an uploaded ZIP cannot be read");
    JobFailure::lasting(format!(
        "{what} cannot be read as a ZIP: it is another kind of file, damaged, or not complete."
    ))
}

/// Whether a path consists of plain names.
fn is_inside(name: &str) -> bool {
    let is_plain = |component: Component| matches!(component, Component::Normal(_) | Component::CurDir);
    !name.is_empty() && !name.contains(['\\', '\0']) && Path::new(name).components().all(is_plain)
}

/// What systems add by themselves.
fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX" || part == "Thumbs.db")
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn open(fill: impl FnOnce(&mut ZipWriter<File>)) -> Archive {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut writer = ZipWriter::new(File::create(&path).unwrap());
        fill(&mut writer);
        writer.finish().unwrap();
        Archive::open(&path).unwrap()
    }

    fn add(writer: &mut ZipWriter<File>, name: &str, content: &[u8]) {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }

    #[test]
    fn files_are_listed_and_read_and_those_of_the_system_left_out() {
        let mut archive = open(|writer| {
            add(writer, "products.csv", b"name\nMilk\n");
            add(writer, "images/milk.jpg", b"12345");
            add(writer, "__MACOSX/images/._milk.jpg", b"x");
            add(writer, ".DS_Store", b"x");
        });
        assert_eq!(archive.list_files(100).unwrap(), ["products.csv", "images/milk.jpg"]);
        assert_eq!(archive.read_file("images/milk.jpg", 5).unwrap(), b"12345");
        assert!(archive.read_file("images/milk.jpg", 4).unwrap_err().reason.contains("4 bytes"));
        assert!(archive.read_file("images/soap.jpg", 9).unwrap_err().reason.contains("images/soap.jpg"));
        assert!(archive.list_files(14).unwrap_err().reason.contains("14 bytes"));
    }

    #[test]
    fn climbing_paths_and_links_are_refused_by_name() {
        for name in ["../up.jpg", "a/../../up.jpg", "/etc/passwd", "a\\..\\up.jpg"] {
            let mut archive = open(|writer| add(writer, name, b"x"));
            let refused = archive.list_files(100).unwrap_err();
            assert!(refused.is_lasting && refused.reason.contains("leads out"), "{name}: {refused}");
        }
        let mut archive = open(|writer| {
            writer.add_symlink("milk.jpg", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        });
        assert!(archive.list_files(100).unwrap_err().reason.contains("link"));
    }

    #[test]
    fn a_small_zip_of_a_large_file_is_refused_before_it_is_unpacked() {
        let zeros = vec![0; 1 << 20];
        let mut archive = open(|writer| add(writer, "bomb.jpg", &zeros));
        assert!(archive.list_files(1 << 19).unwrap_err().is_lasting);
        assert!(archive.read_file("bomb.jpg", 1 << 10).unwrap_err().reason.contains("1024"));
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        std::fs::write(&path, b"not a zip at all").unwrap();
        assert!(Archive::open(&path).err().unwrap().is_lasting);
        assert!(Archive::open(&folder.path().join("missing.zip")).err().unwrap().reason.contains("data folder"));
    }
}
