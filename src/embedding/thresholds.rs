//! The calibrated part of a manifest: the thresholds of a match, and the photos that they were chosen on.
//!
//! Scores of two models cannot be compared, so thresholds belong to a model and not to the settings. They are replaced in the
//! manifest's own text: every other byte stays, and a reader sees the old file or the new one.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::manifest::strip_byte_order_mark;
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
    /// Whether the two were chosen on the shop's own photos. Then they decide every verdict. Otherwise they serve while the
    /// catalogue is too small to learn a confidence from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_photos: bool,
    /// The photos that the two were chosen on; `None` if nobody has measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_point: Option<OperatingPoint>,
}

impl Thresholds {
    /// Whether they were chosen on photos, not guessed.
    pub fn are_calibrated(&self) -> bool {
        self.operating_point.is_some()
    }

    /// The first field that is out of range, and what is wrong with its value.
    pub(super) fn first_invalid_field(&self) -> Option<(&'static str, String)> {
        if !(-1.0..=1.0).contains(&self.score) {
            return Some(("thresholds.score", format!("{} is not a cosine between -1 and 1", self.score)));
        }
        if !(0.0..=2.0).contains(&self.margin) {
            let reason = format!("{} is not a difference of cosines between 0 and 2", self.margin);
            return Some(("thresholds.margin", reason));
        }
        self.operating_point.as_ref()?.first_invalid_field()
    }

    /// Writes these thresholds into the manifest at `path`, if it still names the model file with this `sha256`: temporary
    /// file, fsync, rename, fsync of the folder. A link is followed; the file's permissions stay.
    ///
    /// # Errors
    /// The manifest cannot be read or written, or names another model file now; a threshold is out of range.
    pub fn write_to_manifest(&self, path: &Path, sha256: &str) -> Result<(), ModelError> {
        if let Some((field, reason)) = self.first_invalid_field() {
            return Err(ModelError::InvalidField { path: path.to_owned(), field, reason });
        }
        let map_error =
            |error: std::io::Error| ModelError::UnwritableManifest { path: path.to_owned(), reason: error.to_string() };
        let target = path.canonicalize().map_err(map_error)?;
        let text = std::fs::read_to_string(&target).map_err(map_error)?;
        let changed = self.replace_in_text(&text, path)?;
        let manifest = Manifest::parse(&changed, path)?;
        if !manifest.sha256.eq_ignore_ascii_case(sha256) {
            return Err(ModelError::ManifestReplaced { path: path.to_owned() });
        }
        let permissions = std::fs::metadata(&target).map_err(map_error)?.permissions();
        atomic_file::write(&target, changed.as_bytes(), permissions, IfExists::Replace).map_err(map_error)
    }

    /// Whether [`Thresholds::write_to_manifest`] could write to the folder of the manifest at `path`. Calibration takes up to an
    /// hour, so this is checked first.
    ///
    /// # Errors
    /// [`ModelError::UnwritableManifest`].
    pub fn check_writable(path: &Path) -> Result<(), ModelError> {
        let writable = path.canonicalize().and_then(|target| atomic_file::check_writable(&target));
        writable.map_err(|error| ModelError::UnwritableManifest { path: path.to_owned(), reason: error.to_string() })
    }

    /// The manifest's `text` with these thresholds in place of its own.
    fn replace_in_text(&self, text: &str, path: &Path) -> Result<String, ModelError> {
        #[derive(Deserialize)]
        struct ThresholdsField<'a> {
            #[serde(borrow)]
            thresholds: &'a RawValue,
        }
        let invalid =
            |error: serde_json::Error| ModelError::InvalidManifest { path: path.to_owned(), reason: error.to_string() };
        let old =
            serde_json::from_str::<ThresholdsField>(strip_byte_order_mark(text)).map_err(invalid)?.thresholds.get();
        // `old` is borrowed from `text`, so its offset is the difference of their addresses.
        let start = old.as_ptr().addr() - text.as_ptr().addr();
        let new = serde_json::to_string_pretty(self).map_err(invalid)?;
        let line = text[..start].rsplit('\n').next().unwrap_or_default();
        let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
        let new = new.replace('\n', &format!("\n{indent}"));
        Ok([&text[..start], &new, &text[start + old.len()..]].concat())
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
        Thresholds { score: 0.523, margin: 0.165, own_photos: true, operating_point: Some(point()) }
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
        thresholds().write_to_manifest(&link, &"AB".repeat(32)).unwrap();
        let new = std::fs::read_to_string(&path).unwrap();
        let (before, after) = old.split_once("{\"score\": 0.5, \"margin\": 0.1}").unwrap();
        assert!(new.starts_with(before) && new.ends_with(after), "{new}");
        assert!(
            new.contains("\n    \"score\": 0.523,\n    \"margin\": 0.165,\n"),
            "not indented like its surroundings: {new}"
        );
        assert_eq!(Manifest::read(&path).unwrap().thresholds, thresholds());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
        // A byte-order mark stays where it was.
        std::fs::write(&path, format!("\u{feff}{old}")).unwrap();
        thresholds().write_to_manifest(&path, &"ab".repeat(32)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("\u{feff}{new}"));
        std::fs::write(&path, &new).unwrap();
        // Writing the same thresholds again changes nothing.
        thresholds().write_to_manifest(&path, &"ab".repeat(32)).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), new);
    }

    #[test]
    fn a_changed_manifest_or_a_threshold_out_of_range_leaves_the_file_unchanged() {
        let (_folder, path, old) = manifest();
        let other = thresholds().write_to_manifest(&path, &"00".repeat(32)).unwrap_err().to_string();
        assert!(other.contains("another model file"), "{other}");
        let bad =
            Thresholds { margin: f32::NAN, ..thresholds() }.write_to_manifest(&path, &"ab".repeat(32)).unwrap_err();
        assert!(bad.to_string().contains("thresholds"), "{bad}");
        let bad = OperatingPoint { unknown_matched: 1.5, ..point() };
        let bad = Thresholds { operating_point: Some(bad), ..thresholds() };
        let bad = bad.write_to_manifest(&path, &"ab".repeat(32)).unwrap_err().to_string();
        assert!(bad.contains("thresholds.operating_point.unknown_matched: 1.5"), "{bad}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), old);
        Thresholds::check_writable(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for absent in [path.as_path(), Path::new("/proc/self/status")] {
            let error = Thresholds::check_writable(absent).unwrap_err().to_string();
            assert!(error.contains("cannot rewrite") && error.contains(&absent.display().to_string()), "{error}");
        }
        let missing = thresholds().write_to_manifest(&path, &"ab".repeat(32)).unwrap_err().to_string();
        assert!(missing.contains("tiny.json"), "{missing}");
    }
}
