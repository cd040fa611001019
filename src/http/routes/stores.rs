//! Stores.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get, patch, post};
use serde::Deserialize;
use utoipa::ToSchema;

use super::some_if_present;
use crate::auth::{NewStore, StoreChange, StoreView};
use crate::domain::{Caller, Page, StoreId};
use crate::http::Services;
use crate::http::extract::{JsonBody, PageQuery, ValidPage, ValidPath};
use crate::http::problem::Problem;

/// A new store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateStore {
    /// At most 120 characters.
    #[schema(min_length = 1, max_length = 120, examples("Main Street"))]
    name: String,
    /// ISO 4217 code of the bills. It cannot be changed later. Default: the server's currency.
    #[schema(pattern = "^[A-Z]{3}$", examples("EUR"))]
    currency: Option<String>,
    /// IANA name of the time zone whose days and months are the store's. Default: the server's time zone.
    #[schema(examples("Europe/Berlin"))]
    time_zone: Option<String>,
    /// Whether prices include the tax; otherwise it is added. Default: true.
    prices_include_tax: Option<bool>,
    /// Whether an authority audits the numbers: records of a fiscal store are never renumbered. Default: true.
    fiscal: Option<bool>,
    /// One line, at most 200 characters; printed on receipts.
    #[schema(max_length = 200, examples("1 Main Street, Springfield"))]
    address: Option<String>,
    /// At most 40 characters; printed on receipts.
    #[schema(max_length = 40, examples("DE123456789"))]
    tax_number: Option<String>,
    /// What cash is rounded to, in minor units: 5 for 0.05 francs, 1 for not at all. Default: as cash of the currency is rounded.
    #[schema(minimum = 1, maximum = 100_000)]
    cash_rounding: Option<i64>,
    /// When a business day begins, from 00:00 to 12:00 in the store's time zone: what is sold before it counts for the day before in
    /// closings, statistics and searches by day. Default: 00:00.
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}$", examples("05:00"))]
    day_starts_at: Option<String>,
}

/// A change of a store. An absent field stays as it is; `null` removes the address or the tax number. Existing orders and
/// closings are not changed, and open bills keep their tax mode.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeStore {
    #[schema(min_length = 1, max_length = 120)]
    name: Option<String>,
    /// IANA name of the time zone.
    #[schema(examples("Asia/Seoul"))]
    time_zone: Option<String>,
    /// Whether prices include the tax.
    prices_include_tax: Option<bool>,
    /// Whether records are never renumbered. A store with daily closings stays fiscal.
    fiscal: Option<bool>,
    /// One line, at most 200 characters; printed on receipts.
    #[serde(default, deserialize_with = "some_if_present")]
    #[schema(value_type = Option<String>, max_length = 200)]
    address: Option<Option<String>>,
    /// At most 40 characters; printed on receipts.
    #[serde(default, deserialize_with = "some_if_present")]
    #[schema(value_type = Option<String>, max_length = 40)]
    tax_number: Option<Option<String>>,
    /// What cash is rounded to, in minor units; 1 for not at all, `null` as cash of the currency is rounded. Orders keep their
    /// totals; cash that was taken or paid back keeps its rounding.
    #[serde(default, deserialize_with = "some_if_present")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 100_000)]
    cash_rounding: Option<Option<i64>>,
    /// When a business day begins, from 00:00 to 12:00 in the store's time zone. Statistics and searches show all days by the new time
    /// at once; closings keep the day that they were made for.
    #[schema(pattern = "^[0-9]{2}:[0-9]{2}$", examples("05:00"))]
    day_starts_at: Option<String>,
}

/// List stores, newest first.
///
/// A clerk sees only their own.
#[utoipa::path(tag = "stores", params(PageQuery),
    responses((status = 200, body = Page<StoreView>, description = "A page of stores")))]
#[get("/api/stores")]
pub async fn list(caller: Caller, services: Data<Services>, page: ValidPage) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.list_stores(&caller, page.0).await?))
}

/// Create a store.
#[utoipa::path(tag = "stores", request_body = CreateStore,
    responses((status = 201, body = StoreView, description = "The new store")))]
#[post("/api/stores")]
pub async fn create(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<CreateStore>,
) -> Result<impl Responder, Problem> {
    let CreateStore {
        name,
        currency,
        time_zone,
        prices_include_tax,
        fiscal,
        address,
        tax_number,
        cash_rounding,
        day_starts_at,
    } = body.0;
    let new = NewStore {
        name,
        currency,
        time_zone,
        prices_include_tax,
        fiscal,
        address,
        tax_number,
        cash_rounding,
        day_starts_at,
    };
    Ok(HttpResponse::Created().json(services.auth.create_store(&caller, new).await?))
}

/// Get a store.
///
/// A clerk gets only their own; other stores are 404.
#[utoipa::path(tag = "stores", params(("id" = StoreId, Path)),
    responses((status = 200, body = StoreView, description = "The store")))]
#[get("/api/stores/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<StoreId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.get_store(&caller, id.0).await?))
}

/// Change a store: its name, address, tax number or time zone, whether its prices include the tax, or whether it is fiscal.
#[utoipa::path(tag = "stores", params(("id" = StoreId, Path)), request_body = ChangeStore,
    responses((status = 200, body = StoreView, description = "The changed store")))]
#[patch("/api/stores/{id}")]
pub async fn change(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<StoreId>,
    body: JsonBody<ChangeStore>,
) -> Result<impl Responder, Problem> {
    let ChangeStore { name, time_zone, prices_include_tax, fiscal, address, tax_number, cash_rounding, day_starts_at } =
        body.0;
    let change =
        StoreChange { name, time_zone, prices_include_tax, fiscal, address, tax_number, cash_rounding, day_starts_at };
    Ok(HttpResponse::Ok().json(services.auth.change_store(&caller, id.0, change).await?))
}
