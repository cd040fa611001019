//! `tillsight model …`: commands about embedding models that need no server.

mod add;
mod calibrate;
mod confidence_tables;
mod evaluate;
mod evaluate_boxes;
mod frame_tables;
mod inspect;
mod photo_options;
mod report_file;
mod tables;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::CliError;
use crate::app;
use crate::config::Settings;
use crate::embedding::ModelError;

#[derive(Debug, Subcommand)]
pub(super) enum ModelCommand {
    /// Inspect a model: inputs, outputs, fitting presets, speed, whether tillsight can use it.
    Inspect(inspect::InspectOptions),
    /// Add a model: draft its manifest from a preset, test it on pictures, install both into the models folder.
    Add(Box<add::AddOptions>),
    /// List the presets of `model add`.
    Presets,
    /// Measure models on labelled photos: top-1, few photos per product, catalogue pictures, products never seen, and on
    /// camera frames with several things.
    Evaluate(Box<evaluate::EvaluateOptions>),
    /// Choose a model's thresholds on labelled photos and write them into its manifest.
    Calibrate(calibrate::CalibrateOptions),
}

pub(super) fn run(command: ModelCommand) -> Result<(), CliError> {
    match command {
        ModelCommand::Inspect(options) => inspect::run(&options),
        ModelCommand::Add(options) => add::run(*options),
        ModelCommand::Presets => {
            add::list_presets();
            Ok(())
        }
        ModelCommand::Evaluate(options) => super::block_on(evaluate::run(&options)),
        ModelCommand::Calibrate(options) => super::block_on(calibrate::run(&options)),
    }
}

/// The path from `--model`, or else from the settings. After a switch the server may use another model.
fn manifest_path(option: Option<&PathBuf>, settings: &Settings) -> PathBuf {
    option.cloned().unwrap_or_else(|| app::manifest_path(settings))
}

/// Why a model cannot be opened. If the path came from the settings, the message says so.
fn open_error(mut error: ModelError, settings_manifest: Option<&Path>) -> CliError {
    if let ModelError::UnreadableManifest { path, reason } = &mut error
        && settings_manifest == Some(path.as_path())
    {
        reason.push_str(
            ". The path comes from the settings (TILLSIGHT_MODEL; a relative path starts in the current folder); --model names \
             another",
        );
    }
    CliError::Model(error)
}
