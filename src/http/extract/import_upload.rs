//! The upload of an import: one ZIP, or the files of a folder with their paths, which go to the disk as they arrive.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use multer::{Field, Multipart};

use super::body::services;
use super::form_part::PartNames;
use super::multipart::describe_form_error;
use super::task_form::{add_chunk, next_chunk, read_stream, read_text};
use crate::automation::TaskUpload;
use crate::http::Services;
use crate::http::problem::{Problem, ProblemKind, excerpt};

const TEXTS_MAX: usize = 16;
/// As many as an import may have.
const FILES_MAX: usize = 200_000;

/// A form whose field `file` occurs once with a ZIP, or several times with the files of a folder.
pub struct ImportUpload {
    pub upload: TaskUpload,
    /// The name of the ZIP or of the folder, if the client tells it.
    pub name: Option<String>,
    pub texts: Vec<(String, String)>,
}

impl FromRequest for ImportUpload {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let services = services(&request)?;
            let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            read_stream(&services, media_type.unwrap_or_default(), payload, |form| read_fields(&services, form)).await
        })
    }
}

/// What has arrived so far.
#[derive(Default)]
struct Received {
    upload: Option<TaskUpload>,
    name: Option<String>,
    is_folder: bool,
    files: usize,
}

async fn read_fields(services: &Services, mut fields: Multipart<'static>) -> Result<ImportUpload, Problem> {
    let (mut received, mut texts) = (Received::default(), Vec::new());
    while let Some(mut field) = fields.next_field().await.map_err(|error| describe_form_error(&error))? {
        let names = PartNames::read(&field);
        let name = excerpt(&names.field);
        if name == "file" {
            received.take_file(services, &names, &mut field).await?;
        } else if texts.len() < TEXTS_MAX {
            let text = read_text(&mut field, &name, services.limits.json_bytes).await?;
            texts.push((name, text));
        } else {
            return Err(Problem::new(ProblemKind::InvalidField, "The form has too many fields."));
        }
    }
    let Received { upload, name, .. } = received;
    let upload = upload.ok_or_else(|| refuse("Choose a ZIP or a folder with products.csv and photos."))?;
    Ok(ImportUpload { upload, name, texts })
}

impl Received {
    async fn take_file(
        &mut self,
        services: &Services,
        names: &PartNames,
        field: &mut Field<'_>,
    ) -> Result<(), Problem> {
        let path = names.file.as_deref().unwrap_or_default();
        let mut chunk = next_chunk(field).await?;
        if path.is_empty() && chunk.as_ref().is_none_or(Bytes::is_empty) {
            return Ok(());
        }
        let is_zip = path.is_empty() || path.to_lowercase().ends_with(".zip");
        if self.upload.is_none() {
            self.is_folder = !is_zip;
            self.name = Some(path.split('/').next().unwrap_or_default().to_owned()).filter(|name| !name.is_empty());
            let automation = &services.automation;
            let begun = if is_zip { automation.begin_upload().await } else { automation.begin_folder_upload().await };
            self.upload = Some(begun?);
        } else if !self.is_folder {
            return Err(refuse("Send one ZIP, or the files of a folder, not both."));
        }
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(refuse(format!("The folder has more than the {FILES_MAX} files allowed.")));
        }
        let Some(upload) = &mut self.upload else { return Ok(()) };
        if self.is_folder {
            upload.begin_file(path).await?;
        }
        while let Some(bytes) = chunk {
            add_chunk(services, upload, bytes).await?;
            chunk = next_chunk(field).await?;
        }
        Ok(())
    }
}

fn refuse(detail: impl Into<String>) -> Problem {
    Problem::new(ProblemKind::InvalidField, detail.into()).with("field", "file")
}
