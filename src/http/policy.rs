//! Who may call which route, in one table that is easy to review.
//!
//! A route without a rule is refused to everybody, so a forgotten line gives a 403 and not a hole. A test compares the table
//! with the OpenAPI document. The services, which see the data, decide what a caller may do *within* a route (a clerk in
//! another store, another shopper's order).

use actix_web::http::Method;

use crate::domain::{Actor, Role};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Anybody, without credentials.
    Public,
    /// Any signed-in person, even one who must change the password first.
    AnyPassword,
    /// Any signed-in person.
    Person,
    /// Shoppers only. These routes make an order the caller's own; staff would own orders that they can refund.
    Shopper,
    /// Clerks and admins.
    Staff,
    /// Admins.
    Admin,
    /// Kiosks, clerks and admins.
    Till,
    /// Kiosks, about themselves.
    Kiosk,
}

/// A line of the table.
#[derive(Debug, Clone)]
pub struct RouteRule {
    pub method: Method,
    /// The route's pattern as it is registered.
    pub pattern: &'static str,
    pub policy: Policy,
}

const fn rule(method: Method, pattern: &'static str, policy: Policy) -> RouteRule {
    RouteRule { method, pattern, policy }
}

pub static RULES: [RouteRule; 88] = [
    rule(Method::GET, "/", Policy::Public),
    rule(Method::GET, "/assets/catalogue.jpg", Policy::Public),
    rule(Method::GET, "/healthz", Policy::Public),
    rule(Method::GET, "/readyz", Policy::Public),
    rule(Method::GET, "/metrics", Policy::Public),
    rule(Method::GET, "/docs", Policy::Public),
    rule(Method::GET, "/docs/{_:.*}", Policy::Public),
    rule(Method::GET, "/api/openapi.json", Policy::Public),
    rule(Method::POST, "/api/auth/signup", Policy::Public),
    rule(Method::POST, "/api/auth/login", Policy::Public),
    rule(Method::POST, "/api/auth/refresh", Policy::Public),
    rule(Method::POST, "/api/auth/logout", Policy::Public),
    rule(Method::GET, "/api/auth/me", Policy::AnyPassword),
    rule(Method::POST, "/api/auth/password", Policy::AnyPassword),
    rule(Method::GET, "/api/users", Policy::Admin),
    rule(Method::POST, "/api/users", Policy::Admin),
    rule(Method::GET, "/api/users/{id}", Policy::Admin),
    rule(Method::PATCH, "/api/users/{id}", Policy::Admin),
    rule(Method::POST, "/api/users/{id}/reset-password", Policy::Admin),
    rule(Method::GET, "/api/stores", Policy::Staff),
    rule(Method::POST, "/api/stores", Policy::Admin),
    rule(Method::GET, "/api/stores/{id}", Policy::Staff),
    rule(Method::PATCH, "/api/stores/{id}", Policy::Admin),
    rule(Method::GET, "/api/stores/{id}/kiosks", Policy::Staff),
    rule(Method::POST, "/api/stores/{id}/kiosks", Policy::Admin),
    rule(Method::DELETE, "/api/stores/{id}/kiosks/{kiosk_id}", Policy::Admin),
    rule(Method::POST, "/api/kiosks/enrol", Policy::Public),
    rule(Method::PUT, "/api/kiosks/me/empty-view", Policy::Kiosk),
    rule(Method::PUT, "/api/kiosks/{id}/empty-view", Policy::Staff),
    rule(Method::DELETE, "/api/kiosks/{id}/empty-view", Policy::Staff),
    rule(Method::GET, "/api/products", Policy::Till),
    rule(Method::POST, "/api/products", Policy::Admin),
    rule(Method::GET, "/api/products/lookalikes", Policy::Staff),
    rule(Method::GET, "/api/products/{id}", Policy::Till),
    rule(Method::PATCH, "/api/products/{id}", Policy::Admin),
    rule(Method::DELETE, "/api/products/{id}", Policy::Admin),
    rule(Method::GET, "/api/products/{id}/photo-check", Policy::Staff),
    rule(Method::GET, "/api/products/{id}/images", Policy::Till),
    rule(Method::POST, "/api/products/{id}/images", Policy::Admin),
    rule(Method::GET, "/api/products/{id}/images/{image_id}", Policy::Till),
    rule(Method::DELETE, "/api/products/{id}/images/{image_id}", Policy::Admin),
    rule(Method::GET, "/api/models", Policy::Admin),
    rule(Method::POST, "/api/models/switch", Policy::Admin),
    rule(Method::DELETE, "/api/models/switch", Policy::Admin),
    rule(Method::POST, "/api/models/switch/activate", Policy::Admin),
    rule(Method::POST, "/api/models/rollback", Policy::Admin),
    rule(Method::POST, "/api/recognize", Policy::Till),
    rule(Method::POST, "/api/sessions", Policy::Till),
    rule(Method::GET, "/api/sessions/{id}", Policy::Till),
    rule(Method::DELETE, "/api/sessions/{id}", Policy::Till),
    rule(Method::POST, "/api/sessions/{id}/join", Policy::Shopper),
    rule(Method::POST, "/api/sessions/{id}/frames", Policy::Till),
    rule(Method::POST, "/api/sessions/{id}/items", Policy::Till),
    rule(Method::PATCH, "/api/sessions/{id}/items/{item_id}", Policy::Till),
    rule(Method::DELETE, "/api/sessions/{id}/items/{item_id}", Policy::Till),
    rule(Method::POST, "/api/sessions/{id}/confirm", Policy::Till),
    rule(Method::PUT, "/api/sessions/{id}/discount", Policy::Staff),
    rule(Method::DELETE, "/api/sessions/{id}/discount", Policy::Staff),
    rule(Method::PUT, "/api/sessions/{id}/items/{item_id}/discount", Policy::Staff),
    rule(Method::DELETE, "/api/sessions/{id}/items/{item_id}/discount", Policy::Staff),
    rule(Method::GET, "/api/orders", Policy::Staff),
    rule(Method::GET, "/api/orders/{id}", Policy::Staff),
    rule(Method::POST, "/api/orders/{id}/payments", Policy::Till),
    rule(Method::POST, "/api/orders/{id}/refunds", Policy::Staff),
    rule(Method::POST, "/api/orders/{id}/void", Policy::Staff),
    rule(Method::GET, "/api/orders/{id}/receipt", Policy::Till),
    rule(Method::POST, "/api/orders/{id}/receipt/prints", Policy::Till),
    rule(Method::GET, "/api/stores/{id}/z-reports", Policy::Staff),
    rule(Method::POST, "/api/stores/{id}/z-reports", Policy::Staff),
    rule(Method::GET, "/api/stores/{id}/z-reports/{number}", Policy::Staff),
    rule(Method::GET, "/api/monitoring/background", Policy::Admin),
    rule(Method::GET, "/api/monitoring/numbering/integrity/summary", Policy::Admin),
    rule(Method::GET, "/api/monitoring/numbering/integrity/stores/{id}", Policy::Admin),
    rule(Method::GET, "/api/monitoring/numbering/integrity/stores/{id}/reports", Policy::Admin),
    rule(Method::POST, "/api/monitoring/numbering/jobs/integrity/run-check", Policy::Admin),
    rule(Method::POST, "/api/monitoring/numbering/jobs/integrity/repair", Policy::Admin),
    rule(Method::GET, "/api/monitoring/numbering/performance/stats", Policy::Admin),
    rule(Method::GET, "/api/monitoring/numbering/metrics/export", Policy::Admin),
    rule(Method::GET, "/api/monitoring/numbering/alerts", Policy::Admin),
    rule(Method::GET, "/api/monitoring/numbering/alerts/active", Policy::Admin),
    rule(Method::POST, "/api/monitoring/numbering/alerts/{key}/acknowledge", Policy::Admin),
    rule(Method::POST, "/api/monitoring/numbering/alerts/{key}/resolve", Policy::Admin),
    rule(Method::GET, "/api/mypage/orders", Policy::Person),
    rule(Method::GET, "/api/mypage/orders/{id}", Policy::Person),
    rule(Method::GET, "/api/mypage/orders/{id}/receipt", Policy::Person),
    rule(Method::GET, "/api/mypage/orders/{id}/receipt/page", Policy::Person),
    rule(Method::GET, "/api/mypage/spending", Policy::Person),
    rule(Method::POST, "/api/mypage/claims", Policy::Shopper),
];

/// The policy of a route, if the table has one.
pub fn find(method: &Method, pattern: &str) -> Option<Policy> {
    RULES.iter().find(|rule| rule.method == *method && rule.pattern == pattern).map(|rule| rule.policy)
}

impl Policy {
    pub fn admits(self, actor: &Actor) -> bool {
        let role = match actor {
            Actor::System | Actor::CommandLine => return true,
            Actor::Kiosk { .. } => return matches!(self, Self::Public | Self::Till | Self::Kiosk),
            Actor::Person { role, .. } => *role,
        };
        match self {
            Self::Public | Self::AnyPassword | Self::Person => true,
            Self::Staff | Self::Till => matches!(role, Role::Clerk | Role::Admin),
            Self::Admin => role == Role::Admin,
            Self::Shopper => role == Role::User,
            Self::Kiosk => false,
        }
    }

    /// Names the callers that this policy admits, for messages.
    pub fn describe_callers(self) -> &'static str {
        match self {
            Self::Public => "everybody",
            Self::AnyPassword | Self::Person => "signed-in people",
            Self::Shopper => "shoppers only; staff accounts cannot own orders",
            Self::Staff => "clerks and admins",
            Self::Admin => "admins",
            Self::Till => "kiosks, clerks and admins",
            Self::Kiosk => "kiosks",
        }
    }

    /// Whether a person who must change a one-time password first is admitted.
    pub fn allows_one_time_password(self) -> bool {
        matches!(self, Self::Public | Self::AnyPassword)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_has_one_rule() {
        for (position, rule) in RULES.iter().enumerate() {
            let mut rest = RULES.iter().skip(position + 1);
            let repeated = rest.any(|other| other.method == rule.method && other.pattern == rule.pattern);
            assert!(!repeated, "{} {}", rule.method, rule.pattern);
        }
    }

    #[test]
    fn a_route_outside_the_table_has_no_policy() {
        assert_eq!(find(&Method::PUT, "/api/products/{id}"), None);
        assert_eq!(find(&Method::GET, "/api/unknown"), None);
    }
}
