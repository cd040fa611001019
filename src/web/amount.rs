//! Amounts and rates as people type them: `2.19`, `2,19`, `19`, `7.5`.

use crate::domain::{Currency, InvalidField};

/// In basis points.
const PERCENT_100: i64 = 10_000;

/// Minor units of an amount, or `None` of an empty text.
///
/// # Errors
/// The text is no amount in this currency.
pub fn parse_amount(field: &'static str, text: &str, currency: Currency) -> Result<Option<i64>, InvalidField> {
    let digits = currency.minor_digits();
    let example = match digits {
        0 => "for example 2190",
        _ => "for example 2.19",
    };
    parse_decimal(text, digits).map_err(|()| {
        InvalidField::new(field, format!("\"{}\" is no amount in {}, {example}", text.trim(), currency.code()))
    })
}

/// Basis points of a rate in percent, or `None` of an empty text.
///
/// # Errors
/// The text is no rate from 0 to 100 percent.
pub fn parse_percent(field: &'static str, text: &str) -> Result<Option<i64>, InvalidField> {
    let text = text.trim().trim_end_matches('%').trim_end();
    match parse_decimal(text, 2) {
        Ok(rate) if rate.is_none_or(|rate| rate <= PERCENT_100) => Ok(rate),
        Ok(_) => {
            Err(InvalidField::new(field, format!("\"{text}\" is more than 100 percent; type 19 or 7.5, for example")))
        }
        Err(()) => Err(InvalidField::new(field, format!("\"{text}\" is no rate in percent, for example 19 or 7.5"))),
    }
}

/// `19`, `7.5` of basis points.
pub fn plain_percent(basis_points: i64) -> String {
    let (whole, part) = (basis_points / 100, basis_points % 100);
    match part {
        0 => whole.to_string(),
        _ => format!("{whole}.{}", format!("{part:02}").trim_end_matches('0')),
    }
}

/// `text` in units of the `digits`-th decimal place.
fn parse_decimal(text: &str, digits: u32) -> Result<Option<i64>, ()> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    // `1,234` is a thousand to some and a bit more than one to others.
    let is_short = part.len() <= digits as usize && !(text.contains([',', '.']) && part.is_empty());
    if !is_number(whole) || !is_number(part) || whole.is_empty() || !is_short {
        return Err(());
    }
    let padded = format!("{whole}{part:0<width$}", width = digits as usize);
    padded.parse().map(Some).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_type_them() {
        let currency = |code| Currency::parse("currency", code).unwrap();
        let euros = |text: &str| parse_amount("price", text, currency("EUR")).map_err(|error| error.message);
        assert_eq!(euros(" 2.19 "), Ok(Some(219)));
        assert_eq!(euros("2,5"), Ok(Some(250)));
        assert_eq!(euros("12"), Ok(Some(1_200)));
        assert_eq!(euros(""), Ok(None));
        for wrong in ["2.199", "1,234", "-1", "two", "2.", ".5", "99999999999999999999"] {
            assert!(euros(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
        assert_eq!(parse_amount("price", "3000", currency("KRW")).unwrap(), Some(3_000));
        assert!(parse_amount("price", "3000.5", currency("KRW")).is_err());
    }

    #[test]
    fn rates_are_read_and_written_in_percent() {
        assert_eq!(parse_percent("tax", "19 %").unwrap(), Some(1_900));
        assert_eq!(parse_percent("tax", "7.5").unwrap(), Some(750));
        assert!(parse_percent("tax", "nineteen").is_err());
        assert!(parse_percent("tax", "700").unwrap_err().message.contains("100 percent"));
        assert_eq!((plain_percent(1_900).as_str(), plain_percent(825).as_str()), ("19", "8.25"));
    }
}
