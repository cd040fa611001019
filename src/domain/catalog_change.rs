//! The kinds of entries in the log of catalog changes.

use super::text_enum::text_enum;

text_enum! {
    /// What the index does with the photos of a change.
    ChangeKind, "a kind of catalog change":
    Add = "add",
    Remove = "remove",
}
