//! The settings in force with their source, read only.

use actix_web::web::Data;
use askama::Template;

use crate::config::{SettingSource, SettingView};
use crate::http::Services;
use crate::web::page::{Page, PageResult};

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsTemplate<'a> {
    page: &'a Page,
    /// Those that the file or the environment set.
    changed: Vec<&'a SettingView>,
    /// The rest by group; the first group has no name.
    groups: Vec<(&'a str, Vec<&'a SettingView>)>,
}

pub async fn show(page: Page, services: Data<Services>) -> PageResult {
    let (defaults, changed): (Vec<_>, Vec<_>) =
        services.settings.data.iter().partition(|setting| setting.source == SettingSource::Default);
    let mut groups: Vec<(&str, Vec<&SettingView>)> = Vec::new();
    for setting in defaults {
        let group = setting.name.split_once('.').map_or("", |(group, _)| group);
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, settings)) => settings.push(setting),
            None => groups.push((group, vec![setting])),
        }
    }
    groups.sort_by_key(|(name, _)| *name);
    page.render(&SettingsTemplate { page: &page, changed, groups })
}

impl SettingsTemplate<'_> {
    /// The value as it is written in the settings file.
    fn value(&self, setting: &SettingView) -> String {
        match (&setting.value, setting.is_secret, setting.is_set) {
            (_, true, true) => self.page.text("setting-secret-set"),
            (None, _, _) => self.page.text("setting-none"),
            (Some(serde_json::Value::String(text)), _, _) => text.clone(),
            (Some(value), _, _) => value.to_string(),
        }
    }

    /// The name of the variable that sets it.
    fn variable(&self, setting: &SettingView) -> String {
        format!("TILLSIGHT_{}", setting.name.to_uppercase().replace('.', "__"))
    }

    fn source(&self, setting: &SettingView) -> String {
        self.page.text(match setting.source {
            SettingSource::Default => "setting-source-default",
            SettingSource::File => "setting-source-file",
            SettingSource::Environment => "setting-source-environment",
        })
    }
}
