//! One file per kind of thing; each reads from top to bottom: request and reply types, handlers with their OpenAPI text.

pub mod auth;
pub mod health;
pub mod kiosks;
pub mod models;
pub mod mypage;
pub mod orders;
pub mod product_images;
pub mod products;
pub mod recognize;
pub mod sessions;
pub mod stores;
pub mod users;

use actix_web::web::ServiceConfig;

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
        .configure(orders::configure)
        .configure(mypage::configure);
}
