//! Why a bill cannot be changed or confirmed.

use crate::db::DatabaseError;
use crate::domain::{InvalidField, ItemId, SessionId, SessionStatus, StoreId};
use crate::orders::OrderError;
use crate::orders::idempotency::FromDatabase;
use crate::recognition::RecognitionError;

/// A refusal or failure of the checkout service.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// A value that cannot be taken.
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// No such session, or one of another store.
    #[error("there is no session {0}")]
    NotFound(SessionId),
    /// No such store, or not the caller's.
    #[error("there is no store {0}")]
    StoreNotFound(StoreId),
    /// The bill has no such line.
    #[error("the bill has no item {0}")]
    ItemNotFound(ItemId),
    /// Nothing on sale has this id or barcode.
    #[error("no product on sale has the {by} {value}")]
    NotOnSale {
        /// `id` or `barcode`.
        by: &'static str,
        /// What was asked for.
        value: String,
    },
    /// The session has moved on since the client read it.
    #[error("the session is at version {current}, the request is about version {asked}; read it again and repeat")]
    StaleVersion {
        /// What the client knows.
        asked: i64,
        /// What is so.
        current: i64,
    },
    /// The session was confirmed or cancelled.
    #[error("the session is {0} and can no longer be changed; open another one")]
    Closed(SessionStatus),
    /// The session was left alone for too long.
    #[error("the session was idle for more than {0} s and is over; open another one")]
    Idle(i64),
    /// Another shopper has joined it.
    #[error("another shopper has joined this session")]
    Joined,
    /// Confirming nothing.
    #[error("there is nothing on the bill")]
    Empty,
    /// Lines that have no price in the store's currency, or whose product is no longer sold.
    #[error("{} on the bill cannot be sold: {}", .0.len(), summary(.0))]
    BlockingLine(Vec<BlockingLine>),
    /// The sum is past what money can hold.
    #[error("the total is larger than {} minor units", crate::domain::Money::LARGEST)]
    TotalTooLarge,
    /// The picture could not be looked at.
    #[error(transparent)]
    Recognition(#[from] RecognitionError),
    /// The order could not be made.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl CheckoutError {
    /// Whether the server or its database is at fault, and not what was asked for.
    pub fn is_ours(&self) -> bool {
        match self {
            Self::Database(DatabaseError::ForeignKeyViolation)
            | Self::Order(OrderError::Database(DatabaseError::ForeignKeyViolation)) => false,
            Self::Database(_) | Self::Order(OrderError::Database(_) | OrderError::Randomness(_)) => true,
            #[cfg(feature = "fail-points")]
            Self::Order(OrderError::Interrupted) => true,
            Self::Invalid(_)
            | Self::NotFound(_)
            | Self::StoreNotFound(_)
            | Self::ItemNotFound(_)
            | Self::NotOnSale { .. }
            | Self::StaleVersion { .. }
            | Self::Closed(_)
            | Self::Idle(_)
            | Self::Joined
            | Self::Empty
            | Self::BlockingLine(_)
            | Self::TotalTooLarge
            | Self::Recognition(_)
            | Self::Order(_) => false,
        }
    }
}

/// A line that blocks the confirmation.
#[derive(Debug, Clone)]
pub struct BlockingLine {
    /// The line.
    pub item: ItemId,
    /// The product's name.
    pub product_name: String,
    /// `unpriced`, `other-currency` or `not-on-sale`.
    pub reason: &'static str,
}

fn summary(lines: &[BlockingLine]) -> String {
    let named: Vec<String> =
        lines.iter().take(5).map(|line| format!("{} ({})", line.product_name, line.reason)).collect();
    named.join(", ")
}

impl FromDatabase for CheckoutError {
    fn database_error(&self) -> Option<&DatabaseError> {
        if let Self::Database(error) | Self::Order(OrderError::Database(error)) = self { Some(error) } else { None }
    }
}
