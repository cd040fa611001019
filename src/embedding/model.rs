//! A model: its manifest and the bytes of its ONNX file, which belong together by the SHA-256 in the one over the other.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest_draft::LARGEST_MODEL;
use super::{Manifest, ModelError};
use crate::atomic_file;

/// Digits of the SHA-256 over a model's file and its way of being fed and read that a [`ModelId`] shows.
const ID_DIGITS: usize = 12;

/// `name@version#<first 12 digits of a SHA-256>`: the key of this model's embeddings in the database. The SHA-256 is over the
/// file's own and the manifest's `input` and `output`: another file, or the same one fed or read in another way, is another
/// model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelId(String);

impl ModelId {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let digits = &embeds_by(manifest)[..ID_DIGITS];
        Self(format!("{}@{}#{digits}", manifest.name, manifest.version))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ModelId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A checked manifest and the bytes of its model file.
#[derive(Clone)]
pub struct Model {
    /// What the manifest says.
    pub manifest: Manifest,
    /// The key of its embeddings.
    pub id: ModelId,
    /// Where the ONNX file lies, for messages.
    pub path: PathBuf,
    /// The file itself: what was hashed is what is loaded.
    pub(super) bytes: Vec<u8>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("id", &self.id).field("path", &self.path).finish_non_exhaustive()
    }
}

impl Model {
    /// Reads the manifest at `path` and the model file beside it, and checks the file's SHA-256.
    ///
    /// # Errors
    /// As [`Manifest::read`]; the model file cannot be read; its SHA-256 is another one.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let manifest = Manifest::read(path)?;
        let file = path.with_file_name(&manifest.file);
        let bytes = atomic_file::read(&file, LARGEST_MODEL).map_err(|error| ModelError::NoModelFile {
            path: file.clone(),
            manifest: path.to_owned(),
            reason: error.to_string(),
        })?;
        let found = sha256(&bytes);
        if !found.eq_ignore_ascii_case(&manifest.sha256) {
            let expected = manifest.sha256;
            return Err(ModelError::WrongHash { path: file, manifest: path.to_owned(), expected, found });
        }
        Ok(Self::new(manifest, file, bytes))
    }

    /// A model that need not lie on the disk yet: the SHA-256 in `manifest` is that of `bytes`, which came from `path`.
    pub(super) fn new(manifest: Manifest, path: PathBuf, bytes: Vec<u8>) -> Self {
        let id = manifest.model_id();
        Self { manifest, id, path, bytes }
    }
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// SHA-256 over all that decides a photo's embedding. The same file fed or read in another way gives other embeddings, which
/// must not be compared with the old ones.
pub(super) fn embeds_by(manifest: &Manifest) -> String {
    let Manifest { sha256: file, input, output, .. } = manifest;
    sha256(serde_json::json!([file.to_ascii_lowercase(), input, output]).to_string().as_bytes())
}
