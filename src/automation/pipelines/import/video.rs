//! Imports of a clip: one product that turns before the camera. Its frames become photos, each an item of its own.

use super::clip::{ClipReader, FFMPEG};
use super::item_plan::ItemData;
use super::product_table::ImportedProduct;
use super::settings::VideoSettings;
use super::{Imports, into_failure, photo_file};
use crate::automation::{Job, JobFailure, JobOutcome, NewItem, log};
use crate::db::task_logs::LoggedProcess;

impl Imports {
    /// The clip is the one item at first; its frames follow it.
    pub(super) async fn plan_clip(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        let settings = VideoSettings::read(&job.task.settings)?;
        let product = match settings.product_id {
            None => settings.described(),
            Some(id) => {
                let known = self.catalog.get(id).await.map_err(|error| into_failure(&error))?;
                ImportedProduct { name: known.name, ..ImportedProduct::default() }
            }
        };
        let message = format!("a clip of product \"{}\"", product.name);
        let data = ItemData::Product { product, product_id: settings.product_id, photo: None };
        let clip = NewItem { name: "clip".to_owned(), position: 0, data: data.to_value()? };
        Ok(JobOutcome::Items { message, items: vec![clip] })
    }

    pub(super) async fn extract_frames(&self, job: &Job) -> Result<JobOutcome, JobFailure> {
        let settings = VideoSettings::read(&job.task.settings)?;
        let ItemData::Product { product, product_id, .. } = ItemData::read(&job.row.data)? else {
            return Err(JobFailure::lasting("The clip has no product."));
        };
        let reader = ClipReader::start(&self.files.folder(job.task.id))?;
        let ffmpeg = LoggedProcess { pid: reader.process_id(), process_name: FFMPEG.to_owned() };
        log::program_started(&self.db, job, &ffmpeg, self.clock.now()).await?;
        let picked = reader.pick_frames(settings.frames).await;
        log::program_ended(&self.db, job, (ffmpeg, picked.is_ok()), self.clock.now()).await?;
        let (frames, count) = picked?;
        let message = format!("{} frames picked of {count}", frames.len());
        let mut items = Vec::with_capacity(frames.len());
        for (frame, position) in frames.into_iter().zip(1..) {
            self.files.write(job.task.id, &photo_file(position), frame).await?;
            let name = format!("frame {position}");
            let data = ItemData::Product { product: product.clone(), product_id, photo: Some(name.clone()) };
            items.push(NewItem { name, position, data: data.to_value()? });
        }
        Ok(JobOutcome::Items { message, items })
    }
}
