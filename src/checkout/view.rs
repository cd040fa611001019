//! The session and its bill as a kiosk shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Currency, ItemId, KioskId, Money, ProductId, SessionId, StoreId, Timestamp, UserId};
use crate::recognition::RecognitionView;
use crate::store::billing_items::BillLine;
use crate::store::checkout_sessions::SessionRow;

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
    /// `open`, `confirmed` or `cancelled`.
    #[schema(examples("open"))]
    pub status: String,
    /// Send it back with every change.
    pub version: i64,
    /// The store's currency.
    pub currency: Currency,
    /// The bill, in the order in which its lines came.
    pub items: Vec<ItemView>,
    /// Sum of the priced lines, in minor units.
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
    /// Price of all, in minor units.
    pub line_total: Option<i64>,
    /// Mean score of its recognitions; `null` where it was put there by hand.
    pub avg_score: Option<f64>,
    /// Why the line blocks the confirmation: `unpriced`, `other-currency`, `not-on-sale`; `null` where it does not.
    pub problem: Option<&'static str>,
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

impl SessionView {
    pub(super) fn new(session: SessionRow, lines: &[BillLine]) -> Self {
        let items: Vec<ItemView> = lines.iter().map(|line| ItemView::new(line, session.currency)).collect();
        let priced = items.iter().all(|item| item.problem.is_none() && item.line_total.is_some());
        Self {
            total: items.iter().filter_map(|item| item.line_total).fold(0, i64::saturating_add),
            confirmable: session.status == "open" && priced && !items.is_empty(),
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

impl ItemView {
    fn new(line: &BillLine, currency: Currency) -> Self {
        let price = price(line, currency);
        Self {
            id: line.id,
            product_id: line.product_id,
            product_name: line.name.clone(),
            quantity: line.quantity,
            unit_price: price.ok().map(|price| price.amount),
            line_total: price.ok().and_then(|price| price.times(line.quantity)).map(|total| total.amount),
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
