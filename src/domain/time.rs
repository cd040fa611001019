//! Points in time.
//!
//! Stored as whole microseconds since 1970-01-01 UTC: integers sort alike in every database, texts do not (`…20Z` against
//! `…20.5Z`). Printed as RFC 3339.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{PartialSchema, ToSchema, openapi};

/// Microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Saturates at the earliest and latest timestamp.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// This moment, or the millisecond after `previous` if that is later: the time of a record that follows one of `previous`.
    /// Identifiers hold milliseconds, so those of the two sort alike.
    pub fn after(self, previous: Self) -> Self {
        let next_millisecond = previous.0.div_euclid(1_000).saturating_add(1).saturating_mul(1_000);
        self.max(Self(next_millisecond))
    }

    /// Whole seconds since the Unix epoch.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Seconds since the Unix epoch, and the nanoseconds within the second; times before 1970 count as 1970.
    pub fn seconds_and_nanos(self) -> (u64, u32) {
        let micros = u64::try_from(self.0).unwrap_or_default();
        let nanos = u32::try_from(micros % 1_000_000).unwrap_or_default() * 1_000;
        (micros / 1_000_000, nanos)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if !has_rfc3339_shape(&text) {
            return Err(D::Error::custom("a time is written as in RFC 3339, for example 2026-01-31T09:30:00Z"));
        }
        let moment: jiff::Timestamp = text
            .parse()
            .map_err(|_| D::Error::custom(format_args!("\"{text}\" is no moment of the calendar and the clock")))?;
        Ok(Self(moment.as_microsecond()))
    }
}

/// `jiff` also parses shorter and annotated forms of ISO 8601, which the API refuses.
fn has_rfc3339_shape(text: &str) -> bool {
    let bytes = text.as_bytes();
    let matches = |at: usize, pattern: &[u8]| {
        pattern.iter().enumerate().all(|(i, wanted)| match (wanted, bytes.get(at + i)) {
            (b'0', Some(found)) => found.is_ascii_digit(),
            (wanted, Some(found)) => wanted == &found.to_ascii_uppercase(),
            (_, None) => false,
        })
    };
    if !matches(0, b"0000-00-00T00:00:00") {
        return false;
    }
    let mut at = 19;
    if bytes.get(at) == Some(&b'.') {
        let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return false;
        }
        at += 1 + digits;
    }
    match bytes.len() - at {
        1 => matches(at, b"Z"),
        6 => matches(at, b"+00:00") || matches(at, b"-00:00"),
        _ => false,
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> openapi::RefOr<openapi::schema::Schema> {
        openapi::ObjectBuilder::new()
            .schema_type(openapi::schema::Type::String)
            .format(Some(openapi::SchemaFormat::KnownFormat(openapi::KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_printed_as_rfc_3339_and_parsed_back() {
        let moment = Timestamp::from_micros(1_700_000_000_500_000);
        let json = serde_json::to_string(&moment).unwrap();
        assert_eq!(json, "\"2023-11-14T22:13:20.5Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), moment);
    }

    #[test]
    fn only_rfc_3339_is_parsed() {
        let parse = |text: &str| serde_json::from_value::<Timestamp>(serde_json::json!(text)).ok();
        let noon = parse("2026-01-31T12:00:00Z").unwrap();
        for same in ["2026-01-31t12:00:00z", "2026-01-31T12:00:00.000000Z", "2026-01-31T13:00:00+01:00"] {
            assert_eq!(parse(same), Some(noon), "{same}");
        }
        for other in [
            "",
            "2026-01-31",
            "2026-01-31T12:00Z",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00:00",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T13:00:00+01",
            "2026-01-31T12:00:00Z[UTC]",
            "2026-02-30T12:00:00Z",
            "+02026-01-31T12:00:00Z",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_record_is_dated_after_the_previous_one_whatever_the_clock_says() {
        let at = Timestamp::from_micros;
        assert_eq!(at(9_000_000).after(at(5_000_400)), at(9_000_000));
        assert_eq!(at(5_000_900).after(at(5_000_400)), at(5_001_000), "not within the same millisecond");
        assert_eq!(at(1).after(at(5_000_400)), at(5_001_000), "the clock was set back");
        assert_eq!(at(1).after(at(i64::MAX)), at(i64::MAX));
    }

    #[test]
    fn seconds_are_rounded_down_before_the_epoch_too() {
        assert_eq!(Timestamp::from_micros(-1).seconds(), -1);
        assert_eq!(Timestamp::from_micros(-1).seconds_and_nanos(), (0, 0));
    }
}
