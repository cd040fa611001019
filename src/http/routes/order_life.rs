//! What happens to an order after its confirmation: payment, refund, void.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{Responder, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::created_once;
use crate::domain::{Caller, Currency, OrderId, PaymentMethod};
use crate::http::Services;
use crate::http::extract::{IdempotencyKey, JsonBody, ValidPath};
use crate::http::problem::{Problem, ProblemBody};
use crate::orders::{OrderView, RefundLineRequest, RefundRequest, RefundView, Tender};

/// How an order was paid: together exactly what is due.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pay {
    /// The order's currency; another one is refused.
    currency: Currency,
    /// One entry for each way of paying, 1 to 20.
    payments: Vec<TenderBody>,
}

/// One way in which a part of an order was paid.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenderBody {
    /// How.
    method: PaymentMethod,
    /// Minor units.
    #[schema(examples(1250))]
    amount: i64,
    /// Cash that was handed over; the receipt shows the change. Only for cash.
    #[schema(examples(2000))]
    tendered: Option<i64>,
    /// What the terminal or provider calls it, at most 100 characters. Never a card's number.
    reference: Option<String>,
}

/// What to give back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refund {
    /// The order's currency; another one is refused.
    currency: Currency,
    /// How the money is given back.
    method: PaymentMethod,
    /// What the terminal or provider calls it, at most 100 characters.
    reference: Option<String>,
    /// Why, at most 200 characters.
    #[schema(examples("broken seal"))]
    reason: String,
    /// What comes back; everything that is left where it is left out.
    lines: Option<Vec<RefundLine>>,
}

/// What comes back of one line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundLine {
    /// The order's line.
    line: i64,
    /// Pieces that come back; 0 (or left out) where only money is given back.
    #[serde(default)]
    quantity: i64,
    /// Minor units; reckoned from the pieces where it is left out.
    amount: Option<i64>,
}

/// Why an order is cancelled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Void {
    /// At most 200 characters.
    #[schema(examples("shopper left"))]
    reason: String,
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(pay).service(refund).service(void);
}

/// Record that the order was paid, in full: in one way or several. Send the same Idempotency-Key when you try again.
#[utoipa::path(tag = "orders", security(("bearer" = [])), request_body = Pay,
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = OrderView), (status = 400, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
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
    Ok(created_once(services.orders.pay(&caller, id.0, currency, tenders, &key.0).await?))
}

/// Give money of a paid order back: pieces of its lines, money without pieces, or all that is left. The server reckons
/// the amounts; more than was paid is never given back. Send the same Idempotency-Key when you try again.
#[utoipa::path(tag = "orders", security(("bearer" = [])), request_body = Refund,
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = RefundView), (status = 400, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/api/orders/{id}/refunds")]
pub async fn refund(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
    key: IdempotencyKey,
    body: JsonBody<Refund>,
) -> Result<impl Responder, Problem> {
    let Refund { currency, method, reference, reason, lines } = body.0;
    let wanted = |RefundLine { line, quantity, amount }: RefundLine| RefundLineRequest { line, quantity, amount };
    let lines = lines.map(|lines| lines.into_iter().map(wanted).collect());
    let request = RefundRequest { currency, method, reference, reason, lines };
    Ok(created_once(services.orders.refund(&caller, id.0, request, &key.0).await?))
}

/// Cancel an order of which no payment is recorded. A paid one is refunded instead. Send the same Idempotency-Key when
/// you try again.
#[utoipa::path(tag = "orders", security(("bearer" = [])), request_body = Void,
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = RefundView), (status = 400, body = ProblemBody), (status = 404, body = ProblemBody),
        (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
#[post("/api/orders/{id}/void")]
pub async fn void(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
    key: IdempotencyKey,
    body: JsonBody<Void>,
) -> Result<impl Responder, Problem> {
    Ok(created_once(services.orders.void(&caller, id.0, &body.0.reason, &key.0).await?))
}
