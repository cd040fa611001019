//! The states of a switch of the embedding model.

use super::text_enum::text_enum;

text_enum! {
    /// State of a model switch.
    SwitchState, "a state of a model switch":
    /// The new model is embedding photos.
    Embedding = "embedding",
    /// At the last count, the new model had embedded every photo on sale.
    Ready = "ready",
    /// The switch is done.
    Active = "active",
    /// The switch was given up.
    Cancelled = "cancelled",
}
