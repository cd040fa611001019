//! Discounts on an open bill: given and taken back by the staff, on a line or on the whole bill, always with a reason.

use serde_json::json;

use super::view::SessionView;
use super::{Checkout, CheckoutError};
use crate::db::{audit, billing_items, checkout_sessions};
use crate::domain::{Caller, Discount, ItemId, SessionId, line};

/// Most characters of a reason.
const LONGEST_REASON: usize = 200;

/// A discount and why it is given.
#[derive(Debug, Clone)]
pub struct DiscountRequest {
    /// A rate or an amount.
    pub discount: Discount,
    /// Why.
    pub reason: String,
}

impl Checkout {
    /// Gives a discount in place of the one that there is, or takes it back: on the line `item`, or on the whole bill.
    pub async fn set_discount(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        item: Option<ItemId>,
        given: Option<DiscountRequest>,
    ) -> Result<SessionView, CheckoutError> {
        let given = match given {
            Some(given) => Some((given.discount, line("reason", &given.reason, LONGEST_REASON)?)),
            None => None,
        };
        let kept = given.as_ref().map(|(discount, reason)| (*discount, reason.as_str()));
        let mut tx = self.db.begin().await?;
        self.advance(&mut tx, caller, id, Some(version)).await?;
        match item {
            None => checkout_sessions::set_discount(&mut tx, id, kept).await?,
            Some(item) if billing_items::set_discount(&mut tx, id, item, kept).await? => {}
            Some(item) => return Err(CheckoutError::ItemNotFound(item)),
        }
        let details = json!({
            "item": item,
            "rate_bp": kept.and_then(|(discount, _)| discount.rate()),
            "amount": kept.and_then(|(discount, _)| discount.amount()),
            "reason": kept.map(|(_, reason)| reason),
        });
        let (at, subject) = (self.clock.now(), id.to_string());
        audit::append(&mut tx, audit::AuditEntry { at, caller, action: "session.discount", subject, details }).await?;
        self.finish(tx, id).await
    }
}
