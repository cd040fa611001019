//! `tillsight demo`: the demonstration, on a server of its own or on a running one.

use clap::Args;
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::CliError;
use crate::app::{Application, StartError};
use crate::clock::Clock;
use crate::config::Settings;
use crate::demo::{Client, DemoError, DemoReport, play};
use crate::telemetry;
use crate::terminal::say;

#[derive(Debug, Args)]
pub(super) struct DemoOptions {
    /// URL of a running server to use, such as http://127.0.0.1:8000; its admin's password is taken from
    /// TILLSIGHT_ADMIN_PASSWORD. Without it, the demonstration starts a server of its own with a temporary database.
    #[arg(long)]
    url: Option<String>,
    /// Number of invented products.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(2..=2_000))]
    products: u64,
}

pub(super) async fn run(options: DemoOptions) -> Result<(), CliError> {
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
    let report = play_and_print(url, &password, products).await?;
    say!("\nWhat to open next:");
    say!("   {url}/docs                      the API, to read and to try");
    say!("   {url}/api/orders/{}   this order, with the admin's token", report.order["id"].as_str().unwrap_or(""));
    Ok(())
}

async fn on_own_server(products: u64) -> Result<(), CliError> {
    super::serve::restart_with_library_variables();
    let folder = tempfile::tempdir().map_err(|error| CliError::File(std::env::temp_dir(), error))?;
    let password = Uuid::new_v4().to_string();
    let mut settings = Settings::load()?;
    settings.bind = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    settings.data_dir = folder.path().to_owned();
    settings.database_url = SecretString::from(format!("sqlite://{}", folder.path().join("demo.db").display()));
    settings.admin_password = Some(SecretString::from(password.as_str()));
    settings.log_filter = "warn".to_owned();
    telemetry::init_logs(&settings).map_err(StartError::Logs)?;
    say!("Starting a server with an embedded database in a temporary folder …");
    let application = Application::build(settings, Clock::system()).await?;
    let url = application.url();
    say!("   it listens on {url}");
    let (stop, stop_signal) = oneshot::channel::<()>();
    let server = tokio::spawn(application.run_until(async move {
        // The sender is dropped when the demonstration ends.
        let _ended = stop_signal.await;
    }));
    let result = play_and_print(&url, &password, products).await;
    drop(stop);
    server.await.map_err(|error| CliError::Demo(format!("the server stopped by itself: {error}")))??;
    result?;
    say!("\nWhat to open next:");
    say!("   tillsight serve                 start a permanent server (`make run` builds and starts it)");
    say!("   http://127.0.0.1:8000/docs      its API, to read and to try");
    say!("   TILLSIGHT_ADMIN_PASSWORD=… tillsight demo --url http://127.0.0.1:8000");
    say!("                                   the same demonstration on that server");
    Ok(())
}

async fn play_and_print(url: &str, password: &str, products: u64) -> Result<DemoReport, CliError> {
    let anonymous = Client::new(url);
    let tokens = anonymous
        .post("/api/auth/login", json!({"username": "admin", "password": password}))
        .await
        .map_err(demo_error)?;
    let token = tokens["access_token"].as_str().ok_or_else(|| demo_error(DemoError::Incomplete("access_token")))?;
    let products = usize::try_from(products).unwrap_or(usize::MAX);
    let report = play(&anonymous.with_bearer(token), products).await.map_err(demo_error)?;
    let scanned = report.bought - report.matched - report.tapped;
    say!(
        "\nOf {} products, {} were matched, {} were among the candidates and tapped, and {scanned} had to be scanned.",
        report.bought,
        report.matched,
        report.tapped
    );
    Ok(report)
}

#[expect(clippy::needless_pass_by_value, reason = "map_err passes the error by value")]
fn demo_error(error: DemoError) -> CliError {
    CliError::Demo(error.to_string())
}
