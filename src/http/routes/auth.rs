//! Signing up, signing in and out, one's own account.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get, post};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::{TokenPair, UserView};
use crate::domain::Caller;
use crate::http::Services;
use crate::http::extract::{ClientAddress, JsonBody};
use crate::http::problem::{Problem, ProblemBody};

/// Who signs up or in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// 3 to 64 letters, digits and `. _ - @ +`; case does not matter.
    #[schema(examples("ann.lee"))]
    username: String,
    /// 12 to 1024 characters.
    #[schema(value_type = String, format = Password, examples("a till that sees"))]
    password: SecretString,
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// From the last login or refresh.
    #[schema(value_type = String, format = Password)]
    refresh_token: SecretString,
}

/// The old and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password until now.
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// The password from now on, 12 to 1024 characters.
    #[schema(value_type = String, format = Password)]
    new_password: SecretString,
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(signup).service(login).service(refresh).service(logout).service(me).service(change_password);
}

/// Make an account for a shopper; the reply is that of a login.
#[utoipa::path(tag = "accounts", request_body = Credentials,
    responses((status = 201, body = TokenPair), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody)))]
#[post("/api/auth/signup")]
pub async fn signup(
    services: Data<Services>,
    address: ClientAddress,
    body: JsonBody<Credentials>,
) -> Result<impl Responder, Problem> {
    let Credentials { username, password } = body.0;
    let pair = services.auth.sign_up(&username, &password, address.0.as_deref()).await?;
    Ok(HttpResponse::Created().json(pair))
}

/// Sign in. The access token is good for some minutes; refresh it with the refresh token.
#[utoipa::path(tag = "accounts", request_body = Credentials,
    responses((status = 200, body = TokenPair), (status = 401, body = ProblemBody), (status = 429, body = ProblemBody)))]
#[post("/api/auth/login")]
pub async fn login(
    services: Data<Services>,
    address: ClientAddress,
    body: JsonBody<Credentials>,
) -> Result<impl Responder, Problem> {
    let Credentials { username, password } = body.0;
    let pair = services.auth.login(&username, &password, address.0.as_deref()).await?;
    Ok(HttpResponse::Ok().json(pair))
}

/// Trade a refresh token for the next pair. A refresh token is good once; showing it again later ends the session.
#[utoipa::path(tag = "accounts", request_body = Refresh,
    responses((status = 200, body = TokenPair), (status = 401, body = ProblemBody)))]
#[post("/api/auth/refresh")]
pub async fn refresh(services: Data<Services>, body: JsonBody<Refresh>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.refresh(&body.0.refresh_token).await?))
}

/// End the session that a refresh token belongs to, with all its access tokens. An unknown token is no error.
#[utoipa::path(tag = "accounts", request_body = Refresh, responses((status = 204)))]
#[post("/api/auth/logout")]
pub async fn logout(services: Data<Services>, body: JsonBody<Refresh>) -> Result<impl Responder, Problem> {
    services.auth.logout(&body.0.refresh_token).await?;
    Ok(HttpResponse::NoContent())
}

/// Your own account.
#[utoipa::path(tag = "accounts", security(("bearer" = [])), responses((status = 200, body = UserView)))]
#[get("/api/auth/me")]
pub async fn me(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.me(&caller).await?))
}

/// Change your password. Every session of yours ends; the reply begins a new one.
#[utoipa::path(tag = "accounts", security(("bearer" = [])), request_body = ChangePassword,
    responses((status = 200, body = TokenPair), (status = 422, body = ProblemBody), (status = 429, body = ProblemBody)))]
#[post("/api/auth/password")]
pub async fn change_password(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<ChangePassword>,
) -> Result<impl Responder, Problem> {
    let ChangePassword { current_password, new_password } = body.0;
    let pair = services.auth.change_password(&caller, &current_password, &new_password).await?;
    Ok(HttpResponse::Ok().json(pair))
}
