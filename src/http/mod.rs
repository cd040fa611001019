//! The HTTP API: routes, the table of them, extractors, problems, the OpenAPI document.
//!
//! A handler extracts, calls one service and maps the result; it decides nothing and knows no database, index or model.
//! Middleware, from the outside in: `instrument` (request id, counts, times), `add_security_headers`, `authorize`
//! (policy).

pub mod access_control;
pub mod browser;
pub mod connection_share;
pub mod extract;
pub mod idempotency;
pub mod instrumentation;
pub mod openapi;
pub mod pages;
pub mod policy;
pub mod problem;
pub mod route;
pub mod route_table;
pub mod routes;
pub mod security_headers;
pub mod transport;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::alerts::Alerts;
use crate::audit::AuditLog;
use crate::auth::Auth;
use crate::automation::Automation;
use crate::automation::pipelines::ImportDrafts;
use crate::background::TaskMonitor;
use crate::catalog::Catalog;
use crate::checkout::Checkout;
use crate::clock::Clock;
use crate::config::{Limits, SettingsReport};
use crate::index_feed::IndexFeed;
use crate::integrity::Integrity;
use crate::models::ModelSwitches;
use crate::orders::Orders;
use crate::performance::Performance;
use crate::recognition::RecognitionService;
use crate::statistics::Statistics;
use crate::storage::StorageWatch;
use crate::telemetry::Metrics;

/// Everything a handler can use.
#[derive(Clone)]
pub struct Services {
    pub clock: Clock,
    pub auth: Auth,
    pub catalog: Catalog,
    pub index_feed: IndexFeed,
    pub models: ModelSwitches,
    pub recognition: RecognitionService,
    pub checkout: Checkout,
    pub orders: Orders,
    pub integrity: Integrity,
    pub performance: Performance,
    pub alerts: Alerts,
    pub statistics: Statistics,
    pub audit: AuditLog,
    pub automation: Automation,
    pub import_drafts: ImportDrafts,
    /// The most bytes of a file that a task is created with.
    pub upload_bytes_max: u64,
    pub background: TaskMonitor,
    pub metrics: Metrics,
    pub readiness: Readiness,
    pub storage: StorageWatch,
    pub limits: Limits,
    pub settings: Arc<SettingsReport>,
    /// The memory that request bodies may take together.
    pub bodies: extract::BodyBudget,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpAddr>,
    /// The address under which other devices reach this server, if the settings name it.
    pub public_url: Option<String>,
    /// Whether clients speak HTTPS with this server itself.
    pub is_https: bool,
    /// Whether `/docs` and `/api/openapi.json` are served.
    pub public_docs: bool,
    /// Whether `/metrics` is served.
    pub public_metrics: bool,
}

/// Whether the server accepts requests: not before it is complete, and no longer once it is stopping.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    pub fn set_ready(&self, ready: bool) {
        self.0.store(ready, Ordering::SeqCst);
    }

    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
