//! `tillsight demo`: the demonstration, on a server of its own or on one that runs.

use clap::Args;
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::CliError;
use crate::app::{Application, StartError};
use crate::clock::Clock;
use crate::config::Settings;
use crate::demo::{Client, DemoError, play};
use crate::telemetry;
use crate::terminal::say;

/// What can be chosen about the demonstration.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A running server to teach and sell on, such as http://127.0.0.1:8000; its admin's password is taken from
    /// TILLSIGHT_ADMIN_PASSWORD. Without it the demonstration starts a server of its own on a temporary database.
    #[arg(long)]
    url: Option<String>,
    /// Products to invent.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(2..=2_000))]
    products: u64,
}

/// Plays the demonstration.
pub(super) async fn run(options: Options) -> Result<(), CliError> {
    match options.url {
        Some(url) => on_running_server(&url, options.products).await,
        None => Box::pin(on_own_server(options.products)).await,
    }
}

async fn on_running_server(url: &str, products: u64) -> Result<(), CliError> {
    let password = std::env::var("TILLSIGHT_ADMIN_PASSWORD").map_err(|_| {
        let hint = "set TILLSIGHT_ADMIN_PASSWORD to the password of that server's user \"admin\"";
        CliError::Demo(hint.to_owned())
    })?;
    let shown = tell(url, &password, products).await?;
    say!("\nWhat to open next:");
    say!("   {url}/docs                      every operation, to read and to try");
    say!("   {url}/api/orders/{}   this order, with the admin's token", shown.order["id"].as_str().unwrap_or(""));
    Ok(())
}

async fn on_own_server(products: u64) -> Result<(), CliError> {
    super::serve::with_settled_libraries();
    let folder = tempfile::tempdir().map_err(|error| CliError::File(std::env::temp_dir(), error))?;
    let password = Uuid::new_v4().to_string();
    let mut settings = Settings::load()?;
    settings.bind = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    settings.data_dir = folder.path().to_owned();
    settings.database_url = SecretString::from(format!("sqlite://{}", folder.path().join("demo.db").display()));
    settings.admin_password = Some(SecretString::from(password.as_str()));
    settings.log_filter = "warn".to_owned();
    telemetry::init_logs(&settings).map_err(StartError::Logs)?;
    say!("Starting a server of its own, on an embedded database in a temporary folder …");
    let application = Application::build(settings, Clock::system()).await?;
    let url = application.url();
    say!("   it listens on {url}");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(application.run_until(async move {
        // A dropped sender means that the story is over, one way or the other.
        let _over = stopped.await;
    }));
    let outcome = tell(&url, &password, products).await;
    drop(stop);
    server.await.map_err(|error| CliError::Demo(format!("the server stopped by itself: {error}")))??;
    outcome?;
    say!("\nWhat to open next:");
    say!("   tillsight serve                 a server that stays (`make run` builds and starts it)");
    say!("   http://127.0.0.1:8000/docs      its API, to read and to try");
    say!("   TILLSIGHT_ADMIN_PASSWORD=… tillsight demo --url http://127.0.0.1:8000");
    say!("                                   the same story on that server");
    Ok(())
}

async fn tell(url: &str, password: &str, products: u64) -> Result<crate::demo::Report, CliError> {
    let anybody = Client::new(url);
    let tokens =
        anybody.post("/api/auth/login", json!({"username": "admin", "password": password})).await.map_err(failed)?;
    let token = tokens["access_token"].as_str().ok_or_else(|| failed(DemoError::Incomplete("access_token")))?;
    let products = usize::try_from(products).unwrap_or(usize::MAX);
    let report = play(&anybody.with_bearer(token), products).await.map_err(failed)?;
    let scanned = report.shown - report.matched - report.asked;
    say!(
        "\nOf {} things shown, the camera was sure of {}, asked about {} with the right answer among the",
        report.shown,
        report.matched,
        report.asked
    );
    say!("candidates, and left {scanned} to the scanner.");
    Ok(report)
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err, which gives the error away")]
fn failed(error: DemoError) -> CliError {
    CliError::Demo(error.to_string())
}
