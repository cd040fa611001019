//! What an upload would say of a photo, before it is sent with its product.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, post};

use super::products::take_photos;
use crate::catalog::PhotoPreview;
use crate::domain::InvalidField;
use crate::http::Services;
use crate::http::extract::UploadForm;
use crate::http::problem::Problem;

/// A form of one photo.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form in the OpenAPI document")]
pub struct PhotoPreviewForm {
    #[schema(format = Binary, value_type = String)]
    image: Vec<u8>,
    /// Where the product is in the photo: `auto` (default), `whole`, or a box `x,y,width,height`.
    #[schema(examples("auto"))]
    region: Option<String>,
}

/// Say what an upload would say of a photo: what would be cut out, and what is wrong with it.
///
/// Nothing is stored.
#[utoipa::path(tag = "catalog",
    request_body(content = PhotoPreviewForm, content_type = "multipart/form-data"),
    responses((status = 200, body = PhotoPreview, description = "What the upload would say")))]
#[post("/api/products/photo-preview")]
pub async fn show(services: Data<Services>, form: UploadForm) -> Result<impl Responder, Problem> {
    let mut photos = take_photos(form)?;
    let (photo, more) = (photos.photos.pop(), photos.photos.len());
    let photo = photo.filter(|_| more == 0);
    let photo = photo.ok_or_else(|| InvalidField::new("image", "holds not exactly one photo"))?;
    Ok(HttpResponse::Ok().json(services.catalog.preview_photo(photo, photos.region).await?))
}
