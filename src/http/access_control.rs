//! The middleware for access control: finds the operation, authenticates the caller, checks its policy.
//!
//! Every request passes it before its handler. A handler can get its [`Caller`] only from this middleware.

use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, AUTHORIZATION, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError, web};
use utoipa::Path;

use super::Services;
use super::extract::client_address;
use super::idempotency;
use super::policy::Policy;
use super::problem::{Problem, ProblemKind, excerpt};
use super::route_table;
use super::routes::sessions;
use crate::domain::{Actor, Caller, Role};
use crate::performance::{Attempt, AttemptOutcome, Retries};
use crate::storage::StorageFaultKind;

/// Seconds after which a client may try again when a person must put the database back.
const LOST_DATABASE_RETRY_S: u64 = 60;

/// Passes a request on only if the table of routes allows it. A refusal is an ordinary response, so the outer middleware adds
/// its headers to it.
pub async fn authorize(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    // HEAD is GET without the body, which the HTTP layer omits by itself.
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let started = Instant::now();
    match check_access(&request).await {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            Ok(next.call(request).await?.map_into_left_body())
        }
        Err(problem) => {
            let mut response = problem.error_response();
            if response.status().is_server_error() {
                count_failed_confirm(&request, started);
            }
            if problem.kind() == ProblemKind::MethodNotAllowed {
                add_allow_header(&request, &mut response);
            }
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

/// The caller, `None` on a public route, or the refusal.
async fn check_access(request: &ServiceRequest) -> Result<Option<Caller>, Problem> {
    let Some(pattern) = route_pattern(request) else {
        let detail = format!("This server has no address {}.", excerpt(request.path()));
        return Err(Problem::new(ProblemKind::NotFound, detail));
    };
    let pattern = pattern.as_str();
    let Some(route) = route_table::find(request.method(), pattern) else {
        let is_page = request.method() == Method::GET && route_table::PAGES.contains(&pattern);
        return if is_page { Ok(None) } else { Err(refuse_method(request.method(), pattern)) };
    };
    idempotency::check_key_is_kept(request.request(), route)?;
    let policy = route.policy;
    let services = request
        .app_data::<web::Data<Services>>()
        .ok_or_else(|| Problem::internal(&"the services are not registered with the HTTP server"))?;
    refuse_lost_changes(request.method(), pattern, services)?;
    if policy == Policy::Public {
        return route.check_query(request.query_string()).map(|()| None);
    }
    let identity = services.auth.authenticate(bearer_token(request)?).await?;
    if !policy.admits(&identity.actor) {
        let detail = format!(
            "{} {pattern} is not allowed for {}. It is for {}.",
            request.method(),
            describe_actor(&identity.actor),
            policy.describe_callers()
        );
        return Err(Problem::new(ProblemKind::Forbidden, detail));
    }
    if identity.must_change_password && !policy.allows_one_time_password() {
        let detail = "The password is a one-time password. Change it with POST /api/auth/password first.";
        return Err(Problem::new(ProblemKind::PasswordChangeRequired, detail));
    }
    route.check_query(request.query_string())?;
    let address = client_address(request.request(), &services.trusted_proxies);
    Ok(Some(Caller { actor: identity.actor, address }))
}

/// Refuses changes while the database is lost: they would be acknowledged and not be there. If it has only forgotten
/// numbers, signing in, checks and repairs go on.
fn refuse_lost_changes(method: &Method, pattern: &str, services: &Services) -> Result<(), Problem> {
    let Some(fault) = services.storage.refusal().filter(|_| method != Method::GET) else { return Ok(()) };
    let mends = pattern.starts_with("/api/auth/") || pattern.starts_with("/api/monitoring/");
    if mends && fault.kind == StorageFaultKind::NumbersForgotten {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::Unavailable, fault.kind.public_text()).retry_after(LOST_DATABASE_RETRY_S))
}

fn refuse_method(method: &Method, pattern: &str) -> Problem {
    if route_table::methods(pattern).is_empty() {
        Problem::new(ProblemKind::Forbidden, format!("The table of routes has no line for {method} {pattern}."))
    } else {
        Problem::new(ProblemKind::MethodNotAllowed, format!("{pattern} does not support {method}."))
    }
}

fn add_allow_header(request: &ServiceRequest, response: &mut HttpResponse) {
    let methods = route_table::methods(&route_pattern(request).unwrap_or_default()).join(", ");
    if let Ok(methods) = HeaderValue::from_str(&methods) {
        response.headers_mut().insert(ALLOW, methods);
    }
}

/// Counts a confirmation as failed if it fails here, because the database that knows the caller is unavailable.
fn count_failed_confirm(request: &ServiceRequest, started: Instant) {
    if request.method() == Method::POST
        && route_pattern(request) == Some(sessions::confirm::path())
        && let Some(services) = request.app_data::<web::Data<Services>>()
    {
        let (outcome, retries, duration) = (AttemptOutcome::Failed, Retries::default(), started.elapsed());
        services.performance.record(&Attempt { store: None, outcome, retries, duration });
    }
}

/// The pattern of the route that handles this request. It is matched against the decoded path, as the router does: matching
/// the raw path would admit `/api/%70roducts` without a rule.
///
/// Cached in the request, because the search tries some 90 patterns.
pub fn route_pattern(request: &ServiceRequest) -> Option<String> {
    if let Some(CachedPattern(pattern)) = request.extensions().get() {
        return pattern.clone();
    }
    let pattern = request.resource_map().match_pattern(request.match_info().as_str());
    request.extensions_mut().insert(CachedPattern(pattern.clone()));
    pattern
}

struct CachedPattern(Option<String>);

fn describe_actor(actor: &Actor) -> &'static str {
    match actor {
        Actor::System | Actor::CommandLine => "the server itself",
        Actor::Kiosk { .. } => "kiosks",
        Actor::Person { role, .. } => match role {
            Role::User => "shoppers",
            Role::Clerk => "clerks",
            Role::Admin => "admins",
        },
    }
}

fn bearer_token(request: &ServiceRequest) -> Result<&str, Problem> {
    let refuse = |detail: &'static str| Problem::new(ProblemKind::NotAuthenticated, detail);
    let header = request.headers().get(AUTHORIZATION).ok_or_else(|| {
        refuse(
            "The Authorization header is missing. Send \"Bearer\" and an access token from POST /api/auth/login, or a \
             kiosk's key.",
        )
    })?;
    let text = header.to_str().map_err(|_| refuse("The Authorization header is not ASCII text."))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() {
        Ok(token.trim())
    } else {
        Err(refuse("The Authorization header must be \"Bearer\", a space and the token."))
    }
}
