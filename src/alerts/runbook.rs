//! The runbook, built into the program: what to do when a rule is violated.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::AlertRule;

const RUNBOOK: &str = include_str!("../../deploy/RUNBOOK.md");

/// What to do when a rule is violated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunbookSection {
    pub rule: AlertRule,
    /// In Markdown, without the heading.
    pub text: String,
}

impl RunbookSection {
    pub fn of(rule: AlertRule) -> Self {
        Self { rule, text: find_section(RUNBOOK, rule.as_str()).unwrap_or_default().to_owned() }
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
    fn every_rule_has_a_section() {
        for rule in AlertRule::ALL {
            let text = RunbookSection::of(rule).text;
            assert!(text.starts_with("**What it means.**") && text.len() > 500, "{rule}: {text}");
            assert!(!text.contains("\n## "), "{rule}");
        }
    }
}
