//! The operator's settings: whether they can be read, and what in them is dangerous.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::check::Check;
use crate::config::{ConfigError, Environment, SettingSource, Settings, SettingsReport};
use crate::db::sqlite_file;

const NAME: &str = "settings";

pub(super) fn check_settings(settings: &Result<Settings, ConfigError>) -> Check {
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            let advice = "Correct it; `tillsight settings` prints every setting with its default and meaning.";
            return Check::broken(NAME, error.to_string(), advice);
        }
    };
    let file = Settings::file_path();
    if let Some(mode) = readable_secrets(&file, &settings.report) {
        let finding = format!("{} holds secrets, and other users can read it (mode {mode:o})", file.display());
        return Check::warning(NAME, finding, format!("Run: chmod 600 {}", file.display()));
    }
    if settings.environment == Environment::Development {
        let finding = "environment is \"development\", so admins may have well-known passwords";
        return Check::warning(NAME, finding, "Set environment = \"production\" where customers are.");
    }
    let is_postgres = matches!(sqlite_file(&settings.database_url), Ok(None));
    if is_postgres && settings.token_secret.is_none() {
        let finding = "token_secret is not set, so each server signs logins with a key of its own";
        let advice = "For several servers, give all the same TILLSIGHT_TOKEN_SECRET, 32 random bytes or more.";
        return Check::warning(NAME, finding, advice);
    }
    Check::good(NAME, summary(&file, &settings.report))
}

fn summary(file: &Path, report: &SettingsReport) -> String {
    let count = |source| report.data.iter().filter(|setting| setting.source == source).count();
    let (from_file, from_variables) = (count(SettingSource::File), count(SettingSource::Environment));
    let file = if file.is_file() { file.display().to_string() } else { format!("{} (no such file)", file.display()) };
    let all = report.data.len();
    format!(
        "{from_file} from {file}, {from_variables} from variables, the other {} as by default",
        all - from_file - from_variables
    )
}

/// The mode of a file with secrets that others can read.
fn readable_secrets(file: &Path, report: &SettingsReport) -> Option<u32> {
    let has_secrets = report.data.iter().any(|setting| setting.is_secret && setting.source == SettingSource::File);
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (has_secrets && mode & 0o004 != 0).then_some(mode)
}
