//! The folder of models: the manifest that the settings name, and those beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::SwitchError;
use super::verified_files::CheckedFiles;
use crate::db::Database;
use crate::db::model_switches::{self, SwitchRow};
use crate::embedding::{Embedder, EmbedderOptions, Manifest, Model};

/// Where manifests lie, and how their models are started.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    folder: PathBuf,
    /// File name of the manifest that the settings name.
    own: String,
    options: EmbedderOptions,
    hashed: Arc<CheckedFiles>,
}

/// The model that a server starts with.
#[derive(Debug)]
pub struct FirstModel {
    /// The model.
    pub model: Model,
    /// File name of its manifest.
    pub manifest: String,
    /// The last switch before the start, counted over all.
    pub generation: Option<i64>,
}

/// A manifest's file name, and what it says or why its model cannot be used.
pub(super) type ManifestResult = (String, Result<Manifest, String>);

impl ModelFolder {
    /// The folder of the manifest at `manifest`, which is what a server begins with.
    pub fn of(manifest: &Path, options: EmbedderOptions) -> Self {
        let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
        let own = manifest.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { folder, own, options, hashed: Arc::default() }
    }

    /// The model to start with: the one that was switched to last, if any was and this folder has it; else the settings'.
    ///
    /// # Errors
    /// The settings' model cannot be opened, or the database does not answer.
    pub async fn first(&self, db: &Database) -> Result<FirstModel, SwitchError> {
        let switched = model_switches::active(&mut db.read().await?).await?;
        // Reading and hashing a model takes a second or so.
        let this = self.clone();
        let first = tokio::task::spawn_blocking(move || this.first_of(switched)).await;
        first.map_err(|error| SwitchError::Thread(error.to_string()))?
    }

    fn first_of(&self, switched: Option<SwitchRow>) -> Result<FirstModel, SwitchError> {
        let mut generation = switched.as_ref().and_then(|row| row.generation);
        match switched.map(|row| (self.open_switched(&row), row.to_manifest)) {
            Some((Ok(model), manifest)) => {
                if manifest != self.own {
                    tracing::info!(model.id = %model.id, manifest, settings.manifest = self.own,
                        "the model that was switched to last is used, not the settings'");
                }
                return Ok(FirstModel { model, manifest, generation });
            }
            Some((Err(error), manifest)) => {
                // A model that is gone was taken away on purpose. Anything else may pass: it is tried again while serving.
                if !matches!(error, SwitchError::Replaced { .. } | SwitchError::UnknownModel { .. }) {
                    generation = None;
                }
                tracing::warn!(%error, manifest, settings.manifest = self.own,
                    "the model that was switched to last cannot be used; the settings' is");
            }
            None => {}
        }
        let model = Model::open(&self.own_manifest())?;
        Ok(FirstModel { model, manifest: self.own.clone(), generation })
    }

    /// The model that was switched to, if it is still what it was.
    ///
    /// # Errors
    /// It cannot be opened, or the manifest of that name is of another model now.
    pub(super) fn open_switched(&self, row: &SwitchRow) -> Result<Model, SwitchError> {
        self.open_exactly(&row.to_manifest, &row.to_model)
    }

    /// The model of `manifest`, if its key is `wanted`.
    ///
    /// # Errors
    /// As [`ModelFolder::open_switched`].
    pub(super) fn open_exactly(&self, manifest: &str, wanted: &str) -> Result<Model, SwitchError> {
        let model = self.open(manifest)?;
        if model.id.as_str() == wanted {
            return Ok(model);
        }
        let (manifest, wanted, found) = (manifest.to_owned(), wanted.to_owned(), model.id.to_string());
        Err(SwitchError::Replaced { manifest, wanted, found })
    }

    /// Reads and checks a model. Blocks for as long as reading and hashing its file takes.
    ///
    /// # Errors
    /// There is no such manifest, or its model cannot be used.
    pub(super) fn open(&self, manifest: &str) -> Result<Model, SwitchError> {
        let known = self.manifests()?;
        if !known.iter().any(|name| name == manifest) {
            let (manifest, folder) = (manifest.to_owned(), self.folder.clone());
            return Err(SwitchError::UnknownModel { manifest, folder, known: known.join(", ") });
        }
        Ok(Model::open(&self.folder.join(manifest))?)
    }

    /// The manifest that the settings name.
    pub(super) fn own_manifest(&self) -> PathBuf {
        self.folder.join(&self.own)
    }

    /// All manifests, by file name. Blocks; hashes only files that have
    /// changed since they were hashed last.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(super) fn checked(&self) -> Result<Vec<ManifestResult>, SwitchError> {
        let names = self.manifests()?;
        self.hashed.keep_only(&names);
        let check = |name: String| {
            let model = self.hashed.model(&self.folder, &name);
            (name, model)
        };
        Ok(names.into_iter().map(check).collect())
    }

    /// File names of all manifests, sorted.
    pub(super) fn manifests(&self) -> Result<Vec<String>, SwitchError> {
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder };
        let failed = |error| SwitchError::Folder { folder: folder.to_owned(), error };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            names.extend(name.filter(|name| name.ends_with(".json")).map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Starts a model as the server does for its customers.
    pub async fn start(&self, model: Model) -> Result<Arc<Embedder>, SwitchError> {
        started(model, self.options).await
    }

    /// Starts a model beside the one that serves the customers: one session, one thread.
    pub(super) async fn start_beside(&self, model: Model) -> Result<Arc<Embedder>, SwitchError> {
        let options = EmbedderOptions { sessions: 1, threads_per_session: 1, decode_threads: 1, ..self.options };
        started(model, options).await
    }
}

/// Says so where nobody has measured where a match of this model begins: at the start of the server, when a switch is
/// begun, and when it is carried out.
async fn started(model: Model, options: EmbedderOptions) -> Result<Arc<Embedder>, SwitchError> {
    if !model.manifest.thresholds.are_calibrated() {
        tracing::warn!(
            model.id = %model.id,
            "the thresholds of this model are a guess; `tillsight model calibrate` chooses them on photos"
        );
    }
    let started = tokio::task::spawn_blocking(move || Embedder::start(&model, options));
    let embedder = started.await.map_err(|error| SwitchError::Thread(error.to_string()))?;
    Ok(Arc::new(embedder?))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::embedding::Manifest;
    use crate::embedding::onnx_fixture::model_blind_to_the_dark;

    #[tokio::test]
    async fn guessed_thresholds_are_said_wherever_a_model_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let guessed = model_blind_to_the_dark(folder.path());
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tillsight-small.json");
        let mut calibrated = guessed.clone();
        calibrated.manifest.thresholds = Manifest::read(Path::new(shipped)).unwrap().thresholds;

        let log = folder.path().join("log");
        let writer = Arc::new(File::create(&log).unwrap());
        let _listening = tracing::subscriber::set_default(tracing_subscriber::fmt().with_writer(writer).finish());
        let said = || std::fs::read_to_string(&log).unwrap().matches("are a guess").count();
        let models = ModelFolder::of(&folder.path().join("tiny.json"), EmbedderOptions::default());
        models.start(guessed.clone()).await.unwrap();
        assert_eq!(said(), 1, "before customers");
        models.start_beside(guessed).await.unwrap();
        assert_eq!(said(), 2, "when a switch is begun");
        models.start(calibrated).await.unwrap();
        assert_eq!(said(), 2);
    }
}
