//! Calls for staff: a shopper at a kiosk asks for help, staff see it and end it, or the shopper takes it back.

use serde_json::json;

use super::kiosks::{kiosk_not_found, require_staff};
use super::stores::find_served_store;
use super::{Auth, AuthError, OwnKiosk, StaffCallView};
use crate::db::{audit, kiosks, staff_calls};
use crate::domain::{Actor, Caller, KioskId, StoreId};

impl Auth {
    /// The calling kiosk calls for staff. Calling twice is one call, since the first time.
    pub async fn call_staff(&self, caller: &Caller) -> Result<OwnKiosk, AuthError> {
        let id = own_id(caller)?;
        let mut tx = self.0.db.begin().await?;
        staff_calls::begin(&mut tx, id, self.0.clock.now()).await?;
        tx.commit().await?;
        self.get_own_kiosk(caller).await
    }

    /// The calling kiosk takes its call back.
    pub async fn take_back_staff_call(&self, caller: &Caller) -> Result<OwnKiosk, AuthError> {
        let id = own_id(caller)?;
        let mut tx = self.0.db.begin().await?;
        staff_calls::end(&mut tx, id).await?;
        tx.commit().await?;
        self.get_own_kiosk(caller).await
    }

    /// Ends a kiosk's call. One that has ended already stays so. For the store's staff.
    pub async fn end_staff_call(&self, caller: &Caller, store: StoreId, id: KioskId) -> Result<(), AuthError> {
        require_staff(caller)?;
        let now = self.0.clock.now();
        let mut tx = self.0.db.begin().await?;
        find_served_store(&mut tx, caller, store).await?;
        let kiosk = kiosks::find(&mut tx, store, id).await?.ok_or_else(|| kiosk_not_found(id))?;
        if staff_calls::end(&mut tx, id).await? {
            let details = json!({"store_id": store, "name": kiosk.name, "called_at": kiosk.staff_called_at});
            let (subject, action) = (id.to_string(), "kiosk.end-staff-call");
            audit::append(&mut tx, audit::AuditEntry { at: now, caller, action, subject, details }).await?;
        }
        Ok(tx.commit().await?)
    }

    /// The kiosks that call for staff now, in the stores that the caller serves. For staff.
    pub async fn list_staff_calls(&self, caller: &Caller) -> Result<Vec<StaffCallView>, AuthError> {
        require_staff(caller)?;
        let store = match caller.actor {
            Actor::Person { store, .. } => store,
            Actor::System | Actor::CommandLine | Actor::Kiosk { .. } => None,
        };
        let rows = staff_calls::list(&mut self.0.db.read().await?, store).await?;
        Ok(rows.into_iter().filter(|row| caller.actor.serves(row.store_id)).map(StaffCallView::from).collect())
    }
}

fn own_id(caller: &Caller) -> Result<KioskId, AuthError> {
    caller.actor.kiosk_id().ok_or(AuthError::Forbidden("Only a kiosk can call for staff."))
}
