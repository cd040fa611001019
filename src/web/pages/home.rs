//! `/`: leads everybody to their own first page.

use actix_web::HttpRequest;
use actix_web::web::Data;

use crate::http::Services;
use crate::http::access_control::identify_visitor;
use crate::http::browser::CookieOwner;
use crate::web::navigation;
use crate::web::page::{Page, PageResult};

/// A person goes to their pages, a kiosk to its screen, a stranger to sign in or, before the first admin has a password, to
/// set one.
pub async fn show(page: Page, request: HttpRequest, services: Data<Services>) -> PageResult {
    for owner in [CookieOwner::Person, CookieOwner::Kiosk] {
        if let Some(visitor) = identify_visitor(&request, &services, owner).await? {
            let start = if visitor.must_change_password { "/password" } else { navigation::start(&visitor) };
            return page.redirect(start);
        }
    }
    let is_first_start = services.auth.awaits_first_password().await?;
    page.redirect(if is_first_start { "/setup/password" } else { "/login" })
}
