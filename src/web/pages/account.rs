//! One's own account: password, language, and its end.

use actix_web::web::Data;
use askama::Template;

use crate::domain::{Caller, Role};
use crate::http::Services;
use crate::http::browser::CookieOwner;
use crate::http::problem::Problem;
use crate::web::form::Form;
use crate::web::page::{Page, PageResult, with_notice};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountTemplate<'a> {
    page: &'a Page,
    is_shopper: bool,
}

#[derive(Template)]
#[template(path = "account_delete.html")]
struct DeleteTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
}

pub async fn show(page: Page) -> PageResult {
    let is_shopper = page.visitor.as_ref().and_then(|visitor| visitor.role()) == Some(Role::User);
    page.render(&AccountTemplate { page: &page, is_shopper })
}

pub async fn show_delete(page: Page) -> PageResult {
    page.render(&DeleteTemplate { page: &page, form: &Form::empty() })
}

/// Deletes the account and takes the session out of the browser.
pub async fn delete(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    match services.auth.delete_own_account(&caller, &form.secret("current_password")).await {
        Ok(()) => {
            let address = with_notice("/login", "notice-account-deleted");
            match CookieOwner::Person.make_removal(page.transport) {
                Some(cookie) => page.redirect_with_cookie(&address, &cookie),
                None => page.redirect(&address),
            }
        }
        Err(error) => {
            let form = form.refuse(Problem::from(error));
            page.render_with_status(form.status(), &DeleteTemplate { page: &page, form: &form })
        }
    }
}
