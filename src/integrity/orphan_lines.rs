//! Lines whose record is missing. They name no store, so the whole database is searched.

use uuid::Uuid;

use super::finding::{FindingKind, Findings};
use crate::db::{Database, DatabaseError, number_checks};
use crate::domain::Series;

/// Records that are looked up at a time.
const PAGE_SIZE: i64 = 5_000;

/// Returns the number of records that lines refer to.
pub(super) async fn find_orphan_lines(db: &Database, findings: &mut Findings) -> Result<i64, DatabaseError> {
    let mut records = 0;
    for series in Series::ALL {
        let mut after = Uuid::nil();
        loop {
            let page = number_checks::list_referenced_records(&mut db.read().await?, series, after, PAGE_SIZE).await?;
            records += page.len() as i64;
            for _ in page.iter().filter(|row| row.missing) {
                findings.add_unnumbered(FindingKind::OrphanLines, series);
            }
            match page.last() {
                Some(last) if page.len() as i64 == PAGE_SIZE => after = last.record,
                _ => break,
            }
        }
    }
    Ok(records)
}
