//! Where the `Idempotency-Key` header counts. It is never ignored on a request that changes something: a route keeps replies
//! under it, or refuses it.
//!
//! Signing in and its kin are the exception: their replies are secrets, which are not kept, and repeating them harms nothing.

use actix_web::HttpRequest;
use actix_web::http::Method;

use super::extract::IDEMPOTENCY_KEY;
use super::problem::{Problem, ProblemKind};

/// The routes that keep replies: every change of a bill, an order or the catalog.
pub const REPLIES_KEPT: [(Method, &str); 23] = [
    (Method::POST, "/api/products"),
    (Method::PATCH, "/api/products/{id}"),
    (Method::DELETE, "/api/products/{id}"),
    (Method::POST, "/api/products/{id}/images"),
    (Method::DELETE, "/api/products/{id}/images/{image_id}"),
    (Method::POST, "/api/sessions"),
    (Method::DELETE, "/api/sessions/{id}"),
    (Method::POST, "/api/sessions/{id}/join"),
    (Method::POST, "/api/sessions/{id}/frames"),
    (Method::POST, "/api/sessions/{id}/items"),
    (Method::PATCH, "/api/sessions/{id}/items/{item_id}"),
    (Method::DELETE, "/api/sessions/{id}/items/{item_id}"),
    (Method::POST, "/api/sessions/{id}/confirm"),
    (Method::PUT, "/api/sessions/{id}/discount"),
    (Method::DELETE, "/api/sessions/{id}/discount"),
    (Method::PUT, "/api/sessions/{id}/items/{item_id}/discount"),
    (Method::DELETE, "/api/sessions/{id}/items/{item_id}/discount"),
    (Method::POST, "/api/orders/{id}/payments"),
    (Method::POST, "/api/orders/{id}/refunds"),
    (Method::POST, "/api/orders/{id}/void"),
    (Method::POST, "/api/orders/{id}/receipt/prints"),
    (Method::POST, "/api/stores/{id}/z-reports"),
    (Method::POST, "/api/mypage/claims"),
];

/// Refuses a key that the route `pattern` would ignore.
pub fn check_key_is_kept(request: &HttpRequest, pattern: &str) -> Result<(), Problem> {
    if !request.headers().contains_key(IDEMPOTENCY_KEY) || !ignores_key(request.method(), pattern) {
        return Ok(());
    }
    let detail = format!(
        "{} {pattern} keeps no replies, so an Idempotency-Key would not protect it. Send the request without the header; if \
         its reply is lost, read what it changed before you repeat it.",
        request.method()
    );
    Err(Problem::new(ProblemKind::BadRequest, detail))
}

fn ignores_key(method: &Method, pattern: &str) -> bool {
    let changes_nothing = method.is_safe() || pattern == "/api/recognize";
    let keeps_replies = REPLIES_KEPT.iter().any(|(kept, route)| kept == method && *route == pattern);
    !changes_nothing && !keeps_replies && !pattern.starts_with("/api/auth/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::policy::RULES;

    #[test]
    fn every_change_of_a_bill_an_order_or_the_catalog_keeps_its_reply() {
        let belongs = |pattern: &str| {
            let prefixes = ["/api/products", "/api/sessions", "/api/orders", "/api/mypage"];
            prefixes.iter().any(|prefix| pattern.starts_with(prefix)) || pattern.contains("/z-reports")
        };
        let changes = RULES.iter().filter(|rule| !rule.method.is_safe() && belongs(rule.pattern));
        let ignored: Vec<&str> =
            changes.clone().filter(|rule| ignores_key(&rule.method, rule.pattern)).map(|rule| rule.pattern).collect();
        assert_eq!(ignored, Vec::<&str>::new());
        assert_eq!(changes.count(), REPLIES_KEPT.len(), "no route of the list is gone");
    }

    #[test]
    fn a_key_is_refused_elsewhere_and_means_nothing_to_a_login() {
        assert!(ignores_key(&Method::POST, "/api/stores"));
        assert!(ignores_key(&Method::PATCH, "/api/users/{id}"));
        assert!(!ignores_key(&Method::POST, "/api/auth/login"));
        assert!(!ignores_key(&Method::GET, "/api/stores"));
        assert!(!ignores_key(&Method::POST, "/api/recognize"));
    }
}
