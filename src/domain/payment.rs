//! How money changes hands, and where an order stands.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A type of one word each: as it is sent, stored and printed.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal: $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {$(
            $(#[$variant_doc])*
            $variant,
        )+}

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that is stored and sent.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(word: String) -> Result<Self, String> {
                match word.as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!(concat!("\"{}\" is no ", $what), word)),
                }
            }
        }
    };
}

words! {
    /// How money was taken or given back.
    PaymentMethod, "payment method":
    /// Coins and notes.
    Cash = "cash",
    /// A debit or credit card at a terminal.
    Card = "card",
    /// An app on a telephone.
    Wallet = "wallet",
    /// A voucher or gift card of the store.
    Voucher = "voucher",
    /// From account to account.
    Transfer = "transfer",
    /// Anything else; the reference says what.
    Other = "other",
}

words! {
    /// Where an order stands. Derived from the records that are linked to it; the order itself never changes.
    OrderState, "state of an order":
    /// It has its number; no payment is recorded.
    Confirmed = "confirmed",
    /// Paid in full.
    Paid = "paid",
    /// A part of the money was given back.
    PartlyRefunded = "partly_refunded",
    /// All of the money was given back.
    Refunded = "refunded",
    /// Cancelled before it was paid.
    Voided = "voided",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_word_is_the_one_that_is_sent() {
        for state in OrderState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(OrderState::try_from(state.as_str().to_owned()), Ok(*state));
        }
        for method in PaymentMethod::ALL {
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
            assert_eq!(PaymentMethod::try_from(method.as_str().to_owned()), Ok(*method));
        }
        assert!(PaymentMethod::try_from("shells".to_owned()).unwrap_err().contains("shells"));
    }
}
