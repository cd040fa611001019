//! What every change of the catalog does with rows: find the product, write the audit record, count, commit.

use super::{Catalog, CatalogError};
use crate::db::products::{self, ProductRow};
use crate::db::{DatabaseError, Reader, Tx, audit};
use crate::domain::{Caller, ProductId, Timestamp};

/// The product, or the error that says there is none.
pub(super) async fn find(reader: &mut Reader, id: ProductId) -> Result<ProductRow, CatalogError> {
    let row = products::find(reader, id).await?;
    row.ok_or_else(|| CatalogError::NotFound { what: "product", id: id.to_string() })
}

impl Catalog {
    /// Makes a change of `product` durable and brings the index up to `seq`, its number in the log, if it has one; gives the
    /// index's revision. What a kill between the two leaves undone, the next follower does.
    pub(super) async fn commit(&self, tx: Tx, product: ProductId, seq: Option<i64>) -> Result<i64, CatalogError> {
        tx.commit().await?;
        #[cfg(feature = "fail-points")]
        fail::fail_point!(&format!("catalog.committed {}", self.snapshots.display()));
        self.catch_up(product, seq).await
    }
}

/// Writes the audit record of a change to `product`.
pub(super) async fn record(
    tx: &mut Tx,
    caller: &Caller,
    action: &'static str,
    product: ProductId,
    details: serde_json::Value,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    audit::append(tx, audit::AuditEntry { at: now, caller, action, subject: product.to_string(), details }).await
}

/// A count as the database and the API keep it.
pub(super) fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
