//! The runbook, built into the program: what to do when a rule is violated.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::AlertRule;

const ENGLISH: &str = include_str!("../../deploy/RUNBOOK.md");
const KOREAN: &str = include_str!("../../deploy/RUNBOOK.ko.md");

/// What to do when a rule is violated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunbookSection {
    pub rule: AlertRule,
    /// In Markdown, without the heading.
    pub text: String,
}

impl RunbookSection {
    /// In English.
    pub fn of(rule: AlertRule) -> Self {
        Self::in_language(rule, "en")
    }

    /// `language` is the tag of a language of the pages; in any other than Korean, the section is in English.
    pub fn in_language(rule: AlertRule, language: &str) -> Self {
        let runbook = if language == "ko" { KOREAN } else { ENGLISH };
        Self { rule, text: find_section(runbook, rule.as_str()).unwrap_or_default().to_owned() }
    }
}

/// The text between the heading `## NAME` and the next heading of this level.
fn find_section<'a>(runbook: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = runbook.split_once(&format!("\n## {name}\n"))?;
    Some(after.split("\n## ").next()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_section_in_both_languages_with_the_same_lists_and_tables() {
        for rule in AlertRule::ALL {
            let text = RunbookSection::of(rule).text;
            assert!(text.starts_with("**What it means.**") && text.len() > 500, "{rule}: {text}");
            assert!(!text.contains("\n## "), "{rule}");
            let korean = RunbookSection::in_language(rule, "ko").text;
            assert!(korean.starts_with("**뜻.**"), "{rule}: {korean}");
            let parts = |text: &str| {
                text.lines().filter(|line| line.trim_start().starts_with(['|', '-', '1', '2', '3', '4'])).count()
            };
            assert_eq!(parts(&korean), parts(&text), "{rule}");
        }
    }
}
