//! `tillsight model …`: what can be asked of embedding models without a server.

mod add;
mod calibrate;
mod evaluate;
mod figures;
mod inspect;
mod labelled;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::CliError;
use crate::app;
use crate::config::Settings;
use crate::embedding::ModelError;

/// What is asked of a model.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look at a model: what it takes and gives, which presets fit, how fast it is, whether tillsight can use it.
    Inspect(inspect::Options),
    /// Add a model: write its manifest after a preset, prove it on pictures, put both into the models folder.
    Add(Box<add::Options>),
    /// List the presets of `model add`.
    Presets,
    /// Measure models on labelled photos: top-1, few photos per product, catalogue pictures, products never seen.
    Evaluate(evaluate::Options),
    /// Choose a model's thresholds on labelled photos and write them into its manifest.
    Calibrate(calibrate::Options),
}

/// Does what is asked.
pub(super) fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Inspect(options) => inspect::run(&options),
        Command::Add(options) => add::run(*options),
        Command::Presets => {
            add::list();
            Ok(())
        }
        Command::Evaluate(options) => super::asynchronously(evaluate::run(&options)),
        Command::Calibrate(options) => super::asynchronously(calibrate::run(&options)),
    }
}

/// The manifest that was named, or else that of the settings: after a switch the server may use another one.
fn manifest(named: Option<&PathBuf>, settings: &Settings) -> PathBuf {
    named.cloned().unwrap_or_else(|| app::manifest_path(settings))
}

/// Why a model cannot be opened; of the settings' manifest, where it comes from and how to name another.
fn unopened(mut error: ModelError, of_settings: Option<&Path>) -> CliError {
    if let ModelError::UnreadableManifest { path, reason } = &mut error
        && of_settings == Some(path.as_path())
    {
        reason.push_str(
            ". It is the settings' model (TILLSIGHT_MODEL; a relative path begins in the folder that you are in); --model names \
             another",
        );
    }
    CliError::Model(error)
}
