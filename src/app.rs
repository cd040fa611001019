//! The composition root: builds every part in order, binds the address, runs until stopped, drains.
//!
//! The order of the start is the order of its failures: settings, database, model, accounts, index, address. Whatever
//! is missing ends the start with one [`StartError`] that says what and what to do.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web as actix};
use tokio::task::JoinHandle;

use crate::alerts::{Alerts, SinkError};
use crate::auth::{Auth, AuthError, FirstAdmin};
use crate::background::keep;
use crate::catalog::{Catalog, CatalogError};
use crate::checkout::Checkout;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{Database, DatabaseError};
use crate::embedding::{DecodeLimits, EmbedderOptions};
use crate::http::extract::BodyBudget;
use crate::http::{Readiness, Services, access_control, instrumentation, openapi, routes, security_headers};
use crate::integrity::Integrity;
use crate::models::{FirstModel, ModelFolder, ModelSwitches, SwitchError};
use crate::orders::Orders;
use crate::performance::Performance;
use crate::pool::Pool;
use crate::recognition::RecognitionService;
use crate::telemetry::Metrics;
use crate::web;

/// Seconds for the head of a request to arrive.
const REQUEST_HEAD: Duration = Duration::from_secs(5);
/// How often at least is looked for a change of the model.
const SWITCHES: Duration = Duration::from_secs(2);
/// How often replies kept for idempotency and old rows on how orders went are removed.
const TIDY: Duration = Duration::from_secs(3_600);
/// How often samples are folded into histograms, whether or not anybody reads `/metrics`.
const METRICS_UPKEEP: Duration = Duration::from_secs(10);

/// Why the server cannot start or run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log filter does not parse.
    #[error("{0}")]
    Logs(String),
    /// The model or ONNX Runtime cannot be used.
    #[error(transparent)]
    Model(#[from] SwitchError),
    /// The database cannot be used.
    #[error("database: {0}")]
    Database(#[from] DatabaseError),
    /// Accounts cannot be set up.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Alerts cannot be sent.
    #[error(transparent)]
    Alerts(#[from] SinkError),
    /// The index cannot be filled.
    #[error("catalog: {0}")]
    Catalog(#[from] CatalogError),
    /// The operating system gives no more threads.
    #[error("cannot start a thread: {0}")]
    Threads(std::io::Error),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {error}; choose another address with TILLSIGHT_BIND")]
    Bind {
        /// What was to be listened on.
        address: std::net::SocketAddr,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// The server stopped by itself.
    #[error("the HTTP server failed: {0}")]
    Server(std::io::Error),
}

/// A server that is complete and listens, and does not run yet.
pub struct Application {
    server: Server,
    address: std::net::SocketAddr,
    readiness: Readiness,
    db: Database,
    catalog: Catalog,
    models: ModelSwitches,
    checkout: Checkout,
    performance: Performance,
    integrity: Option<Integrity>,
    alerts: Option<Alerts>,
    metrics: Metrics,
    first_admin: FirstAdmin,
    follow: Duration,
    snapshots: Option<Duration>,
}

impl Application {
    /// Builds every part and binds the address.
    pub async fn build(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let metrics = Metrics::install();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let db = Database::connect(&settings.database_url, settings.limits.database_connections).await?;
        db.migrate().await?;
        let folder = ModelFolder::of(&manifest_path(&settings), embedder_options(&settings, cores));
        let FirstModel { model, manifest, generation } = folder.first(&db).await?;
        let embedder = folder.start(model).await?;
        let engine = &settings.engine;
        let hashing = Pool::new("tillsight-hash", or_cores(engine.hash_threads, cores), engine.queue)
            .map_err(StartError::Threads)?;
        let auth = Auth::new(db.clone(), clock.clone(), hashing, &settings)?;
        let catalog = Catalog::start(db.clone(), clock.clone(), embedder, (manifest, generation), &settings);
        // Beside each other: the one takes a third of a second of a processor, the other waits for disk and database.
        let (catalog, ()) = tokio::try_join!(async { catalog.await.map_err(StartError::from) }, async {
            auth.refuse_well_known_passwords().await.map_err(StartError::from)
        },)?;
        let models = ModelSwitches::new(catalog.clone(), folder, engine.clone());
        let recognition = RecognitionService::new(db.clone(), clock.clone(), catalog.active_model(), &settings);
        let orders = Orders::new(db.clone(), clock.clone());
        let integrity = Integrity::new(db.clone(), clock.clone(), settings.monitoring.clone());
        let rules = settings.checkout.clone();
        let performance = Performance::new(db.clone(), clock.clone());
        let alerts = Alerts::new(
            db.clone(),
            clock.clone(),
            integrity.clone(),
            performance.clone(),
            settings.monitoring.clone(),
        )?;
        let checkout =
            Checkout::new(db.clone(), clock, recognition.clone(), orders.clone(), performance.clone(), rules);
        let readiness = Readiness::default();
        let services = Services {
            auth: auth.clone(),
            catalog: catalog.clone(),
            models: models.clone(),
            recognition,
            checkout: checkout.clone(),
            orders,
            integrity: integrity.clone(),
            performance: performance.clone(),
            alerts: alerts.clone(),
            metrics: metrics.clone(),
            readiness: readiness.clone(),
            limits: settings.limits.clone(),
            bodies: BodyBudget::new(settings.limits.bodies_bytes),
            trusted_proxies: settings.trusted_proxies.clone(),
            public_docs: settings.public_docs,
            public_metrics: settings.public_metrics,
        };
        let (server, address) = listen(services, &settings, cores)?;
        // Last, since a one-time password is shown only once: nothing may fail between its making and its printing. The
        // server does not answer before it is run, so nobody can take the name first.
        let first_admin = auth.ensure_first_admin().await?;
        let follow = Duration::from_secs(engine.follow_s);
        let snapshots = (engine.snapshot_s > 0).then(|| Duration::from_secs(engine.snapshot_s));
        let alerts = (settings.monitoring.enabled && settings.monitoring.alerts).then_some(alerts);
        let integrity = settings.monitoring.enabled.then_some(integrity);
        Ok(Self {
            server,
            address,
            readiness,
            db,
            catalog,
            models,
            checkout,
            performance,
            integrity,
            alerts,
            metrics,
            first_admin,
            follow,
            snapshots,
        })
    }

    /// The port that was bound: the one to ask for with port 0.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Where the server listens, for people.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How the first admin came to be.
    pub fn first_admin(&self) -> &FirstAdmin {
        &self.first_admin
    }

    /// Serves until `asked_to_stop` is ready, then stops taking work at once, finishes the requests in flight and closes
    /// the database.
    pub async fn run_until(self, asked_to_stop: impl Future<Output = ()> + Send + 'static) -> Result<(), StartError> {
        let handle = self.server.handle();
        let readiness = self.readiness.clone();
        readiness.set_ready(true);
        let mut tasks = self.background();
        let stopper = tokio::spawn(async move {
            asked_to_stop.await;
            readiness.set_ready(false);
            tracing::info!("asked to stop: finishing the requests in flight");
            handle.stop(true).await;
        });
        let served = self.server.await.map_err(StartError::Server);
        tasks.push(stopper);
        end(tasks).await;
        if let Err(error) = self.performance.flush().await {
            tracing::warn!(%error, "how the last orders went could not be written");
        }
        if let Err(error) = self.models.release().await {
            tracing::warn!(%error, "another server waits for half a minute before it goes on embedding");
        }
        // What takes longest comes last: nothing but time is lost where somebody does not wait for it.
        if self.snapshots.is_some() {
            self.catalog.write_last_snapshot().await;
        }
        self.db.close().await;
        tracing::info!("stopped");
        served
    }

    /// The loops that run beside the server.
    fn background(&self) -> Vec<JoinHandle<()>> {
        let Self { catalog, models, checkout, performance, metrics, .. } = self;
        let (follow, switches) = (self.follow, self.follow.min(SWITCHES));
        let tidied = (checkout.clone(), performance.clone());
        let mut tasks = vec![
            keep("models: embed", models, move |models| models.work(switches)),
            keep("models: keep up", models, move |models| models.keep_up(switches)),
            keep("models: forget", models, |models| models.forget_unused()),
            keep("catalog: follow", catalog, move |catalog| catalog.follow_others(follow)),
            keep("catalog: mend", catalog, |catalog| catalog.mend_left_out()),
            keep("performance", performance, |performance| performance.keep_flushing()),
            keep("tidy", &tidied, |(checkout, performance)| tidy(checkout, performance)),
            keep("metrics", metrics, keep_metrics),
        ];
        if let Some(every) = self.snapshots {
            tasks.push(keep("catalog: snapshots", catalog, move |catalog| catalog.keep_snapshots(every)));
        }
        tasks.extend(self.alerts.as_ref().map(|alerts| keep("alerts", alerts, |alerts| alerts.keep_watching())));
        let checks = self.integrity.as_ref();
        tasks.extend(checks.map(|integrity| keep("integrity", integrity, |integrity| integrity.keep_checking())));
        tasks
    }
}

/// Stops background tasks where they wait next, and waits until each has: from then on nothing takes hold again of what is
/// let go of afterwards, and nothing is at work on the database while it is closed.
async fn end(tasks: Vec<JoinHandle<()>>) {
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        match task.await {
            Err(error) if error.is_panic() => tracing::error!(%error, "a background task had failed"),
            Ok(()) | Err(_) => {}
        }
    }
}

async fn keep_metrics(metrics: Metrics) {
    let mut beat = tokio::time::interval(METRICS_UPKEEP);
    loop {
        beat.tick().await;
        metrics.upkeep();
    }
}

async fn tidy(checkout: Checkout, performance: Performance) {
    let mut beat = tokio::time::interval(TIDY);
    loop {
        beat.tick().await;
        if let Err(error) = performance.forget_old().await {
            tracing::warn!(error = %error, "old rows on how orders went could not be removed");
        }
        if let Err(error) = checkout.forget_old_replies().await {
            tracing::warn!(error = %error, "old idempotency replies could not be removed");
        }
    }
}

fn or_cores(threads: usize, cores: usize) -> usize {
    if threads == 0 { cores } else { threads }
}

/// The manifest of the model that `settings` name; where that is relative and not below the working directory, beside the
/// program.
pub fn manifest_path(settings: &Settings) -> PathBuf {
    let manifest = &settings.model;
    if manifest.is_relative() && !manifest.exists() {
        let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join(manifest)));
        if let Some(found) = beside.filter(|path| path.exists()) {
            return found;
        }
    }
    manifest.clone()
}

fn embedder_options(settings: &Settings, cores: usize) -> EmbedderOptions {
    let engine = &settings.engine;
    let sessions =
        if engine.model_sessions == 0 { (cores / engine.threads_per_session).max(1) } else { engine.model_sessions };
    EmbedderOptions {
        sessions,
        threads_per_session: engine.threads_per_session,
        queue_limit: engine.queue,
        max_batch: engine.batch,
        decode_threads: or_cores(engine.decode_threads, cores),
        max_wait: Duration::from_millis(engine.max_wait_ms),
        limits: decode_limits(settings),
    }
}

/// What `settings` take of a photo.
pub fn decode_limits(settings: &Settings) -> DecodeLimits {
    DecodeLimits { max_bytes: settings.limits.image_bytes, max_pixels: settings.limits.image_pixels }
}

fn listen(services: Services, settings: &Settings, cores: usize) -> Result<(Server, std::net::SocketAddr), StartError> {
    let unbound = |error| StartError::Bind { address: settings.bind, error };
    let listener = TcpListener::bind(settings.bind).map_err(unbound)?;
    let address = listener.local_addr().map_err(unbound)?;
    let services = actix::Data::new(services);
    let docs = settings.public_docs;
    let origins = settings.cors_origins.clone();
    let workers = or_cores(settings.http_workers, cores);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(services.clone())
            .wrap(from_fn(access_control::authorize))
            .wrap(cross_origin(&origins))
            .wrap(Compress::default())
            .wrap(from_fn(security_headers::add_security_headers))
            .wrap(from_fn(instrumentation::instrument))
            .configure(routes::configure)
            .configure(openapi::configure)
            .configure(|config| web::configure(config, docs))
    })
    .workers(workers)
    .max_connections(settings.limits.connections.div_ceil(workers))
    .client_request_timeout(REQUEST_HEAD)
    // A client that has hung up wants no answer: its work is dropped.
    .h1_allow_half_closed(false)
    .shutdown_timeout(settings.stop_timeout_s)
    .disable_signals()
    .listen(listener)
    .map_err(unbound)?
    .run();
    Ok((server, address))
}

/// Headers of an answer that a page of an allowed origin may read.
const EXPOSED: [&str; 4] = ["Retry-After", "Idempotent-Replayed", "Location", "X-Request-Id"];

/// Answers browsers of the allowed origins; with none allowed, no origin but the server's own.
fn cross_origin(origins: &[String]) -> actix_cors::Cors {
    let headers = ["authorization", "content-type", "idempotency-key"];
    let cors = actix_cors::Cors::default()
        .allowed_methods(["GET", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers(headers)
        .expose_headers(EXPOSED);
    origins.iter().fold(cors.max_age(600), |cors, origin| cors.allowed_origin(origin))
}
