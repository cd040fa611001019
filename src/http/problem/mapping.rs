//! Which service error is which problem. Every match is exhaustive.

use serde_json::json;

use super::{Kind, Problem};
use crate::alerts::AlertError;
use crate::checkout::CheckoutError;
use crate::db::DatabaseError;
use crate::integrity::{IntegrityError, RepairError};
use crate::orders::OrderError;

/// Seconds after which a client may try again when the database cannot be reached.
const DATABASE_RETRY_S: u64 = 3;
/// Seconds after which a till may try again where somebody must repair a counter first.
const COUNTER_RETRY_S: u64 = 60;
/// Seconds after which a client may ask for a check again while another one goes on.
const CHECK_RETRY_S: u64 = 5;
/// Seconds after which a client may try again when a queue is full: the queues drain in well under a second.
pub(super) const OVERLOAD_RETRY_S: u64 = 1;

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(_) | DatabaseError::TimedOut(_) | DatabaseError::Contended => {
                tracing::error!(error = %error, "database unavailable");
                Self::new(Kind::Unavailable, "the database did not answer in time; nothing was changed, try again")
                    .retry_after(DATABASE_RETRY_S)
            }
            DatabaseError::Unsettled(_) => {
                tracing::error!(error = %error, "database lost at a commit");
                let detail = "the database was lost in the moment of writing: whether the change was made is not known. Look \
                              before you send it again; a request with an Idempotency-Key can be sent again as it is";
                Self::new(Kind::Unavailable, detail)
            }
            DatabaseError::Full => {
                tracing::error!(error = %error, "disk full");
                Self::new(Kind::DiskFull, "the disk is full: nothing was changed; reading and recognition go on")
            }
            DatabaseError::UniqueViolation(_) if error.is_number_there() => {
                tracing::error!(error = %error, "a counter stands behind its records");
                let detail = "a counter of this store stands behind its records, so that the next number is there already; \
                              nothing was changed. An admin must look: `tillsight numbering check`";
                Self::new(Kind::Unavailable, detail).retry_after(COUNTER_RETRY_S)
            }
            DatabaseError::UniqueViolation(_) => {
                Self::new(Kind::Taken, "another request made the same thing at the same time")
            }
            DatabaseError::Dangling => {
                Self::new(Kind::NotFound, "something that this request names does not exist any more")
            }
            DatabaseError::Unexpected(_) => Self::internal(&error),
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
            | OrderError::UnknownCode => Self::new(Kind::NotFound, error.to_string()),
            OrderError::NoStore => Self::new(Kind::Forbidden, error.to_string()),
            OrderError::KeyReused => Self::new(Kind::KeyReused, error.to_string()),
            OrderError::AlreadyPaid(_) => Self::new(Kind::OrderPaid, error.to_string()),
            OrderError::PaidAndRefunded { refunded, .. } => {
                Self::new(Kind::OrderPaid, error.to_string()).with("refunded", refunded.amount)
            }
            OrderError::NothingLeft { refunded, .. } => {
                Self::new(Kind::RefundTooLarge, error.to_string()).with("left", 0).with("refunded", refunded.amount)
            }
            OrderError::NotPaid(_) => Self::new(Kind::OrderNotPaid, error.to_string()),
            OrderError::Voided(_) => Self::new(Kind::OrderVoided, error.to_string()),
            OrderError::NotWhatIsDue { due, .. } => Self::new(Kind::AmountMismatch, error.to_string()).with("due", due),
            OrderError::WrongCurrency { due, .. } => {
                Self::new(Kind::WrongCurrency, error.to_string()).with("currency", due.code())
            }
            OrderError::TooMuch { left, .. } => Self::new(Kind::RefundTooLarge, error.to_string()).with("left", left),
            OrderError::Unreadable { id, .. } => {
                tracing::error!(order.id = %id, error = %error, "a stored order cannot be read");
                let detail = format!(
                    "what is stored of the order {id} cannot be read; the server's log says which value it is, and \
                     `tillsight numbering check --deep` finds every such record"
                );
                Self::new(Kind::UnreadableRecord, detail)
            }
            OrderError::Randomness(_) => Self::internal(&error),
            #[cfg(feature = "fail-points")]
            OrderError::Interrupted => Self::internal(&error),
            OrderError::Database(error) => error.into(),
        }
    }
}

impl From<AlertError> for Problem {
    fn from(error: AlertError) -> Self {
        match error {
            AlertError::NotFiring(_) => Self::new(Kind::NotFound, error.to_string()),
            AlertError::Database(error) => error.into(),
        }
    }
}

impl From<IntegrityError> for Problem {
    fn from(error: IntegrityError) -> Self {
        match error {
            IntegrityError::StoreNotFound(_) => Self::new(Kind::NotFound, error.to_string()),
            IntegrityError::Busy => Self::new(Kind::Overloaded, error.to_string()).retry_after(CHECK_RETRY_S),
            IntegrityError::Database(error) => error.into(),
        }
    }
}

impl From<RepairError> for Problem {
    fn from(error: RepairError) -> Self {
        match error {
            RepairError::Invalid(invalid) => invalid.into(),
            RepairError::StoreNotFound(_) => Self::new(Kind::NotFound, error.to_string()),
            RepairError::Fiscal(_)
            | RepairError::TooManyMissing { .. }
            | RepairError::TooManyRecords(_)
            | RepairError::Closed { .. }
            | RepairError::HasPlaceholders { .. }
            | RepairError::Copied { .. }
            | RepairError::Unsealable { .. } => Self::new(Kind::RepairRefused, error.to_string()),
            RepairError::Database(error) => error.into(),
        }
    }
}

impl From<CheckoutError> for Problem {
    fn from(error: CheckoutError) -> Self {
        let detail = error.to_string();
        match error {
            CheckoutError::Invalid(invalid) => invalid.into(),
            CheckoutError::NotFound(_)
            | CheckoutError::StoreNotFound(_)
            | CheckoutError::ItemNotFound(_)
            | CheckoutError::NotOnSale { .. } => Self::new(Kind::NotFound, detail),
            CheckoutError::StaleVersion { current, .. } => {
                Self::new(Kind::StaleVersion, detail).with("current_version", current)
            }
            CheckoutError::Closed(_) | CheckoutError::Idle(_) => Self::new(Kind::SessionClosed, detail),
            CheckoutError::Joined => Self::new(Kind::Taken, detail),
            CheckoutError::Empty => Self::new(Kind::EmptyBill, detail),
            CheckoutError::BlockingLine(lines) => {
                let lines: Vec<_> = lines
                    .iter()
                    .map(|line| json!({"item_id": line.item, "product_name": line.product_name, "reason": line.reason}))
                    .collect();
                Self::new(Kind::UnsellableItems, detail).with("items", lines)
            }
            CheckoutError::TotalTooLarge => Self::new(Kind::InvalidField, detail).with("field", "total"),
            CheckoutError::Recognition(error) => error.into(),
            CheckoutError::Order(error) => error.into(),
            CheckoutError::Database(error) => error.into(),
        }
    }
}
