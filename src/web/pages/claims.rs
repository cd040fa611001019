//! Making a receipt or an open bill one's own: by the code of a receipt, by the QR code on paper or on the kiosk's screen.

use actix_web::web::Data;
use askama::Template;
use serde::Deserialize;

use super::mypage::require_user_id;
use crate::checkout::BillChange;
use crate::domain::{Caller, SessionId};
use crate::http::Services;
use crate::http::extract::{ValidPath, ValidQuery};
use crate::http::problem::{Problem, ProblemKind};
use crate::web::form::Form;
use crate::web::page::{Page, PageResult};

#[derive(Template)]
#[template(path = "claim.html")]
struct ClaimTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
}

#[derive(Template)]
#[template(path = "join.html")]
struct JoinTemplate<'a> {
    page: &'a Page,
    form: &'a Form,
    session: SessionId,
}

/// The code that a QR code brings along.
#[derive(Debug, Deserialize)]
pub struct CodeQuery {
    #[serde(default)]
    code: String,
}

pub async fn show_claim(page: Page, query: ValidQuery<CodeQuery>) -> PageResult {
    let form = Form::filled([("claim", query.0.code)]);
    page.render(&ClaimTemplate { page: &page, form: &form })
}

pub async fn claim(page: Page, caller: Caller, services: Data<Services>, form: Form) -> PageResult {
    let shopper = require_user_id(&caller)?;
    match services.orders.claim_order(&caller, shopper, form.text("claim"), Some(form.key())).await {
        Ok(reply) => match reply.body.get("id").and_then(serde_json::Value::as_str) {
            Some(id) => page.redirect_with_notice(&format!("/mypage/orders/{id}"), "notice-claimed"),
            None => page.redirect_with_notice("/mypage", "notice-claimed"),
        },
        Err(error) => {
            let problem = Problem::from(error);
            // At the field, and in other words than "there is nothing here".
            let problem = if problem.kind() == ProblemKind::NotFound {
                let detail = "claim: This code is on no receipt, or another shopper has it. Check what you typed.";
                Problem::new(ProblemKind::InvalidField, detail).with("field", "claim")
            } else {
                problem
            };
            let form = form.refuse(problem);
            page.render_with_status(form.status(), &ClaimTemplate { page: &page, form: &form })
        }
    }
}

pub async fn show_join(page: Page, session: ValidPath<SessionId>) -> PageResult {
    page.render(&JoinTemplate { page: &page, form: &Form::empty(), session: session.0 })
}

pub async fn join(
    page: Page,
    caller: Caller,
    services: Data<Services>,
    session: ValidPath<SessionId>,
    form: Form,
) -> PageResult {
    let shopper = require_user_id(&caller)?;
    let change = BillChange { caller: &caller, session: session.0, version: None, key: Some(form.key()) };
    match services.checkout.join_session(shopper, &change).await {
        Ok(_) => page.redirect_with_notice("/mypage", "notice-joined"),
        Err(error) => {
            let form = form.refuse(error);
            page.render_with_status(form.status(), &JoinTemplate { page: &page, form: &form, session: session.0 })
        }
    }
}
