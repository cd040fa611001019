//! `GET /api/models`: the models of the folder, the open switch and earlier ones, and why a model that was switched to is not
//! in use.

use std::collections::HashMap;

use super::models_folder::ManifestResult;
use super::view::{ConfidenceView, UnadoptedModel};
use super::{ModelSwitches, ModelView, ModelsView, SwitchError, SwitchView, run_blocking};
use crate::active_model::ActiveModel;
use crate::db::model_switches::{self, SwitchRow};
use crate::db::product_images;
use crate::domain::SwitchState;
use crate::embedding::Manifest;

/// Switches that are listed.
const LISTED_SWITCHES: i64 = 20;

impl ModelSwitches {
    /// The models of this server's folder, the open switch and earlier ones.
    pub async fn list(&self) -> Result<ModelsView, SwitchError> {
        let folder = self.folder.clone();
        let verified = run_blocking(move || folder.verify_all()).await?;
        let active = self.active.current();
        let mut reader = self.db.read().await?;
        let photos = product_images::count_on_sale(&mut reader).await?;
        let embedded: HashMap<String, i64> =
            product_images::count_on_sale_by_model(&mut reader).await?.into_iter().collect();
        let (open, ended): (Vec<SwitchRow>, Vec<SwitchRow>) = model_switches::list_newest(&mut reader, LISTED_SWITCHES)
            .await?
            .into_iter()
            .partition(|row| matches!(row.state, SwitchState::Embedding | SwitchState::Ready));
        let switched = model_switches::find_active(&mut reader).await?;
        let wanted = switched.and_then(|row| find_unadopted_model(&row, &verified, &active));
        let history = ended.into_iter().map(SwitchView::from).collect();
        let switch = open.into_iter().next().map(SwitchView::from);
        let confidence = active.confidence.current().map(|learned| ConfidenceView {
            photos: learned.confidence.photos,
            products: learned.confidence.products,
            index_revision: learned.index_revision,
        });
        let models = list_models(verified, &active, &embedded);
        Ok(ModelsView { models, wanted, confidence, photos, switch, history })
    }
}

/// Every model of the folder, by file name. The active model is listed even if no manifest describes it any more.
fn list_models(verified: Vec<ManifestResult>, active: &ActiveModel, embedded: &HashMap<String, i64>) -> Vec<ModelView> {
    let active_id = active.embedder.model_id();
    let embedded_by = |id: &str| embedded.get(id).copied().unwrap_or_default();
    let active_view = |problem: Option<String>| ModelView {
        manifest: active.manifest.clone(),
        model: Some(active_id.to_string()),
        active: true,
        embedded: embedded_by(active_id.as_str()),
        // A server keeps the thresholds that it began with, whatever was written since.
        calibrated: active.embedder.thresholds().are_calibrated(),
        problem,
    };
    let serves_on = |why: &str| format!("{why}; this server keeps using it until it restarts");
    let mut models: Vec<ModelView> = verified
        .into_iter()
        .map(|(manifest, verified)| match verified {
            Ok(found) if found.model_id() == *active_id => ModelView { manifest, ..active_view(None) },
            Ok(found) => ModelView {
                embedded: embedded_by(found.model_id().as_str()),
                model: Some(found.model_id().to_string()),
                active: false,
                calibrated: found.thresholds.are_calibrated(),
                problem: None,
                manifest,
            },
            Err(problem) if manifest == active.manifest => active_view(Some(serves_on(&problem))),
            Err(problem) => ModelView {
                manifest,
                model: None,
                active: false,
                calibrated: false,
                embedded: 0,
                problem: Some(problem),
            },
        })
        .collect();
    if !models.iter().any(|model| model.active) {
        // Only manifests that end in .json are read; the settings may name another.
        let gone =
            active.manifest.ends_with(".json").then(|| serves_on("its manifest is gone, or is another model's by now"));
        models.push(active_view(gone));
        models.sort_by(|one, other| one.manifest.cmp(&other.manifest));
    }
    models
}

/// The model of the last switch, if this server uses another one, and why it does.
fn find_unadopted_model(row: &SwitchRow, verified: &[ManifestResult], active: &ActiveModel) -> Option<UnadoptedModel> {
    let active_id = active.embedder.model_id().as_str();
    let manifest = verified.iter().find(|(name, _)| *name == row.to_manifest).map(|(_, verified)| verified);
    let id_of = |manifest: &Manifest| manifest.model_id().as_str().to_owned();
    let found = manifest.and_then(|verified| verified.as_ref().ok()).map(id_of);
    // The active model may be under the other one's name, after an upgrade for example.
    if row.to_model == active_id || found.as_deref() == Some(active_id) {
        return None;
    }
    let fault = match (manifest, found) {
        (None, _) => Some(format!("there is no {} in the folder of models", row.to_manifest)),
        (Some(Err(problem)), _) => Some(problem.clone()),
        (Some(Ok(_)), Some(found)) if found != row.to_model => {
            Some(format!("{} now describes model {found}", row.to_manifest))
        }
        (Some(Ok(_)), _) => None,
    };
    // A model that was missing at the start is not waited for; a newer switch is adopted as soon as it can be.
    let reason = match (fault, row.generation > active.generation) {
        (None, true) => "this server is about to use it".to_owned(),
        (Some(fault), true) => format!("{fault}. The server switches by itself once this is repaired."),
        (None, false) => "it can be used again: start the server again, or switch to it".to_owned(),
        (Some(fault), false) => {
            format!("{fault}; put it back and start the server again, or switch to another model")
        }
    };
    Some(UnadoptedModel { model: row.to_model.clone(), manifest: row.to_manifest.clone(), reason })
}
