//! The middleware that lets a request in: finds the route's rule, reads the credentials, decides.
//!
//! Every request passes here before its handler; a handler gets its [`Caller`] from what this middleware left behind and
//! has no other way to one.

use std::net::IpAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, web};

use super::problem::{Kind, Problem};
use super::{Services, policy};
use crate::domain::Caller;

/// Passes a request on only where the policy table says so.
pub async fn authorize(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let Some(pattern) = request.match_pattern() else {
        return next.call(request).await;
    };
    if let Some(caller) = admitted(&request, &pattern).await? {
        request.extensions_mut().insert(caller);
    }
    next.call(request).await
}

/// The caller where credentials were needed, nothing where the route is public, or the refusal.
async fn admitted(request: &ServiceRequest, pattern: &str) -> Result<Option<Caller>, Problem> {
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
        let detail = format!("{} {pattern} is not open to {}", request.method(), kind_of(&identity.actor));
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
        Actor::System => "the server itself",
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
    let forwarded = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
    Some(believed(peer, forwarded, trusted).to_string())
}

fn believed(peer: IpAddr, forwarded: Option<&str>, trusted: &[IpAddr]) -> IpAddr {
    if !trusted.contains(&peer) {
        return peer;
    }
    let mut nearest = peer;
    for hop in forwarded.unwrap_or("").rsplit(',') {
        match hop.trim().parse::<IpAddr>() {
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
        assert_eq!(believed(client, Some("198.51.100.1"), &[proxy]), client);
        assert_eq!(believed(proxy, Some("198.51.100.1, 203.0.113.9"), &[proxy]), client);
        assert_eq!(believed(proxy, Some("203.0.113.9, 10.0.0.1"), &[proxy]), client);
        assert_eq!(believed(proxy, None, &[proxy]), proxy);
        assert_eq!(believed(proxy, Some("nonsense"), &[proxy]), proxy);
    }
}
