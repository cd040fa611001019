//! Statements whose outcome nobody waits for: on SQLite they are run with one another, when the next outcome is waited
//! for or at the commit.
//!
//! There each way to the database and back wakes two threads, which takes longer than most statements. On PostgreSQL they
//! are run at once. What a statement is refused for is then told by whatever comes after it, at the latest by the commit, which
//! does not happen: so only for what is refused by defect, or for what the use case treats as it treats a refused
//! commit.

use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Database, Encode, Type};

use super::DatabaseError;

/// Values of one statement after the other, in the order of `$1`, `$2` …
pub(crate) struct Values<'a, DB: Database> {
    arguments: &'a mut DB::Arguments,
    refused: Option<BoxDynError>,
}

impl<'a, DB: Database> Values<'a, DB> {
    pub(crate) fn of(arguments: &'a mut DB::Arguments) -> Self {
        Self { arguments, refused: None }
    }

    /// The next value.
    pub(crate) fn bind<'v, T: Encode<'v, DB> + Type<DB>>(mut self, value: T) -> Self {
        if let Err(error) = self.arguments.add(value) {
            self.refused.get_or_insert(error);
        }
        self
    }

    /// An error where a value has no form in the database.
    pub(crate) fn all(self) -> Result<(), DatabaseError> {
        self.refused.map_or(Ok(()), |error| Err(DatabaseError::Unexpected(error.to_string())))
    }
}

/// Statements that wait, with their values.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    text: String,
    values: SqliteArguments,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Adds a statement: its `$1` is the next place after those of the ones before. Its values are added to what is
    /// returned.
    pub(super) fn add(&mut self, statement: &str) -> &mut SqliteArguments {
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        push_moved(&mut self.text, statement, self.values.len());
        &mut self.values
    }

    /// All of it, as one text and its values; nothing waits any more.
    pub(super) fn take(&mut self) -> (String, SqliteArguments) {
        let taken = std::mem::take(self);
        (taken.text, taken.values)
    }
}

/// Adds `statement` to `text` with each place `$n` moved to `$(n + by)`. Our texts have no `$` for anything else.
fn push_moved(text: &mut String, statement: &str, by: usize) {
    use std::fmt::Write;
    let mut parts = statement.split('$');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (place, rest) = part.split_at(digits);
        let moved = place.parse::<usize>().map_or(by, |place| place + by);
        // Writing to a text cannot fail.
        write!(text, "${moved}{rest}").ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_later_statements_come_after_those_before() {
        let mut waiting = Waiting::default();
        for value in 0..12 {
            waiting.values.add(value).unwrap();
        }
        waiting.add("INSERT INTO t VALUES ($1, 'a', $10, $2)");
        waiting.add("DELETE FROM t");
        let (text, values) = waiting.take();
        assert_eq!(text, "INSERT INTO t VALUES ($13, 'a', $22, $14); DELETE FROM t");
        assert_eq!(values.len(), 12);
        assert!(waiting.is_empty() && waiting.take().0.is_empty());
    }
}
