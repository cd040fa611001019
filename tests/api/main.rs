//! Tests of the API: a whole server with a real database, index and model, called over a socket.
//!
//! Every test takes a `TestDatabase` and is listed once in its file's `on_both_databases!`, which runs it on SQLite and on
//! PostgreSQL. A test that is not listed is dead code and fails the lint.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod alert_delivery;
mod alerts;
mod articles;
mod audit;
mod automation;
mod background;
mod backups;
mod barcodes_in_pictures;
mod business_days;
mod cash_rounding;
mod catalog;
mod chains;
mod checkout;
mod clips;
mod clock_set_back;
mod closings;
mod concurrency;
mod confidence;
mod discounts_and_tax;
mod doctor;
mod downloads;
mod empty_views;
mod enrolment;
mod floods;
mod harness;
mod import_drafts;
mod import_load;
mod imports;
mod index_commands;
mod index_feed;
mod index_truth;
mod integrity;
mod kept_terms;
mod lockout;
mod model_switch;
mod mypage;
mod number_series;
mod numbering;
mod numbering_load;
mod order_life;
mod overload;
mod pages_access;
mod pages_admin;
mod pages_kiosk;
mod pages_monitoring;
mod pages_schedules;
mod pages_sessions;
mod pages_shopper;
mod password_reset;
mod performance;
mod policy;
mod postgres_outage;
mod queue_load;
mod real_photos;
mod receipts;
mod recognition;
mod renumber;
mod repair;
mod repetition;
mod schedules;
mod servers;
mod settings_and_search;
mod snapshot;
mod staff_calls;
mod statistics;
mod storage;
mod stores_and_kiosks;
mod task_queue;
mod unicode_forms;
mod unsearchable_images;
