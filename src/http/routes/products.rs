//! Products: enrolled with their photos, listed, read, changed, removed.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, delete, get, patch, post};
use serde::{Deserialize, Deserializer};
use utoipa::{IntoParams, ToSchema};

use crate::catalog::{EnrolmentView, NewPhoto, NewProduct, ProductChange, ProductSearch, ProductView};
use crate::domain::{Caller, InvalidField, Page, ProductId};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, JsonBody, Upload, UploadForm, ValidPath, ValidQuery};
use crate::http::problem::{Problem, ProblemBody};

/// Which products.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProductQuery {
    /// Only those whose name holds this text, whatever the case of its letters.
    q: Option<String>,
    /// Only the one with this SKU.
    sku: Option<String>,
    /// Only the one with this barcode.
    barcode: Option<String>,
}

/// A product and its photos as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document")]
pub struct ProductForm {
    /// What people call it, at most 200 characters.
    name: String,
    /// The shop's own number for it; no other product may have it.
    sku: Option<String>,
    /// What a scanner reads on it; no other product may have it.
    barcode: Option<String>,
    /// Price in minor units; without one it cannot be sold.
    price: Option<i64>,
    /// ISO 4217 code; the server's own where it is left out.
    currency: Option<String>,
    /// Tax in basis points, 0 to 10000: 1900 is 19 %; none where it is left out.
    tax_rate_bp: Option<i64>,
    /// A few words about it, at most 2 000 characters.
    description: Option<String>,
    /// Photos, as many fields of this name as there are photos; without any it is sold by barcode or by hand.
    #[schema(format = Binary, value_type = Option<Vec<String>>)]
    images: Option<Vec<Vec<u8>>>,
}

/// What to change of a product. A field that is left out stays as it is; `null` takes a value away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProduct {
    /// What people call it.
    name: Option<String>,
    /// The shop's own number for it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    sku: Option<Option<String>>,
    /// What a scanner reads on it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    barcode: Option<Option<String>>,
    /// A few words about it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// Price in minor units, in force from now on.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>)]
    price: Option<Option<i64>>,
    /// Currency of the new price; that of the old one where it is left out.
    currency: Option<String>,
    /// Tax in basis points, 0 to 10000: 1900 is 19 %. Counts for the orders to come.
    tax_rate_bp: Option<i64>,
    /// Whether it is on sale; what is not is neither found nor sold.
    active: Option<bool>,
}

/// Tells a field that is `null` from one that is left out.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(create).service(show).service(change).service(remove);
}

/// Products, newest first.
#[utoipa::path(tag = "catalog", security(("bearer" = [])), params(ProductQuery, CursorQuery),
    responses((status = 200, body = Page<ProductView>)))]
#[get("/api/products")]
pub async fn list(
    services: Data<Services>,
    query: ValidQuery<ProductQuery>,
    cursor: Cursor,
) -> Result<impl Responder, Problem> {
    let ProductQuery { q, sku, barcode } = query.0;
    let search = ProductSearch { name_part: q, sku, barcode };
    Ok(HttpResponse::Ok().json(services.catalog.list(search, cursor.0).await?))
}

/// Add a product with its photos. When the reply comes, it is recognised by them.
#[utoipa::path(tag = "catalog", security(("bearer" = [])),
    request_body(content = ProductForm, content_type = "multipart/form-data"),
    responses((status = 201, body = EnrolmentView), (status = 409, body = ProblemBody), (status = 413, body = ProblemBody),
        (status = 415, body = ProblemBody), (status = 422, body = ProblemBody), (status = 429, body = ProblemBody),
        (status = 503, body = ProblemBody)))]
#[post("/api/products")]
pub async fn create(caller: Caller, services: Data<Services>, form: UploadForm) -> Result<impl Responder, Problem> {
    let (new, photos) = read_form(form)?;
    let added = services.catalog.create(&caller, new, photos).await?;
    let location = format!("/api/products/{}", added.id);
    Ok(HttpResponse::Created().insert_header(("Location", location)).json(added))
}

fn read_form(mut form: UploadForm) -> Result<(NewProduct, Vec<NewPhoto>), Problem> {
    let name = form.take("name")?.ok_or_else(|| InvalidField::new("name", "is needed"))?;
    let new = NewProduct {
        name,
        sku: form.take("sku")?,
        barcode: form.take("barcode")?,
        description: form.take("description")?,
        price: form.take("price")?.map(|text| minor_units(&text)).transpose()?.flatten(),
        tax_rate: form.take("tax_rate_bp")?.map(|text| basis_points(&text)).transpose()?.flatten(),
        currency: form.take("currency")?.filter(|code| !code.trim().is_empty()),
    };
    Ok((new, photos(form)?))
}

fn minor_units(text: &str) -> Result<Option<i64>, InvalidField> {
    whole_number("price", text, "minor units; 1.99 EUR is 199")
}

fn basis_points(text: &str) -> Result<Option<i64>, InvalidField> {
    whole_number("tax_rate_bp", text, "basis points; 19 % is 1900")
}

/// Empty means none, as a browser sends an empty field of a form.
fn whole_number(field: &'static str, text: &str, of_what: &str) -> Result<Option<i64>, InvalidField> {
    let text = text.trim();
    let wrong = |_| {
        let shown: String = text.chars().take(40).collect();
        InvalidField::new(field, format!("\"{shown}\" is no whole number of {of_what}"))
    };
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(wrong) }
}

/// The photos of a form whose texts have been taken.
pub(super) fn photos(form: UploadForm) -> Result<Vec<NewPhoto>, Problem> {
    let photo = |Upload { file_name, bytes }| NewPhoto { file_name, bytes };
    Ok(form.finish()?.into_iter().map(photo).collect())
}

/// One product.
#[utoipa::path(tag = "catalog", security(("bearer" = [])), params(("id" = ProductId, Path)),
    responses((status = 200, body = ProductView), (status = 404, body = ProblemBody)))]
#[get("/api/products/{id}")]
pub async fn show(services: Data<Services>, id: ValidPath<ProductId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.catalog.get(id.0).await?))
}

/// Change a product. Off sale (`"active": false`) it is neither recognised nor sold, and keeps its photos.
#[utoipa::path(tag = "catalog", security(("bearer" = [])), params(("id" = ProductId, Path)), request_body = ChangeProduct,
    responses((status = 200, body = ProductView), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[patch("/api/products/{id}")]
pub async fn change(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    body: JsonBody<ChangeProduct>,
) -> Result<impl Responder, Problem> {
    let ChangeProduct { name, sku, barcode, description, price, currency, tax_rate_bp, active } = body.0;
    let change = ProductChange { name, sku, barcode, description, price, currency, tax_rate: tax_rate_bp, active };
    Ok(HttpResponse::Ok().json(services.catalog.change(&caller, id.0, change).await?))
}

/// Remove a product. Bills and orders that name it keep it.
#[utoipa::path(tag = "catalog", security(("bearer" = [])), params(("id" = ProductId, Path)),
    responses((status = 204), (status = 404, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[delete("/api/products/{id}")]
pub async fn remove(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
) -> Result<impl Responder, Problem> {
    services.catalog.remove(&caller, id.0).await?;
    Ok(HttpResponse::NoContent())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_told_from_left_out() {
        let sent: ChangeProduct = serde_json::from_str("{\"sku\":null,\"price\":5}").unwrap();
        assert_eq!((sent.sku, sent.barcode, sent.price), (Some(None), None, Some(Some(5))));
    }

    #[test]
    fn a_price_with_a_decimal_point_is_refused_with_an_example() {
        assert_eq!(minor_units(" 199 ").unwrap(), Some(199));
        assert_eq!(minor_units("").unwrap(), None);
        assert_eq!(basis_points("19 %").unwrap_err().field, "tax_rate_bp");
        let refused = minor_units("1.99").unwrap_err();
        assert!(refused.message.contains("\"1.99\"") && refused.message.contains("199"), "{refused}");
    }
}
