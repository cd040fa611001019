//! The evaluation of all rules: what is violated now, and what could not be read.

use super::Alerts;
use super::rule::{self, RuleViolation};
use crate::db::DatabaseError;
use crate::db::alerts::AlertRow;
use crate::domain::{AlertRule, InvalidField, StoreId};
use crate::integrity::IntegrityError;

/// Stores that are read at a time.
const STORES_PAGE_SIZE: i64 = 200;

/// Why the rules could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum RuleEvaluationError {
    /// A window that the settings should not have allowed.
    #[error("{0}")]
    Window(#[from] InvalidField),
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The result of an evaluation.
#[derive(Debug, Default)]
pub(super) struct RuleEvaluation {
    pub violations: Vec<RuleViolation>,
    /// Scopes that could not be read: their alerts stay as they are.
    unknown: Vec<AlertScope>,
}

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AlertScope {
    /// Order statistics of all stores.
    Performance,
    /// Numbers and chains of a store; [`StoreId::NIL`] for lines that belong to no store.
    Integrity(StoreId),
    /// The queue and the schedules of tasks.
    Tasks,
}

impl RuleEvaluation {
    fn mark_unknown(&mut self, scope: AlertScope, error: &dyn std::fmt::Display) {
        tracing::warn!(%error, ?scope, "a rule could not be evaluated; its alerts stay as they are");
        self.unknown.push(scope);
    }

    /// Whether nothing is known about the subject of the alert.
    pub fn is_unknown(&self, row: &AlertRow) -> bool {
        let scope = match row.rule {
            AlertRule::NumberingIntegrity => AlertScope::Integrity(row.store_id),
            AlertRule::OrderFailureRate | AlertRule::OrderConflictRate | AlertRule::OrderSlow => {
                AlertScope::Performance
            }
            AlertRule::TaskQueueStuck | AlertRule::TaskScheduleLate => AlertScope::Tasks,
            // No such alert is in the database.
            AlertRule::Storage => return true,
        };
        self.unknown.contains(&scope)
    }
}

impl Alerts {
    /// The present violations of all rules. A scope that cannot be read does not hide the others.
    pub(super) async fn collect_violations(&self) -> Result<RuleEvaluation, RuleEvaluationError> {
        let mut evaluation = RuleEvaluation::default();
        match rule::find_performance_violations(&self.performance, &self.settings.rules).await {
            Ok(violations) => evaluation.violations.extend(violations),
            Err(error) => evaluation.mark_unknown(AlertScope::Performance, &error),
        }
        match self.integrity.get_orphan_report().await {
            Ok(report) => {
                let findings = report.map(|report| report.findings).unwrap_or_default();
                evaluation.violations.extend(rule::orphan_line_violations(&findings));
            }
            Err(error) => evaluation.mark_unknown(AlertScope::Integrity(StoreId::NIL), &error),
        }
        match self.task_faults.find_violations(&self.db, self.clock.now()).await {
            Ok(violations) => evaluation.violations.extend(violations),
            Err(error) => evaluation.mark_unknown(AlertScope::Tasks, &error),
        }
        let mut after = StoreId::NIL;
        loop {
            let stores = self.integrity.list_store_integrity(after, STORES_PAGE_SIZE).await?;
            let Some((last, _)) = stores.last() else { break };
            after = *last;
            for (store, integrity) in stores {
                match integrity {
                    Ok(integrity) => evaluation.violations.extend(rule::integrity_violations(&integrity)),
                    Err(error) => evaluation.mark_unknown(AlertScope::Integrity(store), &error),
                }
            }
        }
        Ok(evaluation)
    }
}
