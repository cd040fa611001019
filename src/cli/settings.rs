//! `tillsight settings`: every setting with its default and meaning, as a settings file to edit.
//!
//! Names, ranges and meanings come from the page that documents them, the defaults from the program. Tests compare the two,
//! so neither can drift.

use std::fmt::Write as _;

use clap::Args;

use super::CliError;
use crate::config::{Settings, SettingsReport};
use crate::terminal::say;

const REFERENCE: &str = include_str!("../../docs/reference/settings.md");
/// The part of the page behind the settings.
const END: &str = "\n## Variables that are not settings";
const HEAD: &str = "\
# Every setting of tillsight, with its default. To change one, take the # before its name away. Without one, its default counts.
# The server reads this file as tillsight.toml in its working directory, or where TILLSIGHT_CONFIG says; once, at its start.
# A variable overrides it: limits.image_bytes is TILLSIGHT_LIMITS__IMAGE_BYTES. With secrets in it: chmod 600.
";
const WIDTH: usize = 110;

/// No options: the settings in force are on the page /admin/settings.
#[derive(Debug, Args)]
pub(super) struct SettingsOptions {}

pub(super) fn run(_options: &SettingsOptions) -> Result<(), CliError> {
    let defaults = Settings::from_toml("")?.report;
    say!("{}", commented_file(&defaults).trim_end());
    Ok(())
}

/// A setting as its row in the page tells it.
struct Row<'a> {
    name: &'a str,
    /// If the page shows it as code.
    default: Option<&'a str>,
    range: String,
    meaning: String,
}

fn commented_file(defaults: &SettingsReport) -> String {
    let mut file = HEAD.to_owned();
    let mut table = "";
    let page = REFERENCE.split(END).next().unwrap_or_default();
    for row in page.lines().filter_map(parse_row) {
        let (group, key) = row.name.rsplit_once('.').unwrap_or(("", row.name));
        if group != table {
            let _in_memory = write!(file, "\n[{group}]\n");
            table = group;
        }
        let range = if row.range.is_empty() { String::new() } else { format!(" ({})", row.range) };
        file.push('\n');
        push_comment(&mut file, &format!("{}{range}", row.meaning));
        let setting = defaults.data.iter().find(|setting| setting.name == row.name);
        // JSON's texts, numbers and lists are also TOML's.
        let value = setting
            .and_then(|setting| setting.value.as_ref())
            .filter(|value| !value.is_null())
            .map(ToString::to_string);
        // The program does not show secrets, not even a default one.
        let value = value.or_else(|| row.default.map(|text| format!("\"{text}\"")));
        let _in_memory = writeln!(file, "#{key} ={}", value.map(|value| format!(" {value}")).unwrap_or_default());
    }
    file
}

/// The row of a setting: `| name | default | range | meaning |`, its name as code.
fn parse_row(line: &str) -> Option<Row<'_>> {
    let mut cells = line.split('|').map(str::trim).skip(1);
    let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
    let default = cells.next()?.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
    Some(Row { name, default, range: plain_text(cells.next()?), meaning: plain_text(cells.next()?) })
}

/// Markdown without links and marks of code.
fn plain_text(cell: &str) -> String {
    let mut text = String::new();
    let mut rest = cell;
    while let Some((before, link)) = rest.split_once('[') {
        text.push_str(before);
        match link.split_once("](").and_then(|(label, target)| Some((label, target.split_once(')')?.1))) {
            Some((label, after)) => {
                text.push_str(label);
                rest = after;
            }
            // Brackets that are no link: a list.
            None => {
                text.push('[');
                rest = link;
            }
        }
    }
    (text + rest).replace('`', "")
}

fn push_comment(file: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            file.push_str(&line);
            file.push_str("\n#");
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    file.push_str(&line);
    file.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> SettingsReport {
        Settings::from_toml("").unwrap().report
    }

    /// What is left when somebody takes the # before every name with a value away.
    fn uncommented(file: &str) -> String {
        let is_name = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase()) && !rest.ends_with('=');
        let lines = file.lines().filter_map(|line| match line.strip_prefix('#') {
            Some(rest) => is_name(rest).then_some(rest),
            None => Some(line),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_file_holds_every_setting_with_its_default() {
        let file = commented_file(&defaults());
        let read = Settings::from_toml(&uncommented(&file)).unwrap_or_else(|error| panic!("{error}\n{file}")).report;
        for (setting, default) in read.data.iter().zip(&defaults().data) {
            assert_eq!((&setting.name, &setting.value), (&default.name, &default.value));
            let key = setting.name.rsplit('.').next().unwrap();
            assert!(file.contains(&format!("\n#{key} =")), "{}", setting.name);
        }
        assert!(read.data.len() > 60 && file.contains("\n#database_url = \"sqlite://data/tillsight.db\"\n"), "{file}");
        assert_eq!(Settings::from_toml(&file).unwrap().report, defaults(), "as printed, it changes nothing");
    }

    #[test]
    fn comments_are_plain_text() {
        let file = commented_file(&defaults());
        assert!(file.contains("\n[monitoring.rules.slow]\n") && file.contains("#image_bytes = 10485760\n"), "{file}");
        assert!(file.lines().all(|line| line.chars().count() <= 130 && !line.contains('`')), "{file}");
        assert_eq!(
            plain_text("or `x`, with [`?sslmode=…`](../a.md#b): `[10.0.0.1]`"),
            "or x, with ?sslmode=…: [10.0.0.1]"
        );
    }
}
