//! How the creation of orders went, hour by hour, over all servers.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::Performance;
use super::attempt_counts::AttemptCounts;
use crate::db::DatabaseError;
use crate::db::order_performance::{self, MinuteRow};
use crate::domain::{InvalidField, StoreId, Timestamp};

/// Rows that are read at a time.
const PAGE_SIZE: i64 = 1_000;
const HOUR_S: i64 = 3_600;
const TREND_HOURS_MAX: i64 = 7 * 24;

/// How the creation of orders went in one hour, on all servers and in all stores.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HourPerformance {
    /// When the hour begins; whole hours since 1970.
    pub begins: Timestamp,
    pub attempts: i64,
    pub failed: i64,
    pub conflicts: i64,
    pub retries: i64,
    /// Mean duration of the attempts that were not refused; this and the next are `null` without any.
    pub mean_ms: Option<f64>,
    /// 95th percentile.
    pub p95_ms: Option<f64>,
}

/// How the creation of orders went, hour by hour.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TrendView {
    /// Oldest first; the last one is not over.
    pub data: Vec<HourPerformance>,
}

impl Performance {
    /// The last `hours` hours (1 to a week), of one store or of all.
    pub async fn trend(&self, hours: i64, only_store: Option<StoreId>) -> Result<TrendView, TrendError> {
        if !(1..=TREND_HOURS_MAX).contains(&hours) {
            let message = format!("{hours} is not between 1 and {TREND_HOURS_MAX}");
            return Err(InvalidField::new("hours", message).into());
        }
        let now = self.clock.now();
        let hour_of = |moment: Timestamp| moment.seconds().div_euclid(HOUR_S);
        let first = hour_of(now) - hours + 1;
        // The rows after this moment: the minutes from the first hour on.
        let since = Timestamp::from_micros(0).plus_seconds(first * HOUR_S - 1);
        let mut counts: BTreeMap<i64, AttemptCounts> =
            (first..=hour_of(now)).map(|hour| (hour, AttemptCounts::default())).collect();
        self.visit_rows(since, only_store, |row| {
            if let Some(counts) = counts.get_mut(&hour_of(row.minute))
                && let Err(error) = counts.add_row(row)
            {
                tracing::warn!(error = %error, "a row of the order statistics cannot be read and is skipped");
            }
        })
        .await?;
        let hour = |(hour, counts): (i64, AttemptCounts)| {
            let is_timed = counts.not_refused() > 0;
            let retries = counts.retries;
            HourPerformance {
                begins: Timestamp::from_micros(0).plus_seconds(hour * HOUR_S),
                attempts: counts.attempts(),
                failed: counts.failed,
                conflicts: retries.conflicts,
                retries: retries.after_conflict + retries.after_timeout + retries.after_error,
                mean_ms: is_timed.then(|| counts.latencies.mean() / 1_000.0),
                p95_ms: is_timed.then(|| counts.latencies.value_at_quantile(0.95) as f64 / 1_000.0),
            }
        };
        Ok(TrendView { data: counts.into_iter().map(hour).collect() })
    }

    /// Shows `visit` every row after `since` once: what all servers wrote, and in place of its own rows what this one has in
    /// memory.
    async fn visit_rows(
        &self,
        since: Timestamp,
        only_store: Option<StoreId>,
        mut visit: impl FnMut(&MinuteRow),
    ) -> Result<(), DatabaseError> {
        let own_rows = self.rows_in_memory(since, only_store)?;
        let mut after = None;
        loop {
            let rows =
                order_performance::list_since(&mut self.db.read().await?, since, only_store, after, PAGE_SIZE).await?;
            let Some((server, row)) = rows.last() else { break };
            after = Some((row.minute, row.store_id, *server));
            let is_others = |(server, row): &&(uuid::Uuid, MinuteRow)| {
                *server != self.server_id || !own_rows.contains_key(&(row.minute, row.store_id))
            };
            rows.iter().filter(is_others).for_each(|(_, row)| visit(row));
        }
        own_rows.values().for_each(visit);
        Ok(())
    }
}

/// Why there is no trend.
#[derive(Debug, thiserror::Error)]
pub enum TrendError {
    #[error(transparent)]
    Invalid(#[from] InvalidField),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
