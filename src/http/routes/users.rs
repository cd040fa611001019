//! Accounts of other people, for admins.

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, Responder, get, patch, post};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::{NewUser, UserChange, UserView};
use crate::domain::{Caller, Page, Role, StoreId, UserId};
use crate::http::Services;
use crate::http::extract::{Cursor, CursorQuery, JsonBody, ValidPath};
use crate::http::problem::{Problem, ProblemBody};

/// An account for somebody; its password must be changed at the first sign-in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// 3 to 64 letters, digits and `. _ - @ +`; case does not matter.
    #[schema(examples("bob"))]
    username: String,
    /// A first password, 12 to 1024 characters.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// What the person may do.
    role: Role,
    /// Needed for a clerk, refused for everybody else.
    store_id: Option<StoreId>,
}

/// What to change; what is not sent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// What the person may do from now on.
    role: Option<Role>,
    /// The store of a clerk.
    store_id: Option<StoreId>,
    /// Whether the account is shut.
    disabled: Option<bool>,
}

/// Registers the routes.
pub fn configure(config: &mut ServiceConfig) {
    config.service(list).service(create).service(show).service(change);
}

/// Accounts, newest first.
#[utoipa::path(tag = "accounts", security(("bearer" = [])), params(CursorQuery),
    responses((status = 200, body = Page<UserView>)))]
#[get("/api/users")]
pub async fn list(caller: Caller, services: Data<Services>, cursor: Cursor) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.users(&caller, cursor.0).await?))
}

/// Make an account for a clerk, an admin or a shopper.
#[utoipa::path(tag = "accounts", security(("bearer" = [])), request_body = CreateUser,
    responses((status = 201, body = UserView), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
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

/// One account.
#[utoipa::path(tag = "accounts", security(("bearer" = [])), params(("id" = UserId, Path)),
    responses((status = 200, body = UserView), (status = 404, body = ProblemBody)))]
#[get("/api/users/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<UserId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.user(&caller, id.0).await?))
}

/// Change role or store, shut or open an account. All its sessions end.
#[utoipa::path(tag = "accounts", security(("bearer" = [])), params(("id" = UserId, Path)), request_body = ChangeUser,
    responses((status = 200, body = UserView), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
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
