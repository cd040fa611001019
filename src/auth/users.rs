//! Management of accounts by admins: listing, reading, creating and changing them.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::sign_in::insert_user;
use super::{Auth, AuthError, ListedUser, PasswordReset, UserView, password_policy, require_admin, secrets};
use crate::db::users::{ListedUserRow, UserFilter, UserRow};
use crate::db::{Tx, audit, last_seen, refresh_tokens, stores, users};
use crate::domain::{
    Caller, InvalidField, Page, PageRequest, Role, StoreId, Timestamp, UserId, parse_optional_line, parse_username,
};

const FILTER_CHARS_MAX: usize = 64;

/// An account to be created by an admin.
#[derive(Debug)]
pub struct NewUser {
    pub username: String,
    /// A first password, which the person must change.
    pub password: SecretString,
    pub role: Role,
    /// Required for a clerk, refused for other roles.
    pub store_id: Option<StoreId>,
}

/// A change of an account. `None` leaves the field as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserChange {
    pub role: Option<Role>,
    pub store_id: Option<StoreId>,
    pub disabled: Option<bool>,
}

/// Which accounts to list; a filter that is `None` matches all.
#[derive(Debug, Clone, Default)]
pub struct UserSearch {
    /// Part of the username, in upper or lower case.
    pub name_part: Option<String>,
    pub role: Option<Role>,
    pub store: Option<StoreId>,
    pub disabled: Option<bool>,
}

impl Auth {
    /// Accounts, newest first. For admins.
    pub async fn list_users(
        &self,
        caller: &Caller,
        search: UserSearch,
        page: PageRequest,
    ) -> Result<Page<ListedUser>, AuthError> {
        require_admin(caller)?;
        let UserSearch { name_part, role, store, disabled } = search;
        let name_part = parse_optional_line("q", name_part.as_deref(), FILTER_CHARS_MAX)?;
        let filter = UserFilter { name_part: name_part.map(|part| part.to_lowercase()), role, store, disabled };
        let rows = users::list(&mut self.0.db.read().await?, &filter, page).await?;
        let view = |ListedUserRow { user, last_seen_at }| ListedUser { user: UserView::from(&user), last_seen_at };
        Ok(Page::from_rows(rows, page, |row| row.user.id.uuid()).map(view))
    }

    /// For admins.
    pub async fn get_user(&self, caller: &Caller, id: UserId) -> Result<ListedUser, AuthError> {
        require_admin(caller)?;
        let mut reader = self.0.db.read().await?;
        let row = users::find(&mut reader, id).await?.ok_or_else(|| user_not_found(id))?;
        Ok(ListedUser { user: UserView::from(&row), last_seen_at: last_seen::find_user(&mut reader, id).await? })
    }

    /// Creates an account with a one-time password, which nobody needs to think of. For admins.
    pub async fn invite_user(
        &self,
        caller: &Caller,
        username: String,
        role: Role,
        store_id: Option<StoreId>,
    ) -> Result<PasswordReset, AuthError> {
        let password = secrets::new_one_time_password()?;
        let one_time_password = password.expose_secret().to_owned().into();
        let user = self.create_user(caller, NewUser { username, password, role, store_id }).await?;
        Ok(PasswordReset { user, one_time_password })
    }

    /// Ends all sessions of an account: whoever is signed in with it must sign in again. For admins.
    pub async fn end_user_sessions(&self, caller: &Caller, id: UserId) -> Result<UserView, AuthError> {
        require_admin(caller)?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let mut row = users::lock(&mut tx, id).await?.ok_or_else(|| user_not_found(id))?;
        row.token_epoch += 1;
        users::update(&mut tx, &row).await?;
        refresh_tokens::end_user(&mut tx, id, now).await?;
        audit_user(&mut tx, caller, now, "user.sessions.end", &row).await?;
        tx.commit().await?;
        Ok(UserView::from(&row))
    }

    /// Creates an account. Its password must be changed at the first sign-in, since the admin knows it. For admins.
    pub async fn create_user(&self, caller: &Caller, new: NewUser) -> Result<UserView, AuthError> {
        require_admin(caller)?;
        let name = parse_username("username", &new.username)?;
        password_policy::check("password", &new.password, &name)?;
        let password_hash = self.0.passwords.hash(&new.password).await?;
        let now = self.0.clock.now();
        let mut row = UserRow {
            id: UserId::generate(now),
            username: name,
            password_hash,
            role: new.role,
            store_id: new.store_id,
            disabled: false,
            must_change_password: true,
            token_epoch: 0,
            created_at: now,
        };
        let mut tx = self.0.db.begin().await?;
        assign_store(&mut tx, &mut row, new.store_id).await?;
        insert_user(&mut tx, &row).await?;
        audit_user(&mut tx, caller, now, "user.create", &row).await?;
        tx.commit().await?;
        Ok(UserView::from(&row))
    }

    /// Changes an account and ends its sessions, unless it already is as `change` wants it. Refused for the last active
    /// admin if it would no longer be one. For admins.
    pub async fn change_user(&self, caller: &Caller, id: UserId, change: UserChange) -> Result<ListedUser, AuthError> {
        require_admin(caller)?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        // All admins are locked first, so that two admins who demote each other cannot both succeed.
        let admins = users::lock_active_admins(&mut tx).await?;
        let mut row = users::lock(&mut tx, id).await?.ok_or_else(|| user_not_found(id))?;
        let before = (row.role, row.store_id, row.disabled);
        row.role = change.role.unwrap_or(row.role);
        row.disabled = change.disabled.unwrap_or(row.disabled);
        assign_store(&mut tx, &mut row, change.store_id).await?;
        if (row.role, row.store_id, row.disabled) == before {
            drop(tx);
            return self.get_user(caller, id).await;
        }
        let stays_admin = row.role == Role::Admin && !row.disabled;
        if !stays_admin && admins.len() == 1 && admins[0].id == id {
            return Err(AuthError::LastAdmin(row.username));
        }
        row.token_epoch += 1;
        users::update(&mut tx, &row).await?;
        refresh_tokens::end_user(&mut tx, id, now).await?;
        audit_user(&mut tx, caller, now, "user.change", &row).await?;
        tx.commit().await?;
        self.get_user(caller, id).await
    }
}

/// Sets the store of a clerk, who needs one that exists. Other roles have no store.
async fn assign_store(tx: &mut Tx, row: &mut UserRow, store_id: Option<StoreId>) -> Result<(), AuthError> {
    let wrong = |message: String| Err(InvalidField::new("store_id", message).into());
    if row.role != Role::Clerk {
        row.store_id = None;
        return match store_id {
            Some(_) => wrong(format!("must be absent: the role {} has no store", row.role.as_str())),
            None => Ok(()),
        };
    }
    let Some(store) = store_id.or(row.store_id) else {
        return wrong("is missing: a clerk needs a store".to_owned());
    };
    if stores::find(tx, store).await?.is_none() {
        return wrong(format!("no store with id {store} exists"));
    }
    row.store_id = Some(store);
    Ok(())
}

/// Writes the new state of `row` to the audit log.
pub(super) async fn audit_user(
    tx: &mut Tx,
    caller: &Caller,
    at: Timestamp,
    action: &'static str,
    row: &UserRow,
) -> Result<(), AuthError> {
    let details = json!({
        "username": row.username,
        "role": row.role,
        "store_id": row.store_id,
        "disabled": row.disabled,
    });
    Ok(audit::append(tx, audit::AuditEntry { at, caller, action, subject: row.id.to_string(), details }).await?)
}

pub(super) fn user_not_found(id: UserId) -> AuthError {
    AuthError::NotFound { what: "user", id: id.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::TokenFault;
    use super::super::test_support::{PASSWORD, TestAuth};
    use super::*;

    fn clerk(store_id: Option<StoreId>) -> NewUser {
        NewUser { username: "bob".to_owned(), password: PASSWORD.into(), role: Role::Clerk, store_id }
    }

    #[tokio::test]
    async fn a_clerk_needs_an_existing_store_and_must_change_the_first_password() {
        let test = TestAuth::new().await;
        let admin = test.sign_in_admin().await;
        for store in [None, Some(StoreId::generate(test.clock.now()))] {
            let refused = test.auth.create_user(&admin, clerk(store)).await;
            assert!(matches!(refused, Err(AuthError::Invalid(field)) if field.field == "store_id"));
        }
        let store = test.create_store("Main Street").await;
        let bob = test.auth.create_user(&admin, clerk(Some(store))).await.unwrap();
        assert_eq!((bob.role, bob.store_id, bob.must_change_password), (Role::Clerk, Some(store), true));
        let pair = test.auth.login("bob", &PASSWORD.into(), None).await.unwrap();
        assert!(test.auth.authenticate(pair.access_token.expose()).await.unwrap().must_change_password);
        // A promotion removes the store and ends the session of the old role.
        let change = UserChange { role: Some(Role::Admin), ..UserChange::default() };
        assert_eq!(test.auth.change_user(&admin, bob.id, change).await.unwrap().user.store_id, None);
        let ended = test.auth.authenticate(pair.access_token.expose()).await;
        assert!(matches!(ended, Err(AuthError::TokenInvalid(TokenFault::SessionEnded))));
        assert_eq!(test.audited_actions().await, ["store.create", "user.create", "user.change"]);
    }

    #[tokio::test]
    async fn a_disabled_account_is_refused_at_once_and_can_be_enabled_again() {
        let test = TestAuth::new().await;
        let admin = test.sign_in_admin().await;
        let (_, pair) = test.sign_up_shopper("ann.lee").await;
        let disable = UserChange { disabled: Some(true), ..UserChange::default() };
        assert!(test.auth.change_user(&admin, pair.user.id, disable).await.unwrap().user.disabled);
        assert!(test.auth.authenticate(pair.access_token.expose()).await.is_err());
        assert!(test.auth.refresh(&pair.refresh_token.unwrap().expose().into(), None).await.is_err());
        let refused = test.auth.login("ann.lee", &PASSWORD.into(), None).await;
        assert!(matches!(refused, Err(AuthError::WrongCredentials)));
        let enable = UserChange { disabled: Some(false), ..UserChange::default() };
        test.auth.change_user(&admin, pair.user.id, enable).await.unwrap();
        test.auth.login("ann.lee", &PASSWORD.into(), None).await.unwrap();
        assert!(test.auth.authenticate(pair.access_token.expose()).await.is_err(), "old sessions stay ended");
    }

    #[tokio::test]
    async fn the_last_admin_cannot_be_demoted_or_disabled() {
        let test = TestAuth::new().await;
        let admin = test.sign_in_admin().await;
        let own = admin.actor.user_id().unwrap();
        let demote = UserChange { role: Some(Role::User), ..UserChange::default() };
        let disable = UserChange { disabled: Some(true), ..UserChange::default() };
        for change in [demote, disable] {
            assert!(matches!(test.auth.change_user(&admin, own, change).await, Err(AuthError::LastAdmin(_))));
        }
        let (_, ann) = test.sign_up_shopper("ann.lee").await;
        let promote = UserChange { role: Some(Role::Admin), ..UserChange::default() };
        test.auth.change_user(&admin, ann.user.id, promote).await.unwrap();
        test.auth.change_user(&admin, own, demote).await.unwrap();
    }

    #[tokio::test]
    async fn a_change_that_changes_nothing_signs_nobody_out() {
        let test = TestAuth::new().await;
        let (admin, store) = (test.sign_in_admin().await, test.create_store("Main Street").await);
        let bob = test.auth.create_user(&admin, clerk(Some(store))).await.unwrap();
        let pair = test.auth.login("bob", &PASSWORD.into(), None).await.unwrap();
        for change in [
            UserChange::default(),
            UserChange { role: Some(Role::Clerk), store_id: Some(store), disabled: Some(false) },
        ] {
            assert_eq!(test.auth.change_user(&admin, bob.id, change).await.unwrap().user, bob);
        }
        test.auth.authenticate(pair.access_token.expose()).await.unwrap();
        test.auth.refresh(&pair.refresh_token.unwrap().expose().into(), None).await.unwrap();
        assert_eq!(test.audited_actions().await, ["store.create", "user.create"]);
    }

    #[tokio::test]
    async fn only_admins_read_and_change_accounts() {
        let test = TestAuth::new().await;
        let (shopper, pair) = test.sign_up_shopper("ann.lee").await;
        let page = PageRequest { before: None, limit: 10 };
        assert!(matches!(
            test.auth.list_users(&shopper, UserSearch::default(), page).await,
            Err(AuthError::Forbidden(_))
        ));
        assert!(matches!(test.auth.get_user(&shopper, pair.user.id).await, Err(AuthError::Forbidden(_))));
        let promote = UserChange { role: Some(Role::Admin), ..UserChange::default() };
        assert!(matches!(test.auth.change_user(&shopper, pair.user.id, promote).await, Err(AuthError::Forbidden(_))));
        let admin = test.sign_in_admin().await;
        let first =
            test.auth.list_users(&admin, UserSearch::default(), PageRequest { before: None, limit: 1 }).await.unwrap();
        assert_eq!(first.data[0].user.username, "admin");
        let before = first.next_cursor.map(|cursor| cursor.parse().unwrap());
        let last = test.auth.list_users(&admin, UserSearch::default(), PageRequest { before, limit: 1 }).await.unwrap();
        assert_eq!((last.data[0].user.username.as_str(), last.next_cursor), ("ann.lee", None));
    }
}
