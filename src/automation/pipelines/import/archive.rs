//! An uploaded ZIP: checked as a whole before anything of it is used, and read one file at a time.
//!
//! A ZIP is not trusted. What its directory says is checked first: number and sizes of the files, names that climb out,
//! links, encryption, unknown compression, files that share their bytes. A file that turns out longer than it is said to be is cut
//! off.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Component, Path};

use zip::read::Config;
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;
use zip::{CompressionMethod, ZipArchive};

use super::archive_paths::normalize_entry;
use crate::automation::JobFailure;

/// Far more than an import has; listing them takes some megabytes.
const FILES_MAX: usize = 200_000;

/// An open ZIP.
pub(super) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    /// The files by their paths as we write them; read when a file has another path in the ZIP.
    normalized: Option<HashMap<String, usize>>,
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
        let mut reader = BufReader::new(file);
        // Before the whole directory is read into memory: two gigabytes of ZIP have room for 20 million empty files. What this
        // cannot read, the next call refuses.
        if let Ok(directory) = ZipIterable::try_new(&mut reader, Config::default())
            && directory.len() > FILES_MAX
        {
            let count = directory.len();
            return Err(JobFailure::lasting(format!("The ZIP has {count} files; at most {FILES_MAX} are allowed.")));
        }
        let zip = ZipArchive::new(reader).map_err(|error| unreadable("The upload", &error))?;
        Ok(Self { zip, normalized: None })
    }

    /// The paths of all files, in the order of the ZIP's directory. Refuses a ZIP that is not what it should be, or whose
    /// files have more than `bytes_max` bytes together.
    pub(super) fn list_files(&mut self, bytes_max: u64) -> Result<Vec<String>, JobFailure> {
        if self.zip.has_overlapping_files().map_err(|error| unreadable("The upload", &error))? {
            return Err(JobFailure::lasting("The ZIP has files that share their bytes, as ZIP bombs do."));
        }
        let (mut files, mut bytes) = (Vec::with_capacity(self.zip.len()), 0_u64);
        for index in 0..self.zip.len() {
            let entry = self.zip.by_index_data(index).map_err(|error| unreadable("The upload", &error))?;
            let name = entry.name().map_err(|error| unreadable("The upload", &error))?;
            let name = normalize_entry(entry.name_raw(), &name);
            let refuse = |what: &str| Err(JobFailure::lasting(format!("The ZIP has \"{}\", {what}.", shorten(&name))));
            // `./`, with which tar's programs begin.
            if name.is_empty() {
                continue;
            }
            if entry.is_symlink() {
                return refuse("which is a link. Pack the files themselves");
            }
            if !is_inside(&name) {
                return refuse("whose path leads out of the ZIP");
            }
            if name.ends_with('/') || is_hidden(&name) {
                continue;
            }
            if entry.encrypted() {
                return refuse("which is encrypted. Pack the files without a password");
            }
            if !matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
                return refuse("which is compressed in a way that is not supported. Pack it as a plain ZIP (Deflate)");
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
        let Some(index) = self.find(name) else {
            return Err(JobFailure::lasting(format!("\"{}\" is not in the ZIP.", shorten(name))));
        };
        let file = self.zip.by_index(index).map_err(|error| unreadable(name, &error))?;
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

    fn find(&mut self, path: &str) -> Option<usize> {
        if let Some(index) = self.zip.index_for_name_raw(path.as_bytes()) {
            return Some(index);
        }
        let zip = &self.zip;
        let normalized = self.normalized.get_or_insert_with(|| {
            let entry = |index| {
                let entry = zip.by_index_data(index).ok()?;
                Some((normalize_entry(entry.name_raw(), &entry.name().ok()?), index))
            };
            (0..zip.len()).filter_map(entry).collect()
        });
        normalized.get(path).copied()
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
    !name.is_empty() && !name.contains('\0') && Path::new(name).components().all(is_plain)
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
    fn paths_of_other_systems_are_found_by_ours() {
        let mut archive = open(|writer| {
            add(writer, "./", b"");
            add(writer, "shop\\", b"");
            add(writer, "shop\\products.csv", b"name\nMilk\n");
            add(writer, "./shop/Mu\u{308}sli.jpg", b"12345");
        });
        assert_eq!(archive.list_files(100).unwrap(), ["shop/products.csv", "shop/M\u{FC}sli.jpg"]);
        assert_eq!(archive.read_file("shop/M\u{FC}sli.jpg", 5).unwrap(), b"12345");
        assert_eq!(archive.read_file("shop/products.csv", 50).unwrap(), b"name\nMilk\n");
    }

    #[test]
    fn unknown_compression_is_told_from_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        let mut writer = ZipWriter::new(File::create(&path).unwrap());
        add(&mut writer, "milk.jpg", b"12345");
        writer.finish().unwrap();
        // Method 14 is LZMA: in the file's header, and in the directory.
        let mut bytes = std::fs::read(&path).unwrap();
        let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[8] = 14;
        bytes[directory + 10] = 14;
        std::fs::write(&path, bytes).unwrap();
        let refused = Archive::open(&path).unwrap().list_files(100).unwrap_err();
        assert!(refused.reason.contains("milk.jpg") && refused.reason.contains("Deflate"), "{refused}");
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
    fn a_zip_with_too_many_files_is_refused_before_they_are_read() {
        let count = FILES_MAX as u64 + 1;
        let mut bytes = [&b"PK\x01\x02"[..], &[0; 42]].concat().repeat(FILES_MAX + 1);
        let directory_bytes = bytes.len() as u64;
        // The end of a ZIP64: the size of this record, versions and disks, the counts, the size and the start of the directory.
        bytes.extend([&b"PK\x06\x06"[..], &44_u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat());
        [count, count, directory_bytes, 0].iter().for_each(|field| bytes.extend(field.to_le_bytes()));
        // Where it is, and the end that programs without ZIP64 read.
        bytes.extend([&b"PK\x06\x07\0\0\0\0"[..], &directory_bytes.to_le_bytes(), &1_u32.to_le_bytes()].concat());
        bytes.extend([&b"PK\x05\x06"[..], &[0; 4], &[0xFF; 12], &[0; 2]].concat());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        std::fs::write(&path, bytes).unwrap();
        let refused = Archive::open(&path).err().unwrap();
        assert!(refused.is_lasting && refused.reason.contains("200001 files"), "{refused}");
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
