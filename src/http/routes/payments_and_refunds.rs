//! Payments, refunds and the void of a confirmed order.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{Responder, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::idempotent_reply;
use crate::domain::{Caller, Currency, OrderId, PaymentMethod};
use crate::http::Services;
use crate::http::extract::{IdempotencyKey, JsonBody, ValidPath};
use crate::http::problem::Problem;
use crate::orders::{OrderView, RefundLineRequest, RefundRequest, RefundView, Tender};

/// The payments of an order. They must add up to the amount due.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pay {
    /// Must be the order's currency.
    currency: Currency,
    /// One entry per payment method, 1 to 20.
    #[schema(min_items = 1, max_items = 20)]
    payments: Vec<TenderBody>,
}

/// One payment of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenderBody {
    method: PaymentMethod,
    /// In minor units.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, examples(1250))]
    amount: i64,
    /// Cash received, in minor units; the receipt shows the change. Only for cash.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, examples(2000))]
    tendered: Option<i64>,
    /// The terminal's or provider's reference, at most 100 characters. Never a card number.
    #[schema(max_length = 100)]
    reference: Option<String>,
}

/// A refund of an order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// Must be the order's currency.
    currency: Currency,
    /// How the money is paid back.
    method: PaymentMethod,
    /// The terminal's or provider's reference, at most 100 characters.
    #[schema(max_length = 100)]
    reference: Option<String>,
    /// At most 200 characters.
    #[schema(min_length = 1, max_length = 200, examples("broken seal"))]
    reason: String,
    /// The lines to refund. Default: everything that is left.
    #[schema(min_items = 1)]
    lines: Option<Vec<RefundLine>>,
}

/// A refund of one line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundLine {
    /// Number of the line in the order.
    line: i64,
    /// Pieces returned; 0 or absent if only money is refunded.
    #[serde(default)]
    #[schema(minimum = 0)]
    quantity: i64,
    /// In minor units. Default: computed from the pieces.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64)]
    amount: Option<i64>,
}

/// The reason for a void.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Void {
    /// At most 200 characters.
    #[schema(min_length = 1, max_length = 200, examples("shopper left"))]
    reason: String,
}

/// Record the payment of an order in full, by one method or several.
///
/// Send the same Idempotency-Key when you try again.
#[utoipa::path(tag = "orders", request_body = Pay,
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = OrderView, description = "The paid order")))]
#[post("/api/orders/{id}/payments")]
pub async fn pay(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
    key: IdempotencyKey,
    body: JsonBody<Pay>,
) -> Result<impl Responder, Problem> {
    let Pay { currency, payments } = body.0;
    let tender =
        |TenderBody { method, amount, tendered, reference }: TenderBody| Tender { method, amount, tendered, reference };
    let tenders = payments.into_iter().map(tender).collect();
    Ok(idempotent_reply(
        StatusCode::CREATED,
        services.orders.pay_order(&caller, id.0, currency, tenders, &key.0).await?,
    ))
}

/// Refund a paid order: pieces of its lines, an amount without pieces, or all that is left.
///
/// The server computes the amounts and never refunds more than was paid. Send the same Idempotency-Key when you try
/// again.
#[utoipa::path(tag = "orders", request_body = Refund,
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = RefundView, description = "The refund")))]
#[post("/api/orders/{id}/refunds")]
pub async fn refund(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
    key: IdempotencyKey,
    body: JsonBody<Refund>,
) -> Result<impl Responder, Problem> {
    let Refund { currency, method, reference, reason, lines } = body.0;
    let line_request = |RefundLine { line, quantity, amount }: RefundLine| RefundLineRequest { line, quantity, amount };
    let lines = lines.map(|lines| lines.into_iter().map(line_request).collect());
    let request = RefundRequest { currency, method, reference, reason, lines };
    Ok(idempotent_reply(StatusCode::CREATED, services.orders.refund_order(&caller, id.0, request, &key.0).await?))
}

/// Void an order that has no payment.
///
/// Refund a paid one instead. Send the same Idempotency-Key when you try again.
#[utoipa::path(tag = "orders", request_body = Void,
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = RefundView, description = "The void")))]
#[post("/api/orders/{id}/void")]
pub async fn void(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
    key: IdempotencyKey,
    body: JsonBody<Void>,
) -> Result<impl Responder, Problem> {
    Ok(idempotent_reply(StatusCode::CREATED, services.orders.void_order(&caller, id.0, &body.0.reason, &key.0).await?))
}
