//! Maps errors of checkout and orders to problems.

use serde_json::json;

use super::{Problem, ProblemKind};
use crate::checkout::CheckoutError;
use crate::orders::OrderError;

impl From<CheckoutError> for Problem {
    fn from(error: CheckoutError) -> Self {
        let detail = error.to_string();
        match error {
            CheckoutError::Invalid(invalid) => invalid.into(),
            CheckoutError::NotFound(_)
            | CheckoutError::StoreNotFound(_)
            | CheckoutError::ItemNotFound(_)
            | CheckoutError::NotOnSale { .. } => Self::new(ProblemKind::NotFound, detail),
            CheckoutError::StaleVersion { current, revisions, .. } => {
                let changes: Vec<_> = revisions
                    .iter()
                    .map(|row| {
                        json!({"product_name": row.product_name, "field": row.field, "from": row.old_value,
                            "to": row.new_value})
                    })
                    .collect();
                Self::new(ProblemKind::StaleVersion, detail).with("current_version", current).with("changes", changes)
            }
            CheckoutError::Confirmed { order, receipt_number } => Self::new(ProblemKind::SessionClosed, detail)
                .with("order_id", order.to_string())
                .with("receipt_number", receipt_number),
            CheckoutError::Closed(_) | CheckoutError::Idle(_) => Self::new(ProblemKind::SessionClosed, detail),
            CheckoutError::HasOtherShopper => Self::new(ProblemKind::Taken, detail),
            CheckoutError::Empty => Self::new(ProblemKind::EmptyBill, detail),
            CheckoutError::UnsellableItems(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| json!({"item_id": item.id, "product_name": item.product_name, "reason": item.problem}))
                    .collect();
                Self::new(ProblemKind::UnsellableItems, detail).with("items", items)
            }
            CheckoutError::TotalTooLarge => Self::new(ProblemKind::InvalidField, detail).with("field", "total"),
            CheckoutError::KeyReused => Self::new(ProblemKind::KeyReused, detail),
            CheckoutError::ReplyNotKept => Self::new(ProblemKind::ReplyNotKept, detail),
            CheckoutError::Recognition(error) => error.into(),
            CheckoutError::Order(error) => error.into(),
            CheckoutError::Database(error) => error.into(),
        }
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Invalid(invalid) => invalid.into(),
            OrderError::NotFound(_)
            | OrderError::StoreNotFound(_)
            | OrderError::ClosingNotFound(_)
            | OrderError::UnknownClaimCode => Self::new(ProblemKind::NotFound, error.to_string()),
            OrderError::NoStore => Self::new(ProblemKind::Forbidden, error.to_string()),
            OrderError::KeyReused => Self::new(ProblemKind::KeyReused, error.to_string()),
            OrderError::ReplyNotKept => Self::new(ProblemKind::ReplyNotKept, error.to_string()),
            OrderError::AlreadyPaid(_) => Self::new(ProblemKind::OrderPaid, error.to_string()),
            OrderError::PaidAndRefunded { refunded, .. } => {
                Self::new(ProblemKind::OrderPaid, error.to_string()).with("refunded", refunded.amount)
            }
            OrderError::NothingLeft { refunded, .. } => Self::new(ProblemKind::RefundTooLarge, error.to_string())
                .with("left", 0)
                .with("refunded", refunded.amount),
            OrderError::NotPaid(_) => Self::new(ProblemKind::OrderNotPaid, error.to_string()),
            OrderError::Voided(_) => Self::new(ProblemKind::OrderVoided, error.to_string()),
            OrderError::AmountMismatch { due, .. } => {
                Self::new(ProblemKind::AmountMismatch, error.to_string()).with("due", due.amount)
            }
            OrderError::WrongCurrency { due, .. } => {
                Self::new(ProblemKind::WrongCurrency, error.to_string()).with("currency", due.code())
            }
            OrderError::TooManyPieces { left, .. } => {
                Self::new(ProblemKind::RefundTooLarge, error.to_string()).with("left", left)
            }
            OrderError::LineRefundTooLarge { left, .. } | OrderError::RefundTooLarge { left, .. } => {
                Self::new(ProblemKind::RefundTooLarge, error.to_string()).with("left", left.amount)
            }
            OrderError::SeriesBegun { first, .. } => {
                Self::new(ProblemKind::SeriesBegun, error.to_string()).with("first_number", first)
            }
            OrderError::Unreadable { id, .. } => {
                tracing::error!(order.id = %id, %error, "a stored order cannot be read");
                let detail = format!(
                    "The stored record of order {id} cannot be read. The server's log names the value; \
                     `tillsight numbering check --deep` lists every such record."
                );
                Self::new(ProblemKind::UnreadableRecord, detail)
            }
            OrderError::Randomness(_) => Self::internal(&error),
            #[cfg(feature = "fail-points")]
            OrderError::Interrupted => Self::internal(&error),
            OrderError::Database(error) => error.into(),
        }
    }
}
