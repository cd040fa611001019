//! The rules: what each one measures, and when it is violated.

use super::RuleEvaluationError;
use crate::config::AlertRuleSettings;
use crate::domain::{AlertRule, AlertSeverity, StoreId};
use crate::integrity::{Finding, StoreIntegrityView};
use crate::performance::{Performance, StorePerformance, Window};

impl AlertRule {
    /// The severity of an alert when it begins.
    pub fn severity(self) -> AlertSeverity {
        match self {
            Self::OrderFailureRate | Self::OrderSlow | Self::TaskQueueStuck | Self::TaskScheduleLate => {
                AlertSeverity::Warning
            }
            Self::OrderConflictRate | Self::NumberingIntegrity | Self::Storage => AlertSeverity::Critical,
        }
    }

    /// The section of the runbook that says what to do.
    pub fn runbook(self) -> String {
        format!("deploy/RUNBOOK.md#{self}")
    }
}

/// A present violation of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RuleViolation {
    pub rule: AlertRule,
    /// The rule and its subject: stays the same while the violation lasts.
    pub key: String,
    /// `None` if no store can be named.
    pub store: Option<StoreId>,
    /// For people, with store, values and numbers.
    pub message: String,
    pub value: f64,
    /// The largest value that is no violation.
    pub threshold: f64,
}

/// Violations of the rules on order statistics, each store by itself.
pub(super) async fn find_performance_violations(
    performance: &Performance,
    rules: &AlertRuleSettings,
) -> Result<Vec<RuleViolation>, RuleEvaluationError> {
    let mut violations = Vec::new();
    for rule in AlertRule::ALL {
        let (threshold, window_s, attempts_min) = match rule {
            AlertRule::OrderFailureRate => {
                (rules.failure_rate.threshold, rules.failure_rate.window_s, rules.failure_rate.attempts)
            }
            AlertRule::OrderConflictRate => {
                (rules.conflict_rate.threshold, rules.conflict_rate.window_s, rules.conflict_rate.attempts)
            }
            AlertRule::OrderSlow => (rules.slow.threshold, rules.slow.window_s, rules.slow.attempts),
            AlertRule::NumberingIntegrity
            | AlertRule::Storage
            | AlertRule::TaskQueueStuck
            | AlertRule::TaskScheduleLate => continue,
        };
        let stats = performance.window_stats(Window::new(window_s)?).await?;
        for store in stats.data.iter().filter(|store| relevant_attempts(rule, store) >= attempts_min) {
            let Some((value, message)) = measure(rule, store, window_s) else { continue };
            if value > threshold {
                let key = alert_key(rule, store.store_id, None);
                violations.push(RuleViolation { rule, key, store: store.store_id, message, value, threshold });
            }
        }
    }
    Ok(violations)
}

/// The attempts that a rule counts. Refused requests say nothing about failures and durations.
fn relevant_attempts(rule: AlertRule, store: &StorePerformance) -> i64 {
    match rule {
        AlertRule::OrderFailureRate | AlertRule::OrderSlow => store.succeeded + store.failed,
        AlertRule::OrderConflictRate
        | AlertRule::NumberingIntegrity
        | AlertRule::Storage
        | AlertRule::TaskQueueStuck
        | AlertRule::TaskScheduleLate => store.attempts,
    }
}

/// The value that a rule compares with its threshold, and a sentence about it.
fn measure(rule: AlertRule, store: &StorePerformance, window_s: i64) -> Option<(f64, String)> {
    let of_store = match &store.store_name {
        Some(name) => format!("of store {name}"),
        None => "of an unknown store".to_owned(),
    };
    let minutes = (window_s + 59) / 60;
    let attempts = relevant_attempts(rule, store);
    match rule {
        AlertRule::OrderFailureRate => store.failure_rate.map(|rate| {
            let failed = store.failed;
            (rate, format!("{failed} of {attempts} orders {of_store} failed within {minutes} minutes."))
        }),
        AlertRule::OrderConflictRate => store.conflict_rate.map(|rate| {
            let conflicts = store.conflicts;
            let message = format!(
                "{attempts} attempts to create orders {of_store} had {conflicts} conflicts over receipt numbers within \
                 {minutes} minutes."
            );
            (rate, message)
        }),
        AlertRule::OrderSlow => store.p95_ms.map(|p95_ms| {
            let seconds = p95_ms / 1_000.0;
            let message = format!(
                "The slowest 5 % of {attempts} orders {of_store} took {seconds:.2} s or more within {minutes} minutes."
            );
            (seconds, message)
        }),
        AlertRule::NumberingIntegrity
        | AlertRule::Storage
        | AlertRule::TaskQueueStuck
        | AlertRule::TaskScheduleLate => None,
    }
}

/// Violations by the newest integrity reports of a store.
pub(super) fn integrity_violations(integrity: &StoreIntegrityView) -> Vec<RuleViolation> {
    let store = Some((integrity.store_id, integrity.store_name.as_str()));
    integrity.findings.iter().map(|finding| finding_violation(store, finding)).collect()
}

/// Violations by lines that belong to no store.
pub(super) fn orphan_line_violations(findings: &[Finding]) -> Vec<RuleViolation> {
    findings.iter().map(|finding| finding_violation(None, finding)).collect()
}

fn finding_violation(store: Option<(StoreId, &str)>, finding: &Finding) -> RuleViolation {
    let rule = AlertRule::NumberingIntegrity;
    let (store, name) = store.unzip();
    let key = alert_key(rule, store, Some(finding));
    let message = finding.sentence(name);
    RuleViolation { rule, key, store, message, value: finding.count as f64, threshold: 0.0 }
}

/// `numbering-integrity:0190…:order:gap`; `none` if no store can be named.
pub(super) fn alert_key(rule: AlertRule, store: Option<StoreId>, finding: Option<&Finding>) -> String {
    let store = store.map_or_else(|| "none".to_owned(), |id| id.to_string());
    match finding {
        Some(Finding { series, kind, .. }) => {
            let kind = serde_json::to_value(kind).unwrap_or_default();
            format!("{rule}:{store}:{series}:{}", kind.as_str().unwrap_or_default())
        }
        None => format!("{rule}:{store}"),
    }
}
