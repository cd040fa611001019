//! `tillsight numbering …`: whether receipt numbers and hash chains are whole, asked of the database itself; and repairs.
//!
//! Works beside running servers and on a copy. A check opens the database for reading only, unless it is told to keep what it
//! finds, and so does a repair, unless it is told to apply what it shows: a copy that is evidence stays byte for byte.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::json;

use super::CliError;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{Database, DatabaseError};
use crate::domain::{Caller, CheckDepth, Series, StoreId};
use crate::integrity::{
    Integrity, IntegrityError, RepairError, RepairMethod, RepairRequest, RepairView, ReportRetention, ReportView,
};
use crate::terminal::{self, say};

/// Connections to the database: a check reads one thing at a time, and writes what it keeps.
const CONNECTIONS: u32 = 2;

/// What is asked of the numbers.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look for gaps, duplicates and counters that stand wrong. Exit codes: 0 nothing found, 1 something found, 2 it could
    /// not be looked.
    Check(Check),
    /// Show what a repair would change, and change it with --apply. Look for lost records in a back-up first: it cannot be
    /// taken back.
    Repair(Repair),
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
    /// Keep the reports in the history, where the server shows them; otherwise the database is opened for reading only.
    #[arg(long)]
    keep: bool,
}

/// What to repair, and how.
#[derive(Debug, Args)]
pub(super) struct Repair {
    /// void: missing numbers get void placeholders, and a counter that stands behind its records goes forward. renumber:
    /// records are numbered 1, 2, 3 … and sealed anew, of stores that are not fiscal and where no daily closing names them.
    #[arg(value_parser = one_of(RepairMethod::ALL, RepairMethod::as_str))]
    method: RepairMethod,
    /// The store.
    #[arg(long, value_name = "ID")]
    store: StoreId,
    /// Repair this series alone.
    #[arg(long, value_parser = one_of(Series::ALL, Series::as_str))]
    series: Option<Series>,
    /// Why, for the audit log and on each placeholder.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Do it; without this nothing is changed.
    #[arg(long)]
    apply: bool,
}

/// Takes the word of one of `values`.
fn one_of<T, const N: usize>(values: [T; N], as_str: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(values.map(as_str)).try_map(|word| word.parse())
}

/// Does what is asked.
pub(super) async fn run(command: Command, settings: Settings) -> Result<(), CliError> {
    let failed = |error: DatabaseError| CliError::Numbering(format!("database: {error}"));
    let writes = match &command {
        Command::Check(options) => options.keep,
        Command::Repair(options) => options.apply,
    };
    let db = match writes {
        true => Database::open(&settings.database_url, CONNECTIONS).await,
        false => Database::connect_to_read(&settings.database_url, CONNECTIONS).await,
    };
    let db = db.map_err(failed)?;
    let integrity = Integrity::new(db.clone(), Clock::system(), settings.monitoring);
    let outcome = match command {
        Command::Check(options) => check(&options, &integrity).await,
        Command::Repair(options) => repair(options, &integrity).await,
    };
    db.close().await;
    outcome
}

async fn check(options: &Check, integrity: &Integrity) -> Result<(), CliError> {
    let depth = if options.deep { CheckDepth::Deep } else { CheckDepth::Quick };
    let keep = if options.keep { ReportRetention::History } else { ReportRetention::Nothing };
    let (mut reports, mut faulty, mut worst) = (0, 0, 100);
    let print = |report: ReportView| {
        reports += 1;
        faulty += u64::from(!report.findings.is_empty());
        worst = worst.min(report.health);
        if options.json {
            terminal::json(&json!(report).to_string());
        } else {
            describe(&report);
        }
    };
    let checked = integrity.check(depth, options.store, &Caller::command_line().actor.label(), keep, print).await;
    checked.map_err(|error| match error {
        IntegrityError::Database(error) => told(&error),
        IntegrityError::StoreNotFound(_) | IntegrityError::Busy => CliError::Numbering(error.to_string()),
    })?;
    if reports == 0 && !options.json {
        say!("There are no stores to check.");
    }
    if faulty > 0 { Err(CliError::NotWhole { faulty, reports, worst }) } else { Ok(()) }
}

async fn repair(options: Repair, integrity: &Integrity) -> Result<(), CliError> {
    let Repair { method, store, series, reason, apply } = options;
    let request = RepairRequest { store, series, method, reason };
    let outcome = match apply {
        true => integrity.repair(&Caller::command_line(), &request).await,
        false => integrity.plan_repair(&request).await,
    };
    let repair = outcome.map_err(|error| {
        if let RepairError::Database(error) = &error { told(error) } else { CliError::Numbering(error.to_string()) }
    })?;
    tell(&repair);
    Ok(())
}

/// The lines are the same before and after; the last one says which it is.
fn tell(repair: &RepairView) {
    for line in repair.lines() {
        say!("{line}");
    }
    say!(
        "{}",
        match (repair.changes_anything(), repair.applied) {
            (false, _) => "There is nothing to repair in this way.",
            (true, false) => "Nothing was changed; --apply does it.",
            (true, true) => "Done; `tillsight numbering check --deep` shows how it stands now.",
        }
    );
}

/// What the database said, and what to do where the tables are those of an older program.
fn told(error: &DatabaseError) -> CliError {
    CliError::Numbering(match error {
        DatabaseError::Unexpected(_) => {
            format!("{error}; where tables or columns are missing, `tillsight migrate` brings them up to date")
        }
        DatabaseError::Contended => format!("{error}: nothing was changed, run it again"),
        DatabaseError::UniqueViolation(_)
        | DatabaseError::Dangling
        | DatabaseError::Unavailable(_)
        | DatabaseError::TimedOut(_)
        | DatabaseError::Unsettled(_)
        | DatabaseError::Full => error.to_string(),
    })
}

fn describe(report: &ReportView) {
    let name = match report.store_id {
        Some(id) => format!("store {id}"),
        None => "lines without a store".to_owned(),
    };
    let (health, records) = (report.health, report.records);
    let placeholders = match report.placeholders {
        0 => String::new(),
        some => format!(", {some} void placeholders"),
    };
    say!("{name}: health {health}, {records} records{placeholders}, {:.1} ms", report.duration_us as f64 / 1_000.0);
    for finding in &report.findings {
        say!("  {}", finding.in_words());
    }
}
