//! What there is to switch to, and what was switched.

use std::collections::HashMap;

use super::{ModelSwitches, ModelView, ModelsView, SwitchError, SwitchView};
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
        tx.rollback().await?;
        let models = checked.into_iter().map(|(manifest, model)| match model {
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
        });
        let history = ended.into_iter().map(SwitchView::from).collect();
        let switch = open.into_iter().next().map(SwitchView::from);
        Ok(ModelsView { models: models.collect(), photos, switch, history })
    }
}
