//! The handlers of the pages, one file per subject. Each reads from top to bottom: templates, then handlers.

pub(super) mod account;
pub(super) mod alerts;
pub(super) mod audit;
pub(super) mod background;
pub(super) mod claims;
pub(super) mod closings;
pub(super) mod dashboard;
pub(super) mod home;
pub(super) mod kiosk;
pub(super) mod models;
pub(super) mod mypage;
pub(super) mod numbering;
pub(super) mod order;
pub(super) mod orders;
pub(super) mod password;
pub(super) mod people;
pub(super) mod preferences;
pub(super) mod product;
pub(super) mod products;
pub(super) mod search;
pub(super) mod settings;
pub(super) mod setup;
pub(super) mod sign_in;
pub(super) mod stores;
