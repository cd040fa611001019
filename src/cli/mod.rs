//! The command line: what can be asked of the program, and what each answer's exit code is.
//!
//! Exit codes: 0 done, 1 failed (one line on standard error says why), 2 the arguments make no sense. `numbering check` is
//! asked by scripts for an answer: there 1 means that something was found and 2 that it could not be looked.

mod demo;
mod index;
mod model;
mod numbering;
mod render;
mod serve;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::{ConfigError, Settings};
use crate::index_feed::StoredIndexError;
use crate::terminal::{self, note};

/// A server for stores whose tills see: recognition, checkout and gap-free receipt numbers.
#[derive(Debug, Parser)]
#[command(name = "tillsight", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server. Settings come from tillsight.toml and TILLSIGHT_* variables; docs/reference/settings.md lists them.
    Serve,
    /// Bring the database's tables up to date and exit.
    Migrate,
    /// Try it without photos or a camera: render products, enrol them, play a kiosk, print the receipt.
    Demo(demo::Options),
    /// The index of enrolled photos: what there is, whether it is right, build it anew, measure it. Works beside a server.
    #[command(subcommand)]
    Index(index::Command),
    /// Embedding models: look at them, add them, measure them on your own photos, choose their thresholds.
    #[command(subcommand)]
    Model(model::Command),
    /// Receipt numbers and hash chains: whether they are whole.
    #[command(subcommand)]
    Numbering(numbering::Command),
    /// Write rendered photos of packages, one folder per product; tests measure models on them.
    #[command(hide = true)]
    Render {
        #[arg(long, default_value_t = 24)]
        products: usize,
        #[arg(long, default_value_t = 8)]
        views: u64,
        #[arg(long, default_value_t = 1)]
        seed: u64,
        #[arg(long, default_value_t = 320)]
        side: u32,
        #[arg(long)]
        out: PathBuf,
    },
}

/// Why the program ends with another exit code than 0.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A setting is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server could not start or run.
    #[error(transparent)]
    Serve(#[from] crate::app::StartError),
    /// The demonstration met something unexpected.
    #[error("demo: {0}")]
    Demo(String),
    /// A model cannot be used.
    #[error(transparent)]
    Model(#[from] crate::embedding::ModelError),
    /// A model could not be measured.
    #[error(transparent)]
    Evaluation(#[from] crate::evaluation::EvaluationError),
    /// A model was looked at and cannot be used.
    #[error("model {}: {reason}", path.display())]
    UnusableModel {
        /// The model file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The index or its database cannot be looked at.
    #[error("index: {0}")]
    Index(#[from] StoredIndexError),
    /// The index cannot be measured.
    #[error("index: {0}")]
    Search(#[from] crate::index::IndexError),
    /// The index was looked at, and something is wrong.
    #[error("index: {0}")]
    Unsound(String),
    /// An answer cannot be written as JSON.
    #[error("the answer cannot be written as JSON: {0}")]
    Answer(String),
    /// Numbers or chains could not be checked or repaired.
    #[error("numbering: {0}")]
    Numbering(String),
    /// Numbers or chains were checked and are not whole.
    #[error("numbering: {faulty} of {reports} reports have findings; the lowest health is {worst} of 100")]
    NotWhole {
        /// Reports with findings.
        faulty: u64,
        /// Reports in all.
        reports: u64,
        /// The lowest health among them, 0 to 100.
        worst: i64,
    },
    /// Why nothing can be said of the numbers or the index that was to be checked.
    #[error(transparent)]
    Unchecked(Box<CliError>),
    /// What the command found could not be printed.
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
    /// A file could not be written.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The runtime could not start.
    #[error("cannot start the asynchronous runtime: {0}")]
    Runtime(std::io::Error),
}

impl CliError {
    /// What the program ends with.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Unchecked(_)) { 2 } else { 1 }
    }

    /// Whether what was to be checked was looked at, and this is what is wrong with it.
    fn is_finding(&self) -> bool {
        if let Self::Index(error) = self {
            return error.is_finding();
        }
        matches!(self, Self::NotWhole { .. } | Self::Unsound(_))
    }
}

/// Does what the arguments ask for.
pub fn run(arguments: Arguments) -> Result<(), CliError> {
    let is_check = matches!(
        arguments.command,
        Command::Numbering(numbering::Command::Check(_)) | Command::Index(index::Command::Verify(_))
    );
    let done = carry_out(arguments).and_then(|()| terminal::written().map_err(CliError::Output));
    done.map_err(|error| if is_check && !error.is_finding() { CliError::Unchecked(Box::new(error)) } else { error })
}

/// Says on standard error, in one line, why the program ends with another exit code than 0.
pub fn tell_failure(error: &CliError) {
    note!("tillsight: {}", terminal::one_line(&error.to_string()));
}

fn carry_out(arguments: Arguments) -> Result<(), CliError> {
    match arguments.command {
        Command::Serve => {
            serve::with_settled_libraries();
            asynchronously(serve::serve(Settings::load()?))
        }
        Command::Migrate => asynchronously(serve::migrate(Settings::load()?)),
        Command::Demo(options) => asynchronously(demo::run(options)),
        Command::Index(command) => {
            sigpipe::reset();
            serve::with_settled_libraries();
            asynchronously(index::run(command))
        }
        Command::Model(command) => {
            // `… | head` ends the program quietly, as a person expects.
            sigpipe::reset();
            serve::with_settled_libraries();
            model::run(command)
        }
        Command::Numbering(command) => {
            sigpipe::reset();
            asynchronously(numbering::run(command, Settings::load()?))
        }
        Command::Render { products, views, seed, side, out } => render::write(products, views, seed, side, &out),
    }
}

fn asynchronously(work: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(work)
}
