//! Plain types that the whole house shares: identifiers, time stamps, money, checked text and roles.
//!
//! Nothing here does I/O, knows a database or knows HTTP. A value of one of these types is valid by construction: what
//! comes from outside is parsed at the edge, and the parse error says which field was wrong and why.

mod code;
mod discount;
mod ids;
mod money;
mod page;
mod payment;
mod photo;
mod role;
mod seal;
mod series;
mod text;
mod time;
mod time_zone;
mod verdict;

pub use code::{readable_code, tidy_code};
pub use discount::{Discount, LARGEST_RATE, tax_rate};
pub use ids::{
    AlertId, AttemptId, DeliveryId, ImageId, IntegrityReportId, ItemId, KioskId, OrderId, PaymentId, PlaceholderId,
    PriceId, ProductId, RecognitionId, RefundId, SessionId, StoreId, SwitchId, TokenId, UserId, ZReportId,
};
pub use money::{Currency, Money};
pub use page::{GappedPage, Page, PageRequest};
pub use payment::{OrderState, PaymentMethod};
pub use photo::{Photo, PhotoFault};
pub use role::{Actor, Caller, Role};
pub use seal::Seal;
pub use series::Series;
pub use text::{InvalidField, barcode, line, optional_line, username};
pub use time::Timestamp;
pub use time_zone::TimeZone;
pub use verdict::Verdict;
