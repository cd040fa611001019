//! Receipts: an order as it is handed to a customer, and how often that was done on paper.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{OrderError, OrderView, Orders, read};
use crate::db::{Reader, audit, orders, receipt_prints, stores};
use crate::domain::{Caller, OrderId, UserId};

/// A receipt.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReceiptView {
    /// The order with its payments and refunds.
    pub order: OrderView,
    /// When it was confirmed, by the clocks of the store.
    #[schema(examples("2026-01-05 13:00:00 +01:00"))]
    pub local_time: String,
    /// The tax in the total, by rate; empty for orders from before tax was recorded.
    pub taxes: Vec<ReceiptTax>,
    /// Times it was put on paper.
    pub prints: i64,
    /// Code with which a shopper makes the order theirs: printed as text and as a QR code.
    pub claim_code: String,
}

/// What is due at one tax rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReceiptTax {
    /// In basis points: 1900 is 19 %.
    pub tax_rate_bp: i64,
    /// Due without the tax, in minor units.
    pub net: i64,
    /// The tax.
    pub tax: i64,
    /// Due with the tax.
    pub gross: i64,
}

impl Orders {
    /// The receipt of an order, for the staff and kiosks of its store. Looking at it is no print.
    pub async fn receipt(&self, caller: &Caller, id: OrderId) -> Result<ReceiptView, OrderError> {
        let mut reader = self.db.snapshot().await?;
        let receipt = receipt(&mut reader, id, None).await?;
        let served = caller.actor.serves(receipt.order.store_id);
        if served { Ok(receipt) } else { Err(OrderError::NotFound(id)) }
    }

    /// The receipt of a shopper's own order.
    pub async fn receipt_own(&self, user: UserId, id: OrderId) -> Result<ReceiptView, OrderError> {
        let mut reader = self.db.snapshot().await?;
        let receipt = receipt(&mut reader, id, Some(user)).await?;
        Ok(ReceiptView { order: receipt.order.without_staff(), ..receipt })
    }

    /// Notes that the receipt is put on paper once more and gives it: `prints` is 1 for the original, more for a copy.
    pub async fn print_receipt(&self, caller: &Caller, id: OrderId) -> Result<ReceiptView, OrderError> {
        let mut tx = self.db.begin().await?;
        let order = self.hold(&mut tx, caller, id).await?;
        let now = self.clock.now();
        let print = receipt_prints::add(&mut tx, id, &caller.actor.label(), now).await?;
        let receipt = receipt(&mut tx, id, None).await?;
        let details = json!({"receipt_number": order.number, "print": print});
        let entry = audit::AuditEntry { at: now, caller, action: "receipt.print", subject: id.to_string(), details };
        audit::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(receipt)
    }
}

async fn receipt(reader: &mut Reader, id: OrderId, owner: Option<UserId>) -> Result<ReceiptView, OrderError> {
    made(reader, id, owner).await.map_err(|error| read::unreadable(id, error))
}

async fn made(reader: &mut Reader, id: OrderId, owner: Option<UserId>) -> Result<ReceiptView, OrderError> {
    let order = orders::find(reader, id, owner).await?.ok_or(OrderError::NotFound(id))?;
    let store = stores::find(reader, order.store_id).await?.ok_or(OrderError::StoreNotFound(order.store_id))?;
    let prints = receipt_prints::count(reader, id).await?;
    let knows_tax = order.hash_version > 1;
    let claim_code = order.claim_code.clone();
    let order = read::assemble(reader, order).await?;
    Ok(ReceiptView {
        local_time: store.time_zone.shown(order.created_at),
        taxes: if knows_tax { taxes(&order) } else { Vec::new() },
        prints,
        claim_code,
        order,
    })
}

/// The tax by rate, lowest rate first.
fn taxes(order: &OrderView) -> Vec<ReceiptTax> {
    let mut rates: Vec<i64> = order.items.iter().map(|item| item.tax_rate_bp).collect();
    rates.sort_unstable();
    rates.dedup();
    let at_rate = |rate: i64| {
        let items = order.items.iter().filter(|item| item.tax_rate_bp == rate);
        let (gross, tax) = items.fold((0, 0), |(gross, tax), item| (gross + item.amount, tax + item.tax));
        ReceiptTax { tax_rate_bp: rate, net: gross - tax, tax, gross }
    };
    rates.into_iter().map(at_rate).collect()
}
