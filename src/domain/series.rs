//! The four number series of a store, each 1, 2, 3 … with a hash chain of its own.

use super::text_enum::text_enum;

text_enum! {
    /// A number series of a store.
    Series, "a number series":
    /// Receipts.
    Order = "order",
    /// Payments.
    Payment = "payment",
    /// Refunds and voids.
    Refund = "refund",
    /// Daily closings.
    Closing = "closing",
}
