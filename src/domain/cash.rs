//! Cash rounding: a currency whose smallest coin is worth more than its minor unit is paid in cash to the nearest coin.

use super::{Currency, InvalidField};

/// More than any coin: the largest of the table is 500.
const STEP_MAX: i64 = 100_000;

/// What cash amounts are multiples of, in minor units. From CLDR's `supplementalData.xml` (`cashRounding` of CAD, CHF and DKK;
/// `cashDigits` 0 of the others), and, where CLDR is silent or behind, from the central banks: AUD (1992), HUF (2008), MYR (2008),
/// NZD (2006). A country that rounds a currency without having to, such as Finland the euro, is a shop's own choice.
const CASH_STEPS: [(&str, i64); 19] = [
    ("AMD", 100),
    ("AUD", 5),
    ("CAD", 5),
    ("CHF", 5),
    ("CRC", 100),
    ("CZK", 100),
    ("DKK", 50),
    ("GYD", 100),
    ("HUF", 500),
    ("MNT", 100),
    ("MUR", 100),
    ("MYR", 5),
    ("NOK", 100),
    ("NZD", 10),
    ("PKR", 100),
    ("RSD", 100),
    ("SEK", 100),
    ("TWD", 100),
    ("TZS", 100),
];

impl Currency {
    /// What cash amounts are multiples of, in minor units; 1 where they are not rounded.
    pub fn cash_step(self) -> i64 {
        CASH_STEPS.iter().find(|(code, _)| *code == self.code()).map_or(1, |(_, step)| *step)
    }
}

/// What is added to `amount` to be paid in cash: to the nearest multiple of `step`, up from the middle. `amount` is not negative.
pub fn cash_rounding(amount: i64, step: i64) -> i64 {
    let over = amount % step;
    if over > 0 && over * 2 >= step { step - over } else { -over }
}

/// What a store rounds cash to, in minor units; 1 for not at all.
pub fn parse_cash_step(field: &'static str, step: i64) -> Result<i64, InvalidField> {
    if (1..=STEP_MAX).contains(&step) {
        return Ok(step);
    }
    let message = format!("{step} is not between 1 and {STEP_MAX} minor units; 5 rounds to 0.05, 1 does not round");
    Err(InvalidField::new(field, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(code: &str) -> i64 {
        Currency::parse("currency", code).unwrap().cash_step()
    }

    #[test]
    fn currencies_have_the_step_of_their_smallest_coin() {
        assert_eq!(["CHF", "DKK", "SEK", "NZD", "EUR", "KRW"].map(step), [5, 50, 100, 10, 1, 1]);
        for (code, step) in CASH_STEPS {
            let currency = Currency::parse("currency", code).unwrap();
            assert!(step > 1 && currency.cash_step() == step && currency.minor_digits() == 2, "{code}");
        }
    }

    #[test]
    fn cash_goes_to_the_nearest_coin_and_up_from_the_middle() {
        let paid = |amount: i64, step: i64| amount + cash_rounding(amount, step);
        assert_eq!(
            [1000, 1001, 1002, 1003, 1004, 1005].map(|amount| paid(amount, 5)),
            [1000, 1000, 1000, 1005, 1005, 1005]
        );
        assert_eq!([24, 25, 74, 75].map(|amount| paid(amount, 50)), [0, 50, 50, 100]);
        assert_eq!([149, 150, 0].map(|amount| paid(amount, 100)), [100, 200, 0]);
        assert_eq!([4, 5].map(|amount| paid(amount, 10)), [0, 10]);
        assert_eq!(paid(1_003, 1), 1_003);
    }

    #[test]
    fn a_step_must_be_a_coin() {
        assert_eq!(parse_cash_step("cash_rounding", 5), Ok(5));
        assert!(parse_cash_step("cash_rounding", 0).unwrap_err().message.contains('0'));
        assert!(parse_cash_step("cash_rounding", 100_001).is_err());
    }
}
