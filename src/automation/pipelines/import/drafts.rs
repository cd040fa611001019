//! Import drafts: uploads that are looked through before any product changes.
//!
//! A draft is an upload in the folder of the task that it will become. The database knows nothing of it, so it is read anew
//! whenever somebody looks at it. One that nobody starts is removed with the idle folders of tasks.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::item_plan::ItemData;
use super::open_archives::OpenArchives;
use super::upload_contents::UploadContents;
use crate::automation::pipelines::check_settings;
use crate::automation::task_files::{TaskFiles, UPLOAD};
use crate::automation::{Automation, AutomationError, JobFailure, NewTask, TaskUpload, TaskView};
use crate::catalog::Catalog;
use crate::domain::{Caller, InvalidField, JobId, TaskId, TaskType, text_enum};

/// Broken rows that a report lists; more are only counted.
const BROKEN_ROWS_MAX: usize = 1_000;

text_enum! {
    /// What of a broken row does not come.
    SkippedPart, "a part of a row":
    /// The whole row.
    Row = "row",
    /// One photo; the product comes without it.
    Photo = "photo",
}

/// What is wrong with a row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BrokenRow {
    /// The line of `products.csv`, counted from 1 with the header; of `products.json`, the number of the object.
    pub line: u64,
    /// `null` if it is the row as a whole.
    #[schema(examples("price"))]
    pub column: Option<String>,
    /// What is written there.
    #[schema(examples("2.50"))]
    pub value: Option<String>,
    /// What is wrong, and what would be right.
    pub reason: String,
    pub skipped: SkippedPart,
}

/// An upload that has been looked through and not been started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportDraft {
    /// The id that the task will have.
    pub id: TaskId,
    /// `products.csv` or `products.json`; `null` if folders are named for products.
    pub table: Option<String>,
    /// Products that would come, new or known.
    pub products: usize,
    /// Photos that would come.
    pub photos: usize,
    /// Photos in the upload that belong to no product.
    pub unused_photos: usize,
    pub broken_rows_count: usize,
    /// In the order of the table; the first 1 000.
    pub broken_rows: Vec<BrokenRow>,
}

/// What [`UploadContents`] reports.
#[derive(Debug, Default)]
pub(super) struct UploadReport {
    pub table: Option<String>,
    pub products: usize,
    pub photos: usize,
    pub unused_photos: usize,
    pub broken_rows: Vec<BrokenRow>,
}

/// The service of import drafts; cheap to clone.
#[derive(Clone)]
pub struct ImportDrafts {
    pub automation: Automation,
    pub catalog: Catalog,
    pub files: TaskFiles,
    pub archives: OpenArchives,
    /// The most bytes of all files of an import together.
    pub import_bytes_max: u64,
    /// The most bytes of one photo.
    pub photo_bytes_max: u64,
}

impl ImportDrafts {
    /// Keeps an upload as a draft and looks it through. One that cannot be used as a whole is refused and removed.
    pub async fn create(&self, upload: TaskUpload) -> Result<ImportDraft, AutomationError> {
        let id = upload.finish().await?;
        let draft = self.read(id).await;
        if draft.is_err() {
            self.files.remove(id).await?;
        }
        draft
    }

    pub async fn find(&self, id: TaskId) -> Result<ImportDraft, AutomationError> {
        self.require(id).await?;
        self.read(id).await
    }

    /// Makes a draft a task. One that is started already stays as it is, so that a form may be sent twice.
    pub async fn start(
        &self,
        caller: &Caller,
        id: TaskId,
        title: String,
        settings: &Value,
    ) -> Result<TaskView, AutomationError> {
        match self.automation.find_task(id).await {
            Err(AutomationError::NotFound { .. }) => {}
            started => return started,
        }
        self.require(id).await?;
        let settings = check_settings(TaskType::Import, settings)?;
        self.automation.create_task(caller, NewTask { id, kind: TaskType::Import, title, settings }).await
    }

    /// Removes a draft with its files.
    pub async fn discard(&self, id: TaskId) -> Result<(), AutomationError> {
        self.require(id).await?;
        self.files.remove(id).await
    }

    /// The photo of an item of a started import, as it was uploaded; `None` if it has none or the upload is gone.
    pub async fn read_photo(&self, task: TaskId, job: JobId) -> Result<Option<Vec<u8>>, AutomationError> {
        let data = self.automation.find_item_data(task, job).await?;
        let Ok(ItemData::Product { photo: Some(path), .. }) = ItemData::read(&data) else { return Ok(None) };
        let upload = self.files.folder(task).join(UPLOAD);
        Ok(self.archives.read_file(upload, path, self.photo_bytes_max).await.ok())
    }

    /// Fails unless there is an upload that is no task yet.
    async fn require(&self, id: TaskId) -> Result<(), AutomationError> {
        let path = self.files.folder(id).join(UPLOAD);
        let exists = tokio::task::spawn_blocking(move || path.is_file()).await;
        let exists = exists.map_err(|error| AutomationError::File(error.to_string()))?;
        let missing = AutomationError::NotFound { what: "import draft", id: id.to_string() };
        match self.automation.find_task(id).await {
            Ok(_started) => Err(missing),
            Err(AutomationError::NotFound { .. }) if exists => Ok(()),
            Err(AutomationError::NotFound { .. }) => Err(missing),
            // Not known: a started import must not lose its upload.
            Err(error) => Err(error),
        }
    }

    async fn read(&self, id: TaskId) -> Result<ImportDraft, AutomationError> {
        let (path, bytes_max) = (self.files.folder(id).join(UPLOAD), self.import_bytes_max);
        let catalog = self.catalog.clone();
        let read = move || UploadContents::read(&path, bytes_max, &catalog)?.report();
        let read = tokio::task::spawn_blocking(read).await;
        let mut report = read.map_err(|error| AutomationError::File(error.to_string()))?.map_err(into_error)?;
        let broken_rows_count = report.broken_rows.len();
        report.broken_rows.truncate(BROKEN_ROWS_MAX);
        let UploadReport { table, products, photos, unused_photos, broken_rows } = report;
        Ok(ImportDraft { id, table, products, photos, unused_photos, broken_rows_count, broken_rows })
    }
}

/// An upload that no attempt can read is the client's fault.
fn into_error(failure: JobFailure) -> AutomationError {
    if failure.is_lasting {
        AutomationError::Invalid(InvalidField::new("file", failure.reason))
    } else {
        AutomationError::File(failure.reason)
    }
}
