//! One type per kind of identifier, so that a store's id cannot be passed for a kiosk's.
//!
//! All are UUIDs of version 7, which sort by the time of their creation: database indexes stay compact, and lists have a
//! natural cursor. Ids of one process sort in the order of their creation even within a millisecond, or if the clock goes
//! back; [`sort_new_ids_after`] extends that to what earlier processes made.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::{ContextV7, Uuid};

use super::Timestamp;

/// Counts the ids of a millisecond.
static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

fn generate_uuid(now: Timestamp) -> Uuid {
    let (seconds, nanos) = now.seconds_and_nanos();
    Uuid::new_v7(uuid::Timestamp::from_unix(&CONTEXT, seconds, nanos))
}

/// Makes every id of this process sort after `newest`, though the clock may have been set back since that was made.
pub fn sort_new_ids_after(newest: Uuid) {
    let Some((seconds, nanos)) = newest.get_timestamp().map(|time| time.to_unix()) else { return };
    let next = Timestamp::from_micros(0).plus_seconds(i64::try_from(seconds).unwrap_or(0));
    let next = Timestamp::from_micros(next.micros().saturating_add(i64::from(nanos) / 1_000));
    // The counter of the next millisecond begins; the context never goes back to an earlier one.
    generate_uuid(next.after(next));
}

/// A text is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identifier is written as 0197f0a1-2b3c-7d4e-8f90-123456789abc")]
pub struct InvalidId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Sorts before every generated id.
            pub const NIL: Self = Self(Uuid::nil());

            pub fn generate(now: Timestamp) -> Self {
                Self(generate_uuid(now))
            }

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
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId)
            }
        }
    )+};
}

ids! {
    /// A person with an account: shopper, clerk or admin.
    UserId,
    /// A refresh token; its family shares the id of its first member.
    TokenId,
    /// A failed sign-in.
    AttemptId,
    StoreId,
    KioskId,
    ProductId,
    /// One price of a product.
    PriceId,
    /// One enrolled photo of a product.
    ImageId,
    /// A checkout session.
    SessionId,
    /// A line of a bill.
    ItemId,
    /// The evidence of one recognition.
    RecognitionId,
    OrderId,
    /// A switch of the embedding model.
    SwitchId,
    PaymentId,
    /// A refund or void of an order.
    RefundId,
    /// A daily closing.
    ZReportId,
    IntegrityReportId,
    /// The void placeholder of a lost record.
    PlaceholderId,
    AlertId,
    /// A message about an alert to one sink.
    DeliveryId,
    /// A task of the automation.
    TaskId,
    /// A row of the queue: one stage of one item of a task.
    JobId,
    /// A line of a task's log.
    TaskLogId,
    /// When a task runs.
    ScheduleId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_of_their_creation() {
        let early = OrderId::generate(Timestamp::from_micros(1_000_000_000));
        let late = OrderId::generate(Timestamp::from_micros(2_000_000_000));
        assert!(early < late);
        assert!(late < OrderId::generate(Timestamp::from_micros(2_000_000_000)));
        assert!(late < OrderId::generate(Timestamp::from_micros(1_500_000_000)), "the clock went back");
    }

    #[test]
    fn ids_sort_after_those_of_an_earlier_process() {
        let newest = Uuid::new_v7(uuid::Timestamp::from_unix(ContextV7::new(), 4_000_000_000, 0));
        sort_new_ids_after(newest);
        assert!(OrderId::generate(Timestamp::from_micros(2_000_000_000)).uuid() > newest);
    }

    #[test]
    fn text_that_is_not_a_uuid_is_refused() {
        assert!("17".parse::<StoreId>().is_err());
    }
}
