//! The routes, one file per resource. Each file reads from top to bottom: request and reply types, then handlers with
//! their OpenAPI text.

pub mod alerts;
pub mod api_document;
pub mod audit;
pub mod auth;
pub mod automation_events;
pub mod automation_export;
pub mod automation_imports;
pub mod automation_pauses;
pub mod automation_schedules;
pub mod automation_tasks;
pub mod background;
pub mod closings;
pub mod health;
pub mod integrity;
pub mod kiosk_empty_views;
pub mod kiosks;
pub mod look_alikes;
pub mod models;
pub mod mypage;
pub mod number_series;
pub mod orders;
pub mod payments_and_refunds;
pub mod performance;
pub mod photo_previews;
pub mod product_images;
pub mod products;
pub mod receipts;
pub mod recognition;
pub mod search;
pub mod session_discounts;
pub mod sessions;
pub mod settings;
pub mod staff_calls;
pub mod statistics;
pub mod storage;
pub mod stores;
pub mod users;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::idempotency::Reply;

/// Marks a reply that was stored by an earlier request with the same Idempotency-Key.
const REPLAYED: (&str, &str) = ("idempotent-replayed", "true");

/// The bytes of a photo, for the OpenAPI document. A list of numbers, as `Vec<u8>` is described, gets no file chooser.
struct PhotoBytes;

impl PartialSchema for PhotoBytes {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).into()
    }
}

impl ToSchema for PhotoBytes {}

/// Distinguishes a field that is `null` from an absent one.
fn some_if_present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// The response to a request that can carry an Idempotency-Key, marked if it is the stored one. A reply without a body is 204.
fn idempotent_reply(status: StatusCode, reply: Reply) -> HttpResponse {
    let mut response = HttpResponse::build(if reply.body.is_null() { StatusCode::NO_CONTENT } else { status });
    if reply.replayed {
        response.insert_header(REPLAYED);
    }
    if reply.body.is_null() { response.finish() } else { response.json(reply.body) }
}
