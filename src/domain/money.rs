//! Money: whole minor units and an ISO 4217 code. Never a float, never without its currency.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{PartialSchema, ToSchema, openapi};

use super::InvalidField;

/// An active ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency(iso_currency::Currency);

/// The signs that CLDR has in English. Those of the narrow form are left out: `$` alone is the US dollar, `£` the pound sterling.
const SIGNS: [(&str, &str); 18] = [
    ("AUD", "A$"),
    ("BRL", "R$"),
    ("CAD", "CA$"),
    ("CNY", "CN¥"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("HKD", "HK$"),
    ("ILS", "₪"),
    ("INR", "₹"),
    ("JPY", "¥"),
    ("KRW", "₩"),
    ("MXN", "MX$"),
    ("NZD", "NZ$"),
    ("PHP", "₱"),
    ("TWD", "NT$"),
    ("USD", "$"),
    ("VND", "₫"),
    ("XCD", "EC$"),
];

impl Currency {
    /// From a three-letter code in upper case.
    pub fn parse(field: &'static str, code: &str) -> Result<Self, InvalidField> {
        iso_currency::Currency::from_code(code).map(Self).ok_or_else(|| {
            InvalidField::new(field, format!("\"{code}\" is not an ISO 4217 currency code such as EUR, USD or KRW"))
        })
    }

    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// `€`, `₩`, `A$`; the code where English has no sign for the currency (`SEK`, `CHF`).
    pub fn symbol(self) -> &'static str {
        SIGNS.iter().find(|(code, _)| *code == self.code()).map_or(self.code(), |(_, sign)| *sign)
    }

    /// Digits after the decimal point: 2 for EUR, 0 for KRW.
    pub fn minor_digits(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::parse("currency", &code).map_err(|error| D::Error::custom(error.message))
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidField;
    fn try_from(code: String) -> Result<Self, InvalidField> {
        Self::parse("currency", &code)
    }
}

impl PartialSchema for Currency {
    fn schema() -> openapi::RefOr<openapi::schema::Schema> {
        openapi::ObjectBuilder::new()
            .schema_type(openapi::schema::Type::String)
            .pattern(Some("^[A-Z]{3}$"))
            .description(Some("ISO 4217 code, for example EUR, USD or KRW"))
            .examples([serde_json::json!("EUR")])
            .into()
    }
}

impl ToSchema for Currency {}

/// An amount of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Money {
    /// In minor units: cents, or whole won.
    pub amount: i64,
    pub currency: Currency,
}

impl Money {
    /// The largest price or total: 2^53 − 1, the largest integer that every JSON parser keeps exactly.
    pub const AMOUNT_MAX: i64 = 9_007_199_254_740_991;

    /// A price: not negative and not above [`Money::AMOUNT_MAX`].
    pub fn parse_price(field: &'static str, amount: i64, currency: Currency) -> Result<Self, InvalidField> {
        if (0..=Self::AMOUNT_MAX).contains(&amount) {
            Ok(Self { amount, currency })
        } else {
            Err(InvalidField::new(field, format!("{amount} is not between 0 and {} minor units", Self::AMOUNT_MAX)))
        }
    }

    /// The price of `quantity` pieces; `None` above [`Money::AMOUNT_MAX`].
    pub fn checked_mul(self, quantity: i64) -> Option<Self> {
        let amount = self.amount.checked_mul(quantity).filter(|amount| (0..=Self::AMOUNT_MAX).contains(amount))?;
        Some(Self { amount, ..self })
    }
}

impl std::fmt::Display for Money {
    /// `12.50 EUR`, `3000 KRW`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = self.currency.minor_digits();
        let unit = 10_u64.pow(digits);
        let (whole, part) = (self.amount.unsigned_abs() / unit, self.amount.unsigned_abs() % unit);
        let sign = if self.amount < 0 { "-" } else { "" };
        match digits {
            0 => write!(f, "{sign}{whole} {}", self.currency.code()),
            width => write!(f, "{sign}{whole}.{part:0width$} {}", self.currency.code(), width = width as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: i64, code: &str) -> Money {
        Money { amount, currency: Currency::parse("currency", code).unwrap() }
    }

    #[test]
    fn amounts_have_the_decimal_digits_of_their_currency() {
        assert_eq!(money(1250, "EUR").to_string(), "12.50 EUR");
        assert_eq!(money(3000, "KRW").to_string(), "3000 KRW");
        assert_eq!(money(-5, "EUR").to_string(), "-0.05 EUR");
        assert_eq!(money(1234, "BHD").to_string(), "1.234 BHD");
    }

    #[test]
    fn unknown_currencies_and_negative_prices_are_refused_with_the_value() {
        assert!(Currency::parse("currency", "EURO").unwrap_err().message.contains("EURO"));
        assert!(Currency::parse("currency", "eur").is_err());
        assert!(Money::parse_price("price", -1, money(0, "EUR").currency).unwrap_err().message.contains("-1"));
    }

    #[test]
    fn a_product_above_the_largest_amount_is_refused() {
        assert_eq!(money(Money::AMOUNT_MAX, "EUR").checked_mul(2), None);
        assert_eq!(money(5, "EUR").checked_mul(3).unwrap().amount, 15);
    }
}
