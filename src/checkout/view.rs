//! The session and its bill as the kiosk shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::pricing::{PriceProblem, PricedBill, PricedLine};
use crate::db::checkout_sessions::SessionRow;
use crate::domain::{
    Currency, ItemId, KioskId, ProductId, SessionId, SessionStatus, StoreId, Timestamp, UserId, cash_rounding,
};
use crate::recognition::RecognitionView;

/// A session and its bill.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionView {
    pub id: SessionId,
    pub store_id: StoreId,
    /// `null` if a person opened it.
    pub kiosk_id: Option<KioskId>,
    /// `null` until a shopper has joined.
    pub shopper_id: Option<UserId>,
    /// `open`, `confirmed` or `cancelled`.
    #[schema(value_type = String, examples("open"))]
    pub status: SessionStatus,
    /// Send it back with every change.
    pub version: i64,
    /// The store's currency.
    pub currency: Currency,
    /// The bill, oldest line first.
    pub items: Vec<ItemView>,
    /// Whether the prices contain the tax; otherwise it is added.
    pub prices_include_tax: bool,
    /// The discount on the whole bill.
    pub discount: Option<DiscountView>,
    /// All discounts on the lines that have a price, in minor units.
    pub discount_total: i64,
    /// The tax in the total, in minor units.
    pub tax_total: i64,
    /// What is due for the lines that have a price, in minor units.
    pub total: i64,
    /// What is due in cash, in minor units: the total, rounded as the store rounds cash.
    pub cash_total: i64,
    /// Whether the bill can be confirmed as it is.
    pub confirmable: bool,
    pub created_at: Timestamp,
    /// When it was last changed.
    pub last_active_at: Timestamp,
}

/// A line of the bill.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ItemView {
    pub id: ItemId,
    pub product_id: ProductId,
    pub product_name: String,
    pub quantity: i64,
    /// Price of one piece in minor units, as the shopper first saw it; `null` without a price.
    pub unit_price: Option<i64>,
    /// Price of all pieces before discounts, in minor units.
    pub line_total: Option<i64>,
    /// The discount on the line.
    pub discount: Option<DiscountView>,
    /// In basis points: 1900 is 19 %.
    pub tax_rate_bp: i64,
    /// What is due for the line after all discounts, with tax; `null` without a price.
    pub amount: Option<i64>,
    /// Mean score of its recognitions; `null` if it was added by hand.
    pub avg_score: Option<f64>,
    /// Why the line blocks the confirmation: `unpriced`, `other-currency`, `not-on-sale`; `null` if it does not.
    #[schema(value_type = Option<String>)]
    pub problem: Option<PriceProblem>,
}

/// A discount, by rate or by amount, and what it takes off.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DiscountView {
    /// In basis points: 1000 is 10 %.
    pub rate_bp: Option<i64>,
    /// In minor units, as the clerk gave it.
    pub amount: Option<i64>,
    /// What it takes off now, in minor units: never more than the amount due. `null` on a line without a price.
    pub taken_off: Option<i64>,
    pub reason: Option<String>,
}

/// What was recognised in a frame, and the bill after it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FrameView {
    pub recognition: RecognitionView,
    /// With the matched products added.
    pub session: SessionView,
}

impl SessionView {
    pub(super) fn new(session: SessionRow, bill: &PricedBill) -> Self {
        Self {
            id: session.id,
            store_id: session.store_id,
            kiosk_id: session.kiosk_id,
            shopper_id: session.shopper_id,
            status: session.status,
            version: session.version,
            currency: session.currency,
            items: bill.lines.iter().map(ItemView::from).collect(),
            prices_include_tax: session.prices_include_tax,
            discount: DiscountView::from_columns(
                session.discount_rate,
                session.discount_amount,
                session.discount_reason,
                Some(bill.bill_discount),
            ),
            discount_total: bill.discount_total,
            tax_total: bill.tax_total,
            total: bill.total,
            cash_total: bill.total + cash_rounding(bill.total, session.seller.cash_step(session.currency)),
            confirmable: session.status == SessionStatus::Open && bill.is_sellable(),
            created_at: session.created_at,
            last_active_at: session.last_active_at,
        }
    }
}

impl From<&PricedLine> for ItemView {
    fn from(line: &PricedLine) -> Self {
        let row = &line.row;
        Self {
            id: row.id,
            product_id: row.product_id,
            product_name: row.name.clone(),
            quantity: row.quantity,
            unit_price: line.unit_price.ok().map(|price| price.amount),
            line_total: line.line_total,
            discount: DiscountView::from_columns(
                row.discount_rate,
                row.discount_amount,
                row.discount_reason.clone(),
                line.charge.map(|charge| charge.discount),
            ),
            tax_rate_bp: row.tax_rate,
            amount: line.charge.map(|charge| charge.amount),
            avg_score: row.avg_score,
            problem: line.unit_price.err(),
        }
    }
}

impl DiscountView {
    fn from_columns(
        rate_bp: Option<i64>,
        amount: Option<i64>,
        reason: Option<String>,
        taken_off: Option<i64>,
    ) -> Option<Self> {
        (rate_bp.is_some() || amount.is_some()).then_some(Self { rate_bp, amount, taken_off, reason })
    }
}
