//! Orders as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::orders::{ListedOrder, OrderBalanceRow, OrderItemRow, OrderRow, OrderSummaryRow};
use crate::db::payments::PaymentRow;
use crate::db::refunds::{RefundItemRow, RefundRow};
use crate::domain::{
    Currency, GappedPage, KioskId, OrderId, OrderState, Page, PaymentId, PaymentMethod, ProductId, RefundId,
    RefundKind, SessionId, StoreId, Timestamp,
};

/// An order in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderSummary {
    /// Its identifier.
    pub id: OrderId,
    /// The receipt number: 1, 2, 3 … within the store.
    pub receipt_number: i64,
    /// The store.
    pub store_id: StoreId,
    /// The store's name.
    pub store_name: String,
    /// In minor units.
    pub total: i64,
    /// Of the total.
    pub currency: Currency,
    /// Number of lines.
    pub items_count: i64,
    /// Where it stands.
    pub state: OrderState,
    /// What was given back, in minor units.
    pub refunded: i64,
    /// When it was confirmed.
    pub created_at: Timestamp,
}

/// A confirmed, immutable bill.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderView {
    /// Its identifier.
    pub id: OrderId,
    /// The receipt number: 1, 2, 3 … within the store.
    pub receipt_number: i64,
    /// The store.
    pub store_id: StoreId,
    /// The store's name.
    pub store_name: String,
    /// The session it came from.
    pub session_id: SessionId,
    /// The kiosk, unless a person held the session.
    pub kiosk_id: Option<KioskId>,
    /// What is due for the lines together, in minor units.
    pub total: i64,
    /// Of all prices.
    pub currency: Currency,
    /// Whether the prices contain the tax; otherwise it came on top.
    pub prices_include_tax: bool,
    /// The tax in the total.
    pub tax_total: i64,
    /// What was taken off by discounts, in minor units.
    pub discount_total: i64,
    /// Why there was a discount on the whole bill.
    pub discount_reason: Option<String>,
    /// The lines.
    pub items: Vec<OrderItemView>,
    /// Where it stands.
    pub state: OrderState,
    /// What was taken for it, in minor units.
    pub paid: i64,
    /// What was given back, in minor units.
    pub refunded: i64,
    /// How it was paid.
    pub payments: Vec<PaymentView>,
    /// What took it back, wholly or in part.
    pub refunds: Vec<RefundView>,
    /// When it was confirmed.
    pub created_at: Timestamp,
    /// SHA-256 over the order's fields and the seal of the order before it, in hexadecimal.
    pub hash: String,
    /// Code with which a shopper makes the order theirs; only in the reply to the confirmation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_code: Option<String>,
}

/// A line of an order, as it was at confirmation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderItemView {
    /// 1, 2, 3 …
    pub line: i64,
    /// The product.
    pub product_id: ProductId,
    /// Its name then.
    pub product_name: String,
    /// Its SKU then.
    pub sku: Option<String>,
    /// Its barcode then.
    pub barcode: Option<String>,
    /// How many.
    pub quantity: i64,
    /// Price of one, in minor units.
    pub unit_price: i64,
    /// Price of all before discounts, in minor units.
    pub line_total: i64,
    /// Discount on the line, in minor units.
    pub discount: i64,
    /// Why it was given.
    pub discount_reason: Option<String>,
    /// The line's share of the discount on the whole bill.
    pub bill_discount: i64,
    /// Tax in basis points: 1900 is 19 %.
    pub tax_rate_bp: i64,
    /// The tax, in minor units.
    pub tax: i64,
    /// What is due for the line, in minor units.
    pub amount: i64,
    /// Mean score of its recognitions; `null` where it was put there by hand.
    pub avg_score: Option<f64>,
}

/// Money that was taken for an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PaymentView {
    /// Its identifier.
    pub id: PaymentId,
    /// 1, 2, 3 … within the store.
    pub payment_number: i64,
    /// How it was paid.
    pub method: PaymentMethod,
    /// In minor units.
    pub amount: i64,
    /// Cash that was handed over.
    pub tendered: Option<i64>,
    /// Cash that was handed back.
    pub change: Option<i64>,
    /// What a terminal or provider calls it.
    pub reference: Option<String>,
    /// Who recorded it; shown to the staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// SHA-256 over its fields and the seal of the payment before it, in hexadecimal.
    pub hash: String,
}

/// A refund of a paid order, or the void of an unpaid one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefundView {
    /// Its identifier.
    pub id: RefundId,
    /// 1, 2, 3 … within the store; refunds and voids count together.
    pub refund_number: i64,
    #[schema(value_type = String, examples("refund"))]
    pub kind: RefundKind,
    /// The order.
    pub order_id: OrderId,
    /// Minor units taken back.
    pub amount: i64,
    /// The tax among them.
    pub tax: i64,
    /// Of both.
    pub currency: Currency,
    /// How the money was given back; `null` for a void.
    pub method: Option<PaymentMethod>,
    /// What a terminal or provider calls it.
    pub reference: Option<String>,
    /// Why.
    pub reason: String,
    /// What was taken back of which line.
    pub items: Vec<RefundItemView>,
    /// Who made it; shown to the staff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// SHA-256 over its fields and the seal of the record before it in the series, in hexadecimal.
    pub hash: String,
}

/// What was taken back of a line.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefundItemView {
    /// The order's line.
    pub line: i64,
    /// Pieces; 0 where only money was given back.
    pub quantity: i64,
    /// Minor units.
    pub amount: i64,
    /// Tax in basis points.
    pub tax_rate_bp: i64,
    /// The tax among the amount.
    pub tax: i64,
}

impl OrderView {
    pub(super) fn new(
        order: OrderRow,
        store_name: String,
        items: Vec<OrderItemRow>,
        standing: OrderBalanceRow,
        payments: Vec<PaymentView>,
        refunds: Vec<RefundView>,
    ) -> Self {
        let included = order.prices_include_tax;
        Self {
            prices_include_tax: included,
            tax_total: items.iter().map(|item| item.tax).sum(),
            discount_total: items.iter().map(|item| item.discount + item.bill_discount).sum(),
            discount_reason: order.discount_reason,
            state: standing.state,
            paid: standing.paid,
            refunded: standing.refunded,
            payments,
            refunds,
            id: order.id,
            receipt_number: order.number,
            store_id: order.store_id,
            store_name,
            session_id: order.session_id,
            kiosk_id: order.kiosk_id,
            total: order.total,
            currency: order.currency,
            items: items.into_iter().map(|item| OrderItemView::new(item, included)).collect(),
            created_at: order.created_at,
            hash: hex::encode(order.hash),
            claim_code: None,
        }
    }

    /// The same without who of the staff did what.
    pub(super) fn without_staff(mut self) -> Self {
        self.payments.iter_mut().for_each(|payment| payment.made_by = None);
        self.refunds.iter_mut().for_each(|refund| refund.made_by = None);
        self
    }
}

impl From<PaymentRow> for PaymentView {
    fn from(row: PaymentRow) -> Self {
        Self {
            id: row.id,
            payment_number: row.number,
            method: row.method,
            amount: row.amount,
            tendered: row.tendered,
            change: row.tendered.map(|given| given - row.amount),
            reference: row.reference,
            made_by: Some(row.made_by),
            created_at: row.created_at,
            hash: hex::encode(row.hash),
        }
    }
}

impl RefundView {
    pub(super) fn new(row: RefundRow, items: Vec<RefundItemRow>) -> Self {
        let shown = |item: RefundItemRow| RefundItemView {
            line: item.line,
            quantity: item.quantity,
            amount: item.amount,
            tax_rate_bp: item.tax_rate,
            tax: item.tax,
        };
        Self {
            id: row.id,
            refund_number: row.number,
            kind: row.kind,
            order_id: row.order_id,
            amount: row.amount,
            tax: row.tax,
            currency: row.currency,
            method: row.method,
            reference: row.reference,
            reason: row.reason,
            items: items.into_iter().map(shown).collect(),
            made_by: Some(row.made_by),
            created_at: row.created_at,
            hash: hex::encode(row.hash),
        }
    }
}

impl OrderItemView {
    fn new(row: OrderItemRow, prices_include_tax: bool) -> Self {
        Self {
            amount: row.due(prices_include_tax),
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

/// The page's readable orders, and the names of the others; of each of them a line goes to the log.
pub(super) fn listed(page: Page<ListedOrder<OrderSummaryRow>>) -> GappedPage<OrderSummary> {
    let mut list = GappedPage { data: Vec::new(), unreadable: Vec::new(), next_cursor: page.next_cursor };
    for ListedOrder { id, row } in page.data {
        match row {
            Ok(row) => list.data.push(OrderSummary::from(row)),
            Err(reason) => {
                tracing::warn!(order.id = %id, reason, "an order is left out of a list: its record cannot be read");
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
