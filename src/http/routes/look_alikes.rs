//! Products that look alike, and whether a product's photos are enough.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};

use crate::catalog::{LookAlikePage, PhotoCheckView};
use crate::domain::ProductId;
use crate::http::Services;
use crate::http::extract::{PageQuery, ValidPage, ValidPath};
use crate::http::problem::Problem;

/// List pairs of products that the till will take for each other, strongest first.
///
/// Photos of the whole catalogue are left out in turn and searched for. The report is made when it is asked for and kept until the
/// catalog changes.
#[utoipa::path(tag = "catalog", params(PageQuery),
    responses((status = 200, body = LookAlikePage, description = "A page of pairs")))]
#[get("/api/products/lookalikes")]
pub async fn list(services: Data<Services>, page: ValidPage) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.catalog.look_alikes(page.0).await?))
}

/// Check whether a product's photos are enough.
///
/// Each photo is left out in turn: do the product's other photos recognise it, or which product is nearer?
#[utoipa::path(tag = "catalog", params(("id" = ProductId, Path)),
    responses((status = 200, body = PhotoCheckView, description = "A verdict for each photo")))]
#[get("/api/products/{id}/photo-check")]
pub async fn check_photos(services: Data<Services>, id: ValidPath<ProductId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.catalog.check_photos_of(id.0).await?))
}
