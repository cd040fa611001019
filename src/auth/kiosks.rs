//! Kiosks: an admin creates one, a device enrols with a one-time code and gets a key, an admin closes, opens or revokes it.
//!
//! A person types the code on the device; it is valid once and for an hour. The key never leaves the device. A revoked key
//! is refused from the next request on, by every server.

use std::collections::HashMap;

use serde_json::json;

use super::login_throttle::AnonymousAttempt;
use super::stores::{NAME_CHARS_MAX, find_served_store};
use super::{
    Auth, AuthError, EnrolledKiosk, KioskChange, KioskEmptyView, KioskView, NewKiosk, OwnKiosk, require_admin, secrets,
};
use crate::db::kiosks::KioskRow;
use crate::db::{Tx, audit, kiosk_empty_views, kiosks, last_seen};
use crate::domain::{Actor, Caller, KioskId, Page, PageRequest, Role, StoreId, Timestamp, parse_line};
use crate::idempotency::{IdempotentRequest, Reply, retry_key_race};

impl Auth {
    /// Creates a kiosk and its enrolment code. For admins.
    pub async fn create_kiosk(&self, caller: &Caller, store: StoreId, name: &str) -> Result<NewKiosk, AuthError> {
        require_admin(caller)?;
        let name = parse_line("name", name, NAME_CHARS_MAX)?;
        let mut tx = self.0.db.begin().await?;
        let new = self.insert_kiosk(&mut tx, caller, store, name).await?;
        tx.commit().await?;
        Ok(new)
    }

    /// Creates a kiosk with a form that may be sent several times under its key. A code cannot be shown again, since only its hash
    /// is kept: another sending gets a new code for the same kiosk, and the one before no longer counts. `None` if the kiosk is
    /// in use or was revoked by then. For admins.
    pub async fn create_kiosk_by_form(
        &self,
        caller: &Caller,
        store: StoreId,
        name: &str,
        form_key: &str,
    ) -> Result<Option<NewKiosk>, AuthError> {
        require_admin(caller)?;
        let name = parse_line("name", name, NAME_CHARS_MAX)?;
        // With the back button and another name it is another kiosk.
        let key = format!("{form_key} {store} {name}");
        let request = IdempotentRequest::new("kiosk.create", caller, Some(&key), "");
        retry_key_race(async || {
            let mut tx = self.0.db.begin().await?;
            let new = match request.find_reply(&mut tx).await? {
                Some(reply) => self.renew_code(&mut tx, caller, store, &reply).await?,
                None => {
                    let new = self.insert_kiosk(&mut tx, caller, store, name.clone()).await?;
                    request.store_reply(&mut tx, &json!({"id": new.kiosk.id}), new.kiosk.created_at).await?;
                    Some(new)
                }
            };
            tx.commit().await?;
            Ok(new)
        })
        .await
    }

    async fn insert_kiosk(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        store: StoreId,
        name: String,
    ) -> Result<NewKiosk, AuthError> {
        let now = self.0.clock.now();
        let (code, hash) = new_code()?;
        let row = KioskRow {
            id: KioskId::generate(now),
            store_id: store,
            name,
            enrolment_expires_at: Some(now.plus_seconds(self.0.enrolment_s)),
            enrolled_at: None,
            revoked_at: None,
            closed_at: None,
            staff_called_at: None,
            created_at: now,
        };
        find_served_store(tx, caller, store).await?;
        kiosks::insert(tx, &row, &hash).await?;
        let (subject, details) = (row.id.to_string(), json!({"store_id": store, "name": row.name}));
        audit::append(tx, audit::AuditEntry { at: now, caller, action: "kiosk.create", subject, details }).await?;
        Ok(NewKiosk { kiosk: KioskView::from_row(row, now), enrolment_code: code.into() })
    }

    /// A new code for the kiosk that an earlier sending created.
    async fn renew_code(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        store: StoreId,
        created: &Reply,
    ) -> Result<Option<NewKiosk>, AuthError> {
        let id = created.body["id"].as_str().and_then(|id| id.parse().ok());
        let id: KioskId = id.ok_or_else(|| AuthError::Internal("a kept reply names no kiosk".to_owned()))?;
        let now = self.0.clock.now();
        let (code, hash) = new_code()?;
        if !kiosks::renew_code(tx, id, &hash, now.plus_seconds(self.0.enrolment_s)).await? {
            return Ok(None);
        }
        let row = kiosks::find(tx, store, id).await?.ok_or_else(|| kiosk_not_found(id))?;
        let (subject, details) = (id.to_string(), json!({"store_id": store, "name": row.name}));
        audit::append(tx, audit::AuditEntry { at: now, caller, action: "kiosk.renew-code", subject, details }).await?;
        Ok(Some(NewKiosk { kiosk: KioskView::from_row(row, now), enrolment_code: code.into() }))
    }

    /// Kiosks of a store, newest first. For the store's staff.
    pub async fn list_kiosks(
        &self,
        caller: &Caller,
        store: StoreId,
        page: PageRequest,
    ) -> Result<Page<KioskView>, AuthError> {
        require_staff(caller)?;
        let mut reader = self.0.db.read().await?;
        find_served_store(&mut reader, caller, store).await?;
        let now = self.0.clock.now();
        let rows = kiosks::list(&mut reader, store, page).await?;
        let mut views: HashMap<KioskId, KioskEmptyView> = kiosk_empty_views::list_summaries(&mut reader, store)
            .await?
            .into_iter()
            .map(|row| (row.kiosk_id, row.into()))
            .collect();
        let seen: HashMap<KioskId, Timestamp> = last_seen::list_kiosks(&mut reader, store).await?.into_iter().collect();
        let page = Page::from_rows(rows, page, |row| row.id.uuid());
        Ok(page.map(|row| {
            let (empty_view, last_seen_at) = (views.remove(&row.id), seen.get(&row.id).copied());
            KioskView { empty_view, last_seen_at, ..KioskView::from_row(row, now) }
        }))
    }

    /// The calling kiosk.
    pub async fn get_own_kiosk(&self, caller: &Caller) -> Result<OwnKiosk, AuthError> {
        let id = caller.actor.kiosk_id().ok_or(AuthError::Forbidden("Only a kiosk can ask about itself."))?;
        let mut reader = self.0.db.read().await?;
        let row = kiosks::find_unrevoked(&mut reader, id).await?.ok_or_else(|| kiosk_not_found(id))?;
        let store = find_served_store(&mut reader, caller, row.store_id).await?;
        let views = kiosk_empty_views::list_summaries(&mut reader, store.id).await?;
        let empty_view = views.into_iter().find(|view| view.kiosk_id == id).map(KioskEmptyView::from);
        let (name, store_id, store_name, time_zone) = (row.name, store.id, store.name, store.time_zone);
        let (currency, closed_at, staff_called_at) = (store.currency, row.closed_at, row.staff_called_at);
        Ok(OwnKiosk { id, name, store_id, store_name, time_zone, currency, closed_at, staff_called_at, empty_view })
    }

    /// Renames a kiosk, closes or opens it. A closed kiosk begins nothing, but ends what it began. For admins.
    pub async fn change_kiosk(
        &self,
        caller: &Caller,
        store: StoreId,
        id: KioskId,
        change: KioskChange,
    ) -> Result<KioskView, AuthError> {
        require_admin(caller)?;
        let name = change.name.map(|name| parse_line("name", &name, NAME_CHARS_MAX)).transpose()?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        let mut row = kiosks::find(&mut tx, store, id).await?.ok_or_else(|| kiosk_not_found(id))?;
        let before = (row.name.clone(), row.closed_at);
        row.name = name.unwrap_or(row.name);
        row.closed_at = match change.closed {
            None => row.closed_at,
            Some(true) => row.closed_at.or(Some(now)),
            Some(false) => None,
        };
        if (&row.name, row.closed_at) != (&before.0, before.1) {
            kiosks::update(&mut tx, id, &row.name, row.closed_at).await?;
            let closed = row.closed_at.is_some();
            let (subject, details) = (id.to_string(), json!({"store_id": store, "name": row.name, "closed": closed}));
            audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "kiosk.change", subject, details })
                .await?;
            tx.commit().await?;
        }
        Ok(KioskView::from_row(row, now))
    }

    /// Revokes a kiosk's key, or its code if that is unused, and deletes its empty view. Revoking twice changes nothing. For admins.
    pub async fn revoke_kiosk(&self, caller: &Caller, store: StoreId, id: KioskId) -> Result<KioskView, AuthError> {
        require_admin(caller)?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        kiosks::find(&mut tx, store, id).await?.ok_or_else(|| kiosk_not_found(id))?;
        if kiosks::revoke(&mut tx, id, now).await? {
            kiosk_empty_views::delete(&mut tx, id).await?;
            let (subject, details) = (id.to_string(), json!({"store_id": store}));
            audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "kiosk.revoke", subject, details })
                .await?;
        }
        let row = kiosks::find(&mut tx, store, id).await?.ok_or_else(|| kiosk_not_found(id))?;
        tx.commit().await?;
        Ok(KioskView::from_row(row, now))
    }

    /// Exchanges a one-time code for a device key. For anybody with a code; a wrong code counts as a failure of the address.
    /// A valid code is accepted however often others failed: it has 100 random bits, so nobody guesses one.
    pub async fn enrol(&self, code: &str, address: Option<&str>) -> Result<EnrolledKiosk, AuthError> {
        let now = self.0.clock.now();
        let code_hash = match secrets::hash_code(code) {
            Some(hash) if kiosks::can_enrol(&mut self.0.db.read().await?, &hash, now).await? => Some(hash),
            _ => None,
        };
        if let Some(code_hash) = code_hash {
            let key = secrets::new_kiosk_key()?;
            let mut tx = self.0.db.begin().await?;
            let furthest = now.plus_seconds(self.0.enrolment_s);
            if let Some(row) = kiosks::enrol(&mut tx, &code_hash, &secrets::hash_token(&key), now, furthest).await? {
                let actor = Actor::Kiosk { id: row.id, store: row.store_id };
                let caller = Caller { actor, address: address.map(str::to_owned) };
                let (subject, details) = (row.id.to_string(), json!({}));
                let entry = audit::AuditEntry { at: now, caller: &caller, action: "kiosk.enrol", subject, details };
                audit::append(&mut tx, entry).await?;
                tx.commit().await?;
                let (kiosk_id, store_id, name) = (row.id, row.store_id, row.name);
                return Ok(EnrolledKiosk { kiosk_id, store_id, name, key: key.into() });
            }
        }
        let attempt = self.0.throttle.admit_anonymous(AnonymousAttempt::Enrolment, address).await?;
        self.0.throttle.record_failure(&attempt).await?;
        Err(AuthError::EnrolmentRefused)
    }
}

/// Admits clerks, admins and the server itself. [`find_served_store`] checks the store.
pub(super) fn require_staff(caller: &Caller) -> Result<(), AuthError> {
    match caller.actor {
        Actor::System | Actor::CommandLine | Actor::Person { role: Role::Admin | Role::Clerk, .. } => Ok(()),
        Actor::Person { role: Role::User, .. } | Actor::Kiosk { .. } => {
            Err(AuthError::Forbidden("Only staff can do this."))
        }
    }
}

/// A code and its hash.
fn new_code() -> Result<(String, Vec<u8>), AuthError> {
    let code = secrets::new_enrolment_code()?;
    let hash = secrets::hash_code(&code);
    let hash = hash.ok_or_else(|| AuthError::Internal("a new enrolment code is malformed".to_owned()))?;
    Ok((code, hash))
}

pub(super) fn kiosk_not_found(id: KioskId) -> AuthError {
    AuthError::NotFound { what: "kiosk", id: id.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::TestAuth;
    use super::super::{KioskStatus, TokenFault};
    use super::*;

    #[tokio::test]
    async fn a_code_enrols_one_device_until_the_kiosk_is_revoked() {
        let test = TestAuth::new().await;
        let (admin, store) = (test.sign_in_admin().await, test.create_store("Main Street").await);
        let new = test.auth.create_kiosk(&admin, store, "Till 1").await.unwrap();
        assert_eq!(new.kiosk.status, KioskStatus::Pending);
        let enrolled = test.auth.enrol(&new.enrolment_code.expose().to_lowercase(), Some("192.0.2.7")).await.unwrap();
        assert_eq!((enrolled.kiosk_id, enrolled.store_id), (new.kiosk.id, store));
        let twice = test.auth.enrol(new.enrolment_code.expose(), None).await;
        assert!(matches!(twice, Err(AuthError::EnrolmentRefused)));

        let identity = test.auth.authenticate(enrolled.key.expose()).await.unwrap();
        assert_eq!(identity.actor, Actor::Kiosk { id: new.kiosk.id, store });
        let device = Caller { actor: identity.actor, address: None };
        let page = PageRequest { before: None, limit: 10 };
        assert!(matches!(test.auth.list_kiosks(&device, store, page).await, Err(AuthError::Forbidden(_))));
        let listed = test.auth.list_kiosks(&admin, store, page).await.unwrap();
        assert_eq!(listed.data[0].status, KioskStatus::Enrolled);

        let revoked = test.auth.revoke_kiosk(&admin, store, new.kiosk.id).await.unwrap();
        assert_eq!(revoked.status, KioskStatus::Revoked);
        assert_eq!(test.auth.revoke_kiosk(&admin, store, new.kiosk.id).await.unwrap(), revoked);
        let refused = test.auth.authenticate(enrolled.key.expose()).await;
        assert!(matches!(refused, Err(AuthError::TokenInvalid(TokenFault::KioskUnknown))));
        assert_eq!(test.audited_actions().await, ["store.create", "kiosk.create", "kiosk.enrol", "kiosk.revoke"]);
    }

    #[tokio::test]
    async fn of_eight_devices_with_one_code_one_is_enrolled() {
        let test = TestAuth::new().await;
        let (admin, store) = (test.sign_in_admin().await, test.create_store("Main Street").await);
        let new = test.auth.create_kiosk(&admin, store, "Till 1").await.unwrap();
        let tries = (0..8).map(|_| test.auth.enrol(new.enrolment_code.expose(), None));
        let outcomes = futures_util::future::join_all(tries).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    }

    #[tokio::test]
    async fn codes_expire_end_with_their_kiosk_and_guessing_is_throttled() {
        let test = TestAuth::with_settings("limits.login_failures = 1").await;
        let (admin, store) = (test.sign_in_admin().await, test.create_store("Main Street").await);
        let late = test.auth.create_kiosk(&admin, store, "Late").await.unwrap();
        let dead = test.auth.create_kiosk(&admin, store, "Dead").await.unwrap();
        test.auth.revoke_kiosk(&admin, store, dead.kiosk.id).await.unwrap();
        assert!(test.auth.enrol(dead.enrolment_code.expose(), None).await.is_err());
        test.clock.advance(test.settings.tokens.enrolment_s);
        assert!(matches!(test.auth.enrol(late.enrolment_code.expose(), None).await, Err(AuthError::EnrolmentRefused)));
        let page = PageRequest { before: Some(dead.kiosk.id.uuid()), limit: 1 };
        assert_eq!(test.auth.list_kiosks(&admin, store, page).await.unwrap().data[0].status, KioskStatus::Expired);
        for _ in 0..5 {
            let wrong = test.auth.enrol("ABCDE-ABCDE-ABCDE-ABCDE", Some("192.0.2.9")).await;
            assert!(matches!(wrong, Err(AuthError::EnrolmentRefused)));
        }
        let throttled = test.auth.enrol("no code", Some("192.0.2.9")).await;
        assert!(matches!(throttled, Err(AuthError::Throttled { .. })));
        // Strangers at the shop's address do not keep its staff from enrolling a kiosk.
        let new = test.auth.create_kiosk(&admin, store, "New").await.unwrap();
        test.auth.enrol(new.enrolment_code.expose(), Some("192.0.2.9")).await.unwrap();
    }

    #[tokio::test]
    async fn a_code_from_before_the_clock_was_set_back_is_not_valid_for_a_year() {
        let test = TestAuth::new().await;
        let (admin, store) = (test.sign_in_admin().await, test.create_store("Main Street").await);
        test.clock.advance(365 * 86_400);
        let late = test.auth.create_kiosk(&admin, store, "Late").await.unwrap();
        test.clock.advance(-365 * 86_400);
        assert!(matches!(test.auth.enrol(late.enrolment_code.expose(), None).await, Err(AuthError::EnrolmentRefused)));
    }

    #[tokio::test]
    async fn a_kiosk_is_visible_only_in_its_own_store_and_to_its_staff() {
        let test = TestAuth::new().await;
        let admin = test.sign_in_admin().await;
        let (own, other) = (test.create_store("Own").await, test.create_store("Other").await);
        let clerk = test.create_clerk("bob", own).await;
        let kiosk = test.auth.create_kiosk(&admin, other, "Till 1").await.unwrap().kiosk;
        let page = PageRequest { before: None, limit: 10 };
        assert!(matches!(
            test.auth.list_kiosks(&clerk, other, page).await,
            Err(AuthError::NotFound { what: "store", .. })
        ));
        assert!(test.auth.list_kiosks(&clerk, own, page).await.unwrap().data.is_empty());
        assert!(matches!(test.auth.create_kiosk(&clerk, own, "x").await, Err(AuthError::Forbidden(_))));
        assert!(matches!(test.auth.revoke_kiosk(&admin, own, kiosk.id).await, Err(AuthError::NotFound { .. })));
    }
}
