//! The audit log: who did what, to what, when.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::audit::{AuditPage, AuditSearch};
use crate::domain::Timestamp;
use crate::http::Services;
use crate::http::extract::{ValidQuery, check_page_limit};
use crate::http::problem::Problem;

/// Filters of the audit log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Only what this person did: a username, or `user:<id>`, `kiosk:<id>`, `system`, `command line`.
    actor: Option<String>,
    /// Only this action, or all whose name begins with it: `product` finds `product.create` and `product.change`.
    action: Option<String>,
    /// Only changes of the thing with this id.
    subject: Option<String>,
    /// Only records of this time or later (RFC 3339).
    from: Option<Timestamp>,
    /// Only records before this time (RFC 3339).
    to: Option<Timestamp>,
    /// Entries on the page. Default: 20.
    #[param(minimum = 1)]
    limit: Option<i64>,
    /// `next_cursor` of the previous page.
    #[param(minimum = 1)]
    cursor: Option<i64>,
}

/// List the audit log, newest first.
#[utoipa::path(tag = "monitoring", params(AuditQuery),
    responses((status = 200, body = AuditPage, description = "A page of the audit log")))]
#[get("/api/audit")]
pub async fn list(services: Data<Services>, query: ValidQuery<AuditQuery>) -> Result<impl Responder, Problem> {
    let AuditQuery { actor, action, subject, from, to, limit, cursor } = query.0;
    let limit = check_page_limit(limit, services.limits.page)?;
    let search = AuditSearch { actor, action, subject, from, to, before: cursor, limit };
    Ok(HttpResponse::Ok().json(services.audit.list(search).await?))
}
