//! Receipts: an order as the customer gets it, and the count of its prints.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::amounts::taxes_by_rate;
use super::queries::{load_records, name_unreadable_order};
use super::{OrderError, OrderView, Orders};
use crate::db::{Reader, audit, orders, receipt_prints};
use crate::domain::{Caller, OrderId, TimeZone, UserId};
use crate::idempotency::{IdempotentRequest, retry_key_race};

/// A receipt.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReceiptView {
    /// With its payments and refunds.
    pub order: OrderView,
    /// When the order was confirmed, in the store's time zone at that time; in UTC if the order was made before the time zone was
    /// kept with it.
    #[schema(examples("2026-01-05 13:00:00 +01:00"))]
    pub local_time: String,
    /// The tax in the total by rate; empty for orders from before tax was recorded.
    pub taxes: Vec<ReceiptTax>,
    /// How often the receipt was printed.
    pub prints: i64,
    /// Code with which a shopper claims the order, printed as text and as a QR code.
    pub claim_code: String,
}

/// A receipt that was put on paper.
#[derive(Debug, Clone)]
pub struct PrintedReceipt {
    pub receipt: ReceiptView,
    /// Whether the print was counted by an earlier request with the same Idempotency-Key.
    pub replayed: bool,
}

/// The amounts at one tax rate, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceiptTax {
    /// In basis points: 1900 is 19 %.
    pub tax_rate_bp: i64,
    /// Without the tax.
    pub net: i64,
    pub tax: i64,
    /// With the tax.
    pub gross: i64,
}

impl Orders {
    /// For the staff and kiosks of the order's store. Does not count as a print.
    pub async fn get_receipt(&self, caller: &Caller, id: OrderId) -> Result<ReceiptView, OrderError> {
        let receipt = load_receipt(&mut self.db.snapshot().await?, id, None).await?;
        let is_served = caller.actor.serves(receipt.order.store_id);
        if is_served { Ok(receipt) } else { Err(OrderError::NotFound(id)) }
    }

    /// The receipt of a shopper's own order, without the names of the staff.
    pub async fn get_shopper_receipt(&self, shopper: UserId, id: OrderId) -> Result<ReceiptView, OrderError> {
        let receipt = load_receipt(&mut self.db.snapshot().await?, id, Some(shopper)).await?;
        Ok(ReceiptView { order: receipt.order.without_staff(), ..receipt })
    }

    /// Counts a print and returns the receipt; `prints` is 1 for the original and more for a copy. Under a known
    /// Idempotency-Key it is the print that was counted then.
    pub async fn print_receipt(
        &self,
        caller: &Caller,
        id: OrderId,
        key: Option<&str>,
    ) -> Result<PrintedReceipt, OrderError> {
        let request = IdempotentRequest::new("receipt.print", caller, key, &id.to_string());
        retry_key_race(async || {
            let mut tx = self.db.begin().await?;
            let order = self.lock_order(&mut tx, caller, id).await?;
            if let Some(reply) = request.find_reply(&mut tx).await? {
                let receipt = load_receipt(&mut tx, id, None).await?;
                let prints = reply.body.as_i64().unwrap_or(receipt.prints);
                return Ok(PrintedReceipt { receipt: ReceiptView { prints, ..receipt }, replayed: true });
            }
            let now = self.clock.now().max(order.created_at);
            let print = receipt_prints::add(&mut tx, id, &caller.actor.label(), now).await?;
            let receipt = load_receipt(&mut tx, id, None).await?;
            request.store_reply(&mut tx, &print, now).await?;
            let details = json!({"receipt_number": order.number, "print": print});
            let entry =
                audit::AuditEntry { at: now, caller, action: "receipt.print", subject: id.to_string(), details };
            audit::append(&mut tx, entry).await?;
            tx.commit().await?;
            Ok(PrintedReceipt { receipt, replayed: false })
        })
        .await
    }
}

async fn load_receipt(reader: &mut Reader, id: OrderId, owner: Option<UserId>) -> Result<ReceiptView, OrderError> {
    build_receipt(reader, id, owner).await.map_err(|error| name_unreadable_order(id, error))
}

async fn build_receipt(reader: &mut Reader, id: OrderId, owner: Option<UserId>) -> Result<ReceiptView, OrderError> {
    let order = orders::find(reader, id, owner).await?.ok_or(OrderError::NotFound(id))?;
    let prints = receipt_prints::count(reader, id).await?;
    // Version 1 did not record tax.
    let knows_tax = order.hash_version > 1;
    let claim_code = order.claim_code.clone();
    let records = load_records(reader, order).await?;
    let taxes = if knows_tax { taxes_by_rate(&records.items, records.order.prices_include_tax) } else { Vec::new() };
    let time_zone = records.order.time_zone.clone().unwrap_or_else(TimeZone::utc);
    let local_time = time_zone.format_local(records.order.created_at);
    Ok(ReceiptView { order: OrderView::from(records), local_time, taxes, prints, claim_code })
}
