//! Recognising the products in a photo.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, post};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{PhotoBytes, sessions::ImageForm};
use crate::domain::Caller;
use crate::http::Services;
use crate::http::extract::{ImageBody, ValidQuery};
use crate::http::problem::Problem;
use crate::recognition::{RecognitionView, RegionMode};

/// Where to look.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RegionsQuery {
    /// `auto` (default): each thing in the picture is a region with a verdict of its own. `whole`: the picture is one region,
    /// as for a close-up.
    regions: Option<RegionMode>,
}

/// Recognise the products in a photo: a verdict for each thing in it. The photo is sent as the form field `image` or as the body itself.
///
/// Changes no bill.
#[utoipa::path(tag = "recognition", params(RegionsQuery),
    request_body(content((ImageForm = "multipart/form-data"), (inline(PhotoBytes) = "image/jpeg"),
        (inline(PhotoBytes) = "image/png"), (inline(PhotoBytes) = "image/webp"))),
    responses((status = 200, body = RecognitionView, description = "A verdict for each thing in the photo")))]
#[post("/api/recognize")]
pub async fn recognize(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<RegionsQuery>,
    image: ImageBody,
) -> Result<impl Responder, Problem> {
    let mode = query.0.regions.unwrap_or(RegionMode::Auto);
    Ok(HttpResponse::Ok().json(services.recognition.recognize(&caller, image.0, mode).await?))
}
