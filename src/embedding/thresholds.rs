//! The calibrated part of a manifest: where a match begins, and on what that was chosen.
//!
//! Scores of two models cannot be compared, so thresholds belong to a model and not to the settings. They are replaced
//! in the manifest's own text: every other byte of it stays as it was, and a reader sees the old file or the new one.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::manifest::without_mark;
use super::{Manifest, ModelError, OperatingPoint};
use crate::atomic_file::{self, IfExists};

/// Where a match begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Cosine below which a product is unknown.
    pub score: f32,
    /// Lead over the second product below which a match is ambiguous.
    pub margin: f32,
    /// What the two were chosen on; `None` where nobody has measured: they are a guess then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point: Option<OperatingPoint>,
}

impl Thresholds {
    /// Whether they were chosen on photos; otherwise they are a guess.
    pub fn are_calibrated(&self) -> bool {
        self.operating_point.is_some()
    }

    /// The first field that is out of range, with its value and why.
    pub(super) fn first_fault(&self) -> Option<(&'static str, String)> {
        if !(-1.0..=1.0).contains(&self.score) {
            return Some(("thresholds.score", format!("{} is not a cosine between -1 and 1", self.score)));
        }
        if !(0.0..=2.0).contains(&self.margin) {
            let fault = format!("{} is not a difference of cosines between 0 and 2", self.margin);
            return Some(("thresholds.margin", fault));
        }
        self.operating_point.as_ref()?.first_fault()
    }

    /// Puts these thresholds into the manifest at `path`, for the model whose file has `sha256`: temporary file, fsync,
    /// rename, fsync of the folder. A link is followed; the file's permissions stay.
    ///
    /// # Errors
    /// The manifest cannot be read or written, or names another model file by now; a threshold is out of range.
    pub fn write_into(&self, path: &Path, sha256: &str) -> Result<(), ModelError> {
        if let Some((field, fault)) = self.first_fault() {
            return Err(ModelError::Field { path: path.to_owned(), field, fault });
        }
        let unwritten =
            |error: std::io::Error| ModelError::Unwritable { path: path.to_owned(), reason: error.to_string() };
        let target = path.canonicalize().map_err(unwritten)?;
        let text = std::fs::read_to_string(&target).map_err(unwritten)?;
        let changed = self.replaced_in(&text, path)?;
        let manifest = Manifest::parse(&changed, path)?;
        if !manifest.sha256.eq_ignore_ascii_case(sha256) {
            return Err(ModelError::Replaced { path: path.to_owned() });
        }
        let permissions = std::fs::metadata(&target).map_err(unwritten)?.permissions();
        atomic_file::put(&target, changed.as_bytes(), permissions, IfExists::Replace).map_err(unwritten)
    }

    /// Whether [`Thresholds::write_into`] could write beside the manifest at `path`, before an hour is spent on choosing them.
    ///
    /// # Errors
    /// [`ModelError::Unwritable`].
    pub fn try_to_write(path: &Path) -> Result<(), ModelError> {
        let tried = path.canonicalize().and_then(|target| atomic_file::try_beside(&target));
        tried.map_err(|error| ModelError::Unwritable { path: path.to_owned(), reason: error.to_string() })
    }

    /// The manifest's text with these thresholds in the place of its own.
    fn replaced_in(&self, text: &str, path: &Path) -> Result<String, ModelError> {
        /// Only this field's text; serde passes over the others.
        #[derive(Deserialize)]
        struct Calibrated<'a> {
            #[serde(borrow)]
            thresholds: &'a RawValue,
        }
        let unread =
            |error: serde_json::Error| ModelError::NoManifest { path: path.to_owned(), reason: error.to_string() };
        let old = serde_json::from_str::<Calibrated>(without_mark(text)).map_err(unread)?.thresholds.get();
        // `old` is borrowed from `text`, so its place is the difference of their addresses.
        let begin = old.as_ptr().addr() - text.as_ptr().addr();
        let new = serde_json::to_string_pretty(self).map_err(unread)?;
        let line = text[..begin].rsplit('\n').next().unwrap_or_default();
        let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
        let new = new.replace('\n', &format!("\n{indent}"));
        Ok([&text[..begin], &new, &text[begin + old.len()..]].concat())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::operating_point::tests::point;
    use super::*;

    const OLD: &str = "{\n  \"sha256\": \"SHA\",\n  \"thresholds\" :   {\"score\": 0.5, \"margin\": 0.1},\n  \"input\": {\
        \"name\": \"image\", \"width\": 16,\n \"height\": 16, \"color\": \"rgb\", \"range\": 1.0, \"mean\": [0,0,0], \
        \"std\": [1.0,1,1], \"resize\": \"crop\", \"filter\": \"bilinear\"}, \"version\": \"1\",\n\t\"output\": \
        {\"dim\": 3, \"name\": \"embedding\"}, \"file\": \"tiny.onnx\", \"name\": \"tiny\"\n}\n\n";

    fn thresholds() -> Thresholds {
        Thresholds { score: 0.523, margin: 0.165, operating_point: Some(point()) }
    }

    fn manifest() -> (tempfile::TempDir, std::path::PathBuf, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.json");
        let text = OLD.replace("SHA", &"ab".repeat(32));
        std::fs::write(&path, &text).unwrap();
        (folder, path, text)
    }

    #[test]
    fn only_the_thresholds_change_and_the_file_keeps_its_permissions() {
        let (folder, path, old) = manifest();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.json");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        thresholds().write_into(&link, &"AB".repeat(32)).unwrap();
        let new = std::fs::read_to_string(&path).unwrap();
        let (before, after) = old.split_once("{\"score\": 0.5, \"margin\": 0.1}").unwrap();
        assert!(new.starts_with(before) && new.ends_with(after), "{new}");
        assert!(
            new.contains("\n    \"score\": 0.523,\n    \"margin\": 0.165,\n"),
            "indented as its surroundings: {new}"
        );
        assert_eq!(Manifest::read(&path).unwrap().thresholds, thresholds());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
        // A byte-order mark stays where it was.
        std::fs::write(&path, format!("\u{feff}{old}")).unwrap();
        thresholds().write_into(&path, &"ab".repeat(32)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("\u{feff}{new}"));
        std::fs::write(&path, &new).unwrap();
        // Once more over its own result changes nothing.
        thresholds().write_into(&path, &"ab".repeat(32)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), new);
    }

    #[test]
    fn a_manifest_that_changed_meanwhile_or_a_threshold_out_of_range_leaves_the_file_alone() {
        let (_folder, path, old) = manifest();
        let other = thresholds().write_into(&path, &"00".repeat(32)).unwrap_err().to_string();
        assert!(other.contains("another model file"), "{other}");
        let bad = Thresholds { margin: f32::NAN, ..thresholds() }.write_into(&path, &"ab".repeat(32)).unwrap_err();
        assert!(bad.to_string().contains("thresholds"), "{bad}");
        let bad = OperatingPoint { unknown_matched: 1.5, ..point() };
        let bad = Thresholds { operating_point: Some(bad), ..thresholds() };
        let bad = bad.write_into(&path, &"ab".repeat(32)).unwrap_err().to_string();
        assert!(bad.contains("thresholds.operating_point.unknown_matched: 1.5"), "{bad}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), old);
        Thresholds::try_to_write(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for absent in [path.as_path(), Path::new("/proc/self/status")] {
            let error = Thresholds::try_to_write(absent).unwrap_err().to_string();
            assert!(error.contains("cannot rewrite") && error.contains(&absent.display().to_string()), "{error}");
        }
        let gone = thresholds().write_into(&path, &"ab".repeat(32)).unwrap_err().to_string();
        assert!(gone.contains("tiny.json"), "{gone}");
    }
}
