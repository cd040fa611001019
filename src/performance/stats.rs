//! Statistics over all servers: rates, times and today's orders, per store and in total.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use serde::Serialize;
use utoipa::ToSchema;

use super::attempt_counts::AttemptCounts;
use super::{MINUTE_S, Performance};
use crate::db::order_performance::{self, MinuteRow};
use crate::db::{Database, DatabaseError, stores};
use crate::domain::{InvalidField, StoreId, Timestamp};

/// Rows that are read at a time.
const PAGE_SIZE: i64 = 1_000;
const WINDOW_S_MAX: i64 = 7 * 86_400;
/// The longest business day, with any change of the clocks.
const DAY_S_MAX: i64 = 26 * 3_600;

/// A sliding window: the minutes that began within the last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    seconds: i64,
}

impl Window {
    /// A window of `seconds`, 60 to a week, rounded up to whole minutes.
    pub fn new(seconds: i64) -> Result<Self, InvalidField> {
        if (MINUTE_S..=WINDOW_S_MAX).contains(&seconds) {
            Ok(Self { seconds: seconds.saturating_add(MINUTE_S - 1) / MINUTE_S * MINUTE_S })
        } else {
            let message = format!("{seconds} is not between {MINUTE_S} and {WINDOW_S_MAX} seconds");
            Err(InvalidField::new("window_s", message))
        }
    }

    pub fn seconds(self) -> i64 {
        self.seconds
    }
}

/// Order statistics of one store, or of all stores in total.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StorePerformance {
    /// `null` for attempts that ended before their store was known.
    pub store_id: Option<StoreId>,
    pub store_name: Option<String>,
    /// Attempts to create an order within the window.
    pub attempts: i64,
    /// Attempts that created an order. A repeated request that got the stored reply is not counted.
    pub succeeded: i64,
    /// Attempts refused because of the bill: it had changed, was empty or could not be sold.
    pub refused: i64,
    /// Attempts that failed because of the server or the database.
    pub failed: i64,
    /// Transactions in conflict with another one over a receipt number.
    pub conflicts: i64,
    /// Transactions that were retried.
    pub retries: i64,
    /// Retries after a conflict.
    pub retries_conflict: i64,
    /// Retries after the database did not answer in time.
    pub retries_timeout: i64,
    /// Retries after a lost connection.
    pub retries_error: i64,
    /// `succeeded` divided by the attempts that were not refused, 0 to 1; `null` without any.
    pub success_rate: Option<f64>,
    /// `failed` divided by the attempts that were not refused.
    pub failure_rate: Option<f64>,
    /// Conflicts per attempt.
    pub conflict_rate: Option<f64>,
    /// Retries per attempt.
    pub retry_rate: Option<f64>,
    /// Mean duration in milliseconds of the attempts that were not refused. This and the figures below are `null` without any.
    pub mean_ms: Option<f64>,
    /// Median duration; percentiles are right to within 1 %.
    pub p50_ms: Option<f64>,
    /// 95th percentile.
    pub p95_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// Longest duration.
    pub max_ms: Option<f64>,
    /// Orders created in the store's present business day; in the total, the sum over the stores.
    pub orders_today: Option<i64>,
}

/// Order statistics of a window.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StatsView {
    /// Length of the window in seconds.
    pub window_s: i64,
    /// End of the window.
    pub at: Timestamp,
    /// All stores of `data`.
    pub total: StorePerformance,
    /// The stores with attempts within the window or orders today.
    pub data: Vec<StorePerformance>,
}

#[derive(Debug, Default)]
struct StoreCounts {
    window: AttemptCounts,
    orders_today: i64,
}

impl Performance {
    /// Statistics of `window` and of today, of one store or of all: what all servers wrote, and what this one counted since.
    pub async fn stats(&self, window: Window, only_store: Option<StoreId>) -> Result<StatsView, DatabaseError> {
        self.read_stats(window, only_store, true).await
    }

    /// Statistics of `window` of all stores, without today's orders: reads no more than the window.
    pub async fn window_stats(&self, window: Window) -> Result<StatsView, DatabaseError> {
        self.read_stats(window, None, false).await
    }

    async fn read_stats(
        &self,
        window: Window,
        only_store: Option<StoreId>,
        today: bool,
    ) -> Result<StatsView, DatabaseError> {
        let now = self.clock.now();
        let begin = now.plus_seconds(-window.seconds);
        let since = if today { begin.min(now.plus_seconds(-DAY_S_MAX)) } else { begin };
        // Rows in memory replace what this server wrote, so that reading needs no flush.
        let own_rows = self.rows_in_memory(since, only_store)?;
        let mut counts_by_store: BTreeMap<StoreId, StoreCounts> = BTreeMap::new();
        let mut stores: BTreeMap<StoreId, Option<StoreToday>> = BTreeMap::new();
        let mut after = None;
        let mut last = false;
        while !last {
            let mut rows =
                order_performance::list_since(&mut self.db.read().await?, since, only_store, after, PAGE_SIZE).await?;
            match rows.last() {
                Some((server, row)) => after = Some((row.minute, row.store_id, *server)),
                None => last = true,
            }
            rows.retain(|(server, row)| {
                *server != self.server_id || !own_rows.contains_key(&(row.minute, row.store_id))
            });
            if last {
                rows.extend(own_rows.values().map(|row| (self.server_id, row.clone())));
            }
            for (_, row) in &rows {
                let store = match stores.entry(row.store_id) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => entry.insert(find_store_today(&self.db, row.store_id, now).await?),
                };
                let is_today = store.as_ref().is_none_or(|store| store.today.contains(&row.minute));
                let counts = counts_by_store.entry(row.store_id).or_default();
                if let Err(error) = add_row(counts, row, (begin, now), is_today) {
                    // One unreadable row must not hide the others.
                    tracing::warn!(error = %error, "a row of the order statistics cannot be read and is skipped");
                }
            }
        }
        let mut total = StoreCounts::default();
        let mut data = Vec::new();
        for (store, counts) in counts_by_store {
            if counts.window.attempts() == 0 && counts.orders_today == 0 {
                continue;
            }
            total.window.add_row(&counts.window.to_row(now, store)?)?;
            total.orders_today += counts.orders_today;
            let name = stores.remove(&store).flatten().map(|store| store.name);
            data.push(store_performance(Some(store).filter(|id| *id != StoreId::NIL), name, &counts, today));
        }
        Ok(StatsView { window_s: window.seconds, at: now, total: store_performance(None, None, &total, today), data })
    }
}

/// A store's name and its present business day.
#[derive(Debug)]
struct StoreToday {
    name: String,
    today: Range<Timestamp>,
}

async fn find_store_today(db: &Database, id: StoreId, now: Timestamp) -> Result<Option<StoreToday>, DatabaseError> {
    if id == StoreId::NIL {
        return Ok(None);
    }
    let found = stores::find(&mut db.read().await?, id).await?;
    Ok(found.map(|row| {
        let days = row.business_days();
        StoreToday { name: row.name, today: days.start_of_day(now, 0)..days.start_of_day(now, 1) }
    }))
}

/// Adds a row to the counts of its store.
fn add_row(
    counts: &mut StoreCounts,
    row: &MinuteRow,
    (begin, now): (Timestamp, Timestamp),
    is_today: bool,
) -> Result<(), DatabaseError> {
    // A minute after the next one was counted before the clock was set back.
    if row.minute > begin && row.minute <= now.plus_seconds(MINUTE_S) {
        counts.window.add_row(row)?;
    }
    if is_today {
        counts.orders_today += row.succeeded;
    }
    Ok(())
}

fn store_performance(
    store_id: Option<StoreId>,
    store_name: Option<String>,
    counts: &StoreCounts,
    today: bool,
) -> StorePerformance {
    let window = &counts.window;
    let attempts = window.attempts();
    let retries = window.retries;
    let retries_total = retries.after_conflict + retries.after_timeout + retries.after_error;
    let not_refused = window.not_refused();
    let rate = |part: i64, whole: i64| (whole > 0).then(|| part as f64 / whole as f64);
    let millis = |micros: f64| (not_refused > 0).then_some(micros / 1_000.0);
    let quantile = |quantile: f64| millis(window.latencies.value_at_quantile(quantile) as f64);
    StorePerformance {
        store_id,
        store_name,
        attempts,
        succeeded: window.succeeded,
        refused: window.refused,
        failed: window.failed,
        conflicts: retries.conflicts,
        retries: retries_total,
        retries_conflict: retries.after_conflict,
        retries_timeout: retries.after_timeout,
        retries_error: retries.after_error,
        success_rate: rate(window.succeeded, not_refused),
        failure_rate: rate(window.failed, not_refused),
        conflict_rate: rate(retries.conflicts, attempts),
        retry_rate: rate(retries_total, attempts),
        mean_ms: millis(window.latencies.mean()),
        p50_ms: quantile(0.5),
        p95_ms: quantile(0.95),
        p99_ms: quantile(0.99),
        max_ms: millis(window.latencies.max() as f64),
        orders_today: today.then_some(counts.orders_today),
    }
}
