//! What is wrong with the places that this server writes to, for admins.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::Services;
use crate::storage::StorageFault;

/// The present faults of the storage.
#[derive(Debug, Serialize, ToSchema)]
pub struct StorageFaultList {
    data: Vec<StorageFaultView>,
}

/// A fault of the storage.
#[derive(Debug, Serialize, ToSchema)]
pub struct StorageFaultView {
    /// `database-lost`, `database-damaged`, `numbers-forgotten`, `files-missing` or `disk-full`
    kind: &'static str,
    /// What happened, and what to do.
    text: String,
}

/// List what is wrong with the database's file, the data folder and the disks of this server, and what to do.
///
/// Empty while nothing is wrong. `/readyz` says to everybody which kind of fault there is, but not this text.
#[utoipa::path(tag = "monitoring",
    responses((status = 200, body = StorageFaultList, description = "The present faults")))]
#[get("/api/monitoring/storage")]
pub async fn list(services: Data<Services>) -> impl Responder {
    let faults = services.storage.faults().into_iter();
    let data = faults.map(|StorageFault { kind, text }| StorageFaultView { kind: kind.as_str(), text }).collect();
    HttpResponse::Ok().json(StorageFaultList { data })
}
