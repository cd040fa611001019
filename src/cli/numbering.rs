//! `tillsight numbering …`: checks and repairs receipt numbers and hash chains in the database itself, and lets a series begin at
//! another number than 1.
//!
//! Works while servers run, and on a copy. A check with `--keep`, a repair with `--apply` and a begin write to the database; without
//! these options it is opened for reading only, so that a copy that is evidence stays unchanged byte for byte.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{CliError, describe_database_error};
use crate::backup::{self, BackupError};
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::stores::{self, StoreNameRow};
use crate::db::{Database, DatabaseError};
use crate::domain::{Caller, CheckDepth, GivenNumber, GivenNumbers, Series, StoreId};
use crate::integrity::{
    Integrity, IntegrityError, RepairError, RepairMethod, RepairRequest, RepairView, ReportRetention, ReportView,
};
use crate::orders::Orders;
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
    /// Let a number series begin at another number than 1, for a shop that goes on with the numbers of another till: once, before its
    /// first record.
    Begin(BeginOptions),
}

#[derive(Debug, Args)]
pub(super) struct BeginOptions {
    /// The store, by its id or name.
    #[arg(long)]
    store: String,
    #[arg(long, value_parser = word_parser(Series::ALL, Series::as_str))]
    series: Series,
    /// The number of the first record.
    #[arg(long, value_name = "NUMBER")]
    first_number: i64,
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
    #[command(flatten)]
    given: GivenOptions,
}

/// Numbers that were given out, whatever the database says. Those that the data folder remembers count always.
#[derive(Debug, Args)]
pub(super) struct GivenOptions {
    /// The number of the newest printed receipt of a store, by the store's id or name.
    #[arg(long, value_name = "STORE=NUMBER", value_parser = parse_last_number)]
    last_receipt: Vec<(String, i64)>,
    /// The same for the newest payment.
    #[arg(long, value_name = "STORE=NUMBER", value_parser = parse_last_number)]
    last_payment: Vec<(String, i64)>,
    /// The same for the newest refund.
    #[arg(long, value_name = "STORE=NUMBER", value_parser = parse_last_number)]
    last_refund: Vec<(String, i64)>,
    /// The same for the newest daily closing (Z report).
    #[arg(long, value_name = "STORE=NUMBER", value_parser = parse_last_number)]
    last_closing: Vec<(String, i64)>,
    /// The folder of a back-up that is newer than the database.
    #[arg(long, value_name = "DIR")]
    backup: Vec<PathBuf>,
}

impl GivenOptions {
    /// The named numbers with their series.
    fn last_numbers(&self) -> Vec<(Series, &(String, i64))> {
        let named = [
            (Series::Order, &self.last_receipt),
            (Series::Payment, &self.last_payment),
            (Series::Refund, &self.last_refund),
            (Series::Closing, &self.last_closing),
        ];
        named.into_iter().flat_map(|(series, numbers)| numbers.iter().map(move |number| (series, number))).collect()
    }
}

fn parse_last_number(text: &str) -> Result<(String, i64), String> {
    let (store, number) = text.rsplit_once('=').ok_or("it is not STORE=NUMBER")?;
    let number = number.trim().parse().ok().filter(|number| *number > 0);
    let number = number.ok_or("the part after = is not a number of 1 or more")?;
    Ok((store.trim().to_owned(), number))
}

#[derive(Debug, Args)]
pub(super) struct RepairOptions {
    /// void: missing numbers get void placeholders, and a counter that is behind its records is moved forward. renumber: records
    /// get consecutive numbers and new seals; only for stores that are not fiscal, and not if a daily closing names a record.
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
    #[command(flatten)]
    given: GivenOptions,
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
        NumberingCommand::Begin(_) => true,
    };
    let db = match writes {
        true => Database::open(&settings.database_url, CONNECTIONS).await,
        false => Database::connect_to_read(&settings.database_url, CONNECTIONS).await,
    };
    let db = db.map_err(failed)?;
    let result = run_with(&db, command, settings).await;
    db.close().await;
    result
}

async fn run_with(db: &Database, command: NumberingCommand, settings: Settings) -> Result<(), CliError> {
    match command {
        NumberingCommand::Check(options) => check(&options, &open_integrity(db, &options.given, settings).await?).await,
        NumberingCommand::Repair(options) => {
            let integrity = open_integrity(db, &options.given, settings).await?;
            repair(options, &integrity).await
        }
        NumberingCommand::Begin(options) => begin(db, &options).await,
    }
}

async fn open_integrity(db: &Database, given: &GivenOptions, settings: Settings) -> Result<Integrity, CliError> {
    let given = collect_given_numbers(db, given, &settings.data_dir).await?;
    let integrity = Integrity::new(db.clone(), Clock::system(), settings.monitoring);
    integrity.set_given_numbers(given);
    Ok(integrity)
}

async fn begin(db: &Database, options: &BeginOptions) -> Result<(), CliError> {
    let known = stores::list_names(&mut db.read().await.map_err(database_failed)?).await.map_err(database_failed)?;
    let store = find_named_store(&known, &options.store)?;
    let orders = Orders::new(db.clone(), Clock::system());
    let begun = orders.begin_series(&Caller::command_line(), store.id, options.series, options.first_number).await;
    let begun = begun.map_err(|error| CliError::Numbering(error.to_string()))?;
    say!("The {} numbers of store \"{}\" begin at {}.", begun.series, store.name, begun.first_number);
    Ok(())
}

fn find_named_store<'a>(known: &'a [StoreNameRow], name: &str) -> Result<&'a StoreNameRow, CliError> {
    let id: Option<StoreId> = name.parse().ok();
    let mut matching = known.iter().filter(|store| Some(store.id) == id || store.name == name);
    match (matching.next(), matching.next()) {
        (Some(store), None) => Ok(store),
        (None, _) => Err(CliError::Numbering(format!("no store has the id or name \"{name}\""))),
        (Some(_), Some(_)) => {
            Err(CliError::Numbering(format!("several stores have the name \"{name}\"; give the id of one")))
        }
    }
}

fn database_failed(error: DatabaseError) -> CliError {
    CliError::Numbering(describe_database_error(&error))
}

/// What the data folder, back-ups and printed receipts say.
async fn collect_given_numbers(
    db: &Database,
    options: &GivenOptions,
    data_dir: &Path,
) -> Result<GivenNumbers, CliError> {
    let failed = |error: BackupError| CliError::Numbering(error.to_string());
    let mut given = backup::read_last_numbers(data_dir).map_err(failed)?;
    if given.iter().next().is_none() && options.last_numbers().is_empty() && options.backup.is_empty() {
        return Ok(given);
    }
    let mut reader = db.read().await.map_err(database_failed)?;
    backup::keep_fiscal_stores(&mut reader, &mut given).await.map_err(database_failed)?;
    for folder in &options.backup {
        given.merge(backup::read_manifest(folder).map_err(failed)?.last_numbers);
    }
    if options.last_numbers().is_empty() {
        return Ok(given);
    }
    let known = stores::list_names(&mut reader).await.map_err(database_failed)?;
    for (series, (name, number)) in options.last_numbers() {
        let store = find_named_store(&known, name)?;
        let (store_id, store) = (store.id, store.name.clone());
        given.merge([GivenNumber { store_id, store, series, number: *number }]);
    }
    Ok(given)
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
    let RepairOptions { method, store, series, reason, apply, given: _ } = options;
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
        Some(id) => format!("store {} ({id})", store.unwrap_or("without a name")),
        None => "what belongs to no store".to_owned(),
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
