//! Installing a tested model into the models folder: the ONNX file, then its manifest.
//!
//! Each file is written atomically (`atomic_file`), and the ONNX file's name has its hash in it. The manifest is written last,
//! so that it names an existing model at every moment, even during a replacement. Existing files are only overwritten on
//! request.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::manifest::{MANIFEST_BYTES_MAX, Manifest, strip_byte_order_mark};
use super::manifest_draft::installed_file_name;
use super::model::{Model, embedding_hash};
use super::{ModelError, Thresholds};
use crate::atomic_file::{self, IfExists};

/// The account that runs the server can read the files, whoever added the model.
const FILE_MODE: u32 = 0o644;

/// The files of an installed model.
#[derive(Debug, Clone, PartialEq)]
pub struct Installation {
    /// The manifest, which `TILLSIGHT_MODEL` must name.
    pub manifest: PathBuf,
    /// The ONNX file.
    pub model: PathBuf,
    /// The same model was installed before; nothing was written and its thresholds stay.
    pub already_installed: bool,
    /// The model of the same name that was replaced.
    pub replaced: Option<Manifest>,
    /// The thresholds are those of the previous manifest, whose embeddings are the same.
    pub thresholds_kept: bool,
}

fn map_write_error<T>(path: &Path, result: std::io::Result<T>) -> Result<T, ModelError> {
    result.map_err(|error| ModelError::UnwritableFile { path: path.to_owned(), reason: error.to_string() })
}

/// Writes `model` into `folder` under the model's name; creates the folder if necessary.
///
/// # Errors
/// Without `force`: a file of that name has other contents. The folder or a file cannot be written.
pub fn install(model: &Model, folder: &Path, force: bool) -> Result<Installation, ModelError> {
    let onnx = folder.join(&model.manifest.file);
    let manifest = onnx.with_file_name(format!("{}.json", model.manifest.name));
    if folder.exists() && !folder.is_dir() {
        return map_write_error(folder, Err(std::io::Error::other("it is a file; --dir names a folder")));
    }
    map_write_error(folder, std::fs::create_dir_all(folder))?;
    let onnx_exists = std::fs::read(&onnx).is_ok_and(|bytes| bytes == model.bytes);
    let previous = Manifest::read(&manifest).ok();
    let manifest_exists = previous.as_ref().is_some_and(|previous| equal_except_thresholds(previous, &model.manifest));
    for (path, same_content) in [(&onnx, onnx_exists), (&manifest, manifest_exists)] {
        if !force && !same_content && path.exists() {
            return Err(ModelError::FileExists { path: path.clone() });
        }
    }
    // `IfExists::Keep` also protects a file that was created after the check above.
    let if_exists = if force { IfExists::Replace } else { IfExists::Keep };
    let write = |path: &Path, bytes: &[u8]| {
        map_write_error(path, atomic_file::write(path, bytes, Permissions::from_mode(FILE_MODE), if_exists))
    };
    if !onnx_exists {
        write(&onnx, &model.bytes)?;
    }
    let replaced = previous.filter(|_| !manifest_exists);
    // Calibrated thresholds hold for every model that gives the same embeddings.
    let keeps_thresholds = |previous: &&Manifest| {
        previous.thresholds.are_calibrated() && embedding_hash(previous) == embedding_hash(&model.manifest)
    };
    let kept = replaced.as_ref().filter(keeps_thresholds).map(|previous| previous.thresholds.clone());
    if !manifest_exists {
        let thresholds = kept.clone().unwrap_or_else(|| model.manifest.thresholds.clone());
        let text = serde_json::to_string_pretty(&Manifest { thresholds, ..model.manifest.clone() });
        let text = map_write_error(&manifest, text.map_err(std::io::Error::from))?;
        write(&manifest, format!("{text}\n").as_bytes())?;
    }
    // Reads both files back and compares the hash.
    Model::open(&manifest)?;
    if let Some(previous) = &replaced {
        let installed_by_us =
            previous.file == installed_file_name(&previous.name, &previous.sha256.to_ascii_lowercase());
        if installed_by_us
            && previous.file != model.manifest.file
            && !map_write_error(folder, is_named_by_a_manifest(folder, &previous.file))?
        {
            let file = folder.join(&previous.file);
            map_write_error(&file, std::fs::remove_file(&file))?;
        }
    }
    let already_installed = onnx_exists && manifest_exists;
    let thresholds_kept = manifest_exists || kept.is_some();
    Ok(Installation { manifest, model: onnx, already_installed, replaced, thresholds_kept })
}

/// Whether a manifest in `folder` names `file`, even if the rest of that manifest is invalid.
fn is_named_by_a_manifest(folder: &Path, file: &str) -> std::io::Result<bool> {
    #[derive(Deserialize)]
    struct FileField {
        file: String,
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let bytes = atomic_file::read_limited(&path, MANIFEST_BYTES_MAX).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            if serde_json::from_str::<FileField>(strip_byte_order_mark(&text)).is_ok_and(|field| field.file == file) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn equal_except_thresholds(one: &Manifest, other: &Manifest) -> bool {
    let without_thresholds = |manifest: &Manifest| {
        let thresholds = Thresholds { score: 0.0, margin: 0.0, own_photos: false, operating_point: None };
        Manifest { thresholds, sha256: manifest.sha256.to_ascii_lowercase(), ..manifest.clone() }
    };
    without_thresholds(one) == without_thresholds(other)
}
