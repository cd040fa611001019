//! The middleware for access control: finds the operation, authenticates the caller, checks its policy.
//!
//! Every request passes it before its handler. A handler can get its [`Caller`] only from this middleware.

use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ALLOW, AUTHORIZATION, HeaderValue};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use utoipa::Path;

use super::Services;
use super::browser::{CookieOwner, KIOSK_HEADER, require_own_origin};
use super::connection_share::check_share;
use super::extract::client_address;
use super::idempotency;
use super::pages::Pages;
use super::policy::Policy;
use super::problem::{Problem, ProblemKind, excerpt};
use super::route::Route;
use super::route_table;
use super::routes::sessions;
use crate::auth::{AuthError, Identity};
use crate::domain::{Actor, Caller, Role};
use crate::performance::{Attempt, AttemptOutcome, Retries};
use crate::storage::StorageFaultKind;

/// Seconds after which a client may try again when a person must put the database back.
const LOST_DATABASE_RETRY_S: u64 = 60;

/// Passes a request on only if the table of routes or of pages allows it. A refusal is an ordinary response, so the outer
/// middleware adds its headers to it.
pub async fn authorize(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    // HEAD is GET without the body, which the HTTP layer omits by itself.
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let started = Instant::now();
    let pages = pages(&request);
    let show_problem = pages
        .filter(|pages| pages.shows_problem(request.request(), route_pattern(&request).as_deref()))
        .map(|pages| pages.show_problem);
    let access = check_access(&request, pages).await;
    let share = check_share(access.as_ref().ok().and_then(Option::as_ref));
    match share.and(access) {
        Ok(identity) => {
            if let Some(identity) = identity {
                let address = client_address_of(&request);
                request.extensions_mut().insert(Caller { actor: identity.actor, address });
                request.extensions_mut().insert(identity);
            }
            let response = next.call(request).await?;
            let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
            match problem.zip(show_problem) {
                Some((problem, show)) => {
                    let page = show(response.request(), problem);
                    Ok(response.into_response(page).map_into_right_body())
                }
                None => Ok(response.map_into_left_body()),
            }
        }
        Err(problem) => {
            let mut response = match show_problem {
                Some(show) => show(request.request(), &problem),
                None => problem.error_response(),
            };
            if response.status().is_server_error() {
                count_failed_confirm(&request, started);
            }
            if problem.kind() == ProblemKind::MethodNotAllowed {
                add_allow_header(&request, &mut response);
            }
            if problem.kind() == ProblemKind::TooManyConnections {
                response.head_mut().set_connection_type(ConnectionType::Close);
            }
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}

/// The caller, `None` on a public route, or the refusal.
async fn check_access(request: &ServiceRequest, pages: Option<Pages>) -> Result<Option<Identity>, Problem> {
    let Some(pattern) = route_pattern(request) else {
        let detail = format!("This server has no address {}.", excerpt(request.path()));
        return Err(Problem::new(ProblemKind::NotFound, detail));
    };
    let pattern = pattern.as_str();
    let page = pages.and_then(|pages| pages.find(request.method(), pattern));
    let Some(route) = route_table::find(request.method(), pattern).or(page) else {
        return Err(refuse_method(request.method(), pattern, pages));
    };
    idempotency::check_key_is_kept(request.request(), route)?;
    let services = services(request)?;
    refuse_lost_changes(request.method(), pattern, services)?;
    if page.is_some() {
        require_own_origin(request.request(), services)?;
    }
    if route.policy == Policy::Public {
        check_query(request, route, page)?;
        return Ok(None);
    }
    let identity = identify(request.request(), services, route).await?;
    if identity.must_change_password && !route.policy.allows_one_time_password() {
        let detail = "The password is a one-time password. Change it with POST /api/auth/password first.";
        return Err(Problem::new(ProblemKind::PasswordChangeRequired, detail));
    }
    if identity.is_closed_kiosk && route.refuses_closed_kiosks() {
        let detail = "This kiosk is closed. An admin can open it. Bills that it has begun can be confirmed and paid.";
        return Err(Problem::new(ProblemKind::KioskClosed, detail));
    }
    check_query(request, route, page)?;
    Ok(Some(identity))
}

fn check_query(request: &ServiceRequest, route: &Route, page: Option<&Route>) -> Result<(), Problem> {
    if page.is_some() { Ok(()) } else { route.check_query(request.query_string()) }
}

/// Finds out who sends the request, if the route's policy admits them. Of a browser with several cookies, the first whose
/// owner is admitted counts: an admin may try a kiosk in the browser that they administer with.
async fn identify(request: &HttpRequest, services: &Services, route: &Route) -> Result<Identity, Problem> {
    if request.headers().contains_key(AUTHORIZATION) {
        let identity = services.auth.authenticate(bearer_token(request)?).await?;
        return admit(identity, route);
    }
    let owners: &[CookieOwner] = match request.headers().contains_key(KIOSK_HEADER) || route.policy == Policy::Kiosk {
        true => &[CookieOwner::Kiosk],
        false => &[CookieOwner::Person, CookieOwner::Kiosk],
    };
    let mut refusal = None;
    for owner in owners {
        let Some(secret) = owner.read_cookie(request, services) else { continue };
        require_own_origin(request, services)?;
        let outcome = match authenticate_cookie(*owner, &secret, services).await {
            Ok(identity) => admit(identity, route),
            Err(error @ AuthError::TokenInvalid(_)) => Err(error.into()),
            Err(error) => return Err(error.into()),
        };
        match outcome {
            Ok(identity) => return Ok(identity),
            Err(problem) => refusal = refusal.or(Some(problem)),
        }
    }
    Err(refusal.unwrap_or_else(missing_token))
}

/// The person or the kiosk whose browser sends this request to a public page; `None` if it is a stranger's.
///
/// # Errors
/// The database that knows them is unavailable.
pub async fn identify_visitor(
    request: &HttpRequest,
    services: &Services,
    owner: CookieOwner,
) -> Result<Option<Identity>, Problem> {
    let Some(secret) = owner.read_cookie(request, services) else { return Ok(None) };
    match authenticate_cookie(owner, &secret, services).await {
        Ok(identity) => Ok(Some(identity)),
        Err(AuthError::TokenInvalid(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn authenticate_cookie(owner: CookieOwner, secret: &str, services: &Services) -> Result<Identity, AuthError> {
    match owner {
        CookieOwner::Person => services.auth.authenticate_browser(secret).await,
        CookieOwner::Kiosk => services.auth.authenticate(secret).await,
    }
}

fn admit(identity: Identity, route: &Route) -> Result<Identity, Problem> {
    if route.policy.admits(&identity.actor) {
        return Ok(identity);
    }
    let detail = format!(
        "{} {} is not allowed for {}. It is for {}.",
        route.method,
        route.pattern,
        describe_actor(&identity.actor),
        route.policy.describe_callers()
    );
    Err(Problem::new(ProblemKind::Forbidden, detail))
}

fn services(request: &ServiceRequest) -> Result<&web::Data<Services>, Problem> {
    request
        .app_data::<web::Data<Services>>()
        .ok_or_else(|| Problem::internal(&"the services are not registered with the HTTP server"))
}

fn pages(request: &ServiceRequest) -> Option<Pages> {
    request.app_data::<web::Data<Pages>>().map(|pages| *pages.get_ref())
}

fn client_address_of(request: &ServiceRequest) -> Option<String> {
    let services = request.app_data::<web::Data<Services>>()?;
    client_address(request.request(), &services.trusted_proxies)
}

/// Refuses changes while the database is lost: they would be acknowledged and not be there. If it has only forgotten
/// numbers, signing in, checks and repairs go on.
fn refuse_lost_changes(method: &Method, pattern: &str, services: &Services) -> Result<(), Problem> {
    let Some(fault) = services.storage.refusal().filter(|_| method != Method::GET) else { return Ok(()) };
    let mends = ["/api/auth/", "/api/monitoring/", "/login", "/logout", "/admin/numbering"]
        .iter()
        .any(|prefix| pattern.starts_with(prefix));
    if mends && fault.kind == StorageFaultKind::NumbersForgotten {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::Unavailable, fault.kind.public_text()).retry_after(LOST_DATABASE_RETRY_S))
}

fn refuse_method(method: &Method, pattern: &str, pages: Option<Pages>) -> Problem {
    if supported_methods(pattern, pages).is_empty() {
        Problem::new(ProblemKind::Forbidden, format!("The table of routes has no line for {method} {pattern}."))
    } else {
        Problem::new(ProblemKind::MethodNotAllowed, format!("{pattern} does not support {method}."))
    }
}

fn supported_methods(pattern: &str, pages: Option<Pages>) -> Vec<&'static str> {
    let pages = pages.map(|pages| pages.routes).unwrap_or_default();
    let page_methods = pages.iter().filter(|route| route.pattern == pattern).map(|route| route.method.as_str());
    route_table::methods(pattern).into_iter().chain(page_methods).collect()
}

fn add_allow_header(request: &ServiceRequest, response: &mut HttpResponse) {
    let methods = supported_methods(&route_pattern(request).unwrap_or_default(), pages(request)).join(", ");
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

fn missing_token() -> Problem {
    let detail = "The Authorization header is missing. Send \"Bearer\" and an access token from POST /api/auth/login, or a \
                  kiosk's key.";
    Problem::new(ProblemKind::NotAuthenticated, detail)
}

fn bearer_token(request: &HttpRequest) -> Result<&str, Problem> {
    let refuse = |detail: &'static str| Problem::new(ProblemKind::NotAuthenticated, detail);
    let header = request.headers().get(AUTHORIZATION).ok_or_else(missing_token)?;
    let text = header.to_str().map_err(|_| refuse("The Authorization header is not ASCII text."))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() {
        Ok(token.trim())
    } else {
        Err(refuse("The Authorization header must be \"Bearer\", a space and the token."))
    }
}
