//! Uploaded photos: `multipart/form-data`, or the image itself as the body.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};

use super::body::{check_length, is_multipart, read_body, read_with_timeout, services};
use super::body_budget::BodyReservation;
use super::multipart::read_form;
use crate::config::Limits;
use crate::http::problem::{Problem, ProblemKind};

/// Bytes that a form may hold besides its images: texts, boundaries, headers.
pub(super) const FORM_OVERHEAD: usize = 256 * 1024;

/// An uploaded file.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The client's name for it, used in messages only.
    pub file_name: Option<String>,
    pub bytes: Bytes,
}

/// A form of texts and images. The handler decides which texts are allowed: it takes them with [`UploadForm::take_text`],
/// and [`UploadForm::into_images`] refuses the rest.
#[derive(Debug, Default)]
pub struct UploadForm {
    pub(super) texts: Vec<(String, String)>,
    /// The files of the field `images` (or `image`), in the order sent.
    pub images: Vec<Upload>,
}

impl UploadForm {
    /// The text of the field `name`, if it was sent; an error if it was sent twice.
    pub fn take_text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let Some(position) = self.texts.iter().position(|(field, _)| field == name) else { return Ok(None) };
        let (_, text) = self.texts.swap_remove(position);
        if self.texts.iter().any(|(field, _)| field == name) {
            let detail = format!("The field {name} was sent more than once.");
            return Err(Problem::new(ProblemKind::InvalidField, detail).with("field", name));
        }
        Ok(Some(text))
    }

    /// All texts, for a page that shows them again. The form then has none.
    pub fn take_texts(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.texts)
    }

    /// The images. Refuses a form with texts that were not taken, which are most likely misspelt.
    pub fn into_images(self) -> Result<Vec<Upload>, Problem> {
        match self.texts.first() {
            None => Ok(self.images),
            Some((field, _)) => {
                let detail = format!("This form has no field {field}.");
                Err(Problem::new(ProblemKind::InvalidField, detail).with("field", field.as_str()))
            }
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
            let mut reservation = BodyReservation::new(&services.bodies);
            let reading = read_form(&request, payload, limits, &mut reservation);
            let form = read_with_timeout(limits.body_timeout_s, reading).await?;
            reservation.hold_until_reply(&request);
            Ok(form)
        })
    }
}

/// One image: the field `image` of a form, or the body itself.
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
            let mut reservation = BodyReservation::new(&services.bodies);
            let image = if is_multipart(media_type) {
                // Reads a second image, so that the refusal can say what is wrong.
                let two_images =
                    Limits { upload_bytes: 2 * limits.image_bytes, images_per_upload: 2, ..limits.clone() };
                let reading = read_form(&request, payload, &two_images, &mut reservation);
                only_image(read_with_timeout(limits.body_timeout_s, reading).await?.into_images()?)?
            } else {
                let reading = read_body(&request, &mut payload, limits.image_bytes, &mut reservation);
                read_with_timeout(limits.body_timeout_s, reading).await?
            };
            reservation.hold_until_reply(&request);
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
                "The request has {count} images. Send exactly one in the field \"image\", or the image itself as the body."
            );
            Err(Problem::new(ProblemKind::InvalidField, detail).with("field", "image"))
        }
    }
}
