//! Discounts on an open bill, given by staff.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{Responder, delete, put};
use serde::Deserialize;
use utoipa::ToSchema;

use super::idempotent_reply;
use super::sessions::{VersionQuery, bill_change};
use crate::checkout::{DiscountRequest, SessionView};
use crate::domain::{Caller, Discount, InvalidField, ItemId, SessionId};
use crate::http::Services;
use crate::http::extract::{JsonBody, OptionalIdempotencyKey, ValidPath, ValidQuery};
use crate::http::problem::Problem;

/// A discount: `rate_bp` or `amount`, and the reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetDiscount {
    /// The session's version that the client has read.
    version: i64,
    /// A rate in basis points, 1 to 10000: 1000 is 10 %.
    #[schema(minimum = 1, maximum = 10_000, examples(1000))]
    rate_bp: Option<i64>,
    /// Or an amount in minor units, at least 1. A discount never exceeds the amount due, even if the bill becomes smaller
    /// later: `taken_off` in the reply is the effective amount.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    amount: Option<i64>,
    /// Printed on the receipt; at most 200 characters.
    #[schema(min_length = 1, max_length = 200, examples("dented box"))]
    reason: String,
}

impl SetDiscount {
    fn into_request(self) -> Result<DiscountRequest, InvalidField> {
        Ok(DiscountRequest { discount: Discount::parse(self.rate_bp, self.amount)?, reason: self.reason })
    }
}

/// Set a discount on the whole bill.
///
/// It is distributed over the lines, after their own discounts. `discount.taken_off` in the reply is the effective
/// amount; a discount never exceeds the amount due.
#[utoipa::path(tag = "checkout", request_body = SetDiscount,
    params(("id" = SessionId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SessionView, description = "The session with the discount")))]
#[put("/api/sessions/{id}/discount")]
pub async fn set_on_bill(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<SessionId>,
    key: OptionalIdempotencyKey,
    body: JsonBody<SetDiscount>,
) -> Result<impl Responder, Problem> {
    let change = bill_change(&caller, id.0, Some(body.0.version), &key);
    let reply = services.checkout.set_discount(&change, None, Some(body.0.into_request()?)).await?;
    Ok(idempotent_reply(StatusCode::OK, reply))
}

/// Remove the discount on the whole bill.
#[utoipa::path(tag = "checkout",
    params(("id" = SessionId, Path), VersionQuery, ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SessionView, description = "The session without the discount")))]
#[delete("/api/sessions/{id}/discount")]
pub async fn remove_from_bill(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<SessionId>,
    query: ValidQuery<VersionQuery>,
    key: OptionalIdempotencyKey,
) -> Result<impl Responder, Problem> {
    let change = bill_change(&caller, id.0, Some(query.0.version), &key);
    Ok(idempotent_reply(StatusCode::OK, services.checkout.set_discount(&change, None, None).await?))
}

/// Set a discount on a line.
///
/// `discount.taken_off` of the line in the reply is the effective amount; a discount never exceeds the line's price.
#[utoipa::path(tag = "checkout", request_body = SetDiscount,
    params(("id" = SessionId, Path), ("item_id" = ItemId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SessionView, description = "The session with the discount")))]
#[put("/api/sessions/{id}/items/{item_id}/discount")]
pub async fn set_on_item(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(SessionId, ItemId)>,
    key: OptionalIdempotencyKey,
    body: JsonBody<SetDiscount>,
) -> Result<impl Responder, Problem> {
    let (id, item) = path.0;
    let change = bill_change(&caller, id, Some(body.0.version), &key);
    let reply = services.checkout.set_discount(&change, Some(item), Some(body.0.into_request()?)).await?;
    Ok(idempotent_reply(StatusCode::OK, reply))
}

/// Remove the discount on a line.
#[utoipa::path(tag = "checkout",
    params(("id" = SessionId, Path), ("item_id" = ItemId, Path), VersionQuery,
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SessionView, description = "The session without the discount")))]
#[delete("/api/sessions/{id}/items/{item_id}/discount")]
pub async fn remove_from_item(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(SessionId, ItemId)>,
    query: ValidQuery<VersionQuery>,
    key: OptionalIdempotencyKey,
) -> Result<impl Responder, Problem> {
    let (id, item) = path.0;
    let change = bill_change(&caller, id, Some(query.0.version), &key);
    Ok(idempotent_reply(StatusCode::OK, services.checkout.set_discount(&change, Some(item), None).await?))
}
