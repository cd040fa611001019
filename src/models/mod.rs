//! Switching the embedding model while the servers serve: blue/green.
//!
//! Begin: a switch is a row of the database. One server embeds every photo on sale by the new model while the old one goes
//! on recognising (`switch_worker`, `embedding_pass`, `lease`). Activate: when no photo is missing, the switch is carried
//! out, by itself or by a person ([`ActivationPolicy`]). Adopt: then every server fills an index of the new model and
//! exchanges the two (`adoption`). Going back is a switch to the model before, whose embeddings are all still there.
//! Embeddings, learned confidences and snapshots of unused models are removed (`cleanup`).
//!
//! Invariants: whatever is needed to go on is in the database, so a kill at any moment costs what was being embedded. A
//! switch is activated under the catalog's lock, and only while no photo on sale lacks its embedding. A server exchanges its
//! model only for an index that stands at the catalog's newest change, so there is no moment without recognition.

mod activation;
mod adoption;
mod cleanup;
mod comparison;
mod confidence_learner;
mod embedding_pass;
mod error;
mod lease;
mod models_folder;
mod models_list;
mod switch_worker;
mod verified_files;
mod view;

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::active_model::{IncomingModel, ModelSlot};
use crate::clock::Clock;
use crate::db::model_switches::{self, SwitchRow};
use crate::db::{Database, DatabaseError, Reader, Tx, audit, product_images};
use crate::domain::{Caller, SwitchId, SwitchState};
use crate::index_feed::IndexFeed;

pub use activation::ActivationPolicy;
pub use cleanup::CLEANUP_PERIOD;
pub use confidence_learner::ConfidenceLearner;
pub use error::SwitchError;
pub use models_folder::{FirstModel, ModelsFolder};
pub use view::{Comparison, ConfidenceView, FailedImage, ModelView, ModelsView, SwitchView};

/// The service; cheap to clone.
#[derive(Clone)]
pub struct ModelSwitches {
    db: Database,
    clock: Clock,
    index_feed: IndexFeed,
    active: ModelSlot,
    incoming: IncomingModel,
    folder: ModelsFolder,
    /// Names this server where several could do the same work.
    server_id: Uuid,
    /// Held while the model is exchanged, so that it is exchanged once.
    adopting: Arc<Mutex<()>>,
    /// Unused models of which nothing is left. Only a switch could change that, and then the model is in use.
    cleaned_up: Arc<Mutex<HashSet<String>>>,
}

impl ModelSwitches {
    /// Switches among the models of `folder`. While a switch goes on, `incoming` is the new model.
    pub fn new(
        db: Database,
        clock: Clock,
        index_feed: IndexFeed,
        incoming: IncomingModel,
        folder: ModelsFolder,
    ) -> Self {
        let (active, server_id) = (index_feed.active_model(), SwitchId::generate(clock.now()).uuid());
        Self {
            db,
            clock,
            index_feed,
            active,
            incoming,
            folder,
            server_id,
            adopting: Arc::default(),
            cleaned_up: Arc::default(),
        }
    }

    /// Begins a switch to the model of `manifest`.
    pub async fn begin(
        &self,
        caller: &Caller,
        manifest: &str,
        policy: ActivationPolicy,
    ) -> Result<SwitchView, SwitchError> {
        let (folder, name) = (self.folder.clone(), manifest.to_owned());
        let model = run_blocking(move || folder.open(&name)).await?;
        let to_model = model.id.to_string();
        // A model that does not do what its manifest says is refused here, not by the worker an hour later.
        self.folder.start_incoming(model).await?;

        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        if let Some(open) = model_switches::find_open(&mut tx).await? {
            return Err(SwitchError::AnotherOpen { model: open.to_model });
        }
        let (from_model, from_manifest) = self.active_model_key(&mut tx).await?;
        if from_model == to_model {
            return Err(SwitchError::AlreadyActive { model: to_model });
        }
        let row = SwitchRow {
            id: SwitchId::generate(now),
            from_model,
            from_manifest,
            photos: product_images::count_on_sale(&mut tx).await?,
            missing: product_images::count_without_embedding(&mut tx, &to_model).await?,
            to_model,
            to_manifest: manifest.to_owned(),
            state: SwitchState::Embedding,
            at_once: policy != ActivationPolicy::ByHand,
            even_if_worse: policy == ActivationPolicy::EvenIfWorse,
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
                return Err(SwitchError::AnotherOpen { model: "another model".to_owned() });
            }
            inserted => inserted?,
        }
        self.append_audit(&mut tx, caller, "model.switch.begin", &row).await?;
        tx.commit().await?;
        Ok(row.into())
    }

    /// Begins the switch to the model that the settings name, which activates itself. Another server may have begun it.
    pub async fn begin_after_update(&self, manifest: &str) -> Result<(), SwitchError> {
        match self.begin(&Caller::system(), manifest, ActivationPolicy::EvenIfWorse).await {
            Ok(_) | Err(SwitchError::AnotherOpen { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Begins a switch back to the model that was active before the last one. It activates itself as soon as the photos
    /// enrolled since are embedded. The comparison does not hold it up: going back has its reasons.
    pub async fn roll_back(&self, caller: &Caller) -> Result<SwitchView, SwitchError> {
        let last = model_switches::find_active(&mut self.db.read().await?).await?;
        let last = last.ok_or(SwitchError::NoPrevious)?;
        let (folder, manifest) = (self.folder.clone(), last.from_manifest.clone());
        // The manifest may belong to another model by now, which was never active.
        run_blocking(move || folder.open_exactly(&last.from_manifest, &last.from_model)).await?;
        self.begin(caller, &manifest, ActivationPolicy::EvenIfWorse).await
    }

    /// Gives up the open switch. What was embedded is kept for another attempt.
    pub async fn cancel(&self, caller: &Caller) -> Result<SwitchView, SwitchError> {
        let now = self.clock.now();
        let mut tx = self.db.begin().await?;
        let mut row = model_switches::find_open(&mut tx).await?.ok_or(SwitchError::NoneOpen)?;
        if !model_switches::cancel(&mut tx, row.id, now).await? {
            return Err(SwitchError::NoneOpen);
        }
        self.append_audit(&mut tx, caller, "model.switch.cancel", &row).await?;
        tx.commit().await?;
        (row.state, row.changed_at) = (SwitchState::Cancelled, now);
        Ok(row.into())
    }

    /// Key and manifest of the active model: this server's, unless it has yet to adopt the last switch.
    async fn active_model_key(&self, reader: &mut Reader) -> Result<(String, String), DatabaseError> {
        let current = self.active.current();
        Ok(match model_switches::find_active(reader).await? {
            Some(row) if row.generation > current.generation => (row.to_model, row.to_manifest),
            _ => (current.embedder.model_id().to_string(), current.manifest.clone()),
        })
    }

    async fn append_audit(
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
        let at = self.clock.now();
        audit::append(tx, audit::AuditEntry { at, caller, action, subject: row.id.to_string(), details }).await
    }

    /// Waits while a test holds this server at `point`: `switch.hold` is between two batches, `switch.adopt` before the
    /// exchange of the models. Holds no thread.
    async fn wait_at_fail_point(&self, point: &str) {
        #[cfg(not(feature = "fail-points"))]
        let _ = point;
        #[cfg(feature = "fail-points")]
        while fail::eval(&format!("{point} {}", self.index_feed.data_dir().display()), |_| ()).is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

/// Runs work that blocks on a thread of its own.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SwitchError> + Send + 'static,
) -> Result<T, SwitchError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| SwitchError::Thread(error.to_string()))?
}
