//! The body of a new task: JSON, or a form of texts with a file, which goes to the disk as it arrives.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{Either, select};
use futures_util::stream::{StreamExt, poll_fn};
use multer::{Field, Multipart};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::body::{is_multipart, services};
use super::form_part::PartNames;
use super::json::{JsonBody, refuse_value};
use super::multipart::describe_form_error;
use crate::automation::TaskUpload;
use crate::domain::describe_json_syntax;
use crate::http::Services;
use crate::http::problem::{Problem, ProblemKind, excerpt};

const FIELDS_MAX: usize = 16;

/// A JSON body, or the texts of a form as if they were one, and the form's file.
pub struct TaskBody<T> {
    pub body: T,
    pub upload: Option<TaskUpload>,
}

impl<T: DeserializeOwned + 'static> FromRequest for TaskBody<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !is_multipart(media_type) {
            let json = JsonBody::<T>::from_request(request, payload);
            return Box::pin(async move { Ok(Self { body: json.await?.0, upload: None }) });
        }
        let (request, payload, media_type) = (request.clone(), payload.take(), media_type.to_owned());
        Box::pin(async move {
            let services = services(&request)?;
            let read = |form| read_fields(&services, form);
            let (texts, upload) = read_stream(&services, &media_type, payload, read).await?;
            let body = serde_path_to_error::deserialize(Value::Object(texts))
                .map_err(|error| refuse_value(&error.path().to_string(), error.inner()))?;
            Ok(Self { body, upload })
        })
    }
}

type Form = (Map<String, Value>, Option<TaskUpload>);

/// Reads a form while its body arrives. A large body may take long, but each chunk must come in time.
pub(super) async fn read_stream<T, F>(
    services: &Services,
    media_type: &str,
    body: Payload,
    read: impl FnOnce(Multipart<'static>) -> F,
) -> Result<T, Problem>
where
    F: Future<Output = Result<T, Problem>>,
{
    let boundary = multer::parse_boundary(media_type).map_err(|error| describe_form_error(&error))?;
    // The reader wants a stream that can move between threads, which a body of actix cannot.
    let (sender, mut receiver) = mpsc::channel(1);
    let chunks = poll_fn(move |context| receiver.poll_recv(context));
    let reading = pin!(read(Multipart::new(chunks, boundary)));
    let forwarding = pin!(forward(body, sender, Duration::from_secs(services.limits.body_timeout_s)));
    match select(reading, forwarding).await {
        Either::Left((form, _)) => form,
        Either::Right((Ok(()), reading)) => reading.await,
        Either::Right((Err(problem), _)) => Err(problem),
    }
}

async fn forward(mut body: Payload, sender: mpsc::Sender<io::Result<Bytes>>, timeout: Duration) -> Result<(), Problem> {
    loop {
        let chunk = tokio::time::timeout(timeout, body.next()).await.map_err(|_| {
            let detail = format!("Nothing of the request's body arrived for {} seconds.", timeout.as_secs());
            Problem::new(ProblemKind::BodyTimeout, detail)
        })?;
        let Some(chunk) = chunk else { return Ok(()) };
        if sender.send(chunk.map_err(|error| io::Error::other(error.to_string()))).await.is_err() {
            // The form ended before its body did.
            return Ok(());
        }
    }
}

async fn read_fields(services: &Services, mut fields: Multipart<'static>) -> Result<Form, Problem> {
    let (mut texts, mut upload) = (Map::new(), None);
    while let Some(mut field) = fields.next_field().await.map_err(|error| describe_form_error(&error))? {
        let names = PartNames::read(&field);
        let name = excerpt(&names.field);
        if name == "file" && upload.is_none() {
            upload = receive(services, &names, &mut field).await?;
        } else if texts.len() < FIELDS_MAX && !texts.contains_key(&name) && name != "file" {
            let text = read_text(&mut field, &name, services.limits.json_bytes).await?;
            let value = if name == "settings" { parse_settings(&text)? } else { json!(text) };
            texts.insert(name, value);
        } else {
            let detail = format!("The field {name} was sent more than once, or the form has too many fields.");
            return Err(Problem::new(ProblemKind::InvalidField, detail).with("field", name));
        }
    }
    Ok((texts, upload))
}

/// `None`: a browser's file input where nothing was chosen.
async fn receive(services: &Services, names: &PartNames, field: &mut Field<'_>) -> Result<Option<TaskUpload>, Problem> {
    let mut chunk = next_chunk(field).await?;
    if names.is_unnamed_file() && chunk.as_ref().is_none_or(Bytes::is_empty) {
        return Ok(None);
    }
    let mut upload = services.automation.begin_upload().await?;
    while let Some(bytes) = chunk {
        add_chunk(services, &mut upload, bytes).await?;
        chunk = next_chunk(field).await?;
    }
    Ok(Some(upload))
}

pub(super) async fn next_chunk(field: &mut Field<'_>) -> Result<Option<Bytes>, Problem> {
    field.chunk().await.map_err(|error| describe_form_error(&error))
}

/// Adds to an upload, within its limit.
pub(super) async fn add_chunk(services: &Services, upload: &mut TaskUpload, chunk: Bytes) -> Result<(), Problem> {
    let bytes_max = services.upload_bytes_max;
    if upload.bytes() + chunk.len() as u64 > bytes_max {
        let detail = format!("The file has more than the {bytes_max} bytes allowed (setting automation.upload_bytes).");
        let problem = Problem::new(ProblemKind::TooLarge, detail).with("field", "file");
        return Err(problem.with("limit_bytes", bytes_max));
    }
    Ok(upload.write(chunk).await?)
}

pub(super) async fn read_text(field: &mut Field<'_>, name: &str, bytes_max: usize) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = next_chunk(field).await? {
        if bytes.len() + chunk.len() > bytes_max {
            let detail = format!("{name} has more than the {bytes_max} bytes allowed.");
            return Err(Problem::new(ProblemKind::TooLarge, detail).with("field", name).with("limit_bytes", bytes_max));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes)
        .map_err(|_| Problem::new(ProblemKind::BadRequest, format!("The field {name} is not UTF-8 text.")))
}

fn parse_settings(text: &str) -> Result<Value, Problem> {
    serde_json::from_str(text).map_err(|error| {
        let detail = format!("The field settings {}.", describe_json_syntax(&error));
        Problem::new(ProblemKind::InvalidField, detail).with("field", "settings")
    })
}
