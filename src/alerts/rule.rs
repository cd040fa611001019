//! The rules: what is looked at, and when it is worth an alert.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Rules;
use crate::db::DatabaseError;
use crate::domain::{InvalidField, StoreId};
use crate::integrity::{Finding, StandingView};
use crate::performance::{Performance, StorePerformance, Window};

/// What an alert is raised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Orders cannot be made for the server's reasons.
    OrderFailureRate,
    /// Transactions meet one another over numbers.
    OrderConflictRate,
    /// Receipt numbers or hash chains are not whole.
    NumberingIntegrity,
    /// Making an order takes long.
    OrderSlow,
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It should be seen to today.
    Warning,
    /// It should be seen to now.
    Critical,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::OrderFailureRate, Self::OrderConflictRate, Self::NumberingIntegrity, Self::OrderSlow];

    /// The word that is stored and sent, and the heading of its section in the runbook.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrderFailureRate => "order-failure-rate",
            Self::OrderConflictRate => "order-conflict-rate",
            Self::NumberingIntegrity => "numbering-integrity",
            Self::OrderSlow => "order-slow",
        }
    }

    /// How urgent it is when it begins.
    pub fn severity(self) -> Severity {
        match self {
            Self::OrderFailureRate | Self::OrderSlow => Severity::Warning,
            Self::OrderConflictRate | Self::NumberingIntegrity => Severity::Critical,
        }
    }

    /// Where the runbook says what to do.
    pub fn runbook(self) -> String {
        format!("deploy/RUNBOOK.md#{}", self.as_str())
    }

    /// Reads the word that is stored.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == word)
    }
}

impl Severity {
    /// The word that is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// Reads the word that is stored.
    pub fn read(word: &str) -> Option<Self> {
        [Self::Warning, Self::Critical].into_iter().find(|severity| severity.as_str() == word)
    }
}

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RuleViolation {
    pub rule: Rule,
    /// The rule and what it is about: the same thing has the same key as long as it is wrong.
    pub key: String,
    /// The store; nothing where none can be named.
    pub store: Option<StoreId>,
    /// For people, with store, values and numbers.
    pub message: String,
    /// What was measured.
    pub value: f64,
    /// What it may be at most.
    pub threshold: f64,
}

/// What is wrong with how orders went lately, each store for itself.
pub(super) async fn of_performance(performance: &Performance, rules: &Rules) -> Result<Vec<RuleViolation>, WatchError> {
    let mut wrong = Vec::new();
    for rule in Rule::ALL {
        let (threshold, window_s, least) = match rule {
            Rule::OrderFailureRate => {
                (rules.failure_rate.threshold, rules.failure_rate.window_s, rules.failure_rate.attempts)
            }
            Rule::OrderConflictRate => {
                (rules.conflict_rate.threshold, rules.conflict_rate.window_s, rules.conflict_rate.attempts)
            }
            Rule::OrderSlow => (rules.slow.threshold, rules.slow.window_s, rules.slow.attempts),
            Rule::NumberingIntegrity => continue,
        };
        let stats = performance.window_stats(Window::new(window_s)?).await?;
        for store in stats.data.iter().filter(|store| judged_by(rule, store) >= least) {
            if let Some((value, message)) = judged(rule, store, window_s).filter(|(value, _)| *value > threshold) {
                wrong.push(RuleViolation {
                    rule,
                    key: key(rule, store.store_id, None),
                    store: store.store_id,
                    message,
                    value,
                    threshold,
                });
            }
        }
    }
    Ok(wrong)
}

/// How many attempts `rule` goes by: what was refused for the till's reasons says nothing of failures and times.
fn judged_by(rule: Rule, store: &StorePerformance) -> i64 {
    match rule {
        Rule::OrderFailureRate | Rule::OrderSlow => store.succeeded + store.failed,
        Rule::OrderConflictRate | Rule::NumberingIntegrity => store.attempts,
    }
}

/// What `rule` looks at in `store`, with a sentence about it.
fn judged(rule: Rule, store: &StorePerformance, window_s: i64) -> Option<(f64, String)> {
    let name = store.store_name.as_deref().unwrap_or("no store that is known");
    let minutes = (window_s + 59) / 60;
    match rule {
        Rule::OrderFailureRate => store.failure_rate.map(|rate| {
            let of = store.succeeded + store.failed;
            (rate, format!("{name}: {} of {of} orders could not be made in {minutes} minutes", store.failed))
        }),
        Rule::OrderConflictRate => store.conflict_rate.map(|rate| {
            let (met, of) = (store.conflicts, store.attempts);
            (rate, format!("{name}: {met} conflicts over numbers in {of} attempts within {minutes} minutes"))
        }),
        Rule::OrderSlow => store.p95_ms.map(|millis| {
            let seconds = millis / 1_000.0;
            let of = store.succeeded + store.failed;
            (
                seconds,
                format!(
                    "{name}: the slowest twentieth of {of} orders took {seconds:.2} s or more within {minutes} minutes"
                ),
            )
        }),
        Rule::NumberingIntegrity => None,
    }
}

/// What is wrong with numbers and chains by a store's newest reports.
pub(super) fn of_integrity(standing: &StandingView) -> Vec<RuleViolation> {
    let about = |finding| of_finding(Some(standing.store_id), &standing.store_name, finding);
    standing.findings.iter().map(about).collect()
}

/// What is wrong with lines that belong to no store.
pub(super) fn of_strays(findings: &[Finding]) -> Vec<RuleViolation> {
    findings.iter().map(|finding| of_finding(None, "no store that is known", finding)).collect()
}

fn of_finding(store: Option<StoreId>, name: &str, finding: &Finding) -> RuleViolation {
    let rule = Rule::NumberingIntegrity;
    let message = format!("{name}: {}", finding.in_words());
    let key = key(rule, store, Some(finding));
    RuleViolation { rule, key, store, message, value: finding.count as f64, threshold: 0.0 }
}

/// `numbering-integrity:0190…:order:gap`; `none` where no store can be named.
fn key(rule: Rule, store: Option<StoreId>, finding: Option<&Finding>) -> String {
    let store = store.map_or_else(|| "none".to_owned(), |id| id.to_string());
    match finding {
        Some(Finding { series, kind, .. }) => {
            let kind = serde_json::to_value(kind).unwrap_or_default();
            format!("{}:{store}:{}:{}", rule.as_str(), series.as_str(), kind.as_str().unwrap_or_default())
        }
        None => format!("{}:{store}", rule.as_str()),
    }
}

/// Why the rules could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A window that the settings should not have let through.
    #[error("{0}")]
    Window(#[from] InvalidField),
    /// The numbers' state could not be read.
    #[error(transparent)]
    Integrity(#[from] crate::integrity::IntegrityError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
