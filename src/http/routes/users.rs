//! Accounts of people, managed by admins.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get, patch, post};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::{NewUser, PasswordReset, UserChange, UserView};
use crate::domain::{Caller, Page, Role, StoreId, UserId};
use crate::http::Services;
use crate::http::extract::{JsonBody, PageQuery, ValidPage, ValidPath};
use crate::http::problem::Problem;

/// A new account. Its password must be changed at the first sign-in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// 3 to 64 letters, digits and `. _ - @ +`; case does not matter.
    #[schema(min_length = 3, max_length = 64, examples("bob"))]
    username: String,
    /// 12 to 1024 characters.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 1_024)]
    password: SecretString,
    role: Role,
    /// Required for a clerk, refused for other roles.
    store_id: Option<StoreId>,
}

/// A change of an account. An absent field stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    role: Option<Role>,
    /// The store of a clerk.
    store_id: Option<StoreId>,
    /// A disabled account cannot sign in.
    disabled: Option<bool>,
}

/// List accounts, newest first.
#[utoipa::path(tag = "accounts", params(PageQuery),
    responses((status = 200, body = Page<UserView>, description = "A page of accounts")))]
#[get("/api/users")]
pub async fn list(caller: Caller, services: Data<Services>, page: ValidPage) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.list_users(&caller, page.0).await?))
}

/// Create an account for a clerk, an admin or a shopper.
#[utoipa::path(tag = "accounts", request_body = CreateUser,
    responses((status = 201, body = UserView, description = "The new account")))]
#[post("/api/users")]
pub async fn create(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<CreateUser>,
) -> Result<impl Responder, Problem> {
    let CreateUser { username, password, role, store_id } = body.0;
    let user = services.auth.create_user(&caller, NewUser { username, password, role, store_id }).await?;
    Ok(HttpResponse::Created().json(user))
}

/// Get an account.
#[utoipa::path(tag = "accounts", params(("id" = UserId, Path)),
    responses((status = 200, body = UserView, description = "The account")))]
#[get("/api/users/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<UserId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.get_user(&caller, id.0).await?))
}

/// Change an account's role or store, or disable or enable it.
///
/// All its sessions end, unless nothing changes.
#[utoipa::path(tag = "accounts", params(("id" = UserId, Path)), request_body = ChangeUser,
    responses((status = 200, body = UserView, description = "The changed account")))]
#[patch("/api/users/{id}")]
pub async fn change(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<UserId>,
    body: JsonBody<ChangeUser>,
) -> Result<impl Responder, Problem> {
    let ChangeUser { role, store_id, disabled } = body.0;
    let user = services.auth.change_user(&caller, id.0, UserChange { role, store_id, disabled }).await?;
    Ok(HttpResponse::Ok().json(user))
}

/// Give an account a one-time password, because its own was forgotten.
///
/// The password is shown only once and must be changed at the next sign-in. All sessions of the account end.
#[utoipa::path(tag = "accounts", params(("id" = UserId, Path)),
    responses((status = 200, body = PasswordReset, description = "The one-time password")))]
#[post("/api/users/{id}/reset-password")]
pub async fn reset_password(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<UserId>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.reset_password(&caller, id.0).await?))
}
