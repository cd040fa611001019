//! The time zone of a store: an IANA name such as `Europe/Berlin`, known to the list that the binary carries.

use jiff::tz::TimeZoneDatabase;
use serde::{Serialize, Serializer};
use utoipa::{PartialSchema, ToSchema, openapi};

use super::{InvalidField, Timestamp};

/// A time zone with its rules; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone {
    name: String,
    rules: jiff::tz::TimeZone,
}

impl TimeZone {
    /// Reads an IANA name; its letters' case does not matter, the name is kept as the list writes it.
    pub fn parse(field: &'static str, name: &str) -> Result<Self, InvalidField> {
        let name = name.trim();
        let known = TimeZoneDatabase::bundled().get(name).ok().and_then(|rules| {
            let written = rules.iana_name()?.to_owned();
            Some(Self { name: written, rules })
        });
        known.ok_or_else(|| {
            let shown: String = name.chars().take(60).collect();
            InvalidField::new(
                field,
                format!("\"{shown}\" is no IANA time zone such as Europe/Berlin, Asia/Seoul or UTC"),
            )
        })
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The day on which `moment` falls there: `2026-01-05`.
    pub fn day(&self, moment: Timestamp) -> String {
        self.local(moment).strftime("%Y-%m-%d").to_string()
    }

    /// The month in which `moment` falls there: `2026-01`.
    pub fn month(&self, moment: Timestamp) -> String {
        self.local(moment).strftime("%Y-%m").to_string()
    }

    /// `moment` as clocks show it there, with the offset from UTC: `2026-01-05 13:00:00 +01:00`.
    pub fn shown(&self, moment: Timestamp) -> String {
        self.local(moment).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// Moments that no calendar holds count as 1970.
    fn local(&self, moment: Timestamp) -> jiff::Zoned {
        jiff::Timestamp::from_microsecond(moment.micros()).unwrap_or_default().to_zoned(self.rules.clone())
    }
}

impl TryFrom<String> for TimeZone {
    type Error = InvalidField;
    fn try_from(name: String) -> Result<Self, InvalidField> {
        Self::parse("time_zone", &name)
    }
}

impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl PartialSchema for TimeZone {
    fn schema() -> openapi::RefOr<openapi::schema::Schema> {
        openapi::ObjectBuilder::new()
            .schema_type(openapi::schema::Type::String)
            .description(Some("IANA name of a time zone"))
            .examples([serde_json::json!("Europe/Berlin")])
            .into()
    }
}

impl ToSchema for TimeZone {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_falls_on_the_day_that_the_zone_has() {
        let seoul = TimeZone::parse("time_zone", "asia/seoul").unwrap();
        assert_eq!(seoul.name(), "Asia/Seoul");
        // 2026-01-31 20:00 UTC is the first of February in Korea.
        let moment = Timestamp::from_micros(1_769_889_600_000_000);
        assert_eq!((seoul.day(moment).as_str(), seoul.month(moment).as_str()), ("2026-02-01", "2026-02"));
        assert_eq!(seoul.shown(moment), "2026-02-01 05:00:00 +09:00");
        assert_eq!(TimeZone::parse("time_zone", "UTC").unwrap().day(moment), "2026-01-31");
    }

    #[test]
    fn summer_time_counts() {
        let berlin = TimeZone::parse("time_zone", "Europe/Berlin").unwrap();
        let july = Timestamp::from_micros(1_783_000_000_000_000);
        assert!(berlin.shown(july).ends_with("+02:00"), "{}", berlin.shown(july));
    }

    #[test]
    fn what_is_no_zone_is_refused_by_value() {
        assert!(TimeZone::parse("time_zone", "Mars/Olympus").unwrap_err().message.contains("Mars/Olympus"));
        assert!(TimeZone::parse("time_zone", "").is_err());
    }
}
