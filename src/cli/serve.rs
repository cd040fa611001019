//! `tillsight serve` and `tillsight migrate`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};

use super::CliError;
use crate::app::{Application, StartError};
use crate::auth::FirstAdmin;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::Database;
use crate::telemetry;
use crate::terminal::{self, note, say};

/// Variables that libraries read once, when they are loaded: before any of our code runs. OpenMP and OpenBLAS are to bring
/// no threads of their own. GNU's allocator raises its threshold with every large block that is freed, and then keeps
/// photos' memory for good; with a fixed one (4 MiB) it gives large blocks back to the system. A thread's smaller blocks, a
/// decoded kiosk photo among them, are kept up to 32 MiB: to give them back after each photo and have them cleared for the next
/// one costs a sixth of the time that a photo takes.
///
/// ONNX Runtime notes what it runs on, with an identifier of the device, below the user's home, to send it to its makers. That is told
/// not to when it starts, but has begun by then.
const LIBRARIES: [(&str, &str); 5] = [
    ("OMP_NUM_THREADS", "1"),
    ("OPENBLAS_NUM_THREADS", "1"),
    ("MALLOC_MMAP_THRESHOLD_", "4194304"),
    ("MALLOC_TRIM_THRESHOLD_", "33554432"),
    ("ORT_DISABLE_TELEMETRY", "1"),
];

/// Makes sure that the libraries see [`LIBRARIES`], by starting this program once more with the variables set. Setting
/// them from within changes nothing any more (measured: 66 threads against 9).
pub(super) fn with_settled_libraries() {
    if LIBRARIES.iter().all(|(name, wanted)| std::env::var(name).is_ok_and(|value| value == *wanted)) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let error = Command::new(program).args(std::env::args_os().skip(1)).envs(LIBRARIES).exec();
    note!("tillsight: could not start again with {LIBRARIES:?} ({error}); going on with more threads and memory");
}

/// Builds the server, says where it listens, and runs until SIGTERM or SIGINT.
pub(super) async fn serve(settings: Settings) -> Result<(), CliError> {
    telemetry::init_logs(&settings).map_err(StartError::Logs)?;
    let docs = settings.public_docs;
    let application = Application::build(settings, Clock::system()).await?;
    // Before anybody is told that it listens: whoever then stops it at once must find it ready to be stopped.
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    match application.first_admin() {
        FirstAdmin::Existing => {}
        FirstAdmin::OneTimePasswordUnchanged => {
            say!("The user \"admin\" has not changed the one-time password yet. Where it is lost, start once with");
            say!("             TILLSIGHT_ADMIN_PASSWORD set: it takes its place.");
        }
        FirstAdmin::FromSettings => {
            say!("First admin: \"admin\", with the password from TILLSIGHT_ADMIN_PASSWORD.")
        }
        FirstAdmin::WithOneTimePassword(password) => {
            say!("First admin: \"admin\", one-time password: {}", password.expose_secret());
            say!("             It is shown only now and must be changed at the first login.");
        }
    }
    say!("tillsight listens on {}", application.url());
    if docs {
        say!("             The API, to read and to try: {}/docs", application.url());
    }
    // Whoever was to read the one-time password has not: no server that nobody can administer.
    terminal::written().map_err(CliError::Output)?;
    let asked_to_stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(application.run_until(asked_to_stop).await?)
}

/// Brings the tables up to date.
pub(super) async fn migrate(settings: Settings) -> Result<(), CliError> {
    let db = Database::connect(&settings.database_url, 1).await.map_err(StartError::Database)?;
    db.migrate().await.map_err(StartError::Database)?;
    db.close().await;
    say!("The database is up to date.");
    Ok(())
}
