//! One type per kind of identifier, so that a store's id cannot be handed in where a kiosk's belongs.
//!
//! All are UUID version 7: they sort by the time of their making, which keeps database indexes compact and gives lists
//! a natural cursor. Those of one process sort in the order of their making even within one millisecond, and while the
//! clock stands still or goes back.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::{ContextV7, Uuid};

use super::Timestamp;

/// Counts within a millisecond.
static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

fn uuid_at(now: Timestamp) -> Uuid {
    let (seconds, nanos) = now.seconds_and_nanos();
    Uuid::new_v7(uuid::Timestamp::from_unix(&CONTEXT, seconds, nanos))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Sorts before every identifier that was ever made.
            pub const NIL: Self = Self(Uuid::nil());

            /// A new identifier made at `now`.
            pub fn at(now: Timestamp) -> Self {
                Self(uuid_at(now))
            }

            /// The bare UUID, for a database or a log.
            pub fn uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// A person with an account: shopper, clerk or admin.
    UserId,
    /// A refresh token; its family shares the id of its first member.
    TokenId,
    /// One counted failure of a login.
    AttemptId,
    /// A shop.
    StoreId,
    /// An enrolled device.
    KioskId,
    /// Something sold.
    ProductId,
    /// One price of a product, valid from its making on.
    PriceId,
    /// One enrolled photo of a product.
    ImageId,
    /// One shopper at one kiosk, from the first item to the receipt.
    SessionId,
    /// A line of a session's bill.
    ItemId,
    /// What was seen in one picture.
    RecognitionId,
    /// A confirmed bill.
    OrderId,
    /// A change of the embedding model.
    SwitchId,
    /// Money taken for an order.
    PaymentId,
    /// A refund or a void of an order.
    RefundId,
    /// A daily closing of a store.
    ZReportId,
    /// What a check of numbers and chains found in a store.
    IntegrityReportId,
    /// What stands for a number whose record is lost.
    PlaceholderId,
    /// One time that something began to be wrong.
    AlertId,
    /// One message about an alert to one sink.
    DeliveryId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_sort_by_the_time_of_their_making() {
        let early = OrderId::at(Timestamp::from_micros(1_000_000_000));
        let late = OrderId::at(Timestamp::from_micros(2_000_000_000));
        assert!(early < late);
        assert!(late < OrderId::at(Timestamp::from_micros(2_000_000_000)));
        assert!(late < OrderId::at(Timestamp::from_micros(1_500_000_000)), "the clock went back");
    }

    #[test]
    fn text_that_is_no_uuid_is_refused() {
        assert!("17".parse::<StoreId>().is_err());
    }
}
