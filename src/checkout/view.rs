//! The session and its bill as a kiosk shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::totals::{ChargedLine, PricedLine, charge};
use crate::db::billing_items::BillLine;
use crate::db::checkout_sessions::SessionRow;
use crate::domain::{
    Currency, Discount, ItemId, KioskId, Money, ProductId, SessionId, SessionStatus, StoreId, Timestamp, UserId,
};
use crate::recognition::RecognitionView;

/// A session and its bill.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionView {
    /// Its identifier.
    pub id: SessionId,
    /// The store it is held in.
    pub store_id: StoreId,
    /// The kiosk that opened it.
    pub kiosk_id: Option<KioskId>,
    /// The shopper, once they have joined.
    pub shopper_id: Option<UserId>,
    #[schema(value_type = String, examples("open"))]
    pub status: SessionStatus,
    /// Send it back with every change.
    pub version: i64,
    /// The store's currency.
    pub currency: Currency,
    /// The bill, in the order in which its lines came.
    pub items: Vec<ItemView>,
    /// Whether the prices contain the tax; otherwise it comes on top.
    pub prices_include_tax: bool,
    /// The discount on the whole bill.
    pub discount: Option<DiscountView>,
    /// What the discounts take off the priced lines, in minor units.
    pub discount_total: i64,
    /// The tax in the total, in minor units.
    pub tax_total: i64,
    /// What is due for the priced lines, in minor units.
    pub total: i64,
    /// Whether the bill could be confirmed as it is.
    pub confirmable: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub last_active_at: Timestamp,
}

/// A line of the bill.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ItemView {
    /// The line.
    pub id: ItemId,
    /// The product.
    pub product_id: ProductId,
    /// Its name.
    pub product_name: String,
    /// How many.
    pub quantity: i64,
    /// Price of one, in minor units, as shown when the item came on the bill; `null` while it has none.
    pub unit_price: Option<i64>,
    /// Price of all before discounts, in minor units.
    pub line_total: Option<i64>,
    /// The discount on the line.
    pub discount: Option<DiscountView>,
    /// Tax in basis points: 1900 is 19 %.
    pub tax_rate_bp: i64,
    /// What is due for the line after all discounts, with tax; `null` while it has no price.
    pub amount: Option<i64>,
    /// Mean score of its recognitions; `null` where it was put there by hand.
    pub avg_score: Option<f64>,
    /// Why the line blocks the confirmation: `unpriced`, `other-currency`, `not-on-sale`; `null` where it does not.
    pub problem: Option<&'static str>,
}

/// A discount that a clerk gave, a rate or an amount, and what it really takes off.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DiscountView {
    /// Basis points: 1000 is 10 %.
    pub rate_bp: Option<i64>,
    /// Minor units, as they were given.
    pub amount: Option<i64>,
    /// Minor units that it takes off now. Less than `amount` where that is more than there is to pay: nothing is due then,
    /// and nobody is paid out. `null` on a line that has no price yet.
    pub taken_off: Option<i64>,
    /// Why.
    pub reason: Option<String>,
}

/// What a frame did: what was seen in it, and the bill after it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FrameView {
    /// What was seen.
    pub recognition: RecognitionView,
    /// The session after the matched items were put on the bill.
    pub session: SessionView,
}

/// The price that counts for a line, or why there is none. What the shopper was shown first stays; a line that came
/// without a price takes the product's price as soon as it has one in the store's currency.
pub(super) fn price(line: &BillLine, currency: Currency) -> Result<Money, &'static str> {
    if !line.on_sale {
        return Err("not-on-sale");
    }
    let current = line.current_price.filter(|_| line.current_currency == Some(currency));
    match line.unit_price.or(current) {
        Some(amount) => Ok(Money { amount, currency }),
        None if line.current_price.is_some() => Err("other-currency"),
        None => Err("unpriced"),
    }
}

/// The discount on the whole bill.
pub(super) fn discount(session: &SessionRow) -> Option<Discount> {
    Discount::kept(session.discount_rate, session.discount_amount)
}

/// A line as it goes into the reckoning; nothing where it has no price or its price is past what money can hold.
pub(super) fn priced(line: &BillLine, currency: Currency) -> Option<PricedLine> {
    let line_total = price(line, currency).ok()?.times(line.quantity)?.amount;
    let discount = Discount::kept(line.discount_rate, line.discount_amount);
    Some(PricedLine { line_total, discount, tax_rate: line.tax_rate })
}

impl SessionView {
    pub(super) fn new(session: SessionRow, lines: &[BillLine]) -> Self {
        let priced: Vec<Option<PricedLine>> = lines.iter().map(|line| priced(line, session.currency)).collect();
        let known: Vec<PricedLine> = priced.iter().copied().flatten().collect();
        let charged = charge(&known, discount(&session), session.prices_include_tax);
        let sum = |of: fn(&ChargedLine) -> i64| charged.iter().map(of).fold(0, i64::saturating_add);
        let mut charges = charged.iter();
        let shown = lines
            .iter()
            .zip(&priced)
            .map(|(line, priced)| ItemView::new(line, session.currency, priced.as_ref().and_then(|_| charges.next())));
        let items: Vec<ItemView> = shown.collect();
        let sellable = items.iter().all(|item| item.problem.is_none() && item.amount.is_some());
        Self {
            prices_include_tax: session.prices_include_tax,
            discount: DiscountView::new(
                session.discount_rate,
                session.discount_amount,
                session.discount_reason.as_ref(),
                Some(sum(|line| line.bill_discount)),
            ),
            discount_total: sum(|line| line.discount.saturating_add(line.bill_discount)),
            tax_total: sum(|line| line.tax),
            total: sum(|line| line.amount),
            confirmable: session.status == SessionStatus::Open && sellable && !items.is_empty(),
            items,
            id: session.id,
            store_id: session.store_id,
            kiosk_id: session.kiosk_id,
            shopper_id: session.shopper_id,
            status: session.status,
            version: session.version,
            currency: session.currency,
            created_at: session.created_at,
            last_active_at: session.last_active_at,
        }
    }
}

impl DiscountView {
    fn new(rate_bp: Option<i64>, amount: Option<i64>, reason: Option<&String>, taken_off: Option<i64>) -> Option<Self> {
        Discount::kept(rate_bp, amount).map(|_| Self { rate_bp, amount, taken_off, reason: reason.cloned() })
    }
}

impl ItemView {
    fn new(line: &BillLine, currency: Currency, charged: Option<&ChargedLine>) -> Self {
        let price = price(line, currency);
        let taken_off = charged.map(|line| line.discount);
        let reason = line.discount_reason.as_ref();
        Self {
            id: line.id,
            product_id: line.product_id,
            product_name: line.name.clone(),
            quantity: line.quantity,
            unit_price: price.ok().map(|price| price.amount),
            line_total: price.ok().and_then(|price| price.times(line.quantity)).map(|total| total.amount),
            discount: DiscountView::new(line.discount_rate, line.discount_amount, reason, taken_off),
            tax_rate_bp: line.tax_rate,
            amount: charged.map(|line| line.amount),
            avg_score: line.avg_score,
            problem: price.err(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(unit_price: Option<i64>, current: Option<(i64, &str)>, on_sale: bool) -> BillLine {
        let now = Timestamp::from_micros(1);
        BillLine {
            id: ItemId::at(now),
            product_id: ProductId::at(now),
            name: "Oat milk".to_owned(),
            sku: None,
            barcode: None,
            on_sale,
            quantity: 2,
            unit_price,
            current_price: current.map(|(amount, _)| amount),
            current_currency: current.map(|(_, code)| Currency::parse("currency", code).unwrap()),
            avg_score: None,
            tax_rate: 0,
            discount_rate: None,
            discount_amount: None,
            discount_reason: None,
        }
    }

    #[test]
    fn the_price_shown_first_counts_and_a_late_price_fills_the_gap() {
        let euro = Currency::parse("currency", "EUR").unwrap();
        let amount = |line: &BillLine| price(line, euro).map(|price| price.amount);
        assert_eq!(amount(&line(Some(199), Some((249, "EUR")), true)), Ok(199));
        assert_eq!(amount(&line(None, Some((249, "EUR")), true)), Ok(249));
        assert_eq!(amount(&line(None, Some((249, "KRW")), true)), Err("other-currency"));
        assert_eq!(amount(&line(None, None, true)), Err("unpriced"));
        assert_eq!(amount(&line(Some(199), Some((199, "EUR")), false)), Err("not-on-sale"));
    }
}
