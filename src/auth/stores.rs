//! Shops: made and renamed by admins, read by those who serve in them.

use serde_json::json;

use super::{Auth, AuthError, StoreView, require_admin};
use crate::domain::{Actor, Caller, Currency, Page, PageRequest, Role, StoreId, line};
use crate::store::stores::StoreRow;
use crate::store::{Tx, audit, stores};

/// Most characters of a store's and of a kiosk's name.
pub(super) const LONGEST_NAME: usize = 120;

impl Auth {
    /// Makes a shop; without a currency it gets the one from the settings. For admins.
    pub async fn create_store(
        &self,
        caller: &Caller,
        name: &str,
        currency: Option<&str>,
    ) -> Result<StoreView, AuthError> {
        require_admin(caller)?;
        let now = self.0.clock.now();
        let currency = currency.map_or(Ok(self.0.currency), |code| Currency::parse("currency", code))?;
        let name = line("name", name, LONGEST_NAME)?;
        let row = StoreRow { id: StoreId::at(now), name, currency, created_at: now };
        let mut tx = self.0.store.begin().await?;
        stores::insert(&mut tx, &row).await?;
        let (subject, details) = (row.id.to_string(), json!({"name": row.name, "currency": row.currency}));
        audit::append(&mut tx, audit::Entry { at: now, caller, action: "store.create", subject, details }).await?;
        tx.commit().await?;
        Ok(row.into())
    }

    /// Shops, newest first: all for an admin, their own for a clerk or kiosk.
    pub async fn stores(&self, caller: &Caller, page: PageRequest) -> Result<Page<StoreView>, AuthError> {
        let own = match caller.actor {
            Actor::System | Actor::Person { role: Role::Admin, .. } => None,
            Actor::Person { role: Role::Clerk, store, .. } => Some(store),
            Actor::Kiosk { store, .. } => Some(Some(store)),
            Actor::Person { role: Role::User, .. } => return Err(AuthError::Forbidden("only staff may list stores")),
        };
        let mut tx = self.0.store.read().await?;
        let rows = match own {
            None => stores::list(&mut tx, page).await?,
            Some(None) => Vec::new(),
            Some(Some(id)) => {
                let row = stores::find(&mut tx, id).await?;
                row.into_iter().filter(|row| page.before.is_none_or(|before| row.id.uuid() < before)).collect()
            }
        };
        Ok(Page::cut(rows, page, |row| row.id.uuid()).map(StoreView::from))
    }

    /// One shop, for those who serve in it; for others it does not exist.
    pub async fn store(&self, caller: &Caller, id: StoreId) -> Result<StoreView, AuthError> {
        let mut tx = self.0.store.read().await?;
        Ok(served_store(&mut tx, caller, id).await?.into())
    }

    /// Gives a shop another name. For admins.
    pub async fn rename_store(&self, caller: &Caller, id: StoreId, name: &str) -> Result<StoreView, AuthError> {
        require_admin(caller)?;
        let name = line("name", name, LONGEST_NAME)?;
        let now = self.0.clock.now();
        let mut tx = self.0.store.begin().await?;
        let mut row = served_store(&mut tx, caller, id).await?;
        let details = json!({"from": row.name, "to": name});
        stores::rename(&mut tx, id, &name).await?;
        let subject = id.to_string();
        audit::append(&mut tx, audit::Entry { at: now, caller, action: "store.rename", subject, details }).await?;
        tx.commit().await?;
        row.name = name;
        Ok(row.into())
    }
}

/// The shop, where it exists and `caller` serves in it; both failures read alike.
pub(super) async fn served_store(tx: &mut Tx, caller: &Caller, id: StoreId) -> Result<StoreRow, AuthError> {
    let row = if caller.actor.serves(id) { stores::find(tx, id).await? } else { None };
    row.ok_or_else(|| AuthError::NotFound { what: "store", id: id.to_string() })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    #[tokio::test]
    async fn admins_make_and_rename_stores() {
        let home = Home::new().await;
        let admin = home.admin().await;
        let plain = home.auth.create_store(&admin, " Main Street ", None).await.unwrap();
        assert_eq!((plain.name.as_str(), plain.currency.code()), ("Main Street", "EUR"));
        let korean = home.auth.create_store(&admin, "강남점", Some("KRW")).await.unwrap();
        assert_eq!(korean.currency.code(), "KRW");
        assert!(matches!(home.auth.create_store(&admin, "x", Some("WON")).await, Err(AuthError::Invalid(_))));
        assert!(matches!(home.auth.create_store(&admin, "  ", None).await, Err(AuthError::Invalid(_))));
        assert_eq!(home.auth.rename_store(&admin, plain.id, "High Street").await.unwrap().name, "High Street");
        assert_eq!(home.auth.store(&admin, plain.id).await.unwrap().name, "High Street");
        let unknown = home.auth.rename_store(&admin, StoreId::at(home.clock.now()), "x").await;
        assert!(matches!(unknown, Err(AuthError::NotFound { what: "store", .. })));
        assert_eq!(home.audited().await, ["store.create", "store.create", "store.rename"]);
    }

    #[tokio::test]
    async fn a_clerk_knows_no_store_but_their_own() {
        let home = Home::new().await;
        let (own, other) = (home.store_named("Own").await, home.store_named("Other").await);
        let clerk = home.clerk("bob", own).await;
        let page = PageRequest { before: None, limit: 10 };
        let seen = home.auth.stores(&clerk, page).await.unwrap();
        assert_eq!(seen.data.iter().map(|store| store.id).collect::<Vec<_>>(), [own]);
        home.auth.store(&clerk, own).await.unwrap();
        assert!(matches!(home.auth.store(&clerk, other).await, Err(AuthError::NotFound { .. })));
        assert!(matches!(home.auth.rename_store(&clerk, own, "x").await, Err(AuthError::Forbidden(_))));
        let (shopper, _) = home.shopper("ann.lee").await;
        assert!(matches!(home.auth.stores(&shopper, page).await, Err(AuthError::Forbidden(_))));
        assert_eq!(home.auth.stores(&home.admin().await, page).await.unwrap().data.len(), 2);
    }
}
