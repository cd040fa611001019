//! The statements of a confirmation in their order, for the bench that runs them without the service
//! (`benches/numbering`). They are shared, so that bench and service always do the same work.
//!
//! `checkout::confirm` runs all but the first between `BEGIN` and `COMMIT`, [`INSERT_ITEMS`] once for each [`LINES`] lines of the
//! bill. An order whose shopper is known takes two more (`orders::set_owner`); the bench has none of those.

use super::{billing_items, checkout_sessions, idempotency_keys, number_series, order_items, orders};

/// Reads the lines of the bill, before `BEGIN`.
///
/// * `$1` session
/// * `$2` version
pub const READ_BILL: &str = billing_items::LIST_AT_VERSION;
/// Closes the session and returns it with its store.
///
/// * `$1` session
/// * `$2` new status
/// * `$3` now
/// * `$4` active since
/// * `$5` version
/// * `$6` active until
pub const CLOSE_SESSION: &str = checkout_sessions::ADVANCE;
/// Takes the number; from here on the store's other confirmations wait.
///
/// * `$1` store
/// * `$2` series
/// * `$3` seal before the first
pub const TAKE_NUMBER: &str = number_series::TAKE_NEXT_NUMBER;
/// Writes the order.
///
/// * `$1` id
/// * `$2` store
/// * `$3` number
/// * `$4` session
/// * `$5` kiosk
/// * `$6` total
/// * `$7` currency
/// * `$8` claim code
/// * `$9` now
/// * `$10` seal of the order before
/// * `$11` seal
/// * `$12` its version
/// * `$13` whether prices contain the tax
/// * `$14` reason of a discount
/// * `$15` store's name
/// * `$16` its address
/// * `$17` its tax number
/// * `$18` its time zone
pub const INSERT_ORDER: &str = orders::INSERT_ORDER;
/// Writes up to [`LINES`] lines.
///
/// * `$1` order
///
/// Then for each line, from `$2`, `$16` … on; all NULL beyond the last line:
///
/// * line
/// * product
/// * name
/// * SKU
/// * barcode
/// * quantity
/// * unit price
/// * price of all
/// * score
/// * discount
/// * its reason
/// * share of the bill's discount
/// * tax rate
/// * tax
pub const INSERT_ITEMS: &str = order_items::INSERT_ITEMS;
/// Lines in [`INSERT_ITEMS`].
pub const LINES: usize = order_items::LINES;
/// Stores seal and time of the order with the counter.
///
/// * `$1` store
/// * `$2` series
/// * `$3` seal
/// * `$4` now
pub const SET_LAST_HASH: &str = number_series::SET_LAST_HASH;
/// Stores the reply.
///
/// * `$1` scope
/// * `$2` key
/// * `$3` hash of the request
/// * `$4` body
/// * `$5` now
pub const INSERT_REPLY: &str = idempotency_keys::INSERT;
