//! The macro that runs a query written once on either database.

use super::DatabaseError;

/// Runs one query on whichever database a [`super::Reader`] or [`super::Tx`] is of:
/// `run_query!(tx, c => sqlx::query(SQL).bind(id).execute(c))`.
///
/// The body is compiled once per database, so one SQL text and one row struct serve both and cannot drift apart.
macro_rules! run_query {
    ($reader:expr, $connection:ident => $body:expr) => {
        match $reader.for_statement() {
            Err(injected) => Err(injected),
            Ok($crate::db::reader::ConnectionRef::Postgres($connection)) => $crate::db::query::output($body.await),
            Ok($crate::db::reader::ConnectionRef::Sqlite($connection)) => $crate::db::query::output($body.await),
        }
    };
}
pub(crate) use run_query;

/// The result of a query without the types of either database.
pub(crate) fn output<T: QueryOutput>(result: sqlx::Result<T>) -> Result<T::Value, DatabaseError> {
    result.map(QueryOutput::into_value).map_err(DatabaseError::from)
}

/// The result of a query in a type of neither database: `execute` gives the number of rows affected, fetches give what
/// they fetched, a single column bare.
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
