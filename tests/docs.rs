//! The documentation against what it documents: the data model against the migrations, settings, commands, metrics and
//! problem types against the program, `compose.yaml` against itself, links and file names against the tree, and the lengths that the pages are held to.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "docs/command_lines.rs"]
mod command_lines;
#[path = "docs/compose.rs"]
mod compose;
#[path = "docs/data_model.rs"]
mod data_model;
#[path = "docs/pages.rs"]
mod pages;
#[path = "docs/reference.rs"]
mod reference;
#[path = "api/harness/skip.rs"]
mod skip;
#[path = "docs/walkthroughs.rs"]
mod walkthroughs;
