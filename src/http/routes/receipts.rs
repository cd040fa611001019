//! Receipts, as JSON and as a page to print. Every print at the till is counted; all but the first are marked as copies.

use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder, get, post};

use super::mypage::require_user_id;
use crate::domain::{Caller, Currency, Money, OrderId};
use crate::http::Services;
use crate::http::extract::{OptionalIdempotencyKey, ValidPath};
use crate::http::problem::Problem;
use crate::http::transport::public_address;
use crate::orders::{OrderItemView, PrintedReceipt, ReceiptView};
use crate::receipt_page::{self, AmountRow, ReceiptLine, ReceiptPage, Seller};

/// Get the receipt of an order.
///
/// This does not count as a print.
#[utoipa::path(tag = "orders", params(("id" = OrderId, Path)),
    responses((status = 200, body = ReceiptView, description = "The receipt")))]
#[get("/api/orders/{id}/receipt")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<OrderId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.get_receipt(&caller, id.0).await?))
}

/// Print a receipt: a page with a QR code to claim the order.
///
/// Each call counts as a print; all but the first are marked as copies. With the Idempotency-Key of an earlier call, it is
/// that print once more.
#[utoipa::path(tag = "orders",
    params(("id" = OrderId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = String, content_type = "text/html", description = "The page to print")))]
#[post("/api/orders/{id}/receipt/prints")]
pub async fn print(
    request: HttpRequest,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
    key: OptionalIdempotencyKey,
) -> Result<impl Responder, Problem> {
    print_page(&request, &services, &caller, id.0, key.as_deref()).await
}

/// The page to print, counted as a print.
pub async fn print_page(
    request: &HttpRequest,
    services: &Services,
    caller: &Caller,
    id: OrderId,
    key: Option<&str>,
) -> Result<HttpResponse, Problem> {
    let PrintedReceipt { receipt, replayed } = services.orders.print_receipt(caller, id, key).await?;
    let copy = (receipt.prints > 1).then(|| format!("COPY {}", receipt.prints - 1));
    let mut response = HttpResponse::Created();
    if replayed {
        response.insert_header(super::REPLAYED);
    }
    let address = claim_address(request, services, &receipt.claim_code);
    render_page(response, &receipt, copy, address)
}

/// Get the receipt of one of your orders.
#[utoipa::path(tag = "mypage", params(("id" = OrderId, Path)),
    responses((status = 200, body = ReceiptView, description = "The receipt")))]
#[get("/api/mypage/orders/{id}/receipt")]
pub async fn show_own(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.orders.get_shopper_receipt(require_user_id(&caller)?, id.0).await?))
}

/// Get the receipt of one of your orders as a page to print, marked as the customer's copy.
#[utoipa::path(tag = "mypage", params(("id" = OrderId, Path)),
    responses((status = 200, body = String, content_type = "text/html", description = "The page to print")))]
#[get("/api/mypage/orders/{id}/receipt/page")]
pub async fn page_own(
    request: HttpRequest,
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<OrderId>,
) -> Result<impl Responder, Problem> {
    let receipt = services.orders.get_shopper_receipt(require_user_id(&caller)?, id.0).await?;
    let address = claim_address(&request, &services, &receipt.claim_code);
    render_page(HttpResponse::Ok(), &receipt, Some("CUSTOMER'S COPY".to_owned()), address)
}

fn render_page(
    mut response: actix_web::HttpResponseBuilder,
    receipt: &ReceiptView,
    copy: Option<String>,
    claim_address: Option<String>,
) -> Result<HttpResponse, Problem> {
    let html = receipt_page(receipt, copy, claim_address).render_html().map_err(|error| Problem::internal(&error))?;
    Ok(response
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, receipt_page::CONTENT_SECURITY_POLICY))
        .body(html))
}

/// The page on which a shopper claims the receipt, for the QR code.
fn claim_address(request: &HttpRequest, services: &Services, code: &str) -> Option<String> {
    public_address(request, services, &format!("/claim?code={code}"))
}

/// Formats everything as text, so that the template decides nothing.
fn receipt_page(receipt: &ReceiptView, copy: Option<String>, claim_address: Option<String>) -> ReceiptPage {
    let order = &receipt.order;
    let money = |amount: i64| Money { amount, currency: order.currency }.to_string();
    let payments = order.payments.iter().flat_map(|payment| {
        let rounding = (payment.rounding != 0).then(|| AmountRow::new("cash rounding", money(payment.rounding)));
        let paid = AmountRow::new(payment.method.as_str(), money(payment.amount + payment.rounding));
        let tendered = payment.tendered.map(|tendered| AmountRow::new("given", money(tendered)));
        let change = payment.change.map(|change| AmountRow::new("change", money(change)));
        [rounding, Some(paid), tendered, change].into_iter().flatten()
    });
    let refunds = order.refunds.iter().flat_map(|refund| {
        // A void pays no money back, so it has no method.
        let method = refund.method.map(|method| format!(" ({})", method.as_str())).unwrap_or_default();
        let label = format!("{} {}{method}: {}", refund.kind, refund.refund_number, refund.reason);
        let rounded = (refund.rounding != 0).then(|| {
            let paid_back = AmountRow::new("paid back in cash", money(-refund.amount - refund.rounding));
            [AmountRow::new("cash rounding", money(-refund.rounding)), paid_back]
        });
        std::iter::once(AmountRow::new(label, money(-refund.amount))).chain(rounded.into_iter().flatten())
    });
    let taxes = receipt.taxes.iter().map(|tax| {
        AmountRow::new(format!("tax {} of {}", format_percent(tax.tax_rate_bp), money(tax.net)), money(tax.tax))
    });
    let bill_discount: i64 = order.items.iter().map(|item| item.bill_discount).sum();
    let discount = (bill_discount > 0).then(|| {
        let reason = order.discount_reason.as_deref().unwrap_or_default();
        AmountRow::new(format!("discount: {reason}"), money(-bill_discount))
    });
    let seller = order.store_name.clone().map(|name| Seller {
        name,
        address: order.store_address.clone(),
        tax_number: order.store_tax_number.clone(),
    });
    ReceiptPage {
        seller,
        number: order.receipt_number,
        time: receipt.local_time.clone(),
        state: order.state.as_str().replace('_', " "),
        copy,
        lines: order.items.iter().map(|item| receipt_line(item, order.currency)).collect(),
        discount,
        total: money(order.total),
        taxes: taxes.collect(),
        tax_note: if order.prices_include_tax { "prices include tax" } else { "tax on top of prices" },
        taxes_included: order.prices_include_tax,
        payments: payments.collect(),
        refunds: refunds.collect(),
        claim_code: receipt.claim_code.clone(),
        claim_address,
        hash: order.hash.clone(),
    }
}

fn receipt_line(item: &OrderItemView, currency: Currency) -> ReceiptLine {
    let money = |amount: i64| Money { amount, currency }.to_string();
    let discount = (item.discount > 0).then(|| {
        let reason = item.discount_reason.as_deref().unwrap_or_default();
        AmountRow::new(format!("discount: {reason}"), money(-item.discount))
    });
    ReceiptLine {
        quantity: item.quantity,
        name: item.product_name.clone(),
        unit_price: money(item.unit_price),
        total: money(item.line_total),
        discount,
    }
}

/// `19 %`, `7.5 %`.
fn format_percent(basis_points: i64) -> String {
    let (whole, part) = (basis_points / 100, basis_points % 100);
    match part {
        0 => format!("{whole} %"),
        _ => format!("{whole}.{} %", format!("{part:02}").trim_end_matches('0')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_formatted_as_percentages() {
        assert_eq!(
            (format_percent(1_900).as_str(), format_percent(750).as_str(), format_percent(825).as_str()),
            ("19 %", "7.5 %", "8.25 %")
        );
        assert_eq!((format_percent(5).as_str(), format_percent(0).as_str()), ("0.05 %", "0 %"));
    }
}
