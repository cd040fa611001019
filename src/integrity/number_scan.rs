//! The quick check of a series: every number from 1 to the highest is carried by one record or void placeholder, and the
//! counter stands there.

use super::finding::{FindingKind, Findings};
use crate::db::number_checks::{self, RecordRange, SeriesState};
use crate::db::{Database, DatabaseError, Reader};
use crate::domain::{Series, StoreId};

/// Numbers that are read at a time.
const PAGE: i64 = 10_000;

/// What a check has looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ScannedCount {
    pub records: i64,
    /// Void placeholders.
    pub placeholders: i64,
}

impl ScannedCount {
    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            records: self.records.saturating_add(other.records),
            placeholders: self.placeholders.saturating_add(other.placeholders),
        }
    }
}

/// Walks the numbers of a series that stood at `stand` and gives how many records and placeholders carry them. What is
/// written meanwhile has higher numbers and is left to the next check. Each page is a transaction of its own.
pub(super) async fn check(
    db: &Database,
    id: StoreId,
    series: Series,
    stand: &SeriesState,
    findings: &mut Findings,
) -> Result<ScannedCount, DatabaseError> {
    let mut walk = Walk::default();
    let mut next = Some(i64::MIN);
    while let Some(first) = next {
        let mut reader = db.read().await?;
        let stretch = RecordRange { store: id, first, last: stand.highest.unwrap_or(0) };
        next = walk.page(&mut reader, series, stretch, findings).await?;
    }
    walk.end(series, stand, findings);
    Ok(walk.seen)
}

/// The same within a transaction of the caller's, who holds the series' counter or sees one moment.
pub(super) async fn check_within(
    reader: &mut Reader,
    id: StoreId,
    series: Series,
    stand: &SeriesState,
    findings: &mut Findings,
) -> Result<(), DatabaseError> {
    let mut walk = Walk::default();
    let mut next = Some(i64::MIN);
    while let Some(first) = next {
        let stretch = RecordRange { store: id, first, last: stand.highest.unwrap_or(0) };
        next = walk.page(reader, series, stretch, findings).await?;
    }
    walk.end(series, stand, findings);
    Ok(())
}

/// What the walk has seen so far.
#[derive(Debug, Default)]
struct Walk {
    /// The highest number, at least 0.
    last: i64,
    seen: ScannedCount,
}

impl Walk {
    /// Walks one page of `stretch`; gives where the next one begins.
    async fn page(
        &mut self,
        reader: &mut Reader,
        series: Series,
        stretch: RecordRange,
        findings: &mut Findings,
    ) -> Result<Option<i64>, DatabaseError> {
        let page = number_checks::list_numbers(reader, series, stretch, PAGE).await?;
        for row in &page {
            let records = row.copies.saturating_sub(row.placeholders);
            self.seen = self.seen.and(ScannedCount { records, placeholders: row.placeholders });
            self.step(series, row.number, row.copies, findings);
        }
        Ok(page.last().filter(|_| page.len() as i64 == PAGE).and_then(|row| row.number.checked_add(1)))
    }

    fn step(&mut self, series: Series, number: i64, copies: i64, findings: &mut Findings) {
        if copies > 1 {
            findings.add(FindingKind::Duplicate, series, number);
        }
        if number < 1 {
            findings.add(FindingKind::OutOfRange, series, number);
            return;
        }
        // `number` is above `last`, which is 0 or more.
        if number - self.last > 1 {
            findings.add_span(FindingKind::Gap, series, self.last + 1, number - 1);
        }
        self.last = number;
    }

    fn end(&self, series: Series, stand: &SeriesState, findings: &mut Findings) {
        let counter = stand.counter.unwrap_or(0).max(0);
        if counter > self.last {
            findings.add_span(FindingKind::Gap, series, self.last + 1, counter);
            findings.add_span(FindingKind::CounterAhead, series, self.last + 1, counter);
        }
        // A closing took its numbers from the counters: what it names was there.
        let closed = stand.closed.unwrap_or(0);
        if closed > self.last.max(counter) {
            findings.add_span(FindingKind::Gap, series, self.last.max(counter) + 1, closed);
        }
        let highest = self.last.max(closed);
        if counter < highest {
            findings.add_span(FindingKind::CounterBehind, series, counter + 1, highest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::NumberSpan;
    use super::*;

    /// The findings of numbers with their copies and a counter: kind, first and last number.
    fn found(numbers: &[(i64, i64)], counter: Option<i64>) -> Vec<(FindingKind, i64, i64)> {
        let (mut walk, mut findings) = (Walk::default(), Findings::default());
        for (number, copies) in numbers {
            walk.step(Series::Order, *number, *copies, &mut findings);
        }
        let highest = numbers.last().map(|(number, _)| *number);
        walk.end(Series::Order, &SeriesState { counter, counter_hash: None, highest, closed: None }, &mut findings);
        let spans = |finding: super::super::Finding| {
            finding.numbers.into_iter().map(move |NumberSpan { first, last }| (finding.kind, first, last))
        };
        findings.finish().into_iter().flat_map(spans).collect()
    }

    #[test]
    fn a_whole_series_and_an_empty_one_give_nothing() {
        assert_eq!(found(&[(1, 1), (2, 1), (3, 1)], Some(3)), []);
        assert_eq!(found(&[], None), []);
        assert_eq!(found(&[], Some(0)), []);
    }

    #[test]
    fn each_fault_is_named() {
        use FindingKind::{CounterAhead, CounterBehind, Duplicate, Gap, OutOfRange};
        assert_eq!(found(&[(2, 1), (5, 1)], Some(5)), [(Gap, 1, 1), (Gap, 3, 4)]);
        assert_eq!(found(&[(1, 1), (2, 3)], Some(2)), [(Duplicate, 2, 2)]);
        assert_eq!(found(&[(1, 1)], Some(3)), [(Gap, 2, 3), (CounterAhead, 2, 3)]);
        assert_eq!(found(&[(1, 1), (2, 1)], Some(1)), [(CounterBehind, 2, 2)]);
        assert_eq!(found(&[(1, 1), (2, 1)], None), [(CounterBehind, 1, 2)]);
        assert_eq!(found(&[(i64::MIN, 1), (1, 1)], Some(1)), [(OutOfRange, i64::MIN, i64::MIN)]);
        let far = found(&[(1, 1), (i64::MAX, 1)], Some(1));
        assert_eq!(far, [(Gap, 2, i64::MAX - 1), (CounterBehind, 2, i64::MAX)]);
    }
}
