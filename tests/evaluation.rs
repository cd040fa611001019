//! `tillsight model evaluate` and `model calibrate` on rendered packages, on bad input, and on real photos if they are
//! available.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "evaluation/calibration.rs"]
mod calibration;
#[path = "evaluation/regions.rs"]
mod regions;
#[path = "evaluation/rendered_packages.rs"]
mod rendered_packages;
#[path = "evaluation/shipped_model.rs"]
mod shipped_model;
#[path = "api/harness/skip.rs"]
mod skip;
#[path = "evaluation/unusable_input.rs"]
mod unusable_input;
#[path = "evaluation/workspace.rs"]
mod workspace;
