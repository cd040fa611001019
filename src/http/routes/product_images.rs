//! The photos of a product: listing, adding, serving and removing them.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, EntityTag, Header, IfNoneMatch};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder, delete, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::PhotoBytes;
use super::products::take_photos;
use crate::catalog::{EnrolmentView, ImageView};
use crate::domain::{Caller, ImageId, ProductId};
use crate::http::Services;
use crate::http::extract::ValidQuery;
use crate::http::extract::{OptionalIdempotencyKey, UploadForm, ValidPath};
use crate::http::problem::Problem;

/// A form of photos.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document")]
pub struct ImagesForm {
    /// The photos: one field of this name per photo.
    #[schema(format = Binary, value_type = Vec<String>)]
    images: Vec<Vec<u8>>,
    /// Where the product is in the photos: `auto` (default; what stands out from the background), `whole`, or a box
    /// `x,y,width,height` in pixels of the upright photo.
    #[schema(examples("auto"))]
    region: Option<String>,
    /// `true` enrols photos that would make recognition wrong (`poor-photo`, `already-enrolled`) all the same.
    insist: Option<bool>,
}

/// All photos of a product. There are at most a few hundred, so they fit on one page.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageList {
    /// Oldest first.
    data: Vec<ImageView>,
    /// Always `null`.
    next_cursor: Option<String>,
}

/// List the photos of a product.
#[utoipa::path(tag = "catalog", params(("id" = ProductId, Path)),
    responses((status = 200, body = ImageList, description = "The photos of the product")))]
#[get("/api/products/{id}/images")]
pub async fn list(services: Data<Services>, id: ValidPath<ProductId>) -> Result<impl Responder, Problem> {
    let data = services.catalog.images(id.0).await?;
    Ok(HttpResponse::Ok().json(ImageList { data, next_cursor: None }))
}

/// Add photos of a product.
///
/// It is recognisable by them when the reply arrives. Photos that it already has are skipped.
#[utoipa::path(tag = "catalog",
    params(("id" = ProductId, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body(content = ImagesForm, content_type = "multipart/form-data"),
    responses((status = 201, body = EnrolmentView, description = "The photos that were added")))]
#[post("/api/products/{id}/images")]
pub async fn add(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    key: OptionalIdempotencyKey,
    form: UploadForm,
) -> Result<impl Responder, Problem> {
    let added = services.catalog.add_images(&caller, id.0, take_photos(form)?, key.as_deref()).await?;
    Ok(super::idempotent_reply(StatusCode::CREATED, added))
}

/// How large a photo is to be.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PhotoSize {
    /// As it was uploaded.
    Original,
    /// The part that shows the product, as a JPEG of at most 176 × 176 pixels.
    Thumbnail,
}

/// How large a photo is to be.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PhotoQuery {
    /// `original` (default) or `thumbnail`: the part that shows the product, as a JPEG of at most 176 × 176 pixels.
    #[param(inline)]
    size: Option<PhotoSize>,
}

/// Get a photo as it was uploaded, or a thumbnail of it.
#[utoipa::path(tag = "catalog",
    params(("id" = ProductId, Path), ("image_id" = ImageId, Path), PhotoQuery),
    responses((status = 200, content((inline(PhotoBytes) = "image/jpeg"), (inline(PhotoBytes) = "image/png"),
        (inline(PhotoBytes) = "image/webp")), description = "The photo"), (status = 304, description = "The photo has not changed")))]
#[get("/api/products/{id}/images/{image_id}")]
pub async fn show(
    request: HttpRequest,
    services: Data<Services>,
    path: ValidPath<(ProductId, ImageId)>,
    query: ValidQuery<PhotoQuery>,
) -> Result<impl Responder, Problem> {
    let (id, image_id) = path.0;
    let size = query.0.size.unwrap_or(PhotoSize::Original);
    let image = services.catalog.image(id, image_id).await?;
    let tag = EntityTag::new_strong(match size {
        PhotoSize::Original => image.sha256.clone(),
        PhotoSize::Thumbnail => format!("thumbnail-{image_id}"),
    });
    let cached = has_tag(&request, &tag);
    let mut response = if cached { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, tag.to_string())).insert_header((CACHE_CONTROL, "private, no-cache"));
    if cached {
        return Ok(response.finish());
    }
    let (media_type, bytes) = match size {
        PhotoSize::Original => (image.media_type, services.catalog.original(id, image_id).await?),
        PhotoSize::Thumbnail => ("image/jpeg".to_owned(), services.catalog.thumbnail(id, image_id).await?),
    };
    // An uploaded file must never run as a page of this server, whatever a browser makes of it.
    response.insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"));
    Ok(response.content_type(media_type).body(bytes))
}

fn has_tag(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|sent| sent.weak_eq(tag)),
        Err(_) => false,
    }
}

/// Remove a photo.
///
/// The product is no longer recognised by it.
#[utoipa::path(tag = "catalog",
    params(("id" = ProductId, Path), ("image_id" = ImageId, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 204, description = "The photo is removed")))]
#[delete("/api/products/{id}/images/{image_id}")]
pub async fn remove(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(ProductId, ImageId)>,
    key: OptionalIdempotencyKey,
) -> Result<impl Responder, Problem> {
    let (id, image_id) = path.0;
    let reply = services.catalog.remove_image(&caller, id, image_id, key.as_deref()).await?;
    Ok(super::idempotent_reply(StatusCode::NO_CONTENT, reply))
}
