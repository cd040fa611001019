//! `tillsight serve` and `tillsight migrate`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::{Args, ValueEnum};
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

use super::CliError;
use crate::app::{self, Application, ReloadSignals, StartError};
use crate::auth::FirstAdmin;
use crate::clock::Clock;
use crate::config::{Settings, TlsMode};
use crate::db::Database;
use crate::telemetry::{self, logs_are_json};
use crate::terminal::{self, note, say};

/// Variables that libraries read once, when they are loaded, before our code runs.
///
/// * OpenMP and OpenBLAS must not start their own threads.
/// * GNU's allocator raises its mmap threshold with every large block that is freed, and then never returns the memory of
///   photos; a fixed threshold (4 MiB) prevents that. It keeps up to 32 MiB of smaller blocks, such as a decoded kiosk photo:
///   returning them after each photo would cost a sixth of the photo's time.
/// * ONNX Runtime writes a device identifier to the user's home for its telemetry; its own option against that comes too late.
const LIBRARY_VARIABLES: [(&str, &str); 5] = [
    ("OMP_NUM_THREADS", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "4194304"),
    ("MALLOC_TRIM_THRESHOLD_", "33554432"),
    ("ORT_DISABLE_TELEMETRY", "1"),
];

/// Restarts this program with [`LIBRARY_VARIABLES`] set, if they are not. Setting them in the running process has no effect
/// (measured: 66 threads instead of 9).
pub(super) fn restart_with_library_variables() {
    if LIBRARY_VARIABLES.iter().all(|(name, value)| std::env::var(name).is_ok_and(|current| current == *value)) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let error = Command::new(program).args(std::env::args_os().skip(1)).envs(LIBRARY_VARIABLES).exec();
    note!("tillsight: could not restart with {LIBRARY_VARIABLES:?} ({error}); continuing with more threads and memory");
}

#[derive(Debug, Args)]
pub(super) struct StartOptions {
    /// Begin a new shop, although the data folder has photos, snapshots or keys of another one.
    #[arg(long)]
    new_store: bool,
}

#[derive(Debug, Args)]
pub(super) struct ServeOptions {
    #[command(flatten)]
    start: StartOptions,
    /// Serve HTTPS with a certificate that the server makes and keeps in the data folder. TILLSIGHT_TLS_CERT and
    /// TILLSIGHT_TLS_KEY name one of your own instead.
    #[arg(long, value_enum)]
    tls: Option<TlsOption>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TlsOption {
    SelfSigned,
}

/// Prints a line on standard output. If the log is for programs, it has the line too.
fn announce(line: &str) {
    say!("{line}");
    if logs_are_json() {
        tracing::info!("{}", line.trim_start());
    }
}

/// Builds the server, prints its address, and runs until SIGTERM or SIGINT.
pub(super) async fn serve(options: ServeOptions, mut settings: Settings) -> Result<(), CliError> {
    let reload_signals = ReloadSignals::listen().map_err(CliError::Runtime)?;
    telemetry::init_logs(&settings).map_err(StartError::Logs)?;
    app::raise_open_files(&settings);
    // Files that the settings name are more than a certificate that nobody knows.
    if matches!(options.tls, Some(TlsOption::SelfSigned)) && settings.tls_cert.is_none() {
        settings.tls = Some(TlsMode::SelfSigned);
    }
    app::refuse_damaged_database(&settings).await?;
    if !options.start.new_store {
        app::refuse_lost_database(&settings).await?;
    }
    let docs = settings.public_docs;
    let application = Application::build(settings, Clock::system()).await?;
    // Before the address is printed, because a supervisor may stop the server as soon as it reads it.
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    match application.first_admin() {
        FirstAdmin::Existing => {}
        FirstAdmin::ExistingWithOtherPassword => tracing::info!(
            "TILLSIGHT_ADMIN_PASSWORD is ignored, because it counts only at the first start, and \"admin\" has another \
             password. To give \"admin\" a new one, run: tillsight user reset-password admin"
        ),
        FirstAdmin::OneTimePasswordUnchanged => {
            announce("The user \"admin\" has not changed the one-time password yet. If it is lost, run");
            announce("             tillsight user reset-password admin");
        }
        FirstAdmin::FromSettings => {
            announce("First admin: \"admin\", with the password from TILLSIGHT_ADMIN_PASSWORD.")
        }
        FirstAdmin::WithOneTimePassword(password) => {
            say!("First admin: \"admin\", one-time password: {}", password.expose_secret());
            say!("             It is shown only once and must be changed at the first login.");
            // The password is not in the log, whose readers need not be admins.
            if logs_are_json() {
                tracing::info!("First admin: \"admin\", with a one-time password, which is on standard output");
            }
        }
    }
    announce(&format!("tillsight listens on {}", application.url()));
    announce("             Open it in a browser to set up the shop, sign in or start a kiosk.");
    for url in application.network_urls() {
        announce(&format!("             from other machines: {url}"));
    }
    if application.is_self_signed() {
        announce(
            "             A browser warns once, because nobody it knows has signed the certificate: choose \"Advanced\", then",
        );
        announce("             \"Proceed\". It then gives the page the camera.");
    }
    if docs {
        announce(&format!("             The API, to read and to try: {}/docs", application.url()));
    }
    // If the one-time password could not be printed, nobody could administer the server.
    terminal::finish_output().map_err(CliError::Output)?;
    let terminal_closed = application.handle_reloads(reload_signals);
    let stop_signal = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = terminal_closed => {}
        }
    };
    Ok(application.run_until(stop_signal).await?)
}

pub(super) async fn migrate(options: StartOptions, settings: Settings) -> Result<(), CliError> {
    app::refuse_damaged_database(&settings).await?;
    if !options.new_store {
        app::refuse_lost_database(&settings).await?;
    }
    let db = Database::connect(&settings.database_url, 1).await.map_err(StartError::Database)?;
    db.migrate().await.map_err(StartError::Database)?;
    db.close().await;
    say!("The database is up to date.");
    Ok(())
}
