//! Where the `Idempotency-Key` header counts. It is never ignored on a request that changes something: a route keeps replies
//! under it, or refuses it.
//!
//! Signing in and its kin are the exception: their replies are secrets, which are not kept, and repeating them harms nothing.

use actix_web::HttpRequest;

use super::extract::IDEMPOTENCY_KEY;
use super::problem::{Problem, ProblemKind};
use super::route::{KeyUse, Route};

/// Refuses a key that the operation would ignore.
pub(super) fn check_key_is_kept(request: &HttpRequest, route: &Route) -> Result<(), Problem> {
    if !request.headers().contains_key(IDEMPOTENCY_KEY) || !ignores_key(route) {
        return Ok(());
    }
    let detail = format!(
        "{} {} keeps no replies, so an Idempotency-Key would not protect it. Send the request without the header; if its reply \
         is lost, read what it changed before you repeat it.",
        route.method, route.pattern
    );
    Err(Problem::new(ProblemKind::BadRequest, detail))
}

fn ignores_key(route: &Route) -> bool {
    const ONLY_LOOK: [&str; 2] = ["/api/recognize", "/api/products/photo-preview"];
    let changes_nothing = route.method.is_safe() || ONLY_LOOK.contains(&route.pattern.as_str());
    let keeps_replies = route.idempotency_key != KeyUse::Never;
    !changes_nothing && !keeps_replies && !route.pattern.starts_with("/api/auth/")
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::*;
    use crate::http::route_table::{ROUTES, find};

    #[test]
    fn every_change_of_a_bill_an_order_or_the_catalog_keeps_its_reply() {
        let belongs = |pattern: &str| {
            let prefixes = ["/api/products", "/api/sessions", "/api/orders", "/api/mypage"];
            prefixes.iter().any(|prefix| pattern.starts_with(prefix)) || pattern.contains("/z-reports")
        };
        let changes: Vec<_> =
            ROUTES.iter().filter(|route| !route.method.is_safe() && belongs(&route.pattern)).collect();
        assert!(changes.len() >= 23, "{}", changes.len());
        let ignored: Vec<_> = changes.iter().filter(|route| ignores_key(route)).map(|route| &route.pattern).collect();
        assert!(ignored.is_empty(), "{ignored:?}");
    }

    #[test]
    fn a_key_is_refused_elsewhere_and_means_nothing_to_a_login() {
        let ignores = |method: Method, pattern: &str| ignores_key(find(&method, pattern).unwrap());
        assert!(ignores(Method::POST, "/api/stores"));
        assert!(ignores(Method::PATCH, "/api/users/{id}"));
        assert!(!ignores(Method::POST, "/api/auth/login"));
        assert!(!ignores(Method::GET, "/api/stores"));
        assert!(!ignores(Method::POST, "/api/recognize"));
    }
}
