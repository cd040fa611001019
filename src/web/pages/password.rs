//! Changing one's own password; a one-time password must be changed before anything else.

use actix_web::web::Data;
use askama::Template;

use super::sign_in::{NextQuery, open_session};
use crate::domain::Caller;
use crate::http::Services;
use crate::http::extract::ValidQuery;
use crate::http::problem::Problem;
use crate::web::form::Form;
use crate::web::page::{Page, PageResult, local_address, with_notice};

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
    next: &'a str,
    is_one_time: bool,
}

pub async fn show(page: Page, query: ValidQuery<NextQuery>) -> PageResult {
    let template = PasswordTemplate {
        page: &page,
        form: &Form::empty(),
        next: query.0.address(),
        is_one_time: is_one_time(&page),
    };
    page.render(&template)
}

/// All sessions of the person end; this browser gets a new one.
pub async fn change(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let next = local_address(form.text("next")).unwrap_or("/").to_owned();
    let (current, new) = (form.secret("current_password"), form.secret("new_password"));
    match services.auth.change_password(&caller, &current, &new).await {
        Ok(pair) => open_session(&page, &services, pair, &with_notice(&next, "notice-password-changed")),
        Err(error) => {
            let form = form.refuse(Problem::from(error));
            let template = PasswordTemplate { page: &page, form: &form, next: &next, is_one_time: is_one_time(&page) };
            page.render_with_status(form.status(), &template)
        }
    }
}

fn is_one_time(page: &Page) -> bool {
    page.visitor.as_ref().is_some_and(|visitor| visitor.must_change_password)
}
