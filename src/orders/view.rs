//! Orders as they are shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Currency, KioskId, OrderId, ProductId, SessionId, StoreId, Timestamp};
use crate::store::orders::{OrderItemRow, OrderRow, OrderSummaryRow};

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
    /// Sum of the lines, in minor units.
    pub total: i64,
    /// Of all prices.
    pub currency: Currency,
    /// The lines.
    pub items: Vec<OrderItemView>,
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
    /// Price of all, in minor units.
    pub line_total: i64,
    /// Mean score of its recognitions; `null` where it was put there by hand.
    pub avg_score: Option<f64>,
}

impl OrderView {
    pub(super) fn new(order: OrderRow, store_name: String, items: Vec<OrderItemRow>) -> Self {
        Self {
            id: order.id,
            receipt_number: order.number,
            store_id: order.store_id,
            store_name,
            session_id: order.session_id,
            kiosk_id: order.kiosk_id,
            total: order.total,
            currency: order.currency,
            items: items.into_iter().map(OrderItemView::from).collect(),
            created_at: order.created_at,
            hash: hex::encode(order.hash),
            claim_code: None,
        }
    }
}

impl From<OrderItemRow> for OrderItemView {
    fn from(row: OrderItemRow) -> Self {
        Self {
            line: row.line,
            product_id: row.product_id,
            product_name: row.name,
            sku: row.sku,
            barcode: row.barcode,
            quantity: row.quantity,
            unit_price: row.unit_price,
            line_total: row.line_total,
            avg_score: row.avg_score,
        }
    }
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
            created_at: row.created_at,
        }
    }
}
