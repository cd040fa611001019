//! Changing the embedding model while the servers serve: blue and green.
//!
//! A switch is begun; one of the servers embeds every photo on sale by the new model, beside the old one, which goes on
//! recognising (`worker`, `pass`, `lease`); when none is missing it is carried out, at once or by hand ([`ActivationPolicy`]); then every
//! server fills an index of the new model and exchanges the two (`adopt`). Going back is a switch to the model before, whose
//! embeddings are all still there; those of models that were left for good are removed (`forget`).
//!
//! Invariants: whatever is needed to go on is in the database, so a kill at any moment costs what was being embedded; a
//! switch is carried out under the catalog's lock and only while no photo on sale lacks its embedding; a server exchanges
//! its model only for an index that stands at the catalog's newest change, so there is no moment without recognition.

mod adoption;
mod adoption_backoff;
mod cleanup;
mod comparison;
mod embedding_pass;
mod error;
mod lease;
mod models_folder;
mod models_list;
mod switch_worker;
mod verified_files;
mod view;

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::catalog::Catalog;
use crate::config::Engine;
use crate::db::model_switches::{self, SwitchRow, SwitchState};
use crate::db::{DatabaseError, Reader, Tx, audit, catalog_changes, product_images};
use crate::domain::{Caller, SwitchId};

pub use error::SwitchError;
pub use models_folder::{FirstModel, ModelFolder};
pub use view::{Comparison, FailedImage, ModelView, ModelsView, SwitchView};

/// Who decides that a switch which is ready is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationPolicy {
    /// A person, by another call.
    ByHand,
    /// Nobody: it is carried out by itself, unless the new model is right on fewer of the enrolled photos than the active
    /// one. Then it waits for a person. Where no product has two photos there is nothing to compare, and nothing speaks
    /// against it.
    UnlessWorse,
    /// Nobody, whatever the comparison says: whoever began it chose so, and the audit log has it.
    EvenIfWorse,
}

/// The service; cheap to clone.
#[derive(Clone)]
pub struct ModelSwitches {
    catalog: Catalog,
    folder: ModelFolder,
    engine: Engine,
    /// Names this server where several could do the same work.
    me: Uuid,
    /// Held while a model is being exchanged: once is enough.
    exchanging: Arc<Mutex<()>>,
}

impl ModelSwitches {
    /// Switches the model of `catalog` among those of `folder`.
    pub fn new(catalog: Catalog, folder: ModelFolder, engine: Engine) -> Self {
        let me = SwitchId::at(catalog.clock.now()).uuid();
        Self { catalog, folder, engine, me, exchanging: Arc::default() }
    }

    /// Begins a switch to the model of `manifest`, which is proved first.
    pub async fn begin(
        &self,
        caller: &Caller,
        manifest: &str,
        carry_out: ActivationPolicy,
    ) -> Result<SwitchView, SwitchError> {
        let (folder, name) = (self.folder.clone(), manifest.to_owned());
        let model = self.blocking(move || folder.open(&name)).await?;
        let to_model = model.id.to_string();
        // A model that does not do what its manifest says is refused here, not by the worker an hour later.
        self.folder.start_beside(model).await?;

        let now = self.catalog.clock.now();
        let mut tx = self.catalog.db.begin().await?;
        if let Some(open) = model_switches::open(&mut tx).await? {
            return Err(SwitchError::Open { model: open.to_model });
        }
        let (from_model, from_manifest) = self.active(&mut tx).await?;
        if from_model == to_model {
            return Err(SwitchError::Same { model: to_model });
        }
        let row = SwitchRow {
            id: SwitchId::at(now),
            from_model,
            from_manifest,
            photos: product_images::count_on_sale(&mut tx).await?,
            missing: product_images::count_unseen(&mut tx, &to_model).await?,
            to_model,
            to_manifest: manifest.to_owned(),
            state: SwitchState::Embedding,
            at_once: carry_out != ActivationPolicy::ByHand,
            even_if_worse: carry_out == ActivationPolicy::EvenIfWorse,
            problems: json!([]),
            problem_count: 0,
            obstacle: None,
            comparison: None,
            generation: None,
            created_at: now,
            changed_at: now,
        };
        match model_switches::insert(&mut tx, &row).await {
            Err(error) if error.is_taken("model_switches_open") => {
                return Err(SwitchError::Open { model: "another model".to_owned() });
            }
            inserted => inserted?,
        }
        self.record(&mut tx, caller, "model.switch.begin", &row).await?;
        tx.commit().await?;
        Ok(row.into())
    }

    /// Begins a switch back to the model that was active before the last one, and carries it out when it is ready: at
    /// once, but for photos that were enrolled since. Whoever goes back knows why, so the comparison does not hold it up.
    pub async fn roll_back(&self, caller: &Caller) -> Result<SwitchView, SwitchError> {
        let last = model_switches::active(&mut self.catalog.db.read().await?).await?;
        let last = last.ok_or(SwitchError::NoPrevious)?;
        let (folder, manifest) = (self.folder.clone(), last.from_manifest.clone());
        // A file of that name may be of another model by now, which was never active.
        self.blocking(move || folder.open_exactly(&last.from_manifest, &last.from_model)).await?;
        self.begin(caller, &manifest, ActivationPolicy::EvenIfWorse).await
    }

    /// Key and manifest of the active model: this server's, unless it has yet to take up what was switched to last.
    async fn active(&self, reader: &mut Reader) -> Result<(String, String), DatabaseError> {
        let ours = self.catalog.active.now();
        Ok(match model_switches::active(reader).await? {
            Some(row) if row.generation > ours.generation => (row.to_model, row.to_manifest),
            _ => (ours.embedder.model_id().to_string(), ours.manifest.clone()),
        })
    }

    /// Gives up the switch that is under way. What was embedded is kept, for another try.
    pub async fn cancel(&self, caller: &Caller) -> Result<SwitchView, SwitchError> {
        let now = self.catalog.clock.now();
        let mut tx = self.catalog.db.begin().await?;
        let mut row = model_switches::open(&mut tx).await?.ok_or(SwitchError::NoneOpen)?;
        if !model_switches::cancel(&mut tx, row.id, now).await? {
            return Err(SwitchError::NoneOpen);
        }
        self.record(&mut tx, caller, "model.switch.cancel", &row).await?;
        tx.commit().await?;
        (row.state, row.changed_at) = (SwitchState::Cancelled, now);
        Ok(row.into())
    }

    /// Carries out the switch that is under way; when this returns, this server recognises by the new model. Other servers
    /// follow within seconds.
    pub async fn activate(&self, caller: &Caller) -> Result<SwitchView, SwitchError> {
        let row = model_switches::open(&mut self.catalog.db.read().await?).await?.ok_or(SwitchError::NoneOpen)?;
        // Refused while nothing has happened yet, where this server could not take the model up.
        let (folder, id, ours) = (self.folder.clone(), row.id, row);
        self.blocking(move || folder.open_switched(&ours)).await?;
        let row = self.carry_out(caller, id).await?;
        match self.adopt().await {
            Ok(()) => Ok(row.into()),
            // What was asked for is done, and `keep_up` goes on trying: whoever took this for a failure would begin anew.
            Err(cause) => Err(SwitchError::NotTakenUp { model: row.to_model, cause: Box::new(cause) }),
        }
    }

    /// Makes the new model of switch `id` the active one in the database, if that is still the one under way.
    async fn carry_out(&self, caller: &Caller, id: SwitchId) -> Result<SwitchRow, SwitchError> {
        let now = self.catalog.clock.now();
        let mut tx = self.catalog.db.begin().await?;
        // From here on no photo is enrolled until the commit.
        catalog_changes::lock(&mut tx).await?;
        let open = model_switches::open(&mut tx).await?;
        let mut row = open.filter(|row| row.id == id).ok_or(SwitchError::NoneOpen)?;
        row.photos = product_images::count_on_sale(&mut tx).await?;
        row.missing = product_images::count_unseen(&mut tx, &row.to_model).await?;
        if row.missing > 0 {
            let (model, missing, photos, stuck) = (row.to_model, row.missing, row.photos, row.problem_count);
            return Err(SwitchError::NotReady { model, missing, photos, stuck });
        }
        if !model_switches::activate(&mut tx, row.id, now).await? {
            return Err(SwitchError::NoneOpen);
        }
        self.record(&mut tx, caller, "model.switch.activate", &row).await?;
        tx.commit().await?;
        tracing::info!(model.id = row.to_model, "the model was switched");
        (row.state, row.changed_at) = (SwitchState::Active, now);
        Ok(row)
    }

    async fn record(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        action: &'static str,
        row: &SwitchRow,
    ) -> Result<(), DatabaseError> {
        let details = json!({
            "from": row.from_model,
            "to": row.to_model,
            "at_once": row.at_once,
            "even_if_worse": row.even_if_worse,
            "comparison": row.comparison,
        });
        let at = self.catalog.clock.now();
        audit::append(tx, audit::AuditEntry { at, caller, action, subject: row.id.to_string(), details }).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, SwitchError> + Send + 'static,
    ) -> Result<T, SwitchError> {
        tokio::task::spawn_blocking(work).await.map_err(|error| SwitchError::Thread(error.to_string()))?
    }
}
