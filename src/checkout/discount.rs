//! Discounts on an open bill: staff set and remove them, on a line or on the whole bill, always with a reason.

use serde_json::json;

use super::{BillChange, Checkout, CheckoutError};
use crate::db::checkout_sessions::SessionRow;
use crate::db::{Tx, audit, billing_items, checkout_sessions};
use crate::domain::{Discount, ItemId, parse_line};
use crate::idempotency::Reply;

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
        change: &BillChange<'_>,
        item: Option<ItemId>,
        request: Option<DiscountRequest>,
    ) -> Result<Reply, CheckoutError> {
        let discount = match request {
            Some(request) => Some((request.discount, parse_line("reason", &request.reason, REASON_LENGTH_MAX)?)),
            None => None,
        };
        let discount = discount.as_ref().map(|(discount, reason)| (*discount, reason.as_str()));
        let details = json!({
            "item": item,
            "rate_bp": discount.and_then(|(discount, _)| discount.rate()),
            "amount": discount.and_then(|(discount, _)| discount.amount()),
            "reason": discount.map(|(_, reason)| reason),
        });
        let request = change.request("discount", &details);
        let set = async |tx: &mut Tx, session: &SessionRow| {
            match item {
                None => checkout_sessions::set_discount(tx, session.id, discount).await?,
                Some(item) if billing_items::set_discount(tx, session.id, item, discount).await? => {}
                Some(item) => return Err(CheckoutError::ItemNotFound(item)),
            }
            let (at, subject, mut details) = (self.clock.now(), session.id.to_string(), details.clone());
            details["currency"] = json!(session.currency);
            let entry = audit::AuditEntry { at, caller: change.caller, action: "session.discount", subject, details };
            Ok(audit::append(tx, entry).await?)
        };
        self.change_bill(change, &request, set).await
    }
}
