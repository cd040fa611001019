//! The composition root: builds every part in order, binds the address, runs until stopped, drains.
//!
//! The order of the start is the order of its failures: settings, database, model, accounts, index, address. Whatever
//! is missing ends the start with one [`StartError`] that says what and what to do.

use std::convert::Infallible;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web as actix};

use crate::active_model::{IncomingModel, StartedModel};
use crate::alerts::{Alerts, DELIVERY_PERIOD, SinkError, SinkKind};
use crate::auth::{Auth, AuthError, FirstAdmin};
use crate::background::{BackgroundTasks, TaskMonitor};
use crate::catalog::Catalog;
use crate::checkout::Checkout;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::blobs::{BlobError, Blobs};
use crate::db::{Database, DatabaseError};
use crate::domain::InvalidField;
use crate::embedding::{DecodeLimits, EmbedderOptions};
use crate::http::extract::BodyBudget;
use crate::http::{Readiness, Services, access_control, instrumentation, openapi, routes, security_headers};
use crate::index_feed::{FollowError, IndexFeed};
use crate::integrity::{self, Integrity};
use crate::models::{FirstModel, ModelSwitches, ModelsFolder, SwitchError};
use crate::orders::Orders;
use crate::performance::{self, Performance};
use crate::pool::Pool;
use crate::recognition::RecognitionService;
use crate::telemetry::Metrics;
use crate::web;

/// Seconds for the head of a request to arrive.
const REQUEST_HEAD: Duration = Duration::from_secs(5);
/// How often at least a model switch made through another server is looked for.
const MODEL_SWITCH_PERIOD: Duration = Duration::from_secs(2);
/// How often old rows are removed.
const TIDY_PERIOD: Duration = Duration::from_secs(3_600);
/// How often samples are folded into histograms, whether or not anybody reads `/metrics`.
const METRICS_PERIOD: Duration = Duration::from_secs(10);

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
    /// The folder of photos cannot be opened.
    #[error("photos: {0}")]
    Photos(#[from] BlobError),
    #[error("the index cannot be filled: {0}")]
    Index(#[from] FollowError),
    #[error(transparent)]
    Catalog(#[from] InvalidField),
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
    index_feed: IndexFeed,
    models: ModelSwitches,
    performance: Performance,
    background: BackgroundTasks,
    first_admin: FirstAdmin,
    writes_snapshots: bool,
}

impl Application {
    /// Builds every part and binds the address.
    pub async fn build(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let metrics = Metrics::install();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let db = Database::connect(&settings.database_url, settings.limits.database_connections).await?;
        db.migrate().await?;
        let folder = ModelsFolder::new(&manifest_path(&settings), embedder_options(&settings, cores));
        let FirstModel { model, manifest, generation } = folder.open_first_model(&db).await?;
        let model = StartedModel { embedder: folder.start(model).await?, manifest, generation };
        let engine = &settings.engine;
        let hashing = Pool::new("tillsight-hash", or_cores(engine.hash_threads, cores), engine.queue)
            .map_err(StartError::Threads)?;
        let auth = Auth::new(db.clone(), clock.clone(), hashing, &settings)?;
        let blobs = Blobs::open(&settings.data_dir)?;
        let index_feed = IndexFeed::start(db.clone(), blobs.clone(), clock.clone(), model, &settings);
        // Beside each other: the one takes a third of a second of a processor, the other waits for disk and database.
        let (index_feed, ()) = tokio::try_join!(async { index_feed.await.map_err(StartError::from) }, async {
            auth.refuse_well_known_passwords().await.map_err(StartError::from)
        },)?;
        let incoming = IncomingModel::default();
        let catalog = Catalog::new(db.clone(), blobs, clock.clone(), index_feed.clone(), incoming.clone(), &settings)?;
        let models = ModelSwitches::new(db.clone(), clock.clone(), index_feed.clone(), incoming, folder);
        let recognition = RecognitionService::new(db.clone(), clock.clone(), index_feed.active_model(), &settings);
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
            Checkout::new(db.clone(), clock.clone(), recognition.clone(), orders.clone(), performance.clone(), rules);
        let readiness = Readiness::default();
        let mut services = Services {
            auth: auth.clone(),
            catalog,
            index_feed: index_feed.clone(),
            models: models.clone(),
            recognition,
            checkout,
            orders,
            integrity,
            performance: performance.clone(),
            alerts,
            background: TaskMonitor::default(),
            metrics,
            readiness: readiness.clone(),
            limits: settings.limits.clone(),
            bodies: BodyBudget::new(settings.limits.bodies_bytes),
            trusted_proxies: settings.trusted_proxies.clone(),
            public_docs: settings.public_docs,
            public_metrics: settings.public_metrics,
        };
        let background = background_tasks(&services, &settings, clock);
        services.background = background.monitor();
        let (server, address) = listen(services, &settings, cores)?;
        // Last, since a one-time password is shown only once: nothing may fail between its making and its printing. The
        // server does not answer before it is run, so nobody can take the name first.
        let first_admin = auth.ensure_first_admin().await?;
        Ok(Self {
            server,
            address,
            readiness,
            db,
            index_feed,
            models,
            performance,
            background,
            first_admin,
            writes_snapshots: engine.snapshot_s > 0,
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
        let tasks = self.background.start();
        let stopper = tokio::spawn(async move {
            asked_to_stop.await;
            readiness.set_ready(false);
            tracing::info!("asked to stop: finishing the requests in flight");
            handle.stop(true).await;
        });
        let served = self.server.await.map_err(StartError::Server);
        stopper.abort();
        tasks.stop().await;
        if let Err(error) = self.performance.flush().await {
            tracing::warn!(%error, "how the last orders went could not be written");
        }
        if let Err(error) = self.models.release_lease().await {
            tracing::warn!(%error, "another server waits for half a minute before it goes on embedding");
        }
        // What takes longest comes last: nothing but time is lost where somebody does not wait for it.
        if self.writes_snapshots {
            self.index_feed.write_last_snapshot().await;
        }
        self.db.close().await;
        tracing::info!("stopped");
        served
    }
}

/// Registers every task that runs beside the server. A new one is registered here and nowhere else.
fn background_tasks(services: &Services, settings: &Settings, clock: Clock) -> BackgroundTasks {
    let Services { index_feed, models, checkout, performance, integrity, alerts, metrics, .. } = services;
    let follow_period = Duration::from_secs(settings.engine.follow_s);
    let switch_period = follow_period.min(MODEL_SWITCH_PERIOD);
    let mut tasks = BackgroundTasks::new(clock);
    tasks
        .register("models: embed", "Embeds the photos for an open model switch.")
        .continuous(models, move |models, _runs| models.work_on_switches(switch_period));
    tasks
        .register("models: keep up", "Adopts a model that was switched to on any server.")
        .continuous(models, move |models, _runs| models.adopt_switched_models(switch_period));
    tasks
        .register("models: forget", "Removes embeddings and snapshots of models that are no longer used.")
        .continuous(models, |models, _runs| models.clean_up_unused_models());
    tasks
        .register("catalog: follow", "Brings the index up to the newest change of the catalog.")
        .continuous(index_feed, move |feed, _runs| feed.follow_other_servers(follow_period));
    tasks
        .register("catalog: mend", "Tries photos again that could not be embedded.")
        .continuous(index_feed, |feed, _runs| feed.retry_unsearchable_images());
    if settings.engine.snapshot_s > 0 {
        let period = Duration::from_secs(settings.engine.snapshot_s);
        tasks
            .register("catalog: snapshots", "Writes the index to a file, for a fast start.")
            .continuous(index_feed, move |feed, _runs| feed.write_snapshots(period));
    }
    tasks.register("performance", "Writes to the database how the creation of orders went.").every(
        performance::FLUSH_PERIOD,
        performance,
        |performance| async move { performance.flush().await },
    );
    tasks.register("metrics", "Folds samples into the histograms of this server's metrics.").every(
        METRICS_PERIOD,
        metrics,
        |metrics| async move { Ok::<(), Infallible>(metrics.upkeep()) },
    );
    tasks.register("tidy", "Removes old idempotency replies and order statistics.").every(
        TIDY_PERIOD,
        &(checkout.clone(), performance.clone()),
        |(checkout, performance)| async move {
            let statistics = performance.remove_old_rows().await.map(drop);
            let replies = checkout.forget_old_replies().await.map(drop);
            statistics.map_err(|error| error.to_string()).and(replies.map_err(|error| error.to_string()))
        },
    );
    if settings.monitoring.enabled {
        tasks.register("integrity", "Checks receipt numbers and hash chains when a check is due.").every(
            integrity::SCHEDULE_PERIOD,
            integrity,
            |integrity| async move { integrity.check_due_and_publish().await },
        );
    }
    if settings.monitoring.enabled && settings.monitoring.alerts {
        tasks.register("alerts", "Looks at the alert rules; raises and ends alerts.").every(
            alerts.watch_period(),
            alerts,
            |alerts| async move { alerts.watch().await },
        );
        tasks.register("alerts: tidy", "Removes alerts that have been over for long.").every(
            TIDY_PERIOD,
            alerts,
            |alerts| async move { alerts.forget_old().await.map(drop) },
        );
        for (sink, signal) in alerts.receivers() {
            let (name, purpose) = match sink {
                SinkKind::Slack => ("alerts: slack", "Sends alerts to Slack."),
                SinkKind::Webhook => ("alerts: webhook", "Sends alerts to the webhook."),
            };
            tasks.register(name, purpose).on_signal((signal, DELIVERY_PERIOD), alerts, move |alerts| async move {
                alerts.deliver_to(sink).await
            });
        }
    }
    tasks
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
