//! Putting a proved model into the models folder: the ONNX file, then its manifest.
//!
//! Each file appears whole or not at all (`atomic_file`), and the ONNX file's name has its hash in it. The manifest comes
//! after it, so that at every moment, also of a replacement, the manifest names a model that is there. Nothing that is
//! there already is overwritten unasked.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::manifest::{LARGEST_MANIFEST, Manifest, without_mark};
use super::manifest_draft::installed_name;
use super::model::{Model, embeds_by};
use super::{ModelError, Thresholds};
use crate::atomic_file::{self, IfExists};

/// Readable by the account that runs the server, whoever added the model.
const READABLE: u32 = 0o644;

/// Where a model lies now.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    /// Its manifest: what `TILLSIGHT_MODEL` is to name.
    pub manifest: PathBuf,
    /// Its ONNX file.
    pub model: PathBuf,
    /// Whether the same model was there already and nothing was written. Its thresholds, calibrated or not, stay.
    pub was_there: bool,
    /// The model of that name that was replaced.
    pub replaced: Option<Manifest>,
    /// Whether the thresholds are those that were there, of the same model or of one whose embeddings are the same.
    pub kept_thresholds: bool,
}

/// `outcome`, which is of `path`.
fn written<T>(path: &Path, outcome: std::io::Result<T>) -> Result<T, ModelError> {
    outcome.map_err(|error| ModelError::NotInstalled { path: path.to_owned(), reason: error.to_string() })
}

/// Writes `model` into `folder`, which is made where it is missing, under the model's name.
///
/// # Errors
/// Without `force`: a file of that name holds something else. The folder or a file cannot be written.
pub fn install(model: &Model, folder: &Path, force: bool) -> Result<Installed, ModelError> {
    let onnx = folder.join(&model.manifest.file);
    let manifest = onnx.with_file_name(format!("{}.json", model.manifest.name));
    if folder.exists() && !folder.is_dir() {
        return written(folder, Err(std::io::Error::other("it is a file; --dir names a folder")));
    }
    written(folder, std::fs::create_dir_all(folder))?;
    let onnx_is_there = std::fs::read(&onnx).is_ok_and(|bytes| bytes == model.bytes);
    let before = Manifest::read(&manifest).ok();
    let manifest_is_there = before.as_ref().is_some_and(|there| same_but_for_thresholds(there, &model.manifest));
    for (path, is_there) in [(&onnx, onnx_is_there), (&manifest, manifest_is_there)] {
        if !force && !is_there && path.exists() {
            return Err(ModelError::Exists { path: path.clone() });
        }
    }
    // Even a file that appeared since we looked is not overwritten unasked.
    let existing = if force { IfExists::Replace } else { IfExists::Keep };
    let put = |path: &Path, bytes: &[u8]| atomic_file::put(path, bytes, Permissions::from_mode(READABLE), existing);
    if !onnx_is_there {
        written(&onnx, put(&onnx, &model.bytes))?;
    }
    let replaced = before.filter(|_| !manifest_is_there);
    // What was chosen on photos holds for whatever embeds them in the same way.
    let calibrated =
        |before: &&Manifest| before.thresholds.are_calibrated() && embeds_by(before) == embeds_by(&model.manifest);
    let kept = replaced.as_ref().filter(calibrated).map(|before| before.thresholds.clone());
    if !manifest_is_there {
        let thresholds = kept.clone().unwrap_or_else(|| model.manifest.thresholds.clone());
        let text = serde_json::to_string_pretty(&Manifest { thresholds, ..model.manifest.clone() });
        let text = text.map_err(std::io::Error::from);
        written(&manifest, text.and_then(|text| put(&manifest, format!("{text}\n").as_bytes())))?;
    }
    // What is there now is what was proved: the hash of the file as it lies on the disk.
    Model::open(&manifest)?;
    if let Some(before) = &replaced {
        let ours = before.file == installed_name(&before.name, &before.sha256.to_ascii_lowercase());
        if ours && before.file != model.manifest.file && !written(folder, names_it(folder, &before.file))? {
            let replaced = folder.join(&before.file);
            written(&replaced, std::fs::remove_file(&replaced))?;
        }
    }
    let was_there = onnx_is_there && manifest_is_there;
    let kept_thresholds = manifest_is_there || kept.is_some();
    Ok(Installed { manifest, model: onnx, was_there, replaced, kept_thresholds })
}

/// Whether a manifest in `folder` names `file`. Of a manifest that cannot be used only that field is asked for.
fn names_it(folder: &Path, file: &str) -> std::io::Result<bool> {
    /// Only this field.
    #[derive(Deserialize)]
    struct Naming {
        file: String,
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let bytes = atomic_file::read(&path, LARGEST_MANIFEST).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            if serde_json::from_str::<Naming>(without_mark(&text)).is_ok_and(|naming| naming.file == file) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn same_but_for_thresholds(one: &Manifest, other: &Manifest) -> bool {
    let without = |manifest: &Manifest| {
        let thresholds = Thresholds { score: 0.0, margin: 0.0, operating_point: None };
        Manifest { thresholds, sha256: manifest.sha256.to_ascii_lowercase(), ..manifest.clone() }
    };
    without(one) == without(other)
}
