//! Claims: a shopper becomes the owner of an order by the code on its receipt.

use super::view::OrderView;
use super::{OrderError, Orders, queries};
use crate::db::orders;
use crate::domain::{Caller, UserId, parse_code};
use crate::idempotency::{IdempotentRequest, Reply, retry_key_race};

impl Orders {
    /// Makes the shopper the owner of the order whose receipt carries `code`. Claiming an own order again is no error;
    /// another shopper's order is not found.
    pub async fn claim_order(
        &self,
        caller: &Caller,
        shopper: UserId,
        code: &str,
        key: Option<&str>,
    ) -> Result<Reply, OrderError> {
        let code = parse_code(code).ok_or(OrderError::UnknownClaimCode)?;
        let request = IdempotentRequest::new("claim", caller, key, &code);
        retry_key_race(async || {
            let mut tx = self.db.begin().await?;
            if let Some(reply) = request.find_reply(&mut tx).await? {
                return Ok(reply);
            }
            let id = orders::find_by_claim_code(&mut tx, &code).await?.ok_or(OrderError::UnknownClaimCode)?;
            let now = self.clock.now();
            if !orders::set_owner(&mut tx, id, shopper, now).await? {
                return Err(OrderError::UnknownClaimCode);
            }
            let records = async {
                let order = orders::find(&mut tx, id, Some(shopper)).await?.ok_or(OrderError::NotFound(id))?;
                queries::load_records(&mut tx, order).await
            };
            let records = records.await.map_err(|error| queries::name_unreadable_order(id, error))?;
            let reply = request.store_reply(&mut tx, &OrderView::from(records).without_staff(), now).await?;
            tx.commit().await?;
            Ok(reply)
        })
        .await
    }
}
