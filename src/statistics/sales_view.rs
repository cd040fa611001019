//! Sales as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Currency, ImageId, ProductId};

/// Sales of the last days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SalesView {
    /// Today is the last of them.
    #[schema(examples(7))]
    pub days: i64,
    /// One set of figures for each currency that was taken, largest turnover first.
    pub currencies: Vec<CurrencySales>,
}

/// Sales in one currency; amounts in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CurrencySales {
    pub currency: Currency,
    pub current: SalesFigures,
    /// As many days before, up to the same time of day.
    pub previous: SalesFigures,
    /// Each hour of today, or each day.
    pub points: Vec<SalesPoint>,
    /// The products with the largest turnover, at most ten.
    pub top_products: Vec<ProductSales>,
}

/// Sums of a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SalesFigures {
    /// Sales less voids and refunds that were made in the period, as in daily closings.
    #[schema(examples(128_450))]
    pub turnover: i64,
    /// Confirmed orders less voided ones.
    #[schema(examples(96))]
    pub orders: i64,
    /// Mean total of an order, before refunds; `null` without orders.
    #[schema(examples(1_338))]
    pub average_basket: Option<i64>,
    /// Total of the confirmed orders.
    pub sales: i64,
    pub voids: i64,
    pub refunds: i64,
}

/// Sales of an hour or a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SalesPoint {
    /// When it begins, in the store's time zone: `2026-01-05T13:00` or `2026-01-05`.
    #[schema(examples("2026-01-05"))]
    pub begins: String,
    pub turnover: i64,
    pub orders: i64,
}

/// Sales of one product, less what came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProductSales {
    pub product_id: ProductId,
    /// Its present name.
    pub product_name: String,
    /// Its oldest photo.
    pub image_id: Option<ImageId>,
    pub quantity: i64,
    pub turnover: i64,
}
