//! What a store numbers: four series, each 1, 2, 3 … with a hash chain of its own.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A series of numbers of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Series {
    /// Receipts.
    Order,
    /// Money that was taken.
    Payment,
    /// Refunds and voids.
    Refund,
    /// Daily closings.
    Closing,
}

impl Series {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Order, Self::Payment, Self::Refund, Self::Closing];

    /// The word that is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Closing => "closing",
        }
    }

    /// Reads the word that is stored and sent.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|series| series.as_str() == word)
    }
}
