//! The progress of a task as server-sent events.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, Responder, get};
use futures_util::{StreamExt, future, stream};
use serde::Serialize;
use utoipa::ToSchema;

use crate::automation::{EventCursor, TaskEvents};
use crate::domain::{TaskId, TaskLogId};
use crate::http::Services;
use crate::http::extract::ValidPath;
use crate::http::problem::Problem;

/// Behind the id of the last event of a stream: whoever sends that back was told everything.
const OVER: &str = "/over";

/// An event of the stream, as the document describes it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskEvent {
    /// `task` or `log`.
    pub event: String,
    /// What `Last-Event-ID` takes.
    pub id: String,
    /// The task or the line of the log, as JSON.
    pub data: String,
}

/// Watch a task: an event `task` whenever it changes, and an event `log` for each new line of its log.
///
/// `data` of an event is what `GET /api/automation/tasks/{id}` and `GET /api/automation/logs` show. The stream ends when the task
/// is over. A client that reconnects with `Last-Event-ID` misses no line; one that has the last event is answered 204, which
/// tells an `EventSource` to stop.
#[utoipa::path(tag = "automation", params(("id" = TaskId, Path)),
    responses((status = 200, body = TaskEvent, content_type = "text/event-stream", description = "The events"),
        (status = 204, description = "The task is over, and the client was told so")))]
#[get("/api/automation/tasks/{id}/events")]
pub async fn watch(
    services: Data<Services>,
    id: ValidPath<TaskId>,
    request: HttpRequest,
) -> Result<impl Responder, Problem> {
    let last_event = request.headers().get("last-event-id").and_then(|header| header.to_str().ok());
    let last_line = last_event.map(|id| id.strip_suffix(OVER).unwrap_or(id));
    let after: Option<TaskLogId> = last_line.and_then(|line| line.parse().ok());
    let mut cursor = services.automation.watch_task(id.0, after).await?;
    // The first events come at once.
    let first = services.automation.next_events(&mut cursor).await?;
    let was_told = after.is_some() && last_event != last_line;
    if was_told && cursor.is_over() && first.as_ref().is_none_or(|events| events.log.is_empty()) {
        return Ok(HttpResponse::NoContent().finish());
    }
    let first = first.map(|events| Ok::<_, actix_web::Error>(format_events(&events, &cursor)));
    let later = stream::unfold((services, cursor), |(services, mut cursor)| async move {
        let bytes = next_bytes(&services, &mut cursor).await?;
        Some((Ok(bytes), (services, cursor)))
    });
    let events = stream::once(future::ready(first)).filter_map(future::ready).chain(later);
    // A compressed stream would be held back until there is enough to compress.
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "text/event-stream")).insert_header((CACHE_CONTROL, "no-store"));
    // nginx would hold events back in its buffer.
    response.insert_header(("x-accel-buffering", "no"));
    Ok(response.insert_header((CONTENT_ENCODING, "identity")).streaming(Box::pin(events)))
}

/// The next events; `None` ends the stream, also when the server stops or the database fails: the client reconnects.
async fn next_bytes(services: &Services, cursor: &mut EventCursor) -> Option<Bytes> {
    if !services.readiness.is_ready() {
        return None;
    }
    match services.automation.next_events(cursor).await {
        Ok(events) => Some(format_events(&events?, cursor)),
        Err(error) => {
            tracing::warn!(%error, "a watched task cannot be read");
            None
        }
    }
}

fn format_events(events: &TaskEvents, cursor: &EventCursor) -> Bytes {
    let mut text = String::new();
    for line in &events.log {
        // A line that appears late does not bring those back that were told before it.
        push_event(&mut text, &line.id.max(events.told_before).to_string(), "log", line);
    }
    if let Some(task) = &events.task {
        let end = if cursor.is_over() { OVER } else { "" };
        push_event(&mut text, &format!("{}{end}", cursor.newest_line()), "task", task);
    }
    if text.is_empty() {
        // A comment: nothing new, but the connection is alive.
        text.push_str(":\n\n");
    }
    text.into()
}

/// JSON has no line ends, so one `data` line holds it.
fn push_event(text: &mut String, id: &str, name: &str, data: &impl Serialize) {
    let json = serde_json::to_string(data).unwrap_or_default();
    text.push_str(&format!("id: {id}\nevent: {name}\ndata: {json}\n\n"));
}
