//! Settings: built-in defaults, overridden by a file, overridden by `TILLSIGHT_*` variables.
//!
//! Loaded and validated once, at start. A setting that is unknown, misspelt or out of range ends the start with one line that
//! names it. Secrets are [`SecretString`]s, which neither `Debug` nor a log can show.

mod automation;
mod limits;
mod monitoring;
mod read_error;
mod report;
mod validate;
mod webhook_secret;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::UncasedStr;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use automation::{AutomationSettings, DownloadSettings, WORKERS_MAX};
pub use limits::{CheckoutSettings, EngineSettings, Limits, RecognitionSettings, TokenSettings};
pub use monitoring::{AlertRuleSettings, MonitoringSettings};
pub use report::{SettingSource, SettingView, SettingsReport};
pub use webhook_secret::parse_webhook_secret;

/// The settings file, unless `TILLSIGHT_CONFIG` names another one; it may be missing.
pub const DEFAULT_FILE: &str = "tillsight.toml";

/// Variables with the prefix of settings that belong to the test set-up.
const NOT_SETTINGS: [&str; 3] = ["config", "test_postgres_url", "skipped_tests"];

/// Settings whose values are never shown or parsed.
const SECRETS: [&str; 7] = [
    "admin_password",
    "token_secret",
    "database_url",
    "monitoring.slack_url",
    "monitoring.webhook_url",
    "monitoring.webhook_secret",
    "monitoring.webhook_secret_previous",
];

/// Where the server runs. In production, the start is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// A developer's machine.
    Development,
    /// Any server that customers can reach.
    Production,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Where the certificate of HTTPS comes from, if no files are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// The server makes one and keeps it in the data folder.
    SelfSigned,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address and port to listen on.
    pub bind: SocketAddr,
    /// HTTPS with a certificate that the server makes.
    pub tls: Option<TlsMode>,
    /// HTTPS with this certificate chain (PEM) …
    pub tls_cert: Option<PathBuf>,
    /// … and its private key (PEM).
    pub tls_key: Option<PathBuf>,
    /// `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/NAME`; secret, because it may contain a password.
    pub database_url: SecretString,
    /// Folder for the embedded database, images and the token key.
    pub data_dir: PathBuf,
    /// Manifest of the embedding model.
    pub model: PathBuf,
    /// Password of the first admin; without it the first start prints a one-time password.
    pub admin_password: Option<SecretString>,
    /// Key that signs access tokens, at least 32 bytes; without it, one is generated and saved in the data folder.
    pub token_secret: Option<SecretString>,
    pub environment: Environment,
    pub log_format: LogFormat,
    /// In the syntax of `tracing_subscriber::EnvFilter`.
    pub log_filter: String,
    /// Default currency of prices and stores.
    pub currency: String,
    /// IANA name of the default time zone of stores.
    pub time_zone: String,
    /// HTTP worker threads; 0: as many as cores.
    pub http_workers: usize,
    /// Addresses of reverse proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpAddr>,
    /// The address under which phones reach the server, for QR codes: `https://shop.example.org`.
    pub public_url: Option<String>,
    /// Web origins that may call the API from a browser, for example `https://till.example.org`.
    pub cors_origins: Vec<String>,
    /// Whether `/docs` and `/api/openapi.json` are served.
    pub public_docs: bool,
    /// Whether `/metrics` is served.
    pub public_metrics: bool,
    /// Seconds that requests in flight may take after a stop signal.
    pub stop_timeout_s: u64,
    pub limits: Limits,
    pub tokens: TokenSettings,
    pub engine: EngineSettings,
    pub recognition: RecognitionSettings,
    pub checkout: CheckoutSettings,
    pub monitoring: MonitoringSettings,
    /// These settings as admins are shown them.
    #[serde(skip)]
    pub report: SettingsReport,
    pub automation: AutomationSettings,
}

/// The defaults that files and variables override; secrets have none.
#[derive(Serialize)]
struct Defaults {
    bind: &'static str,
    data_dir: &'static str,
    model: &'static str,
    environment: Environment,
    log_format: LogFormat,
    log_filter: &'static str,
    currency: &'static str,
    time_zone: &'static str,
    http_workers: usize,
    trusted_proxies: Vec<IpAddr>,
    cors_origins: Vec<String>,
    public_docs: bool,
    public_metrics: bool,
    stop_timeout_s: u64,
    database_url: &'static str,
    limits: Limits,
    tokens: TokenSettings,
    engine: EngineSettings,
    recognition: RecognitionSettings,
    checkout: CheckoutSettings,
    monitoring: MonitoringSettings,
    automation: AutomationSettings,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1:8000",
            database_url: "sqlite://data/tillsight.db",
            data_dir: "data",
            model: "models/tillsight-small.json",
            environment: Environment::Production,
            log_format: LogFormat::Text,
            log_filter: "info,sqlx=warn,ort=warn,actix_server=warn,actix_http=off",
            currency: "EUR",
            time_zone: "UTC",
            http_workers: 0,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            public_docs: true,
            public_metrics: true,
            stop_timeout_s: 30,
            limits: Limits::default(),
            tokens: TokenSettings::default(),
            engine: EngineSettings::default(),
            recognition: RecognitionSettings::default(),
            checkout: CheckoutSettings::default(),
            monitoring: MonitoringSettings::default(),
            automation: AutomationSettings::default(),
        }
    }
}

/// Why the settings cannot be used: one line for the person who starts the server.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("settings file {} (from TILLSIGHT_CONFIG) does not exist, or is not a file", .0.display())]
    NoFile(PathBuf),
    /// The file or a value in it cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The value parses but is invalid.
    #[error("setting {name}: {reason}")]
    Invalid {
        name: &'static str,
        /// What is wrong, and what would be valid.
        reason: String,
    },
}

impl Settings {
    /// The file that `TILLSIGHT_CONFIG` names, or else [`DEFAULT_FILE`].
    pub fn file_path() -> PathBuf {
        std::env::var_os("TILLSIGHT_CONFIG").map_or_else(|| PathBuf::from(DEFAULT_FILE), PathBuf::from)
    }

    /// The wanted format of the log, also if other settings cannot be read.
    pub fn log_format() -> LogFormat {
        let environment = Env::prefixed("TILLSIGHT_").only(&["log_format"]);
        let layers = Self::layers(&Self::file_path()).merge(environment);
        layers.extract_inner("log_format").unwrap_or(LogFormat::Text)
    }

    /// Merges defaults, file and environment, in this order, and validates the result.
    pub fn load() -> Result<Self, ConfigError> {
        let file = Self::file_path();
        if std::env::var_os("TILLSIGHT_CONFIG").is_some() && !file.is_file() {
            return Err(ConfigError::NoFile(file));
        }
        let is_secret = |key: &UncasedStr| SECRETS.iter().any(|name| *key == name.replace('.', "__"));
        let environment =
            Env::prefixed("TILLSIGHT_").ignore(&NOT_SETTINGS).filter(move |key| !is_secret(key)).split("__");
        // Secrets are not parsed: a password of digits is a text, and a quotation mark in it is part of it.
        let secrets = SECRETS.iter().filter_map(|name| {
            let value = std::env::var(variable_of(name)).ok()?;
            Some((*name, value))
        });
        let layers = secrets.fold(Self::layers(&file).merge(environment), |layers, secret| {
            layers.merge(Serialized::global(secret.0, secret.1))
        });
        let mut settings = Self::from_figment(&layers)?;
        settings.report = SettingsReport::new(&layers, |name| std::env::var_os(variable_of(name)).is_some());
        Ok(settings)
    }

    /// The defaults with the changes in `overlay` (TOML), for tests and benches.
    pub fn from_toml(overlay: &str) -> Result<Self, ConfigError> {
        let layers = Figment::from(Serialized::defaults(Defaults::default())).merge(Toml::string(overlay));
        let mut settings = Self::from_figment(&layers)?;
        settings.report = SettingsReport::new(&layers, |_| false);
        Ok(settings)
    }

    fn layers(file: &Path) -> Figment {
        Figment::from(Serialized::defaults(Defaults::default())).merge(Toml::file(file))
    }

    fn from_figment(figment: &Figment) -> Result<Self, ConfigError> {
        let settings: Self =
            figment.extract().map_err(|error| ConfigError::Unreadable(read_error::describe(figment, &error)))?;
        validate::validate(&settings)?;
        Ok(settings)
    }
}

/// The variable of a setting.
fn variable_of(name: &str) -> String {
    format!("TILLSIGHT_{}", name.to_uppercase().replace('.', "__"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_stable() {
        let settings = Settings::from_toml("").unwrap();
        assert_eq!(settings.bind.to_string(), "127.0.0.1:8000");
        assert_eq!(settings.data_dir, PathBuf::from("data"));
    }

    #[test]
    fn a_misspelt_setting_and_a_wrong_type_are_named() {
        let unknown = Settings::from_toml("bindd = \"x\"").unwrap_err().to_string();
        assert!(unknown.contains("bindd"), "{unknown}");
        let wrong = Settings::from_toml("[limits]\nimage_bytes = \"many\"").unwrap_err().to_string();
        assert!(wrong.contains("limits.image_bytes") && wrong.contains("many"), "{wrong}");
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let settings = Settings::from_toml("admin_password = \"correct horse battery\"").unwrap();
        assert!(!format!("{settings:?}").contains("horse"));
        let refused = Settings::from_toml("admin_password = 837261940581").unwrap_err().to_string();
        assert!(refused.contains("admin_password") && !refused.contains("8372"), "{refused}");
    }
}
