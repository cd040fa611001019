//! Plain types that all modules share: ids, times, money, parsed text, states and roles.
//!
//! Nothing here does I/O or knows a database or HTTP. Values are valid by construction: input is parsed at the edge, and
//! the error names the field and what is wrong with it.

mod alert;
mod automation;
mod barcode;
mod business_day;
mod cash;
mod catalog_change;
mod code;
mod discount;
mod file_name;
mod given_numbers;
mod ids;
mod io_fault;
mod local_period;
mod model_switch;
mod money;
mod network;
mod order;
mod page;
mod photo;
mod region;
mod role;
mod schedule;
mod seal;
mod series;
mod text;
mod text_enum;
mod time;
mod time_zone;
mod value_fault;
mod verdict;

pub use alert::{AlertEvent, AlertRule, AlertSeverity, AlertState, CheckDepth, DeliveryState, SinkKind};
pub use automation::{
    JobStatus, LogAction, LogLevel, MediaMode, MissedRuns, PauseKind, ScheduleKind, Stage, TaskStatus, TaskTab,
    TaskType,
};
pub use barcode::{check_gtin, normalize_barcode};
pub use business_day::{BusinessDays, format_day_start, parse_day_start};
pub use cash::{cash_rounding, parse_cash_step};
pub use catalog_change::ChangeKind;
pub use code::{generate_code, parse_code};
pub use discount::{Discount, RATE_BP_MAX, parse_tax_rate};
pub use file_name::decode_file_name;
pub use given_numbers::{GivenNumber, GivenNumbers};
pub use ids::{
    AlertId, AttemptId, DeliveryId, ImageId, IntegrityReportId, ItemId, JobId, KioskId, OrderId, PaymentId,
    PlaceholderId, PriceId, ProductId, RecognitionId, RefundId, ScheduleId, SessionId, StoreId, SwitchId, TaskId,
    TaskLogId, TokenId, UserId, ZReportId, sort_new_ids_after,
};
pub use io_fault::describe_io_error;
pub use local_period::{LocalUnit, OffsetSpan};
pub use model_switch::SwitchState;
pub use money::{Currency, Money};
pub use network::network_of;
pub use order::{OrderState, PaymentMethod, RefundKind, RevisedField, SessionStatus, ZReportSection};
pub use page::{GappedPage, Page, PageRequest};
pub use photo::{Photo, PhotoFault};
pub use region::Region;
pub use role::{Actor, Caller, Role};
pub use schedule::ScheduleRule;
pub use seal::Seal;
pub use series::Series;
pub use text::{
    InvalidField, parse_barcode, parse_line, parse_optional_line, parse_username, read_cell, to_nfc, write_cell,
};
pub(crate) use text_enum::text_enum;
pub use time::Timestamp;
pub use time_zone::TimeZone;
pub use value_fault::{ValueFault, describe_json_syntax, list_alternatives};
pub use verdict::{Verdict, VerdictLimits};
