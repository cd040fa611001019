//! `tillsight model …`: what can be asked of embedding models without a server.

mod calibrate;
mod evaluate;

use clap::Subcommand;

use super::CliError;

/// What is asked of a model.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Measure models on labelled photos: top-1, few photos per product, catalogue pictures, products never seen.
    Evaluate(evaluate::Options),
    /// Choose a model's thresholds on labelled photos and write them into its manifest.
    Calibrate(calibrate::Options),
}

/// Does what is asked.
pub(super) fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Evaluate(options) => evaluate::run(&options),
        Command::Calibrate(options) => calibrate::run(&options),
    }
}
