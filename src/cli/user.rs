//! `tillsight user …`: a way back in for people who forgot their password.
//!
//! Whoever can read the database may already do anything with it, so the command asks for no other credentials. It changes
//! the database itself: no server need run, and a running one applies the change from the next request on.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CliError, describe_database_error};
use crate::auth::{AuthError, PasswordReset, reset_password_by_name};
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::Database;
use crate::terminal::{self, say};

/// The look-up is over before the transaction begins.
const CONNECTIONS: u32 = 1;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Give an account a one-time password, which must be changed at the next login, and end its sessions.
    ResetPassword(ResetOptions),
}

#[derive(Debug, Args)]
pub(super) struct ResetOptions {
    /// The username, for example admin.
    #[arg(value_name = "NAME")]
    username: String,
    /// Print a JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: UserCommand, settings: Settings) -> Result<(), CliError> {
    let UserCommand::ResetPassword(options) = command;
    let failed = |error| CliError::User(describe_database_error(&error));
    let db = Database::open(&settings.database_url, CONNECTIONS).await.map_err(failed)?;
    let reset = reset_password_by_name(&db, &Clock::system(), &settings.tokens, &options.username).await;
    db.close().await;
    match reset {
        Ok(reset) => {
            print_reset(&reset, options.json);
            Ok(())
        }
        Err(AuthError::Database(error)) => Err(failed(error)),
        Err(error) => Err(CliError::User(error.to_string())),
    }
}

fn print_reset(reset: &PasswordReset, as_json: bool) {
    if as_json {
        terminal::print_json(&json!(reset).to_string());
        return;
    }
    say!("One-time password of \"{}\": {}", reset.user.username, reset.one_time_password.expose());
    say!("It is shown only once and must be changed at the next login. All sessions of the account have ended.");
    if reset.user.disabled {
        say!("The account is disabled: an admin must enable it before anybody can sign in.");
    }
}
