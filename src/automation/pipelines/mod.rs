//! What the jobs of each type of task do.
//!
//! Every step is safe to repeat: the server may die before the job is recorded, and then another one does it again.

mod backup;
mod cleanup;
mod import;
mod integrity;
mod orphan_photos;
mod report;
mod settings;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Job, JobFailure, JobHandler, JobOutcome};
use crate::domain::TaskType;
use crate::integrity::Integrity;

pub use backup::Backups;
pub use cleanup::Cleanup;
pub use import::{BrokenRow, Downloader, ImportDraft, ImportDrafts, Imports, OpenArchives, SkippedPart, find_ffmpeg};
pub use report::SalesReports;
pub use settings::{check_settings, needs_file};

/// Does the jobs of every type of task.
pub struct Pipelines {
    pub cleanup: Cleanup,
    pub backups: Backups,
    pub reports: SalesReports,
    pub integrity: Integrity,
    pub imports: Imports,
}

impl JobHandler for Pipelines {
    fn run<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<JobOutcome, JobFailure>> {
        match job.task.kind {
            TaskType::Cleanup => self.cleanup.run().boxed(),
            TaskType::Backup => self.backups.run(job).boxed(),
            TaskType::Report => self.reports.run(job).boxed(),
            TaskType::Integrity => integrity::run(&self.integrity, job).boxed(),
            TaskType::Import => self.imports.run(job).boxed(),
        }
    }
}
