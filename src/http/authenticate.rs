//! The middleware that lets a request in: finds the route's rule, reads the credentials, decides.
//!
//! Every request passes here before its handler; a handler gets its [`Caller`] from what this middleware left behind and
//! has no other way to one.

use std::net::IpAddr;
use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, AUTHORIZATION, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, ResponseError, web};

use super::problem::{Kind, Problem};
use super::{Services, policy};
use crate::domain::Caller;
use crate::performance::{Attempt, Outcome, Retries};

/// The route on which a bill becomes an order.
const CONFIRM: &str = "/api/sessions/{id}/confirm";

/// Passes a request on only where the policy table says so. A refusal is an answer like any other, so that the middleware
/// further out adds its headers to it.
pub async fn authorize(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    // HEAD is GET without the body, which the HTTP layer leaves out by itself.
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let begun = Instant::now();
    match admitted(&request).await {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            Ok(next.call(request).await?.map_into_left_body())
        }
        Err(problem) => {
            let mut response = problem.error_response();
            if response.status().is_server_error() {
                count_lost_order(&request, begun);
            }
            if problem.kind() == Kind::MethodNotAllowed {
                let methods = policy::RULES.iter().filter(|rule| Some(rule.pattern) == pattern_of(&request).as_deref());
                let methods = methods.map(|rule| rule.method.as_str()).collect::<Vec<_>>().join(", ");
                if let Ok(methods) = HeaderValue::from_str(&methods) {
                    response.headers_mut().insert(ALLOW, methods);
                }
            }
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

/// A confirm that ends here, since the database that knows its caller is away, is an order that could not be made.
fn count_lost_order(request: &ServiceRequest, begun: Instant) {
    if request.method() == Method::POST
        && pattern_of(request).as_deref() == Some(CONFIRM)
        && let Some(services) = request.app_data::<web::Data<Services>>()
    {
        let (outcome, retries, took) = (Outcome::Failed, Retries::default(), begun.elapsed());
        services.performance.record(&Attempt { store: None, outcome, retries, took });
    }
}

/// The pattern of the route that will get this request. Taken from the decoded path, which is what the router routes by:
/// judging the path as it was sent would let `/api/%70roducts` in without a rule.
///
/// Found once for each request: it is some 90 patterns that are tried.
pub fn pattern_of(request: &ServiceRequest) -> Option<String> {
    if let Some(Pattern(found)) = request.extensions().get() {
        return found.clone();
    }
    let found = request.resource_map().match_pattern(request.match_info().as_str());
    request.extensions_mut().insert(Pattern(found.clone()));
    found
}

/// What [`pattern_of`] has found for a request.
struct Pattern(Option<String>);

/// The caller where credentials were needed, nothing where the route is public, or the refusal.
async fn admitted(request: &ServiceRequest) -> Result<Option<Caller>, Problem> {
    let Some(pattern) = pattern_of(request) else {
        let shown: String = request.path().chars().take(200).collect();
        return Err(Problem::new(Kind::NotFound, format!("{shown} is no address of this server")));
    };
    let pattern = pattern.as_str();
    let Some(policy) = policy::find(request.method(), pattern) else {
        if policy::RULES.iter().any(|rule| rule.pattern == pattern) {
            let detail = format!("{} is not among the methods of {pattern}", request.method());
            return Err(Problem::new(Kind::MethodNotAllowed, detail));
        }
        return Err(Problem::new(Kind::Forbidden, "no rule lets anybody call this"));
    };
    if policy == policy::Policy::Public {
        return Ok(None);
    }
    let services = request
        .app_data::<web::Data<Services>>()
        .ok_or_else(|| Problem::internal(&"the services are not registered with the HTTP server"))?;
    let token = bearer(request)?;
    let identity = services.auth.authenticate(token).await?;
    if !policy.admits(&identity.actor) {
        let (method, caller) = (request.method(), kind_of(&identity.actor));
        let detail = format!("{method} {pattern} is not open to {caller}; it is for {}", policy.who());
        return Err(Problem::new(Kind::Forbidden, detail));
    }
    if identity.must_change_password && !policy.allows_old_password() {
        let detail = "the password is a one-time password: change it with POST /api/auth/password, then sign in again";
        return Err(Problem::new(Kind::PasswordChangeRequired, detail));
    }
    let address = client_address(request.request(), &services.trusted_proxies);
    Ok(Some(Caller { actor: identity.actor, address }))
}

fn kind_of(actor: &crate::domain::Actor) -> &'static str {
    use crate::domain::Actor;
    match actor {
        Actor::System | Actor::CommandLine => "the server itself",
        Actor::Kiosk { .. } => "kiosks",
        Actor::Person { role, .. } => match role {
            crate::domain::Role::User => "shoppers",
            crate::domain::Role::Clerk => "clerks",
            crate::domain::Role::Admin => "admins",
        },
    }
}

fn bearer(request: &ServiceRequest) -> Result<&str, Problem> {
    let needed = |detail: &'static str| Problem::new(Kind::NotAuthenticated, detail);
    let header = request.headers().get(AUTHORIZATION).ok_or_else(|| {
        needed("send \"Authorization: Bearer\" with an access token from POST /api/auth/login or a kiosk's key")
    })?;
    let text = header.to_str().map_err(|_| needed("the Authorization header holds bytes that are no text"))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() {
        Ok(token.trim())
    } else {
        Err(needed("the Authorization header must read \"Bearer\" and the token"))
    }
}

/// The client's address: the peer's, or, where the peer is a trusted proxy, the last untrusted one that the proxies
/// wrote into `X-Forwarded-For`. What a client itself wrote there is never believed.
pub fn client_address(request: &HttpRequest, trusted: &[IpAddr]) -> Option<String> {
    let peer = request.peer_addr()?.ip();
    // A proxy may append a line of its own instead of lengthening the client's; the last word is the nearest proxy's.
    let lines = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let forwarded = lines.collect::<Vec<_>>().join(",");
    Some(believed(peer, &forwarded, trusted).to_string())
}

fn believed(peer: IpAddr, forwarded: &str, trusted: &[IpAddr]) -> IpAddr {
    // An IPv4 client of an IPv6 socket is the same client.
    let peer = peer.to_canonical();
    if !trusted.contains(&peer) {
        return peer;
    }
    let mut nearest = peer;
    for hop in forwarded.rsplit(',') {
        match hop.trim().parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(address) if trusted.contains(&address) => nearest = address,
            Ok(address) => return address,
            Err(_) => break,
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_forwarded_header_counts_only_from_a_trusted_proxy() {
        let (client, proxy): (IpAddr, IpAddr) = ("203.0.113.9".parse().unwrap(), "10.0.0.1".parse().unwrap());
        assert_eq!(believed(client, "198.51.100.1", &[proxy]), client);
        assert_eq!(believed(proxy, "198.51.100.1, 203.0.113.9", &[proxy]), client);
        assert_eq!(believed(proxy, "203.0.113.9, 10.0.0.1", &[proxy]), client);
        assert_eq!(believed(proxy, "", &[proxy]), proxy);
        assert_eq!(believed(proxy, "nonsense", &[proxy]), proxy);
        assert_eq!(believed("::ffff:10.0.0.1".parse().unwrap(), "203.0.113.9", &[proxy]), client);
    }
}
