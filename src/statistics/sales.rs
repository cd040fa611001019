//! Sales of the last days: sums by currency, hour or day, and product.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::past_days::PastDaysKey;
use super::sums::{CurrencySums, Sold, Sums};
use super::{
    CurrencySales, Days, ProductSales, SalesFigures, SalesPoint, SalesView, Statistics, StatisticsError, find_scope,
};
use crate::db::sales_statistics;
use crate::db::store_scope::StoreScope;
use crate::db::{DatabaseError, Reader, stores};
use crate::domain::{Caller, Currency, LocalUnit, OffsetSpan, ProductId, StoreId, Timestamp};

const TOP_PRODUCTS: usize = 10;

impl Statistics {
    /// Sales of the last `days` days (1, 7, 30 or 90) of one store or of all. For the staff.
    pub async fn sales(
        &self,
        caller: &Caller,
        store: Option<StoreId>,
        days: i64,
    ) -> Result<SalesView, StatisticsError> {
        let days = Days::new(days)?;
        let (now, unit) = (self.clock.now(), days.unit());
        let mut reader = self.db.snapshot().await?;
        let store = find_scope(&mut reader, caller, store).await?;
        let (mut current, mut previous) = (Sums::default(), Sums::default());
        let mut labels: Vec<String> = Vec::new();
        for calendar in &stores::list_business_days(&mut reader, store).await? {
            let scope = StoreScope { days: calendar, store };
            let (from, to) = days.current(calendar, now);
            let today = calendar.start_of_day(now, 0);
            let spans = calendar.spans(from, to, unit);
            labels.extend(spans.iter().flat_map(|span| span.units(unit)).map(|number| unit.label(number)));
            if from < today {
                current.merge(&*self.sum_past_days(&mut reader, scope, (from, today), unit).await?);
            }
            current.merge(&sum_period(&mut reader, scope, (today, to), unit).await?);
            let (from, to) = days.previous(calendar, now);
            let span = OffsetSpan { from, to, offset_us: 0 };
            previous.add_records(&mut reader, scope, span, LocalUnit::Whole).await?;
        }
        labels.sort_unstable();
        labels.dedup();
        // A currency that was taken only before shows that now nothing is.
        for (currency, _) in previous.0.values() {
            current.of(*currency);
        }
        let mut currencies = Vec::with_capacity(current.0.len());
        for (currency, sums) in current.0.into_values() {
            let previous = previous.of(currency).total.figures();
            currencies.push(view_of(&mut reader, currency, sums, previous, &labels).await?);
        }
        currencies.sort_by_key(|sales| Reverse(sales.current.turnover));
        Ok(SalesView { days: days.0, currencies })
    }

    async fn sum_past_days(
        &self,
        reader: &mut Reader,
        scope: StoreScope<'_>,
        (from, to): (Timestamp, Timestamp),
        unit: LocalUnit,
    ) -> Result<Arc<Sums>, DatabaseError> {
        let (now, time_zone) = (self.clock.now(), scope.days.zone().name().to_owned());
        let key = PastDaysKey { time_zone, day_starts_min: scope.days.starts_min(), store: scope.store, from, to };
        if let Some(sums) = self.past_days.find(&key, now) {
            return Ok(sums);
        }
        let sums = Arc::new(sum_period(reader, scope, (from, to), unit).await?);
        self.past_days.keep(key, Arc::clone(&sums), now);
        Ok(sums)
    }
}

async fn sum_period(
    reader: &mut Reader,
    scope: StoreScope<'_>,
    (from, to): (Timestamp, Timestamp),
    unit: LocalUnit,
) -> Result<Sums, DatabaseError> {
    let mut sums = Sums::default();
    for span in scope.days.spans(from, to, unit) {
        sums.add_records(reader, scope, span, unit).await?;
    }
    sums.add_products(reader, scope, OffsetSpan { from, to, offset_us: 0 }).await?;
    Ok(sums)
}

async fn view_of(
    reader: &mut Reader,
    currency: Currency,
    sums: CurrencySums,
    previous: SalesFigures,
    labels: &[String],
) -> Result<CurrencySales, DatabaseError> {
    let point = |label: &String| {
        let figures = sums.points.get(label).copied().unwrap_or_default().figures();
        SalesPoint { begins: label.clone(), turnover: figures.turnover, orders: figures.orders }
    };
    let points = labels.iter().map(point).collect();
    let current = sums.total.figures();
    let top_products = top_products(reader, sums.products).await?;
    Ok(CurrencySales { currency, current, previous, points, top_products })
}

/// The products with the largest turnover, with their names and photos.
async fn top_products(
    reader: &mut Reader,
    products: BTreeMap<ProductId, Sold>,
) -> Result<Vec<ProductSales>, DatabaseError> {
    let mut sold: Vec<(ProductId, Sold)> = products.into_iter().filter(|(_, (_, amount))| *amount > 0).collect();
    sold.sort_by_key(|(id, (quantity, amount))| (Reverse((*amount, *quantity)), *id));
    sold.truncate(TOP_PRODUCTS);
    let ids: Vec<ProductId> = sold.iter().map(|(id, _)| *id).collect();
    let pictures = sales_statistics::list_pictures(reader, &ids).await?;
    let view = |(id, (quantity, turnover)): (ProductId, Sold)| {
        let picture = pictures.iter().find(|picture| picture.id == id)?;
        let (product_name, image_id) = (picture.name.clone(), picture.image_id);
        Some(ProductSales { product_id: id, product_name, image_id, quantity, turnover })
    };
    Ok(sold.into_iter().filter_map(view).collect())
}
