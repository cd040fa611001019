//! The page that a request asks for: its visitor, language, theme, and the ways to answer it.
//!
//! A handler takes a [`Page`], hands it to its template as `page`, and answers with [`Page::render`] or [`Page::redirect`].

use std::borrow::Borrow;
use std::fmt::Display;
use std::future::{Ready, ready};

use actix_web::cookie::Cookie;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use askama::Template;
use fluent_bundle::{FluentArgs, FluentValue};
use url::form_urlencoded;

use super::form::Form;
use super::format::{self, Moment};
use super::language::Language;
use super::navigation::{self, Entry};
use super::{assets, messages};
use crate::auth::Identity;
use crate::domain::{Currency, Money, OrderState, Role, TimeZone, Timestamp};
use crate::http::Services;
use crate::http::problem::{Problem, ProblemKind};
use crate::http::transport::Transport;

/// Everything from this server and nothing else; `blob:` and `data:` are pictures that a script has made or a camera has taken.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The cookie that keeps a visitor's choice of light or dark.
pub const THEME_COOKIE: &str = "theme";

/// What a handler of a page returns.
pub type PageResult = Result<HttpResponse, Problem>;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// As the device has it.
    System,
    Light,
    Dark,
}

impl Theme {
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::System, Self::Light, Self::Dark].into_iter().find(|theme| theme.name() == name)
    }

    /// What the switch changes it to.
    pub fn next(self) -> Self {
        match self {
            Self::System => Self::Dark,
            Self::Dark => Self::Light,
            Self::Light => Self::System,
        }
    }

    pub fn icon(self) -> &'static str {
        match self {
            Self::System => "sun-moon",
            Self::Light => "sun",
            Self::Dark => "moon",
        }
    }
}

/// The page that a request asks for.
#[derive(Debug, Clone)]
pub struct Page {
    pub language: Language,
    pub theme: Theme,
    /// Path and query string.
    pub address: String,
    /// Who is signed in. On a public page `None`, unless the handler finds out.
    pub visitor: Option<Identity>,
    pub transport: Transport,
    pub now: Timestamp,
    /// The key of a message that says what the last request did.
    notice: Option<String>,
}

impl FromRequest for Page {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Self::of_request(request))
    }
}

impl Page {
    pub(super) fn of_request(request: &HttpRequest) -> Result<Self, Problem> {
        let services = request.app_data::<Data<Services>>();
        let services =
            services.ok_or_else(|| Problem::internal(&"the services are not registered with the HTTP server"))?;
        let theme = request.cookie(THEME_COOKIE).and_then(|cookie| Theme::from_name(cookie.value()));
        let address = request.uri().path_and_query().map_or("/", |address| address.as_str()).to_owned();
        let notice = form_urlencoded::parse(request.query_string().as_bytes())
            .find(|(name, value)| name == "notice" && value.starts_with("notice-"))
            .map(|(_, value)| value.into_owned());
        Ok(Self {
            language: Language::of_request(request),
            theme: theme.unwrap_or(Theme::System),
            address,
            visitor: request.extensions().get::<Identity>().cloned(),
            transport: Transport::of(request, services),
            now: services.clock.now(),
            notice,
        })
    }

    pub fn render(&self, template: &impl Template) -> PageResult {
        self.render_with_status(StatusCode::OK, template)
    }

    pub fn render_with_status(&self, status: StatusCode, template: &impl Template) -> PageResult {
        let html = template.render().map_err(|error| Problem::internal(&error))?;
        Ok(HttpResponse::build(status)
            .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
            .insert_header((CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((CACHE_CONTROL, "no-store"))
            // With `no-referrer` browsers would not tell the origin of a form.
            .insert_header((REFERRER_POLICY, "same-origin"))
            .body(html))
    }

    /// Leads the browser to another page of this server, by `GET`.
    pub fn redirect(&self, address: &str) -> PageResult {
        Ok(redirect(address))
    }

    /// [`Self::redirect`], where a message says what was done. Its key begins with `notice-`.
    pub fn redirect_with_notice(&self, address: &str, key: &str) -> PageResult {
        Ok(redirect(&with_notice(address, key)))
    }

    /// [`Self::redirect`], with a cookie.
    pub fn redirect_with_cookie(&self, address: &str, cookie: &Cookie<'_>) -> PageResult {
        let mut response = redirect(address);
        response.add_cookie(cookie).map_err(|error| Problem::internal(&error))?;
        Ok(response)
    }

    // What templates ask for. Arguments are taken as templates pass them, by value or by reference.

    pub fn text(&self, key: &str) -> String {
        messages::text(self.language, key, None)
    }

    /// A message with one argument; a number may choose its plural.
    pub fn text1(&self, key: &str, name: &str, value: impl Display) -> String {
        self.text_with(key, &[(name, value.to_string())])
    }

    /// A message with two arguments.
    pub fn text2(&self, key: &str, name: &str, value: impl Display, name2: &str, value2: impl Display) -> String {
        self.text_with(key, &[(name, value.to_string()), (name2, value2.to_string())])
    }

    pub fn text_with(&self, key: &str, arguments: &[(&str, String)]) -> String {
        messages::text(self.language, key, Some(&fluent_args(arguments)))
    }

    /// A message, if there is one and `arguments` has everything that it names.
    pub fn find_text_with(&self, key: &str, arguments: &[(&str, String)]) -> Option<String> {
        messages::find_complete(self.language, key, &fluent_args(arguments))
    }

    /// The hidden key of a form that is only a button.
    pub fn form_key(&self) -> String {
        Form::empty().key().to_owned()
    }

    /// What the last request did.
    pub fn notice(&self) -> Option<String> {
        messages::find(self.language, self.notice.as_deref()?, None)
    }

    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    pub fn money(&self, amount: impl Borrow<i64>, currency: impl Borrow<Currency>) -> String {
        format::money(Money { amount: *amount.borrow(), currency: *currency.borrow() })
    }

    pub fn number(&self, value: impl Borrow<i64>) -> String {
        format::number(*value.borrow())
    }

    pub fn percent(&self, share: impl Borrow<f64>) -> String {
        format::percent(*share.borrow())
    }

    /// A time to be shown with the macro `time`, in a store's zone.
    pub fn moment(&self, at: impl Borrow<Timestamp>, zone: &TimeZone) -> Moment {
        format::moment(self.language, *at.borrow(), self.now, zone)
    }

    /// `14:05`, in a store's zone.
    pub fn clock_time(&self, at: impl Borrow<Timestamp>, zone: &TimeZone) -> String {
        zone.format(*at.borrow(), "%H:%M")
    }

    pub fn navigation(&self) -> Vec<Entry> {
        self.visitor
            .as_ref()
            .filter(|visitor| !visitor.must_change_password)
            .map(navigation::entries)
            .unwrap_or_default()
    }

    /// Whether a menu's entry is the page that is open, or the nearest above it.
    pub fn is_current(&self, path: &str) -> bool {
        let open = self.address.split('?').next().unwrap_or_default();
        // Closings are found among the orders.
        let open = if is_within(open, "/admin/closings") { "/admin/orders" } else { open };
        let nearest = self.navigation().into_iter().map(|entry| entry.path).filter(|path| is_within(open, path));
        nearest.max_by_key(|path| path.len()) == Some(path)
    }

    pub fn is_staff(&self) -> bool {
        self.visitor.as_ref().and_then(Identity::role).is_some_and(|role| role != Role::User)
    }

    pub fn visitor_name(&self) -> &str {
        self.visitor.as_ref().map_or("", |visitor| &visitor.name)
    }

    /// The other language, for the switch.
    pub fn other_language(&self) -> Language {
        match self.language {
            Language::English => Language::Korean,
            Language::Korean => Language::English,
        }
    }

    /// A problem in a shop's words.
    pub fn problem_text(&self, kind: ProblemKind) -> String {
        self.text_of("problem-", kind.slug())
    }

    /// The colour of an order's state; its icon and its word say the same.
    pub fn order_tone(&self, state: impl Borrow<OrderState>) -> &'static str {
        match *state.borrow() {
            OrderState::Paid => "good",
            OrderState::Confirmed | OrderState::PartlyRefunded => "warn",
            OrderState::Refunded | OrderState::Voided => "idle",
        }
    }

    /// The message under `prefix` for a word of the API, such as a state.
    pub fn text_of(&self, prefix: &str, word: &str) -> String {
        self.text(&format!("{prefix}{}", word.replace('_', "-")))
    }
}

fn fluent_args<'a>(arguments: &'a [(&'a str, String)]) -> FluentArgs<'a> {
    let mut args = FluentArgs::new();
    for (name, value) in arguments {
        let is_count = *name == "count";
        args.set(*name, if is_count { FluentValue::try_number(value) } else { FluentValue::from(value.as_str()) });
    }
    args
}

fn is_within(open: &str, path: &str) -> bool {
    open.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn redirect(address: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, address)).insert_header((CACHE_CONTROL, "no-store")).finish()
}

/// The address of a page that says what was done.
pub fn with_notice(address: &str, key: &str) -> String {
    let separator = if address.contains('?') { '&' } else { '?' };
    format!("{address}{separator}notice={key}")
}

/// An address that a form or a link names as the next page: a path of this server, else `None`.
pub fn local_address(address: &str) -> Option<&str> {
    let is_local = address.starts_with('/')
        // `//host` and `/\host` are other hosts to a browser, which also ignores tabs and line breaks.
        && !address[1..].starts_with(['/', '\\'])
        && !address.chars().any(|c| c.is_control() || c.is_whitespace())
        && address.is_ascii();
    is_local.then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_server_is_followed() {
        for address in ["/", "/admin/orders?q=7&day=2026-01-05", "/mypage#now"] {
            assert_eq!(local_address(address), Some(address));
        }
        for address in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "admin", "/\t/evil", "/a b", "/\r\nx"]
        {
            assert_eq!(local_address(address), None, "{address:?}");
        }
    }

    #[test]
    fn a_page_lies_within_the_pages_above_it() {
        assert!(is_within("/admin/products/7", "/admin/products"));
        assert!(is_within("/admin", "/admin"));
        assert!(!is_within("/administration", "/admin"));
    }
}
