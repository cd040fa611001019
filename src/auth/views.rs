//! Views of people, stores and kiosks: what clients may see. Hashes and epochs stay inside.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::secrets::IssuedSecret;
use crate::db::kiosk_empty_views::EmptyViewSummaryRow;
use crate::db::kiosks::KioskRow;
use crate::db::staff_calls::StaffCallRow;
use crate::db::stores::StoreRow;
use crate::db::users::UserRow;
use crate::domain::{Currency, KioskId, Role, StoreId, TimeZone, Timestamp, UserId, format_day_start};

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    pub id: UserId,
    #[schema(examples("ann.lee"))]
    pub username: String,
    pub role: Role,
    /// The store of a clerk; `null` for other roles.
    pub store_id: Option<StoreId>,
    /// A disabled account cannot sign in.
    pub disabled: bool,
    /// Whether the person must change the password before doing anything else.
    pub must_change_password: bool,
    pub created_at: Timestamp,
}

/// An account in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ListedUser {
    #[serde(flatten)]
    pub user: UserView,
    /// When the person last sent a request, to half a minute; `null` if they never did.
    pub last_seen_at: Option<Timestamp>,
}

/// The tokens of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenPair {
    /// To be sent as `Authorization: Bearer` with each request.
    #[schema(value_type = String)]
    pub access_token: IssuedSecret,
    /// Valid for one refresh; the reply contains the next one. `null` if the disk is full: then sign in again, or refresh
    /// with the token that you have, when the access token expires.
    #[schema(value_type = Option<String>)]
    pub refresh_token: Option<IssuedSecret>,
    /// Always `Bearer`.
    #[schema(examples("Bearer"))]
    pub token_type: String,
    /// Seconds until the access token expires.
    #[schema(examples(600))]
    pub expires_in: i64,
    pub user: UserView,
}

/// A store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StoreView {
    pub id: StoreId,
    #[schema(examples("Main Street"))]
    pub name: String,
    /// The currency of all bills.
    pub currency: Currency,
    /// Days and months are those of this time zone.
    pub time_zone: TimeZone,
    /// Whether prices include the tax; otherwise it is added.
    pub prices_include_tax: bool,
    /// Whether an authority audits the numbers: records of a fiscal store are never renumbered.
    pub fiscal: bool,
    /// Printed on receipts.
    #[schema(examples("1 Main Street, Springfield"))]
    pub address: Option<String>,
    /// Printed on receipts.
    #[schema(examples("DE123456789"))]
    pub tax_number: Option<String>,
    /// What cash is rounded to, in minor units of the currency; 1 if it is not rounded.
    #[schema(examples(5))]
    pub cash_rounding: i64,
    /// When its business days begin, in its time zone.
    #[schema(examples("00:00"))]
    pub day_starts_at: String,
    pub created_at: Timestamp,
}

/// The state of a kiosk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KioskStatus {
    /// Waits for a device to enrol with the code.
    Pending,
    /// The code expired unused. Create another kiosk.
    Expired,
    /// A device has the key.
    Enrolled,
    /// The key or the code is refused.
    Revoked,
}

/// A device in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KioskView {
    pub id: KioskId,
    pub store_id: StoreId,
    #[schema(examples("Till 1"))]
    pub name: String,
    pub status: KioskStatus,
    /// When the code expires; `null` once it was used.
    pub enrolment_expires_at: Option<Timestamp>,
    pub enrolled_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    /// Since when an admin keeps it closed; `null` if it is open. A closed kiosk begins nothing.
    pub closed_at: Option<Timestamp>,
    /// Since when it calls for staff; `null` if it does not.
    pub staff_called_at: Option<Timestamp>,
    /// When it last sent a request, to half a minute; `null` if it never did. Only in lists.
    pub last_seen_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// What its camera sees when nothing lies before it; `null` if that was not set.
    pub empty_view: Option<KioskEmptyView>,
}

/// A change of a kiosk. `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct KioskChange {
    pub name: Option<String>,
    pub closed: Option<bool>,
}

/// The empty view of a kiosk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KioskEmptyView {
    /// Pixels of the picture that was sent.
    pub width: i64,
    /// Pixels of the picture that was sent.
    pub height: i64,
    pub set_at: Timestamp,
    /// Since when frames show that the camera was moved or covered; `null` if they do not. Set the view again then.
    pub camera_moved_at: Option<Timestamp>,
}

impl From<EmptyViewSummaryRow> for KioskEmptyView {
    fn from(row: EmptyViewSummaryRow) -> Self {
        let EmptyViewSummaryRow { width, height, set_at, camera_moved_at, .. } = row;
        Self { width, height, set_at, camera_moved_at }
    }
}

/// A new kiosk with its enrolment code. The code is shown only once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewKiosk {
    #[serde(flatten)]
    pub kiosk: KioskView,
    /// To be typed on the device. Valid once.
    #[schema(value_type = String, examples("K7QW2-9M4HX-TR8PA-3CZVB"))]
    pub enrolment_code: IssuedSecret,
}

/// A newly enrolled device with its key. The key is shown only once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolledKiosk {
    pub kiosk_id: KioskId,
    pub store_id: StoreId,
    pub name: String,
    /// To be sent as `Authorization: Bearer` with each request.
    #[schema(value_type = String)]
    pub key: IssuedSecret,
}

/// A kiosk as it sees itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OwnKiosk {
    pub id: KioskId,
    #[schema(examples("Till 1"))]
    pub name: String,
    pub store_id: StoreId,
    pub store_name: String,
    /// The store's.
    pub time_zone: TimeZone,
    /// The currency of its bills.
    pub currency: Currency,
    /// Since when an admin keeps it closed; `null` if it is open.
    pub closed_at: Option<Timestamp>,
    /// Since when it calls for staff; `null` if it does not, or if staff have ended the call.
    pub staff_called_at: Option<Timestamp>,
    /// What its camera sees when nothing lies before it; `null` if that was not set.
    pub empty_view: Option<KioskEmptyView>,
}

/// A kiosk that calls for staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StaffCallView {
    pub kiosk_id: KioskId,
    #[schema(examples("Till 1"))]
    pub kiosk_name: String,
    pub store_id: StoreId,
    #[schema(examples("Main Street"))]
    pub store_name: String,
    /// The store's.
    pub time_zone: TimeZone,
    pub called_at: Timestamp,
}

impl From<StaffCallRow> for StaffCallView {
    fn from(row: StaffCallRow) -> Self {
        let StaffCallRow { kiosk_id, kiosk_name, store_id, store_name, time_zone, called_at } = row;
        Self { kiosk_id, kiosk_name, store_id, store_name, time_zone, called_at }
    }
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
            cash_rounding: row.cash_step(),
            day_starts_at: format_day_start(row.day_starts_min),
            id: row.id,
            name: row.name,
            currency: row.currency,
            time_zone: row.time_zone,
            prices_include_tax: row.prices_include_tax,
            fiscal: row.fiscal,
            address: row.address,
            tax_number: row.tax_number,
            created_at: row.created_at,
        }
    }
}

impl KioskView {
    /// Without the empty view. The status depends on the time: a code expires.
    pub(super) fn from_row(row: KioskRow, now: Timestamp) -> Self {
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
            closed_at: row.closed_at,
            staff_called_at: row.staff_called_at,
            last_seen_at: None,
            created_at: row.created_at,
            empty_view: None,
        }
    }
}
