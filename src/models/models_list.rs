//! What there is to switch to, what was switched, and which model is asked for where another is in use.

use std::collections::HashMap;

use super::models_folder::ManifestResult;
use super::view::WantedModel;
use super::{ModelSwitches, ModelView, ModelsView, SwitchError, SwitchView};
use crate::active_model::ActiveModel;
use crate::db::model_switches::{self, SwitchRow, SwitchState};
use crate::db::product_images;
use crate::embedding::Manifest;

/// Switches that are shown.
const SHOWN: i64 = 20;

impl ModelSwitches {
    /// The models of this server's folder, the switch under way and earlier ones.
    pub async fn models(&self) -> Result<ModelsView, SwitchError> {
        let folder = self.folder.clone();
        let checked = self.blocking(move || folder.checked()).await?;
        let active = self.catalog.active.now();
        let mut reader = self.catalog.db.read().await?;
        let photos = product_images::count_on_sale(&mut reader).await?;
        let seen: HashMap<String, i64> =
            product_images::count_on_sale_by_model(&mut reader).await?.into_iter().collect();
        let (open, ended): (Vec<SwitchRow>, Vec<SwitchRow>) = model_switches::newest(&mut reader, SHOWN)
            .await?
            .into_iter()
            .partition(|row| matches!(row.state, SwitchState::Embedding | SwitchState::Ready));
        let switched = model_switches::active(&mut reader).await?;
        let wanted = switched.and_then(|row| wanted(&row, &checked, &active));
        let history = ended.into_iter().map(SwitchView::from).collect();
        let switch = open.into_iter().next().map(SwitchView::from);
        Ok(ModelsView { models: listed(checked, &active, &seen), wanted, photos, switch, history })
    }
}

/// Every model that was looked at, by file name, and the one in use even where no manifest describes it any more.
fn listed(checked: Vec<ManifestResult>, active: &ActiveModel, seen: &HashMap<String, i64>) -> Vec<ModelView> {
    let in_use = active.embedder.model_id();
    let embedded = |id: &str| seen.get(id).copied().unwrap_or_default();
    let of_active = |problem: Option<String>| ModelView {
        manifest: active.manifest.clone(),
        model: Some(in_use.to_string()),
        active: true,
        embedded: embedded(in_use.as_str()),
        // A server goes on with the thresholds that it began with, whatever was written since.
        calibrated: active.embedder.thresholds().are_calibrated(),
        problem,
    };
    let goes_on = |why: &str| format!("{why}; this server goes on with it until it is started again");
    let mut models: Vec<ModelView> = checked
        .into_iter()
        .map(|(manifest, looked)| match looked {
            Ok(found) if found.model_id() == *in_use => ModelView { manifest, ..of_active(None) },
            Ok(found) => ModelView {
                embedded: embedded(found.model_id().as_str()),
                model: Some(found.model_id().to_string()),
                active: false,
                calibrated: found.thresholds.are_calibrated(),
                problem: None,
                manifest,
            },
            Err(problem) if manifest == active.manifest => of_active(Some(goes_on(&problem))),
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
        // Only manifests that end in .json are looked at; the settings may name another.
        let gone =
            active.manifest.ends_with(".json").then(|| goes_on("its manifest is gone, or is another model's by now"));
        models.push(of_active(gone));
        models.sort_by(|one, other| one.manifest.cmp(&other.manifest));
    }
    models
}

/// The model of the last switch, where another one is in use, and what becomes of it.
fn wanted(row: &SwitchRow, checked: &[ManifestResult], active: &ActiveModel) -> Option<WantedModel> {
    let in_use = active.embedder.model_id().as_str();
    let looked = checked.iter().find(|(manifest, _)| *manifest == row.to_manifest).map(|(_, looked)| looked);
    let id_of = |manifest: &Manifest| manifest.model_id().as_str().to_owned();
    let found = looked.and_then(|looked| looked.as_ref().ok()).map(id_of);
    // That manifest is the model in use: it was put in the other's place, by an upgrade for example.
    if row.to_model == in_use || found.as_deref() == Some(in_use) {
        return None;
    }
    let fault = match (looked, found) {
        (None, _) => Some(format!("there is no {} in the folder of models", row.to_manifest)),
        (Some(Err(problem)), _) => Some(problem.clone()),
        (Some(Ok(_)), Some(found)) if found != row.to_model => Some(format!("{} is {found} by now", row.to_manifest)),
        (Some(Ok(_)), _) => None,
    };
    // What was lost when the server was started is not waited for; anything newer is taken up when it can be.
    let reason = match (fault, row.generation > active.generation) {
        (None, true) => "it is being taken up".to_owned(),
        (Some(fault), true) => format!("{fault}; it is taken up by itself once that is mended"),
        (None, false) => "it can be used again: start the server again, or switch to it".to_owned(),
        (Some(fault), false) => {
            format!("{fault}; put it back and start the server again, or switch to another model")
        }
    };
    Some(WantedModel { model: row.to_model.clone(), manifest: row.to_manifest.clone(), reason })
}
