//! Pages embedded in the binary: no build step, no other host.
//!
//! Today: the home page, the API documentation and the receipt to print. May import `config` only.

pub mod receipt;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{ServiceConfig, scope};
use actix_web::{HttpResponse, Responder, get};
use utoipa_swagger_ui::SwaggerUi;

const HOME: &str = include_str!("assets/home.html");
/// The demo's catalogue, drawn by `demo::packages`.
const CATALOGUE_PICTURE: &[u8] = include_bytes!("assets/catalogue.jpg");
/// SHA-256 of the style sheet in [`HOME`], which the page's policy allows. A test compares the two.
const HOME_STYLE: &str = "sha256-gIXYVON23YCwRkRBAyzJwT1OkTs2QowGvdCVJjYZvas=";

/// The documentation page needs its own scripts and styles; the library sets some styles inline.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Registers the home page and, with `docs`, the API documentation.
pub fn configure(config: &mut ServiceConfig, docs: bool) {
    config.service(home).service(catalogue_picture);
    if docs {
        let ui =
            utoipa_swagger_ui::Config::from("/api/openapi.json").try_it_out_enabled(true).persist_authorization(false);
        let policy = DefaultHeaders::new().add((CONTENT_SECURITY_POLICY, DOCS_POLICY));
        let pages = scope("/docs").wrap(policy).service(docs_root).service(SwaggerUi::new("/{_:.*}").config(ui));
        config.service(pages);
    }
}

#[get("/")]
async fn home() -> impl Responder {
    let policy = format!(
        "default-src 'none'; style-src '{HOME_STYLE}'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .body(HOME)
}

#[get("/assets/catalogue.jpg")]
async fn catalogue_picture() -> impl Responder {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "image/jpeg"))
        .insert_header((CACHE_CONTROL, "public, max-age=86400"))
        .body(CATALOGUE_PICTURE)
}

#[get("")]
async fn docs_root() -> impl Responder {
    HttpResponse::PermanentRedirect().insert_header(("Location", "/docs/")).finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use sha2::{Digest, Sha256};

    #[test]
    fn the_policy_allows_the_pages_style_sheet() {
        let style = HOME.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
        assert_eq!(HOME_STYLE, format!("sha256-{hash}"));
    }
}
