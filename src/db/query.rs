//! The macro that runs a query written once on either database.

use super::{DatabaseError, deadline};

/// Runs one query on the database of a [`super::Reader`] or [`super::Tx`]:
/// `run_query!(tx, c => sqlx::query(SQL).bind(id).execute(c))`.
///
/// The body is compiled once per database, so one SQL text and one row struct serve both and cannot drift apart.
macro_rules! run_query {
    ($reader:expr, $connection:ident => $body:expr) => {
        match $reader.connection_mut() {
            Err(injected) => Err(injected),
            Ok($crate::db::reader::ConnectionRef::Postgres($connection)) => {
                $crate::db::query::within_deadline($body).await
            }
            Ok($crate::db::reader::ConnectionRef::Sqlite($connection)) => $crate::db::query::output($body.await),
        }
    };
}
pub(crate) use run_query;

/// Converts the result of a query to a type that does not depend on the database.
pub(crate) fn output<T: QueryOutput>(result: sqlx::Result<T>) -> Result<T::Value, DatabaseError> {
    result.map(QueryOutput::into_value).map_err(DatabaseError::from)
}

/// Like [`output`], for a statement that runs on PostgreSQL, which may never answer.
pub(crate) fn within_deadline<T: QueryOutput>(
    statement: impl Future<Output = sqlx::Result<T>>,
) -> impl Future<Output = Result<T::Value, DatabaseError>> {
    let statement = deadline::within(deadline::STATEMENT, statement);
    async move { statement.await.map(QueryOutput::into_value) }
}

/// A result that both databases share: the number of affected rows for `execute`, the rows for a fetch, and the bare value
/// for a fetch of one column.
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

/// `fetch_one` of three columns.
impl<A, B, C> QueryOutput for (A, B, C) {
    type Value = Self;
    fn into_value(self) -> Self {
        self
    }
}

/// `fetch_one` of four columns.
impl<A, B, C, D> QueryOutput for (A, B, C, D) {
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
