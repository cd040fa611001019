//! `docs/reference` against the program: settings with their defaults, metrics, problem types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tillsight::config::{
    AutomationSettings, CheckoutSettings, EngineSettings, Limits, MonitoringSettings, Settings, TokenSettings,
};
use tillsight::http::problem::ProblemKind;
use tillsight::telemetry::PROCESS_METRICS;

use super::pages::root;

/// Groups of settings, which have no row of their own.
const GROUPS: [&str; 12] = [
    "automation",
    "limits",
    "tokens",
    "engine",
    "recognition",
    "checkout",
    "automation.download",
    "monitoring",
    "monitoring.rules",
    "monitoring.rules.failure_rate",
    "monitoring.rules.conflict_rate",
    "monitoring.rules.slow",
];

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}

/// The rows of a page's tables whose first cell is one code span: that, and the other cells.
fn rows(page: &str) -> BTreeMap<String, Vec<String>> {
    let mut rows = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let Some(name) = cells.get(1).and_then(|cell| cell.strip_prefix('`')?.strip_suffix('`')) else { continue };
        rows.insert(name.to_owned(), cells[2..].iter().map(|cell| (*cell).to_owned()).collect());
    }
    rows
}

/// The settings of a group, as the program lists them when it is given one that there is not.
fn settings_of(group: Option<&str>) -> Vec<String> {
    let table = group.map(|group| format!("[{group}]\n")).unwrap_or_default();
    let told = Settings::from_toml(&format!("{table}no_such_setting = 1")).unwrap_err().to_string();
    let known = told.split("there are ").nth(1).unwrap_or_else(|| panic!("{told}"));
    let is_name =
        |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c));
    let names = known.split(", ").filter(is_name);
    names.map(|name| group.map_or_else(|| name.to_owned(), |group| format!("{group}.{name}"))).collect()
}

#[test]
fn the_reference_lists_every_setting_and_no_other() {
    let page = read("docs/reference/settings.md");
    let listed = page.split("## Variables that are not settings").next().unwrap();
    let listed: BTreeSet<String> = rows(listed).into_keys().collect();
    let groups = std::iter::once(None).chain(GROUPS.map(Some));
    let there: BTreeSet<String> =
        groups.flat_map(settings_of).filter(|name| !GROUPS.contains(&name.as_str())).collect();
    assert!(there.len() > 60, "only {} settings found: {there:?}", there.len());
    let missing: Vec<_> = there.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&there).collect();
    assert!(missing.is_empty() && gone.is_empty(), "settings.md lacks {missing:?} and has {gone:?} too many");
}

#[test]
fn the_reference_tells_the_defaults() {
    let rows = rows(&read("docs/reference/settings.md"));
    let settings = Settings::from_toml("").unwrap();
    let mut defaults: BTreeMap<String, String> = [
        ("bind", settings.bind.to_string()),
        ("data_dir", settings.data_dir.display().to_string()),
        ("model", settings.model.display().to_string()),
        ("log_filter", settings.log_filter.clone()),
        ("currency", settings.currency.clone()),
        ("time_zone", settings.time_zone.clone()),
        ("http_workers", settings.http_workers.to_string()),
        ("public_docs", settings.public_docs.to_string()),
        ("public_metrics", settings.public_metrics.to_string()),
        ("stop_timeout_s", settings.stop_timeout_s.to_string()),
    ]
    .map(|(name, default)| (name.to_owned(), default))
    .into();
    let groups = [
        ("limits", serde_json::to_value(Limits::default())),
        ("tokens", serde_json::to_value(TokenSettings::default())),
        ("engine", serde_json::to_value(EngineSettings::default())),
        ("checkout", serde_json::to_value(CheckoutSettings::default())),
        ("monitoring", serde_json::to_value(MonitoringSettings::default())),
        ("automation", serde_json::to_value(AutomationSettings::default())),
    ];
    for (group, values) in groups {
        flatten(group, &values.unwrap(), &mut defaults);
    }
    for (name, default) in defaults {
        let told =
            rows.get(&name).and_then(|cells| cells.first()).unwrap_or_else(|| panic!("settings.md lacks {name}"));
        let expected = if default == "null" { "none".to_owned() } else { format!("`{default}`") };
        assert_eq!(*told, expected, "the default of {name}");
    }
}

fn flatten(name: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    if let Value::Object(fields) = value {
        fields.iter().for_each(|(field, value)| flatten(&format!("{name}.{field}"), value, into));
    } else {
        let text = value.to_string();
        into.insert(name.to_owned(), text.strip_suffix(".0").unwrap_or(&text).to_owned());
    }
}

#[test]
fn the_reference_lists_every_metric_and_no_other() {
    let source = read("src/telemetry/names.rs");
    let there: BTreeSet<String> = source
        .split("= \"tillsight_")
        .skip(1)
        .map(|rest| format!("tillsight_{}", rest.split('"').next().unwrap()))
        .chain(PROCESS_METRICS.map(|(name, ..)| name.to_owned()))
        .collect();
    assert!(there.len() > 40, "only {} metrics found", there.len());
    let page = read("docs/reference/metrics.md");
    let listed: BTreeSet<String> = rows(page.split("## What to alert on").next().unwrap()).into_keys().collect();
    let differing: Vec<_> = there.symmetric_difference(&listed).collect();
    assert!(differing.is_empty(), "on one side alone: {differing:?}");
}

#[test]
fn the_reference_lists_every_type_of_problem_with_its_status() {
    let page = read("docs/reference/api.md");
    let rows = rows(page.split("## Problem types").nth(1).unwrap());
    for kind in ProblemKind::ALL {
        let cells = rows.get(kind.slug()).unwrap_or_else(|| panic!("api.md lacks {}", kind.slug()));
        assert_eq!(cells[..2], [kind.status().as_u16().to_string(), kind.title().to_owned()], "{}", kind.slug());
    }
    assert_eq!(rows.len(), ProblemKind::ALL.len(), "api.md lists a type that there is not");
}
