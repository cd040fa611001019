//! The command line: commands, their options, and exit codes.
//!
//! Exit codes: 0 done, 1 failed (one line on standard error says why), 2 invalid arguments. Scripts use the checks
//! `numbering check`, `audit verify`, `index verify` and `catalog check`: there, 1 means findings and 2 that the check could not be done.

mod audit;
mod backup;
mod catalog;
mod demo;
mod doctor;
mod export;
mod generate;
mod import;
mod import_settings;
mod index;
mod model;
mod numbering;
mod render;
mod serve;
mod settings;
mod task;
mod user;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serde_json::json;

use crate::clock::Clock;
use crate::config::{ConfigError, Settings};
use crate::db::DatabaseError;
use crate::domain::describe_io_error;
use crate::index_feed::StoredIndexError;
use crate::telemetry::{self, logs_are_json};
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
    Serve(serve::ServeOptions),
    /// Check everything that a server needs: model, database, disks, clock, limits, HTTPS, settings. Says what to do. Works also
    /// if nothing starts. Exit codes: 0 nothing is broken, 1 something is.
    Doctor(doctor::DoctorOptions),
    /// Migrate the database to this version and exit.
    Migrate(serve::StartOptions),
    /// Write a back-up of the database, photos, models and token key into a new folder, while servers run. It is verified.
    Backup(backup::BackupOptions),
    /// Restore a back-up into an empty data folder and an empty database. Every file is verified first.
    Restore(backup::RestoreOptions),
    /// Write the products on sale, their photos and embeddings into a ZIP, as `import` takes it. Works while a server runs.
    Export(export::ExportOptions),
    /// Import products and photos from a ZIP or a folder. A running server does it; the progress is shown.
    Import(import::ImportOptions),
    /// Try tillsight without photos or a camera: render products, enrol them, simulate a kiosk, print the receipt.
    Demo(demo::DemoOptions),
    /// The catalogue: products that look alike, products whose photos are not enough. Works while a server runs.
    #[command(subcommand)]
    Catalog(catalog::CatalogCommand),
    /// The index of enrolled photos: describe it, verify it, rebuild it, measure it. Works while a server runs.
    #[command(subcommand)]
    Index(index::IndexCommand),
    /// Embedding models: inspect and add them, measure them on your own photos, choose their thresholds.
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Receipt numbers and hash chains: check and repair them.
    #[command(subcommand)]
    Numbering(numbering::NumberingCommand),
    /// The audit log: whether records were changed or removed.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Tasks in the background: clean-ups, back-ups, reports, checks. Works while a server runs, which does the work.
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Accounts of people: a new password for one who forgot it. Works while a server runs.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Print every setting with its default and meaning, as a settings file to edit.
    Settings(settings::SettingsOptions),
    /// Print the script that completes commands and options in a shell.
    Completions(generate::CompletionOptions),
    /// Write the manual pages of all commands into a folder.
    Man(generate::ManOptions),
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
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Serve(#[from] crate::app::StartError),
    #[error("back-up: {0}")]
    Backup(crate::backup::BackupError),
    #[error(
        "back-up: the folder {} is complete but for {count} photos that the data folder no longer has. Put them back from an \
         older back-up, or remove those photos from their products and upload them again",
        folder.display()
    )]
    MissingPhotos { folder: PathBuf, count: usize },
    #[error("restore: {0}")]
    Restore(crate::backup::BackupError),
    #[error("demo: {0}")]
    Demo(String),
    #[error(transparent)]
    Model(#[from] crate::embedding::ModelError),
    #[error(transparent)]
    Evaluation(#[from] crate::evaluation::EvaluationError),
    /// An inspected model cannot be used.
    #[error("model {}: {reason}", path.display())]
    UnusableModel {
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    #[error("index: {0}")]
    Index(#[from] StoredIndexError),
    #[error("index: {0}")]
    Search(#[from] crate::index::IndexError),
    /// The index was checked, and it has faults.
    #[error("index: {0}")]
    IndexFindings(String),
    /// The catalogue was checked, and it has faults.
    #[error("catalog: {0}")]
    CatalogFindings(String),
    #[error("the result cannot be written as JSON: {0}")]
    Json(String),
    /// The numbers or chains could not be checked or repaired.
    #[error("numbering: {0}")]
    Numbering(String),
    /// The numbers or chains were checked, and they have faults.
    #[error(
        "numbering: {reports_with_findings} of {reports} reports have findings; the lowest health is {health_min} of 100"
    )]
    NumberingFindings {
        reports_with_findings: u64,
        reports: u64,
        /// 0 to 100.
        health_min: i64,
    },
    /// `tillsight doctor` found something broken.
    #[error("doctor: {broken} broken, {warnings} warnings")]
    DoctorFindings { broken: usize, warnings: usize },
    /// The audit log could not be checked.
    #[error("audit: {0}")]
    Audit(String),
    /// The audit log was checked, and it has faults.
    #[error("audit: the log is not what was written. A back-up from before shows what it was")]
    AuditFindings,
    /// A task could not be read or changed.
    #[error("task: {0}")]
    Task(String),
    /// An account could not be changed.
    #[error("user: {0}")]
    User(String),
    /// The check of the numbers or the index could not be done.
    #[error(transparent)]
    CheckFailed(Box<CliError>),
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
    #[error("{}: {}", .0.display(), describe_io_error(.1))]
    File(PathBuf, std::io::Error),
    #[error("cannot start the asynchronous runtime: {0}")]
    Runtime(std::io::Error),
}

impl CliError {
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::CheckFailed(_)) { 2 } else { 1 }
    }

    /// The check was done, and this is its result.
    fn is_finding(&self) -> bool {
        if let Self::Index(error) = self {
            return error.is_finding();
        }
        matches!(
            self,
            Self::NumberingFindings { .. } | Self::AuditFindings | Self::IndexFindings(_) | Self::CatalogFindings(_)
        )
    }
}

pub fn run(arguments: Arguments) -> Result<(), CliError> {
    let is_check = matches!(
        arguments.command,
        Command::Numbering(numbering::NumberingCommand::Check(_))
            | Command::Audit(audit::AuditCommand::Verify(_))
            | Command::Index(index::IndexCommand::Verify(_))
            | Command::Catalog(catalog::CatalogCommand::Check(_))
    );
    let result = run_command(arguments).and_then(|()| terminal::finish_output().map_err(CliError::Output));
    result.map_err(|error| if is_check && !error.is_finding() { CliError::CheckFailed(Box::new(error)) } else { error })
}

/// Prints `error` on standard error, in one line; if the log is for programs, as one of its events.
pub fn print_error(error: &CliError) {
    let line = terminal::escape_to_one_line(&error.to_string());
    if logs_are_json() {
        // Past the filter of the log: the reason of an end is told whatever else is not.
        let event =
            json!({"timestamp": Clock::system().now(), "level": "ERROR", "message": line, "target": "tillsight"});
        note!("{event}");
    } else {
        note!("tillsight: {line}");
    }
}

fn run_command(arguments: Arguments) -> Result<(), CliError> {
    match arguments.command {
        Command::Serve(options) => {
            serve::restart_with_library_variables();
            let settings = Settings::load().inspect_err(|_| telemetry::set_log_format(Settings::log_format()))?;
            block_on(serve::serve(options, settings))
        }
        Command::Doctor(options) => {
            sigpipe::reset();
            serve::restart_with_library_variables();
            block_on(doctor::run(&options, Settings::load()))
        }
        Command::Migrate(options) => block_on(serve::migrate(options, Settings::load()?)),
        Command::Backup(options) => block_on(backup::back_up(options, Settings::load()?)),
        Command::Restore(options) => block_on(backup::restore(options, Settings::load()?)),
        Command::Demo(options) => block_on(demo::run(options)),
        Command::Index(command) => {
            sigpipe::reset();
            serve::restart_with_library_variables();
            block_on(index::run(command))
        }
        Command::Catalog(command) => {
            sigpipe::reset();
            serve::restart_with_library_variables();
            block_on(catalog::run(command))
        }
        Command::Model(command) => {
            // `… | head` ends the program silently.
            sigpipe::reset();
            serve::restart_with_library_variables();
            model::run(command)
        }
        Command::Numbering(command) => {
            sigpipe::reset();
            block_on(numbering::run(command, Settings::load()?))
        }
        Command::Export(options) => {
            serve::restart_with_library_variables();
            block_on(export::run(options, Settings::load()?))
        }
        Command::Import(options) => block_on(import::run(options, Settings::load()?)),
        Command::Task(command) => {
            sigpipe::reset();
            block_on(task::run(command, Settings::load()?))
        }
        Command::Audit(command) => block_on(audit::run(command, Settings::load()?)),
        Command::User(command) => block_on(user::run(command, Settings::load()?)),
        Command::Settings(options) => {
            sigpipe::reset();
            settings::run(&options)
        }
        Command::Completions(options) => {
            sigpipe::reset();
            generate::print_completions(&options);
            Ok(())
        }
        Command::Man(options) => generate::write_man_pages(&options),
        Command::Render { products, views, seed, side, out } => render::write_photos(products, views, seed, side, &out),
    }
}

/// The database's error, and what to do about it.
fn describe_database_error(error: &DatabaseError) -> String {
    match error {
        DatabaseError::Unexpected(_) | DatabaseError::Missing(_) => {
            format!("{error}; if tables or columns are missing, run `tillsight migrate`")
        }
        DatabaseError::Conflict => format!("{error}; nothing was changed, run the command again"),
        DatabaseError::UniqueViolation(_)
        | DatabaseError::ForeignKeyViolation
        | DatabaseError::Unavailable(_)
        | DatabaseError::TimedOut(_)
        | DatabaseError::CommitUnknown(_)
        | DatabaseError::Damaged(_)
        | DatabaseError::DiskFull => error.to_string(),
    }
}

fn block_on(command: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(command)
}
