//! Photos of a product: listed, added, served, removed.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, EntityTag, Header, IfNoneMatch};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Responder, delete, get, post};
use serde::Serialize;
use utoipa::ToSchema;

use super::products::photos;
use crate::catalog::{EnrolmentView, ImageView};
use crate::domain::{Caller, ImageId, ProductId};
use crate::http::Services;
use crate::http::extract::{UploadForm, ValidPath};
use crate::http::problem::{Problem, ProblemBody};

/// Photos as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document")]
pub struct ImagesForm {
    /// Photos, as many fields of this name as there are photos.
    #[schema(format = Binary, value_type = Vec<String>)]
    images: Vec<Vec<u8>>,
}

/// All photos of a product: there are at most a few hundred, so they come on one page.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageList {
    /// The photos, oldest first.
    data: Vec<ImageView>,
    /// Always `null`.
    next_cursor: Option<String>,
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(add).service(show).service(remove);
}

/// The photos of a product.
#[utoipa::path(tag = "catalog", security(("bearer" = [])), params(("id" = ProductId, Path)),
    responses((status = 200, body = ImageList), (status = 404, body = ProblemBody)))]
#[get("/api/products/{id}/images")]
pub async fn list(services: Data<Services>, id: ValidPath<ProductId>) -> Result<impl Responder, Problem> {
    let data = services.catalog.images(id.0).await?;
    Ok(HttpResponse::Ok().json(ImageList { data, next_cursor: None }))
}

/// Add photos of a product. When the reply comes, it is recognised by them. Photos it has already are left out.
#[utoipa::path(tag = "catalog", security(("bearer" = [])), params(("id" = ProductId, Path)),
    request_body(content = ImagesForm, content_type = "multipart/form-data"),
    responses((status = 201, body = EnrolmentView), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 413, body = ProblemBody), (status = 415, body = ProblemBody), (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[post("/api/products/{id}/images")]
pub async fn add(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<ProductId>,
    form: UploadForm,
) -> Result<impl Responder, Problem> {
    let added = services.catalog.add_images(&caller, id.0, photos(form)?).await?;
    Ok(HttpResponse::Created().json(added))
}

/// A photo as it was uploaded.
#[utoipa::path(tag = "catalog", security(("bearer" = [])),
    params(("id" = ProductId, Path), ("image_id" = ImageId, Path)),
    responses((status = 200, body = Vec<u8>, content_type = "image/jpeg"), (status = 304), (status = 404, body = ProblemBody)))]
#[get("/api/products/{id}/images/{image_id}")]
pub async fn show(
    request: HttpRequest,
    services: Data<Services>,
    path: ValidPath<(ProductId, ImageId)>,
) -> Result<impl Responder, Problem> {
    let (id, image_id) = path.0;
    let image = services.catalog.image(id, image_id).await?;
    let tag = EntityTag::new_strong(image.sha256.clone());
    let known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        Err(_) => false,
    };
    let mut reply = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    reply.insert_header((ETAG, tag.to_string())).insert_header((CACHE_CONTROL, "private, no-cache"));
    if known {
        return Ok(reply.finish());
    }
    let bytes = services.catalog.original(id, image_id).await?;
    // What a client once uploaded must never run as a page of this server, whatever a browser takes it for.
    reply.insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"));
    Ok(reply.content_type(image.media_type).body(bytes))
}

/// Take a photo away; the product is no longer recognised by it.
#[utoipa::path(tag = "catalog", security(("bearer" = [])),
    params(("id" = ProductId, Path), ("image_id" = ImageId, Path)),
    responses((status = 204), (status = 404, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[delete("/api/products/{id}/images/{image_id}")]
pub async fn remove(
    caller: Caller,
    services: Data<Services>,
    path: ValidPath<(ProductId, ImageId)>,
) -> Result<impl Responder, Problem> {
    let (id, image_id) = path.0;
    services.catalog.remove_image(&caller, id, image_id).await?;
    Ok(HttpResponse::NoContent())
}
