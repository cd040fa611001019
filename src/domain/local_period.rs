//! Periods of whole days in a time zone, cut where the zone changes its offset.
//!
//! Within a span of one offset, the local day of a moment is plain arithmetic, which a database can do for millions of rows
//! without knowing time zones.

use jiff::ToSpan;
use jiff::civil::date;

use super::{TimeZone, Timestamp};

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;
/// Microseconds of an hour.
const HOUR_US: i64 = 3_600_000_000;

/// What a statistic has one value for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalUnit {
    Hour,
    Day,
    /// The whole period is one unit.
    Whole,
}

impl LocalUnit {
    /// A moment plus its offset, divided by this, is the number of its unit since 1970.
    pub const fn micros(self) -> i64 {
        match self {
            Self::Hour => HOUR_US,
            Self::Day => DAY_US,
            Self::Whole => i64::MAX,
        }
    }

    /// The local time at which unit `number` begins: `2026-01-05` or `2026-01-05T13:00`; nothing for [`Self::Whole`].
    pub fn label(self, number: i64) -> String {
        let hours = match self {
            Self::Hour => number,
            Self::Day => number.saturating_mul(24),
            Self::Whole => return String::new(),
        };
        let begin = date(1970, 1, 1).at(0, 0, 0, 0).checked_add(hours.hours()).unwrap_or_default();
        begin.strftime(if self == Self::Hour { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%d" }).to_string()
    }
}

/// A part of a period in which the zone has one offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetSpan {
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    /// Local time less UTC.
    pub offset_us: i64,
}

impl OffsetSpan {
    /// The numbers of the units that begin in the span, or contain its beginning.
    pub fn units(&self, unit: LocalUnit) -> std::ops::RangeInclusive<i64> {
        let number = |moment: i64| (moment + self.offset_us) / unit.micros();
        number(self.from.micros())..=number(self.to.micros() - 1)
    }
}

impl TimeZone {
    /// The same local time `days` later, or earlier if they are negative.
    pub fn shift_days(&self, moment: Timestamp, days: i64) -> Timestamp {
        let shifted = self.to_local(moment).checked_add(days.days());
        shifted.map_or(moment, |shifted| Timestamp::from_micros(shifted.timestamp().as_microsecond()))
    }

    /// The period from `from` to `to`, cut where the offset changes.
    pub fn spans(&self, from: Timestamp, to: Timestamp) -> Vec<OffsetSpan> {
        let mut spans = Vec::new();
        let mut begin = from;
        while begin < to {
            let moment = jiff::Timestamp::from_microsecond(begin.micros()).unwrap_or_default();
            let change = self.rules().following(moment).next();
            let change = change.map_or(to, |change| Timestamp::from_micros(change.timestamp().as_microsecond()));
            // A change in the past would never end this loop.
            let end = if change > begin { change.min(to) } else { to };
            let offset_us = i64::from(self.rules().to_offset(moment).seconds()) * 1_000_000;
            spans.push(OffsetSpan { from: begin, to: end, offset_us });
            begin = end;
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(serde_json::json!(text)).unwrap()
    }

    #[test]
    fn periods_are_cut_where_the_clocks_change() {
        let berlin = TimeZone::parse("time_zone", "Europe/Berlin").unwrap();
        // The clocks went forward on 2026-03-29.
        let monday = at("2026-03-30T10:00:00Z");
        assert_eq!(berlin.shift_days(monday, -7), at("2026-03-23T11:00:00Z"));
        let spans = berlin.spans(at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z"));
        let expected = [
            OffsetSpan { from: at("2026-03-28T23:00:00Z"), to: at("2026-03-29T01:00:00Z"), offset_us: HOUR_US },
            OffsetSpan { from: at("2026-03-29T01:00:00Z"), to: at("2026-03-29T22:00:00Z"), offset_us: 2 * HOUR_US },
        ];
        assert_eq!(spans, expected);
        let days = spans.iter().flat_map(|span| span.units(LocalUnit::Day)).map(|day| LocalUnit::Day.label(day));
        assert_eq!(days.collect::<Vec<_>>(), ["2026-03-29", "2026-03-29"]);
    }

    #[test]
    fn a_zone_without_changes_is_one_span() {
        let kathmandu = TimeZone::parse("time_zone", "Asia/Kathmandu").unwrap();
        let today = at("2026-01-04T18:15:00Z");
        let spans = kathmandu.spans(today, kathmandu.shift_days(today, 1));
        assert_eq!(spans.len(), 1);
        let hours: Vec<_> = spans[0].units(LocalUnit::Hour).map(|hour| LocalUnit::Hour.label(hour)).collect();
        assert_eq!((hours.len(), hours[0].as_str(), hours[23].as_str()), (24, "2026-01-05T00:00", "2026-01-05T23:00"));
    }
}
