//! `tillsight numbering …`: whether receipt numbers and hash chains are whole, asked of the database itself.
//!
//! Works beside running servers and on a copy. It reads only, unless it is told to keep what it finds.

use clap::{Args, Subcommand};
use serde_json::json;

use super::CliError;
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::StoreId;
use crate::integrity::{Depth, Integrity, IntegrityError, Keep, ReportView};
use crate::store::{Store, StoreError};
use crate::terminal::{self, say};

/// What the reports say of who wanted them.
const REQUESTED_BY: &str = "command line";
/// Connections to the database: a check reads one thing at a time, and writes what it keeps.
const CONNECTIONS: u32 = 2;

/// What is asked of the numbers.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look for gaps, duplicates and counters that stand wrong; exit code 1 where anything is found.
    Check(Check),
}

/// How far to look, and where.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Also make every seal anew, follow the hash chains, and compare lines with totals and refunds with payments.
    #[arg(long)]
    deep: bool,
    /// Look at this store alone.
    #[arg(long, value_name = "ID")]
    store: Option<StoreId>,
    /// Print one JSON object a report instead of lines for people.
    #[arg(long)]
    json: bool,
    /// Keep the reports in the history, where the server shows them.
    #[arg(long)]
    keep: bool,
}

/// Does what is asked.
pub(super) async fn run(command: Command, settings: Settings) -> Result<(), CliError> {
    let Command::Check(options) = command;
    let failed = |error: StoreError| CliError::Numbering(format!("database: {error}"));
    let store = Store::open(&settings.database_url, CONNECTIONS).await.map_err(failed)?;
    let outcome = check(&options, store.clone(), settings).await;
    store.close().await;
    outcome
}

async fn check(options: &Check, store: Store, settings: Settings) -> Result<(), CliError> {
    let integrity = Integrity::new(store, Clock::system(), settings.monitoring);
    let depth = if options.deep { Depth::Deep } else { Depth::Quick };
    let keep = if options.keep { Keep::History } else { Keep::Nothing };
    let (mut reports, mut faulty, mut worst) = (0, 0, 100);
    let print = |report: ReportView| {
        reports += 1;
        faulty += i64::from(!report.findings.is_empty());
        worst = worst.min(report.health);
        if options.json {
            terminal::json(&json!(report).to_string());
        } else {
            describe(&report);
        }
    };
    let checked = integrity.check(depth, options.store, REQUESTED_BY, keep, print).await;
    checked.map_err(|error| CliError::Numbering(told(&error)))?;
    if reports == 0 && !options.json {
        say!("There are no stores to check.");
    }
    if faulty > 0 {
        return Err(CliError::Numbering(format!(
            "{faulty} of {reports} reports have findings; the lowest health is {worst} of 100"
        )));
    }
    Ok(())
}

/// The error, and what to do where the tables are those of an older program.
fn told(error: &IntegrityError) -> String {
    match error {
        IntegrityError::Store(StoreError::Unexpected(_)) => {
            format!("{error}; where tables or columns are missing, `tillsight migrate` brings them up to date")
        }
        IntegrityError::StoreNotFound(_) | IntegrityError::Busy | IntegrityError::Store(_) => error.to_string(),
    }
}

fn describe(report: &ReportView) {
    let name = match report.store_id {
        Some(id) => format!("store {id}"),
        None => "lines without a store".to_owned(),
    };
    let (health, records) = (report.health, report.records);
    say!("{name}: health {health}, {records} records, {:.1} ms", report.duration_us as f64 / 1_000.0);
    for finding in &report.findings {
        say!("  {}", finding.in_words());
    }
}
