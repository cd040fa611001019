//! The routes, one file per resource. Each file reads from top to bottom: request and reply types, then handlers with
//! their OpenAPI text.

pub mod alerts;
pub mod auth;
pub mod background;
pub mod closings;
pub mod health;
pub mod integrity;
pub mod kiosk_empty_views;
pub mod kiosks;
pub mod look_alikes;
pub mod models;
pub mod mypage;
pub mod orders;
pub mod payments_and_refunds;
pub mod performance;
pub mod product_images;
pub mod products;
pub mod receipts;
pub mod recognition;
pub mod session_discounts;
pub mod sessions;
pub mod stores;
pub mod users;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::ServiceConfig;
use serde::{Deserialize, Deserializer};

use crate::idempotency::Reply;

/// Marks a reply that was stored by an earlier request with the same Idempotency-Key.
const REPLAYED: (&str, &str) = ("idempotent-replayed", "true");

pub fn configure(config: &mut ServiceConfig) {
    config
        .configure(health::configure)
        .configure(auth::configure)
        .configure(users::configure)
        .configure(stores::configure)
        .configure(kiosks::configure)
        .configure(kiosk_empty_views::configure)
        .configure(look_alikes::configure)
        .configure(products::configure)
        .configure(product_images::configure)
        .configure(models::configure)
        .configure(recognition::configure)
        .configure(sessions::configure)
        .configure(session_discounts::configure)
        .configure(orders::configure)
        .configure(payments_and_refunds::configure)
        .configure(receipts::configure)
        .configure(closings::configure)
        .configure(mypage::configure)
        .configure(integrity::configure)
        .configure(performance::configure)
        .configure(alerts::configure)
        .configure(background::configure);
}

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
