//! The switches of language and theme, which every page has. A choice stays in the browser.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

use crate::http::transport::Transport;
use crate::web::form::Form;
use crate::web::language::{LANGUAGE_COOKIE, Language};
use crate::web::page::{Page, PageResult, THEME_COOKIE, Theme, local_address};

const DAYS: i64 = 400;

/// Keeps the choice and leads back.
pub async fn change(page: Page, form: Form) -> PageResult {
    let back = local_address(form.text("return_to")).unwrap_or("/");
    let (name, value) = if let Some(language) = Language::from_tag(form.text("language")) {
        (LANGUAGE_COOKIE, language.tag())
    } else if let Some(theme) = Theme::from_name(form.text("theme")) {
        (THEME_COOKIE, theme.name())
    } else {
        return page.redirect(back);
    };
    let cookie = Cookie::build(name, value).path("/").same_site(SameSite::Lax).http_only(true);
    let cookie = cookie.secure(page.transport == Transport::Secure).max_age(Duration::days(DAYS)).finish();
    page.redirect_with_cookie(back, &cookie)
}
