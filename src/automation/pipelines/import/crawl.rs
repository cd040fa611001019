//! Imports of photos by their addresses in the web: out of an uploaded table, or out of the task's settings.

use super::item_plan::{self, ItemData};
use super::product_table;
use super::settings::CrawlSettings;
use super::upload_contents::TABLE_BYTES_MAX;
use super::{Imports, photo_file};
use crate::automation::task_files::UPLOAD;
use crate::automation::{Job, JobFailure, JobOutcome};

/// Photos of one import: with a pause of a second between two, these take three hours.
const PHOTOS_MAX: usize = 10_000;

impl Imports {
    pub(super) async fn plan_downloads(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        self.downloader.require_allowed()?;
        let settings = CrawlSettings::read(&job.task.settings)?;
        let rows = if settings.products.is_empty() {
            let path = self.files.folder(job.task.id).join(UPLOAD);
            let read = tokio::task::spawn_blocking(move || read_table(&path)).await;
            read.map_err(JobFailure::passing)??
        } else {
            product_table::read_objects(settings.products)
        };
        let items = item_plan::plan_rows(rows, "", "the table", |_| true)?;
        if items.len() > PHOTOS_MAX {
            let count = items.len();
            let reason = format!("The table names {count} photos; at most {PHOTOS_MAX} are downloaded in one import.");
            return Err(JobFailure::lasting(reason));
        }
        Ok(JobOutcome::Items { message: format!("{} items found", items.len()), items })
    }

    pub(super) async fn fetch(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        let data = ItemData::read(&job.row.data)?;
        let url = match &data {
            ItemData::WrongRow { reason } => return Err(JobFailure::lasting(format!("{}: {reason}.", job.row.item))),
            ItemData::Product { photo, .. } => photo.clone(),
        };
        let mut message = "no photo to download".to_owned();
        if let Some(url) = url {
            let bytes = self.downloader.download(&url, self.photo_bytes_max).await?;
            message = format!("{} bytes downloaded", bytes.len());
            self.files.write(job.task.id, &photo_file(job.row.position), bytes).await?;
        }
        Ok(JobOutcome::NextStage { message, data: data.to_value()?, not_before: None })
    }
}

/// A table by itself: JSON if it begins like a list, else CSV.
fn read_table(path: &std::path::Path) -> Result<Vec<product_table::TableRow>, JobFailure> {
    let length = std::fs::metadata(path).map_err(|error| {
        JobFailure::lasting(format!("The uploaded table is not in this server's data folder: {error}."))
    })?;
    if length.len() > TABLE_BYTES_MAX {
        return Err(JobFailure::lasting(format!("The table has more than the {TABLE_BYTES_MAX} bytes allowed.")));
    }
    let bytes = std::fs::read(path).map_err(JobFailure::passing)?;
    if bytes.starts_with(b"PK") {
        return Err(JobFailure::lasting(
            "The upload is a ZIP. Send the table itself, products.csv or products.json, with the addresses of the photos.",
        ));
    }
    match bytes.trim_ascii_start().first() {
        Some(b'[') => product_table::read_json(&bytes),
        Some(_) | None => product_table::read_csv(&bytes),
    }
}
