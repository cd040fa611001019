//! What all servers counted lately: rates, times and today's orders, by store and together.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::Serialize;
use utoipa::ToSchema;

use super::tally::AttemptCounts;
use super::{MINUTE_S, Performance};
use crate::db::order_performance::{self, MinuteRow};
use crate::db::{Database, DatabaseError, stores};
use crate::domain::{InvalidField, StoreId, TimeZone, Timestamp};

/// Rows that are read at a time.
const ROWS: i64 = 1_000;
/// The longest window: a week.
const LONGEST_WINDOW_S: i64 = 7 * 86_400;
/// No local day is longer than this, whatever the clocks do.
const LONGEST_DAY_S: i64 = 26 * 3_600;

/// The last so many seconds: the minutes that began within them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    seconds: i64,
}

impl Window {
    /// A window of `seconds`, 60 to a week, rounded up to whole minutes.
    pub fn new(seconds: i64) -> Result<Self, InvalidField> {
        if (MINUTE_S..=LONGEST_WINDOW_S).contains(&seconds) {
            Ok(Self { seconds: seconds.saturating_add(MINUTE_S - 1) / MINUTE_S * MINUTE_S })
        } else {
            let message = format!("{seconds} is not between {MINUTE_S} and {LONGEST_WINDOW_S} seconds");
            Err(InvalidField::new("window_s", message))
        }
    }

    /// Its length in seconds.
    pub fn seconds(self) -> i64 {
        self.seconds
    }
}

/// How orders went in one store, or in all of them together.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StorePerformance {
    /// The store; `null` where an attempt ended before its store was known.
    pub store_id: Option<StoreId>,
    /// Its name.
    pub store_name: Option<String>,
    /// Attempts to make an order within the window.
    pub attempts: i64,
    /// Those that made one. A reply that is given again, since its request was repeated, is no attempt.
    pub succeeded: i64,
    /// Those that were refused for the till's reasons: the bill had changed, was empty, could not be sold.
    pub refused: i64,
    /// Those that failed for the server's or the database's reasons.
    pub failed: i64,
    /// Transactions that met another one over a number.
    pub conflicts: i64,
    /// Transactions that were run again.
    pub retries: i64,
    /// Those of them that were run again after a conflict.
    pub retries_conflict: i64,
    /// Those that were run again after the database did not answer in time.
    pub retries_timeout: i64,
    /// Those that were run again after a lost connection.
    pub retries_error: i64,
    /// Share of the attempts that were not at fault themselves (succeeded and failed) which succeeded, 0 to 1; `null`
    /// without any.
    pub success_rate: Option<f64>,
    /// Share of the same which failed.
    pub failure_rate: Option<f64>,
    /// Conflicts for each attempt.
    pub conflict_rate: Option<f64>,
    /// Retries for each attempt.
    pub retry_rate: Option<f64>,
    /// Mean time in milliseconds of the attempts that were not at fault themselves (succeeded and failed); this and the
    /// figures below are `null` without any.
    pub mean_ms: Option<f64>,
    /// Half of the same attempts took at most so many milliseconds; right to within 1 %.
    pub p50_ms: Option<f64>,
    /// 95 of 100 took at most so many.
    pub p95_ms: Option<f64>,
    /// 99 of 100 took at most so many.
    pub p99_ms: Option<f64>,
    /// The longest.
    pub max_ms: Option<f64>,
    /// Orders made since midnight by the store's clocks; where attempts of several stores are counted together, the sum.
    /// `null` where nobody asked.
    pub orders_today: Option<i64>,
}

/// How orders went lately.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StatsView {
    /// Seconds that are counted, up to now.
    pub window_s: i64,
    /// Until when.
    pub at: Timestamp,
    /// All that is listed below, together.
    pub total: StorePerformance,
    /// Each store that made or tried to make an order within the window or today.
    pub data: Vec<StorePerformance>,
}

#[derive(Debug, Default)]
struct Counted {
    window: AttemptCounts,
    today: i64,
}

impl Performance {
    /// How orders went within `window` and today, in `only` or in every store, by what all servers wrote and this one
    /// counted.
    pub async fn stats(&self, window: Window, only: Option<StoreId>) -> Result<StatsView, DatabaseError> {
        self.read(window, only, true).await
    }

    /// How orders went within `window` in every store. Reads no more than the window.
    pub async fn lately(&self, window: Window) -> Result<StatsView, DatabaseError> {
        self.read(window, None, false).await
    }

    async fn read(&self, window: Window, only: Option<StoreId>, today: bool) -> Result<StatsView, DatabaseError> {
        let now = self.clock.now();
        let begin = now.plus_seconds(-window.seconds);
        let since = if today { begin.min(now.plus_seconds(-LONGEST_DAY_S)) } else { begin };
        // What this server counts is taken from its memory, written or not, so that reading needs no write.
        let own = self.open_rows(since, only)?;
        let mut counted: BTreeMap<StoreId, Counted> = BTreeMap::new();
        let mut known: BTreeMap<StoreId, Option<(String, TimeZone)>> = BTreeMap::new();
        let mut after = None;
        let mut last = false;
        while !last {
            let mut rows = order_performance::since(&mut self.db.read().await?, since, only, after, ROWS).await?;
            match rows.last() {
                Some((server, row)) => after = Some((row.minute, row.store_id, *server)),
                None => last = true,
            }
            rows.retain(|(server, row)| *server != self.server || !own.contains_key(&(row.minute, row.store_id)));
            if last {
                rows.extend(own.values().map(|row| (self.server, row.clone())));
            }
            for (_, row) in &rows {
                let name = match known.entry(row.store_id) {
                    Entry::Occupied(there) => there.into_mut(),
                    Entry::Vacant(place) => place.insert(named(&self.db, row.store_id).await?),
                };
                let zone = name.as_ref().map(|(_, zone)| zone);
                if let Err(error) = count(counted.entry(row.store_id).or_default(), row, (begin, now), zone) {
                    // One row that cannot be read must not hide all others.
                    tracing::warn!(error = %error, "a row on how orders went is left out");
                }
            }
        }
        let mut total = Counted::default();
        let mut data = Vec::new();
        for (store, of) in counted {
            if of.window.attempts() == 0 && of.today == 0 {
                continue;
            }
            total.window.add_row(&of.window.row(now, store)?)?;
            total.today += of.today;
            let name = known.remove(&store).flatten().map(|(name, _)| name);
            data.push(shown(Some(store).filter(|id| *id != StoreId::NIL), name, &of, today));
        }
        Ok(StatsView { window_s: window.seconds, at: now, total: shown(None, None, &total, today), data })
    }
}

/// The store's name and clocks, where there is such a store.
async fn named(db: &Database, id: StoreId) -> Result<Option<(String, TimeZone)>, DatabaseError> {
    if id == StoreId::NIL {
        return Ok(None);
    }
    let found = stores::find(&mut db.read().await?, id).await?;
    Ok(found.map(|row| (row.name, row.time_zone)))
}

fn count(
    of: &mut Counted,
    row: &MinuteRow,
    (begin, now): (Timestamp, Timestamp),
    zone: Option<&TimeZone>,
) -> Result<(), DatabaseError> {
    if row.minute > begin {
        of.window.add_row(row)?;
    }
    if zone.is_none_or(|zone| zone.day(row.minute) == zone.day(now)) {
        of.today += row.succeeded;
    }
    Ok(())
}

fn shown(store_id: Option<StoreId>, store_name: Option<String>, of: &Counted, today: bool) -> StorePerformance {
    let tally = &of.window;
    let attempts = tally.attempts();
    let retries = tally.retries;
    let again = retries.after_conflict + retries.after_timeout + retries.after_error;
    let ours = tally.ours();
    let rate = |part: i64, whole: i64| (whole > 0).then(|| part as f64 / whole as f64);
    let millis = |micros: f64| (ours > 0).then_some(micros / 1_000.0);
    let quantile = |of: f64| millis(tally.latencies.value_at_quantile(of) as f64);
    StorePerformance {
        store_id,
        store_name,
        attempts,
        succeeded: tally.succeeded,
        refused: tally.refused,
        failed: tally.failed,
        conflicts: retries.conflicts,
        retries: again,
        retries_conflict: retries.after_conflict,
        retries_timeout: retries.after_timeout,
        retries_error: retries.after_error,
        success_rate: rate(tally.succeeded, ours),
        failure_rate: rate(tally.failed, ours),
        conflict_rate: rate(retries.conflicts, attempts),
        retry_rate: rate(again, attempts),
        mean_ms: millis(tally.latencies.mean()),
        p50_ms: quantile(0.5),
        p95_ms: quantile(0.95),
        p99_ms: quantile(0.99),
        max_ms: millis(tally.latencies.max() as f64),
        orders_today: today.then_some(of.today),
    }
}
