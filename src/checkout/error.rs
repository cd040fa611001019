//! Why a bill cannot be changed or confirmed.

use super::pricing::PriceProblem;
use crate::db::DatabaseError;
use crate::db::bill_revisions::BillRevisionRow;
use crate::domain::{InvalidField, ItemId, OrderId, RevisedField, SessionId, SessionStatus, StoreId};
use crate::idempotency::{DatabaseCause, IdempotencyError};
use crate::orders::OrderError;
use crate::recognition::RecognitionError;

/// Products that the error text names; more are counted.
const NAMED_ITEMS_MAX: usize = 5;

/// A refusal or failure of the checkout service.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    /// Also for a session of another store.
    #[error("No session with id {0} exists.")]
    NotFound(SessionId),
    /// Also for a store that is not the caller's.
    #[error("No store with id {0} exists.")]
    StoreNotFound(StoreId),
    #[error("The bill has no item with id {0}.")]
    ItemNotFound(ItemId),
    /// `by` is "id" or "barcode".
    #[error("No product on sale has the {by} {value}.")]
    NotOnSale { by: &'static str, value: String },
    #[error(
        "The session is at version {current}, but the request is for version {requested}. Read the bill again first: if it \
         already has your change, do not send the change a second time.{}", list_revisions(.revisions)
    )]
    StaleVersion {
        requested: i64,
        current: i64,
        /// What the catalog changed on the bill meanwhile.
        revisions: Vec<BillRevisionRow>,
    },
    #[error(
        "The session is confirmed: its bill is receipt {receipt_number}, order {order}. Do not enter its items again. For \
         another purchase, open another session."
    )]
    Confirmed { order: OrderId, receipt_number: i64 },
    #[error("The session is {0} and can no longer be changed. Open another one.")]
    Closed(SessionStatus),
    #[error("The session was idle for more than {0} s and has ended. Open another one.")]
    Idle(i64),
    #[error("Another shopper has joined this session. Open another one.")]
    HasOtherShopper,
    #[error("The bill is empty. Add an item before confirming.")]
    Empty,
    #[error("Items on the bill cannot be sold: {}. Remove them, or ask an admin to set their price.", list_items(.0))]
    UnsellableItems(Vec<UnsellableItem>),
    #[error("The total is larger than {} minor units. Split the bill.", crate::domain::Money::AMOUNT_MAX)]
    TotalTooLarge,
    #[error("This Idempotency-Key was already used for another request. Choose a new key for each new request.")]
    KeyReused,
    #[error(
        "The request with this Idempotency-Key was carried out before. Its reply was too large to be kept. Read what it \
         changed; do not send it with another key."
    )]
    ReplyNotKept,
    #[error(transparent)]
    Recognition(#[from] RecognitionError),
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// An item that blocks the confirmation.
#[derive(Debug, Clone)]
pub struct UnsellableItem {
    pub id: ItemId,
    pub product_name: String,
    pub problem: PriceProblem,
}

impl CheckoutError {
    /// Whether the server or its database is at fault, and not the request.
    pub fn is_server_fault(&self) -> bool {
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
            | Self::Confirmed { .. }
            | Self::Closed(_)
            | Self::Idle(_)
            | Self::HasOtherShopper
            | Self::Empty
            | Self::UnsellableItems(_)
            | Self::TotalTooLarge
            | Self::KeyReused
            | Self::ReplyNotKept
            | Self::Recognition(_)
            | Self::Order(_) => false,
        }
    }
}

impl From<IdempotencyError> for CheckoutError {
    fn from(error: IdempotencyError) -> Self {
        match error {
            IdempotencyError::KeyReused => Self::KeyReused,
            IdempotencyError::ReplyNotKept => Self::ReplyNotKept,
            IdempotencyError::Database(error) => Self::Database(error),
        }
    }
}

impl DatabaseCause for CheckoutError {
    fn database_error(&self) -> Option<&DatabaseError> {
        if let Self::Database(error) | Self::Order(OrderError::Database(error)) = self { Some(error) } else { None }
    }
}

/// ` Meanwhile the catalogue changed: Bread costs 2.50 EUR now and had no price before; Milk was taken off sale.`
fn list_revisions(revisions: &[BillRevisionRow]) -> String {
    if revisions.is_empty() {
        return String::new();
    }
    let clause = |row: &BillRevisionRow| {
        let BillRevisionRow { product_name, field, old_value: _, new_value } = row;
        match (field, new_value.as_str()) {
            (RevisedField::OnSale, "true") => format!("{product_name} is on sale again"),
            (RevisedField::OnSale, _) => format!("{product_name} was taken off sale"),
            (RevisedField::Price, _) => format!("{product_name} costs {new_value} now and had no price before"),
        }
    };
    let named: Vec<String> = revisions.iter().take(NAMED_ITEMS_MAX).map(clause).collect();
    format!(" Meanwhile the catalogue changed: {}{}.", named.join("; "), count_more(revisions.len()))
}

/// ` and 3 more` of `count`, if not all are named.
fn count_more(count: usize) -> String {
    match count.saturating_sub(NAMED_ITEMS_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}

/// `Milk (unpriced), Bread (not-on-sale) and 3 more`.
fn list_items(items: &[UnsellableItem]) -> String {
    let named = items.iter().take(NAMED_ITEMS_MAX);
    let named: Vec<String> = named.map(|item| format!("{} ({})", item.product_name, item.problem)).collect();
    format!("{}{}", named.join(", "), count_more(items.len()))
}
