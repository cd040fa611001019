//! Cash rounding: a currency whose smallest coin is worth more than its minor unit is paid in cash to the nearest coin.

use super::{Currency, InvalidField};

/// More than any coin: the largest of the table is 500.
const STEP_MAX: i64 = 100_000;

/// What cash amounts are multiples of, in minor units. From CLDR 45 (`supplementalData.xml`: the step `cashRounding`, or the
/// whole unit where `cashDigits` or `digits` is 0), and, where CLDR is silent or behind, from the central banks: AUD (1992),
/// HUF (2008), MYR (2008), NZD (2006). A country that rounds a currency without having to, such as Finland the euro, is a shop's
/// own choice.
const CASH_STEPS: [(&str, i64); 35] = [
    ("AFN", 100),
    ("ALL", 100),
    ("AMD", 100),
    ("AUD", 5),
    ("CAD", 5),
    ("CHF", 5),
    ("COP", 100),
    ("CRC", 100),
    ("CZK", 100),
    ("DKK", 50),
    ("GYD", 100),
    ("HUF", 500),
    ("IDR", 100),
    ("IQD", 1_000),
    ("IRR", 100),
    ("KPW", 100),
    ("LAK", 100),
    ("LBP", 100),
    ("MGA", 100),
    ("MMK", 100),
    ("MNT", 100),
    ("MUR", 100),
    ("MYR", 5),
    ("NOK", 100),
    ("NZD", 10),
    ("PKR", 100),
    ("RSD", 100),
    ("SEK", 100),
    ("SLL", 100),
    ("SOS", 100),
    ("SYP", 100),
    ("TWD", 100),
    ("TZS", 100),
    ("UZS", 100),
    ("YER", 100),
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

    /// `currencyData/fractions` of CLDR 45: decimals of cash (`cashDigits`, else `digits`) and `cashRounding`, of each currency that
    /// ISO 4217 gives more decimals or that has a rounding. VEF and the like are no currencies any more.
    const CLDR_45: [(&str, u32, i64); 32] = [
        ("AFN", 0, 0),
        ("ALL", 0, 0),
        ("AMD", 0, 0),
        ("CAD", 2, 5),
        ("CHF", 2, 5),
        ("COP", 0, 0),
        ("CRC", 0, 0),
        ("CZK", 0, 0),
        ("DKK", 2, 50),
        ("GYD", 0, 0),
        ("HUF", 0, 0),
        ("IDR", 0, 0),
        ("IQD", 0, 0),
        ("IRR", 0, 0),
        ("KPW", 0, 0),
        ("LAK", 0, 0),
        ("LBP", 0, 0),
        ("MGA", 0, 0),
        ("MMK", 0, 0),
        ("MNT", 0, 0),
        ("MUR", 0, 0),
        ("NOK", 0, 0),
        ("PKR", 0, 0),
        ("RSD", 0, 0),
        ("SEK", 0, 0),
        ("SLL", 0, 0),
        ("SOS", 0, 0),
        ("SYP", 0, 0),
        ("TWD", 0, 0),
        ("TZS", 0, 0),
        ("UZS", 0, 0),
        ("YER", 0, 0),
    ];
    /// Where the central bank says more than CLDR.
    const CENTRAL_BANKS: [&str; 4] = ["AUD", "HUF", "MYR", "NZD"];

    #[test]
    fn currencies_have_the_step_of_their_smallest_coin() {
        assert_eq!(["CHF", "DKK", "SEK", "NZD", "HUF", "EUR", "KRW"].map(step), [5, 50, 100, 10, 500, 1, 1]);
        for (code, digits, rounding) in CLDR_45.into_iter().filter(|(code, ..)| !CENTRAL_BANKS.contains(code)) {
            let currency = Currency::parse("currency", code).unwrap();
            assert_eq!(step(code), rounding.max(1) * 10_i64.pow(currency.minor_digits() - digits), "{code}");
        }
        for (code, _) in CASH_STEPS {
            let is_of_cldr = CLDR_45.iter().any(|(of_cldr, ..)| *of_cldr == code);
            assert!(is_of_cldr || CENTRAL_BANKS.contains(&code), "{code}");
            assert!(step(code) > 1, "{code}");
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
