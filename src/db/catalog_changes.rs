//! The log of catalog changes that the index follows, numbered 1, 2, 3 … without gaps and visible in this order.
//!
//! A transaction that changes the catalog locks the one row of `catalog_head`, from [`lock`] (or the first [`append`]) until
//! its end. A number is therefore never visible before a smaller one, and a rollback gives its number back: a reader that
//! has read up to `seq` has missed nothing.

use sqlx::types::Json;

use super::column_types::decode_or_reason;
use super::{DatabaseError, Reader, Tx, change_listener, run_query};
use crate::domain::{ChangeKind, ImageId, ProductId, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ChangeRow {
    /// 1, 2, 3 …
    pub seq: i64,
    pub kind: ChangeKind,
    pub product_id: ProductId,
    #[sqlx(json)]
    pub images: Vec<ImageId>,
    pub created_at: Timestamp,
}

/// An entry of the log. Its number is readable even if the rest is not, so that an error can name it.
#[derive(Debug, Clone)]
pub struct LoggedChange {
    /// 1, 2, 3 …
    pub seq: i64,
    pub row: Result<ChangeRow, String>,
}

impl<'r, R> sqlx::FromRow<'r, R> for LoggedChange
where
    R: sqlx::Row,
    ChangeRow: sqlx::FromRow<'r, R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
    &'static str: sqlx::ColumnIndex<R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self { seq: row.try_get("seq")?, row: decode_or_reason(row)? })
    }
}

/// Locks the catalog: waits for other transactions that change it, and blocks them until this one ends.
pub async fn lock(tx: &mut Tx) -> Result<(), DatabaseError> {
    const LOCK: &str = "UPDATE catalog_head SET seq = seq WHERE id = 1";
    match run_query!(tx, c => sqlx::query(LOCK).execute(c))? {
        1 => Ok(()),
        _ => Err(DatabaseError::Unexpected("table catalog_head has lost its row".to_owned())),
    }
}

/// Adds a change and returns its number. Listeners are notified when the transaction commits.
pub async fn append(
    tx: &mut Tx,
    kind: ChangeKind,
    product: ProductId,
    images: Vec<ImageId>,
    now: Timestamp,
) -> Result<i64, DatabaseError> {
    const NEXT: &str = "UPDATE catalog_head SET seq = seq + 1 WHERE id = 1 RETURNING seq";
    const INSERT: &str =
        "INSERT INTO catalog_changes (seq, kind, product_id, images, created_at) VALUES ($1, $2, $3, $4, $5)";
    let seq = run_query!(tx, c => sqlx::query_as::<_, (i64,)>(NEXT).fetch_one(c))?;
    run_query!(tx, c => sqlx::query(INSERT).bind(seq).bind(kind).bind(product).bind(Json(&images)).bind(now).execute(c))?;
    change_listener::notify_listeners(tx).await?;
    Ok(seq)
}

/// Number of the newest change; 0 if there is none.
pub async fn read_head(reader: &mut Reader) -> Result<i64, DatabaseError> {
    const SELECT: &str = "SELECT seq FROM catalog_head WHERE id = 1";
    run_query!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).fetch_one(c))
}

/// Oldest first.
pub async fn list_after(reader: &mut Reader, after: i64, limit: i64) -> Result<Vec<LoggedChange>, DatabaseError> {
    const SELECT: &str = "SELECT seq, kind, product_id, images, created_at FROM catalog_changes \
                          WHERE seq > $1 ORDER BY seq LIMIT $2";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(after).bind(limit).fetch_all(c))
}
