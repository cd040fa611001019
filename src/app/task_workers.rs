//! The workers of the task queue, what they do, and what keeps the queue going.

use std::sync::Arc;

use super::manifest_path;
use crate::automation::pipelines::{Backups, Cleanup, Downloader, Imports, Pipelines, SalesReports, find_ffmpeg};
use crate::automation::{Automation, HEARTBEAT_PERIOD, JobHandler, MEASURE_PERIOD, SCHEDULER_PERIOD, TaskFiles};
use crate::background::BackgroundTasks;
use crate::backup::ShopData;
use crate::clock::Clock;
use crate::config::{Settings, WORKERS_MAX};
use crate::db::Database;
use crate::db::blobs::Blobs;
use crate::http::Services;

/// What the jobs of each type of task do.
pub(super) fn pipelines(
    services: &Services,
    (db, clock, blobs, files): (&Database, &Clock, &Blobs, TaskFiles),
    settings: &Settings,
) -> Arc<dyn JobHandler> {
    Arc::new(Pipelines {
        cleanup: Cleanup {
            db: db.clone(),
            clock: clock.clone(),
            blobs: blobs.clone(),
            checkout: services.checkout.clone(),
            files: files.clone(),
            settings: settings.automation.clone(),
        },
        backups: Backups {
            shop: ShopData {
                database_url: settings.database_url.clone(),
                data_dir: settings.data_dir.clone(),
                model: manifest_path(settings),
            },
            clock: clock.clone(),
            folder: settings.data_dir.join(&settings.automation.backup_dir),
        },
        imports: Imports {
            db: db.clone(),
            clock: clock.clone(),
            catalog: services.catalog.clone(),
            files: files.clone(),
            archives: services.import_drafts.archives.clone(),
            photo_bytes_max: settings.limits.image_bytes as u64,
            import_bytes_max: settings.automation.import_bytes,
            downloader: Downloader::new(&settings.automation.download),
        },
        reports: SalesReports { db: db.clone(), alerts: services.alerts.clone(), files },
        integrity: services.integrity.clone(),
    })
}

/// Names of the workers, which are labels of metrics.
const WORKERS: [&str; WORKERS_MAX] = [
    "automation: worker 1",
    "automation: worker 2",
    "automation: worker 3",
    "automation: worker 4",
    "automation: worker 5",
    "automation: worker 6",
    "automation: worker 7",
    "automation: worker 8",
    "automation: worker 9",
    "automation: worker 10",
    "automation: worker 11",
    "automation: worker 12",
    "automation: worker 13",
    "automation: worker 14",
    "automation: worker 15",
    "automation: worker 16",
];

/// Registers the workers of the task queue and what keeps it going.
pub(super) fn register(
    tasks: &mut BackgroundTasks,
    automation: &Automation,
    pipelines: &Arc<dyn JobHandler>,
    workers: usize,
) {
    match find_ffmpeg().filter(|_| workers > 0) {
        Some(path) => tracing::info!(ffmpeg = %path.display(), "clips can be imported"),
        None if workers > 0 => tracing::info!("ffmpeg is not installed: clips cannot be imported, everything else can"),
        None => {}
    }
    for name in WORKERS.into_iter().take(workers) {
        tasks
            .register(name, "Does jobs of tasks.")
            .continuous(&(automation.clone(), Arc::clone(pipelines)), |(automation, pipelines), runs| {
                automation.work(pipelines, runs)
            });
    }
    tasks
        .register("automation: listen", "Listens for jobs that other servers queue. Only PostgreSQL announces them.")
        .continuous(automation, |automation, runs| automation.listen_for_jobs(runs));
    tasks.register("automation: measure", "Measures the queue of tasks for the metrics.").every(
        MEASURE_PERIOD,
        automation,
        |automation| async move { automation.measure_queue().await },
    );
    tasks.register("automation: scheduler", "Queues the runs of tasks when they are planned.").every(
        SCHEDULER_PERIOD,
        automation,
        |automation| async move { automation.queue_due_runs().await.map(drop) },
    );
    tasks
        .register("automation: leases", "Keeps the leases of running jobs, and takes jobs from servers that died.")
        .on_signal((automation.heartbeat_signal(), HEARTBEAT_PERIOD), automation, |automation| async move {
            automation.renew_and_rescue().await
        });
}
