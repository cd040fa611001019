//! What can be wrong with numbers and chains, and what a store's health is worth then.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Series;

/// Ranges of numbers that one finding of a report lists at most; the count goes on.
pub(super) const LISTED: usize = 50;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Neither a record nor a void placeholder carries the number, although the counter or a record stands higher.
    Gap,
    /// More than one record carries the number, or a record and a void placeholder do.
    Duplicate,
    /// A number below 1.
    OutOfRange,
    /// Records carry numbers that the counter has still to give out: the next record will collide, or begin a fork.
    CounterBehind,
    /// The counter has given out numbers beyond the last record.
    CounterAhead,
    /// A record or its lines cannot be read: a value is none that this program writes.
    Unreadable,
    /// The record's fields do not give its seal: it was changed after it was written.
    BrokenSeal,
    /// The void placeholder's fields do not give its seal: it was changed after it was made.
    BrokenPlaceholder,
    /// The record does not name the seal of the record with the number before.
    BrokenLink,
    /// The counter does not keep the seal of the record that carries its number: the next record will not link.
    CounterSeal,
    /// The lines do not add up to the record's total, or a line to its quantity times its price.
    WrongSum,
    /// What was paid for the order is not what was due, or it is voided although something was paid.
    WrongPayment,
    /// More was given back of the order than was paid.
    Overrefund,
    /// The payment or refund belongs to no order, to another store's, or to one in another currency.
    NoOrder,
    /// The store's own row is gone, and its records are not.
    NoStore,
    /// Lines whose record is gone; how many such records, since they have no number any more.
    StrayLines,
}

impl FindingKind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Gap,
        Self::Duplicate,
        Self::OutOfRange,
        Self::CounterBehind,
        Self::CounterAhead,
        Self::Unreadable,
        Self::BrokenSeal,
        Self::BrokenPlaceholder,
        Self::BrokenLink,
        Self::CounterSeal,
        Self::WrongSum,
        Self::WrongPayment,
        Self::Overrefund,
        Self::NoOrder,
        Self::NoStore,
        Self::StrayLines,
    ];

    /// Whether the quick check finds it too.
    pub fn is_quick(self) -> bool {
        matches!(
            self,
            Self::Gap | Self::Duplicate | Self::OutOfRange | Self::CounterBehind | Self::CounterAhead | Self::NoStore
        )
    }

    /// What one finding of this kind takes off the health; see [`health`].
    pub fn weight(self) -> i64 {
        match self {
            Self::Duplicate
            | Self::BrokenSeal
            | Self::BrokenPlaceholder
            | Self::BrokenLink
            | Self::Unreadable
            | Self::NoStore
            | Self::OutOfRange => 25,
            Self::CounterBehind | Self::CounterSeal => 20,
            Self::Gap | Self::WrongSum | Self::WrongPayment | Self::Overrefund | Self::NoOrder => 15,
            Self::CounterAhead => 10,
            Self::StrayLines => 5,
        }
    }

    /// The kind in words, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Gap => "missing",
            Self::Duplicate => "carried by several records",
            Self::OutOfRange => "below 1",
            Self::CounterBehind => "beyond the counter",
            Self::CounterAhead => "given out by the counter, beyond the last record",
            Self::Unreadable => "cannot be read",
            Self::BrokenSeal => "changed after it was written: does not fit its seal",
            Self::BrokenPlaceholder => "void placeholder, changed after it was made: does not fit its seal",
            Self::BrokenLink => "does not link to the record before",
            Self::CounterSeal => "the counter keeps another seal of it",
            Self::WrongSum => "lines and total do not agree",
            Self::WrongPayment => "paid otherwise than due",
            Self::Overrefund => "more given back than paid",
            Self::NoOrder => "without its order",
            Self::NoStore => "records whose store's own row is gone",
            Self::StrayLines => "lines without their record",
        }
    }
}

/// Numbers from `first` to `last`, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NumberSpan {
    /// First number.
    pub first: i64,
    /// Last number.
    pub last: i64,
}

/// One kind of fault in one series of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// In which series.
    pub series: Series,
    /// How many numbers are concerned.
    pub count: i64,
    /// Which, ascending; the first 50 ranges.
    pub numbers: Vec<NumberSpan>,
}

impl Finding {
    /// `order 3, 6–8 and more (120 in all): missing`.
    pub fn in_words(&self) -> String {
        /// Ranges that fit on a line.
        const SHOWN: usize = 12;
        let ranges: Vec<String> = self.numbers.iter().take(SHOWN).map(ToString::to_string).collect();
        let listed = ranges.join(", ");
        let more = if self.numbers.len() > SHOWN { " and more" } else { "" };
        let (series, count, words) = (self.series.as_str(), self.count, self.kind.in_words());
        if self.numbers.is_empty() {
            return format!("{series}, {count} in all: {words}");
        }
        format!("{series} {listed}{more} ({count} in all): {words}")
    }
}

impl std::fmt::Display for NumberSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}–{}", self.first, self.last) }
    }
}

/// Findings while a check goes on; bounded, whatever is found.
#[derive(Debug)]
pub(super) struct Findings {
    found: Vec<Finding>,
    /// Ranges that each lists at most.
    listed: usize,
}

impl Default for Findings {
    fn default() -> Self {
        Self::listing(LISTED)
    }
}

impl Findings {
    /// Findings that list at most so many ranges each.
    pub fn listing(listed: usize) -> Self {
        Self { found: Vec::new(), listed }
    }

    /// Adds a number; numbers of a kind and series come in ascending order.
    pub fn add(&mut self, kind: FindingKind, series: Series, number: i64) {
        self.add_span(kind, series, number, number);
    }

    /// Adds the numbers from `first` to `last`.
    pub fn add_span(&mut self, kind: FindingKind, series: Series, first: i64, last: i64) {
        let listed = self.listed;
        let finding = self.entry(kind, series);
        finding.count = finding.count.saturating_add(last.saturating_sub(first).saturating_add(1));
        match finding.numbers.last_mut() {
            Some(span) if span.last.checked_add(1) == Some(first) => span.last = last,
            _ => {
                if finding.numbers.len() < listed {
                    finding.numbers.push(NumberSpan { first, last });
                }
            }
        }
    }

    /// Counts one that has no number.
    pub fn add_unnumbered(&mut self, kind: FindingKind, series: Series) {
        self.entry(kind, series).count += 1;
    }

    fn entry(&mut self, kind: FindingKind, series: Series) -> &mut Finding {
        let known = self.found.iter().position(|finding| finding.kind == kind && finding.series == series);
        let place = known.unwrap_or_else(|| {
            self.found.push(Finding { kind, series, count: 0, numbers: Vec::new() });
            self.found.len() - 1
        });
        &mut self.found[place]
    }

    /// What was found, by series and kind.
    pub fn finish(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|finding| (finding.series, finding.kind));
        self.found
    }
}

/// The health of a store: 100 less, for each finding, its kind's weight times the number of decimal digits of its count
/// (1 for up to 9 numbers, 2 for up to 99, …), and never below 0. So 100 is nothing found, any fault shows, and neither one
/// fault in a million records nor a million faults make the figure useless. The formula is ours.
pub fn health(findings: &[Finding]) -> i64 {
    let cost: i64 = findings.iter().map(|finding| finding.kind.weight() * digits(finding.count)).sum();
    (100 - cost).max(0)
}

fn digits(count: i64) -> i64 {
    i64::from(count.max(1).ilog10()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_a_range_and_lists_are_bounded() {
        let mut findings = Findings::default();
        for number in [3, 4, 9] {
            findings.add(FindingKind::Gap, Series::Order, number);
        }
        for number in 0..500 {
            findings.add(FindingKind::BrokenSeal, Series::Order, number * 2);
        }
        let found = findings.finish();
        assert_eq!(found[0].numbers, [NumberSpan { first: 3, last: 4 }, NumberSpan { first: 9, last: 9 }]);
        assert_eq!((found[0].count, found[1].count, found[1].numbers.len()), (3, 500, LISTED));
    }

    #[test]
    fn numbers_at_the_ends_of_what_an_integer_holds_do_not_overflow() {
        let mut findings = Findings::default();
        findings.add_span(FindingKind::Gap, Series::Order, 6, i64::MAX - 1);
        findings.add_span(FindingKind::Gap, Series::Order, i64::MAX, i64::MAX);
        findings.add_span(FindingKind::OutOfRange, Series::Order, i64::MIN, 0);
        let found = findings.finish();
        assert_eq!(found[0].numbers, [NumberSpan { first: 6, last: i64::MAX }]);
        assert_eq!(health(&found), 0);
    }

    #[test]
    fn health_falls_with_weight_and_digits_and_not_below_nothing() {
        let of = |kind, count| Finding { kind, series: Series::Order, count, numbers: Vec::new() };
        assert_eq!(health(&[]), 100);
        assert_eq!(health(&[of(FindingKind::Gap, 1)]), 85);
        assert_eq!(health(&[of(FindingKind::Gap, 9), of(FindingKind::CounterAhead, 10)]), 65);
        assert_eq!(health(&[of(FindingKind::BrokenSeal, 10_000)]), 0);
        assert!(FindingKind::ALL.iter().all(|kind| health(&[of(*kind, 1)]) < 100));
    }

    #[test]
    fn a_finding_is_a_line_that_names_series_and_numbers() {
        let span = |first, last| NumberSpan { first, last };
        let numbers = vec![span(3, 3), span(6, 8)];
        let mut finding = Finding { kind: FindingKind::Gap, series: Series::Order, count: 4, numbers };
        assert_eq!(finding.in_words(), "order 3, 6–8 (4 in all): missing");
        let strays = Finding { kind: FindingKind::StrayLines, numbers: Vec::new(), ..finding.clone() };
        assert_eq!(strays.in_words(), "order, 4 in all: lines without their record");
        finding.numbers = (0..60).map(|place| span(place * 2, place * 2)).collect();
        assert!(finding.in_words().contains("22 and more"), "{}", finding.in_words());
    }
}
