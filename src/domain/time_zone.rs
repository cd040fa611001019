//! Time zones by IANA name, such as `Europe/Berlin`, from the list that is built into the program.

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
    /// From an IANA name; upper and lower case do not matter.
    pub fn parse(field: &'static str, name: &str) -> Result<Self, InvalidField> {
        let name = name.trim();
        let zone = TimeZoneDatabase::bundled().get(name).ok().and_then(|rules| {
            let name = rules.iana_name()?.to_owned();
            Some(Self { name, rules })
        });
        zone.ok_or_else(|| {
            let shown: String = name.chars().take(60).collect();
            InvalidField::new(
                field,
                format!("\"{shown}\" is not an IANA time zone such as Europe/Berlin, Asia/Seoul or UTC"),
            )
        })
    }

    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: jiff::tz::TimeZone::UTC }
    }

    /// The IANA names of all zones that are called after a place, and UTC.
    pub fn names() -> Vec<String> {
        let names = TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect::<Vec<_>>();
        let is_of_a_place =
            |name: &String| name.contains('/') && !["Etc/", "SystemV/", "US/"].iter().any(|old| name.starts_with(old));
        names.into_iter().filter(|name| name == "UTC" || is_of_a_place(name)).collect()
    }

    /// The IANA name as the list writes it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `2026-01-05`.
    pub fn date_of(&self, moment: Timestamp) -> String {
        self.to_local(moment).strftime("%Y-%m-%d").to_string()
    }

    /// `2026-01`.
    pub fn month_of(&self, moment: Timestamp) -> String {
        self.to_local(moment).strftime("%Y-%m").to_string()
    }

    /// `2026-01-05 13:00:00 +01:00`.
    pub fn format_local(&self, moment: Timestamp) -> String {
        self.to_local(moment).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    /// A time of the clock in this zone such as `2026-01-05T13:00`; one that occurs twice counts the first time, one that is
    /// left out is moved on.
    pub fn parse_local(&self, field: &'static str, text: &str) -> Result<Timestamp, InvalidField> {
        let local: Option<jiff::civil::DateTime> = text.trim().parse().ok();
        let moment = local.and_then(|local| local.to_zoned(self.rules.clone()).ok());
        moment.map(|moment| Timestamp::from_micros(moment.timestamp().as_microsecond())).ok_or_else(|| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            InvalidField::new(field, format!("\"{shown}\" is not a date and time such as 2026-01-05T13:00"))
        })
    }

    pub(super) fn rules(&self) -> &jiff::tz::TimeZone {
        &self.rules
    }

    /// By a pattern of `strftime`; a wrong pattern gives the time as in RFC 3339.
    pub fn format(&self, moment: Timestamp, pattern: &str) -> String {
        jiff::fmt::strtime::format(pattern, &self.to_local(moment)).unwrap_or_else(|_| moment.to_string())
    }

    /// Times outside the calendar count as 1970.
    pub(super) fn to_local(&self, moment: Timestamp) -> jiff::Zoned {
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
    fn dates_and_months_are_those_of_the_zone() {
        let seoul = TimeZone::parse("time_zone", "asia/seoul").unwrap();
        assert_eq!(seoul.name(), "Asia/Seoul");
        // 2026-01-31 20:00 UTC is the first of February in Korea.
        let moment = Timestamp::from_micros(1_769_889_600_000_000);
        assert_eq!((seoul.date_of(moment).as_str(), seoul.month_of(moment).as_str()), ("2026-02-01", "2026-02"));
        assert_eq!(seoul.format_local(moment), "2026-02-01 05:00:00 +09:00");
        assert_eq!(TimeZone::parse("time_zone", "UTC").unwrap().date_of(moment), "2026-01-31");
    }

    #[test]
    fn summer_time_is_applied() {
        let berlin = TimeZone::parse("time_zone", "Europe/Berlin").unwrap();
        let july = Timestamp::from_micros(1_783_000_000_000_000);
        assert!(berlin.format_local(july).ends_with("+02:00"), "{}", berlin.format_local(july));
    }

    #[test]
    fn unknown_zones_are_refused_with_the_value() {
        assert!(TimeZone::parse("time_zone", "Mars/Olympus").unwrap_err().message.contains("Mars/Olympus"));
        assert!(TimeZone::parse("time_zone", "").is_err());
    }
}
