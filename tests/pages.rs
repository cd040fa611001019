//! The pages in a browser: headless Chromium, driven over its own protocol, against a whole server per test.
//!
//! The tests are skipped by name where Chromium is missing; `deploy/setup.sh --tests` installs it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "pages/browser.rs"]
mod browser;
#[path = "pages/camera.rs"]
mod camera;
#[path = "pages/devtools.rs"]
mod devtools;
#[expect(dead_code, reason = "the tests of accessibility and the screenshots use the rest")]
mod filled_shop;
#[path = "api/harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests of the API use the rest")]
mod harness;
#[path = "pages/kiosk.rs"]
mod kiosk;
#[path = "pages/kiosk_decisions.rs"]
mod kiosk_decisions;
#[path = "pages/kiosk_help.rs"]
mod kiosk_help;
#[path = "pages/kiosk_shop.rs"]
mod kiosk_shop;
#[path = "pages/page_weight.rs"]
mod page_weight;
#[path = "pages/tasks.rs"]
mod tasks;
#[path = "pages/walk.rs"]
mod walk;
