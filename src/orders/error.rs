//! Why an order cannot be made, shown, paid, refunded or voided, or a day not be closed.

use super::idempotency::FromDatabase;
use crate::db::DatabaseError;
use crate::domain::{Currency, InvalidField, Money, OrderId, StoreId};

/// A refusal or failure of the orders service.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// A value that cannot be taken.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// No such order, or one that the caller must not know of.
    #[error("there is no order {0}")]
    NotFound(OrderId),
    /// No such store, or not the caller's.
    #[error("there is no store {0}")]
    StoreNotFound(StoreId),
    /// The store has no closing with this number.
    #[error("the store has no closing number {0}")]
    ClosingNotFound(i64),
    /// A clerk without a store, or a shopper.
    #[error("this account belongs to no store; an admin can assign one with PATCH /api/users/{{id}}")]
    NoStore,
    /// No receipt carries this code, or another shopper has claimed it.
    #[error("no receipt that is still to be claimed carries this code")]
    UnknownCode,
    /// The key was used before, for another request.
    #[error("this Idempotency-Key was used with another request; choose a new key for a new request")]
    KeyReused,
    /// Paying or voiding what is paid.
    #[error("the order is paid; give money back with POST /api/orders/{0}/refunds")]
    AlreadyPaid(OrderId),
    /// Paying or voiding what was paid and given back since.
    #[error(
        "the order {id} is refunded already: {paid} were paid and {refunded} given back; nothing more can be done with it"
    )]
    PaidAndRefunded {
        /// The order.
        id: OrderId,
        /// What was taken for it.
        paid: Money,
        /// What was given back.
        refunded: Money,
    },
    /// Refunding what was given back already, down to the last piece.
    #[error(
        "the order {id} is refunded already: of {paid} that were paid, {refunded} were given back, and nothing is left"
    )]
    NothingLeft {
        /// The order.
        id: OrderId,
        /// What was taken for it.
        paid: Money,
        /// What was given back.
        refunded: Money,
    },
    /// Refunding what was never paid.
    #[error(
        "no payment of the order is recorded, so there is nothing to give back; void it with POST /api/orders/{0}/void"
    )]
    NotPaid(OrderId),
    /// The order was voided.
    #[error("the order {0} is voided: nothing more can be done with it")]
    Voided(OrderId),
    /// The payments are not what is due.
    #[error("the payments add up to {given} minor units, and {due} are due")]
    NotWhatIsDue {
        /// Sum of the payments, in minor units.
        given: i64,
        /// What is due, in minor units.
        due: i64,
    },
    /// Money of another currency.
    #[error("the order is in {}, the request in {}", .due.code(), .given.code())]
    WrongCurrency {
        /// What the request names.
        given: Currency,
        /// What the order is in.
        due: Currency,
    },
    /// More is wanted back than is left.
    #[error("{what}: {wanted} wanted back, {left} left")]
    TooMuch {
        /// Which figure: of the order or of one of its lines.
        what: String,
        /// Pieces or minor units.
        wanted: i64,
        /// Pieces or minor units.
        left: i64,
    },
    /// What is stored of the order holds a value that is none of this program's.
    #[error("what is stored of the order {id} cannot be read: {reason}")]
    Unreadable {
        /// The order.
        id: OrderId,
        /// Which value, and why.
        reason: String,
    },
    /// The operating system gave no random bytes for the claim code.
    #[error("no random bytes: {0}")]
    Randomness(String),
    /// A test made the transaction fail after everything was written.
    #[cfg(feature = "fail-points")]
    #[error("stopped on purpose")]
    Interrupted,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl FromDatabase for OrderError {
    fn database_error(&self) -> Option<&DatabaseError> {
        if let Self::Database(error) = self { Some(error) } else { None }
    }
}
