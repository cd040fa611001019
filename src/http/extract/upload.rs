//! Uploaded pictures: `multipart/form-data`, or the bare bytes as the body.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};

use super::body::{check_length, in_time, read, services};
use super::body_budget::BodyReservation;
use super::form::read_form;
use crate::config::Limits;
use crate::http::problem::{Kind, Problem};

/// Bytes that a form may hold beside its images: texts, boundaries, headers.
pub(in crate::http) const FORM_OVERHEAD: usize = 256 * 1024;

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
    pub(super) texts: Vec<(String, String)>,
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
            let mut meter = BodyReservation::new(&services.bodies);
            let form = in_time(limits.body_timeout_s, read_form(&request, payload, limits, &mut meter)).await?;
            meter.keep(&request);
            Ok(form)
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
            let mut meter = BodyReservation::new(&services.bodies);
            let image = if media_type.starts_with("multipart/") {
                // Room for a second one, so that the refusal can say what is wrong.
                let few = Limits { upload_bytes: 2 * limits.image_bytes, images_per_upload: 2, ..limits.clone() };
                let form = in_time(limits.body_timeout_s, read_form(&request, payload, &few, &mut meter)).await?;
                only_image(form.finish()?)?
            } else {
                in_time(limits.body_timeout_s, read(&request, &mut payload, limits.image_bytes, &mut meter)).await?
            };
            meter.keep(&request);
            Ok(Self(image))
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
