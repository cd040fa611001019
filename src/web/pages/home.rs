//! `/`: leads everybody to their own first page.

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::stores::find_newest_store;
use crate::domain::{Caller, Role};
use crate::http::Services;
use crate::http::access_control::identify_visitor;
use crate::http::browser::CookieOwner;
use crate::web::navigation;
use crate::web::page::{Page, PageResult};

/// A person goes to their pages, an admin without a store to the set-up, a kiosk to its screen, a stranger to sign in or, before
/// the first admin has a password, to set one.
pub async fn show(page: Page, request: HttpRequest, services: Data<Services>) -> PageResult {
    for owner in [CookieOwner::Person, CookieOwner::Kiosk] {
        if let Some(visitor) = identify_visitor(&request, &services, owner).await? {
            if visitor.must_change_password {
                return page.redirect("/password");
            }
            let is_admin = visitor.role() == Some(Role::Admin);
            let caller = Caller { actor: visitor.actor, address: None };
            if is_admin && find_newest_store(&services, &caller).await?.is_none() {
                return page.redirect("/setup");
            }
            return page.redirect(navigation::start(&visitor));
        }
    }
    let is_first_start = services.auth.awaits_first_password().await?;
    page.redirect(if is_first_start { "/setup/password" } else { "/login" })
}
