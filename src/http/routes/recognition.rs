//! Recognising the products in a photo.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, post};

use super::sessions::ImageForm;
use crate::domain::Caller;
use crate::http::Services;
use crate::http::extract::ImageBody;
use crate::http::problem::{Problem, ProblemBody};
use crate::recognition::RecognitionView;

pub fn configure(config: &mut ServiceConfig) {
    config.service(recognize);
}

/// Recognise the products in a photo, sent as the form field `image` or as the body itself.
///
/// Changes no bill.
#[utoipa::path(tag = "recognition", security(("bearer" = [])),
    request_body(content((ImageForm = "multipart/form-data"), (Vec<u8> = "image/jpeg"))),
    responses((status = 200, body = RecognitionView), (status = 413, body = ProblemBody), (status = 415, body = ProblemBody),
        (status = 422, body = ProblemBody), (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)))]
#[post("/api/recognize")]
pub async fn recognize(caller: Caller, services: Data<Services>, image: ImageBody) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.recognition.recognize(&caller, image.0).await?))
}
