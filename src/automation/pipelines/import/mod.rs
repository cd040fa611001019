//! Imports: products and photos out of an uploaded ZIP or clip, or from the web, into the catalogue.
//!
//! `schedule` finds the items, `extract` takes a photo out of the ZIP, or frames out of the clip, `fetch` downloads one, `embed`
//! enrols it, `publish` puts its product on sale. A product is created off sale and is recognisable from its first published
//! photo on. Everything goes through [`Catalog`], whose changes are safe to repeat: a product is created under a key of the
//! task and the row, a photo is known by its content.

mod archive;
mod archive_paths;
mod clip;
mod crawl;
mod download;
mod drafts;
mod frame_selection;
mod item_plan;
mod open_archives;
mod product_table;
mod settings;
mod table_cells;
mod upload_contents;
mod video;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::automation::task_files::{TaskFiles, UPLOAD};
use crate::automation::{Job, JobFailure, JobOutcome};
use crate::catalog::{Catalog, CatalogError, NewPhoto, NewPhotos, ProductChange, ProductSearch, RegionChoice};
use crate::clock::Clock;
use crate::db::{Database, tasks};
use crate::domain::{Caller, MediaMode, PageRequest, ProductId, Stage};
use item_plan::ItemData;
pub use open_archives::OpenArchives;
use product_table::ImportedProduct;
use settings::ImportSettings;
use upload_contents::UploadContents;

pub use clip::find_ffmpeg;
pub use download::Downloader;
pub use drafts::{BrokenRow, ImportDraft, ImportDrafts, SkippedPart};
pub(super) use settings::{check_import_settings, needs_file};

/// How long a photo waits before it asks busy decoders again.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

pub struct Imports {
    pub db: Database,
    pub clock: Clock,
    pub catalog: Catalog,
    pub files: TaskFiles,
    pub archives: OpenArchives,
    /// The most bytes of one photo.
    pub photo_bytes_max: u64,
    /// The most bytes of all files of an import together.
    pub import_bytes_max: u64,
    pub downloader: Downloader,
}

impl Imports {
    pub(super) async fn run(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        let mode = ImportSettings::read(&job.task.settings)?.media_mode;
        match (job.row.stage, mode) {
            (Stage::Schedule, MediaMode::Upload) => self.find_items(job).await,
            (Stage::Schedule, MediaMode::Video) => self.plan_clip(job).await,
            (Stage::Schedule, MediaMode::Crawl) => self.plan_downloads(job).await,
            (Stage::Fetch, MediaMode::Crawl) => self.fetch(job).await,
            (Stage::Extract, MediaMode::Upload) => self.extract(job).await,
            (Stage::Extract, MediaMode::Video) => self.extract_frames(job).await,
            (Stage::Embed, _) => self.embed(job).await,
            (Stage::Publish, _) => self.publish(job).await,
            (Stage::Run | Stage::Fetch | Stage::Extract, _) => {
                Err(JobFailure::lasting("This import has no such stage."))
            }
        }
    }

    async fn find_items(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        let (path, bytes_max) = (self.files.folder(job.task.id).join(UPLOAD), self.import_bytes_max);
        let catalog = self.catalog.clone();
        let found = tokio::task::spawn_blocking(move || UploadContents::read(&path, bytes_max, &catalog)?.plan());
        let items = found.await.map_err(JobFailure::passing)??;
        Ok(JobOutcome::Items { message: format!("{} items found", items.len()), items })
    }

    async fn extract(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        let data = ItemData::read(&job.row.data)?;
        let photo = match &data {
            ItemData::WrongRow { reason } => return Err(JobFailure::lasting(format!("{}: {reason}.", job.row.item))),
            ItemData::Product { photo, .. } => photo.clone(),
        };
        let outcome = JobOutcome::NextStage {
            message: "taken out of the ZIP".to_owned(),
            data: data.to_value()?,
            not_before: None,
        };
        let Some(name) = photo else { return Ok(outcome) };
        let (path, bytes_max) = (self.files.folder(job.task.id).join(UPLOAD), self.photo_bytes_max);
        let bytes = self.archives.read_file(path, name, bytes_max).await?;
        self.files.write(job.task.id, &photo_file(job.row.position), bytes).await?;
        Ok(outcome)
    }

    async fn embed(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        let settings = ImportSettings::read(&job.task.settings)?;
        let ItemData::Product { product, product_id, photo } = ItemData::read(&job.row.data)? else {
            return Err(JobFailure::lasting("The row has no product."));
        };
        let id = match product_id {
            Some(known) => known,
            None => self.find_or_create(job, &product).await?,
        };
        let mut message = format!("product \"{}\"", product.name);
        if let Some(name) = &photo {
            let bytes = self.files.read(job.task.id, &photo_file(job.row.position)).await?;
            let region = if settings.whole_photos { RegionChoice::Whole } else { RegionChoice::Auto };
            let photos = NewPhotos {
                photos: vec![NewPhoto { file_name: Some(name.clone()), bytes: Bytes::from(bytes) }],
                region,
                insist: settings.insist,
            };
            self.enrol(id, photos).await?;
            message = format!("photo of {message}");
        }
        let not_before = settings.publish_at.filter(|moment| *moment > self.clock.now());
        let data = job.row.data.clone();
        Ok(JobOutcome::NextStage { message: format!("{message} enrolled"), data, not_before })
    }

    /// Enrols photos of a product; waits while tills keep the decoders busy, which is no failure of the photo.
    async fn enrol(&self, product: ProductId, photos: NewPhotos) -> Result<(), JobFailure> {
        loop {
            // Boxed, because its future is large.
            match Box::pin(self.catalog.add_images(&Caller::system(), product, photos.clone(), None)).await {
                Ok(_) => return Ok(()),
                Err(CatalogError::Busy) => tokio::time::sleep(BUSY_PAUSE).await,
                Err(error) => return Err(into_failure(&error)),
            }
        }
    }

    /// A product that was in the catalogue before stays on sale, or off it, as it is.
    async fn publish(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        let ItemData::Product { product, .. } = ItemData::read(&job.row.data)? else {
            return Err(JobFailure::lasting("The row has no product."));
        };
        // Not before the enrolment is recorded: it may be done again until then.
        self.files.remove_file(job.task.id, &photo_file(job.row.position)).await?;
        let made = tasks::find_product(&mut self.db.read().await?, job.task.id, &product.key()).await?;
        let Some(id) = made else {
            let message = format!("product \"{}\" was in the catalogue before", product.name);
            return Ok(JobOutcome::Completed { message, metadata: json!({}) });
        };
        let change = ProductChange { active: Some(true), ..ProductChange::default() };
        let published = Box::pin(self.catalog.change(&Caller::system(), id, change, None)).await;
        published.map_err(|error| into_failure(&error))?;
        let message = format!("product \"{}\" is on sale", product.name);
        Ok(JobOutcome::Completed { message, metadata: json!({"product_id": id}) })
    }

    /// The product of a row: made by this task already, in the catalogue already, or made now.
    async fn find_or_create(&self, job: &Job, product: &ImportedProduct) -> Result<ProductId, JobFailure> {
        let key = product.key();
        if let Some(made) = tasks::find_product(&mut self.db.read().await?, job.task.id, &key).await? {
            return Ok(made);
        }
        // The server may have died after the product was created and before that was noted.
        let repeatable = format!("task {} {}", job.task.id, hex::encode(Sha256::digest(&key)));
        let created = self.catalog.find_created(&Caller::system(), &repeatable).await;
        if let Some(created) = created.map_err(|error| into_failure(&error))? {
            self.note_product(job, &key, created).await?;
            return Ok(created);
        }
        if let Some(known) = self.find_in_catalog(product).await? {
            return Ok(known);
        }
        let new = product.clone().into_new_product();
        let none = NewPhotos { photos: Vec::new(), region: RegionChoice::Auto, insist: false };
        let reply = match Box::pin(self.catalog.create(&Caller::system(), new, none, Some(&repeatable))).await {
            Ok(reply) => reply,
            // Another worker was faster, with another key: another task, or a person.
            Err(error @ (CatalogError::CodeTaken { .. } | CatalogError::SameArticle { .. })) => {
                let found = self.find_in_catalog(product).await?;
                return found.ok_or_else(|| JobFailure::lasting(error));
            }
            Err(error) => return Err(into_failure(&error)),
        };
        let id: ProductId = serde_json::from_value(reply.body["id"].clone()).map_err(JobFailure::passing)?;
        self.note_product(job, &key, id).await?;
        Ok(id)
    }

    async fn note_product(&self, job: &Job, key: &str, product: ProductId) -> Result<(), JobFailure> {
        let mut tx = self.db.begin().await?;
        tasks::insert_product(&mut tx, job.task.id, key, product).await?;
        Ok(tx.commit().await?)
    }

    /// By SKU, by barcode, or, without both, by its whole name if one product alone has it.
    async fn find_in_catalog(&self, product: &ImportedProduct) -> Result<Option<ProductId>, JobFailure> {
        let search = match (&product.sku, &product.barcode) {
            (Some(sku), _) => ProductSearch { sku: Some(sku.clone()), ..ProductSearch::default() },
            (None, Some(barcode)) => ProductSearch { barcode: Some(barcode.clone()), ..ProductSearch::default() },
            (None, None) => ProductSearch { name_part: Some(product.name.clone()), ..ProductSearch::default() },
        };
        let has_code = product.sku.is_some() || product.barcode.is_some();
        let page = PageRequest { before: None, limit: 1_000 };
        let found = self.catalog.list(search, page).await.map_err(|error| into_failure(&error))?;
        // Of products of one article, that with the barcode as it stands in the table.
        if let Some(exact) =
            found.data.iter().find(|view| product.sku.is_none() && has_code && view.barcode == product.barcode)
        {
            return Ok(Some(exact.id));
        }
        let mut same = found.data.iter().filter(|view| has_code || view.name == product.name.trim());
        Ok(match (same.next(), same.next()) {
            (Some(only), None) => Some(only.id),
            (None, _) | (Some(_), Some(_)) => None,
        })
    }
}

/// Where the photo of an item lies between two stages.
fn photo_file(position: i64) -> PathBuf {
    PathBuf::from(format!("photo-{position}"))
}

/// The choice of the import's page, and its setting.
const INSIST: &str = "\"Also take photos that are blurred, dark or look like another product\" (insist)";

/// Whether another attempt may help, and what to do. The item names the photo already.
fn into_failure(error: &CatalogError) -> JobFailure {
    match error {
        CatalogError::BadPhoto { fault, .. } => JobFailure::lasting(fault),
        CatalogError::UnusablePhoto { reason, .. } => JobFailure::lasting(reason),
        CatalogError::SeveralProducts { regions, .. } => JobFailure::lasting(format!(
            "the photo shows {} separate things. Photograph the product alone, or import it again with \
             \"The whole photo shows the product\" (whole_photos)",
            regions.len()
        )),
        CatalogError::PoorPhoto { warnings, .. } => {
            let serious = warnings.iter().find(|warning| warning.is_serious);
            let what = serious.map_or("", |warning| warning.message.as_str());
            JobFailure::lasting(format!("{what} To enrol it all the same, import it again with {INSIST}."))
        }
        CatalogError::AlreadyEnrolled { product_name, .. } => JobFailure::lasting(format!(
            "product \"{product_name}\" has this photo already. Remove it there first, or import it again with {INSIST}"
        )),
        CatalogError::Busy
        | CatalogError::IndexBehind { .. }
        | CatalogError::DiskFull(_)
        | CatalogError::OriginalFile(_)
        | CatalogError::Search(_)
        | CatalogError::Embedder(_)
        | CatalogError::ReportPending
        | CatalogError::Database(_) => JobFailure::passing(error),
        CatalogError::InvalidField(_)
        | CatalogError::NotFound { .. }
        | CatalogError::CodeTaken { .. }
        | CatalogError::SameArticle { .. }
        | CatalogError::TooManyImages { .. }
        | CatalogError::LostOriginal(_)
        | CatalogError::KeyReused
        | CatalogError::ReplyNotKept => JobFailure::lasting(error),
    }
}
