//! Accounts of people.
//!
//! A row is changed in three steps within one transaction: [`lock`] it, change the struct, [`update`] it. The lock keeps
//! a new session from beginning between the change of a password and the end of the old sessions.

use secrecy::{ExposeSecret, SecretString};

use super::like_pattern::containing;
use super::{Backend, DatabaseError, Reader, Tx, run_query};
use crate::domain::{PageRequest, Role, StoreId, Timestamp, TokenId, UserId};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct UserRow {
    pub id: UserId,
    /// In lower case.
    pub username: String,
    /// Argon2id in PHC form.
    #[sqlx(try_from = "String")]
    pub password_hash: SecretString,
    pub role: Role,
    /// Only clerks have one.
    pub store_id: Option<StoreId>,
    pub disabled: bool,
    /// Until then nothing else is allowed.
    pub must_change_password: bool,
    /// Raised whenever every token of the account must end.
    pub token_epoch: i64,
    pub created_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, username, password_hash, role, store_id, disabled, must_change_password, token_epoch, created_at"
    };
}

/// Fails with `users_username` taken.
pub async fn insert(tx: &mut Tx, row: &UserRow) -> Result<(), DatabaseError> {
    const INSERT: &str = concat!("INSERT INTO users (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(&row.username)
        .bind(row.password_hash.expose_secret())
        .bind(row.role)
        .bind(row.store_id)
        .bind(row.disabled)
        .bind(row.must_change_password)
        .bind(row.token_epoch)
        .bind(row.created_at)
        .execute(c))?;
    Ok(())
}

pub async fn find(reader: &mut Reader, id: UserId) -> Result<Option<UserRow>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).fetch_optional(c))
}

/// The id of a user; `None` in a database that no server has used yet.
pub async fn find_any(reader: &mut Reader) -> Result<Option<UserId>, DatabaseError> {
    const SELECT: &str = "SELECT id FROM users ORDER BY id LIMIT 1";
    let row: Option<(UserId,)> = run_query!(reader, c => sqlx::query_as(SELECT).fetch_optional(c))?;
    Ok(row.map(|(id,)| id))
}

/// `username` is in lower case.
pub async fn find_by_username(reader: &mut Reader, username: &str) -> Result<Option<UserRow>, DatabaseError> {
    const SELECT: &str = concat!("SELECT ", columns!(), " FROM users WHERE username = $1");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(username).fetch_optional(c))
}

/// The account, unless its session `family` has ended: one query per request.
pub async fn find_in_session(
    reader: &mut Reader,
    id: UserId,
    family: TokenId,
) -> Result<Option<UserRow>, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM users WHERE id = $1 AND EXISTS (SELECT 1 FROM refresh_tokens \
           WHERE refresh_tokens.family = $2 AND refresh_tokens.user_id = $1 AND refresh_tokens.ended_at IS NULL)"
    );
    run_query!(reader, c => sqlx::query_as(SELECT).bind(id).bind(family).fetch_optional(c))
}

/// Locks the account until the transaction ends.
pub async fn lock(tx: &mut Tx, id: UserId) -> Result<Option<UserRow>, DatabaseError> {
    const POSTGRES: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $1 FOR UPDATE");
    // On SQLite a transaction is the only writer anyway.
    const SQLITE: &str = concat!("SELECT ", columns!(), " FROM users WHERE id = $1");
    let select = match tx.backend() {
        Backend::Postgres => POSTGRES,
        Backend::Sqlite => SQLITE,
    };
    run_query!(tx, c => sqlx::query_as(select).bind(id).fetch_optional(c))
}

/// Locks the active admins like [`lock`], always in the same order, so that no two transactions deadlock.
pub async fn lock_active_admins(tx: &mut Tx) -> Result<Vec<UserRow>, DatabaseError> {
    const POSTGRES: &str =
        concat!("SELECT ", columns!(), " FROM users WHERE role = 'admin' AND NOT disabled ORDER BY id FOR UPDATE");
    const SQLITE: &str =
        concat!("SELECT ", columns!(), " FROM users WHERE role = 'admin' AND NOT disabled ORDER BY id");
    let select = match tx.backend() {
        Backend::Postgres => POSTGRES,
        Backend::Sqlite => SQLITE,
    };
    run_query!(tx, c => sqlx::query_as(select).fetch_all(c))
}

pub async fn list_active_admins(reader: &mut Reader) -> Result<Vec<UserRow>, DatabaseError> {
    const SELECT: &str =
        concat!("SELECT ", columns!(), " FROM users WHERE role = 'admin' AND NOT disabled ORDER BY id");
    run_query!(reader, c => sqlx::query_as(SELECT).fetch_all(c))
}

/// `None` does not filter.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Part of the name, in lower case.
    pub name_part: Option<String>,
    pub role: Option<Role>,
    pub store: Option<StoreId>,
    pub disabled: Option<bool>,
}

/// An account, and when the person was last seen.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ListedUserRow {
    #[sqlx(flatten)]
    pub user: UserRow,
    pub last_seen_at: Option<Timestamp>,
}

/// Newest first.
pub async fn list(
    reader: &mut Reader,
    filter: &UserFilter,
    page: PageRequest,
) -> Result<Vec<ListedUserRow>, DatabaseError> {
    const SELECT: &str = concat!(
        "SELECT ",
        columns!(),
        ", (SELECT s.at FROM last_seen s WHERE s.id = users.id) AS last_seen_at FROM users \
          WHERE ($1 IS NULL OR id < $1) AND ($2 IS NULL OR username LIKE $2 ESCAPE '\\') AND ($3 IS NULL OR role = $3) \
          AND ($4 IS NULL OR store_id = $4) AND ($5 IS NULL OR disabled = $5) ORDER BY id DESC LIMIT $6"
    );
    let pattern = filter.name_part.as_deref().map(containing);
    run_query!(reader, c => sqlx::query_as(SELECT)
        .bind(page.before)
        .bind(&pattern)
        .bind(filter.role)
        .bind(filter.store)
        .bind(filter.disabled)
        .bind(page.fetch_limit())
        .fetch_all(c))
}

pub async fn update(tx: &mut Tx, row: &UserRow) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE users SET password_hash = $2, role = $3, store_id = $4, disabled = $5, \
                          must_change_password = $6, token_epoch = $7 WHERE id = $1";
    run_query!(tx, c => sqlx::query(UPDATE)
        .bind(row.id)
        .bind(row.password_hash.expose_secret())
        .bind(row.role)
        .bind(row.store_id)
        .bind(row.disabled)
        .bind(row.must_change_password)
        .bind(row.token_epoch)
        .execute(c))?;
    Ok(())
}
