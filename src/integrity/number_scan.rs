//! The quick check of a series: each number from the first, usually 1, to the highest belongs to one record or void placeholder,
//! and the counter is at the highest.

use super::finding::{FindingKind, Findings};
use crate::db::number_checks::{self, RecordRange, SeriesState};
use crate::db::{Database, DatabaseError, Reader};
use crate::domain::{Series, StoreId};

/// Numbers that are read at a time.
const PAGE_SIZE: i64 = 10_000;

/// How many records and void placeholders a check has read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RecordCounts {
    pub records: i64,
    pub placeholders: i64,
}

impl RecordCounts {
    pub fn plus(self, other: Self) -> Self {
        Self {
            records: self.records.saturating_add(other.records),
            placeholders: self.placeholders.saturating_add(other.placeholders),
        }
    }
}

/// Scans the numbers of a series up to `state`, one reader per page. Later records have higher numbers and are left to the
/// next check.
pub(super) async fn scan_series(
    db: &Database,
    store: StoreId,
    series: Series,
    state: &SeriesState,
    findings: &mut Findings,
) -> Result<RecordCounts, DatabaseError> {
    let mut scan = NumberScan::new(state.first_number());
    let mut next = Some(i64::MIN);
    while let Some(first) = next {
        let range = RecordRange { store, first, last: state.highest.unwrap_or(0) };
        next = scan.read_page(&mut db.read().await?, series, range, findings).await?;
    }
    scan.finish(series, state, findings);
    Ok(scan.counts)
}

/// Like [`scan_series`], but with a single reader, which has locked the counter or reads a snapshot.
pub(super) async fn scan_series_with(
    reader: &mut Reader,
    store: StoreId,
    series: Series,
    state: &SeriesState,
    findings: &mut Findings,
) -> Result<(), DatabaseError> {
    let mut scan = NumberScan::new(state.first_number());
    let mut next = Some(i64::MIN);
    while let Some(first) = next {
        let range = RecordRange { store, first, last: state.highest.unwrap_or(0) };
        next = scan.read_page(reader, series, range, findings).await?;
    }
    scan.finish(series, state, findings);
    Ok(())
}

#[derive(Debug)]
struct NumberScan {
    /// The number at which the series begins.
    first: i64,
    /// The highest number so far, at least that before the first one.
    highest: i64,
    counts: RecordCounts,
}

impl NumberScan {
    fn new(first: i64) -> Self {
        Self { first, highest: first - 1, counts: RecordCounts::default() }
    }

    /// Returns the first number of the next page.
    async fn read_page(
        &mut self,
        reader: &mut Reader,
        series: Series,
        range: RecordRange,
        findings: &mut Findings,
    ) -> Result<Option<i64>, DatabaseError> {
        let page = number_checks::list_numbers(reader, series, range, PAGE_SIZE).await?;
        for row in &page {
            let records = row.copies.saturating_sub(row.placeholders);
            self.counts = self.counts.plus(RecordCounts { records, placeholders: row.placeholders });
            self.check_number(series, row.number, row.copies, findings);
        }
        Ok(page.last().filter(|_| page.len() as i64 == PAGE_SIZE).and_then(|row| row.number.checked_add(1)))
    }

    fn check_number(&mut self, series: Series, number: i64, copies: i64, findings: &mut Findings) {
        if copies > 1 {
            findings.add(FindingKind::Duplicate, series, number);
        }
        if number < self.first {
            findings.add(FindingKind::OutOfRange, series, number);
            return;
        }
        // Numbers come in ascending order, so `number` is above `highest`.
        if number - self.highest > 1 {
            findings.add_span(FindingKind::Gap, series, self.highest + 1, number - 1);
        }
        self.highest = number;
    }

    fn finish(&self, series: Series, state: &SeriesState, findings: &mut Findings) {
        let counter = state.counter.unwrap_or(0).max(0);
        if counter > self.highest {
            findings.add_span(FindingKind::Gap, series, self.highest + 1, counter);
            findings.add_span(FindingKind::CounterAhead, series, self.highest + 1, counter);
        }
        // The counters had given out the numbers that a closing names, so their records existed.
        let closed = state.closed.unwrap_or(0);
        if closed > self.highest.max(counter) {
            findings.add_span(FindingKind::Gap, series, self.highest.max(counter) + 1, closed);
        }
        let highest = self.highest.max(closed);
        if counter < highest {
            findings.add_span(FindingKind::CounterBehind, series, counter + 1, highest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::NumberSpan;
    use super::*;

    /// The findings for numbers with their copies and a counter: kind, first and last number.
    fn scan(numbers: &[(i64, i64)], counter: Option<i64>) -> Vec<(FindingKind, i64, i64)> {
        scan_from(1, numbers, counter)
    }

    fn scan_from(first: i64, numbers: &[(i64, i64)], counter: Option<i64>) -> Vec<(FindingKind, i64, i64)> {
        let (mut scan, mut findings) = (NumberScan::new(first), Findings::default());
        for (number, copies) in numbers {
            scan.check_number(Series::Order, *number, *copies, &mut findings);
        }
        let highest = numbers.last().map(|(number, _)| *number);
        let state = SeriesState { counter, counter_hash: None, highest, closed: None, first: Some(first) };
        scan.finish(Series::Order, &state, &mut findings);
        let spans = |finding: super::super::Finding| {
            finding.numbers.into_iter().map(move |NumberSpan { first, last }| (finding.kind, first, last))
        };
        findings.finish().into_iter().flat_map(spans).collect()
    }

    #[test]
    fn a_complete_series_and_an_empty_one_have_no_findings() {
        assert_eq!(scan(&[(1, 1), (2, 1), (3, 1)], Some(3)), []);
        assert_eq!(scan(&[], None), []);
        assert_eq!(scan(&[], Some(0)), []);
    }

    #[test]
    fn each_fault_is_found_with_its_numbers() {
        use FindingKind::{CounterAhead, CounterBehind, Duplicate, Gap, OutOfRange};
        assert_eq!(scan(&[(2, 1), (5, 1)], Some(5)), [(Gap, 1, 1), (Gap, 3, 4)]);
        assert_eq!(scan(&[(1, 1), (2, 3)], Some(2)), [(Duplicate, 2, 2)]);
        assert_eq!(scan(&[(1, 1)], Some(3)), [(Gap, 2, 3), (CounterAhead, 2, 3)]);
        assert_eq!(scan(&[(1, 1), (2, 1)], Some(1)), [(CounterBehind, 2, 2)]);
        assert_eq!(scan(&[(1, 1), (2, 1)], None), [(CounterBehind, 1, 2)]);
        assert_eq!(scan(&[(i64::MIN, 1), (1, 1)], Some(1)), [(OutOfRange, i64::MIN, i64::MIN)]);
        let far = scan(&[(1, 1), (i64::MAX, 1)], Some(1));
        assert_eq!(far, [(Gap, 2, i64::MAX - 1), (CounterBehind, 2, i64::MAX)]);
    }

    #[test]
    fn a_series_is_counted_from_its_first_number() {
        assert_eq!(scan_from(4_711, &[(4_711, 1), (4_712, 1)], Some(4_712)), []);
        assert_eq!(scan_from(4_711, &[], Some(4_710)), [], "before its first record");
        assert_eq!(
            scan_from(4_711, &[], Some(0)),
            [(FindingKind::CounterBehind, 1, 4_710)],
            "it would give the number 1"
        );
        assert_eq!(scan_from(4_711, &[(4_713, 1)], Some(4_713)), [(FindingKind::Gap, 4_711, 4_712)]);
        assert_eq!(scan_from(4_711, &[(7, 1)], Some(4_710)), [(FindingKind::OutOfRange, 7, 7)]);
    }
}
