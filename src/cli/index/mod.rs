//! `tillsight index …`: commands about the index that need no server and work while one runs.
//!
//! They only read the database. The model is the one that servers use, by the database or the settings; only its manifest is
//! read.

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

/// One for the command's queries, one for the check of the snapshot.
const CONNECTIONS: u32 = 2;

#[derive(Debug, Subcommand)]
pub(super) enum IndexCommand {
    /// Show the photos on sale in the database, the snapshot, and the memory of the index.
    Stats(OutputOptions),
    /// Compare the snapshot and the changes since with the database, row by row and bit by bit. Exit codes: 0 no difference,
    /// 1 a difference, or a missing or damaged embedding, 2 the comparison could not be done.
    Verify(OutputOptions),
    /// Write a new snapshot from the database alone. A running server continues; the next start uses the snapshot.
    Rebuild(OutputOptions),
    /// Measure searches, adds and removals in this process's memory, against the time of reading the vectors' bytes.
    Bench(bench::BenchOptions),
}

#[derive(Debug, Args)]
pub(super) struct OutputOptions {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: IndexCommand) -> Result<(), CliError> {
    match command {
        IndexCommand::Stats(output) => stats::run(&output).await,
        IndexCommand::Verify(output) => verify::run(&output).await,
        IndexCommand::Rebuild(output) => rebuild(&output).await,
        IndexCommand::Bench(options) => bench::run(&options).await,
    }
}

async fn rebuild(output: &OutputOptions) -> Result<(), CliError> {
    let snapshot = open_stored_index(&Settings::load()?).await?.0.rebuild().await?;
    if output.json {
        return print_json(&snapshot);
    }
    print_model(&snapshot.model, &snapshot.model_origin);
    print_field(
        "snapshot",
        &format!("{}, {} photos at change {}", snapshot.path.display(), snapshot.rows, snapshot.revision),
    );
    Ok(())
}

/// Opens the index of the model in use, in the database that the settings name; also the database.
pub(super) async fn open_stored_index(settings: &Settings) -> Result<(StoredIndex, Database), CliError> {
    let db = Database::connect_to_read(&settings.database_url, CONNECTIONS).await.map_err(StartError::Database)?;
    let stored = StoredIndex::open(db.clone(), &app::manifest_path(settings), settings).await?;
    Ok((stored, db))
}

pub(super) fn print_json(result: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(result).map_err(|error| CliError::Json(error.to_string()))?;
    terminal::print_json(&text);
    Ok(())
}

pub(super) fn print_field(name: &str, value: &str) {
    say!("{}", format!("{name:<12} {value}").trim_end());
}

pub(super) fn print_model(model: &str, origin: &str) {
    print_field("model", model);
    print_field("", &format!("of {origin}"));
}

fn format_megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
