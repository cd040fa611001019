//! Products: listing, creating with photos, reading, changing and removing them.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, delete, get, patch, post};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::some_if_present;
use crate::catalog::{
    EnrolmentView, NewPhoto, NewPhotos, NewProduct, ProductChange, ProductSearch, ProductView, RegionChoice,
};
use crate::domain::{Caller, InvalidField, Page, ProductId, Region};
use crate::http::Services;
use crate::http::extract::{
    JsonBody, OptionalIdempotencyKey, PageQuery, Upload, UploadForm, ValidPage, ValidPath, ValidQuery,
};
use crate::http::problem::{Problem, excerpt};

/// Filters of the list of products.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProductQuery {
    /// Only products whose name contains this text (case does not matter), or whose SKU or barcode it is.
    q: Option<String>,
    /// Only the product with this SKU.
    sku: Option<String>,
    /// Only the product with this barcode, in any form of its article's number (UPC-E, UPC-A, EAN, GTIN-14).
    barcode: Option<String>,
    /// `true`: only products whose barcode means the article of another product too.
    shares_article: Option<bool>,
}

/// A form of a product and its photos.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document")]
pub struct ProductForm {
    /// At most 200 characters.
    #[schema(min_length = 1, max_length = 200, examples("Oat milk"))]
    name: String,
    /// The shop's own number for the product; unique.
    #[schema(max_length = 64)]
    sku: Option<String>,
    /// The barcode that a scanner reads; unique in all forms of its article's number. The check digit of a GTIN must be right.
    #[schema(max_length = 48, examples("4006381333931"))]
    barcode: Option<String>,
    /// Price in minor units. A product without a price cannot be sold.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64, examples(219))]
    price: Option<i64>,
    /// ISO 4217 code of the price. Default: the server's currency.
    #[schema(pattern = "^[A-Z]{3}$", examples("EUR"))]
    currency: Option<String>,
    /// Tax rate in basis points, 0 to 10000: 1900 is 19 %. Default: none.
    #[schema(minimum = 0, maximum = 10_000)]
    tax_rate_bp: Option<i64>,
    /// At most 2 000 characters.
    #[schema(max_length = 2_000)]
    description: Option<String>,
    /// The photos: one field of this name per photo. A product without photos is sold by barcode or by hand.
    #[schema(format = Binary, value_type = Option<Vec<String>>)]
    images: Option<Vec<Vec<u8>>>,
    /// Where the product is in the photos: `auto` (default; what stands out from the background), `whole`, or a box
    /// `x,y,width,height` in pixels of the upright photo.
    #[schema(examples("auto"))]
    region: Option<String>,
    /// `true` enrols photos that would make recognition wrong (`poor-photo`, `already-enrolled`) all the same.
    insist: Option<bool>,
}

/// A change of a product. An absent field stays as it is; `null` removes the value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProduct {
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// The shop's own number for the product.
    #[serde(default, deserialize_with = "some_if_present")]
    #[schema(value_type = Option<String>, max_length = 64)]
    sku: Option<Option<String>>,
    /// The barcode that a scanner reads.
    #[serde(default, deserialize_with = "some_if_present")]
    #[schema(value_type = Option<String>, max_length = 48)]
    barcode: Option<Option<String>>,
    #[serde(default, deserialize_with = "some_if_present")]
    #[schema(value_type = Option<String>, max_length = 2_000)]
    description: Option<Option<String>>,
    /// New price in minor units, effective immediately.
    #[serde(default, deserialize_with = "some_if_present")]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    price: Option<Option<i64>>,
    /// Currency of the new price. Default: the currency of the old one.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: Option<String>,
    /// Tax rate in basis points, 0 to 10000: 1900 is 19 %. Applies to future orders.
    #[schema(minimum = 0, maximum = 10_000)]
    tax_rate_bp: Option<i64>,
    /// Whether the product is on sale. If not, it is neither recognised nor sold.
    active: Option<bool>,
}

/// List products, newest first.
#[utoipa::path(tag = "catalog", params(ProductQuery, PageQuery),
    responses((status = 200, body = Page<ProductView>, description = "A page of products")))]
#[get("/api/products")]
pub async fn list(
    services: Data<Services>,
    query: ValidQuery<ProductQuery>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    let ProductQuery { q, sku, barcode, shares_article } = query.0;
    let shares_article = shares_article.unwrap_or(false);
    let search = ProductSearch { name_part: q, sku, barcode, shares_article };
    Ok(HttpResponse::Ok().json(services.catalog.list(search, page.0).await?))
}

/// Create a product with its photos.
///
/// It is recognisable when the reply arrives.
#[utoipa::path(tag = "catalog",
    request_body(content = ProductForm, content_type = "multipart/form-data"), params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = EnrolmentView, description = "The new product and its photos")))]
#[post("/api/products")]
pub async fn create(
    caller: Caller,
    services: Data<Services>,
    key: OptionalIdempotencyKey,
    form: UploadForm,
) -> Result<impl Responder, Problem> {
    let (new, photos) = read_form(form)?;
    let added = services.catalog.create(&caller, new, photos, key.as_deref()).await?;
    let location = format!("/api/products/{}", added.body["id"].as_str().unwrap_or_default());
    Ok(super::idempotent_reply(StatusCode::CREATED, added).customize().insert_header(("Location", location)))
}

fn read_form(mut form: UploadForm) -> Result<(NewProduct, NewPhotos), Problem> {
    let name = form.take_text("name")?.ok_or_else(|| InvalidField::new("name", "is missing"))?;
    let new = NewProduct {
        name,
        sku: take_optional_text(&mut form, "sku")?,
        barcode: take_optional_text(&mut form, "barcode")?,
        description: take_optional_text(&mut form, "description")?,
        price: form.take_text("price")?.map(|text| parse_minor_units(&text)).transpose()?.flatten(),
        tax_rate: form.take_text("tax_rate_bp")?.map(|text| parse_basis_points(&text)).transpose()?.flatten(),
        currency: form.take_text("currency")?.filter(|code| !code.trim().is_empty()),
        is_off_sale: false,
    };
    Ok((new, take_photos(form)?))
}

/// Some clients write a value that they lack as one of these words, and every product would get the same SKU.
fn take_optional_text(form: &mut UploadForm, field: &'static str) -> Result<Option<String>, Problem> {
    let text = form.take_text(field)?;
    match text.as_deref().map(str::trim) {
        Some(word @ ("None" | "null" | "undefined")) => {
            Err(InvalidField::new(field, format!("\"{word}\" is no value; leave the field out if there is none"))
                .into())
        }
        _ => Ok(text),
    }
}

fn parse_minor_units(text: &str) -> Result<Option<i64>, InvalidField> {
    parse_whole_number("price", text, "minor units; 1.99 EUR is 199")
}

fn parse_basis_points(text: &str) -> Result<Option<i64>, InvalidField> {
    parse_whole_number("tax_rate_bp", text, "basis points; 19 % is 1900")
}

/// A browser sends an empty field if nothing was entered.
fn parse_whole_number(field: &'static str, text: &str, unit: &str) -> Result<Option<i64>, InvalidField> {
    let text = text.trim();
    let wrong = |_| InvalidField::new(field, format!("\"{}\" is not a whole number of {unit}", excerpt(text)));
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(wrong) }
}

/// The photos of a form, after its texts were taken.
pub(super) fn take_photos(mut form: UploadForm) -> Result<NewPhotos, Problem> {
    let region = form.take_text("region")?.map_or(Ok(RegionChoice::Auto), |text| parse_region(&text))?;
    let insist = form.take_text("insist")?.map_or(Ok(false), |text| parse_insist(&text))?;
    let photo = |Upload { file_name, bytes }| NewPhoto { file_name, bytes };
    Ok(NewPhotos { photos: form.into_images()?.into_iter().map(photo).collect(), region, insist })
}

fn parse_insist(text: &str) -> Result<bool, InvalidField> {
    match text.trim() {
        "true" => Ok(true),
        "" | "false" => Ok(false),
        other => Err(InvalidField::new("insist", format!("\"{}\" is neither \"true\" nor \"false\"", excerpt(other)))),
    }
}

fn parse_region(text: &str) -> Result<RegionChoice, InvalidField> {
    let text = text.trim();
    let numbers: Option<Vec<u32>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    match (text, numbers.as_deref()) {
        ("" | "auto", _) => Ok(RegionChoice::Auto),
        ("whole", _) => Ok(RegionChoice::Whole),
        (_, Some(&([_, _, 0, _] | [_, _, _, 0]))) => {
            Err(InvalidField::new("region", format!("\"{}\" has a side of 0 pixels", excerpt(text))))
        }
        (_, Some(&[x, y, width, height])) => Ok(RegionChoice::Given(Region { x, y, width, height })),
        _ => {
            let reason = "is neither \"auto\", \"whole\" nor a box \"x,y,width,height\" in pixels";
            Err(InvalidField::new("region", format!("\"{}\" {reason}", excerpt(text))))
        }
    }
}

/// Get a product.
#[utoipa::path(tag = "catalog", params(("id" = ProductId, Path)),
    responses((status = 200, body = ProductView, description = "The product")))]
#[get("/api/products/{id}")]
pub async fn show(services: Data<Services>, id: ValidPath<ProductId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.catalog.get(id.0).await?))
}

/// Change a product.
///
/// With `"active": false` it is neither recognised nor sold, but keeps its photos.
#[utoipa::path(tag = "catalog", request_body = ChangeProduct,
    params(("id" = ProductId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ProductView, description = "The changed product")))]
#[patch("/api/products/{id}")]
pub async fn change(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    key: OptionalIdempotencyKey,
    body: JsonBody<ChangeProduct>,
) -> Result<impl Responder, Problem> {
    let ChangeProduct { name, sku, barcode, description, price, currency, tax_rate_bp, active } = body.0;
    let change = ProductChange { name, sku, barcode, description, price, currency, tax_rate: tax_rate_bp, active };
    let reply = services.catalog.change(&caller, id.0, change, key.as_deref()).await?;
    Ok(super::idempotent_reply(StatusCode::OK, reply))
}

/// Which product goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeProduct {
    /// The product whose photos move, and which is removed then.
    product_id: ProductId,
}

/// Merge another product of the same article into this one.
///
/// The other product's photos move to this one, with its barcode, SKU and description where this one has none. Then the other is
/// removed. Existing bills and orders keep its lines.
#[utoipa::path(tag = "catalog", request_body = MergeProduct,
    params(("id" = ProductId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ProductView, description = "The product with the photos of both")))]
#[post("/api/products/{id}/merge")]
pub async fn merge(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    key: OptionalIdempotencyKey,
    body: JsonBody<MergeProduct>,
) -> Result<impl Responder, Problem> {
    let reply = services.catalog.merge(&caller, id.0, body.0.product_id, key.as_deref()).await?;
    Ok(super::idempotent_reply(StatusCode::OK, reply))
}

/// Remove a product.
///
/// Existing bills and orders keep its lines.
#[utoipa::path(tag = "catalog",
    params(("id" = ProductId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 204, description = "The product is removed")))]
#[delete("/api/products/{id}")]
pub async fn remove(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    key: OptionalIdempotencyKey,
) -> Result<impl Responder, Problem> {
    let reply = services.catalog.remove(&caller, id.0, key.as_deref()).await?;
    Ok(super::idempotent_reply(StatusCode::NO_CONTENT, reply))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_distinguished_from_an_absent_field() {
        let sent: ChangeProduct = serde_json::from_str("{\"sku\":null,\"price\":5}").unwrap();
        assert_eq!((sent.sku, sent.barcode, sent.price), (Some(None), None, Some(Some(5))));
    }

    #[test]
    fn a_price_with_a_decimal_point_is_refused_with_an_example() {
        assert_eq!(parse_minor_units(" 199 ").unwrap(), Some(199));
        assert_eq!(parse_minor_units("").unwrap(), None);
        assert_eq!(parse_basis_points("19 %").unwrap_err().field, "tax_rate_bp");
        let refused = parse_minor_units("1.99").unwrap_err();
        assert!(refused.message.contains("\"1.99\"") && refused.message.contains("199"), "{refused}");
    }
}
