//! The API's tests: a whole server on a real database, a real index and the real model, asked over a real socket.
//!
//! One binary. Every test takes a `TestDatabase` and is listed once in its file's `on_both_databases!`, which runs it on
//! SQLite and on PostgreSQL; a test that is not listed is dead code and fails the lint.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod alert_delivery;
mod alerts;
mod background;
mod catalog;
mod chains;
mod checkout;
mod closings;
mod concurrency;
mod discounts_and_tax;
mod following;
mod harness;
mod index_commands;
mod index_truth;
mod integrity;
mod left_out;
mod model_switch;
mod mypage;
mod numbering;
mod numbering_load;
mod order_life;
mod overload;
mod performance;
mod policy;
mod real_photos;
mod receipts;
mod recognition;
mod renumber;
mod repair;
mod servers;
mod snapshot;
mod stores_and_kiosks;
