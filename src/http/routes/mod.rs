//! One file per kind of thing; each reads from top to bottom: request and reply types, handlers with their OpenAPI text.

pub mod alerts;
pub mod auth;
pub mod closings;
pub mod health;
pub mod integrity;
pub mod kiosks;
pub mod models;
pub mod mypage;
pub mod order_life;
pub mod orders;
pub mod performance;
pub mod product_images;
pub mod products;
pub mod receipts;
pub mod recognize;
pub mod session_discounts;
pub mod sessions;
pub mod stores;
pub mod users;

use actix_web::HttpResponse;
use actix_web::web::ServiceConfig;

use crate::orders::Reply;

/// Registers every route.
pub fn configure(config: &mut ServiceConfig) {
    config
        .configure(health::configure)
        .configure(auth::configure)
        .configure(users::configure)
        .configure(stores::configure)
        .configure(kiosks::configure)
        .configure(products::configure)
        .configure(product_images::configure)
        .configure(models::configure)
        .configure(recognize::configure)
        .configure(sessions::configure)
        .configure(session_discounts::configure)
        .configure(orders::configure)
        .configure(order_life::configure)
        .configure(receipts::configure)
        .configure(closings::configure)
        .configure(mypage::configure)
        .configure(integrity::configure)
        .configure(performance::configure)
        .configure(alerts::configure);
}

/// The answer to a request with an Idempotency-Key: 201 with the reply of the first time, marked where it is repeated.
fn created_once(reply: Reply) -> HttpResponse {
    let mut answer = HttpResponse::Created();
    if reply.replayed {
        answer.insert_header(("Idempotent-Replayed", "true"));
    }
    answer.json(reply.body)
}
