//! `tillsight numbering …`: checks and repairs receipt numbers and hash chains in the database itself.
//!
//! Works while servers run, and on a copy. A check with `--keep` and a repair with `--apply` write to the database; without
//! these options it is opened for reading only, so that a copy that is evidence stays unchanged byte for byte.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{CliError, describe_database_error};
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{Database, DatabaseError};
use crate::domain::{Caller, CheckDepth, Series, StoreId};
use crate::integrity::{
    Integrity, IntegrityError, RepairError, RepairMethod, RepairRequest, RepairView, ReportRetention, ReportView,
};
use crate::terminal::{self, say};

/// One to read and one to write reports.
const CONNECTIONS: u32 = 2;

#[derive(Debug, Subcommand)]
pub(super) enum NumberingCommand {
    /// Look for gaps, duplicates and wrong counters. Exit codes: 0 no findings, 1 findings, 2 the check could not be done.
    Check(CheckOptions),
    /// Show what a repair would change; with --apply, change it. First look for lost records in a backup: a repair cannot be
    /// undone.
    Repair(RepairOptions),
}

#[derive(Debug, Args)]
pub(super) struct CheckOptions {
    /// Also recompute every seal, follow the hash chains, and compare lines with totals and refunds with payments.
    #[arg(long)]
    deep: bool,
    /// Check only this store.
    #[arg(long, value_name = "ID")]
    store: Option<StoreId>,
    /// Print one JSON object per report instead of text.
    #[arg(long)]
    json: bool,
    /// Save the reports in the history, where the server shows them.
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Args)]
pub(super) struct RepairOptions {
    /// void: missing numbers get void placeholders, and a counter that is behind its records is moved forward. renumber: records
    /// get the numbers 1, 2, 3 … and new seals; only for stores that are not fiscal, and not if a daily closing names a record.
    #[arg(value_parser = word_parser(RepairMethod::ALL, RepairMethod::as_str))]
    method: RepairMethod,
    /// The store to repair.
    #[arg(long, value_name = "ID")]
    store: StoreId,
    /// Repair only this series.
    #[arg(long, value_parser = word_parser(Series::ALL, Series::as_str))]
    series: Option<Series>,
    /// The reason, for the audit log and on each placeholder.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Apply the repair; without this option nothing is changed.
    #[arg(long)]
    apply: bool,
}

/// A parser that accepts the words of `values`.
fn word_parser<T, const N: usize>(values: [T; N], as_str: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(values.map(as_str)).try_map(|word| word.parse())
}

pub(super) async fn run(command: NumberingCommand, settings: Settings) -> Result<(), CliError> {
    let failed = |error: DatabaseError| CliError::Numbering(format!("database: {error}"));
    let writes = match &command {
        NumberingCommand::Check(options) => options.keep,
        NumberingCommand::Repair(options) => options.apply,
    };
    let db = match writes {
        true => Database::open(&settings.database_url, CONNECTIONS).await,
        false => Database::connect_to_read(&settings.database_url, CONNECTIONS).await,
    };
    let db = db.map_err(failed)?;
    let integrity = Integrity::new(db.clone(), Clock::system(), settings.monitoring);
    let result = match command {
        NumberingCommand::Check(options) => check(&options, &integrity).await,
        NumberingCommand::Repair(options) => repair(options, &integrity).await,
    };
    db.close().await;
    result
}

async fn check(options: &CheckOptions, integrity: &Integrity) -> Result<(), CliError> {
    let depth = if options.deep { CheckDepth::Deep } else { CheckDepth::Quick };
    let retention = if options.keep { ReportRetention::History } else { ReportRetention::Nothing };
    let (mut reports, mut reports_with_findings, mut health_min) = (0, 0, 100);
    let print = |store: Option<&str>, report: ReportView| {
        reports += 1;
        reports_with_findings += u64::from(!report.findings.is_empty());
        health_min = health_min.min(report.health);
        if options.json {
            terminal::print_json(&json!(report).to_string());
        } else {
            print_report(store, &report);
        }
    };
    let result =
        integrity.check_stores(depth, options.store, &Caller::command_line().actor.label(), retention, print).await;
    result.map_err(|error| match error {
        IntegrityError::Database(error) => CliError::Numbering(describe_database_error(&error)),
        IntegrityError::StoreNotFound(_) | IntegrityError::Busy => CliError::Numbering(error.to_string()),
    })?;
    if reports == 0 && !options.json {
        say!("There are no stores to check.");
    }
    if reports_with_findings > 0 {
        return Err(CliError::NumberingFindings { reports_with_findings, reports, health_min });
    }
    Ok(())
}

async fn repair(options: RepairOptions, integrity: &Integrity) -> Result<(), CliError> {
    let RepairOptions { method, store, series, reason, apply } = options;
    let request = RepairRequest { store, series, method, reason };
    let result = match apply {
        true => integrity.repair(&Caller::command_line(), &request).await,
        false => integrity.plan_repair(&request).await,
    };
    let repair = result.map_err(|error| {
        if let RepairError::Database(error) = &error {
            CliError::Numbering(describe_database_error(error))
        } else {
            CliError::Numbering(error.to_string())
        }
    })?;
    print_repair(&repair);
    Ok(())
}

/// Prints a planned or an applied repair; the last line says which one it is.
fn print_repair(repair: &RepairView) {
    for line in repair.lines() {
        say!("{line}");
    }
    say!(
        "{}",
        match (repair.changes_anything(), repair.applied) {
            (false, _) => "This method has nothing to repair.",
            (true, false) => "Nothing was changed. Run it again with --apply to repair.",
            (true, true) => "Done. Run `tillsight numbering check --deep` to check the result.",
        }
    );
}

fn print_report(store: Option<&str>, report: &ReportView) {
    let name = match report.store_id {
        Some(id) => format!("store {id}"),
        None => "lines without a store".to_owned(),
    };
    let (health, records) = (report.health, report.records);
    let placeholders = match report.placeholders {
        0 => String::new(),
        count => format!(", {count} void placeholders"),
    };
    say!("{name}: health {health}, {records} records{placeholders}, {:.1} ms", report.duration_us as f64 / 1_000.0);
    for finding in &report.findings {
        say!("  {}", finding.sentence(store));
    }
}
