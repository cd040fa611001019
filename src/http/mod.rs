//! The HTTP API: routes, extractors, the policy table, problems, the OpenAPI document.
//!
//! A handler extracts, calls one service and maps the result; it decides nothing and knows no database, index or model.
//! Middleware, from the outside in: `observe` (request id, counts, times), `safe_headers`, `load_shedding` (no room for a photo), `authorize`
//! (policy).

pub mod authenticate;
pub mod extract;
pub mod load_shedding;
pub mod observe;
pub mod openapi;
pub mod policy;
pub mod problem;
pub mod routes;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::alerts::Alerts;
use crate::auth::Auth;
use crate::catalog::Catalog;
use crate::checkout::Checkout;
use crate::config::Limits;
use crate::integrity::Integrity;
use crate::models::ModelSwitches;
use crate::orders::Orders;
use crate::performance::Performance;
use crate::recognition::RecognitionService;
use crate::telemetry::Metrics;

/// Everything a handler can reach.
#[derive(Clone)]
pub struct Services {
    /// People, devices, stores.
    pub auth: Auth,
    /// Products and their photos.
    pub catalog: Catalog,
    /// Models and changing between them.
    pub models: ModelSwitches,
    /// What is in a picture.
    pub recognition: RecognitionService,
    /// Sessions and bills.
    pub checkout: Checkout,
    /// Confirmed bills.
    pub orders: Orders,
    /// Whether numbers and hash chains are whole.
    pub integrity: Integrity,
    /// How the creation of orders goes.
    pub performance: Performance,
    /// What is wrong, and who was told.
    pub alerts: Alerts,
    /// Counters and histograms.
    pub metrics: Metrics,
    /// Whether new work is welcome.
    pub readiness: Readiness,
    /// Bounds on what a client can ask for.
    pub limits: Limits,
    /// Memory that bodies may take together.
    pub bodies: extract::BodyBudget,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Whether `/docs` and `/api/openapi.json` are served.
    pub public_docs: bool,
    /// Whether `/metrics` is served.
    pub public_metrics: bool,
}

/// Whether the server takes new work: not before it is complete, and no longer once it was asked to stop.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says whether new work is welcome.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::SeqCst);
    }

    /// Whether new work is welcome.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
