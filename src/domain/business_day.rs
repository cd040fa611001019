//! Business days: days that begin at a time of the store's own, such as 05:00 for a bar that sells until three.
//!
//! Invariants: a business day has the date on which it begins. It begins at the first moment whose local time is not before that
//! time, also where clocks are set forward over it (then with the first moment after the gap) or back over it (then the first of the
//! two). So each moment is in exactly one day, and the days follow each other.

use jiff::civil::Date;
use jiff::tz::AmbiguousOffset;

use super::{InvalidField, LocalUnit, OffsetSpan, TimeZone, Timestamp};

/// Microseconds of a minute.
const MINUTE_US: i64 = 60_000_000;
/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;
/// Later beginnings are a mistake: the date of the day would be that of the day before for most of its hours.
const STARTS_MIN_MAX: i64 = 12 * 60;

/// The days of a store; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessDays {
    zone: TimeZone,
    /// Minutes after midnight at which a day begins.
    starts_min: i64,
}

/// The time at which business days begin, in minutes after midnight, from a text such as `05:00`.
pub fn parse_day_start(field: &'static str, text: &str) -> Result<i64, InvalidField> {
    let is_number = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = |part: &str| is_number(part).then(|| part.parse::<i64>().ok()).flatten();
    let parts = text.trim().split_once(':').and_then(|(hours, minutes)| Some((number(hours)?, number(minutes)?)));
    let starts = parts.filter(|(_, minutes)| (0..60).contains(minutes)).map(|(hours, minutes)| hours * 60 + minutes);
    starts.filter(|starts| (0..=STARTS_MIN_MAX).contains(starts)).ok_or_else(|| {
        let shown: String = text.chars().take(20).collect();
        InvalidField::new(field, format!("\"{shown}\" is not a time from 00:00 to 12:00, such as 05:00"))
    })
}

/// `05:00`.
pub fn format_day_start(starts_min: i64) -> String {
    format!("{:02}:{:02}", starts_min / 60, starts_min % 60)
}

impl BusinessDays {
    pub fn new(zone: TimeZone, starts_min: i64) -> Self {
        Self { zone, starts_min: starts_min.clamp(0, STARTS_MIN_MAX) }
    }

    /// Days that begin at midnight UTC.
    pub fn utc() -> Self {
        Self::new(TimeZone::utc(), 0)
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Minutes after midnight.
    pub fn starts_min(&self) -> i64 {
        self.starts_min
    }

    /// `2026-01-05`.
    pub fn date_of(&self, moment: Timestamp) -> String {
        self.day_of(moment).to_string()
    }

    /// The day before that of `moment`.
    pub fn day_before(&self, moment: Timestamp) -> String {
        let day = self.day_of(moment);
        day.yesterday().unwrap_or(day).to_string()
    }

    /// The first moment of the day that comes `days` after that of `moment`, or before it if they are negative.
    pub fn start_of_day(&self, moment: Timestamp, days: i64) -> Timestamp {
        let day = self.day_of(moment).checked_add(jiff::Span::new().days(days)).ok();
        day.and_then(|day| self.first_moment(day)).unwrap_or(moment)
    }

    /// The first moment of a day such as `2026-01-05`, and that of the next day.
    pub fn parse_day(&self, field: &'static str, text: &str) -> Result<(Timestamp, Timestamp), InvalidField> {
        let shown: String = text.chars().take(20).collect();
        let day: Option<Date> = (text.len() == 10).then(|| text.parse().ok()).flatten();
        let day =
            day.ok_or_else(|| InvalidField::new(field, format!("\"{shown}\" is not a day such as 2026-01-05")))?;
        let period = self.first_moment(day).zip(day.tomorrow().ok().and_then(|tomorrow| self.first_moment(tomorrow)));
        period.ok_or_else(|| InvalidField::new(field, format!("\"{shown}\" is outside the calendar")))
    }

    /// The period from `from` to `to`, cut where units of local time must be counted with another offset.
    pub fn spans(&self, from: Timestamp, to: Timestamp, unit: LocalUnit) -> Vec<OffsetSpan> {
        let spans = self.zone.spans(from, to);
        match unit {
            LocalUnit::Hour | LocalUnit::Whole => spans,
            LocalUnit::Day => self.cut_days(&spans),
        }
    }

    /// Spans whose offset makes midnight of the beginning of a business day. Where clocks were set back over that beginning, the
    /// local times before it come again, in the day that has begun already: they are counted with the offset of before.
    fn cut_days(&self, spans: &[OffsetSpan]) -> Vec<OffsetSpan> {
        let starts_us = self.starts_min * MINUTE_US;
        let mut cut = Vec::with_capacity(spans.len());
        let mut before: Option<i64> = None;
        for span in spans {
            let offset_us = span.offset_us - starts_us;
            let again = before.and_then(|before| self.second_start(span.from, before, span.offset_us));
            let mut from = span.from;
            if let (Some(second), Some(before)) = (again, before) {
                let end = second.min(span.to);
                cut.push(OffsetSpan { from, to: end, offset_us: before - starts_us });
                from = end;
            }
            if from < span.to {
                cut.push(OffsetSpan { from, to: span.to, offset_us });
            }
            before = Some(span.offset_us);
        }
        cut
    }

    /// When the local time at which a day begins comes for the second time, after clocks were set back at `change`.
    fn second_start(&self, change: Timestamp, before_us: i64, after_us: i64) -> Option<Timestamp> {
        let starts_us = self.starts_min * MINUTE_US;
        let (first_local, last_local) = (change.micros() + after_us, change.micros() + before_us - 1);
        let local = (last_local - starts_us).div_euclid(DAY_US) * DAY_US + starts_us;
        (before_us > after_us && local > first_local).then(|| Timestamp::from_micros(local - after_us))
    }

    fn day_of(&self, moment: Timestamp) -> Date {
        let day = self.zone.to_local(moment).date();
        let has_begun = |day: &Date| self.first_moment(*day).is_some_and(|first| first <= moment);
        let candidates = [day.tomorrow().ok(), Some(day), day.yesterday().ok()];
        candidates.into_iter().flatten().find(has_begun).unwrap_or(day)
    }

    fn first_moment(&self, day: Date) -> Option<Timestamp> {
        let (hour, minute) = (i8::try_from(self.starts_min / 60).ok()?, i8::try_from(self.starts_min % 60).ok()?);
        let local = day.at(hour, minute, 0, 0);
        let ambiguous = self.zone.rules().to_ambiguous_timestamp(local);
        let first = match ambiguous.offset() {
            AmbiguousOffset::Gap { after, .. } => {
                let before_gap = after.to_timestamp(local).ok()?;
                self.zone.rules().following(before_gap).next()?.timestamp()
            }
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok()?,
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok()?,
        };
        Some(Timestamp::from_micros(first.as_microsecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(serde_json::json!(text)).unwrap()
    }

    fn berlin(starts: &str) -> BusinessDays {
        let zone = TimeZone::parse("time_zone", "Europe/Berlin").unwrap();
        BusinessDays::new(zone, parse_day_start("day_starts_at", starts).unwrap())
    }

    #[test]
    fn a_night_belongs_to_the_day_before() {
        let bar = berlin("05:00");
        // 03:59 and 05:00 local time.
        assert_eq!(bar.date_of(at("2026-01-06T02:59:00Z")), "2026-01-05");
        assert_eq!(
            (bar.date_of(at("2026-01-06T04:00:00Z")), bar.day_before(at("2026-01-06T04:00:00Z"))),
            ("2026-01-06".to_owned(), "2026-01-05".to_owned())
        );
        let day = (at("2026-01-05T04:00:00Z"), at("2026-01-06T04:00:00Z"));
        assert_eq!(bar.parse_day("day", "2026-01-05").unwrap(), day);
        assert_eq!(bar.start_of_day(at("2026-01-06T02:59:00Z"), 0), day.0);
        assert_eq!(bar.start_of_day(at("2026-01-06T02:59:00Z"), 1), day.1);
    }

    #[test]
    fn days_are_as_long_as_the_zone_says() {
        let hours = |days: &BusinessDays, date: &str| {
            let (start, end) = days.parse_day("day", date).unwrap();
            (end.seconds() - start.seconds()) / 3_600
        };
        // Clocks went forward on 2026-03-29 at 02:00 and back on 2026-10-25 at 03:00.
        assert_eq!(["2026-03-28", "2026-03-29", "2026-10-25"].map(|date| hours(&berlin("00:00"), date)), [24, 23, 25]);
        let bar = berlin("05:00");
        assert_eq!(["2026-03-28", "2026-03-29", "2026-10-24"].map(|date| hours(&bar, date)), [23, 24, 25]);
        for wrong in ["", "today", "2026-02-30", "2026-1-5", "20260105", "-009999-01-01"] {
            assert_eq!(bar.parse_day("day", wrong).unwrap_err().field, "day", "{wrong}");
        }
    }

    /// Each minute of the night belongs to the same day by `date_of`, by `start_of_day` and by the arithmetic of the spans.
    #[test]
    fn every_minute_is_in_one_day_where_clocks_change() {
        for (from, to) in
            [("2026-03-28T20:00:00Z", "2026-03-29T08:00:00Z"), ("2026-10-24T20:00:00Z", "2026-10-25T08:00:00Z")]
        {
            for starts in ["00:00", "02:00", "02:30", "02:59", "03:00", "03:30", "05:00"] {
                let days = berlin(starts);
                let (from, to) = (at(from), at(to));
                let spans = days.spans(from, to, LocalUnit::Day);
                assert!(spans.windows(2).all(|pair| pair[0].to == pair[1].from), "{spans:?}");
                let mut last = days.date_of(from);
                for minute in 0..(to.seconds() - from.seconds()) / 60 {
                    let moment = from.plus_seconds(minute * 60);
                    let date = days.date_of(moment);
                    assert!(date >= last, "{starts} {moment}: {date} after {last}");
                    let span = spans.iter().find(|span| (span.from..span.to).contains(&moment)).unwrap();
                    let number = (moment.micros() + span.offset_us) / DAY_US;
                    assert_eq!(LocalUnit::Day.label(number), date, "{starts} {moment}");
                    let start = days.start_of_day(moment, 0);
                    assert!(start <= moment && days.date_of(start) == date, "{starts} {moment}");
                    last = date;
                }
            }
        }
    }

    #[test]
    fn a_day_begins_at_midnight_up_to_noon() {
        assert_eq!(parse_day_start("day_starts_at", "05:30"), Ok(330));
        assert_eq!(format_day_start(330), "05:30");
        for wrong in ["", "5", "5:00", "12:01", "24:00", "05:60", "-1:00", "+5:00", "05:00:00", "٠٥:٠٠"] {
            let refused = parse_day_start("day_starts_at", wrong).unwrap_err();
            assert!(refused.message.contains("05:00"), "{wrong}: {refused}");
        }
    }
}
