//! The rules: what is looked at, and when it is worth an alert.

use crate::config::Rules;
use crate::db::DatabaseError;
use crate::domain::{AlertRule, AlertSeverity, InvalidField, StoreId};
use crate::integrity::{Finding, StandingView};
use crate::performance::{Performance, StorePerformance, Window};

impl AlertRule {
    /// The severity of an alert when it begins.
    pub fn severity(self) -> AlertSeverity {
        match self {
            Self::OrderFailureRate | Self::OrderSlow => AlertSeverity::Warning,
            Self::OrderConflictRate | Self::NumberingIntegrity => AlertSeverity::Critical,
        }
    }

    /// The section of the runbook that says what to do.
    pub fn runbook(self) -> String {
        format!("deploy/RUNBOOK.md#{self}")
    }
}

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RuleViolation {
    pub rule: AlertRule,
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
    for rule in AlertRule::ALL {
        let (threshold, window_s, least) = match rule {
            AlertRule::OrderFailureRate => {
                (rules.failure_rate.threshold, rules.failure_rate.window_s, rules.failure_rate.attempts)
            }
            AlertRule::OrderConflictRate => {
                (rules.conflict_rate.threshold, rules.conflict_rate.window_s, rules.conflict_rate.attempts)
            }
            AlertRule::OrderSlow => (rules.slow.threshold, rules.slow.window_s, rules.slow.attempts),
            AlertRule::NumberingIntegrity => continue,
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
fn judged_by(rule: AlertRule, store: &StorePerformance) -> i64 {
    match rule {
        AlertRule::OrderFailureRate | AlertRule::OrderSlow => store.succeeded + store.failed,
        AlertRule::OrderConflictRate | AlertRule::NumberingIntegrity => store.attempts,
    }
}

/// What `rule` looks at in `store`, with a sentence about it.
fn judged(rule: AlertRule, store: &StorePerformance, window_s: i64) -> Option<(f64, String)> {
    let name = store.store_name.as_deref().unwrap_or("no store that is known");
    let minutes = (window_s + 59) / 60;
    match rule {
        AlertRule::OrderFailureRate => store.failure_rate.map(|rate| {
            let of = store.succeeded + store.failed;
            (rate, format!("{name}: {} of {of} orders could not be made in {minutes} minutes", store.failed))
        }),
        AlertRule::OrderConflictRate => store.conflict_rate.map(|rate| {
            let (met, of) = (store.conflicts, store.attempts);
            (rate, format!("{name}: {met} conflicts over numbers in {of} attempts within {minutes} minutes"))
        }),
        AlertRule::OrderSlow => store.p95_ms.map(|millis| {
            let seconds = millis / 1_000.0;
            let of = store.succeeded + store.failed;
            (
                seconds,
                format!(
                    "{name}: the slowest twentieth of {of} orders took {seconds:.2} s or more within {minutes} minutes"
                ),
            )
        }),
        AlertRule::NumberingIntegrity => None,
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
    let rule = AlertRule::NumberingIntegrity;
    let message = format!("{name}: {}", finding.in_words());
    let key = key(rule, store, Some(finding));
    RuleViolation { rule, key, store, message, value: finding.count as f64, threshold: 0.0 }
}

/// `numbering-integrity:0190…:order:gap`; `none` where no store can be named.
fn key(rule: AlertRule, store: Option<StoreId>, finding: Option<&Finding>) -> String {
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
