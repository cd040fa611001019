//! What the service tells about people, stores and kiosks. Hashes and epochs are not among it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secrets::IssuedSecret;
use crate::db::kiosks::KioskRow;
use crate::db::stores::StoreRow;
use crate::db::users::UserRow;
use crate::domain::{Currency, KioskId, Role, StoreId, TimeZone, Timestamp, UserId};

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// Its identifier.
    pub id: UserId,
    /// The name to sign in with.
    #[schema(examples("ann.lee"))]
    pub username: String,
    /// What the person may do.
    pub role: Role,
    /// The store a clerk works in; `null` for everybody else.
    pub store_id: Option<StoreId>,
    /// Whether the account is shut.
    pub disabled: bool,
    /// Whether the password must be changed before anything else is allowed.
    pub must_change_password: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// A session that has just begun or gone on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenPair {
    /// Sent as `Authorization: Bearer` with each request.
    #[schema(value_type = String)]
    pub access_token: IssuedSecret,
    /// Good for one refresh; the reply holds the next one.
    #[schema(value_type = String)]
    pub refresh_token: IssuedSecret,
    /// Always `Bearer`.
    #[schema(examples("Bearer"))]
    pub token_type: String,
    /// Seconds that the access token is good for.
    #[schema(examples(600))]
    pub expires_in: i64,
    /// Whose session it is.
    pub user: UserView,
}

/// A shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoreView {
    /// Its identifier.
    pub id: StoreId,
    /// What people call it.
    #[schema(examples("Main Street"))]
    pub name: String,
    /// The currency of its bills.
    pub currency: Currency,
    /// Its days and months begin by the clocks there.
    pub time_zone: TimeZone,
    /// Whether prices contain the tax; otherwise it comes on top.
    pub prices_include_tax: bool,
    /// Whether its numbers are kept for an authority: its records are never renumbered.
    pub fiscal: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What can be done with a kiosk at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KioskStatus {
    /// Waits for its one-time code.
    Pending,
    /// Its code expired unused: make another kiosk.
    Expired,
    /// Has its key.
    Enrolled,
    /// Its key is no longer good.
    Revoked,
}

/// A device in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KioskView {
    /// Its identifier.
    pub id: KioskId,
    /// Where it stands.
    pub store_id: StoreId,
    /// What people call it.
    #[schema(examples("Till 1"))]
    pub name: String,
    /// What can be done with it.
    pub status: KioskStatus,
    /// Until when its code can be used; `null` once it was.
    pub enrolment_expires_at: Option<Timestamp>,
    /// When the device got its key.
    pub enrolled_at: Option<Timestamp>,
    /// When its key stopped being good.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A kiosk that was just made, with the code that makes a device it. The code is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewKiosk {
    /// The kiosk.
    #[serde(flatten)]
    pub kiosk: KioskView,
    /// To be typed on the device, once.
    #[schema(value_type = String, examples("K7QW2-9M4HX-TR8PA-3CZVB"))]
    pub enrolment_code: IssuedSecret,
}

/// What a device gets for its code. The key is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolledKiosk {
    /// Which kiosk the device now is.
    pub kiosk_id: KioskId,
    /// The store it stands in.
    pub store_id: StoreId,
    /// What people call it.
    pub name: String,
    /// Sent as `Authorization: Bearer` with each request.
    #[schema(value_type = String)]
    pub key: IssuedSecret,
}

impl From<&UserRow> for UserView {
    fn from(row: &UserRow) -> Self {
        Self {
            id: row.id,
            username: row.username.clone(),
            role: row.role,
            store_id: row.store_id,
            disabled: row.disabled,
            must_change_password: row.must_change_password,
            created_at: row.created_at,
        }
    }
}

impl From<StoreRow> for StoreView {
    fn from(row: StoreRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            currency: row.currency,
            time_zone: row.time_zone,
            prices_include_tax: row.prices_include_tax,
            fiscal: row.fiscal,
            created_at: row.created_at,
        }
    }
}

impl KioskView {
    /// What `row` looks like at `now`.
    pub(super) fn at(now: Timestamp, row: KioskRow) -> Self {
        let status = match (row.revoked_at, row.enrolled_at, row.enrolment_expires_at) {
            (Some(_), _, _) => KioskStatus::Revoked,
            (None, Some(_), _) => KioskStatus::Enrolled,
            (None, None, Some(until)) if until > now => KioskStatus::Pending,
            (None, None, _) => KioskStatus::Expired,
        };
        Self {
            id: row.id,
            store_id: row.store_id,
            name: row.name,
            status,
            enrolment_expires_at: row.enrolment_expires_at,
            enrolled_at: row.enrolled_at,
            revoked_at: row.revoked_at,
            created_at: row.created_at,
        }
    }
}
