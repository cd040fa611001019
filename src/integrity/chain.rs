//! The deep check of a series: every record fits its seal, links to the one before it, adds up, and has what it refers to;
//! every void placeholder fits its seal.

use super::chain_records::{self, ChainRecord};
use super::finding::{FindingKind, Findings};
use crate::db::number_checks::{self, MismatchRow, NumberRow, RecordRange, SeriesState};
use crate::db::{Database, DatabaseError, seals, void_placeholders};
use crate::domain::{Seal, Series, StoreId};

/// Numbers whose records are read at a time.
const PAGE: i64 = 100;
/// Void placeholders that are read at a time.
const PLACEHOLDERS: i64 = 1_000;
/// Records that are read at a time at most, where many carry one number.
const MOST_RECORDS: i64 = 5_000;

/// Walks the records of a series that stood at `stand`. Each page is a transaction of its own; records never change, so
/// the pages fit each other.
pub(super) async fn check(
    db: &Database,
    id: StoreId,
    series: Series,
    stand: &SeriesState,
    findings: &mut Findings,
) -> Result<(), DatabaseError> {
    let highest = stand.highest.unwrap_or(0);
    let mut chain = Chain { series, stand, before: Before { number: 0, seals: vec![Seal::FIRST.to_vec()] } };
    let mut next = Some(i64::MIN);
    while let Some(first) = next {
        let numbers = number_checks::list_numbers(
            &mut db.read().await?,
            series,
            RecordRange { store: id, first, last: highest },
            PAGE,
        )
        .await?;
        let Some(last) = numbers.last() else { break };
        let crowded = records(&numbers) > MOST_RECORDS;
        let whole = if crowded { None } else { readable(page(db, id, series, &numbers).await)? };
        match whole {
            Some(page) => chain.take(page, findings),
            // A value that is none of ours hides the whole page: look at its numbers one by one.
            None => {
                for number in &numbers {
                    match readable(page(db, id, series, std::slice::from_ref(number)).await)? {
                        Some(page) => chain.take(page, findings),
                        None => findings.add(FindingKind::Unreadable, series, number.number),
                    }
                }
            }
        }
        next = last.number.checked_add(1);
    }
    check_placeholders(db, id, series, findings).await
}

/// Makes the seal of each void placeholder anew.
async fn check_placeholders(
    db: &Database,
    id: StoreId,
    series: Series,
    findings: &mut Findings,
) -> Result<(), DatabaseError> {
    let mut next = Some(i64::MIN);
    while let Some(first) = next {
        let page = void_placeholders::list(&mut db.read().await?, id, series, first, PLACEHOLDERS).await?;
        for row in page.iter().filter(|row| seals::seal_placeholder(series, row) != row.hash) {
            findings.add(FindingKind::BrokenPlaceholder, series, row.number);
        }
        next = page.last().filter(|_| page.len() as i64 == PLACEHOLDERS).and_then(|row| row.number.checked_add(1));
    }
    Ok(())
}

fn records(numbers: &[NumberRow]) -> i64 {
    numbers.iter().fold(0, |sum, row| sum.saturating_add(row.copies))
}

/// Nothing, where the database gave something that cannot be read; other failures stay failures.
fn readable(page: Result<Page, DatabaseError>) -> Result<Option<Page>, DatabaseError> {
    match page {
        Ok(page) => Ok(Some(page)),
        Err(DatabaseError::Unexpected(reason)) => {
            tracing::warn!(reason, "records cannot be read while the chain is checked");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Everything that is read of some numbers.
struct Page {
    links: Vec<ChainRecord>,
    misfits: Vec<MismatchRow>,
    without_order: Vec<i64>,
}

async fn page(db: &Database, id: StoreId, series: Series, numbers: &[NumberRow]) -> Result<Page, DatabaseError> {
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
        return Ok(Page { links: Vec::new(), misfits: Vec::new(), without_order: Vec::new() });
    };
    let stretch = RecordRange { store: id, first: first.number, last: last.number };
    let mut reader = db.snapshot().await?;
    let links = chain_records::read(&mut reader, series, stretch, records(numbers).min(MOST_RECORDS)).await?;
    let misfits = if series == Series::Order {
        number_checks::list_money_mismatches(&mut reader, stretch).await?
    } else {
        Vec::new()
    };
    let without_order = number_checks::list_numbers_without_order(&mut reader, series, stretch).await?;
    Ok(Page { links, misfits, without_order })
}

/// The walk along a chain.
struct Chain<'a> {
    series: Series,
    stand: &'a SeriesState,
    before: Before,
}

/// The number that was seen last and the seals kept under it: one, unless several records carry it.
struct Before {
    number: i64,
    seals: Vec<Vec<u8>>,
}

impl Chain<'_> {
    fn take(&mut self, page: Page, findings: &mut Findings) {
        let series = self.series;
        for same in page.links.chunk_by(|one, other| one.number == other.number) {
            self.take_number(same, findings);
        }
        for misfit in page.misfits {
            if misfit.payments {
                findings.add(FindingKind::WrongPayment, series, misfit.number);
            }
            if misfit.refunds {
                findings.add(FindingKind::Overrefund, series, misfit.number);
            }
        }
        for number in page.without_order {
            findings.add(FindingKind::NoOrder, series, number);
        }
    }

    /// The records that carry one number.
    fn take_number(&mut self, same: &[ChainRecord], findings: &mut Findings) {
        let Some(number) = same.first().map(|link| link.number) else { return };
        // Behind a gap nothing can be said of the link: the gap itself is the finding.
        let follows = self.before.number.checked_add(1) == Some(number);
        let linked = |link: &ChainRecord| !follows || self.before.seals.contains(&link.previous);
        let mut report = |kind, wrong: bool| {
            if wrong {
                findings.add(kind, self.series, number);
            }
        };
        report(FindingKind::BrokenSeal, !same.iter().all(|link| link.sealed));
        report(FindingKind::BrokenLink, !same.iter().all(linked));
        report(FindingKind::WrongSum, !same.iter().all(|link| link.adds_up));
        let seals: Vec<Vec<u8>> = same.iter().map(|link| link.kept.clone()).collect();
        let is_last = self.stand.counter == Some(number);
        let counted = self.stand.counter_hash.as_ref().is_some_and(|hash| seals.contains(hash));
        report(FindingKind::CounterSeal, is_last && !counted);
        self.before = Before { number, seals };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(number: i64, previous: &str, kept: &str) -> ChainRecord {
        ChainRecord { number, previous: previous.into(), kept: kept.into(), sealed: true, adds_up: true }
    }

    /// Kinds and first numbers found in a chain whose counter stands at its last link with `counter_hash`.
    fn found(links: Vec<ChainRecord>, counter_hash: &str) -> Vec<(FindingKind, i64)> {
        let counter = links.last().map(|link| link.number);
        let stand = SeriesState { counter, counter_hash: Some(counter_hash.into()), highest: counter, closed: None };
        let before = Before { number: 0, seals: vec![b"first".to_vec()] };
        let mut findings = Findings::default();
        let mut chain = Chain { series: Series::Order, stand: &stand, before };
        chain.take(Page { links, misfits: Vec::new(), without_order: Vec::new() }, &mut findings);
        findings.finish().iter().map(|finding| (finding.kind, finding.numbers[0].first)).collect()
    }

    #[test]
    fn links_are_judged_by_the_seal_of_the_number_before() {
        let whole = vec![link(1, "first", "a"), link(2, "a", "b")];
        assert_eq!(found(whole, "b"), []);
        let torn = vec![link(1, "first", "a"), link(2, "x", "b"), link(3, "b", "c")];
        assert_eq!(found(torn, "c"), [(FindingKind::BrokenLink, 2)]);
        assert_eq!(found(vec![link(1, "x", "a")], "a"), [(FindingKind::BrokenLink, 1)]);
        assert_eq!(found(vec![link(1, "first", "a")], "b"), [(FindingKind::CounterSeal, 1)]);
    }

    #[test]
    fn behind_a_gap_the_chain_goes_on_and_a_copy_may_be_followed() {
        let gap = vec![link(1, "first", "a"), link(3, "b", "c"), link(4, "c", "d")];
        assert_eq!(found(gap, "d"), []);
        let copied = vec![link(1, "first", "a"), link(1, "first", "b"), link(2, "b", "c")];
        assert_eq!(found(copied, "c"), []);
    }
}
