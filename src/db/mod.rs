//! The database: PostgreSQL or an embedded SQLite, behind one [`Database`].
//!
//! A use case that writes is one [`Tx`]: the service that began it commits it last, and dropping it rolls back. A use case
//! that only reads has a [`Reader`], which functions that write do not accept and on which the database refuses to write.
//! Every SQL text is a constant that both databases run; the macro [`run_query!`] runs it on the one that is open. Lookups
//! return `Option`: a missing row is not an error here. Only this module names `sqlx`.
//!
//! Invariants: SQLite has exactly one connection that writes, and its transactions begin with `BEGIN IMMEDIATE`; inference,
//! hashing and network calls never happen while a [`Tx`] is open.

pub mod account_removal;
pub mod actor_names;
pub mod alert_deliveries;
pub mod alerts;
pub mod audit;
pub mod bill_revisions;
pub mod billing_items;
pub mod blobs;
pub mod catalog_changes;
pub mod catalog_confidences;
mod change_listener;
pub mod checkout_sessions;
mod column_types;
pub mod confirmation_sql;
mod database;
mod database_copy;
mod deadline;
mod error;
#[cfg(feature = "fail-points")]
mod failure_injection;
pub mod idempotency_keys;
pub mod integrity_reports;
pub mod kiosk_empty_views;
pub mod kiosks;
pub mod known_addresses;
pub mod last_seen;
pub mod leases;
mod like_pattern;
pub mod login_failures;
mod migrations;
pub mod model_switches;
pub mod newest_id;
pub mod number_checks;
pub mod number_repairs;
pub mod number_series;
mod order_items;
pub mod order_performance;
pub mod orders;
pub mod payments;
mod pools;
mod private_folder;
pub mod product_images;
pub mod products;
mod query;
mod reader;
pub mod receipt_prints;
pub mod recognition_counts;
pub mod recognitions;
pub mod refresh_tokens;
pub mod refunds;
pub mod running_servers;
pub mod sales;
pub mod sales_statistics;
pub mod seals;
pub mod staff_calls;
pub mod store_scope;
mod stored_names;
pub mod stores;
pub mod task_items;
pub mod task_logs;
pub mod task_overview;
pub mod task_queue;
pub mod task_schedules;
pub mod tasks;
pub mod thumbnails;
mod tx;
pub mod users;
pub mod void_placeholders;
pub mod z_reports;

pub use change_listener::{ChangeListener, Channel};
pub use database::{Backend, Database};
pub use database_copy::export_snapshot;
pub use error::DatabaseError;
pub use migrations::MigrationState;
pub use pools::sqlite_file;
pub(crate) use query::run_query;
pub use reader::Reader;
pub use tx::Tx;
