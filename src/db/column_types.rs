//! How the domain's types are stored: identifiers as UUIDs, times as integers, words as text.
//!
//! Implemented here and not with the types, so that `domain` does not depend on a database.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};
use uuid::Uuid;

use super::blobs::ContentHash;
use crate::domain::{
    AlertEvent, AlertId, AlertRule, AlertSeverity, AlertState, AttemptId, ChangeKind, CheckDepth, Currency, DeliveryId,
    DeliveryState, ImageId, IntegrityReportId, ItemId, JobId, JobStatus, KioskId, LogAction, LogLevel, MissedRuns,
    OrderId, OrderState, PauseKind, PaymentId, PaymentMethod, PlaceholderId, PriceId, ProductId, RecognitionId,
    RefundId, RefundKind, RevisedField, Role, ScheduleId, ScheduleKind, Series, SessionId, SessionStatus, SinkKind,
    Stage, StoreId, SwitchId, SwitchState, TaskId, TaskLogId, TaskStatus, TaskType, TimeZone, Timestamp, TokenId,
    UserId, ZReportId, ZReportSection,
};

/// `Type` is stored as `Inner`; `|value| → Inner` encodes it, `|inner| → Result<Type, _>` decodes it.
macro_rules! stored_as {
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

macro_rules! ids_stored_as_uuids {
    ($($id:ty),+ $(,)?) => { stored_as! {$( $id as Uuid: |id| id.uuid(), |raw| Ok(raw.into()); )+} };
}

ids_stored_as_uuids!(
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
    PlaceholderId,
    TaskId,
    JobId,
    TaskLogId,
    ScheduleId
);

stored_as! {
    Timestamp as i64: |time| time.micros(), |raw| Ok(Timestamp::from_micros(raw));
    ContentHash as Vec<u8>: |hash| hash.to_vec(), |raw| Ok(ContentHash::try_from(raw)?);
    TimeZone as String: |zone| zone.name().to_owned(), |raw| Ok(TimeZone::try_from(raw)?);
    Currency as String: |currency| currency.code().to_owned(), |raw| Ok(Currency::try_from(raw)?);
}

/// Enums of `domain::text_enum!` are stored as their word; the error about an unknown word names the columns.
macro_rules! text_enums_in {
    ($($column:literal: $type:ty;)+) => {$(
        impl<DB: Database> Type<DB> for $type
        where
            str: Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <str as Type<DB>>::type_info()
            }

            fn compatible(ty: &DB::TypeInfo) -> bool {
                <str as Type<DB>>::compatible(ty)
            }
        }

        impl<'q, DB: Database> Encode<'q, DB> for $type
        where
            &'q str: Encode<'q, DB>,
        {
            fn encode_by_ref(&self, buf: &mut <DB as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                <&'q str as Encode<'q, DB>>::encode(self.as_str(), buf)
            }
        }

        impl<'r, DB: Database> Decode<'r, DB> for $type
        where
            &'r str: Decode<'r, DB>,
        {
            fn decode(value: <DB as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
                let word = <&'r str as Decode<'r, DB>>::decode(value)?;
                word.parse().map_err(|unknown: String| format!(concat!($column, ": {}"), unknown).into())
            }
        }
    )+};
}

text_enums_in! {
    "users.role": Role;
    "number_series.series": Series;
    "checkout_sessions.status": SessionStatus;
    "bill_revisions.field": RevisedField;
    "order_states.state": OrderState;
    "payments.method, refunds.method or z_report_lines.method": PaymentMethod;
    "refunds.kind": RefundKind;
    "z_report_lines.section": ZReportSection;
    "integrity_reports.depth": CheckDepth;
    "model_switches.state": SwitchState;
    "catalog_changes.kind": ChangeKind;
    "alerts.rule": AlertRule;
    "alerts.severity": AlertSeverity;
    "alerts.state": AlertState;
    "alert_deliveries.sink": SinkKind;
    "alert_deliveries.event": AlertEvent;
    "alert_deliveries.state": DeliveryState;
    "tasks.type or task_queue.type": TaskType;
    "tasks.status": TaskStatus;
    "task_queue.stage or task_logs.stage": Stage;
    "task_queue.status": JobStatus;
    "task_logs.level": LogLevel;
    "task_logs.action": LogAction;
    "task_pauses.kind": PauseKind;
    "task_schedules.kind": ScheduleKind;
    "task_schedules.missed": MissedRuns;
}

/// Decodes a row, or says which of its values cannot be read, so that one damaged row does not hide the rest of a list.
pub(super) fn decode_or_reason<'r, R: sqlx::Row, T: sqlx::FromRow<'r, R>>(
    row: &'r R,
) -> sqlx::Result<Result<T, String>> {
    match T::from_row(row) {
        Ok(row) => Ok(Ok(row)),
        Err(unreadable @ sqlx::Error::ColumnDecode { .. }) => Ok(Err(unreadable.to_string())),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;

    #[tokio::test]
    async fn an_unknown_word_is_named_with_its_table_and_column() {
        let mut connection = sqlx::SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let mut read = async |word: &str| {
            let found: sqlx::Result<(AlertSeverity,)> =
                sqlx::query_as("SELECT $1 AS severity").bind(word.to_owned()).fetch_one(&mut connection).await;
            found.map(|(severity,)| severity).map_err(|error| error.to_string())
        };
        assert_eq!(read("critical").await, Ok(AlertSeverity::Critical));
        let error = read("mild").await.unwrap_err();
        assert!(
            error.ends_with("alerts.severity: \"mild\" is not an alert severity; there are warning, critical"),
            "{error}"
        );
    }
}
