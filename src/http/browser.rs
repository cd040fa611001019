//! What a browser sends instead of an `Authorization` header: the cookies of a person's session and of a kiosk.
//!
//! Invariants: a cookie counts only on a connection that nobody can listen to ([`Transport`]). One that came with HTTPS has a
//! `__Host-` name, which neither plain HTTP nor another host of the domain can set. A request that changes something must come
//! from a page of this server.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{ORIGIN, REFERER};

use super::Services;
use super::problem::{Problem, ProblemKind};
use super::transport::{Transport, normal_origin, own_origin};

/// The header with which the scripts of a kiosk's page ask to be taken for the kiosk, whoever else is signed in.
pub const KIOSK_HEADER: &str = "x-kiosk";
/// Browsers keep a cookie for 400 days at most.
const KIOSK_COOKIE_DAYS: i64 = 400;

/// Whose secret a cookie holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieOwner {
    Person,
    Kiosk,
}

impl CookieOwner {
    /// `None` where cookies do not count.
    fn cookie_name(self, transport: Transport) -> Option<&'static str> {
        match (self, transport) {
            (_, Transport::Plain) => None,
            (Self::Person, Transport::Secure) => Some("__Host-session"),
            (Self::Person, Transport::Loopback) => Some("session"),
            (Self::Kiosk, Transport::Secure) => Some("__Host-kiosk"),
            (Self::Kiosk, Transport::Loopback) => Some("kiosk"),
        }
    }

    /// The secret that the browser sent.
    pub fn read_cookie(self, request: &HttpRequest, services: &Services) -> Option<String> {
        let name = self.cookie_name(Transport::of(request, services))?;
        request.cookie(name).map(|cookie| cookie.value().to_owned()).filter(|value| !value.is_empty())
    }

    /// The cookie that keeps `secret` in the browser. `lifetime_s` is that of a person's session; a kiosk's key has no end.
    ///
    /// # Errors
    /// Anybody could listen.
    pub fn make_cookie(
        self,
        transport: Transport,
        secret: String,
        lifetime_s: i64,
    ) -> Result<Cookie<'static>, Problem> {
        let name = self.cookie_name(transport).ok_or_else(refuse_plain_http)?;
        let age = match self {
            Self::Person => Duration::seconds(lifetime_s),
            Self::Kiosk => Duration::days(KIOSK_COOKIE_DAYS),
        };
        // Lax: a link in a mail finds the person signed in. Changes need the same origin all the same.
        let cookie = Cookie::build(name, secret).path("/").http_only(true).same_site(SameSite::Lax);
        Ok(cookie.secure(transport == Transport::Secure).max_age(age).finish())
    }

    /// The cookie that removes [`Self::make_cookie`]'s from the browser.
    pub fn make_removal(self, transport: Transport) -> Option<Cookie<'static>> {
        let mut cookie = self.make_cookie(transport, String::new(), 0).ok()?;
        cookie.make_removal();
        Some(cookie)
    }
}

fn refuse_plain_http() -> Problem {
    let detail = "Over plain HTTP nobody can sign in from another machine: everybody on the way could read the password. Start \
                  the server with HTTPS (`tillsight serve --tls self-signed`, or a certificate), or put a proxy with HTTPS \
                  before it.";
    Problem::new(ProblemKind::Forbidden, detail)
}

/// Refuses a request that changes something unless a page of this server sent it: other sites can make a browser send its
/// cookies, but not this server's origin.
pub fn require_own_origin(request: &HttpRequest, services: &Services) -> Result<(), Problem> {
    if request.method().is_safe() {
        return Ok(());
    }
    let transport = Transport::of(request, services);
    let own = own_origin(request, transport, &services.trusted_proxies);
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let is_own = match (text(ORIGIN.as_str()), text("sec-fetch-site"), text(REFERER.as_str())) {
        (Some(origin), _, _) => own.as_deref() == Some(normal_origin(origin).as_str()),
        (None, Some(site), _) => site == "same-origin",
        // Text browsers (w3m, Lynx) send neither.
        (None, None, Some(page)) => own.is_some() && own == origin_of(page),
        (None, None, None) => false,
    };
    if is_own {
        return Ok(());
    }
    let detail = "The request did not come from a page of this server. Open the page here and send it again.";
    Err(Problem::new(ProblemKind::Forbidden, detail))
}

/// The origin of an address.
fn origin_of(address: &str) -> Option<String> {
    let origin = url::Url::parse(address).ok()?.origin();
    origin.is_tuple().then(|| normal_origin(&origin.ascii_serialization()))
}
