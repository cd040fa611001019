//! Checkout sessions: opening, reading, changing and confirming them.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, delete, get, patch, post};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::PhotoBytes;
use super::idempotent_reply;
use crate::checkout::{BillChange, FrameOptions, FrameView, ManualItem, SessionView};
use crate::domain::{Caller, InvalidField, ItemId, ProductId, SessionId, StoreId};
use crate::http::Services;
use crate::http::extract::{IdempotencyKey, ImageBody, JsonBody, OptionalIdempotencyKey, ValidPath, ValidQuery};
use crate::http::problem::{Problem, excerpt};
use crate::orders::OrderView;
use crate::recognition::RegionMode;

/// The store of a new session.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenSession {
    /// Required from an admin. A kiosk or a clerk opens a session in its own store.
    store_id: Option<StoreId>,
}

/// A product for the bill: `product_id` or `barcode`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddItem {
    /// The session's version that the client has read.
    version: i64,
    product_id: Option<ProductId>,
    /// Instead of `product_id`.
    #[schema(max_length = 48, examples("4006381333931"))]
    barcode: Option<String>,
    /// Pieces to add. Default: 1.
    #[schema(minimum = 1)]
    quantity: Option<i64>,
}

/// A new quantity of a line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeItem {
    /// The session's version that the client has read.
    version: i64,
    /// The new quantity, at least 1.
    #[schema(minimum = 1)]
    quantity: i64,
}

/// The version to confirm.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The session's version that the client has read.
    version: i64,
}

/// The version to change.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// The session's version that the client has read.
    pub(super) version: i64,
}

/// The version to add to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FrameQuery {
    /// The session's version that the client has read. A camera that only adds items may omit it.
    version: Option<i64>,
    /// `auto` (default): each thing in the picture is a region of its own. `whole`: the picture is one region.
    regions: Option<RegionMode>,
    /// Ids of products, separated by commas: those that were billed and still lie before the camera, once for each piece.
    /// They are recognised, but not billed again.
    #[param(max_length = 2000)]
    in_view: Option<String>,
}

/// A form of one photo.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document")]
pub struct ImageForm {
    #[schema(format = Binary, value_type = String)]
    image: Vec<u8>,
}

/// A change of a bill as the service takes it.
pub(super) fn bill_change<'a>(
    caller: &'a Caller,
    session: SessionId,
    version: Option<i64>,
    key: &'a OptionalIdempotencyKey,
) -> BillChange<'a> {
    BillChange { caller, session, version, key: key.as_deref() }
}

/// Open a session for the next shopper.
#[utoipa::path(tag = "checkout", request_body = OpenSession,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = SessionView, description = "The new session")))]
#[post("/api/sessions")]
pub async fn open(
    caller: Caller,
    services: Data<Services>,
    key: OptionalIdempotencyKey,
    body: JsonBody<OpenSession>,
) -> Result<impl Responder, Problem> {
    let reply = services.checkout.open_session(&caller, body.0.store_id, key.as_deref()).await?;
    Ok(idempotent_reply(StatusCode::CREATED, reply))
}

/// Get a session with its bill.
#[utoipa::path(tag = "checkout", params(("id" = SessionId, Path)),
    responses((status = 200, body = SessionView, description = "The session with its bill")))]
#[get("/api/sessions/{id}")]
pub async fn show(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<SessionId>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.checkout.get_session(&caller, id.0).await?))
}

/// Cancel a session.
#[utoipa::path(tag = "checkout",
    params(("id" = SessionId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 204, description = "The session is cancelled")))]
#[delete("/api/sessions/{id}")]
pub async fn cancel(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<SessionId>,
    key: OptionalIdempotencyKey,
) -> Result<impl Responder, Problem> {
    let reply = services.checkout.cancel_session(&bill_change(&caller, id.0, None, &key)).await?;
    Ok(idempotent_reply(StatusCode::NO_CONTENT, reply))
}

/// Join a session as its shopper, with the id from the kiosk's screen.
///
/// The order then appears on your page.
#[utoipa::path(tag = "checkout",
    params(("id" = SessionId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SessionView, description = "The session, which is now yours")))]
#[post("/api/sessions/{id}/join")]
pub async fn join(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<SessionId>,
    key: OptionalIdempotencyKey,
) -> Result<impl Responder, Problem> {
    let shopper = super::mypage::require_user_id(&caller)?;
    let reply = services.checkout.join_session(shopper, &bill_change(&caller, id.0, None, &key)).await?;
    Ok(idempotent_reply(StatusCode::OK, reply))
}

/// Send a photo: one piece of each matched product is added to the bill.
///
/// A camera that sends several photos of one thing names its product in `in_view`, so that it is billed once. Ambiguous and unknown regions change nothing. A photo that was sent before is not billed again: the reply is the first
/// one, with `Idempotent-Replayed: true`. A request is known by its Idempotency-Key, or without one by its photo and version.
#[utoipa::path(tag = "checkout",
    params(("id" = SessionId, Path), FrameQuery, ("Idempotency-Key" = Option<String>, Header)),
    request_body(content((ImageForm = "multipart/form-data"), (inline(PhotoBytes) = "image/jpeg"),
        (inline(PhotoBytes) = "image/png"), (inline(PhotoBytes) = "image/webp"))),
    responses((status = 200, body = FrameView, description = "The session with its bill, and what was recognised")))]
#[post("/api/sessions/{id}/frames")]
pub async fn frame(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<SessionId>,
    query: ValidQuery<FrameQuery>,
    key: OptionalIdempotencyKey,
    image: ImageBody,
) -> Result<impl Responder, Problem> {
    let FrameQuery { version, regions, in_view } = query.0;
    let in_view = parse_product_ids("in_view", in_view.as_deref().unwrap_or_default())?;
    let options = FrameOptions { regions: regions.unwrap_or(RegionMode::Auto), in_view };
    let change = bill_change(&caller, id.0, version, &key);
    let reply = services.checkout.add_frame(&change, image.0, &options).await?;
    Ok(idempotent_reply(StatusCode::OK, reply))
}

fn parse_product_ids(field: &'static str, text: &str) -> Result<Vec<ProductId>, InvalidField> {
    let parse = |id: &str| Uuid::parse_str(id.trim()).map(ProductId::from);
    let ids: Result<Vec<_>, _> = text.split(',').filter(|id| !id.trim().is_empty()).map(parse).collect();
    ids.map_err(|_| InvalidField::new(field, format!("\"{}\" is not a list of product ids", excerpt(text))))
}

/// Add a product to the bill by hand or by barcode.
#[utoipa::path(tag = "checkout", request_body = AddItem,
    params(("id" = SessionId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SessionView, description = "The session with the new line")))]
#[post("/api/sessions/{id}/items")]
pub async fn add_item(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<SessionId>,
    key: OptionalIdempotencyKey,
    body: JsonBody<AddItem>,
) -> Result<impl Responder, Problem> {
    let AddItem { version, product_id, barcode, quantity } = body.0;
    let item = match (product_id, barcode) {
        (Some(product), None) => ManualItem::Product(product),
        (None, Some(barcode)) => ManualItem::Barcode(barcode),
        (Some(_), Some(_)) | (None, None) => {
            return Err(InvalidField::new("product_id", "send exactly one of product_id and barcode").into());
        }
    };
    let change = bill_change(&caller, id.0, Some(version), &key);
    let reply = services.checkout.add_item(&change, &item, quantity.unwrap_or(1)).await?;
    Ok(idempotent_reply(StatusCode::OK, reply))
}

/// Change the quantity of a line.
#[utoipa::path(tag = "checkout", request_body = ChangeItem,
    params(("id" = SessionId, Path), ("item_id" = ItemId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SessionView, description = "The session with the changed line")))]
#[patch("/api/sessions/{id}/items/{item_id}")]
pub async fn change_item(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(SessionId, ItemId)>,
    key: OptionalIdempotencyKey,
    body: JsonBody<ChangeItem>,
) -> Result<impl Responder, Problem> {
    let (id, item) = path.0;
    let change = bill_change(&caller, id, Some(body.0.version), &key);
    Ok(idempotent_reply(StatusCode::OK, services.checkout.set_quantity(&change, item, body.0.quantity).await?))
}

/// Remove a line from the bill.
#[utoipa::path(tag = "checkout",
    params(("id" = SessionId, Path), ("item_id" = ItemId, Path), VersionQuery,
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = SessionView, description = "The session without the line")))]
#[delete("/api/sessions/{id}/items/{item_id}")]
pub async fn remove_item(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(SessionId, ItemId)>,
    query: ValidQuery<VersionQuery>,
    key: OptionalIdempotencyKey,
) -> Result<impl Responder, Problem> {
    let (id, item) = path.0;
    let change = bill_change(&caller, id, Some(query.0.version), &key);
    Ok(idempotent_reply(StatusCode::OK, services.checkout.remove_item(&change, item).await?))
}

/// Confirm the bill: it becomes an order with the store's next receipt number.
///
/// Send the same Idempotency-Key when you try again: the order is created once, and a repeated request gets the first
/// reply, with `Idempotent-Replayed: true`.
#[utoipa::path(tag = "checkout", request_body = Confirm,
    params(("id" = SessionId, Path), ("Idempotency-Key" = String, Header)),
    responses((status = 201, body = OrderView, description = "The order")))]
#[post("/api/sessions/{id}/confirm")]
pub async fn confirm(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<SessionId>,
    key: IdempotencyKey,
    body: JsonBody<Confirm>,
) -> Result<impl Responder, Problem> {
    Ok(idempotent_reply(
        StatusCode::CREATED,
        services.checkout.confirm_session(&caller, id.0, body.0.version, &key.0).await?,
    ))
}
