//! Numbers, money and times as the reader's language writes them; times in a store's zone.

use fluent_bundle::{FluentArgs, FluentValue};

use super::language::Language;
use super::messages;
use crate::domain::{Money, TimeZone, Timestamp};

/// A moment to be shown relative, with the exact time on hover.
#[derive(Debug, Clone)]
pub struct Moment {
    /// RFC 3339, for `datetime`.
    pub iso: String,
    /// In the store's zone.
    pub exact: String,
    /// `5 minutes ago`.
    pub relative: String,
}

/// `1,234`; both languages group by three with a comma.
pub fn number(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if value < 0 { format!("−{grouped}") } else { grouped }
}

/// `€1,234.50`, `₩3,000`, `SEK 12.00`: as Unicode's CLDR writes them in English and in Korean.
pub fn money(money: Money) -> String {
    let digits = money.currency.minor_digits();
    let unit = 10_u64.pow(digits);
    let (whole, part) = (money.amount.unsigned_abs() / unit, money.amount.unsigned_abs() % unit);
    let sign = if money.amount < 0 { "−" } else { "" };
    let symbol = money.currency.symbol();
    let space = if symbol == money.currency.code() { "\u{a0}" } else { "" };
    let whole = number(i64::try_from(whole).unwrap_or(i64::MAX));
    match digits {
        0 => format!("{sign}{symbol}{space}{whole}"),
        width => format!("{sign}{symbol}{space}{whole}.{part:0width$}", width = width as usize),
    }
}

/// The amount for a form's field: `12.50`, without symbol and grouping.
pub fn plain_amount(money: Money) -> String {
    let text = money.to_string();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// `91.3%` of a share between 0 and 1.
pub fn percent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{}%", text.strip_suffix(".0").unwrap_or(&text))
}

/// Date and time of a moment in `zone`.
pub fn exact_time(language: Language, at: Timestamp, zone: &TimeZone) -> String {
    zone.format(at, &messages::text(language, "pattern-date-time", None))
}

/// The date of a moment in `zone`.
pub fn date(language: Language, at: Timestamp, zone: &TimeZone) -> String {
    zone.format(at, &messages::text(language, "pattern-date", None))
}

pub fn moment(language: Language, at: Timestamp, now: Timestamp, zone: &TimeZone) -> Moment {
    // HTML knows no more than milliseconds.
    let iso = Timestamp::from_micros(at.micros() - at.micros().rem_euclid(1_000)).to_string();
    Moment { iso, exact: exact_time(language, at, zone), relative: relative(language, at, now, zone) }
}

/// `just now`, `in a moment`, `5 minutes ago`, `in 2 hours`; the date from a month on.
fn relative(language: Language, at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let seconds = now.seconds() - at.seconds();
    let (count, unit) = match seconds.unsigned_abs() {
        1..60 if seconds < 0 => return messages::text(language, "time-soon", None),
        0..60 => return messages::text(language, "time-now", None),
        seconds @ 60..3_600 => (seconds / 60, "minutes"),
        seconds @ 3_600..86_400 => (seconds / 3_600, "hours"),
        seconds @ 86_400..2_592_000 => (seconds / 86_400, "days"),
        _ => return date(language, at, zone),
    };
    let direction = if seconds < 0 { "ahead" } else { "ago" };
    let mut args = FluentArgs::new();
    args.set("count", FluentValue::from(count));
    messages::text(language, &format!("time-{unit}-{direction}"), Some(&args))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;

    const NOW: Timestamp = Timestamp::from_micros(1_767_614_400_000_000);

    fn euro(amount: i64, code: &str) -> String {
        money(Money { amount, currency: Currency::parse("currency", code).unwrap() })
    }

    #[test]
    fn money_is_grouped_and_has_its_symbol() {
        assert_eq!(euro(123_450, "EUR"), "€1,234.50");
        assert_eq!(euro(-5, "EUR"), "−€0.05");
        assert_eq!(euro(3_000, "KRW"), "₩3,000");
        assert_eq!(euro(1_200, "SEK"), "SEK\u{a0}12.00");
        assert_eq!((euro(655, "CHF"), euro(655, "AUD")), ("CHF\u{a0}6.55".to_owned(), "A$6.55".to_owned()));
        assert_eq!(number(-1_234_567), "−1,234,567");
        assert_eq!((percent(0.913).as_str(), percent(1.0).as_str()), ("91.3%", "100%"));
    }

    #[test]
    fn times_are_relative_and_in_the_stores_zone() {
        let seoul = TimeZone::parse("time_zone", "Asia/Seoul").unwrap();
        let shown = moment(Language::English, NOW.plus_seconds(-300), NOW, &seoul);
        assert_eq!((shown.relative.as_str(), shown.exact.as_str()), ("5 minutes ago", "5 Jan 2026, 20:55"));
        assert_eq!(shown.iso, "2026-01-05T11:55:00Z");
        let korean = moment(Language::Korean, NOW.plus_seconds(7_200), NOW, &seoul);
        assert_eq!((korean.relative.as_str(), korean.exact.as_str()), ("2시간 후", "2026년 1월 5일 23:00"));
        assert_eq!(moment(Language::English, NOW.plus_seconds(20), NOW, &seoul).relative, "in a moment");
        let old = moment(Language::English, NOW.plus_seconds(-90 * 86_400), NOW, &seoul);
        assert_eq!(old.relative, "7 Oct 2025");
    }
}
