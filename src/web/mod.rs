//! The pages: rendered on the server from templates in the binary, made livelier by small scripts. No build step, no other host.
//!
//! Stands above `http`: pages call the same services, under policies of the same form (`page_table`), and are asked for by the same
//! access control. A page works without scripts as far as a camera allows. ARCHITECTURE.md tells how to add one ("A page").

pub mod amount;
mod assets;
pub mod chart;
mod edit_conflict;
pub mod finding_text;
pub mod form;
pub mod format;
mod icons;
pub mod language;
pub mod messages;
pub mod navigation;
pub mod page;
pub mod page_table;
mod pages;
mod problem_page;

use actix_web::http::header::CONTENT_SECURITY_POLICY;
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{ServiceConfig, scope};
use actix_web::{HttpResponse, Responder, get};
use utoipa_swagger_ui::SwaggerUi;

use crate::http::pages::Pages;

/// The documentation page needs its own scripts and styles; the library sets some styles inline.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// What access control must know of the pages.
pub fn pages() -> Pages {
    Pages { routes: &page_table::PAGES, show_problem: problem_page::show }
}

/// Registers the pages and, with `docs`, the API documentation.
pub fn configure(config: &mut ServiceConfig, docs: bool) {
    page_table::configure(config);
    if docs {
        let ui =
            utoipa_swagger_ui::Config::from("/api/openapi.json").try_it_out_enabled(true).persist_authorization(false);
        let policy = DefaultHeaders::new().add((CONTENT_SECURITY_POLICY, DOCS_POLICY));
        let pages = scope("/docs").wrap(policy).service(docs_root).service(SwaggerUi::new("/{_:.*}").config(ui));
        config.service(pages);
    }
}

#[get("")]
async fn docs_root() -> impl Responder {
    HttpResponse::PermanentRedirect().insert_header(("Location", "/docs/")).finish()
}
