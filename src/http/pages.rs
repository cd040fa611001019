//! The pages, as far as access control must know them: their table and how a problem is shown in a browser.
//!
//! `web`, which holds the pages, stands above this module. It hands over [`Pages`] when the server is put together.

use actix_web::http::Method;
use actix_web::http::header::ACCEPT;
use actix_web::{HttpRequest, HttpResponse};

use super::problem::Problem;
use super::route::Route;

/// The table of pages, of the same form as that of the API.
#[derive(Debug, Clone, Copy)]
pub struct Pages {
    pub routes: &'static [Route],
    /// Shows a problem as a page, or leads to the page that mends it.
    pub show_problem: fn(&HttpRequest, &Problem) -> HttpResponse,
}

impl Pages {
    pub fn find(self, method: &Method, pattern: &str) -> Option<&'static Route> {
        self.routes.iter().find(|route| route.method == *method && route.pattern == pattern)
    }

    /// Whether a problem of this request is shown as a page: a browser asked for a page, or for an address that nothing has.
    pub fn shows_problem(self, request: &HttpRequest, pattern: Option<&str>) -> bool {
        match pattern {
            Some(pattern) => self.routes.iter().any(|route| route.pattern == pattern) && !accepts(request, "json"),
            None => accepts(request, "text/html"),
        }
    }
}

fn accepts(request: &HttpRequest, media_type: &str) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Browsers put what they prefer first; none of them names JSON when it opens a page.
    accept.split(',').next().is_some_and(|first| first.contains(media_type))
}
