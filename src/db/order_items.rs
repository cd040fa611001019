//! Writes the lines of an order, up to [`LINES`] in one statement: the store's other kiosks wait meanwhile for the next receipt
//! number, so each round trip counts.

use super::orders::OrderItemRow;
use super::{DatabaseError, Tx, run_query};
use crate::domain::OrderId;

/// Lines in one [`INSERT_ITEMS`].
pub const LINES: usize = 8;

/// Writes up to [`LINES`] lines of order `$1`; each has 14 values from `$2`, `$16`, `$30` … on. A line whose number is NULL
/// is not written (both databases call the columns of `VALUES` column1, column2 …).
pub(super) const INSERT_ITEMS: &str = "INSERT INTO order_items (order_id, line, product_id, name, sku, barcode, quantity, \
    unit_price, line_total, avg_score, discount, discount_reason, bill_discount, tax_rate, tax) \
    SELECT * FROM (VALUES \
    ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15), \
    ($1, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29), \
    ($1, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43), \
    ($1, $44, $45, $46, $47, $48, $49, $50, $51, $52, $53, $54, $55, $56, $57), \
    ($1, $58, $59, $60, $61, $62, $63, $64, $65, $66, $67, $68, $69, $70, $71), \
    ($1, $72, $73, $74, $75, $76, $77, $78, $79, $80, $81, $82, $83, $84, $85), \
    ($1, $86, $87, $88, $89, $90, $91, $92, $93, $94, $95, $96, $97, $98, $99), \
    ($1, $100, $101, $102, $103, $104, $105, $106, $107, $108, $109, $110, $111, $112, $113)) lines \
    WHERE column2 IS NOT NULL";

pub async fn insert(tx: &mut Tx, order: OrderId, items: &[OrderItemRow]) -> Result<(), DatabaseError> {
    for items in items.chunks(LINES) {
        run_query!(tx, c => {
            let insert = sqlx::query(INSERT_ITEMS).bind(order);
            let lines = (0..LINES).map(|index| items.get(index));
            let insert = lines.fold(insert, |insert, item| {
                insert
                    .bind(item.map(|item| item.line))
                    .bind(item.map(|item| item.product_id))
                    .bind(item.map(|item| &item.name))
                    .bind(item.and_then(|item| item.sku.as_ref()))
                    .bind(item.and_then(|item| item.barcode.as_ref()))
                    .bind(item.map(|item| item.quantity))
                    .bind(item.map(|item| item.unit_price))
                    .bind(item.map(|item| item.line_total))
                    .bind(item.and_then(|item| item.avg_score))
                    .bind(item.map(|item| item.discount))
                    .bind(item.and_then(|item| item.discount_reason.as_ref()))
                    .bind(item.map(|item| item.bill_discount))
                    .bind(item.map(|item| item.tax_rate))
                    .bind(item.map(|item| item.tax))
            });
            insert.execute(c)
        })?;
    }
    Ok(())
}
