//! Discounts and tax rates, in basis points or minor units.

use super::{InvalidField, Money};

/// 100 % in basis points.
pub const RATE_BP_MAX: i64 = 10_000;

/// A discount on a price. It never exceeds the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discount {
    /// In basis points of the price, 1 to [`RATE_BP_MAX`].
    Rate(i64),
    /// In minor units, at least 1.
    Amount(i64),
}

impl Discount {
    /// Exactly one of a rate in basis points and an amount in minor units.
    pub fn parse(rate: Option<i64>, amount: Option<i64>) -> Result<Self, InvalidField> {
        match (rate, amount) {
            (Some(rate), None) if (1..=RATE_BP_MAX).contains(&rate) => Ok(Self::Rate(rate)),
            (Some(rate), None) => {
                Err(InvalidField::new("rate_bp", format!("{rate} is not between 1 and {RATE_BP_MAX} basis points")))
            }
            (None, Some(amount)) if (1..=Money::AMOUNT_MAX).contains(&amount) => Ok(Self::Amount(amount)),
            (None, Some(amount)) => {
                let message = format!("{amount} is not between 1 and {} minor units", Money::AMOUNT_MAX);
                Err(InvalidField::new("amount", message))
            }
            (Some(_), Some(_)) | (None, None) => {
                Err(InvalidField::new("rate_bp", "send exactly one of rate_bp and amount"))
            }
        }
    }

    /// From a row's two columns, of which at most one is set.
    pub fn from_columns(rate: Option<i64>, amount: Option<i64>) -> Option<Self> {
        rate.map(Self::Rate).or(amount.map(Self::Amount))
    }

    pub fn rate(self) -> Option<i64> {
        match self {
            Self::Rate(rate) => Some(rate),
            Self::Amount(_) => None,
        }
    }

    pub fn amount(self) -> Option<i64> {
        match self {
            Self::Rate(_) => None,
            Self::Amount(amount) => Some(amount),
        }
    }
}

/// A tax rate in basis points, 0 to 100 %.
pub fn parse_tax_rate(field: &'static str, rate: i64) -> Result<i64, InvalidField> {
    if (0..=RATE_BP_MAX).contains(&rate) {
        Ok(rate)
    } else {
        Err(InvalidField::new(field, format!("{rate} is not between 0 and {RATE_BP_MAX} basis points; 19 % is 1900")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discount_is_one_rate_or_one_amount_within_bounds() {
        assert_eq!(Discount::parse(Some(1_000), None).unwrap(), Discount::Rate(1_000));
        assert_eq!(Discount::parse(None, Some(50)).unwrap(), Discount::Amount(50));
        for (rate, amount, field) in [
            (Some(0), None, "rate_bp"),
            (Some(10_001), None, "rate_bp"),
            (None, Some(0), "amount"),
            (None, Some(-5), "amount"),
            (Some(1), Some(1), "rate_bp"),
            (None, None, "rate_bp"),
        ] {
            assert_eq!(Discount::parse(rate, amount).unwrap_err().field, field);
        }
        assert_eq!(parse_tax_rate("tax_rate_bp", 10_000).unwrap(), 10_000);
        assert!(parse_tax_rate("tax_rate_bp", -1).unwrap_err().message.contains("-1"));
    }
}
