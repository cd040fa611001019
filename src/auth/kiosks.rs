//! Kiosks: made by an admin, enrolled by a one-time code, known by a key, revoked.
//!
//! The code is what a person types on the device; it dies with its use or after an hour. The key never leaves the device.
//! A revoked key is refused from the next request on, by every server.

use serde_json::json;

use super::stores::{LONGEST_NAME, served_store};
use super::{Auth, AuthError, EnrolledKiosk, KioskView, NewKiosk, require_admin, secrets};
use crate::db::kiosks::KioskRow;
use crate::db::{audit, kiosks};
use crate::domain::{Actor, Caller, KioskId, Page, PageRequest, Role, StoreId, line};

impl Auth {
    /// Makes a kiosk and the code that turns a device into it. For admins.
    pub async fn create_kiosk(&self, caller: &Caller, store: StoreId, name: &str) -> Result<NewKiosk, AuthError> {
        require_admin(caller)?;
        let now = self.0.clock.now();
        let code = secrets::code()?;
        let hash = secrets::code_hash(&code).ok_or_else(|| AuthError::Internal("a code without a hash".to_owned()))?;
        let row = KioskRow {
            id: KioskId::at(now),
            store_id: store,
            name: line("name", name, LONGEST_NAME)?,
            enrolment_expires_at: Some(now.plus_seconds(self.0.enrolment_s)),
            enrolled_at: None,
            revoked_at: None,
            created_at: now,
        };
        let mut tx = self.0.db.begin().await?;
        served_store(&mut tx, caller, store).await?;
        kiosks::insert(&mut tx, &row, &hash).await?;
        let (subject, details) = (row.id.to_string(), json!({"store_id": store, "name": row.name}));
        audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "kiosk.create", subject, details }).await?;
        tx.commit().await?;
        Ok(NewKiosk { kiosk: KioskView::at(now, row), enrolment_code: code.into() })
    }

    /// Kiosks of a store, newest first, for the people who serve in it.
    pub async fn kiosks(
        &self,
        caller: &Caller,
        store: StoreId,
        page: PageRequest,
    ) -> Result<Page<KioskView>, AuthError> {
        require_staff(caller)?;
        let mut reader = self.0.db.read().await?;
        served_store(&mut reader, caller, store).await?;
        let now = self.0.clock.now();
        let rows = kiosks::list(&mut reader, store, page).await?;
        Ok(Page::cut(rows, page, |row| row.id.uuid()).map(|row| KioskView::at(now, row)))
    }

    /// Ends a kiosk's key, or its code where that was not used yet. Revoking twice changes nothing. For admins.
    pub async fn revoke_kiosk(&self, caller: &Caller, store: StoreId, id: KioskId) -> Result<KioskView, AuthError> {
        require_admin(caller)?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        kiosks::find(&mut tx, store, id).await?.ok_or_else(|| no_kiosk(id))?;
        if kiosks::revoke(&mut tx, id, now).await? {
            let (subject, details) = (id.to_string(), json!({"store_id": store}));
            audit::append(&mut tx, audit::AuditEntry { at: now, caller, action: "kiosk.revoke", subject, details })
                .await?;
        }
        let row = kiosks::find(&mut tx, store, id).await?.ok_or_else(|| no_kiosk(id))?;
        tx.commit().await?;
        Ok(KioskView::at(now, row))
    }

    /// Trades a one-time code for a device key. Open to everybody who has a code; wrong ones count against the address.
    pub async fn enrol(&self, code: &str, address: Option<&str>) -> Result<EnrolledKiosk, AuthError> {
        let suspect = self.0.throttle.suspect(None, address);
        self.0.throttle.admit(&suspect).await?;
        let now = self.0.clock.now();
        let key = secrets::kiosk_key()?;
        if let Some(code_hash) = secrets::code_hash(code) {
            let mut tx = self.0.db.begin().await?;
            if let Some(row) = kiosks::enrol(&mut tx, &code_hash, &secrets::token_hash(&key), now).await? {
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
        self.0.throttle.failed(&suspect).await?;
        Err(AuthError::EnrolmentRefused)
    }
}

/// Lets clerks, admins and the server itself pass; which store is asked elsewhere.
fn require_staff(caller: &Caller) -> Result<(), AuthError> {
    match caller.actor {
        Actor::System | Actor::CommandLine | Actor::Person { role: Role::Admin | Role::Clerk, .. } => Ok(()),
        Actor::Person { role: Role::User, .. } | Actor::Kiosk { .. } => {
            Err(AuthError::Forbidden("only staff may look at kiosks"))
        }
    }
}

fn no_kiosk(id: KioskId) -> AuthError {
    AuthError::NotFound { what: "kiosk", id: id.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::TestAuth;
    use super::super::{KioskStatus, TokenFault};
    use super::*;

    #[tokio::test]
    async fn a_code_makes_one_device_a_kiosk_until_it_is_revoked() {
        let home = TestAuth::new().await;
        let (admin, store) = (home.admin().await, home.store_named("Main Street").await);
        let new = home.auth.create_kiosk(&admin, store, "Till 1").await.unwrap();
        assert_eq!(new.kiosk.status, KioskStatus::Pending);
        let enrolled = home.auth.enrol(&new.enrolment_code.expose().to_lowercase(), Some("192.0.2.7")).await.unwrap();
        assert_eq!((enrolled.kiosk_id, enrolled.store_id), (new.kiosk.id, store));
        let twice = home.auth.enrol(new.enrolment_code.expose(), None).await;
        assert!(matches!(twice, Err(AuthError::EnrolmentRefused)));

        let identity = home.auth.authenticate(enrolled.key.expose()).await.unwrap();
        assert_eq!(identity.actor, Actor::Kiosk { id: new.kiosk.id, store });
        let device = Caller { actor: identity.actor, address: None };
        let page = PageRequest { before: None, limit: 10 };
        assert!(matches!(home.auth.kiosks(&device, store, page).await, Err(AuthError::Forbidden(_))));
        let listed = home.auth.kiosks(&admin, store, page).await.unwrap();
        assert_eq!(listed.data[0].status, KioskStatus::Enrolled);

        let revoked = home.auth.revoke_kiosk(&admin, store, new.kiosk.id).await.unwrap();
        assert_eq!(revoked.status, KioskStatus::Revoked);
        assert_eq!(home.auth.revoke_kiosk(&admin, store, new.kiosk.id).await.unwrap(), revoked);
        let refused = home.auth.authenticate(enrolled.key.expose()).await;
        assert!(matches!(refused, Err(AuthError::TokenInvalid(TokenFault::KioskUnknown))));
        assert_eq!(home.audited().await, ["store.create", "kiosk.create", "kiosk.enrol", "kiosk.revoke"]);
    }

    #[tokio::test]
    async fn two_devices_with_one_code_give_one_kiosk() {
        let home = TestAuth::new().await;
        let (admin, store) = (home.admin().await, home.store_named("Main Street").await);
        let new = home.auth.create_kiosk(&admin, store, "Till 1").await.unwrap();
        let tries = (0..8).map(|_| home.auth.enrol(new.enrolment_code.expose(), None));
        let outcomes = futures_util::future::join_all(tries).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    }

    #[tokio::test]
    async fn codes_expire_die_with_their_kiosk_and_cannot_be_guessed_for_long() {
        let home = TestAuth::with("limits.login_failures = 1").await;
        let (admin, store) = (home.admin().await, home.store_named("Main Street").await);
        let late = home.auth.create_kiosk(&admin, store, "Late").await.unwrap();
        let dead = home.auth.create_kiosk(&admin, store, "Dead").await.unwrap();
        home.auth.revoke_kiosk(&admin, store, dead.kiosk.id).await.unwrap();
        assert!(home.auth.enrol(dead.enrolment_code.expose(), None).await.is_err());
        home.clock.advance(home.settings.tokens.enrolment_s);
        assert!(matches!(home.auth.enrol(late.enrolment_code.expose(), None).await, Err(AuthError::EnrolmentRefused)));
        let page = PageRequest { before: Some(dead.kiosk.id.uuid()), limit: 1 };
        assert_eq!(home.auth.kiosks(&admin, store, page).await.unwrap().data[0].status, KioskStatus::Expired);
        for _ in 0..5 {
            let wrong = home.auth.enrol("ABCDE-ABCDE-ABCDE-ABCDE", Some("192.0.2.9")).await;
            assert!(matches!(wrong, Err(AuthError::EnrolmentRefused)));
        }
        let throttled = home.auth.enrol("no code", Some("192.0.2.9")).await;
        assert!(matches!(throttled, Err(AuthError::Throttled { .. })));
    }

    #[tokio::test]
    async fn a_kiosk_is_found_only_in_its_own_store_and_by_its_own_staff() {
        let home = TestAuth::new().await;
        let admin = home.admin().await;
        let (own, other) = (home.store_named("Own").await, home.store_named("Other").await);
        let clerk = home.clerk("bob", own).await;
        let kiosk = home.auth.create_kiosk(&admin, other, "Till 1").await.unwrap().kiosk;
        let page = PageRequest { before: None, limit: 10 };
        assert!(matches!(home.auth.kiosks(&clerk, other, page).await, Err(AuthError::NotFound { what: "store", .. })));
        assert!(home.auth.kiosks(&clerk, own, page).await.unwrap().data.is_empty());
        assert!(matches!(home.auth.create_kiosk(&clerk, own, "x").await, Err(AuthError::Forbidden(_))));
        assert!(matches!(home.auth.revoke_kiosk(&admin, own, kiosk.id).await, Err(AuthError::NotFound { .. })));
    }
}
