//! What there is to switch to, and what was switched.

use std::collections::HashMap;

use super::view::WantedModel;
use super::{ModelSwitches, ModelView, ModelsView, SwitchError, SwitchView};
use crate::active_model::ActiveModel;
use crate::store::model_switches::{self, SwitchRow, SwitchState};
use crate::store::product_images;

/// Switches that are shown.
const SHOWN: i64 = 20;

impl ModelSwitches {
    /// The models of this server's folder, the switch under way and earlier ones.
    pub async fn models(&self) -> Result<ModelsView, SwitchError> {
        let folder = self.folder.clone();
        let checked = self.blocking(move || folder.checked()).await?;
        let active = self.catalog.active.now();
        let mut tx = self.catalog.store.read().await?;
        let photos = product_images::count_on_sale(&mut tx).await?;
        let seen: HashMap<String, i64> = product_images::count_on_sale_by_model(&mut tx).await?.into_iter().collect();
        let (open, ended): (Vec<SwitchRow>, Vec<SwitchRow>) = model_switches::newest(&mut tx, SHOWN)
            .await?
            .into_iter()
            .partition(|row| matches!(row.state, SwitchState::Embedding | SwitchState::Ready));
        let switched = model_switches::active(&mut tx).await?;
        tx.rollback().await?;
        let mut models: Vec<ModelView> = checked
            .into_iter()
            .map(|(manifest, model)| match model {
                Ok(found) => {
                    let id = found.model_id();
                    let is_active = id == *active.embedder.model_id();
                    // A server goes on with the thresholds that it began with, whatever was written since.
                    let thresholds = if is_active { active.embedder.thresholds() } else { &found.thresholds };
                    ModelView {
                        active: is_active,
                        calibrated: thresholds.are_calibrated(),
                        embedded: seen.get(id.as_str()).copied().unwrap_or_default(),
                        model: Some(id.to_string()),
                        problem: None,
                        manifest,
                    }
                }
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
            models.push(without_files(&active, &seen));
        }
        let wanted = match switched.filter(|row| row.to_model != active.embedder.model_id().as_str()) {
            Some(row) => Some(self.wanted(row).await?),
            None => None,
        };
        let history = ended.into_iter().map(SwitchView::from).collect();
        let switch = open.into_iter().next().map(SwitchView::from);
        Ok(ModelsView { models, wanted, photos, switch, history })
    }

    /// The model of the last switch, which is not the one in use.
    async fn wanted(&self, row: SwitchRow) -> Result<WantedModel, SwitchError> {
        let (model, manifest) = (row.to_model.clone(), row.to_manifest.clone());
        let folder = self.folder.clone();
        let opened = self.blocking(move || Ok(folder.open_switched(&row).err())).await?;
        let reason = opened.map_or_else(
            || "it can be used (again): a server that is started takes it up, or switch to it once more".to_owned(),
            |error| format!("{error}. Put it back and start the server again, or switch to another model"),
        );
        Ok(WantedModel { model, manifest, reason })
    }
}

/// The model in use, which no manifest of the folder describes any more.
fn without_files(active: &ActiveModel, seen: &HashMap<String, i64>) -> ModelView {
    let id = active.embedder.model_id();
    ModelView {
        manifest: active.manifest.clone(),
        model: Some(id.to_string()),
        active: true,
        embedded: seen.get(id.as_str()).copied().unwrap_or_default(),
        calibrated: active.embedder.thresholds().are_calibrated(),
        problem: Some(
            "its files are gone or others by now: this server goes on with it until it is started again, and cannot take it up \
             then"
            .to_owned(),
        ),
    }
}
