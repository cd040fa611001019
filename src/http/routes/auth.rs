//! Signing up, in and out, and the caller's own account.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get, post};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::{TokenPair, UserView};
use crate::domain::Caller;
use crate::http::Services;
use crate::http::extract::{ClientAddress, JsonBody};
use crate::http::problem::Problem;

/// A username and its password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// 3 to 64 letters, digits and `. _ - @ +`; case does not matter.
    #[schema(min_length = 3, max_length = 64, examples("ann.lee"))]
    username: String,
    /// 12 to 1024 characters.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 1_024, examples("a till that sees"))]
    password: SecretString,
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token from the last login or refresh.
    #[schema(value_type = String, format = Password)]
    refresh_token: SecretString,
}

/// A change of the password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
    /// 12 to 1024 characters.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 1_024)]
    new_password: SecretString,
}

/// The password of the account that is to be deleted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteAccount {
    #[schema(value_type = String, format = Password)]
    current_password: SecretString,
}

/// Create a shopper's account and sign in.
#[utoipa::path(tag = "accounts", request_body = Credentials,
    responses((status = 201, body = TokenPair, description = "The account, signed in")))]
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

/// Sign in.
///
/// The access token is valid for `expires_in` seconds; the refresh token gets the next one.
#[utoipa::path(tag = "accounts", request_body = Credentials,
    responses((status = 200, body = TokenPair, description = "The tokens of the new session")))]
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

/// Exchange a refresh token for a new pair of tokens.
///
/// A refresh token is valid once; using it again later ends the session.
#[utoipa::path(tag = "accounts", request_body = Refresh,
    responses((status = 200, body = TokenPair, description = "The next pair of tokens")))]
#[post("/api/auth/refresh")]
pub async fn refresh(
    services: Data<Services>,
    address: ClientAddress,
    body: JsonBody<Refresh>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.refresh(&body.0.refresh_token, address.0.as_deref()).await?))
}

/// Sign out: end the session of a refresh token, with all its access tokens.
///
/// An unknown token is not an error.
#[utoipa::path(tag = "accounts", request_body = Refresh,
    responses((status = 204, description = "The session has ended")))]
#[post("/api/auth/logout")]
pub async fn logout(services: Data<Services>, body: JsonBody<Refresh>) -> Result<impl Responder, Problem> {
    services.auth.logout(&body.0.refresh_token).await?;
    Ok(HttpResponse::NoContent())
}

/// Get your own account.
#[utoipa::path(tag = "accounts",
    responses((status = 200, body = UserView, description = "Your account")))]
#[get("/api/auth/me")]
pub async fn me(caller: Caller, services: Data<Services>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.get_own_user(&caller).await?))
}

/// Change your password.
///
/// All your sessions end, and the reply starts a new one.
#[utoipa::path(tag = "accounts", request_body = ChangePassword,
    responses((status = 200, body = TokenPair, description = "The tokens of the new session")))]
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

/// Delete your account, if you are a shopper.
///
/// Your name, your sessions and the links to your orders are deleted for good. The orders stay, linked to nobody.
#[utoipa::path(tag = "accounts", request_body = DeleteAccount,
    responses((status = 204, description = "The account is deleted")))]
#[post("/api/auth/delete-account")]
pub async fn delete_account(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<DeleteAccount>,
) -> Result<impl Responder, Problem> {
    services.auth.delete_own_account(&caller, &body.0.current_password).await?;
    Ok(HttpResponse::NoContent())
}
