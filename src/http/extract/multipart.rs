//! Reads `multipart/form-data` within limits: texts, and files in the field `images` or `image`.

use std::io;
use std::pin::pin;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use futures_util::stream::{StreamExt, poll_fn};
use multer::{Constraints, Field, Multipart, SizeLimit};
use tokio::sync::mpsc;

use super::body_budget::BodyReservation;
use super::form_part::PartNames;
use super::upload::{FORM_OVERHEAD, Upload, UploadForm};
use crate::config::Limits;
use crate::http::problem::{Problem, ProblemKind, excerpt};

const TEXT_FIELDS_MAX: usize = 64;

/// Reads the whole form.
pub(super) async fn read_form(
    request: &HttpRequest,
    body: Payload,
    limits: &Limits,
    reservation: &mut BodyReservation,
) -> Result<UploadForm, Problem> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(media_type).map_err(|error| describe(&error, limits))?;
    // The reader wants a stream that can move between threads, which a body of actix cannot.
    let (sender, mut receiver) = mpsc::channel(1);
    let chunks = poll_fn(move |context| receiver.poll_recv(context));
    let size_limit = SizeLimit::new().whole_stream(form_bytes_max(limits) as u64);
    let form = Multipart::with_constraints(chunks, boundary, Constraints::new().size_limit(size_limit));
    let reading = pin!(read_fields(form, limits));
    let forwarding = pin!(forward(body, sender, reservation));
    match select(reading, forwarding).await {
        Either::Left((form, _)) => form,
        Either::Right((Ok(()), reading)) => reading.await,
        Either::Right((Err(problem), _)) => Err(problem),
    }
}

/// Bytes that a whole form may have, with its texts, boundaries and headers.
fn form_bytes_max(limits: &Limits) -> usize {
    limits.upload_bytes + FORM_OVERHEAD
}

/// Passes the body on to the reader of the form, one chunk at a time.
async fn forward(
    mut body: Payload,
    sender: mpsc::Sender<io::Result<Bytes>>,
    reservation: &mut BodyReservation,
) -> Result<(), Problem> {
    while let Some(chunk) = body.next().await {
        if let Ok(bytes) = &chunk {
            reservation.add(bytes.len())?;
        }
        if sender.send(chunk.map_err(|error| io::Error::other(error.to_string()))).await.is_err() {
            // The form ended before its body did.
            break;
        }
    }
    Ok(())
}

async fn read_fields(mut fields: Multipart<'_>, limits: &Limits) -> Result<UploadForm, Problem> {
    let mut form = UploadForm::default();
    let mut images_bytes = 0;
    while let Some(mut field) = fields.next_field().await.map_err(|error| describe(&error, limits))? {
        let names = PartNames::read(&field);
        let name = excerpt(&names.field);
        if name == "images" || name == "image" {
            let label = format!("{name}[{}]", form.images.len());
            let limit_bytes = limits.image_bytes.min(limits.upload_bytes - images_bytes);
            let bytes = read_field(&mut field, &label, limit_bytes, limits).await?;
            if names.is_unnamed_file() && bytes.is_empty() {
                continue;
            }
            if form.images.len() == limits.images_per_upload {
                let detail = format!(
                    "One upload holds at most {} photos. Send the rest in another upload.",
                    limits.images_per_upload
                );
                return Err(Problem::new(ProblemKind::TooLarge, detail).with("field", "images"));
            }
            images_bytes += bytes.len();
            let file_name = names.file.as_deref().filter(|name| !name.is_empty()).map(excerpt);
            form.images.push(Upload { file_name, bytes });
        } else if names.is_unnamed_file() && read_field(&mut field, &name, 0, limits).await.is_ok() {
            // Nothing was chosen.
        } else if names.file.is_some() {
            let detail = format!("The field {name} takes no files. Send photos in the field \"images\" or \"image\".");
            return Err(Problem::new(ProblemKind::InvalidField, detail).with("field", name));
        } else {
            if form.texts.len() == TEXT_FIELDS_MAX {
                let detail = format!("The form has more than the {TEXT_FIELDS_MAX} text fields allowed.");
                return Err(Problem::new(ProblemKind::TooLarge, detail));
            }
            let bytes = read_field(&mut field, &name, limits.json_bytes, limits).await?;
            let text = String::from_utf8(bytes.to_vec())
                .map_err(|_| Problem::new(ProblemKind::BadRequest, format!("The field {name} is not UTF-8 text.")))?;
            form.texts.push((name, text));
        }
    }
    Ok(form)
}

/// Reads a whole field of at most `limit_bytes`; `label` names it in a refusal.
async fn read_field(field: &mut Field<'_>, label: &str, limit_bytes: usize, limits: &Limits) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| describe(&error, limits))? {
        if bytes.len() + chunk.len() > limit_bytes {
            let detail = format!("{label} has more than the {limit_bytes} bytes allowed.");
            let problem = Problem::new(ProblemKind::TooLarge, detail);
            return Err(problem.with("field", label).with("limit_bytes", limit_bytes));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// Why the form cannot be read, for the client.
fn describe(error: &multer::Error, limits: &Limits) -> Problem {
    if matches!(error, multer::Error::StreamSizeExceeded { .. }) {
        let limit_bytes = form_bytes_max(limits);
        let detail = format!("The form has more than the {limit_bytes} bytes allowed.");
        return Problem::new(ProblemKind::TooLarge, detail).with("limit_bytes", limit_bytes);
    }
    describe_form_error(error)
}

/// Why a form without a limit on its size cannot be read.
pub(super) fn describe_form_error(error: &multer::Error) -> Problem {
    tracing::debug!(%error, "a multipart form is malformed");
    let is_cut_off = matches!(
        error,
        multer::Error::IncompleteFieldData { .. } | multer::Error::IncompleteHeaders | multer::Error::IncompleteStream
    );
    let is_another_body = matches!(error, multer::Error::NoMultipart | multer::Error::DecodeContentType(_));
    let detail = if is_another_body {
        "The body is not a form. Send it as multipart/form-data, with its boundary in the Content-Type header."
    } else if is_cut_off {
        "The multipart form ends before its last boundary."
    } else {
        "The multipart form is malformed. Name its boundary in the Content-Type header, send each field with a \
         Content-Disposition header and a name, and end the form with its boundary."
    };
    Problem::new(ProblemKind::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_body_is_told_from_a_malformed_form() {
        let refuse =
            |media_type: &str| describe_form_error(&multer::parse_boundary(media_type).unwrap_err()).to_string();
        for another in ["application/json", "", "image"] {
            assert!(refuse(another).contains("The body is not a form."), "{another}");
        }
        assert!(refuse("multipart/form-data").contains("Name its boundary"));
    }
}
