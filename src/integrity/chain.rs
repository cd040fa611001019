//! The deep check of a series: every record matches its seal, links to the previous record, adds up, and refers to records that
//! exist; every void placeholder matches its seal.

use super::chain_records::{ChainRecord, read_chain_records};
use super::finding::{FindingKind, Findings};
use crate::db::number_checks::{self, MismatchRow, NumberRow, RecordRange, SeriesState};
use crate::db::{Database, DatabaseError, seals, void_placeholders};
use crate::domain::{Seal, Series, StoreId};

/// Numbers whose records are read at a time.
const PAGE_SIZE: i64 = 100;
/// Void placeholders that are read at a time.
const PLACEHOLDER_PAGE_SIZE: i64 = 1_000;
/// The most records that are read at a time, if many carry one number.
const RECORDS_MAX: i64 = 5_000;

/// Checks the records of a series up to `state`. Each page is read in its own transaction, since records never change.
pub(super) async fn check_chain(
    db: &Database,
    store: StoreId,
    series: Series,
    state: &SeriesState,
    findings: &mut Findings,
) -> Result<(), DatabaseError> {
    let last = state.highest.unwrap_or(0);
    let mut chain = ChainCheck { series, state, previous: PreviousNumber::before(state.first_number()) };
    let mut next = Some(i64::MIN);
    while let Some(first) = next {
        let range = RecordRange { store, first, last };
        let numbers = number_checks::list_numbers(&mut db.read().await?, series, range, PAGE_SIZE).await?;
        let Some(last) = numbers.last() else { break };
        let is_too_large = count_records(&numbers) > RECORDS_MAX;
        let page = if is_too_large { None } else { if_readable(read_page(db, store, series, &numbers).await)? };
        match page {
            Some(page) => chain.check_page(page, findings),
            // One unreadable value hides its whole page, so read the numbers one by one.
            None => {
                for number in &numbers {
                    match if_readable(read_page(db, store, series, std::slice::from_ref(number)).await)? {
                        Some(page) => chain.check_page(page, findings),
                        None => findings.add(FindingKind::Unreadable, series, number.number),
                    }
                }
            }
        }
        next = last.number.checked_add(1);
    }
    check_placeholders(db, store, series, findings).await
}

async fn check_placeholders(
    db: &Database,
    store: StoreId,
    series: Series,
    findings: &mut Findings,
) -> Result<(), DatabaseError> {
    let mut next = Some(i64::MIN);
    while let Some(first) = next {
        let mut reader = db.read().await?;
        let page = void_placeholders::list(&mut reader, store, series, first, PLACEHOLDER_PAGE_SIZE).await?;
        for row in page.iter().filter(|row| seals::seal_placeholder(series, row) != row.hash) {
            findings.add(FindingKind::BrokenPlaceholder, series, row.number);
        }
        let is_full = page.len() as i64 == PLACEHOLDER_PAGE_SIZE;
        next = page.last().filter(|_| is_full).and_then(|row| row.number.checked_add(1));
    }
    Ok(())
}

fn count_records(numbers: &[NumberRow]) -> i64 {
    numbers.iter().fold(0, |sum, row| sum.saturating_add(row.copies))
}

/// `None` for a page with an unreadable value; other errors stay errors.
fn if_readable(page: Result<ChainPage, DatabaseError>) -> Result<Option<ChainPage>, DatabaseError> {
    match page {
        Ok(page) => Ok(Some(page)),
        Err(DatabaseError::Unexpected(reason)) => {
            tracing::warn!(reason, "a record cannot be read during an integrity check");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The data of a page of numbers.
#[derive(Default)]
struct ChainPage {
    records: Vec<ChainRecord>,
    money_mismatches: Vec<MismatchRow>,
    numbers_without_order: Vec<i64>,
}

async fn read_page(
    db: &Database,
    store: StoreId,
    series: Series,
    numbers: &[NumberRow],
) -> Result<ChainPage, DatabaseError> {
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return Ok(ChainPage::default()) };
    let range = RecordRange { store, first: first.number, last: last.number };
    let limit = count_records(numbers).min(RECORDS_MAX);
    let mut reader = db.snapshot().await?;
    Ok(ChainPage {
        records: read_chain_records(&mut reader, series, range, limit).await?,
        money_mismatches: match series {
            Series::Order => number_checks::list_money_mismatches(&mut reader, range).await?,
            Series::Payment | Series::Refund | Series::Closing => Vec::new(),
        },
        numbers_without_order: number_checks::list_numbers_without_order(&mut reader, series, range).await?,
    })
}

/// The state of a check that follows a chain.
struct ChainCheck<'a> {
    series: Series,
    state: &'a SeriesState,
    previous: PreviousNumber,
}

/// The number that was checked last and the seals of its records: one seal, unless several records carry the number.
struct PreviousNumber {
    number: i64,
    seals: Vec<Vec<u8>>,
}

impl PreviousNumber {
    /// What a series that begins at `first` follows.
    fn before(first: i64) -> Self {
        Self { number: first - 1, seals: vec![Seal::FIRST.to_vec()] }
    }
}

impl ChainCheck<'_> {
    fn check_page(&mut self, page: ChainPage, findings: &mut Findings) {
        let series = self.series;
        for records in page.records.chunk_by(|one, other| one.number == other.number) {
            self.check_number(records, findings);
        }
        for mismatch in page.money_mismatches {
            if mismatch.payments {
                findings.add(FindingKind::WrongPayment, series, mismatch.number);
            }
            if mismatch.refunds {
                findings.add(FindingKind::Overrefund, series, mismatch.number);
            }
        }
        for number in page.numbers_without_order {
            findings.add(FindingKind::NoOrder, series, number);
        }
    }

    /// Checks the records that carry one number.
    fn check_number(&mut self, records: &[ChainRecord], findings: &mut Findings) {
        let Some(number) = records.first().map(|record| record.number) else { return };
        // After a gap the previous seal is unknown; the gap itself is the finding.
        let follows_gap = self.previous.number.checked_add(1) != Some(number);
        let is_linked = |record: &ChainRecord| follows_gap || self.previous.seals.contains(&record.previous_seal);
        let mut report = |kind, is_wrong: bool| {
            if is_wrong {
                findings.add(kind, self.series, number);
            }
        };
        report(FindingKind::BrokenSeal, !records.iter().all(|record| record.seal_matches));
        report(FindingKind::BrokenLink, !records.iter().all(is_linked));
        report(FindingKind::WrongSum, !records.iter().all(|record| record.sum_matches));
        let seals: Vec<Vec<u8>> = records.iter().map(|record| record.seal.clone()).collect();
        let is_last = self.state.counter == Some(number);
        let counter_knows_seal = self.state.counter_hash.as_ref().is_some_and(|hash| seals.contains(hash));
        report(FindingKind::CounterSeal, is_last && !counter_knows_seal);
        self.previous = PreviousNumber { number, seals };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: i64, previous_seal: &str, seal: &str) -> ChainRecord {
        let (previous_seal, seal) = (previous_seal.into(), seal.into());
        ChainRecord { number, previous_seal, seal, seal_matches: true, sum_matches: true }
    }

    /// Kinds and first numbers found in a chain whose counter is at its last record with `counter_hash`.
    fn check(records: Vec<ChainRecord>, counter_hash: &str) -> Vec<(FindingKind, i64)> {
        let counter = records.last().map(|record| record.number);
        let state = SeriesState {
            counter,
            counter_hash: Some(counter_hash.into()),
            highest: counter,
            closed: None,
            first: None,
        };
        let previous = PreviousNumber { number: 0, seals: vec![b"first".to_vec()] };
        let mut findings = Findings::default();
        let mut chain = ChainCheck { series: Series::Order, state: &state, previous };
        chain.check_page(ChainPage { records, ..ChainPage::default() }, &mut findings);
        findings.finish().iter().map(|finding| (finding.kind, finding.numbers[0].first)).collect()
    }

    #[test]
    fn each_record_must_name_the_seal_of_the_previous_number() {
        let intact = vec![record(1, "first", "a"), record(2, "a", "b")];
        assert_eq!(check(intact, "b"), []);
        let torn = vec![record(1, "first", "a"), record(2, "x", "b"), record(3, "b", "c")];
        assert_eq!(check(torn, "c"), [(FindingKind::BrokenLink, 2)]);
        assert_eq!(check(vec![record(1, "x", "a")], "a"), [(FindingKind::BrokenLink, 1)]);
        assert_eq!(check(vec![record(1, "first", "a")], "b"), [(FindingKind::CounterSeal, 1)]);
    }

    #[test]
    fn a_chain_continues_after_a_gap_and_after_either_of_two_copies() {
        let gap = vec![record(1, "first", "a"), record(3, "b", "c"), record(4, "c", "d")];
        assert_eq!(check(gap, "d"), []);
        let copied = vec![record(1, "first", "a"), record(1, "first", "b"), record(2, "b", "c")];
        assert_eq!(check(copied, "c"), []);
    }
}
