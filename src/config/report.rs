//! The settings in force and where each comes from, for admins. A secret is only ever told to be set or not.

use figment::value::{Tag, Value};
use figment::{Figment, Source};
use serde::Serialize;
use utoipa::ToSchema;

use super::SECRETS;

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SettingSource {
    /// Built into the program.
    Default,
    /// The settings file.
    File,
    /// A `TILLSIGHT_*` variable.
    Environment,
}

/// A setting as it is in force.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SettingView {
    #[schema(examples("limits.image_bytes"))]
    pub name: String,
    /// `null` if it has none, and of a secret.
    #[schema(value_type = Value)]
    pub value: Option<serde_json::Value>,
    /// Whether the value is never shown.
    pub is_secret: bool,
    /// Whether a secret has a value.
    pub is_set: bool,
    pub source: SettingSource,
}

/// Every setting, ordered by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct SettingsReport {
    pub data: Vec<SettingView>,
}

impl SettingsReport {
    /// `from_variable` says whether a secret was read from the environment.
    pub(super) fn new(figment: &Figment, from_variable: impl Fn(&str) -> bool) -> Self {
        let mut data = Vec::new();
        if let Ok(all) = figment.extract::<Value>() {
            add_leaves(figment, "", &all, &mut data);
        }
        data.retain(|setting| !SECRETS.contains(&setting.name.as_str()));
        for name in SECRETS {
            let value = figment.find_value(name).ok();
            let source = match &value {
                _ if from_variable(name) => SettingSource::Environment,
                Some(value) => source_of(figment, value.tag()),
                None => SettingSource::Default,
            };
            let is_set = value.is_some();
            data.push(SettingView { name: name.to_owned(), value: None, is_secret: true, is_set, source });
        }
        data.sort_by(|a, b| a.name.cmp(&b.name));
        Self { data }
    }
}

fn add_leaves(figment: &Figment, prefix: &str, value: &Value, data: &mut Vec<SettingView>) {
    if let Value::Dict(_, fields) = value {
        for (name, value) in fields {
            let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            add_leaves(figment, &name, value, data);
        }
        return;
    }
    data.push(SettingView {
        name: prefix.to_owned(),
        value: serde_json::to_value(value).ok(),
        is_secret: false,
        is_set: true,
        source: source_of(figment, value.tag()),
    });
}

fn source_of(figment: &Figment, tag: Tag) -> SettingSource {
    match figment.get_metadata(tag) {
        Some(metadata) if matches!(metadata.source, Some(Source::File(_))) => SettingSource::File,
        // A text in place of a file, in tests.
        Some(metadata) if metadata.name.starts_with("TOML") => SettingSource::File,
        Some(metadata) if metadata.name.contains("environment variable") => SettingSource::Environment,
        Some(_) | None => SettingSource::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn find<'a>(report: &'a SettingsReport, name: &str) -> &'a SettingView {
        report.data.iter().find(|setting| setting.name == name).unwrap()
    }

    #[test]
    fn each_setting_has_its_value_and_source_and_secrets_have_none() {
        let overlay = "currency = \"KRW\"\nadmin_password = \"correct horse\"\n[limits]\npage = 50";
        let report = Settings::from_toml(overlay).unwrap().report;
        let currency = find(&report, "currency");
        assert_eq!((currency.value.clone(), currency.source), (Some("KRW".into()), SettingSource::File));
        assert_eq!(find(&report, "limits.page").source, SettingSource::File);
        let bind = find(&report, "bind");
        assert_eq!((bind.value.clone(), bind.source), (Some("127.0.0.1:8000".into()), SettingSource::Default));
        let password = find(&report, "admin_password");
        assert_eq!((password.is_secret, password.is_set, password.source), (true, true, SettingSource::File));
        assert!(!find(&report, "token_secret").is_set);
        assert!(!serde_json::to_string(&report).unwrap().contains("horse"));
        assert!(report.data.len() > 60, "{}", report.data.len());
    }
}
