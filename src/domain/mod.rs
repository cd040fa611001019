//! Plain types that the whole house shares: identifiers, time stamps, money, checked text and roles.
//!
//! Nothing here does I/O, knows a database or knows HTTP. A value of one of these types is valid by construction: what
//! comes from outside is parsed at the edge, and the parse error says which field was wrong and why.

mod alert;
mod code;
mod discount;
mod ids;
mod money;
mod order;
mod page;
mod photo;
mod role;
mod seal;
mod series;
mod text;
mod text_enum;
mod time;
mod time_zone;
mod verdict;

pub use alert::{AlertEvent, AlertRule, AlertSeverity, AlertState, CheckDepth, DeliveryState, SinkKind};
pub use code::{readable_code, tidy_code};
pub use discount::{Discount, LARGEST_RATE, tax_rate};
pub use ids::{
    AlertId, AttemptId, DeliveryId, ImageId, IntegrityReportId, ItemId, KioskId, OrderId, PaymentId, PlaceholderId,
    PriceId, ProductId, RecognitionId, RefundId, SessionId, StoreId, SwitchId, TokenId, UserId, ZReportId,
};
pub use money::{Currency, Money};
pub use order::{OrderState, PaymentMethod, RefundKind, SessionStatus, ZReportSection};
pub use page::{GappedPage, Page, PageRequest};
pub use photo::{Photo, PhotoFault};
pub use role::{Actor, Caller, Role};
pub use seal::Seal;
pub use series::Series;
pub use text::{InvalidField, barcode, line, optional_line, username};
pub(crate) use text_enum::text_enum;
pub use time::Timestamp;
pub use time_zone::TimeZone;
pub use verdict::Verdict;
