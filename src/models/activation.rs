//! Activating a switch: the new model becomes the active one in the database.

use super::{ModelSwitches, SwitchError, SwitchView, run_blocking};
use crate::db::model_switches::{self, SwitchRow};
use crate::db::{catalog_changes, product_images};
use crate::domain::{Caller, SwitchId, SwitchState};

/// Who activates a switch that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationPolicy {
    /// A person, by another call.
    ByHand,
    /// The server, unless the new model is right on fewer of the enrolled photos than the active one. Then it waits for a
    /// person. Where no product has two photos there is nothing to compare, and nothing speaks against it.
    UnlessWorse,
    /// The server, whatever the comparison says. The audit log keeps who chose so.
    EvenIfWorse,
}

impl ModelSwitches {
    /// Activates the open switch. When this returns, this server recognises by the new model; other servers follow within
    /// seconds.
    pub async fn activate(&self, caller: &Caller) -> Result<SwitchView, SwitchError> {
        let row = model_switches::find_open(&mut self.db.read().await?).await?.ok_or(SwitchError::NoneOpen)?;
        // If this server could not adopt the model, refuse before anything has happened.
        let (folder, id) = (self.folder.clone(), row.id);
        run_blocking(move || folder.open_switched(&row)).await?;
        let row = self.activate_in_database(caller, id).await?;
        match self.adopt().await {
            Ok(()) => Ok(row.into()),
            // The switch is done, and this server keeps trying to adopt it. A plain failure would make people begin anew.
            Err(cause) => Err(SwitchError::NotAdopted { model: row.to_model, cause: Box::new(cause) }),
        }
    }

    /// Makes the new model of switch `id` the active one in the database, if that switch is still open.
    pub(super) async fn activate_in_database(&self, caller: &Caller, id: SwitchId) -> Result<SwitchRow, SwitchError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        // No photo is enrolled from here to the commit.
        catalog_changes::lock(&mut tx).await?;
        let open = model_switches::find_open(&mut tx).await?;
        let mut row = open.filter(|row| row.id == id).ok_or(SwitchError::NoneOpen)?;
        row.photos = product_images::count_on_sale(&mut tx).await?;
        row.missing = product_images::count_without_embedding(&mut tx, &row.to_model).await?;
        if row.missing > 0 {
            let SwitchRow { to_model: model, missing, photos, problem_count: failed, .. } = row;
            return Err(SwitchError::NotReady { model, missing, photos, failed });
        }
        if !model_switches::activate(&mut tx, row.id, now).await? {
            return Err(SwitchError::NoneOpen);
        }
        self.append_audit(&mut tx, caller, "model.switch.activate", &row).await?;
        tx.commit().await?;
        tracing::info!(model.id = row.to_model, "the model was switched");
        (row.state, row.changed_at) = (SwitchState::Active, now);
        Ok(row)
    }
}
