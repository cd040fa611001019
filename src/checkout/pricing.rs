//! The prices of a bill's lines, and its totals.

use super::charges::{ChargeableLine, LineCharge, charge_lines};
use crate::db::billing_items::BillLine;
use crate::db::checkout_sessions::SessionRow;
use crate::domain::{Currency, Discount, Money, text_enum};

text_enum! {
    /// Why a line has no price, and so blocks the confirmation.
    PriceProblem, "a price problem":
    Unpriced = "unpriced",
    OtherCurrency = "other-currency",
    NotOnSale = "not-on-sale",
}

/// A bill with its prices and charges, in minor units of the session's currency.
pub(super) struct PricedBill {
    pub lines: Vec<PricedLine>,
    /// The amount of the discount on the whole bill.
    pub bill_discount: i64,
    /// The amount of all discounts.
    pub discount_total: i64,
    pub tax_total: i64,
    /// The amount due for the lines that have a price.
    pub total: i64,
}

/// A line of a bill with its price and charge.
pub(super) struct PricedLine {
    pub row: BillLine,
    pub unit_price: Result<Money, PriceProblem>,
    /// Price of all pieces; `None` without a unit price, or above [`Money::AMOUNT_MAX`].
    pub line_total: Option<i64>,
    /// `None` without a line total.
    pub charge: Option<LineCharge>,
}

impl PricedBill {
    pub fn new(session: &SessionRow, rows: Vec<BillLine>) -> Self {
        let mut lines: Vec<PricedLine> =
            rows.into_iter().map(|row| PricedLine::without_charge(row, session.currency)).collect();
        let priced: Vec<ChargeableLine> = lines.iter().filter_map(PricedLine::chargeable_line).collect();
        let bill_discount = Discount::from_columns(session.discount_rate, session.discount_amount);
        let charges = charge_lines(&priced, bill_discount, session.prices_include_tax);
        let sum = |field: fn(&LineCharge) -> i64| charges.iter().map(field).fold(0, i64::saturating_add);
        let (bill_discount, tax_total, total) =
            (sum(|charge| charge.bill_discount), sum(|charge| charge.tax), sum(|charge| charge.amount));
        let discount_total = sum(|charge| charge.discount.saturating_add(charge.bill_discount));
        let priced_lines = lines.iter_mut().filter(|line| line.line_total.is_some());
        priced_lines.zip(charges).for_each(|(line, charge)| line.charge = Some(charge));
        Self { lines, bill_discount, discount_total, tax_total, total }
    }

    /// Whether every line has a price and there is at least one.
    pub fn is_sellable(&self) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(|line| line.charge.is_some())
    }

    /// Whether the totals before and after discounts and tax are at most [`Money::AMOUNT_MAX`].
    pub fn is_chargeable(&self) -> bool {
        let line_totals = self.lines.iter().filter_map(|line| line.line_total).fold(0, i64::saturating_add);
        line_totals.max(self.total) <= Money::AMOUNT_MAX
    }
}

impl PricedLine {
    fn without_charge(row: BillLine, currency: Currency) -> Self {
        let unit_price = unit_price(&row, currency);
        let line_total = unit_price.ok().and_then(|price| price.checked_mul(row.quantity)).map(|total| total.amount);
        Self { row, unit_price, line_total, charge: None }
    }

    fn chargeable_line(&self) -> Option<ChargeableLine> {
        let discount = Discount::from_columns(self.row.discount_rate, self.row.discount_amount);
        self.line_total.map(|line_total| ChargeableLine { line_total, discount, tax_rate: self.row.tax_rate })
    }
}

/// The price that the bill shows. A price that the product got since is not charged before the bill shows it.
fn unit_price(line: &BillLine, currency: Currency) -> Result<Money, PriceProblem> {
    if !line.on_sale {
        return Err(PriceProblem::NotOnSale);
    }
    match line.unit_price {
        Some(amount) => Ok(Money { amount, currency }),
        None if line.current_currency.is_some_and(|other| other != currency) => Err(PriceProblem::OtherCurrency),
        None => Err(PriceProblem::Unpriced),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ItemId, ProductId, Timestamp};

    fn line(unit_price: Option<i64>, current_currency: Option<&str>, on_sale: bool) -> BillLine {
        let now = Timestamp::from_micros(1);
        BillLine {
            id: ItemId::generate(now),
            product_id: ProductId::generate(now),
            name: "Oat milk".to_owned(),
            sku: None,
            barcode: None,
            on_sale,
            quantity: 2,
            unit_price,
            current_currency: current_currency.map(|code| Currency::parse("currency", code).unwrap()),
            avg_score: None,
            tax_rate: 0,
            discount_rate: None,
            discount_amount: None,
            discount_reason: None,
        }
    }

    #[test]
    fn only_a_price_that_the_bill_shows_counts() {
        let euro = Currency::parse("currency", "EUR").unwrap();
        let price = |line: &BillLine| unit_price(line, euro).map(|price| price.amount);
        assert_eq!(price(&line(Some(199), Some("KRW"), true)), Ok(199));
        assert_eq!(price(&line(None, Some("EUR"), true)), Err(PriceProblem::Unpriced));
        assert_eq!(price(&line(None, Some("KRW"), true)), Err(PriceProblem::OtherCurrency));
        assert_eq!(price(&line(None, None, true)), Err(PriceProblem::Unpriced));
        assert_eq!(price(&line(Some(199), Some("EUR"), false)), Err(PriceProblem::NotOnSale));
    }
}
