//! Why an order cannot be made or shown.

use crate::domain::{OrderId, StoreId};
use crate::store::StoreError;

/// A refusal or failure of the orders service.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// No such order, or one that the caller must not know of.
    #[error("there is no order {0}")]
    NotFound(OrderId),
    /// No such store, or not the caller's.
    #[error("there is no store {0}")]
    StoreNotFound(StoreId),
    /// A clerk without a store, or a shopper.
    #[error("this account belongs to no store; an admin can assign one with PATCH /api/users/{{id}}")]
    NoStore,
    /// No receipt carries this code, or another shopper has claimed it.
    #[error("no receipt that is still to be claimed carries this code")]
    UnknownCode,
    /// The operating system gave no random bytes for the claim code.
    #[error("no random bytes: {0}")]
    Randomness(String),
    /// A test made the transaction fail after everything was written.
    #[cfg(feature = "fail-points")]
    #[error("stopped on purpose")]
    Interrupted,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
