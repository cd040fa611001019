//! What admins do with accounts: list, read, make, change.

use secrecy::SecretString;
use serde_json::json;

use super::sign_in::insert_user;
use super::{Auth, AuthError, UserView, password_policy, require_admin};
use crate::db::users::UserRow;
use crate::db::{Tx, audit, refresh_tokens, stores, users};
use crate::domain::{Caller, InvalidField, Page, PageRequest, Role, StoreId, Timestamp, UserId, username};

/// An account that an admin makes for somebody.
#[derive(Debug)]
pub struct NewUser {
    /// The name to sign in with.
    pub username: String,
    /// A first password, to be changed by the person.
    pub password: SecretString,
    /// What the person may do.
    pub role: Role,
    /// The store of a clerk; nothing for everybody else.
    pub store_id: Option<StoreId>,
}

/// What an admin changes about an account; what is not given stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserChange {
    /// What the person may do from now on.
    pub role: Option<Role>,
    /// The store of a clerk.
    pub store_id: Option<StoreId>,
    /// Whether the account is shut.
    pub disabled: Option<bool>,
}

impl Auth {
    /// Accounts, newest first. For admins.
    pub async fn users(&self, caller: &Caller, page: PageRequest) -> Result<Page<UserView>, AuthError> {
        require_admin(caller)?;
        let rows = users::list(&mut self.0.db.read().await?, page).await?;
        Ok(Page::cut(rows, page, |row| row.id.uuid()).map(|row| UserView::from(&row)))
    }

    /// One account. For admins.
    pub async fn user(&self, caller: &Caller, id: UserId) -> Result<UserView, AuthError> {
        require_admin(caller)?;
        let row = users::find(&mut self.0.db.read().await?, id).await?;
        row.as_ref().map(UserView::from).ok_or_else(|| no_user(id))
    }

    /// Makes an account whose password must be changed at the first sign-in, since the admin knows it. For admins.
    pub async fn create_user(&self, caller: &Caller, new: NewUser) -> Result<UserView, AuthError> {
        require_admin(caller)?;
        let name = username("username", &new.username)?;
        password_policy::check("password", &new.password, &name)?;
        let password_hash = self.0.passwords.hash(&new.password).await?;
        let now = self.0.clock.now();
        let mut row = UserRow {
            id: UserId::at(now),
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
        settle_store(&mut tx, &mut row, new.store_id).await?;
        insert_user(&mut tx, &row).await?;
        record(&mut tx, caller, now, "user.create", &row).await?;
        tx.commit().await?;
        Ok(UserView::from(&row))
    }

    /// Changes role, store or whether the account is open, and ends its sessions. The last admin whose account is open
    /// stays one. For admins.
    pub async fn change_user(&self, caller: &Caller, id: UserId, change: UserChange) -> Result<UserView, AuthError> {
        require_admin(caller)?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        // All admins are locked before one is changed, so that two who demote each other cannot both succeed.
        let admins = users::lock_active_admins(&mut tx).await?;
        let mut row = users::lock(&mut tx, id).await?.ok_or_else(|| no_user(id))?;
        row.role = change.role.unwrap_or(row.role);
        row.disabled = change.disabled.unwrap_or(row.disabled);
        settle_store(&mut tx, &mut row, change.store_id).await?;
        let stays_admin = row.role == Role::Admin && !row.disabled;
        if !stays_admin && admins.len() == 1 && admins[0].id == id {
            return Err(AuthError::LastAdmin(row.username));
        }
        row.token_epoch += 1;
        users::update(&mut tx, &row).await?;
        refresh_tokens::end_user(&mut tx, id, now).await?;
        record(&mut tx, caller, now, "user.change", &row).await?;
        tx.commit().await?;
        Ok(UserView::from(&row))
    }
}

/// Makes store and role fit: a clerk works in a store that exists, nobody else in any.
async fn settle_store(tx: &mut Tx, row: &mut UserRow, wanted: Option<StoreId>) -> Result<(), AuthError> {
    let wrong = |message: String| Err(InvalidField::new("store_id", message).into());
    if row.role != Role::Clerk {
        row.store_id = None;
        return match wanted {
            Some(_) => wrong(format!("belongs to clerks; the role {} has no store", row.role.as_str())),
            None => Ok(()),
        };
    }
    let Some(store) = wanted.or(row.store_id) else {
        return wrong("is missing: a clerk works in one store".to_owned());
    };
    if stores::find(tx, store).await?.is_none() {
        return wrong(format!("{store} is no store"));
    }
    row.store_id = Some(store);
    Ok(())
}

/// Writes to the audit log what `row` now is.
pub(super) async fn record(
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

fn no_user(id: UserId) -> AuthError {
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
    async fn a_clerk_needs_a_store_that_exists_and_must_change_the_first_password() {
        let home = TestAuth::new().await;
        let admin = home.admin().await;
        for store in [None, Some(StoreId::at(home.clock.now()))] {
            let refused = home.auth.create_user(&admin, clerk(store)).await;
            assert!(matches!(refused, Err(AuthError::Invalid(field)) if field.field == "store_id"));
        }
        let store = home.store_named("Main Street").await;
        let bob = home.auth.create_user(&admin, clerk(Some(store))).await.unwrap();
        assert_eq!((bob.role, bob.store_id, bob.must_change_password), (Role::Clerk, Some(store), true));
        let pair = home.auth.login("bob", &PASSWORD.into(), None).await.unwrap();
        assert!(home.auth.authenticate(pair.access_token.expose()).await.unwrap().must_change_password);
        // Promoted, he belongs to no store any more; his session ends, because it was a clerk's.
        let change = UserChange { role: Some(Role::Admin), ..UserChange::default() };
        assert_eq!(home.auth.change_user(&admin, bob.id, change).await.unwrap().store_id, None);
        let ended = home.auth.authenticate(pair.access_token.expose()).await;
        assert!(matches!(ended, Err(AuthError::TokenInvalid(TokenFault::Ended))));
        assert_eq!(home.audited().await, ["store.create", "user.create", "user.change"]);
    }

    #[tokio::test]
    async fn a_disabled_account_is_shut_at_once_and_can_be_opened_again() {
        let home = TestAuth::new().await;
        let admin = home.admin().await;
        let (_, pair) = home.shopper("ann.lee").await;
        let shut = UserChange { disabled: Some(true), ..UserChange::default() };
        assert!(home.auth.change_user(&admin, pair.user.id, shut).await.unwrap().disabled);
        assert!(home.auth.authenticate(pair.access_token.expose()).await.is_err());
        assert!(home.auth.refresh(&pair.refresh_token.expose().into()).await.is_err());
        let refused = home.auth.login("ann.lee", &PASSWORD.into(), None).await;
        assert!(matches!(refused, Err(AuthError::WrongCredentials)));
        let open = UserChange { disabled: Some(false), ..UserChange::default() };
        home.auth.change_user(&admin, pair.user.id, open).await.unwrap();
        home.auth.login("ann.lee", &PASSWORD.into(), None).await.unwrap();
        assert!(home.auth.authenticate(pair.access_token.expose()).await.is_err(), "old sessions stay ended");
    }

    #[tokio::test]
    async fn the_last_admin_stays_until_there_is_another() {
        let home = TestAuth::new().await;
        let admin = home.admin().await;
        let own = admin.actor.user_id().unwrap();
        let demote = UserChange { role: Some(Role::User), ..UserChange::default() };
        let shut = UserChange { disabled: Some(true), ..UserChange::default() };
        for change in [demote, shut] {
            assert!(matches!(home.auth.change_user(&admin, own, change).await, Err(AuthError::LastAdmin(_))));
        }
        let (_, ann) = home.shopper("ann.lee").await;
        let promote = UserChange { role: Some(Role::Admin), ..UserChange::default() };
        home.auth.change_user(&admin, ann.user.id, promote).await.unwrap();
        home.auth.change_user(&admin, own, demote).await.unwrap();
    }

    #[tokio::test]
    async fn only_admins_see_and_change_accounts() {
        let home = TestAuth::new().await;
        let (shopper, pair) = home.shopper("ann.lee").await;
        let page = PageRequest { before: None, limit: 10 };
        assert!(matches!(home.auth.users(&shopper, page).await, Err(AuthError::Forbidden(_))));
        assert!(matches!(home.auth.user(&shopper, pair.user.id).await, Err(AuthError::Forbidden(_))));
        let promote = UserChange { role: Some(Role::Admin), ..UserChange::default() };
        assert!(matches!(home.auth.change_user(&shopper, pair.user.id, promote).await, Err(AuthError::Forbidden(_))));
        let admin = home.admin().await;
        let first = home.auth.users(&admin, PageRequest { before: None, limit: 1 }).await.unwrap();
        assert_eq!(first.data[0].username, "admin");
        let before = first.next_cursor.map(|cursor| cursor.parse().unwrap());
        let last = home.auth.users(&admin, PageRequest { before, limit: 1 }).await.unwrap();
        assert_eq!((last.data[0].username.as_str(), last.next_cursor), ("ann.lee", None));
    }
}
