//! Reads `multipart/form-data` within limits: texts, and files in the field `images` or `image`.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpMessage, HttpRequest};
use futures_util::{Stream, StreamExt, future::poll_fn};

use super::body_budget::BodyReservation;
use super::upload::{Upload, UploadForm};
use crate::config::Limits;
use crate::http::problem::{Problem, ProblemKind, excerpt};

const TEXT_FIELDS_MAX: usize = 64;
/// The shortest boundary. With a shorter one, the multipart reader panics over short lines. Browsers and libraries send sixteen
/// characters and more.
const BOUNDARY_CHARS_MIN: usize = 4;
/// How often the reader is polled again after the body has ended, before it counts as stuck.
const POLLS_AFTER_END: u32 = 3;

/// A body that records its end. The multipart reader waits for ever if the last boundary is cut off within its line break;
/// this tells [`next_part`] that nothing more can come.
struct EndTrackingBody {
    body: Payload,
    ended: Rc<Cell<bool>>,
}

impl Stream for EndTrackingBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.body.poll_next_unpin(context);
        if matches!(polled, Poll::Ready(None)) {
            self.ended.set(true);
        }
        polled
    }
}

/// Reads the whole form.
pub(super) async fn read_form(
    request: &HttpRequest,
    body: Payload,
    limits: &Limits,
    reservation: &mut BodyReservation,
) -> Result<UploadForm, Problem> {
    check_boundary(request)?;
    let ended = Rc::new(Cell::new(false));
    let mut fields = Multipart::new(request.headers(), EndTrackingBody { body, ended: Rc::clone(&ended) });
    let mut form = UploadForm::default();
    let mut images_bytes = 0;
    while let Some(mut field) = next_part(&mut fields, &ended).await? {
        let name = excerpt(field.name().unwrap_or_default());
        let file_name = field.content_disposition().and_then(|header| header.get_filename()).map(excerpt);
        if name == "images" || name == "image" {
            if form.images.len() == limits.images_per_upload {
                let detail = format!(
                    "One upload holds at most {} photos. Send the rest in another upload.",
                    limits.images_per_upload
                );
                return Err(Problem::new(ProblemKind::TooLarge, detail).with("field", "images"));
            }
            let label = format!("{name}[{}]", form.images.len());
            let limit_bytes = limits.image_bytes.min(limits.upload_bytes - images_bytes);
            let bytes = read_field(&mut field, &ended, &label, limit_bytes, reservation).await?;
            images_bytes += bytes.len();
            form.images.push(Upload { file_name, bytes });
        } else if file_name.is_some() {
            let detail = format!("The field {name} takes no files. Send photos in the field \"images\" or \"image\".");
            return Err(Problem::new(ProblemKind::InvalidField, detail).with("field", name));
        } else {
            if form.texts.len() == TEXT_FIELDS_MAX {
                let detail = format!("The form has more than the {TEXT_FIELDS_MAX} text fields allowed.");
                return Err(Problem::new(ProblemKind::TooLarge, detail));
            }
            let bytes = read_field(&mut field, &ended, &name, limits.json_bytes, reservation).await?;
            let text = String::from_utf8(bytes.to_vec())
                .map_err(|_| Problem::new(ProblemKind::BadRequest, format!("The field {name} is not UTF-8 text.")))?;
            form.texts.push((name, text));
        }
    }
    Ok(form)
}

fn check_boundary(request: &HttpRequest) -> Result<(), Problem> {
    let media_type = request.mime_type().ok().flatten();
    match media_type.as_ref().and_then(|media_type| media_type.get_param("boundary")) {
        Some(boundary) if boundary.as_str().len() < BOUNDARY_CHARS_MIN => {
            let detail = format!(
                "The boundary \"{boundary}\" of the multipart form is too short. It needs at least {BOUNDARY_CHARS_MIN} \
                 characters."
            );
            Err(Problem::new(ProblemKind::BadRequest, detail))
        }
        // The multipart reader refuses a form without a boundary.
        Some(_) | None => Ok(()),
    }
}

/// Reads a whole field of at most `limit_bytes`; `label` names it in a refusal.
async fn read_field(
    field: &mut Field,
    ended: &Cell<bool>,
    label: &str,
    limit_bytes: usize,
    reservation: &mut BodyReservation,
) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = next_part(field, ended).await? {
        if bytes.len() + chunk.len() > limit_bytes {
            let detail = format!("{label} has more than the {limit_bytes} bytes allowed.");
            let problem = Problem::new(ProblemKind::TooLarge, detail);
            return Err(problem.with("field", label).with("limit_bytes", limit_bytes));
        }
        reservation.add(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The next part of a form or a field. An error if the reader still waits although the body has ended.
async fn next_part<T>(
    parts: &mut (impl Stream<Item = Result<T, MultipartError>> + Unpin),
    ended: &Cell<bool>,
) -> Result<Option<T>, Problem> {
    let mut polls_left = POLLS_AFTER_END;
    let part = poll_fn(|context| match parts.poll_next_unpin(context) {
        Poll::Pending if ended.get() && polls_left == 0 => {
            let detail = "The multipart form ends before its last boundary.";
            Poll::Ready(Err(Problem::new(ProblemKind::BadRequest, detail)))
        }
        Poll::Pending => {
            if ended.get() {
                polls_left -= 1;
                context.waker().wake_by_ref();
            }
            Poll::Pending
        }
        Poll::Ready(part) => Poll::Ready(Ok(part)),
    });
    part.await?.transpose().map_err(|error| {
        tracing::debug!(%error, "a multipart form is malformed");
        let detail = "The multipart form is malformed. Send each field with a Content-Disposition header and a name, and \
                      end the form with its boundary.";
        Problem::new(ProblemKind::BadRequest, detail)
    })
}
