//! Discounts on an open bill: staff set and remove them, on a line or on the whole bill, always with a reason.

use serde_json::json;

use super::view::SessionView;
use super::{Checkout, CheckoutError};
use crate::db::{audit, billing_items, checkout_sessions};
use crate::domain::{Caller, Discount, ItemId, SessionId, parse_line};

const REASON_LENGTH_MAX: usize = 200;

/// A discount and its reason.
#[derive(Debug, Clone)]
pub struct DiscountRequest {
    pub discount: Discount,
    pub reason: String,
}

impl Checkout {
    /// Sets the discount on the line `item`, or on the whole bill, in place of the present one. Without a request the
    /// discount is removed.
    pub async fn set_discount(
        &self,
        caller: &Caller,
        id: SessionId,
        version: i64,
        item: Option<ItemId>,
        request: Option<DiscountRequest>,
    ) -> Result<SessionView, CheckoutError> {
        let discount = match request {
            Some(request) => Some((request.discount, parse_line("reason", &request.reason, REASON_LENGTH_MAX)?)),
            None => None,
        };
        let discount = discount.as_ref().map(|(discount, reason)| (*discount, reason.as_str()));
        let mut tx = self.db.begin().await?;
        self.advance_session(&mut tx, caller, id, Some(version)).await?;
        match item {
            None => checkout_sessions::set_discount(&mut tx, id, discount).await?,
            Some(item) if billing_items::set_discount(&mut tx, id, item, discount).await? => {}
            Some(item) => return Err(CheckoutError::ItemNotFound(item)),
        }
        let details = json!({
            "item": item,
            "rate_bp": discount.and_then(|(discount, _)| discount.rate()),
            "amount": discount.and_then(|(discount, _)| discount.amount()),
            "reason": discount.map(|(_, reason)| reason),
        });
        let (at, subject) = (self.clock.now(), id.to_string());
        audit::append(&mut tx, audit::AuditEntry { at, caller, action: "session.discount", subject, details }).await?;
        self.commit_bill(tx, id).await
    }
}
