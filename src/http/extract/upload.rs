//! Uploaded pictures: `multipart/form-data`, or the bare bytes as the body.

use std::pin::Pin;

use actix_multipart::Multipart;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;

use super::body::{check_length, in_time, read, services, too_large};
use crate::config::Limits;
use crate::http::problem::{Kind, Problem};

/// Bytes that a form may hold beside its images: texts, boundaries, headers.
const FORM_OVERHEAD: usize = 256 * 1024;
/// Text fields of a form at most.
const TEXT_FIELDS: usize = 64;

/// One uploaded file.
#[derive(Debug, Clone)]
pub struct Upload {
    /// What the client calls it; only ever repeated back in messages.
    pub file_name: Option<String>,
    /// Its content.
    pub bytes: Bytes,
}

/// A form of texts and images. Which texts there may be is the handler's to say, see [`UploadForm::take`].
#[derive(Debug, Default)]
pub struct UploadForm {
    texts: Vec<(String, String)>,
    /// The files of the field `images` (or `image`), in the order sent.
    pub images: Vec<Upload>,
}

impl UploadForm {
    /// The text of field `name`, if it was sent; sent twice is an error.
    pub fn take(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let Some(place) = self.texts.iter().position(|(field, _)| field == name) else { return Ok(None) };
        let (_, text) = self.texts.swap_remove(place);
        if self.texts.iter().any(|(field, _)| field == name) {
            return Err(
                Problem::new(Kind::InvalidField, format!("{name}: was sent more than once")).with("field", name)
            );
        }
        Ok(Some(text))
    }

    /// Refuses fields that nobody took: most likely a typing error.
    pub fn finish(self) -> Result<Vec<Upload>, Problem> {
        match self.texts.first() {
            None => Ok(self.images),
            Some((field, _)) => Err(Problem::new(Kind::InvalidField, format!("{field}: there is no such field here"))
                .with("field", field.as_str())),
        }
    }
}

impl FromRequest for UploadForm {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            let services = services(&request)?;
            let limits = &services.limits;
            check_length(&request, limits.upload_bytes + FORM_OVERHEAD)?;
            let form = Multipart::new(request.headers(), payload);
            in_time(limits.body_timeout_s, read_form(form, limits)).await
        })
    }
}

/// One picture: the field `image` of a form, or the body itself.
#[derive(Debug)]
pub struct ImageBody(pub Bytes);

impl FromRequest for ImageBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let services = services(&request)?;
            let limits = &services.limits;
            check_length(&request, limits.image_bytes + FORM_OVERHEAD)?;
            let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
            if media_type.starts_with("multipart/") {
                let form = Multipart::new(request.headers(), payload);
                // Room for a second one, so that the refusal can say what is wrong.
                let few = Limits { upload_bytes: 2 * limits.image_bytes, images_per_upload: 2, ..limits.clone() };
                let form = in_time(limits.body_timeout_s, read_form(form, &few)).await?;
                return only_image(form.finish()?).map(Self);
            }
            in_time(limits.body_timeout_s, read(&mut payload, limits.image_bytes)).await.map(Self)
        })
    }
}

fn only_image(images: Vec<Upload>) -> Result<Bytes, Problem> {
    let count = images.len();
    match <[Upload; 1]>::try_from(images) {
        Ok([image]) => Ok(image.bytes),
        Err(_) => {
            let detail = format!(
                "image: {count} files were sent in the field \"image\"; send exactly one, or the bare image as body"
            );
            Err(Problem::new(Kind::InvalidField, detail).with("field", "image"))
        }
    }
}

async fn read_form(mut form: Multipart, limits: &Limits) -> Result<UploadForm, Problem> {
    let mut read = UploadForm::default();
    let mut total = 0;
    while let Some(field) = form.next().await {
        let mut field = field.map_err(broken_form)?;
        let name = field.name().unwrap_or_default().to_owned();
        if name == "images" || name == "image" {
            if read.images.len() == limits.images_per_upload {
                let detail =
                    format!("images: more than {} files in one upload; send them in several", limits.images_per_upload);
                return Err(Problem::new(Kind::TooLarge, detail).with("field", "images"));
            }
            let file_name = field.content_disposition().and_then(|header| header.get_filename()).map(short_name);
            let limit = limits.image_bytes.min(limits.upload_bytes - total);
            let bytes =
                field.bytes(limit).await.map_err(|_| too_large(limit as u64 + 1, limit))?.map_err(broken_form)?;
            total += bytes.len();
            read.images.push(Upload { file_name, bytes });
        } else {
            if read.texts.len() == TEXT_FIELDS {
                return Err(Problem::new(Kind::TooLarge, format!("more than {TEXT_FIELDS} text fields in one form")));
            }
            let limit = limits.json_bytes;
            let bytes =
                field.bytes(limit).await.map_err(|_| too_large(limit as u64 + 1, limit))?.map_err(broken_form)?;
            let text = String::from_utf8(bytes.to_vec())
                .map_err(|_| Problem::new(Kind::BadRequest, format!("{}: is not UTF-8 text", short_name(&name))))?;
            read.texts.push((name, text));
        }
    }
    Ok(read)
}

/// What of a client's file or field name is repeated in a message.
fn short_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err, which gives the error away")]
fn broken_form(error: actix_multipart::MultipartError) -> Problem {
    Problem::new(Kind::BadRequest, format!("the multipart form cannot be read: {error}"))
}
