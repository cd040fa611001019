//! When a task runs: the rules of schedules, and the moments that follow from them.
//!
//! Times are those of a clock on the wall in the schedule's time zone. A time that the change to summer time leaves out is moved
//! forward by the length of the gap; one that occurs twice counts the first time. A cron expression whose hours begin with `*`
//! follows the passing of time instead, so that `*/10 * * * *` runs every ten minutes on such days too.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{ToSpan, Zoned};
use serde::{Deserialize, Serialize};

use super::{InvalidField, ScheduleKind, TimeZone, Timestamp};

/// Each month has the day, so the month of a moment or the next one is enough; one more for a time moved over midnight.
const MONTHS_SEARCHED: i32 = 2;

/// A rule that names at least one moment, unless that is past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleRule {
    Once { at: Timestamp },
    Daily { time: String },
    Weekly { time: String, weekdays: Vec<String> },
    Monthly { time: String, day: i8 },
    Cron { expression: String },
}

impl ScheduleRule {
    pub fn kind(&self) -> ScheduleKind {
        match self {
            Self::Once { .. } => ScheduleKind::Once,
            Self::Daily { .. } => ScheduleKind::Daily,
            Self::Weekly { .. } => ScheduleKind::Weekly,
            Self::Monthly { .. } => ScheduleKind::Monthly,
            Self::Cron { .. } => ScheduleKind::Cron,
        }
    }

    /// Checks the rule, and that it has a moment after `now`, which is returned.
    pub fn first_after(&self, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, InvalidField> {
        match self {
            Self::Once { at } if *at <= now => {
                let at = zone.format(*at, "%Y-%m-%d %H:%M");
                return Err(InvalidField::new("at", format!("{at} is past; choose a later time")));
            }
            Self::Once { .. } => {}
            Self::Daily { time } => drop(parse_time(time)?),
            Self::Weekly { time, weekdays } => {
                parse_time(time)?;
                parse_weekdays(weekdays)?;
            }
            Self::Monthly { time, day } => {
                parse_time(time)?;
                if !(1..=31).contains(day) {
                    return Err(InvalidField::new("day", format!("{day} is not a day of a month; 1 to 31 are")));
                }
            }
            Self::Cron { expression } => drop(parse_cron(expression)?),
        }
        self.next_after(zone, now).ok_or_else(|| {
            let reason = "the schedule names no moment in the next four years, for example a 31 February";
            InvalidField::new(if matches!(self, Self::Cron { .. }) { "expression" } else { "kind" }, reason)
        })
    }

    /// The next moment after `after`; `None` if none follows.
    pub fn next_after(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Once { at } => (*at > after).then_some(*at),
            Self::Daily { time } => next_day(zone, after, parse_time(time).ok()?, |_| true),
            Self::Weekly { time, weekdays } => {
                let weekdays = parse_weekdays(weekdays).ok()?;
                next_day(zone, after, parse_time(time).ok()?, |day| weekdays.contains(&day.weekday()))
            }
            Self::Monthly { time, day } => next_month(zone, after, parse_time(time).ok()?, *day),
            Self::Cron { expression } => next_of_cron(zone, after, expression),
        }
    }

    /// The next `count` moments after `after`.
    pub fn list_next(&self, zone: &TimeZone, after: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next_after(zone, after), |last| self.next_after(zone, *last)).take(count).collect()
    }

    /// The last moment after `after` that is not after `now`.
    pub fn last_until(&self, zone: &TimeZone, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let first = self.next_after(zone, after).filter(|first| *first <= now)?;
        // Looked for from the end: a schedule of every minute may have missed a year.
        for days in [1, 7, 32, 366] {
            let start = now.plus_seconds(-86_400 * days).max(after);
            if let Some(found) = self.next_after(zone, start).filter(|found| *found <= now) {
                let later = std::iter::successors(Some(found), |last| self.next_after(zone, *last));
                return later.take_while(|moment| *moment <= now).last();
            }
        }
        Some(first)
    }
}

/// `HH:MM`.
fn parse_time(text: &str) -> Result<Time, InvalidField> {
    let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
    let time = parts.and_then(|(hour, minute)| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok());
    time.ok_or_else(|| InvalidField::new("time", format!("\"{}\" is not a time such as 03:30", shorten(text))))
}

fn parse_weekdays(names: &[String]) -> Result<Vec<Weekday>, InvalidField> {
    const NAMES: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    if names.is_empty() {
        return Err(InvalidField::new("weekdays", "must name at least one day, for example monday"));
    }
    let find = |name: &String| {
        let found = NAMES.iter().find(|(known, _)| known == name).map(|(_, weekday)| *weekday);
        found.ok_or_else(|| InvalidField::new("weekdays", format!("\"{}\" is not a day such as monday", shorten(name))))
    };
    names.iter().map(find).collect()
}

fn parse_cron(expression: &str) -> Result<cronexpr::Crontab, InvalidField> {
    let invalid = |reason: String| InvalidField::new("expression", reason);
    let shown = shorten(expression);
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let &[_, _, day, _, weekday] = fields.as_slice() else {
        return Err(invalid(format!(
            "\"{shown}\" has {} fields; it needs five: minute, hour, day of the month, month, day of the week",
            fields.len()
        )));
    };
    // `cronexpr` leaves out December: it looks for a later month on the day after.
    if [day, weekday].iter().any(|field| field.contains(['L', 'l'])) {
        return Err(invalid(format!(
            "\"{shown}\" names a last day with L, which is not supported; the kind monthly with day 31 means the last day of each \
             month"
        )));
    }
    cronexpr::parse_crontab(&format!("{expression} UTC"))
        .map_err(|_| invalid(format!("\"{shown}\" is not a cron expression such as 30 3 * * MON-FRI")))
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn next_day(zone: &TimeZone, after: Timestamp, time: Time, is_wanted: impl Fn(Date) -> bool) -> Option<Timestamp> {
    let start = zone.to_local(after).date();
    // The day of `after` itself, a week, and one day for a time that was moved over midnight.
    let mut days = start.series(1.day()).take(9).filter(|day| is_wanted(*day));
    days.find_map(|day| moment_in(zone, day.to_datetime(time)).filter(|moment| *moment > after))
}

fn next_month(zone: &TimeZone, after: Timestamp, time: Time, day: i8) -> Option<Timestamp> {
    let first = zone.to_local(after).date().first_of_month();
    (0..=MONTHS_SEARCHED).find_map(|months| {
        let month = first.checked_add(months.months()).ok()?;
        let date = month.with().day(day.min(month.days_in_month())).build().ok()?;
        moment_in(zone, date.to_datetime(time)).filter(|moment| *moment > after)
    })
}

fn next_of_cron(zone: &TimeZone, after: Timestamp, expression: &str) -> Option<Timestamp> {
    let hours = expression.split_whitespace().nth(1)?;
    // Never in a zone of its own: there `cronexpr` does not return near a clock change of half an hour.
    let crontab = parse_cron(expression).ok()?;
    if hours.starts_with('*') {
        return next_by_passing_time(zone, after, &crontab);
    }
    // As if the wall's clock never changed; then each time is looked up in the zone.
    let mut local = zone.to_local(after).datetime();
    loop {
        local = next_local(&crontab, local)?;
        match moment_in(zone, local) {
            Some(moment) if moment > after => return Some(moment),
            Some(_) | None => {}
        }
    }
}

/// Between two changes of the zone's clocks, a clock goes as regularly as in UTC.
fn next_by_passing_time(zone: &TimeZone, after: Timestamp, crontab: &cronexpr::Crontab) -> Option<Timestamp> {
    let start = to_jiff(after);
    let mut offset = zone.rules().to_offset(start);
    let mut local = offset.to_datetime(start);
    let mut changes = zone.rules().following(start);
    loop {
        let found = offset.to_timestamp(next_local(crontab, local)?).ok()?;
        match changes.next() {
            Some(change) if change.timestamp() <= found => {
                offset = change.offset();
                // A minute before, since the moment of the change may be the next one.
                local = offset.to_datetime(change.timestamp()).checked_sub(1.minute()).ok()?;
            }
            Some(_) | None => return Some(Timestamp::from_micros(found.as_microsecond())),
        }
    }
}

/// The next time that the expression names, on a clock that is never changed.
fn next_local(crontab: &cronexpr::Crontab, local: DateTime) -> Option<DateTime> {
    let as_utc = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(crontab.find_next(as_utc.timestamp()).ok()?.datetime())
}

/// Of a time that does not exist, the one as long after the gap; of one that occurs twice, the first.
fn moment_in(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    Some(from_zoned(&local.to_zoned(zone.rules().clone()).ok()?))
}

fn from_zoned(moment: &Zoned) -> Timestamp {
    Timestamp::from_micros(moment.timestamp().as_microsecond())
}

fn to_jiff(moment: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(moment.micros()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::parse("time_zone", name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(serde_json::json!(text)).unwrap()
    }

    fn rule(json: &str) -> ScheduleRule {
        serde_json::from_str(json).unwrap()
    }

    /// The next moments as the zone's clocks show them.
    fn local(rule: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
        let (rule, zone) = (self::rule(rule), zone(zone_name));
        rule.list_next(&zone, at(after), count).iter().map(|moment| zone.format_local(*moment)).collect()
    }

    #[test]
    fn a_time_that_summer_time_leaves_out_is_moved_and_one_that_occurs_twice_counts_once() {
        let daily = r#"{"kind": "daily", "time": "02:30"}"#;
        let spring = local(daily, "Europe/Berlin", "2026-03-27T12:00:00Z", 3);
        assert_eq!(spring, ["2026-03-28 02:30:00 +01:00", "2026-03-29 03:30:00 +02:00", "2026-03-30 02:30:00 +02:00"]);
        let autumn = local(daily, "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25 02:30:00 +02:00", "2026-10-26 02:30:00 +01:00"]);
        let cron = r#"{"kind": "cron", "expression": "30 2 * * *"}"#;
        assert_eq!(local(cron, "Europe/Berlin", "2026-03-27T12:00:00Z", 3), spring);
        assert_eq!(local(cron, "Europe/Berlin", "2026-10-24T12:00:00Z", 2), autumn);
    }

    #[test]
    fn every_ten_minutes_stays_every_ten_minutes() {
        let often = rule(r#"{"kind": "cron", "expression": "*/10 * * * *"}"#);
        for day in ["2026-03-29T00:00:00Z", "2026-10-25T00:00:00Z"] {
            let runs = often.list_next(&zone("Europe/Berlin"), at(day), 144);
            assert!(runs.windows(2).all(|pair| pair[1].seconds() - pair[0].seconds() == 600), "{runs:?}");
        }
    }

    #[test]
    fn clocks_that_change_by_half_an_hour_end_no_search() {
        let runs = local(
            r#"{"kind": "cron", "expression": "30 */2 * * *"}"#,
            "Australia/Lord_Howe",
            "2026-04-04T12:00:00Z",
            4,
        );
        let times: Vec<&str> = runs.iter().map(|run| &run[8..]).collect();
        // Between two and half past one, half an hour passed twice.
        assert_eq!(times, ["05 00:30:00 +11:00", "05 02:30:00 +10:30", "05 04:30:00 +10:30", "05 06:30:00 +10:30"]);
    }

    #[test]
    fn a_short_month_has_its_last_day() {
        let monthly = r#"{"kind": "monthly", "time": "23:59", "day": 31}"#;
        let days = local(monthly, "Asia/Seoul", "2027-12-31T23:00:00Z", 4);
        let dates: Vec<&str> = days.iter().map(|day| &day[..10]).collect();
        assert_eq!(dates, ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]);
    }

    #[test]
    fn a_week_has_the_days_that_were_chosen() {
        let weekly = r#"{"kind": "weekly", "time": "06:00", "weekdays": ["monday", "friday"]}"#;
        let days = local(weekly, "UTC", "2026-01-05T06:00:00Z", 3);
        assert_eq!(days.iter().map(|day| &day[..10]).collect::<Vec<_>>(), ["2026-01-09", "2026-01-12", "2026-01-16"]);
    }

    #[test]
    fn the_last_missed_run_is_found_however_many_there_were() {
        let utc = TimeZone::utc();
        let minutely = rule(r#"{"kind": "cron", "expression": "* * * * *"}"#);
        let (start, now) = (at("2025-01-01T00:00:00Z"), at("2026-01-05T12:00:30Z"));
        assert_eq!(minutely.last_until(&utc, start, now), Some(at("2026-01-05T12:00:00Z")));
        let monthly = rule(r#"{"kind": "monthly", "time": "00:00", "day": 1}"#);
        assert_eq!(monthly.last_until(&utc, start, now), Some(at("2026-01-01T00:00:00Z")));
        assert_eq!(monthly.last_until(&utc, at("2026-01-02T00:00:00Z"), now), None);
    }

    #[test]
    fn wrong_rules_are_refused_with_the_value() {
        let now = at("2026-01-05T12:00:00Z");
        let refuse = |json: &str| rule(json).first_after(&TimeZone::utc(), now).unwrap_err().to_string();
        assert!(refuse(r#"{"kind": "once", "at": "2026-01-05T12:00:00Z"}"#).contains("past"));
        assert!(refuse(r#"{"kind": "daily", "time": "24:00"}"#).contains("24:00"));
        assert!(refuse(r#"{"kind": "weekly", "time": "01:00", "weekdays": []}"#).contains("weekdays"));
        assert!(refuse(r#"{"kind": "weekly", "time": "01:00", "weekdays": ["mon"]}"#).contains("\"mon\""));
        assert!(refuse(r#"{"kind": "monthly", "time": "01:00", "day": 32}"#).contains("32"));
        assert!(refuse(r#"{"kind": "cron", "expression": "0 0 31 2 *"}"#).contains("31 February"));
        assert!(refuse(r#"{"kind": "cron", "expression": "61 * * * *"}"#).contains("61"));
        assert!(refuse(r#"{"kind": "cron", "expression": "* * *"}"#).contains("3 fields"));
        assert!(refuse(r#"{"kind": "cron", "expression": "0 0 L * *"}"#).contains("day 31"));
        assert!(refuse(r#"{"kind": "cron", "expression": "0 0 * * 5L"}"#).contains("5L"));
    }
}
