//! `tillsight audit verify`: whether the audit log is what was written. The database is only read, so it works on a copy.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CliError, describe_database_error};
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::Database;
use crate::integrity::{Integrity, IntegrityError};
use crate::terminal::{self, say};

const CONNECTIONS: u32 = 1;

#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Look for records that were changed or removed. Exit codes: 0 no findings, 1 findings, 2 the check could not be done.
    Verify(VerifyOptions),
}

#[derive(Debug, Args)]
pub(super) struct VerifyOptions {
    /// Print the findings as JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: AuditCommand, settings: Settings) -> Result<(), CliError> {
    let AuditCommand::Verify(options) = command;
    let failed = |error| CliError::Audit(describe_database_error(&error));
    let db = Database::connect_to_read(&settings.database_url, CONNECTIONS).await.map_err(failed)?;
    let findings = Integrity::new(db.clone(), Clock::system(), settings.monitoring).check_audit_log().await;
    db.close().await;
    let findings = findings.map_err(|error| match error {
        IntegrityError::Database(error) => failed(error),
        IntegrityError::StoreNotFound(_) | IntegrityError::Busy => CliError::Audit(error.to_string()),
    })?;
    if options.json {
        terminal::print_json(&json!(findings).to_string());
    } else {
        findings.iter().for_each(|finding| say!("{}", finding.sentence(None)));
    }
    if !findings.is_empty() {
        return Err(CliError::AuditFindings);
    }
    if !options.json {
        say!("No record of the audit log was changed or removed.");
    }
    Ok(())
}
