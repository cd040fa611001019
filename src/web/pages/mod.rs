//! The handlers of the pages, one file per subject. Each reads from top to bottom: templates, then handlers.

pub(super) mod home;
pub(super) mod password;
pub(super) mod preferences;
pub(super) mod setup;
pub(super) mod sign_in;
