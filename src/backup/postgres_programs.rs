//! PostgreSQL's own programs `pg_dump` and `pg_restore`.
//!
//! They may take as long as they take, but they end when PostgreSQL no longer answers. The password goes to them in their environment: everybody on the machine can read arguments.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;
use url::Url;

use super::BackupError;
use crate::db::Database;

/// A program is ended when PostgreSQL has not answered pings for this long.
const SILENCE: Duration = Duration::from_secs(30);
/// Where Debian, Ubuntu and the packages of PostgreSQL's own site keep them, one folder a version.
const FOLDERS: [&str; 2] = ["/usr/lib/postgresql", "/usr"];
/// Parameters of the address that sqlx knows under further names, and what PostgreSQL's programs call them.
const PARAMETERS: [(&str, &str); 14] = [
    ("sslmode", "sslmode"),
    ("ssl-mode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("ssl-root-cert", "sslrootcert"),
    ("ssl-ca", "sslrootcert"),
    ("sslcert", "sslcert"),
    ("ssl-cert", "sslcert"),
    ("sslkey", "sslkey"),
    ("ssl-key", "sslkey"),
    ("host", "host"),
    ("hostaddr", "hostaddr"),
    ("port", "port"),
    ("user", "user"),
    ("dbname", "dbname"),
];

/// Writes the state of `snapshot` to `archive`, in PostgreSQL's custom format.
pub(super) async fn dump(db: &Database, url: &SecretString, snapshot: &str, archive: &Path) -> Result<(), BackupError> {
    let mut command = program("pg_dump", url)?;
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--lock-wait-timeout=60s"]);
    command.arg(format!("--snapshot={snapshot}")).arg("--file").arg(archive);
    run_while_answering(db, "pg_dump", command).await
}

/// Reads the whole archive.
pub(super) async fn check_archive(archive: &Path) -> Result<(), BackupError> {
    let mut command = Command::new(find_program("pg_restore")?);
    command.args(["--file", "/dev/null"]).arg(archive);
    run("pg_restore", command).await
}

/// Restores the archive into an empty database, completely or not at all.
pub(super) async fn restore(db: &Database, url: &SecretString, archive: &Path) -> Result<(), BackupError> {
    let mut command = program("pg_restore", url)?;
    command.args(["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]).arg(archive);
    run_while_answering(db, "pg_restore", command).await
}

/// The program with the database as its argument `--dbname`.
fn program(name: &str, url: &SecretString) -> Result<Command, BackupError> {
    let mut command = Command::new(find_program(name)?);
    let (address, password) = split_address(url)?;
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    command.env("PGCONNECT_TIMEOUT", "10").arg("--no-password").arg("--dbname").arg(address);
    Ok(command)
}

/// The address without its password and with the parameters' names of PostgreSQL, and the password.
fn split_address(url: &SecretString) -> Result<(String, Option<String>), BackupError> {
    let malformed = || BackupError::Refused("the address of PostgreSQL is malformed".to_owned());
    let mut url = Url::parse(url.expose_secret()).map_err(|_| malformed())?;
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut password = url.password().map(decode);
    let mut parameters = Vec::new();
    for (name, value) in url.query_pairs() {
        if name == "password" {
            password = Some(value.into_owned());
        } else if let Some((_, libpq)) = PARAMETERS.iter().find(|(sqlx, _)| *sqlx == name) {
            parameters.push(((*libpq).to_owned(), value.into_owned()));
        }
    }
    // An address without a host (a socket) can have no password before it.
    if url.password().is_some() {
        url.set_password(None).map_err(|()| malformed())?;
    }
    url.set_query(None);
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    Ok((url.into(), password))
}

async fn run_while_answering(db: &Database, name: &str, command: Command) -> Result<(), BackupError> {
    tokio::select! {
        result = run(name, command) => result,
        () = db.wait_until_silent(SILENCE) => Err(BackupError::Program(format!(
            "{name} was ended, because PostgreSQL has not answered for {} s. Look at its server, then run the command again",
            SILENCE.as_secs()
        ))),
    }
}

async fn run(name: &str, mut command: Command) -> Result<(), BackupError> {
    let failed = |reason: String| BackupError::Program(format!("{name} failed: {reason}"));
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("error:")).or(text.lines().next()).unwrap_or("no reason given");
    Err(failed(line.to_owned()))
}

/// The newest installed program of this name, since an older `pg_dump` refuses a newer server; else the one on the PATH.
fn find_program(name: &str) -> Result<PathBuf, BackupError> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = Vec::new();
    for folder in FOLDERS {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let version = entry.file_name().to_string_lossy().trim_start_matches("pgsql-").to_owned();
            let version: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
            let program = entry.path().join("bin").join(name);
            if let Some(version) = version.filter(|_| program.is_file()) {
                found.push((version, program));
            }
        }
    }
    let on_path = || {
        let folders = std::env::var_os("PATH")?;
        std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|program| program.is_file())
    };
    found.into_iter().max().map(|(_, program)| program).or_else(on_path).ok_or_else(|| {
        BackupError::Program(format!(
            "{name} was not found. Install PostgreSQL's client programs (Debian: postgresql-client), of the server's version \
             or newer"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_no_argument_and_parameters_get_the_names_of_postgresql() {
        let url = "postgres://till:p%40ss@db.example.org:5433/shop?ssl-mode=require&statement-cache-capacity=5";
        let (address, password) = split_address(&url.into()).unwrap();
        assert_eq!(address, "postgres://till@db.example.org:5433/shop?sslmode=require");
        assert_eq!(password.as_deref(), Some("p@ss"));
        let (address, password) = split_address(&"postgres:///shop?host=/run/postgresql&password=x".into()).unwrap();
        assert_eq!((address.as_str(), password.as_deref()), ("postgres:///shop?host=%2Frun%2Fpostgresql", Some("x")));
    }
}
