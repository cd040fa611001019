//! The macro that runs a query written once on either database.

use super::DatabaseError;

/// Runs one query on whichever database a [`super::Reader`] or [`super::Tx`] is of:
/// `on!(tx, c => sqlx::query(SQL).bind(id).execute(c))`.
///
/// The body is compiled once per database, so one SQL text and one row struct serve both and cannot drift apart.
macro_rules! on {
    ($reader:expr, $connection:ident => $body:expr) => {
        match $reader.for_statement() {
            Err(injected) => Err(injected),
            Ok($crate::db::reader::ConnectionRef::Postgres($connection)) => $crate::db::query::output($body.await),
            Ok($crate::db::reader::ConnectionRef::Sqlite($connection)) => $crate::db::query::output($body.await),
        }
    };
}
pub(crate) use on;

/// What a query gives, without the types of the one database or the other.
pub(crate) fn output<T: QueryOutput>(result: sqlx::Result<T>) -> Result<T::Value, DatabaseError> {
    result.map(QueryOutput::into_value).map_err(DatabaseError::from)
}

/// What a query gives, in a type that no longer names the database: `execute` gives the number of rows it touched,
/// fetches give what they fetched, a single column bare.
pub(crate) trait QueryOutput {
    type Value;
    fn into_value(self) -> Self::Value;
}

impl QueryOutput for sqlx::postgres::PgQueryResult {
    type Value = u64;
    fn into_value(self) -> u64 {
        self.rows_affected()
    }
}

impl QueryOutput for sqlx::sqlite::SqliteQueryResult {
    type Value = u64;
    fn into_value(self) -> u64 {
        self.rows_affected()
    }
}

/// `fetch_one` of one column.
impl<A> QueryOutput for (A,) {
    type Value = A;
    fn into_value(self) -> A {
        self.0
    }
}

/// `fetch_one` of two columns.
impl<A, B> QueryOutput for (A, B) {
    type Value = Self;
    fn into_value(self) -> Self {
        self
    }
}

impl<T> QueryOutput for Option<T> {
    type Value = Self;
    fn into_value(self) -> Self {
        self
    }
}

impl<T> QueryOutput for Vec<T> {
    type Value = Self;
    fn into_value(self) -> Self {
        self
    }
}
