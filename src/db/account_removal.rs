//! Removing a shopper's account and every link to it. Orders stay as they are: whose an order is stands apart from it.

use super::{DatabaseError, Tx, run_query};
use crate::domain::UserId;

/// Deletes the account, whose row is locked, its sessions, its links to orders and bills, and the replies kept under its keys.
/// Returns how many orders were linked.
pub async fn delete_account(tx: &mut Tx, user: UserId, label: &str) -> Result<u64, DatabaseError> {
    const UNLINK_ORDERS: &str = "DELETE FROM order_owners WHERE user_id = $1";
    const UNLINK_BILLS: &str = "UPDATE checkout_sessions SET shopper_id = NULL WHERE shopper_id = $1";
    const END_SESSIONS: &str = "DELETE FROM refresh_tokens WHERE user_id = $1";
    // Replies hold the orders that the person claimed. A scope is the operation and the caller's label.
    const FORGET_REPLIES: &str = "DELETE FROM idempotency_keys WHERE scope LIKE '%' || $1";
    const DELETE: &str = "DELETE FROM users WHERE id = $1";
    // Bills first: this waits for one that is being confirmed, which makes its order the shopper's.
    run_query!(tx, c => sqlx::query(UNLINK_BILLS).bind(user).execute(c))?;
    let orders = run_query!(tx, c => sqlx::query(UNLINK_ORDERS).bind(user).execute(c))?;
    run_query!(tx, c => sqlx::query(END_SESSIONS).bind(user).execute(c))?;
    run_query!(tx, c => sqlx::query(FORGET_REPLIES).bind(label).execute(c))?;
    run_query!(tx, c => sqlx::query(DELETE).bind(user).execute(c))?;
    Ok(orders)
}
