//! `tillsight index …`: what can be asked of the index without a server, and beside one.
//!
//! The database is only read. The model is the one that servers use, by the database or the settings, and is known by its
//! manifest; its network is not run.

mod bench;
mod stats;
mod verify;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::CliError;
use crate::app::{self, StartError};
use crate::config::Settings;
use crate::db::Database;
use crate::index_feed::StoredIndex;
use crate::terminal::{self, say};

/// Connections to the database: one command, one reader.
const CONNECTIONS: u32 = 2;

/// What is asked of the index.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what the database has on sale, what the snapshot is, and what memory the index takes.
    Stats(Output),
    /// Compare the snapshot and the changes since with the database, row for row and bit for bit. Exit codes:
    /// 0 all is the same, 1 something differs, or an embedding is missing or damaged, 2 it could not be compared.
    Verify(Output),
    /// Write a new snapshot from the database alone. A running server goes on; the next start uses it.
    Rebuild(Output),
    /// Measure searches, adds and removals beside the time it takes to read the vectors' bytes, in this process's memory.
    Bench(bench::Options),
}

/// How an answer is shown.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// Print one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
}

/// Does what is asked.
pub(super) async fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Stats(output) => stats::run(&output).await,
        Command::Verify(output) => verify::run(&output).await,
        Command::Rebuild(output) => rebuild(&output).await,
        Command::Bench(options) => bench::run(&options).await,
    }
}

async fn rebuild(output: &Output) -> Result<(), CliError> {
    let rebuilt = open(&Settings::load()?).await?.rebuild().await?;
    if output.json {
        return print_json(&rebuilt);
    }
    describe_model(&rebuilt.model, &rebuilt.model_origin);
    line("snapshot", &format!("{}, {} photos at change {}", rebuilt.path.display(), rebuilt.rows, rebuilt.revision));
    Ok(())
}

/// The index of the model in use, in the database that the settings name.
async fn open(settings: &Settings) -> Result<StoredIndex, CliError> {
    let db = Database::connect_to_read(&settings.database_url, CONNECTIONS).await.map_err(StartError::Database)?;
    Ok(StoredIndex::open(db, &app::manifest_path(settings), settings).await?)
}

fn print_json(answer: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(answer).map_err(|error| CliError::Answer(error.to_string()))?;
    terminal::json(&text);
    Ok(())
}

fn line(what: &str, value: &str) {
    say!("{}", format!("{what:<12} {value}").trim_end());
}

fn describe_model(model: &str, origin: &str) {
    line("model", model);
    line("", &format!("of {origin}"));
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
