//! Reading `multipart/form-data` within limits: texts, and files in the field `images` or `image`.

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
use crate::http::problem::{Kind, Problem};

/// Text fields of a form at most.
const TEXT_FIELDS: usize = 64;
/// How often a reader that waits for more of a body that has ended is asked again before it is told.
const LAST_CHANCES: u32 = 3;

/// A body that tells when it has ended. The multipart reader waits for ever where the last boundary is cut off within its
/// line break, instead of saying so.
struct Watched {
    body: Payload,
    ended: Rc<Cell<bool>>,
}

impl Stream for Watched {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.body.poll_next_unpin(context);
        if matches!(polled, Poll::Ready(None)) {
            self.ended.set(true);
        }
        polled
    }
}

/// Characters of a boundary at least: the reader panics over a line that is shorter than four bytes and not shorter than the
/// boundary. Browsers and libraries send sixteen and more.
const SHORTEST_BOUNDARY: usize = 4;

fn check_boundary(request: &HttpRequest) -> Result<(), Problem> {
    let media_type = request.mime_type().ok().flatten();
    match media_type.as_ref().and_then(|media_type| media_type.get_param("boundary")) {
        Some(boundary) if boundary.as_str().len() < SHORTEST_BOUNDARY => {
            let detail = format!(
                "the boundary \"{boundary}\" of the multipart form is too short: {SHORTEST_BOUNDARY} characters at least are taken"
            );
            Err(Problem::new(Kind::BadRequest, detail))
        }
        // Without one the reader says so.
        Some(_) | None => Ok(()),
    }
}

/// Reads the whole form.
pub(super) async fn read_form(
    request: &HttpRequest,
    body: Payload,
    limits: &Limits,
    meter: &mut BodyReservation,
) -> Result<UploadForm, Problem> {
    check_boundary(request)?;
    let ended = Rc::new(Cell::new(false));
    let mut form = Multipart::new(request.headers(), Watched { body, ended: Rc::clone(&ended) });
    let mut read = UploadForm::default();
    let mut total = 0;
    while let Some(mut field) = next(&mut form, &ended).await? {
        let name = short_name(field.name().unwrap_or_default());
        let file_name = field.content_disposition().and_then(|header| header.get_filename()).map(short_name);
        if name == "images" || name == "image" {
            if read.images.len() == limits.images_per_upload {
                let detail =
                    format!("images: more than {} files in one upload; send them in several", limits.images_per_upload);
                return Err(Problem::new(Kind::TooLarge, detail).with("field", "images"));
            }
            let what = format!("{name}[{}]", read.images.len());
            let limit = limits.image_bytes.min(limits.upload_bytes - total);
            let bytes = content(&mut field, &ended, &what, limit, meter).await?;
            total += bytes.len();
            read.images.push(Upload { file_name, bytes });
        } else if file_name.is_some() {
            let detail =
                format!("{name}: there is no such field for files; send pictures in the field \"images\" or \"image\"");
            return Err(Problem::new(Kind::InvalidField, detail).with("field", name));
        } else {
            if read.texts.len() == TEXT_FIELDS {
                return Err(Problem::new(Kind::TooLarge, format!("more than {TEXT_FIELDS} text fields in one form")));
            }
            let bytes = content(&mut field, &ended, &name, limits.json_bytes, meter).await?;
            let text = String::from_utf8(bytes.to_vec())
                .map_err(|_| Problem::new(Kind::BadRequest, format!("{name}: is not UTF-8 text")))?;
            read.texts.push((name, text));
        }
    }
    Ok(read)
}

/// All of a field, at most `limit` bytes; `what` names it in the refusal.
async fn content(
    field: &mut Field,
    ended: &Cell<bool>,
    what: &str,
    limit: usize,
    meter: &mut BodyReservation,
) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = next(field, ended).await? {
        if bytes.len() + chunk.len() > limit {
            let detail = format!("{what}: has more than {limit} bytes, which is all that is taken here");
            return Err(Problem::new(Kind::TooLarge, detail).with("field", what).with("limit_bytes", limit));
        }
        meter.add(chunk.len())?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The next part of a form or field; an error where it still waits although the body has ended.
async fn next<T>(
    parts: &mut (impl Stream<Item = Result<T, MultipartError>> + Unpin),
    ended: &Cell<bool>,
) -> Result<Option<T>, Problem> {
    let mut chances = LAST_CHANCES;
    let part = poll_fn(|context| match parts.poll_next_unpin(context) {
        Poll::Pending if ended.get() && chances == 0 => {
            Poll::Ready(Err(Problem::new(Kind::BadRequest, "the multipart form ends before its last boundary")))
        }
        Poll::Pending => {
            if ended.get() {
                chances -= 1;
                context.waker().wake_by_ref();
            }
            Poll::Pending
        }
        Poll::Ready(part) => Poll::Ready(Ok(part)),
    });
    part.await?.transpose().map_err(broken_form)
}

/// What of a client's file or field name is repeated in a message.
fn short_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err, which gives the error away")]
fn broken_form(error: MultipartError) -> Problem {
    Problem::new(Kind::BadRequest, format!("the multipart form cannot be read: {error}"))
}
