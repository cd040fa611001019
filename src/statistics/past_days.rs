//! Sums of whole past days, kept in memory: what was recorded on them never changes, and summing up a quarter's products anew
//! for each look at a chart takes a database most of the time of the page.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::sums::Sums;
use crate::domain::{StoreId, Timestamp};

/// A few stores and periods, each of some hundred kilobytes.
const ENTRIES_MAX: usize = 64;
/// Servers' clocks differ by seconds around midnight, and a restored back-up brings other records.
const VALID_S: i64 = 600;

/// Whose days, and which.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PastDaysKey {
    pub time_zone: String,
    pub day_starts_min: i64,
    pub store: Option<StoreId>,
    pub from: Timestamp,
    /// The beginning of today.
    pub to: Timestamp,
}

/// When it was summed up, and the sums.
type Entry = (Timestamp, Arc<Sums>);

#[derive(Debug, Clone, Default)]
pub(super) struct PastDays(Arc<Mutex<HashMap<PastDaysKey, Entry>>>);

impl PastDays {
    pub fn find(&self, key: &PastDaysKey, now: Timestamp) -> Option<Arc<Sums>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, sums) = entries.get(key)?;
        (*since <= now && now < since.plus_seconds(VALID_S)).then(|| Arc::clone(sums))
    }

    pub fn keep(&self, key: PastDaysKey, sums: Arc<Sums>, now: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX {
            entries.retain(|_, (since, _)| *since <= now && now < since.plus_seconds(VALID_S));
        }
        if entries.len() >= ENTRIES_MAX {
            entries.clear();
        }
        entries.insert(key, (now, sums));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_kept_for_some_minutes_and_not_without_end() {
        let (past, now) = (PastDays::default(), Timestamp::from_micros(1_767_614_400_000_000));
        let key = |days: i64| PastDaysKey {
            time_zone: "UTC".to_owned(),
            day_starts_min: 0,
            store: None,
            from: now.plus_seconds(-days * 86_400),
            to: now,
        };
        past.keep(key(7), Arc::default(), now);
        assert!(past.find(&key(7), now.plus_seconds(VALID_S - 1)).is_some());
        assert!(past.find(&key(7), now.plus_seconds(VALID_S)).is_none());
        assert!(past.find(&key(7), now.plus_seconds(-1)).is_none(), "the clock was set back");
        assert!(past.find(&key(30), now).is_none());
        for days in 0..200 {
            past.keep(key(days), Arc::default(), now);
        }
        assert!(past.0.lock().unwrap().len() <= ENTRIES_MAX);
        assert!(past.find(&key(199), now).is_some());
    }
}
