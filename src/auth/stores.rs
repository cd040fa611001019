//! Stores: admins create and change them, their staff and kiosks read them.

use serde_json::{Value, json};

use super::{Auth, AuthError, StoreView, require_admin};
use crate::db::stores::StoreRow;
use crate::db::{Reader, audit, stores, z_reports};
use crate::domain::{
    Actor, Caller, Currency, InvalidField, Page, PageRequest, Role, StoreId, TimeZone, format_day_start,
    parse_cash_step, parse_day_start, parse_line, parse_optional_line,
};

/// Of a store's and of a kiosk's name.
pub(super) const NAME_CHARS_MAX: usize = 120;
const ADDRESS_CHARS_MAX: usize = 200;
const TAX_NUMBER_CHARS_MAX: usize = 40;

/// A store to be created, not yet validated.
#[derive(Debug, Clone, Default)]
pub struct NewStore {
    pub name: String,
    /// ISO 4217 code. Default: that of the settings.
    pub currency: Option<String>,
    /// IANA name. Default: that of the settings.
    pub time_zone: Option<String>,
    /// Default: true.
    pub prices_include_tax: Option<bool>,
    /// Records of a fiscal store are never renumbered. Default: true.
    pub fiscal: Option<bool>,
    /// Printed on receipts.
    pub address: Option<String>,
    /// Printed on receipts.
    pub tax_number: Option<String>,
    /// What cash is rounded to, in minor units. Default: as the currency is rounded.
    pub cash_rounding: Option<i64>,
    /// When business days begin, such as `05:00`. Default: midnight.
    pub day_starts_at: Option<String>,
}

/// A change of a store. `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct StoreChange {
    pub name: Option<String>,
    /// IANA name.
    pub time_zone: Option<String>,
    pub prices_include_tax: Option<bool>,
    /// Cannot become false once the store has a closing.
    pub fiscal: Option<bool>,
    /// `Some(None)` removes it.
    pub address: Option<Option<String>>,
    /// `Some(None)` removes it.
    pub tax_number: Option<Option<String>>,
    /// What cash is rounded to, in minor units; `Some(None)`: as the currency is rounded.
    pub cash_rounding: Option<Option<i64>>,
    /// When business days begin, such as `05:00`.
    pub day_starts_at: Option<String>,
}

impl Auth {
    /// Identifier and name of every store, for the metrics.
    pub async fn list_store_names(&self) -> Result<Vec<(String, String)>, AuthError> {
        let rows = stores::list_names(&mut self.0.db.read().await?).await?;
        Ok(rows.into_iter().map(|row| (row.id.to_string(), row.name)).collect())
    }

    /// Currency and time zone of a new store that names none.
    pub fn store_defaults(&self) -> (Currency, TimeZone) {
        (self.0.currency, self.0.time_zone.clone())
    }

    /// For admins.
    pub async fn create_store(&self, caller: &Caller, new: NewStore) -> Result<StoreView, AuthError> {
        require_admin(caller)?;
        let now = self.0.clock.now();
        let currency = new.currency.map_or(Ok(self.0.currency), |code| Currency::parse("currency", &code))?;
        let zone =
            new.time_zone.map_or_else(|| Ok(self.0.time_zone.clone()), |name| TimeZone::parse("time_zone", &name));
        let row = StoreRow {
            id: StoreId::generate(now),
            name: parse_line("name", &new.name, NAME_CHARS_MAX)?,
            currency,
            time_zone: zone?,
            prices_include_tax: new.prices_include_tax.unwrap_or(true),
            fiscal: new.fiscal.unwrap_or(true),
            address: parse_address(new.address.as_deref())?,
            tax_number: parse_tax_number(new.tax_number.as_deref())?,
            cash_rounding: parse_cash_rounding(new.cash_rounding)?,
            day_starts_min: parse_day_starts_at(new.day_starts_at.as_deref())?.unwrap_or(0),
            created_at: now,
        };
        let mut tx = self.0.db.begin().await?;
        stores::insert(&mut tx, &row).await?;
        let mut details = audit_details(&row);
        details["currency"] = json!(row.currency);
        let subject = row.id.to_string();
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "store.create", subject, details }).await?;
        tx.commit().await?;
        Ok(row.into())
    }

    /// Stores, newest first: all for an admin, only their own for a clerk or a kiosk.
    pub async fn list_stores(&self, caller: &Caller, page: PageRequest) -> Result<Page<StoreView>, AuthError> {
        let own = match caller.actor {
            Actor::System | Actor::CommandLine | Actor::Person { role: Role::Admin, .. } => None,
            Actor::Person { role: Role::Clerk, store, .. } => Some(store),
            Actor::Kiosk { store, .. } => Some(Some(store)),
            Actor::Person { role: Role::User, .. } => return Err(AuthError::Forbidden("Only staff can list stores.")),
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
        Ok(Page::from_rows(rows, page, |row| row.id.uuid()).map(StoreView::from))
    }

    /// For admins and the store's own staff and kiosks; for others the store does not exist.
    pub async fn get_store(&self, caller: &Caller, id: StoreId) -> Result<StoreView, AuthError> {
        let mut reader = self.0.db.read().await?;
        Ok(find_served_store(&mut reader, caller, id).await?.into())
    }

    /// Changes a store for future bills, orders and closings; existing ones keep a copy of what applied to them. A store with a
    /// closing stays fiscal. For admins.
    pub async fn change_store(
        &self,
        caller: &Caller,
        id: StoreId,
        change: StoreChange,
    ) -> Result<StoreView, AuthError> {
        require_admin(caller)?;
        let name = change.name.map(|name| parse_line("name", &name, NAME_CHARS_MAX)).transpose()?;
        let time_zone = change.time_zone.map(|name| TimeZone::parse("time_zone", &name)).transpose()?;
        let address = change.address.map(|text| parse_address(text.as_deref())).transpose()?;
        let tax_number = change.tax_number.map(|text| parse_tax_number(text.as_deref())).transpose()?;
        let day_starts_min = parse_day_starts_at(change.day_starts_at.as_deref())?;
        let cash_rounding = change.cash_rounding.map(parse_cash_rounding).transpose()?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let old = find_served_store(&mut tx, caller, id).await?;
        let row = StoreRow {
            name: name.unwrap_or_else(|| old.name.clone()),
            time_zone: time_zone.unwrap_or_else(|| old.time_zone.clone()),
            prices_include_tax: change.prices_include_tax.unwrap_or(old.prices_include_tax),
            fiscal: change.fiscal.unwrap_or(old.fiscal),
            address: address.unwrap_or_else(|| old.address.clone()),
            tax_number: tax_number.unwrap_or_else(|| old.tax_number.clone()),
            cash_rounding: cash_rounding.unwrap_or(old.cash_rounding),
            day_starts_min: day_starts_min.unwrap_or(old.day_starts_min),
            ..old.clone()
        };
        // A closing made concurrently is safe: a repair never changes a number that a closing refers to.
        if old.fiscal && !row.fiscal && z_reports::exists(&mut tx, id).await? {
            return Err(AuthError::StaysFiscal(old.name));
        }
        let (from, to) = (audit_details(&old), audit_details(&row));
        if from == to {
            return Ok(old.into());
        }
        stores::update(&mut tx, &row).await?;
        let details = json!({"from": from, "to": to});
        let subject = id.to_string();
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "store.change", subject, details }).await?;
        tx.commit().await?;
        Ok(row.into())
    }
}

/// The fields that can change.
fn audit_details(row: &StoreRow) -> Value {
    json!({"name": row.name, "time_zone": row.time_zone, "prices_include_tax": row.prices_include_tax,
        "fiscal": row.fiscal, "address": row.address, "tax_number": row.tax_number, "currency": row.currency,
        "cash_rounding": row.cash_rounding,
        "day_starts_at": format_day_start(row.day_starts_min)})
}

fn parse_address(text: Option<&str>) -> Result<Option<String>, InvalidField> {
    parse_optional_line("address", text, ADDRESS_CHARS_MAX)
}

fn parse_tax_number(text: Option<&str>) -> Result<Option<String>, InvalidField> {
    parse_optional_line("tax_number", text, TAX_NUMBER_CHARS_MAX)
}

fn parse_cash_rounding(step: Option<i64>) -> Result<Option<i64>, InvalidField> {
    step.map(|step| parse_cash_step("cash_rounding", step)).transpose()
}

fn parse_day_starts_at(time: Option<&str>) -> Result<Option<i64>, InvalidField> {
    time.map(|time| parse_day_start("day_starts_at", time)).transpose()
}

/// The store, if it exists and `caller` serves in it. Otherwise the error is the same for both.
pub(super) async fn find_served_store(
    reader: &mut Reader,
    caller: &Caller,
    id: StoreId,
) -> Result<StoreRow, AuthError> {
    let row = if caller.actor.serves(id) { stores::find(reader, id).await? } else { None };
    row.ok_or_else(|| AuthError::NotFound { what: "store", id: id.to_string() })
}

#[cfg(test)]
mod tests {
    use super::super::test_support::TestAuth;
    use super::*;

    fn new_store(name: &str) -> NewStore {
        NewStore { name: name.to_owned(), ..NewStore::default() }
    }

    fn rename(name: &str) -> StoreChange {
        StoreChange { name: Some(name.to_owned()), ..StoreChange::default() }
    }

    #[tokio::test]
    async fn admins_create_and_change_stores() {
        let test = TestAuth::new().await;
        let admin = test.sign_in_admin().await;
        let plain = test.auth.create_store(&admin, new_store(" Main Street ")).await.unwrap();
        assert_eq!((plain.name.as_str(), plain.currency.code()), ("Main Street", "EUR"));
        assert_eq!((plain.time_zone.name(), plain.prices_include_tax), ("UTC", true));
        let korean = NewStore {
            currency: Some("KRW".to_owned()),
            time_zone: Some("Asia/Seoul".to_owned()),
            ..new_store("강남점")
        };
        let korean = test.auth.create_store(&admin, korean).await.unwrap();
        assert_eq!((korean.currency.code(), korean.time_zone.name()), ("KRW", "Asia/Seoul"));
        let unknown = NewStore { currency: Some("WON".to_owned()), ..new_store("x") };
        assert!(matches!(test.auth.create_store(&admin, unknown).await, Err(AuthError::Invalid(_))));
        assert!(matches!(test.auth.create_store(&admin, new_store("  ")).await, Err(AuthError::Invalid(_))));
        let changed = test.auth.change_store(&admin, plain.id, rename("High Street")).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.time_zone.name()), ("High Street", "UTC"));
        assert_eq!(test.auth.get_store(&admin, plain.id).await.unwrap(), changed);
        let unknown = test.auth.change_store(&admin, StoreId::generate(test.clock.now()), rename("x")).await;
        assert!(matches!(unknown, Err(AuthError::NotFound { what: "store", .. })));
        assert_eq!(test.audited_actions().await, ["store.create", "store.create", "store.change"]);
    }

    #[tokio::test]
    async fn a_clerk_sees_only_their_own_store() {
        let test = TestAuth::new().await;
        let (own, other) = (test.create_store("Own").await, test.create_store("Other").await);
        let clerk = test.create_clerk("bob", own).await;
        let page = PageRequest { before: None, limit: 10 };
        let seen = test.auth.list_stores(&clerk, page).await.unwrap();
        assert_eq!(seen.data.iter().map(|store| store.id).collect::<Vec<_>>(), [own]);
        test.auth.get_store(&clerk, own).await.unwrap();
        assert!(matches!(test.auth.get_store(&clerk, other).await, Err(AuthError::NotFound { .. })));
        assert!(matches!(test.auth.change_store(&clerk, own, rename("x")).await, Err(AuthError::Forbidden(_))));
        let (shopper, _) = test.sign_up_shopper("ann.lee").await;
        assert!(matches!(test.auth.list_stores(&shopper, page).await, Err(AuthError::Forbidden(_))));
        assert_eq!(test.auth.list_stores(&test.sign_in_admin().await, page).await.unwrap().data.len(), 2);
    }
}
