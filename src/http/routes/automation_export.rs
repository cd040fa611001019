//! The export of the catalogue, as an import takes it.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};
use futures_util::stream;

use super::PhotoBytes;
use crate::http::Services;

/// Download the products on sale with their photos, and their embeddings, as a ZIP that an import takes.
///
/// `products.csv` and `images/` are what an import reads; `embeddings.npy` and `embeddings.csv` hold the embeddings by the model in
/// use. The ZIP is made while it is sent, so its length is not known before, and a lost photo breaks it off.
#[utoipa::path(tag = "automation", responses((status = 200, content((inline(PhotoBytes) = "application/zip")),
    description = "The ZIP")))]
#[get("/api/automation/export")]
pub async fn download(services: Data<Services>) -> impl Responder {
    let zone = services.auth.store_defaults().1;
    let name = format!("tillsight-{}.zip", zone.date_of(services.clock.now()));
    let chunks = stream::unfold(Some(services.catalog.export()), |export| async move {
        let mut export = export?;
        match export.next_chunk().await {
            Ok(chunk) => Some((Ok(chunk?), Some(export))),
            Err(error) => {
                tracing::error!(%error, "an export breaks off");
                // The client sees a connection that breaks, not a ZIP that ends early.
                Some((Err(std::io::Error::other("the export breaks off")), None))
            }
        }
    });
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "application/zip")).insert_header((CACHE_CONTROL, "no-store"));
    response.insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
    // Photos are compressed already.
    response.insert_header((CONTENT_ENCODING, "identity")).streaming(Box::pin(chunks))
}
