//! Why an order cannot be placed, shown, paid, refunded or voided, or a day cannot be closed.

use crate::db::DatabaseError;
use crate::domain::{Currency, InvalidField, Money, OrderId, Series, StoreId};
use crate::idempotency::{DatabaseCause, IdempotencyError};

/// A refusal or failure of the orders service.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// Also for an order of another store or shopper.
    #[error("No order with id {0} exists.")]
    NotFound(OrderId),
    /// Also for a store that is not the caller's.
    #[error("No store with id {0} exists.")]
    StoreNotFound(StoreId),
    #[error("The store has no closing number {0}.")]
    ClosingNotFound(i64),
    #[error("This account belongs to no store. An admin can assign one with PATCH /api/users/{{id}}.")]
    NoStore,
    /// Also for the receipt of an order that another shopper owns.
    #[error("No receipt that can be claimed carries this code. Check the code on the receipt.")]
    UnknownClaimCode,
    #[error("This Idempotency-Key was already used for another request. Choose a new key for each new request.")]
    KeyReused,
    #[error(
        "The request with this Idempotency-Key was carried out before. Its reply was too large to be kept. Read what it \
         changed; do not send it with another key."
    )]
    ReplyNotKept,
    #[error("The order is already paid. Give money back with POST /api/orders/{0}/refunds.")]
    AlreadyPaid(OrderId),
    #[error("Order {id} was paid ({paid}) and fully refunded ({refunded}). It can no longer be changed.")]
    PaidAndRefunded { id: OrderId, paid: Money, refunded: Money },
    #[error("Order {id} is fully refunded: {refunded} of {paid}. Nothing is left to refund.")]
    NothingLeft { id: OrderId, paid: Money, refunded: Money },
    #[error("The order has no payment, so there is nothing to refund. Void it with POST /api/orders/{0}/void.")]
    NotPaid(OrderId),
    #[error("Order {0} is voided and can no longer be changed.")]
    Voided(OrderId),
    #[error("The payments add up to {paid}, but {due} is due.")]
    AmountMismatch { paid: Money, due: Money },
    #[error("The order is in {}, but the request is in {}.", .due.code(), .requested.code())]
    WrongCurrency { requested: Currency, due: Currency },
    #[error("Line {line}: {requested} pieces were requested, but only {left} can still be refunded.")]
    TooManyPieces { line: i64, requested: i64, left: i64 },
    #[error("Line {line}: {requested} was requested, but only {left} can still be refunded.")]
    LineRefundTooLarge { line: i64, requested: Money, left: Money },
    /// A series begins at a number before its first record, and only once.
    #[error(
        "The {series} numbers of store \"{store}\" already begin at {first} and go on with {next}. The first number is set once, \
         before the first record; later the numbers between would be a gap."
    )]
    SeriesBegun { store: String, series: Series, first: i64, next: i64 },
    #[error("{requested} was requested, but only {left} of the order can still be refunded.")]
    RefundTooLarge { requested: Money, left: Money },
    #[error("The stored record of order {id} cannot be read: {reason}")]
    Unreadable { id: OrderId, reason: String },
    #[error("The operating system gave no random bytes: {0}")]
    Randomness(String),
    /// A test interrupted the transaction after everything was written.
    #[cfg(feature = "fail-points")]
    #[error("interrupted by a fail point")]
    Interrupted,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<IdempotencyError> for OrderError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::KeyReused => Self::KeyReused,
            IdempotencyError::ReplyNotKept => Self::ReplyNotKept,
            IdempotencyError::Database(error) => Self::Database(error),
        }
    }
}

impl DatabaseCause for OrderError {
    fn database_error(&self) -> Option<&DatabaseError> {
        if let Self::Database(error) = self { Some(error) } else { None }
    }
}
