//! Signing in, up and out with a browser.

use actix_web::HttpRequest;
use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use crate::auth::{AuthError, TokenPair};
use crate::http::Services;
use crate::http::access_control::identify_visitor;
use crate::http::browser::CookieOwner;
use crate::http::extract::{ClientAddress, ValidQuery};
use crate::http::problem::{Problem, ProblemKind};
use crate::web::form::Form;
use crate::web::page::{Page, PageResult, local_address, with_notice};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
    /// The page that asked for signing in.
    next: &'a str,
    is_first_start: bool,
    /// Whether a form was sent when the session had ended.
    is_unsaved: bool,
}

#[derive(Template)]
#[template(path = "signup.html")]
struct SignUpTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
    next: &'a str,
}

/// The way back to the page that asked for signing in.
#[derive(Debug, Deserialize)]
pub struct NextQuery {
    #[serde(default)]
    next: String,
    #[serde(default)]
    unsaved: bool,
}

impl NextQuery {
    pub(super) fn address(&self) -> &str {
        local_address(&self.next).unwrap_or("")
    }
}

pub async fn show_login(
    page: Page,
    request: HttpRequest,
    services: Data<Services>,
    query: ValidQuery<NextQuery>,
) -> PageResult {
    let next = query.0.address();
    if identify_visitor(&request, &services, CookieOwner::Person).await?.is_some() {
        return page.redirect(if next.is_empty() { "/" } else { next });
    }
    let is_first_start = services.auth.awaits_first_password().await?;
    if is_first_start && next.starts_with("/setup") {
        return page.redirect("/setup/password");
    }
    let is_unsaved = query.0.unsaved;
    page.render(&LoginTemplate { page: &page, form: &Form::empty(), next, is_first_start, is_unsaved })
}

pub async fn log_in(
    page: Page,
    request: HttpRequest,
    services: Data<Services>,
    address: ClientAddress,
    form: Form,
) -> PageResult {
    let outcome = async {
        require_safe_transport(&page)?;
        let password = form.secret("password");
        services.auth.login(form.text("username"), &password, address.0.as_deref()).await.map_err(Problem::from)
    };
    let next = local_address(form.text("next")).unwrap_or("").to_owned();
    match outcome.await {
        Ok(pair) => exchange_session(&page, &request, &services, pair, &next).await,
        Err(problem) => {
            let form = form.refuse(problem);
            let is_first_start = services.auth.awaits_first_password().await?;
            let template = LoginTemplate { page: &page, form: &form, next: &next, is_first_start, is_unsaved: false };
            page.render_with_status(form.status(), &template)
        }
    }
}

pub async fn show_sign_up(page: Page, query: ValidQuery<NextQuery>) -> PageResult {
    page.render(&SignUpTemplate { page: &page, form: &Form::empty(), next: query.0.address() })
}

pub async fn sign_up(
    page: Page,
    request: HttpRequest,
    services: Data<Services>,
    address: ClientAddress,
    form: Form,
) -> PageResult {
    let outcome = async {
        require_safe_transport(&page)?;
        let password = form.secret("password");
        services.auth.sign_up(form.text("username"), &password, address.0.as_deref()).await.map_err(Problem::from)
    };
    let next = local_address(form.text("next")).unwrap_or("").to_owned();
    match outcome.await {
        Ok(pair) => exchange_session(&page, &request, &services, pair, &next).await,
        Err(problem) => {
            let form = form.refuse(problem);
            page.render_with_status(form.status(), &SignUpTemplate { page: &page, form: &form, next: &next })
        }
    }
}

/// Ends the session. Twice is no error.
pub async fn log_out(page: Page, request: HttpRequest, services: Data<Services>) -> PageResult {
    end_old_session(&request, &services).await?;
    let address = with_notice("/login", "notice-signed-out");
    match CookieOwner::Person.make_removal(page.transport) {
        Some(cookie) => page.redirect_with_cookie(&address, &cookie),
        None => page.redirect(&address),
    }
}

/// Ends the browser's old session, begins that of `pair`, and leads to `next`, or home if that is empty.
async fn exchange_session(
    page: &Page,
    request: &HttpRequest,
    services: &Services,
    pair: TokenPair,
    next: &str,
) -> PageResult {
    end_old_session(request, services).await?;
    open_session(page, services, pair, if next.is_empty() { "/" } else { next })
}

/// Puts the session of `pair` into the browser, and leads it to `address`.
pub(super) fn open_session(page: &Page, services: &Services, pair: TokenPair, address: &str) -> PageResult {
    let Some(token) = pair.refresh_token else {
        let detail = "Nothing can be written, so no session can begin. Make room on the disk of the server.";
        return Err(Problem::new(ProblemKind::DiskFull, detail));
    };
    let lifetime_s = services.auth.browser_session_s();
    let cookie = CookieOwner::Person.make_cookie(page.transport, token.expose().to_owned(), lifetime_s)?;
    page.redirect_with_cookie(address, &cookie)
}

/// No password is looked at that anybody on the way could read.
pub(super) fn require_safe_transport(page: &Page) -> Result<(), Problem> {
    if page.transport.allows_sign_in() {
        return Ok(());
    }
    // The refusal of a cookie says what to do.
    CookieOwner::Person.make_cookie(page.transport, String::new(), 0).map(drop)
}

async fn end_old_session(request: &HttpRequest, services: &Services) -> Result<(), AuthError> {
    match CookieOwner::Person.read_cookie(request, services) {
        Some(token) => services.auth.logout(&token.into()).await,
        None => Ok(()),
    }
}
