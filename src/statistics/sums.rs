//! Sums of orders, refunds and voids, as they are added up from the database's rows.

use std::collections::BTreeMap;

use super::SalesFigures;
use crate::db::sales_statistics::{self, ProductSumRow};
use crate::db::store_scope::StoreScope;
use crate::db::{DatabaseError, Reader};
use crate::domain::{Currency, LocalUnit, OffsetSpan, ProductId, RefundKind};

/// What was recorded in a period.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Records {
    orders: i64,
    sales: i64,
    voided_orders: i64,
    voids: i64,
    refunds: i64,
}

/// Quantity and amount of a product.
pub(super) type Sold = (i64, i64);

/// The sums of one currency.
#[derive(Debug, Clone, Default)]
pub(super) struct CurrencySums {
    pub total: Records,
    /// By the beginning of the unit.
    pub points: BTreeMap<String, Records>,
    pub products: BTreeMap<ProductId, Sold>,
}

/// The sums of a period, by currency code.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums(pub BTreeMap<&'static str, (Currency, CurrencySums)>);

impl Records {
    fn add(&mut self, other: Self) {
        self.orders += other.orders;
        self.sales += other.sales;
        self.voided_orders += other.voided_orders;
        self.voids += other.voids;
        self.refunds += other.refunds;
    }

    fn of_reversals(kind: RefundKind, records: i64, amount: i64) -> Self {
        match kind {
            RefundKind::Void => Self { voided_orders: records, voids: amount, ..Self::default() },
            RefundKind::Refund => Self { refunds: amount, ..Self::default() },
        }
    }

    pub fn figures(self) -> SalesFigures {
        // An order of the day before may be voided, so the difference can be negative.
        let orders = (self.orders - self.voided_orders).max(0);
        let sold = self.sales - self.voids;
        SalesFigures {
            turnover: sold - self.refunds,
            orders,
            average_basket: (orders > 0).then(|| (sold + orders / 2) / orders),
            sales: self.sales,
            voids: self.voids,
            refunds: self.refunds,
        }
    }
}

impl Sums {
    pub fn of(&mut self, currency: Currency) -> &mut CurrencySums {
        &mut self.0.entry(currency.code()).or_insert_with(|| (currency, CurrencySums::default())).1
    }

    pub fn merge(&mut self, other: &Self) {
        for (currency, sums) in other.0.values() {
            let own = self.of(*currency);
            own.total.add(sums.total);
            for (label, records) in &sums.points {
                own.points.entry(label.clone()).or_default().add(*records);
            }
            for (product, (quantity, amount)) in &sums.products {
                let sold = own.products.entry(*product).or_default();
                sold.0 += quantity;
                sold.1 += amount;
            }
        }
    }

    /// Adds the orders, refunds and voids of a span.
    pub async fn add_records(
        &mut self,
        reader: &mut Reader,
        scope: StoreScope<'_>,
        span: OffsetSpan,
        unit: LocalUnit,
    ) -> Result<(), DatabaseError> {
        let mut add = |currency: Currency, number: i64, records: Records| {
            let sums = self.of(currency);
            sums.total.add(records);
            sums.points.entry(unit.label(number)).or_default().add(records);
        };
        for row in sales_statistics::sum_sales(reader, scope, span, unit).await? {
            add(row.currency, row.unit, Records { orders: row.records, sales: row.amount, ..Records::default() });
        }
        for row in sales_statistics::sum_reversals(reader, scope, span, unit).await? {
            add(row.currency, row.unit, Records::of_reversals(row.kind, row.records, row.amount));
        }
        Ok(())
    }

    /// Adds what was sold of each product in a span, less what came back in it.
    pub async fn add_products(
        &mut self,
        reader: &mut Reader,
        scope: StoreScope<'_>,
        span: OffsetSpan,
    ) -> Result<(), DatabaseError> {
        let mut add = |row: ProductSumRow, sign: i64| {
            let sold = self.of(row.currency).products.entry(row.product_id).or_default();
            sold.0 += sign * row.quantity;
            sold.1 += sign * row.amount;
        };
        for row in sales_statistics::sum_products(reader, scope, span).await? {
            add(row, 1);
        }
        for row in sales_statistics::sum_returned_products(reader, scope, span).await? {
            add(row, -1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voids_reduce_orders_and_basket_and_refunds_only_the_turnover() {
        let records = Records { orders: 4, sales: 1_001, voided_orders: 1, voids: 300, refunds: 100 };
        let figures = records.figures();
        assert_eq!((figures.turnover, figures.orders, figures.average_basket), (601, 3, Some(234)));
        assert_eq!(Records::default().figures().average_basket, None);
        let voided_later = Records { voided_orders: 1, voids: 300, ..Records::default() };
        assert_eq!((voided_later.figures().orders, voided_later.figures().turnover), (0, -300));
    }
}
