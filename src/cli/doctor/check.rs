//! The result of one check: what was found, and what to do.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckState {
    Good,
    /// The server starts, but something will go wrong or goes worse than it could.
    Warning,
    /// The server does not start, or cannot sell.
    Broken,
}

impl CheckState {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Broken => "broken",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: CheckState,
    /// What was found, with the values.
    pub(super) finding: String,
    /// What to do; `None` if nothing.
    pub(super) advice: Option<String>,
}

impl Check {
    pub(super) fn good(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, state: CheckState::Good, finding: finding.into(), advice: None }
    }

    pub(super) fn warning(name: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state: CheckState::Warning, finding: finding.into(), advice: Some(advice.into()) }
    }

    pub(super) fn broken(name: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, state: CheckState::Broken, finding: finding.into(), advice: Some(advice.into()) }
    }

    /// Something that could not be looked at, because `what` is broken.
    pub(super) fn skipped(name: &'static str, what: &str) -> Self {
        Self::warning(name, format!("not checked, because {what} cannot be used"), format!("Mend {what} first."))
    }

    /// In one line.
    pub(super) fn line(&self) -> String {
        let advice = self.advice.as_deref().map(|advice| format!(". {advice}")).unwrap_or_default();
        format!("{:<8} {:<14} {}{advice}", self.state.word(), self.name, self.finding)
    }
}
