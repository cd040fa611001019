//! The composition root: builds every part, binds the address, runs until stopped, drains.
//!
//! The parts are built in this order: settings, database, model, accounts, index, address. The first failure ends the start
//! with a [`StartError`] that says what is wrong and what to do.

mod certificate;
mod http_server;
mod last_writes;
mod model_options;
mod open_files;
mod reload;
mod running_servers;
mod start_check;
mod start_error;
mod task_workers;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;

use crate::active_model::{IncomingModel, StartedModel};
use crate::alerts::{Alerts, DELIVERY_PERIOD, STORAGE_REPORT_PERIOD};
use crate::audit::AuditLog;
use crate::auth::{Auth, FirstAdmin};
use crate::automation::pipelines::{ImportDrafts, OpenArchives};
use crate::automation::{Automation, TaskFiles};
use crate::background::{BackgroundTasks, Signal, TaskMonitor};
use crate::backup::{BackupError, LastNumbers};
use crate::catalog::Catalog;
use crate::checkout::Checkout;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::blobs::Blobs;
use crate::db::{Database, newest_id, sqlite_file};
use crate::domain::{SinkKind, TimeZone, sort_new_ids_after};
use crate::http::extract::BodyBudget;
use crate::http::{Readiness, Services};
use crate::index_feed::IndexFeed;
use crate::integrity::{self, Integrity};
use crate::last_seen;
use crate::models::{CLEANUP_PERIOD, ConfidenceLearner, FirstModel, ModelSwitches, ModelsFolder};
use crate::orders::Orders;
use crate::performance::{self, Performance};
use crate::pool::Pool;
use crate::recognition::{EVIDENCE_MEASURE_PERIOD, RecognitionService};
use crate::statistics::Statistics;
use crate::storage::{self, StorageWatch, WatchedPaths};
use crate::telemetry::Metrics;

use certificate::Certificate;
pub use certificate::{CertificateError, Https, check_https};
use last_writes::write_last_rows;
pub use model_options::{decode_limits, manifest_path};
use model_options::{embedder_options, or_cores};
pub use open_files::{open_files_allowed, open_files_needed, open_files_needed_least, raise_open_files};
pub use reload::ReloadSignals;
use running_servers::Registration;
pub use start_check::{refuse_damaged_database, refuse_lost_database};
pub use start_error::StartError;

/// How often, at least, a server checks for model switches.
const MODEL_SWITCH_PERIOD: Duration = Duration::from_secs(2);
/// How soon a report on products that look alike is tried again, if the index did not answer.
const LOOK_ALIKES_PERIOD: Duration = Duration::from_secs(30);
/// How often old rows are removed.
const TIDY_PERIOD: Duration = Duration::from_secs(3_600);
/// How long a stopping server waits for its last writes.
const LAST_WRITES_TIMEOUT: Duration = Duration::from_secs(8);
/// How often the certificate of HTTPS is read anew.
const CERTIFICATE_PERIOD: Duration = Duration::from_secs(3_600);
/// How often samples are folded into histograms, whether or not `/metrics` is read.
const METRICS_PERIOD: Duration = Duration::from_secs(10);

/// How soon a new or renamed store has its name in the metrics.
const STORE_NAMES_PERIOD: Duration = Duration::from_secs(60);

/// A server that is built and bound to its address, before it runs.
pub struct Application {
    server: Server,
    address: SocketAddr,
    certificate: Option<Certificate>,
    /// Raised to read the certificate again.
    certificate_signal: Signal,
    readiness: Readiness,
    db: Database,
    index_feed: IndexFeed,
    models: ModelSwitches,
    auth: Auth,
    recognition: RecognitionService,
    performance: Performance,
    last_numbers: LastNumbers,
    automation: Automation,
    registration: Registration,
    background: BackgroundTasks,
    first_admin: FirstAdmin,
    writes_snapshots: bool,
}

impl Application {
    /// Builds every part and binds the address.
    pub fn build(settings: Settings, clock: Clock) -> impl Future<Output = Result<Self, StartError>> {
        // Boxed, because the future holds every part of the server and would make its caller's future as large.
        Box::pin(Self::build_parts(settings, clock))
    }

    async fn build_parts(settings: Settings, clock: Clock) -> Result<Self, StartError> {
        let metrics = Metrics::install();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let db = Database::connect(&settings.database_url, settings.limits.database_connections).await?;
        db.migrate().await?;
        db.normalize_names().await?;
        // Lists are ordered by id, also if the clock was set back while no server ran.
        if let Some(newest) = newest_id::find(&mut db.read().await?).await? {
            sort_new_ids_after(newest);
        }
        start_check::warn_of_missing_files(&db, &settings).await?;
        let last_numbers = LastNumbers::open(db.clone(), &settings.data_dir).await?;
        let folder = ModelsFolder::new(&manifest_path(&settings), embedder_options(&settings, cores));
        let FirstModel { model, manifest, generation, switch_to } = folder.open_first_model(&db).await?;
        let model = StartedModel { embedder: folder.start(model).await?, manifest, generation };
        let engine = &settings.engine;
        let hashing = Pool::new("tillsight-hash", or_cores(engine.hash_threads, cores), engine.queue)
            .map_err(StartError::Threads)?;
        let auth = Auth::new(db.clone(), clock.clone(), hashing, &settings)?;
        let blobs = Blobs::open(&settings.data_dir)?;
        let registration = Registration::new((&db, &clock), auth.key_fingerprint(), blobs.folder_id()?);
        let index_feed = IndexFeed::start(db.clone(), blobs.clone(), clock.clone(), model, &settings);
        // In parallel: checking passwords takes a third of a second of CPU, filling the index waits for disk and database.
        let (index_feed, ()) = tokio::try_join!(async { index_feed.await.map_err(StartError::from) }, async {
            auth.refuse_well_known_passwords().await.map_err(StartError::from)
        })?;
        let learner = ConfidenceLearner::new(db.clone(), clock.clone(), index_feed.active_model());
        learner.load().await?;
        let incoming = IncomingModel::default();
        let catalog =
            Catalog::new(db.clone(), blobs.clone(), clock.clone(), index_feed.clone(), incoming.clone(), &settings)?;
        let models = ModelSwitches::new(db.clone(), clock.clone(), index_feed.clone(), incoming, folder);
        if let Some(manifest) = switch_to {
            models.begin_after_update(&manifest).await?;
        }
        let recognition = RecognitionService::new(db.clone(), clock.clone(), index_feed.active_model(), &settings);
        let orders = Orders::new(db.clone(), clock.clone());
        let integrity = Integrity::new(db.clone(), clock.clone(), settings.monitoring.clone());
        integrity.set_given_numbers(last_numbers.of_fiscal_stores().await?);
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
        let watched = WatchedPaths {
            database: sqlite_file(&settings.database_url)?,
            data_dir: settings.data_dir.clone(),
            model: manifest_path(&settings),
        };
        let storage = StorageWatch::new(db.clone(), &watched);
        let readiness = Readiness::default();
        let files = TaskFiles::new(&settings.data_dir);
        let time_zone = TimeZone::parse("time_zone", &settings.time_zone)?;
        let automation = Automation::new(db.clone(), clock.clone(), files.clone(), time_zone);
        let import_drafts = ImportDrafts {
            automation: automation.clone(),
            catalog: catalog.clone(),
            files: files.clone(),
            import_bytes_max: settings.automation.import_bytes,
            photo_bytes_max: settings.limits.image_bytes as u64,
            archives: OpenArchives::default(),
        };
        // Before anything is registered to run: bad files end the start.
        let certificate = Certificate::open(&settings, &clock)?;
        let mut services = Services {
            clock: clock.clone(),
            auth: auth.clone(),
            catalog,
            index_feed: index_feed.clone(),
            models: models.clone(),
            recognition: recognition.clone(),
            checkout,
            orders,
            integrity,
            performance: performance.clone(),
            alerts,
            statistics: Statistics::new(db.clone(), clock.clone()),
            audit: AuditLog::new(db.clone()),
            automation: automation.clone(),
            import_drafts,
            upload_bytes_max: settings.automation.upload_bytes,
            background: TaskMonitor::default(),
            metrics,
            readiness: readiness.clone(),
            storage: storage.clone(),
            limits: settings.limits.clone(),
            settings: Arc::new(settings.report.clone()),
            bodies: BodyBudget::new(settings.limits.bodies_bytes),
            trusted_proxies: settings.trusted_proxies.clone(),
            public_url: settings.public_url.clone(),
            is_https: certificate.is_some(),
            public_docs: settings.public_docs,
            public_metrics: settings.public_metrics,
        };
        let mut background = background_tasks(&services, &learner, &last_numbers, &settings, clock.clone());
        background
            .register("servers: heartbeat", "Writes that this server runs, and with which key and photos.")
            .every(running_servers::HEARTBEAT_PERIOD, &registration, |registration| async move {
                registration.renew().await
            });
        let certificate_signal = Signal::default();
        if let Some(certificate) = &certificate {
            background
                .register("https: certificate", "Takes a renewed certificate, or renews the self-signed one.")
                .on_signal((certificate_signal.clone(), CERTIFICATE_PERIOD), certificate, |certificate| async move {
                    certificate.renew()
                });
        }
        let pipelines = task_workers::pipelines(&services, (&db, &clock, &blobs, files), &settings);
        task_workers::register(&mut background, &automation, &pipelines, settings.automation.workers);
        services.background = background.monitor();
        let (server, address) = http_server::bind(services, &settings, certificate.as_ref(), cores)?;
        registration.register(&settings.data_dir).await?;
        // Last, because a one-time password is shown only once: nothing may fail between creating and printing it. The
        // server does not answer before it runs, so nobody can take the name first.
        automation.ensure_cleanup().await?;
        let first_admin = auth.ensure_first_admin().await?;
        storage.remember_user().await?;
        Ok(Self {
            server,
            address,
            certificate,
            certificate_signal,
            readiness,
            db,
            index_feed,
            models,
            auth,
            recognition,
            performance,
            last_numbers,
            automation,
            registration,
            background,
            first_admin,
            writes_snapshots: engine.snapshot_s > 0,
        })
    }

    /// The bound port, for settings that leave the choice to the system (port 0).
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self) -> String {
        format!("{}://{}", if self.certificate.is_some() { "https" } else { "http" }, self.address)
    }

    /// Where browsers in the network find a server that listens everywhere, with HTTPS.
    pub fn network_urls(&self) -> Vec<String> {
        if self.certificate.is_none() || !self.address.ip().is_unspecified() {
            return Vec::new();
        }
        let port = self.address.port();
        let addresses = certificate::network_addresses().into_iter();
        addresses.map(|address| format!("https://{}", SocketAddr::new(address, port))).collect()
    }

    /// Whether browsers will warn of the certificate, because nobody they know has signed it.
    pub fn is_self_signed(&self) -> bool {
        self.certificate.as_ref().is_some_and(Certificate::is_self_signed)
    }

    /// The first admin that this start found or created.
    pub fn first_admin(&self) -> &FirstAdmin {
        &self.first_admin
    }

    /// Handles the signals that do not stop a server. Ends when the terminal that it was started in is closed.
    pub fn handle_reloads(&self, signals: ReloadSignals) -> impl Future<Output = ()> + Send + use<> {
        signals.handle(self.certificate.is_some().then(|| self.certificate_signal.clone()))
    }

    /// Serves until `stop_signal` is ready. Then it refuses new requests, finishes those in flight and closes the database.
    pub async fn run_until(self, stop_signal: impl Future<Output = ()> + Send + 'static) -> Result<(), StartError> {
        let handle = self.server.handle();
        let readiness = self.readiness.clone();
        readiness.set_ready(true);
        let tasks = self.background.start();
        let stopper = tokio::spawn(async move {
            stop_signal.await;
            readiness.set_ready(false);
            tracing::info!("stopping: finishing the requests in flight");
            handle.stop(true).await;
        });
        let result = self.server.await.map_err(StartError::Server);
        stopper.abort();
        tasks.stop().await;
        self.db.distrust_connections();
        let (numbers, automation) = ((&self.last_numbers, &self.performance), &self.automation);
        let leases = (&self.models, automation, &self.registration);
        let last_writes = write_last_rows(numbers, &self.auth, &self.recognition, leases);
        let is_answering = tokio::time::timeout(LAST_WRITES_TIMEOUT, last_writes).await.is_ok();
        if !is_answering {
            tracing::warn!("the database did not answer while the server stopped");
        }
        // The slow step comes last: if the process is killed meanwhile, only the next start is slower.
        if self.writes_snapshots && is_answering {
            self.index_feed.write_last_snapshot().await;
        }
        self.db.close().await;
        tracing::info!("stopped");
        result
    }
}

/// Registers every background task.
fn background_tasks(
    services: &Services,
    learner: &ConfidenceLearner,
    last_numbers: &LastNumbers,
    settings: &Settings,
    clock: Clock,
) -> BackgroundTasks {
    let Services {
        auth,
        index_feed,
        models,
        recognition,
        checkout,
        performance,
        integrity,
        alerts,
        metrics,
        storage,
        ..
    } = services;
    let follow_period = Duration::from_secs(settings.engine.follow_s);
    let switch_period = follow_period.min(MODEL_SWITCH_PERIOD);
    let mut tasks = BackgroundTasks::new(clock);
    tasks
        .register("models: embed", "Embeds the photos for an open model switch.")
        .continuous(models, move |models, runs| models.work_on_switches(switch_period, runs));
    tasks
        .register("models: adopt", "Adopts a model that was switched to on any server.")
        .continuous(models, move |models, runs| models.adopt_switched_models(switch_period, runs));
    tasks.register("models: clean up", "Removes embeddings and snapshots of models that are no longer used.").every(
        CLEANUP_PERIOD,
        models,
        |models| async move { models.clean_up_unused_models().await },
    );
    tasks.register("models: confidence", "Learns from the catalogue's photos how certain an answer is.").every(
        Duration::from_secs(settings.recognition.learn_s),
        learner,
        |learner| async move { learner.learn().await },
    );
    tasks.register("catalog: follow", "Brings the index up to the newest change of the catalog.").on_signal(
        (index_feed.change_signal(), follow_period),
        index_feed,
        |feed| async move { feed.follow().await.map(drop) },
    );
    tasks
        .register("catalog: listen", "Listens for changes that other servers announce. Only PostgreSQL announces them.")
        .continuous(index_feed, |feed, runs| feed.listen_for_announcements(runs));
    tasks
        .register("catalog: retry", "Retries photos that could not be embedded.")
        .continuous(index_feed, |feed, runs| feed.retry_unsearchable_images(runs));
    let reports = services.catalog.reports();
    tasks
        .register("catalog: look-alikes", "Looks for products that look alike, when somebody asks for the report.")
        .on_signal((reports.signal(), LOOK_ALIKES_PERIOD), &reports, |reports| async move {
            reports.make_if_requested().await
        });
    if settings.engine.snapshot_s > 0 {
        let period = Duration::from_secs(settings.engine.snapshot_s);
        tasks
            .register("catalog: snapshots", "Writes snapshots of the index, for a fast start.")
            .continuous(index_feed, move |feed, runs| feed.write_snapshots(period, runs));
    }
    tasks.register("performance", "Writes the order statistics to the database.").every(
        performance::FLUSH_PERIOD,
        performance,
        |performance| async move { performance.flush().await },
    );
    tasks
        .register("storage", "Looks whether the database and files are still there, and whether the disk is full.")
        .every(storage::WATCH_PERIOD, storage, |storage| async move { storage.check().await });
    tasks.register("storage: damage", "Reads the whole file of an SQLite database and looks for damage.").on_signal(
        (storage.damage_signal(), storage::DAMAGE_PERIOD),
        storage,
        |storage| async move { storage.check_damage().await },
    );
    tasks.register("numbers: remember", "Writes the last receipt numbers to the data folder.").every(
        LastNumbers::PERIOD,
        &(last_numbers.clone(), storage.clone(), integrity.clone()),
        |(numbers, storage, integrity)| async move {
            let remembered = numbers.remember().await;
            match &remembered {
                Err(BackupError::Forgotten(text)) => storage.report_forgotten_numbers(Some(text.clone())),
                Ok(()) => {
                    storage.report_forgotten_numbers(None);
                    integrity.set_given_numbers(numbers.of_fiscal_stores().await?);
                }
                // It is not known.
                Err(_) => {}
            }
            remembered
        },
    );
    tasks.register("metrics", "Folds samples into the histograms of the metrics.").every(
        METRICS_PERIOD,
        metrics,
        |metrics| async move {
            metrics.upkeep();
            Ok::<(), Infallible>(())
        },
    );
    tasks.register("metrics: stores", "Reads the names of the stores for the metrics.").every(
        STORE_NAMES_PERIOD,
        &(auth.clone(), metrics.clone()),
        |(auth, metrics)| async move { auth.list_store_names().await.map(|names| metrics.set_store_names(names)) },
    );
    tasks.register("accounts: last seen", "Writes when people and kiosks were last seen.").every(
        last_seen::WRITE_PERIOD,
        auth,
        |auth| async move { auth.write_last_seen().await },
    );
    tasks.register("recognition: counts", "Writes the counts of verdicts, and when products were last seen.").every(
        last_seen::WRITE_PERIOD,
        recognition,
        |recognition| async move { recognition.write_counts().await },
    );
    tasks.register("recognition: measure", "Measures the stored evidence of recognitions for the metrics.").every(
        EVIDENCE_MEASURE_PERIOD,
        recognition,
        |recognition| async move { recognition.measure_evidence().await },
    );
    let recognition = recognition.clone();
    tasks.register("database: clean up", "Removes old idempotency replies, statistics and login failures.").every(
        TIDY_PERIOD,
        &(checkout.clone(), performance.clone(), auth.clone(), recognition),
        |parts| async move {
            let (checkout, performance, auth, recognition) = parts;
            let counts = recognition.delete_old_counts().await.map(drop);
            let statistics = performance.remove_old_rows().await.map(drop);
            let replies = checkout.delete_expired().await.map(drop);
            let logins = auth.delete_expired().await;
            let rows = statistics.map_err(|error| error.to_string()).and(replies.map_err(|error| error.to_string()));
            rows.and(counts.map_err(|error| error.to_string())).and(logins.map_err(|error| error.to_string()))
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
        tasks.register("alerts", "Evaluates the alert rules, raises and resolves alerts.").every(
            alerts.watch_period(),
            alerts,
            |alerts| async move { alerts.watch().await },
        );
        tasks.register("alerts: clean up", "Removes alerts that were resolved long ago.").every(
            TIDY_PERIOD,
            alerts,
            |alerts| async move { alerts.delete_expired().await.map(drop) },
        );
        tasks
            .register("alerts: storage", "Reports faults of the storage to the receivers, without the database.")
            .on_signal(
                (storage.change_signal(), STORAGE_REPORT_PERIOD),
                &(alerts.clone(), storage.clone()),
                |(alerts, storage)| async move { alerts.report_storage_faults(&storage.faults()).await },
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
