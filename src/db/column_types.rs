//! How the domain's types are kept: identifiers as UUIDs, times as integers, words as text.
//!
//! Implemented here and not beside the types, so that `domain` need not know a database.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};
use uuid::Uuid;

use super::blobs::ContentHash;
use super::catalog_changes::ChangeKind;
use super::model_switches::SwitchState;
use crate::domain::{
    AlertId, AttemptId, Currency, DeliveryId, ImageId, IntegrityReportId, ItemId, KioskId, OrderId, OrderState,
    PaymentId, PaymentMethod, PlaceholderId, PriceId, ProductId, RecognitionId, RefundId, Role, SessionId, StoreId,
    SwitchId, TimeZone, Timestamp, TokenId, UserId, ZReportId,
};

/// `Type` is kept as `Inner`; `|value| → Inner` writes it, `|inner| → Result<Type, _>` reads it.
macro_rules! kept_as {
    ($($type:ty as $inner:ty: |$value:ident| $write:expr, |$raw:ident| $read:expr;)+) => {$(
        impl<DB: Database> Type<DB> for $type
        where
            $inner: Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <$inner as Type<DB>>::type_info()
            }

            fn compatible(ty: &DB::TypeInfo) -> bool {
                <$inner as Type<DB>>::compatible(ty)
            }
        }

        impl<'q, DB: Database> Encode<'q, DB> for $type
        where
            $inner: Encode<'q, DB>,
        {
            fn encode_by_ref(&self, buf: &mut <DB as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                let $value = self;
                <$inner as Encode<'q, DB>>::encode($write, buf)
            }
        }

        impl<'r, DB: Database> Decode<'r, DB> for $type
        where
            $inner: Decode<'r, DB>,
        {
            fn decode(value: <DB as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
                let $raw = <$inner as Decode<'r, DB>>::decode(value)?;
                $read
            }
        }
    )+};
}

macro_rules! ids_kept_as_uuids {
    ($($id:ty),+ $(,)?) => { kept_as! {$( $id as Uuid: |id| id.uuid(), |raw| Ok(raw.into()); )+} };
}

ids_kept_as_uuids!(
    UserId,
    TokenId,
    AttemptId,
    StoreId,
    KioskId,
    ProductId,
    PriceId,
    ImageId,
    SessionId,
    ItemId,
    RecognitionId,
    OrderId,
    SwitchId,
    PaymentId,
    RefundId,
    ZReportId,
    IntegrityReportId,
    AlertId,
    DeliveryId,
    PlaceholderId
);

kept_as! {
    Timestamp as i64: |time| time.micros(), |raw| Ok(Timestamp::from_micros(raw));
    Role as String: |role| role.as_str().to_owned(), |raw| Ok(Role::try_from(raw)?);
    SwitchState as String: |state| state.as_str().to_owned(), |raw| Ok(SwitchState::try_from(raw)?);
    ChangeKind as String: |kind| kind.as_str().to_owned(), |raw| Ok(ChangeKind::try_from(raw)?);
    ContentHash as Vec<u8>: |hash| hash.to_vec(), |raw| Ok(ContentHash::try_from(raw)?);
    PaymentMethod as String: |method| method.as_str().to_owned(), |raw| Ok(PaymentMethod::try_from(raw)?);
    OrderState as String: |state| state.as_str().to_owned(), |raw| Ok(OrderState::try_from(raw)?);
    TimeZone as String: |zone| zone.name().to_owned(), |raw| Ok(TimeZone::try_from(raw)?);
    Currency as String: |currency| currency.code().to_owned(), |raw| Ok(Currency::try_from(raw)?);
}

/// A row, or which of its values cannot be read: for lists in which one value that somebody edited by hand must not hide the
/// rows beside it.
pub(super) fn if_readable<'r, R: sqlx::Row, T: sqlx::FromRow<'r, R>>(row: &'r R) -> sqlx::Result<Result<T, String>> {
    match T::from_row(row) {
        Ok(row) => Ok(Ok(row)),
        Err(unreadable @ sqlx::Error::ColumnDecode { .. }) => Ok(Err(unreadable.to_string())),
        Err(error) => Err(error),
    }
}
