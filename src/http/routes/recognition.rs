//! Recognising the products in a photo.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, post};
use serde::Deserialize;
use utoipa::IntoParams;

use super::sessions::ImageForm;
use crate::domain::Caller;
use crate::http::Services;
use crate::http::extract::{ImageBody, ValidQuery};
use crate::http::problem::{Problem, ProblemBody};
use crate::recognition::{RecognitionView, RegionMode};

/// Where to look.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RegionsQuery {
    /// `auto` (default): each thing in the picture is a region with a verdict of its own. `whole`: the picture is one region,
    /// as for a close-up.
    regions: Option<RegionMode>,
}

pub fn configure(config: &mut ServiceConfig) {
    config.service(recognize);
}

/// Recognise the products in a photo: a verdict for each thing in it. The photo is sent as the form field `image` or as the body itself.
///
/// Changes no bill.
#[utoipa::path(tag = "recognition", security(("bearer" = [])), params(RegionsQuery),
    request_body(content((ImageForm = "multipart/form-data"), (Vec<u8> = "image/jpeg"))),
    responses((status = 200, body = RecognitionView), (status = 413, body = ProblemBody), (status = 415, body = ProblemBody),
        (status = 422, body = ProblemBody), (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
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
