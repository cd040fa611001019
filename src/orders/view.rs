//! Orders, payments and refunds as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::amounts::{discount_total, line_amount, tax_total};
use crate::db::orders::{ListedOrder, OrderBalanceRow, OrderItemRow, OrderRow, OrderSummaryRow};
use crate::db::payments::PaymentRow;
use crate::db::refunds::{RefundItemRow, RefundRow};
use crate::domain::{
    Currency, GappedPage, KioskId, OrderId, OrderState, Page, PaymentId, PaymentMethod, ProductId, RefundId,
    RefundKind, SessionId, StoreId, TimeZone, Timestamp, cash_rounding,
};

/// An order with its payments and refunds, as they are stored.
pub(super) struct OrderRecords {
    pub order: OrderRow,
    pub items: Vec<OrderItemRow>,
    pub balance: OrderBalanceRow,
    pub payments: Vec<PaymentRow>,
    pub refunds: Vec<(RefundRow, Vec<RefundItemRow>)>,
    /// What the store rounds cash to now, in minor units.
    pub cash_step: i64,
}

/// An order in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderSummary {
    pub id: OrderId,
    /// 1, 2, 3 … within the store.
    pub receipt_number: i64,
    pub store_id: StoreId,
    /// At the time of the order; `null` if the order was made before the name was kept with it.
    pub store_name: Option<String>,
    /// In minor units.
    pub total: i64,
    pub currency: Currency,
    /// Number of lines.
    pub items_count: i64,
    pub state: OrderState,
    /// In minor units.
    pub refunded: i64,
    /// When it was confirmed.
    pub created_at: Timestamp,
}

/// A confirmed bill. It never changes; payments and refunds are added to it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderView {
    pub id: OrderId,
    /// 1, 2, 3 … within the store.
    pub receipt_number: i64,
    pub store_id: StoreId,
    /// At the time of the order, like the address, the tax number and the time zone. `null` if the order was made before these
    /// were kept with it.
    pub store_name: Option<String>,
    /// `null` if the store had none, or the order was made before it was kept.
    pub store_address: Option<String>,
    /// `null` if the store had none, or the order was made before it was kept.
    pub store_tax_number: Option<String>,
    /// `null` if the order was made before it was kept.
    pub time_zone: Option<TimeZone>,
    pub session_id: SessionId,
    /// `null` if a person held the session.
    pub kiosk_id: Option<KioskId>,
    /// What is due, in minor units.
    pub total: i64,
    /// What is due if all of it is paid in cash: the total, rounded as the store rounds cash.
    pub cash_total: i64,
    pub currency: Currency,
    /// Whether the prices contain the tax; otherwise it was added.
    pub prices_include_tax: bool,
    /// The tax in the total.
    pub tax_total: i64,
    /// All discounts, in minor units.
    pub discount_total: i64,
    /// Reason of the discount on the whole bill.
    pub discount_reason: Option<String>,
    pub items: Vec<OrderItemView>,
    pub state: OrderState,
    /// In minor units.
    pub paid: i64,
    /// In minor units.
    pub refunded: i64,
    pub payments: Vec<PaymentView>,
    /// Refunds, or the void.
    pub refunds: Vec<RefundView>,
    /// When it was confirmed.
    pub created_at: Timestamp,
    /// SHA-256 over the order's fields and the previous order's seal, in hexadecimal.
    pub hash: String,
    /// Code with which a shopper claims the order; only in the reply to the confirmation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_code: Option<String>,
}

/// A line of an order, as it was at confirmation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderItemView {
    /// 1, 2, 3 …
    pub line: i64,
    pub product_id: ProductId,
    pub product_name: String,
    pub sku: Option<String>,
    pub barcode: Option<String>,
    pub quantity: i64,
    /// Price of one piece, in minor units.
    pub unit_price: i64,
    /// Price of all pieces before discounts, in minor units.
    pub line_total: i64,
    /// Discount on the line, in minor units.
    pub discount: i64,
    /// Reason of the discount on the line.
    pub discount_reason: Option<String>,
    /// The line's share of the discount on the whole bill.
    pub bill_discount: i64,
    /// In basis points: 1900 is 19 %.
    pub tax_rate_bp: i64,
    /// In minor units.
    pub tax: i64,
    /// What is due for the line, in minor units.
    pub amount: i64,
    /// Mean score of its recognitions; `null` if it was added by hand.
    pub avg_score: Option<f64>,
}

/// A payment of an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PaymentView {
    pub id: PaymentId,
    /// 1, 2, 3 … within the store.
    pub payment_number: i64,
    pub method: PaymentMethod,
    /// What it settles of the order, in minor units.
    pub amount: i64,
    /// Cash taken is `amount` and this: cash is rounded as the store rounds it. 0 for other methods.
    pub rounding: i64,
    /// Cash received.
    pub tendered: Option<i64>,
    /// Cash given back.
    pub change: Option<i64>,
    /// The terminal's or provider's reference.
    pub reference: Option<String>,
    /// Who recorded it; only shown to staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    pub created_at: Timestamp,
    /// SHA-256 over its fields and the previous payment's seal, in hexadecimal.
    pub hash: String,
}

/// A refund of a paid order, or the void of an unpaid one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefundView {
    pub id: RefundId,
    /// 1, 2, 3 … within the store; refunds and voids count together.
    pub refund_number: i64,
    /// `refund` or `void`.
    #[schema(value_type = String, examples("refund"))]
    pub kind: RefundKind,
    pub order_id: OrderId,
    /// What it takes back of the order, in minor units.
    pub amount: i64,
    /// Cash paid back is `amount` and this: cash is rounded as the store rounds it. 0 for other methods.
    pub rounding: i64,
    /// The tax in the amount.
    pub tax: i64,
    pub currency: Currency,
    /// How the money was paid back; `null` for a void.
    pub method: Option<PaymentMethod>,
    /// The terminal's or provider's reference.
    pub reference: Option<String>,
    pub reason: String,
    pub items: Vec<RefundItemView>,
    /// Who made it; only shown to staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    pub created_at: Timestamp,
    /// SHA-256 over its fields and the seal of the previous record in its series, in hexadecimal.
    pub hash: String,
}

/// What was refunded of a line.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefundItemView {
    /// Number of the line in the order.
    pub line: i64,
    /// Pieces; 0 if only money was refunded.
    pub quantity: i64,
    /// In minor units.
    pub amount: i64,
    /// In basis points: 1900 is 19 %.
    pub tax_rate_bp: i64,
    /// The tax in the amount.
    pub tax: i64,
}

impl From<OrderRecords> for OrderView {
    fn from(records: OrderRecords) -> Self {
        let OrderRecords { order, items, balance, payments, refunds, cash_step } = records;
        let prices_include_tax = order.prices_include_tax;
        Self {
            id: order.id,
            receipt_number: order.number,
            store_id: order.store_id,
            store_name: order.store_name,
            store_address: order.store_address,
            store_tax_number: order.store_tax_number,
            time_zone: order.time_zone,
            session_id: order.session_id,
            kiosk_id: order.kiosk_id,
            total: order.total,
            cash_total: order.total + cash_rounding(order.total, cash_step),
            currency: order.currency,
            prices_include_tax,
            tax_total: tax_total(&items),
            discount_total: discount_total(&items),
            discount_reason: order.discount_reason,
            items: items.into_iter().map(|item| OrderItemView::new(item, prices_include_tax)).collect(),
            state: balance.state,
            paid: balance.paid,
            refunded: balance.refunded,
            payments: payments.into_iter().map(PaymentView::from).collect(),
            refunds: refunds.into_iter().map(|(refund, items)| RefundView::new(refund, items)).collect(),
            created_at: order.created_at,
            hash: hex::encode(order.hash),
            claim_code: None,
        }
    }
}

impl OrderView {
    pub(super) fn without_staff(mut self) -> Self {
        self.payments.iter_mut().for_each(|payment| payment.made_by = None);
        self.refunds.iter_mut().for_each(|refund| refund.made_by = None);
        self
    }
}

impl OrderItemView {
    fn new(row: OrderItemRow, prices_include_tax: bool) -> Self {
        Self {
            amount: line_amount(&row, prices_include_tax),
            line: row.line,
            product_id: row.product_id,
            product_name: row.name,
            sku: row.sku,
            barcode: row.barcode,
            quantity: row.quantity,
            unit_price: row.unit_price,
            line_total: row.line_total,
            discount: row.discount,
            discount_reason: row.discount_reason,
            bill_discount: row.bill_discount,
            tax_rate_bp: row.tax_rate,
            tax: row.tax,
            avg_score: row.avg_score,
        }
    }
}

impl From<PaymentRow> for PaymentView {
    fn from(row: PaymentRow) -> Self {
        Self {
            id: row.id,
            payment_number: row.number,
            method: row.method,
            amount: row.amount,
            rounding: row.rounding,
            tendered: row.tendered,
            change: row.tendered.map(|tendered| tendered - row.amount - row.rounding),
            reference: row.reference,
            made_by: Some(row.made_by),
            created_at: row.created_at,
            hash: hex::encode(row.hash),
        }
    }
}

impl RefundView {
    pub(super) fn new(row: RefundRow, items: Vec<RefundItemRow>) -> Self {
        Self {
            id: row.id,
            refund_number: row.number,
            kind: row.kind,
            order_id: row.order_id,
            amount: row.amount,
            rounding: row.rounding,
            tax: row.tax,
            currency: row.currency,
            method: row.method,
            reference: row.reference,
            reason: row.reason,
            items: items.into_iter().map(RefundItemView::from).collect(),
            made_by: Some(row.made_by),
            created_at: row.created_at,
            hash: hex::encode(row.hash),
        }
    }
}

impl From<RefundItemRow> for RefundItemView {
    fn from(row: RefundItemRow) -> Self {
        Self { line: row.line, quantity: row.quantity, amount: row.amount, tax_rate_bp: row.tax_rate, tax: row.tax }
    }
}

/// The readable orders of a page, and the ids of the others, which are logged.
pub(super) fn page_of_summaries(page: Page<ListedOrder<OrderSummaryRow>>) -> GappedPage<OrderSummary> {
    let mut list = GappedPage { data: Vec::new(), unreadable: Vec::new(), next_cursor: page.next_cursor };
    for ListedOrder { id, row } in page.data {
        match row {
            Ok(row) => list.data.push(OrderSummary::from(row)),
            Err(reason) => {
                tracing::warn!(order.id = %id, reason, "an order cannot be read and is not listed");
                list.unreadable.push(id.uuid());
            }
        }
    }
    list
}

impl From<OrderSummaryRow> for OrderSummary {
    fn from(row: OrderSummaryRow) -> Self {
        Self {
            id: row.id,
            receipt_number: row.number,
            store_id: row.store_id,
            store_name: row.store_name,
            total: row.total,
            currency: row.currency,
            items_count: row.items_count,
            state: row.state,
            refunded: row.refunded,
            created_at: row.created_at,
        }
    }
}
