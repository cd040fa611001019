//! tillsight: a till that sees.
//!
//! A kiosk camera posts a picture; the server recognises the products in it, keeps the bill, and turns the bill into an order
//! with a gap-free receipt number. See ARCHITECTURE.md for the map. A module imports only from modules below it in the layers;
//! `tests/architecture.rs` enforces them.

pub mod active_model;
pub mod alerts;
pub mod app;
pub mod atomic_file;
pub mod audit;
pub mod auth;
pub mod automation;
pub mod background;
pub mod backoff;
pub mod backup;
pub mod barcodes;
pub mod catalog;
pub mod checkout;
pub mod cli;
pub mod clock;
pub mod confidence;
pub mod config;
pub mod db;
pub mod demo;
pub mod domain;
pub mod embedding;
pub mod evaluation;
pub mod http;
pub mod idempotency;
pub mod index;
pub mod index_feed;
pub mod integrity;
pub mod last_seen;
pub mod look_alikes;
pub mod models;
pub mod orders;
pub mod performance;
pub mod photo_quality;
pub mod pool;
pub mod product_photos;
pub mod qr_code;
pub mod receipt_page;
pub mod recognition;
pub mod regions;
pub mod statistics;
pub mod storage;
pub mod telemetry;
pub(crate) mod terminal;
pub mod web;
