//! Claims: a shopper becomes the owner of an order by the code on its receipt.

use super::{OrderError, OrderView, Orders};
use crate::db::orders;
use crate::domain::{UserId, parse_code};

impl Orders {
    /// Makes the shopper the owner of the order whose receipt carries `code`. Claiming an own order again is no error;
    /// another shopper's order is not found.
    pub async fn claim_order(&self, shopper: UserId, code: &str) -> Result<OrderView, OrderError> {
        let code = parse_code(code).ok_or(OrderError::UnknownClaimCode)?;
        let mut tx = self.db.begin().await?;
        let id = orders::find_by_claim_code(&mut tx, &code).await?.ok_or(OrderError::UnknownClaimCode)?;
        if !orders::set_owner(&mut tx, id, shopper, self.clock.now()).await? {
            return Err(OrderError::UnknownClaimCode);
        }
        tx.commit().await?;
        self.get_shopper_order(shopper, id).await
    }
}
