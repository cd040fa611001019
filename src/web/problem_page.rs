//! A problem as a page: what happened in a shop's words, the next step as a button, the rest for whoever calls support.

use actix_web::http::StatusCode;
use actix_web::http::header::{REFERER, RETRY_AFTER};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use url::{Position, Url, form_urlencoded};

use super::page::{Page, local_address, redirect};
use crate::http::instrumentation::RequestId;
use crate::http::problem::{Problem, ProblemKind};

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemTemplate<'a> {
    page: &'a Page,
    title: String,
    /// What to do.
    hint: String,
    detail: &'a str,
    status: u16,
    urn: String,
    request_id: String,
    retry_after_s: Option<u64>,
}

/// The page that shows a problem. A stranger is led to sign in and back, a person with a one-time password to change it.
pub(super) fn show(request: &HttpRequest, problem: &Problem) -> HttpResponse {
    let Ok(page) = Page::of_request(request) else { return problem.error_response() };
    if problem.kind() == ProblemKind::NotAuthenticated {
        return redirect(&with_next("/login", request));
    }
    if problem.kind() == ProblemKind::PasswordChangeRequired {
        return redirect(&with_next("/password", request));
    }
    let template = ProblemTemplate {
        page: &page,
        title: page.problem_text(problem.kind()),
        hint: page.text(find_hint(problem.kind().status(), request.path())),
        detail: problem.detail(),
        status: problem.kind().status().as_u16(),
        urn: problem.kind().urn(),
        request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        retry_after_s: problem.extension("retry_after_s").and_then(serde_json::Value::as_u64),
    };
    let plain = problem.error_response();
    let Ok(mut response) = page.render_with_status(problem.kind().status(), &template) else { return plain };
    for (name, value) in plain.headers() {
        if name == RETRY_AFTER {
            response.headers_mut().insert(name.clone(), value.clone());
        }
    }
    response
}

/// The message that says what to do.
fn find_hint(status: StatusCode, path: &str) -> &'static str {
    match status {
        // A receipt's QR code, opened by somebody who is signed in as staff.
        StatusCode::FORBIDDEN if path == "/claim" || path.starts_with("/join/") => "problem-hint-shoppers-only",
        StatusCode::FORBIDDEN => "problem-hint-forbidden",
        StatusCode::NOT_FOUND => "problem-hint-not-found",
        status if status.is_server_error() => "problem-hint-server",
        _ => "problem-hint-other",
    }
}

/// The address with the way back in `next`: the page itself, or the page whose form was sent. What was typed there is lost, and
/// the page says so.
fn with_next(address: &str, request: &HttpRequest) -> String {
    let is_form = !request.method().is_safe();
    let form_page = || {
        let page = Url::parse(request.headers().get(REFERER)?.to_str().ok()?).ok()?;
        Some(page[Position::BeforePath..Position::AfterQuery].to_owned())
    };
    let next = match is_form {
        true => form_page().filter(|page| local_address(page).is_some()),
        false => request.uri().path_and_query().map(|next| next.as_str().to_owned()),
    };
    let Some(next) = next else { return address.to_owned() };
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("{address}?next={next}{}", if is_form { "&unsaved=true" } else { "" })
}
