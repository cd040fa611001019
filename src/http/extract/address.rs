//! Where a request comes from, for routes that have no caller yet.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::body::services;
use crate::http::authenticate::client_address;
use crate::http::problem::Problem;

/// The client's network address, as [`client_address`] believes it.
#[derive(Debug, Clone)]
pub struct ClientAddress(pub Option<String>);

impl FromRequest for ClientAddress {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(services(request).map(|services| Self(client_address(request, &services.trusted_proxies))))
    }
}
