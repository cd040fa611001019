//! Shops: made and changed by admins, read by those who serve in them.

use serde_json::{Value, json};

use super::{Auth, AuthError, StoreView, require_admin};
use crate::db::stores::StoreRow;
use crate::db::{Reader, audit, stores, z_reports};
use crate::domain::{Actor, Caller, Currency, Page, PageRequest, Role, StoreId, TimeZone, line};

/// Most characters of a store's and of a kiosk's name.
pub(super) const LONGEST_NAME: usize = 120;

/// A shop to be made, as the client wrote it.
#[derive(Debug, Clone, Default)]
pub struct NewStore {
    /// What people call it.
    pub name: String,
    /// ISO 4217 code; that of the settings where it is left out.
    pub currency: Option<String>,
    /// IANA name; that of the settings where it is left out.
    pub time_zone: Option<String>,
    /// Whether prices contain the tax; they do where it is left out.
    pub prices_include_tax: Option<bool>,
    /// Whether its records are never renumbered; they are not where it is left out.
    pub fiscal: Option<bool>,
}

/// What to change of a shop; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct StoreChange {
    /// What people call it.
    pub name: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    /// Whether prices contain the tax.
    pub prices_include_tax: Option<bool>,
    /// Whether its records are never renumbered; cannot be taken back once the store has a closing.
    pub fiscal: Option<bool>,
}

impl Auth {
    /// Makes a shop. For admins.
    pub async fn create_store(&self, caller: &Caller, new: NewStore) -> Result<StoreView, AuthError> {
        require_admin(caller)?;
        let now = self.0.clock.now();
        let currency = new.currency.map_or(Ok(self.0.currency), |code| Currency::parse("currency", &code))?;
        let zone =
            new.time_zone.map_or_else(|| Ok(self.0.time_zone.clone()), |name| TimeZone::parse("time_zone", &name));
        let row = StoreRow {
            id: StoreId::at(now),
            name: line("name", &new.name, LONGEST_NAME)?,
            currency,
            time_zone: zone?,
            prices_include_tax: new.prices_include_tax.unwrap_or(true),
            fiscal: new.fiscal.unwrap_or(true),
            created_at: now,
        };
        let mut tx = self.0.db.begin().await?;
        stores::insert(&mut tx, &row).await?;
        let mut details = described(&row);
        details["currency"] = json!(row.currency);
        let subject = row.id.to_string();
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "store.create", subject, details }).await?;
        tx.commit().await?;
        Ok(row.into())
    }

    /// Shops, newest first: all for an admin, their own for a clerk or kiosk.
    pub async fn stores(&self, caller: &Caller, page: PageRequest) -> Result<Page<StoreView>, AuthError> {
        let own = match caller.actor {
            Actor::System | Actor::CommandLine | Actor::Person { role: Role::Admin, .. } => None,
            Actor::Person { role: Role::Clerk, store, .. } => Some(store),
            Actor::Kiosk { store, .. } => Some(Some(store)),
            Actor::Person { role: Role::User, .. } => return Err(AuthError::Forbidden("only staff may list stores")),
        };
        let mut reader = self.0.db.read().await?;
        let rows = match own {
            None => stores::list(&mut reader, page).await?,
            Some(None) => Vec::new(),
            Some(Some(id)) => {
                let row = stores::find(&mut reader, id).await?;
                row.into_iter().filter(|row| page.before.is_none_or(|before| row.id.uuid() < before)).collect()
            }
        };
        Ok(Page::cut(rows, page, |row| row.id.uuid()).map(StoreView::from))
    }

    /// One shop, for those who serve in it; for others it does not exist.
    pub async fn store(&self, caller: &Caller, id: StoreId) -> Result<StoreView, AuthError> {
        let mut reader = self.0.db.read().await?;
        Ok(served_store(&mut reader, caller, id).await?.into())
    }

    /// Changes a shop's name, time zone, whether its prices contain the tax, or whether it is fiscal: for the orders and
    /// closings to come, since those that there are carry what was so when they were made. A shop that has a closing stays
    /// fiscal. For admins.
    pub async fn change_store(
        &self,
        caller: &Caller,
        id: StoreId,
        change: StoreChange,
    ) -> Result<StoreView, AuthError> {
        require_admin(caller)?;
        let name = change.name.map(|name| line("name", &name, LONGEST_NAME)).transpose()?;
        let time_zone = change.time_zone.map(|name| TimeZone::parse("time_zone", &name)).transpose()?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let old = served_store(&mut tx, caller, id).await?;
        let row = StoreRow {
            name: name.unwrap_or_else(|| old.name.clone()),
            time_zone: time_zone.unwrap_or_else(|| old.time_zone.clone()),
            prices_include_tax: change.prices_include_tax.unwrap_or(old.prices_include_tax),
            fiscal: change.fiscal.unwrap_or(old.fiscal),
            ..old.clone()
        };
        // A closing that comes meanwhile is safe all the same: no number that a closing names is ever changed.
        if old.fiscal && !row.fiscal && z_reports::any(&mut tx, id).await? {
            return Err(AuthError::StaysFiscal(id));
        }
        stores::update(&mut tx, &row).await?;
        let details = json!({"from": described(&old), "to": described(&row)});
        let subject = id.to_string();
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "store.change", subject, details }).await?;
        tx.commit().await?;
        Ok(row.into())
    }
}

/// What can be changed of a shop, for the audit log.
fn described(row: &StoreRow) -> Value {
    json!({"name": row.name, "time_zone": row.time_zone, "prices_include_tax": row.prices_include_tax,
        "fiscal": row.fiscal})
}

/// The shop, where it exists and `caller` serves in it; both failures read alike.
pub(super) async fn served_store(reader: &mut Reader, caller: &Caller, id: StoreId) -> Result<StoreRow, AuthError> {
    let row = if caller.actor.serves(id) { stores::find(reader, id).await? } else { None };
    row.ok_or_else(|| AuthError::NotFound { what: "store", id: id.to_string() })
}

#[cfg(test)]
mod tests {
    use super::super::test_support::TestAuth;
    use super::*;

    fn named(name: &str) -> NewStore {
        NewStore { name: name.to_owned(), ..NewStore::default() }
    }

    fn renamed(name: &str) -> StoreChange {
        StoreChange { name: Some(name.to_owned()), ..StoreChange::default() }
    }

    #[tokio::test]
    async fn admins_make_and_change_stores() {
        let home = TestAuth::new().await;
        let admin = home.admin().await;
        let plain = home.auth.create_store(&admin, named(" Main Street ")).await.unwrap();
        assert_eq!((plain.name.as_str(), plain.currency.code()), ("Main Street", "EUR"));
        assert_eq!((plain.time_zone.name(), plain.prices_include_tax), ("UTC", true));
        let korean =
            NewStore {
                currency: Some("KRW".to_owned()), time_zone: Some("Asia/Seoul".to_owned()), ..named("강남점")
            };
        let korean = home.auth.create_store(&admin, korean).await.unwrap();
        assert_eq!((korean.currency.code(), korean.time_zone.name()), ("KRW", "Asia/Seoul"));
        let unknown = NewStore { currency: Some("WON".to_owned()), ..named("x") };
        assert!(matches!(home.auth.create_store(&admin, unknown).await, Err(AuthError::Invalid(_))));
        assert!(matches!(home.auth.create_store(&admin, named("  ")).await, Err(AuthError::Invalid(_))));
        let changed = home.auth.change_store(&admin, plain.id, renamed("High Street")).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.time_zone.name()), ("High Street", "UTC"));
        assert_eq!(home.auth.store(&admin, plain.id).await.unwrap(), changed);
        let unknown = home.auth.change_store(&admin, StoreId::at(home.clock.now()), renamed("x")).await;
        assert!(matches!(unknown, Err(AuthError::NotFound { what: "store", .. })));
        assert_eq!(home.audited().await, ["store.create", "store.create", "store.change"]);
    }

    #[tokio::test]
    async fn a_clerk_knows_no_store_but_their_own() {
        let home = TestAuth::new().await;
        let (own, other) = (home.store_named("Own").await, home.store_named("Other").await);
        let clerk = home.clerk("bob", own).await;
        let page = PageRequest { before: None, limit: 10 };
        let seen = home.auth.stores(&clerk, page).await.unwrap();
        assert_eq!(seen.data.iter().map(|store| store.id).collect::<Vec<_>>(), [own]);
        home.auth.store(&clerk, own).await.unwrap();
        assert!(matches!(home.auth.store(&clerk, other).await, Err(AuthError::NotFound { .. })));
        assert!(matches!(home.auth.change_store(&clerk, own, renamed("x")).await, Err(AuthError::Forbidden(_))));
        let (shopper, _) = home.shopper("ann.lee").await;
        assert!(matches!(home.auth.stores(&shopper, page).await, Err(AuthError::Forbidden(_))));
        assert_eq!(home.auth.stores(&home.admin().await, page).await.unwrap().data.len(), 2);
    }
}
