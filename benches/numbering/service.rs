//! `Checkout::confirm` within this process, as the server calls it.

use std::sync::Arc;

use tillsight::active_model::{ActiveModel, ModelSlot, StartedModel};
use tillsight::checkout::Checkout;
use tillsight::config::Settings;
use tillsight::domain::SessionId;
use tillsight::embedding::{Embedder, EmbedderOptions, Model};
use tillsight::index::{IndexOptions, VectorIndex};
use tillsight::orders::Orders;
use tillsight::performance::Performance;
use tillsight::recognition::RecognitionService;
use tokio::runtime::Runtime;

use super::fixture::{Batch, Fixture, uuid};
use super::load::{Load, closed_loop};
use super::program::MODEL;
use super::support::DIM;

/// The service, as the server builds it.
pub struct Service(Checkout);

impl Service {
    /// On the fixture's database. It has a model, as the server's has; nobody asks it to recognise anything.
    pub fn open(fixture: &Fixture) -> Self {
        let settings = Settings::from_toml("").expect("the defaults");
        let model = Model::open(MODEL.as_ref()).unwrap_or_else(|error| panic!("{error}"));
        let embedder = Embedder::start(&model, EmbedderOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        let index = VectorIndex::build(DIM, 0, Vec::new(), IndexOptions::default()).expect("an index");
        let (embedder, index, manifest) = (Arc::new(embedder), index, MODEL.to_owned());
        let active = ModelSlot::new(ActiveModel::new(StartedModel { embedder, manifest, generation: None }, index));
        let (db, clock) = (fixture.db.clone(), fixture.clock.clone());
        let recognition = RecognitionService::new(db.clone(), clock.clone(), active, &settings);
        let orders = Orders::new(db.clone(), clock.clone());
        let performance = Performance::new(db.clone(), clock.clone());
        Self(Checkout::new(db, clock, recognition, orders, performance, settings.checkout))
    }

    /// What is answered to the confirmation of a batch's first session, as JSON.
    pub async fn first_reply(&self, batch: Batch) -> String {
        let (caller, id) = (batch.caller(batch.first), SessionId::from(uuid(batch.first)));
        let reply = self.0.confirm_session(&caller, id, 1, "first").await.unwrap_or_else(|error| panic!("{error}"));
        reply.body.to_string()
    }

    pub fn run(&self, runtime: &Runtime, batch: Batch, clients: usize) -> Load {
        closed_loop(runtime, batch, clients, |session| async move {
            let (caller, id) = (batch.caller(session), SessionId::from(uuid(session)));
            let confirmed = self.0.confirm_session(&caller, id, 1, &format!("bill-{session}")).await;
            confirmed.unwrap_or_else(|error| panic!("session {session}: {error}"));
        })
    }
}
