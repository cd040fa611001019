//! Lines whose record is gone. They name no store, so they are looked for in the whole database at once.

use uuid::Uuid;

use super::finding::{FindingKind, Findings};
use crate::db::{Database, DatabaseError, number_checks};
use crate::domain::Series;

/// Records that are looked up at a time.
const PAGE: i64 = 5_000;

/// Looks for them and gives how many records lines name.
pub(super) async fn check(db: &Database, findings: &mut Findings) -> Result<i64, DatabaseError> {
    let mut records = 0;
    for series in Series::ALL {
        let mut after = Uuid::nil();
        loop {
            let page = number_checks::list_referenced_records(&mut db.read().await?, series, after, PAGE).await?;
            records += page.len() as i64;
            for _ in page.iter().filter(|row| row.missing) {
                findings.add_unnumbered(FindingKind::StrayLines, series);
            }
            match page.last() {
                Some(last) if page.len() as i64 == PAGE => after = last.record,
                _ => break,
            }
        }
    }
    Ok(records)
}
