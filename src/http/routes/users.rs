//! Accounts of people, managed by admins.

use actix_web::web::Data;
use actix_web::{HttpResponse, Responder, get, patch, post};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::{IssuedSecret, ListedUser, NewUser, PasswordReset, UserChange, UserSearch, UserView};
use crate::domain::{Caller, Page, Role, StoreId, UserId};
use crate::http::Services;
use crate::http::extract::{JsonBody, PageQuery, ValidPage, ValidPath, ValidQuery};
use crate::http::problem::Problem;

/// A new account. Its password must be changed at the first sign-in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// 3 to 64 letters, digits and `. _ - @ +`; case does not matter.
    #[schema(min_length = 3, max_length = 64, examples("bob"))]
    username: String,
    /// 12 to 1024 characters. Without it, the server makes a one-time password and shows it once.
    #[schema(value_type = Option<String>, format = Password, min_length = 12, max_length = 1_024)]
    password: Option<SecretString>,
    role: Role,
    /// Required for a clerk, refused for other roles.
    store_id: Option<StoreId>,
}

/// A new account.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewAccount {
    #[serde(flatten)]
    user: UserView,
    /// Shown only once, and only if no password was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, examples("K7QW2-9M4HX-TR8PA-3CZVB"))]
    one_time_password: Option<IssuedSecret>,
}

/// Filters of the list of accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// Part of the username, in upper or lower case.
    q: Option<String>,
    role: Option<Role>,
    /// Only clerks of this store.
    store_id: Option<StoreId>,
    /// Only accounts that are disabled, or that are not.
    disabled: Option<bool>,
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
#[utoipa::path(tag = "accounts", params(UserQuery, PageQuery),
    responses((status = 200, body = Page<ListedUser>, description = "A page of accounts")))]
#[get("/api/users")]
pub async fn list(
    caller: Caller,
    services: Data<Services>,
    query: ValidQuery<UserQuery>,
    page: ValidPage,
) -> Result<impl Responder, Problem> {
    let UserQuery { q, role, store_id, disabled } = query.0;
    let search = UserSearch { name_part: q, role, store: store_id, disabled };
    Ok(HttpResponse::Ok().json(services.auth.list_users(&caller, search, page.0).await?))
}

/// Create an account for a clerk, an admin or a shopper.
#[utoipa::path(tag = "accounts", request_body = CreateUser,
    responses((status = 201, body = NewAccount, description = "The new account")))]
#[post("/api/users")]
pub async fn create(
    caller: Caller,
    services: Data<Services>,
    body: JsonBody<CreateUser>,
) -> Result<impl Responder, Problem> {
    let CreateUser { username, password, role, store_id } = body.0;
    let account = match password {
        Some(password) => {
            let user = services.auth.create_user(&caller, NewUser { username, password, role, store_id }).await?;
            NewAccount { user, one_time_password: None }
        }
        None => {
            let PasswordReset { user, one_time_password } =
                services.auth.invite_user(&caller, username, role, store_id).await?;
            NewAccount { user, one_time_password: Some(one_time_password) }
        }
    };
    Ok(HttpResponse::Created().json(account))
}

/// Get an account.
#[utoipa::path(tag = "accounts", params(("id" = UserId, Path)),
    responses((status = 200, body = ListedUser, description = "The account")))]
#[get("/api/users/{id}")]
pub async fn show(caller: Caller, services: Data<Services>, id: ValidPath<UserId>) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.get_user(&caller, id.0).await?))
}

/// Change an account's role or store, or disable or enable it.
///
/// All its sessions end, unless nothing changes.
#[utoipa::path(tag = "accounts", params(("id" = UserId, Path)), request_body = ChangeUser,
    responses((status = 200, body = ListedUser, description = "The changed account")))]
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

/// End all sessions of an account: whoever is signed in with it must sign in again.
#[utoipa::path(tag = "accounts", params(("id" = UserId, Path)),
    responses((status = 200, body = UserView, description = "The account")))]
#[post("/api/users/{id}/end-sessions")]
pub async fn end_sessions(
    caller: Caller,
    services: Data<Services>,
    id: ValidPath<UserId>,
) -> Result<impl Responder, Problem> {
    Ok(HttpResponse::Ok().json(services.auth.end_user_sessions(&caller, id.0).await?))
}
