//! A model: its manifest and the bytes of its ONNX file. The manifest's SHA-256 binds the two.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::manifest_draft::MODEL_BYTES_MAX;
use super::{Manifest, ModelError};
use crate::atomic_file;
use crate::domain::describe_io_error;

/// Digits of the embedding hash that a [`ModelId`] shows.
const ID_DIGITS: usize = 12;

/// `name@version#<first 12 digits of a SHA-256>`: the key of this model's embeddings in the database. The SHA-256 covers the
/// file and the manifest's `input` and `output`: another file, or the same file fed or read in another way, is another
/// model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelId(String);

impl ModelId {
    pub(super) fn from_manifest(manifest: &Manifest) -> Self {
        let digits = &embedding_hash(manifest)[..ID_DIGITS];
        Self(format!("{}@{}#{digits}", manifest.name, manifest.version))
    }

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
    pub manifest: Manifest,
    /// The key of the model's embeddings.
    pub id: ModelId,
    /// Path of the ONNX file, for messages.
    pub path: PathBuf,
    /// The hashed bytes are the bytes that are loaded.
    pub(super) bytes: Vec<u8>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("id", &self.id).field("path", &self.path).finish_non_exhaustive()
    }
}

impl Model {
    /// Reads the manifest at `path` and the model file in its folder, and checks the file's SHA-256.
    ///
    /// # Errors
    /// Those of [`Manifest::read`]; the model file cannot be read or has another SHA-256.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let manifest = Manifest::read(path)?;
        let file = path.with_file_name(&manifest.file);
        let bytes =
            atomic_file::read_limited(&file, MODEL_BYTES_MAX).map_err(|error| ModelError::UnreadableModelFile {
                path: file.clone(),
                manifest: path.to_owned(),
                reason: describe_io_error(&error),
            })?;
        let found = sha256(&bytes);
        if !found.eq_ignore_ascii_case(&manifest.sha256) {
            let expected = manifest.sha256;
            return Err(ModelError::HashMismatch { path: file, manifest: path.to_owned(), expected, found });
        }
        Ok(Self::new(manifest, file, bytes))
    }

    /// `manifest.sha256` must be that of `bytes`, which came from `path`.
    pub(super) fn new(manifest: Manifest, path: PathBuf, bytes: Vec<u8>) -> Self {
        let id = manifest.model_id();
        Self { manifest, id, path, bytes }
    }
}

/// In lower-case hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// SHA-256 over everything that decides a photo's embedding. Embeddings with different hashes must not be compared.
pub(super) fn embedding_hash(manifest: &Manifest) -> String {
    let Manifest { sha256: file, input, output, .. } = manifest;
    sha256(serde_json::json!([file.to_ascii_lowercase(), input, output]).to_string().as_bytes())
}
