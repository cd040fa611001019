//! The folder of models: the manifest that the settings name, and those beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SwitchError;
use super::verified_files::VerifiedFiles;
use crate::db::model_switches::{self, SwitchRow};
use crate::db::{Database, product_images};
use crate::embedding::{Embedder, EmbedderOptions, Manifest, Model};

/// Opens the models of a folder, and starts them.
#[derive(Debug, Clone)]
pub struct ModelsFolder {
    folder: PathBuf,
    /// File name of the manifest that the settings name.
    configured: String,
    options: EmbedderOptions,
    verified_files: Arc<VerifiedFiles>,
}

/// The model that a server starts with.
#[derive(Debug)]
pub struct FirstModel {
    pub model: Model,
    /// File name of its manifest.
    pub manifest: String,
    /// Generation of the last switch before the start.
    pub generation: Option<i64>,
    /// The manifest that the settings name, if its model has yet to embed most photos: a switch to it should follow.
    pub switch_to: Option<String>,
}

/// If the settings' model still has to embed more photos than this, another model serves meanwhile.
const EMBEDDED_BEFORE_SERVING_MAX: i64 = 100;

/// A manifest's file name, and the manifest or why its model cannot be used.
pub(super) type ManifestResult = (String, Result<Manifest, String>);

impl ModelsFolder {
    /// The folder of `manifest`, which the settings name.
    pub fn new(manifest: &Path, options: EmbedderOptions) -> Self {
        let folder = manifest.parent().unwrap_or(Path::new("")).to_owned();
        let configured = manifest.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { folder, configured, options, verified_files: Arc::default() }
    }

    /// The model to start with: the one of the last switch, if there was one and this folder has the model; else the one
    /// that the settings name. If that one has yet to embed many photos, as after an update that changes how a model is fed,
    /// it is the model that has embedded the most, so that recognition does not stop.
    ///
    /// # Errors
    /// The settings' model cannot be opened, or the database does not answer.
    pub async fn open_first_model(&self, db: &Database) -> Result<FirstModel, SwitchError> {
        let mut reader = db.read().await?;
        let switched = model_switches::find_active(&mut reader).await?;
        let open = model_switches::find_open(&mut reader).await?;
        let embedded = product_images::count_on_sale_by_model(&mut reader).await?;
        let on_sale = product_images::count_on_sale(&mut reader).await?;
        drop(reader);
        // Reading and hashing a model takes a second or so.
        let this = self.clone();
        super::run_blocking(move || {
            let first = this.open_switched_or_configured(switched)?;
            // An open switch that a person began takes precedence.
            let may_switch = first.generation.is_none() && open.is_none();
            Ok(this.open_embedded(&first, on_sale, embedded).filter(|_| may_switch).unwrap_or(first))
        })
        .await
    }

    /// The model to start with instead of `first`, which has yet to embed many of the `on_sale` photos: of the models of this
    /// folder, the one that has embedded the most photos. `embedded` counts them by model.
    fn open_embedded(&self, first: &FirstModel, on_sale: i64, embedded: Vec<(String, i64)>) -> Option<FirstModel> {
        let count = |model: &str| embedded.iter().find(|(key, _)| key == model).map_or(0, |(_, count)| *count);
        let known = count(first.model.id.as_str());
        if on_sale - known <= EMBEDDED_BEFORE_SERVING_MAX {
            return None;
        }
        let manifests = self.manifest_names().ok()?.into_iter();
        let keys = manifests.filter_map(|name| Some((Manifest::read(&self.folder.join(&name)).ok()?.model_id(), name)));
        let best = keys
            .map(|(key, name)| (count(key.as_str()), key, name))
            .filter(|(count, ..)| *count > known)
            .max_by_key(|(count, ..)| *count)?;
        let (_, key, manifest) = best;
        let model = self.open_exactly(&manifest, key.as_str()).ok()?;
        tracing::info!(model.id = %model.id, next.model.id = %first.model.id, images = on_sale - known,
            "the settings' model is still embedding photos; the previous model serves until then");
        Some(FirstModel { model, manifest, generation: None, switch_to: Some(first.manifest.clone()) })
    }

    fn open_switched_or_configured(&self, switched: Option<SwitchRow>) -> Result<FirstModel, SwitchError> {
        let mut generation = switched.as_ref().and_then(|row| row.generation);
        match switched.map(|row| (self.open_switched(&row), row.to_manifest)) {
            Some((Ok(model), manifest)) => {
                if manifest != self.configured {
                    tracing::info!(model.id = %model.id, manifest, settings.manifest = self.configured,
                        "the model that was switched to last is used, not the settings'");
                }
                return Ok(FirstModel { model, manifest, generation, switch_to: None });
            }
            Some((Err(error), manifest)) => {
                // A missing model was removed on purpose. Any other error may be temporary, so the model is tried again while
                // serving.
                if !matches!(error, SwitchError::Replaced { .. } | SwitchError::UnknownModel { .. }) {
                    generation = None;
                }
                tracing::warn!(%error, manifest, settings.manifest = self.configured,
                    "the model that was switched to last cannot be used; the settings' is");
            }
            None => {}
        }
        let model = Model::open(&self.configured_manifest())?;
        Ok(FirstModel { model, manifest: self.configured.clone(), generation, switch_to: None })
    }

    /// Opens the new model of a switch. Blocks, like all that follow.
    ///
    /// # Errors
    /// It cannot be opened, or the manifest of that name belongs to another model now.
    pub(super) fn open_switched(&self, row: &SwitchRow) -> Result<Model, SwitchError> {
        self.open_exactly(&row.to_manifest, &row.to_model)
    }

    /// Opens the model of `manifest`, if its key is `expected_id`.
    ///
    /// # Errors
    /// As [`ModelsFolder::open_switched`].
    pub(super) fn open_exactly(&self, manifest: &str, expected_id: &str) -> Result<Model, SwitchError> {
        let model = self.open(manifest)?;
        if model.id.as_str() == expected_id {
            return Ok(model);
        }
        let (manifest, expected, found) = (manifest.to_owned(), expected_id.to_owned(), model.id.to_string());
        Err(SwitchError::Replaced { manifest, expected, found })
    }

    /// Opens the model of `manifest`; reads and hashes its file.
    ///
    /// # Errors
    /// There is no such manifest, or its model cannot be used.
    pub(super) fn open(&self, manifest: &str) -> Result<Model, SwitchError> {
        let names = self.manifest_names()?;
        if !names.iter().any(|name| name == manifest) {
            let (manifest, folder) = (manifest.to_owned(), self.folder.clone());
            return Err(SwitchError::UnknownModel { manifest, folder, known: names.join(", ") });
        }
        Ok(Model::open(&self.folder.join(manifest))?)
    }

    /// The manifest that the settings name.
    pub(super) fn configured_manifest(&self) -> PathBuf {
        self.folder.join(&self.configured)
    }

    /// All manifests, by file name. Hashes only files that have changed since they were hashed last.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(super) fn verify_all(&self) -> Result<Vec<ManifestResult>, SwitchError> {
        let names = self.manifest_names()?;
        self.verified_files.retain(&names);
        let verify = |name: String| {
            let verified = self.verified_files.verify(&self.folder, &name);
            (name, verified)
        };
        Ok(names.into_iter().map(verify).collect())
    }

    /// File names of all manifests, sorted.
    fn manifest_names(&self) -> Result<Vec<String>, SwitchError> {
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

    /// Starts a model that is to serve the customers.
    pub async fn start(&self, model: Model) -> Result<Arc<Embedder>, SwitchError> {
        start_embedder(model, self.options).await
    }

    /// Starts a model beside the one that serves the customers: one session, one thread.
    pub(super) async fn start_incoming(&self, model: Model) -> Result<Arc<Embedder>, SwitchError> {
        let options = EmbedderOptions { sessions: 1, threads_per_session: 1, decode_threads: 1, ..self.options };
        start_embedder(model, options).await
    }
}

/// Warns if nobody has calibrated the model: when the server starts, when a switch begins, and when it is adopted.
async fn start_embedder(model: Model, options: EmbedderOptions) -> Result<Arc<Embedder>, SwitchError> {
    if !model.manifest.thresholds.are_calibrated() {
        tracing::warn!(
            model.id = %model.id,
            "the thresholds of this model are a guess; `tillsight model calibrate` chooses them on photos"
        );
    }
    super::run_blocking(move || Ok(Arc::new(Embedder::start(&model, options)?))).await
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::embedding::onnx_fixture::model_blind_to_the_dark;

    #[tokio::test]
    async fn guessed_thresholds_are_logged_wherever_a_model_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let guessed = model_blind_to_the_dark(folder.path());
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tillsight-small.json");
        let mut calibrated = guessed.clone();
        calibrated.manifest.thresholds = Manifest::read(Path::new(shipped)).unwrap().thresholds;

        let log = folder.path().join("log");
        let writer = Arc::new(File::create(&log).unwrap());
        let _listening = tracing::subscriber::set_default(tracing_subscriber::fmt().with_writer(writer).finish());
        let warnings = || std::fs::read_to_string(&log).unwrap().matches("are a guess").count();
        let models = ModelsFolder::new(&folder.path().join("tiny.json"), EmbedderOptions::default());
        models.start(guessed.clone()).await.unwrap();
        assert_eq!(warnings(), 1, "before customers");
        models.start_incoming(guessed).await.unwrap();
        assert_eq!(warnings(), 2, "when a switch begins");
        models.start(calibrated).await.unwrap();
        assert_eq!(warnings(), 2);
    }
}
