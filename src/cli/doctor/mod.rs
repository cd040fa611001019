//! `tillsight doctor`: looks at everything a server needs, and says what to do about what is missing.
//!
//! Works when nothing else starts: each check stands on its own, and what depends on something broken says so. Nothing is
//! changed: a probe is written and taken back. A server may run meanwhile.

mod check;
mod database;
mod disk;
mod machine;
mod model;
mod network;
mod settings;

use clap::Args;
use serde::Serialize;

use super::CliError;
use super::index::print_json;
use crate::config::{ConfigError, Settings};
use crate::terminal::say;
use check::{Check, CheckState};

#[derive(Debug, Args)]
pub(super) struct DoctorOptions {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Diagnosis {
    /// The worst state of all checks.
    state: CheckState,
    checks: Vec<Check>,
}

/// Prints the checks; a broken one ends in an error.
pub(super) async fn run(options: &DoctorOptions, settings: Result<Settings, ConfigError>) -> Result<(), CliError> {
    let checks = check_all(&settings).await;
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    let (broken, warnings) = (count(CheckState::Broken), count(CheckState::Warning));
    if options.json {
        let state = checks.iter().map(|check| check.state).max().unwrap_or(CheckState::Good);
        print_json(&Diagnosis { state, checks })?;
    } else {
        checks.iter().for_each(|check| say!("{}", check.line()));
    }
    if broken > 0 { Err(CliError::DoctorFindings { broken, warnings }) } else { Ok(()) }
}

async fn check_all(settings: &Result<Settings, ConfigError>) -> Vec<Check> {
    let mut checks = vec![settings::check_settings(settings), model::check_runtime()];
    if let Ok(settings) = settings {
        checks.push(model::check_model(settings));
        checks.extend(database::check_database_and_clock(settings).await);
        checks.extend(disk::check_disks(settings));
        checks.extend([
            machine::check_open_files(settings),
            machine::check_memory(settings),
            machine::check_threads(settings),
            network::check_address(settings),
            network::check_cameras(settings),
        ]);
    } else {
        let others = ["model", "database", "clock", "disk", "open files", "memory", "threads", "address", "https"];
        checks.extend(others.map(|name| Check::skipped(name, "the settings")));
    }
    checks.push(machine::check_ffmpeg());
    checks
}
