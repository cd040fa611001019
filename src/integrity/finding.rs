//! What can be wrong with numbers and hash chains, and the health of a store with such findings.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Series;

/// The most ranges of numbers that a finding of a report lists; the count includes the rest.
pub(super) const LISTED_RANGES_MAX: usize = 50;
/// The most ranges of numbers that fit into a sentence.
const RANGES_IN_SENTENCE_MAX: usize = 12;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// No record and no void placeholder has the number, although the counter or a record is higher.
    Gap,
    /// Several records have the number, or a record and a void placeholder.
    Duplicate,
    /// The number is below 1.
    OutOfRange,
    /// The number is above the counter, which will give it out again.
    CounterBehind,
    /// The counter has given out the number, but no record has it.
    CounterAhead,
    /// The record or its lines hold a value that this program cannot read.
    Unreadable,
    /// The record does not match its seal: it was changed after it was written.
    BrokenSeal,
    /// The void placeholder does not match its seal: it was changed after it was written.
    BrokenPlaceholder,
    /// The record does not name the seal of the record with the previous number.
    BrokenLink,
    /// The counter holds another seal than the record with its number: the next record will not link.
    CounterSeal,
    /// The lines do not add up to the total, or a line to its quantity times its price.
    WrongSum,
    /// The payments of the order are not what is due, or a voided order has payments.
    WrongPayment,
    /// More of the order was refunded than was paid.
    Overrefund,
    /// The payment or refund belongs to no order, or to one of another store or currency.
    NoOrder,
    /// The store's own row is missing, but its records exist.
    NoStore,
    /// Lines exist whose record is missing; counts the records, which have no number any more.
    #[serde(rename = "stray_lines")]
    OrphanLines,
    /// The record of the audit log, or the one before it, was changed after it was written. The series says nothing.
    AuditChanged,
    /// The record of the audit log was removed. The series says nothing.
    AuditMissing,
}

impl FindingKind {
    pub const ALL: [Self; 18] = [
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
        Self::OrphanLines,
        Self::AuditChanged,
        Self::AuditMissing,
    ];

    /// Whether the quick check finds it too.
    pub fn is_quick(self) -> bool {
        matches!(
            self,
            Self::Gap | Self::Duplicate | Self::OutOfRange | Self::CounterBehind | Self::CounterAhead | Self::NoStore
        )
    }

    /// The points that a finding of this kind costs; see [`health`].
    pub fn weight(self) -> i64 {
        match self {
            Self::Duplicate
            | Self::BrokenSeal
            | Self::BrokenPlaceholder
            | Self::BrokenLink
            | Self::Unreadable
            | Self::NoStore
            | Self::OutOfRange
            | Self::AuditChanged
            | Self::AuditMissing => 25,
            Self::CounterBehind | Self::CounterSeal => 20,
            Self::Gap | Self::WrongSum | Self::WrongPayment | Self::Overrefund | Self::NoOrder => 15,
            Self::CounterAhead => 10,
            Self::OrphanLines => 5,
        }
    }

    /// As in JSON.
    pub fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The predicate of a sentence about one number and about several: "Receipt 4 …", "Receipts 4–6 …".
    fn predicates(self) -> (&'static str, &'static str) {
        match self {
            Self::Gap => ("is missing", "are missing"),
            Self::Duplicate => ("exists more than once", "exist more than once"),
            Self::OutOfRange => ("has a number below 1", "have numbers below 1"),
            Self::CounterBehind => (
                "is above the counter, which would give the number again",
                "are above the counter, which would give the numbers again",
            ),
            Self::CounterAhead => {
                ("was given out by the counter but never used", "were given out by the counter but never used")
            }
            Self::Unreadable => ("cannot be read", "cannot be read"),
            Self::BrokenSeal => ("was changed after it was written", "were changed after they were written"),
            Self::BrokenPlaceholder => (
                "is a void placeholder that was changed after it was written",
                "are void placeholders that were changed after they were written",
            ),
            Self::BrokenLink => ("does not link to the record before it", "do not link to the records before them"),
            Self::CounterSeal => ("has another seal than the counter", "have other seals than the counter"),
            Self::WrongSum => {
                ("has lines that do not add up to its total", "have lines that do not add up to their totals")
            }
            Self::WrongPayment => {
                ("was paid with another amount than was due", "were paid with other amounts than were due")
            }
            Self::Overrefund => ("was refunded by more than was paid", "were refunded by more than was paid"),
            Self::NoOrder => ("belongs to no order of the store", "belong to no order of the store"),
            Self::NoStore => ("belongs to a store that is missing", "belong to a store that is missing"),
            Self::OrphanLines => ("is missing, but its lines exist", "are missing, but their lines exist"),
            Self::AuditChanged => (
                "or the one before it was changed after it was written",
                "or those before them were changed after they were written",
            ),
            Self::AuditMissing => ("was removed", "were removed"),
        }
    }
}

/// Numbers from `first` to `last`, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NumberSpan {
    pub first: i64,
    pub last: i64,
}

/// A fault in a series of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    pub kind: FindingKind,
    pub series: Series,
    /// How many numbers have this fault.
    pub count: i64,
    /// The numbers, ascending; the first 50 ranges.
    pub numbers: Vec<NumberSpan>,
}

impl Finding {
    /// `Receipts 3, 6–8 of store Main Street are missing (4 missing in total).`
    pub fn sentence(&self, store: Option<&str>) -> String {
        let of_store = store.map(|name| format!(" of store {name}")).unwrap_or_default();
        let Self { kind, count, .. } = *self;
        let (singular, plural) = kind.predicates();
        let predicate = if count == 1 { singular } else { plural };
        let noun = self.noun();
        if kind == FindingKind::NoStore {
            return format!("The records{of_store} exist, but the store's own row is missing.");
        }
        if self.numbers.is_empty() {
            return format!("{count} {}{of_store} {predicate}.", noun.to_lowercase());
        }
        let ranges: Vec<String> = self.numbers.iter().take(RANGES_IN_SENTENCE_MAX).map(ToString::to_string).collect();
        let more = if self.numbers.len() > RANGES_IN_SENTENCE_MAX { " and more" } else { "" };
        let counted = if kind == FindingKind::Gap { " missing" } else { "" };
        format!("{noun} {}{more}{of_store} {predicate} ({count}{counted} in total).", ranges.join(", "))
    }

    fn noun(&self) -> &'static str {
        match (self.kind, self.count) {
            (FindingKind::AuditChanged | FindingKind::AuditMissing, 1) => "Audit record",
            (FindingKind::AuditChanged | FindingKind::AuditMissing, _) => "Audit records",
            (_, count) => series_noun(self.series, count),
        }
    }
}

/// The noun for records of a series: `Receipt`, or `Receipts` for several.
pub(super) fn series_noun(series: Series, count: i64) -> &'static str {
    let (singular, plural) = match series {
        Series::Order => ("Receipt", "Receipts"),
        Series::Payment => ("Payment", "Payments"),
        Series::Refund => ("Refund", "Refunds"),
        Series::Closing => ("Closing", "Closings"),
    };
    if count == 1 { singular } else { plural }
}

impl std::fmt::Display for NumberSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}–{}", self.first, self.last) }
    }
}

/// Collects the findings of a check; their size is bounded.
#[derive(Debug)]
pub(super) struct Findings {
    findings: Vec<Finding>,
    listed_ranges_max: usize,
}

impl Default for Findings {
    fn default() -> Self {
        Self::with_ranges(LISTED_RANGES_MAX)
    }
}

impl Findings {
    pub fn with_ranges(listed_ranges_max: usize) -> Self {
        Self { findings: Vec::new(), listed_ranges_max }
    }

    /// Numbers of one kind and series must come in ascending order.
    pub fn add(&mut self, kind: FindingKind, series: Series, number: i64) {
        self.add_span(kind, series, number, number);
    }

    pub fn add_span(&mut self, kind: FindingKind, series: Series, first: i64, last: i64) {
        let listed_ranges_max = self.listed_ranges_max;
        let finding = self.entry(kind, series);
        finding.count = finding.count.saturating_add(last.saturating_sub(first).saturating_add(1));
        match finding.numbers.last_mut() {
            Some(span) if span.last.checked_add(1) == Some(first) => span.last = last,
            _ => {
                if finding.numbers.len() < listed_ranges_max {
                    finding.numbers.push(NumberSpan { first, last });
                }
            }
        }
    }

    pub fn add_unnumbered(&mut self, kind: FindingKind, series: Series) {
        self.entry(kind, series).count += 1;
    }

    fn entry(&mut self, kind: FindingKind, series: Series) -> &mut Finding {
        let index = self.findings.iter().position(|finding| finding.kind == kind && finding.series == series);
        let index = index.unwrap_or_else(|| {
            self.findings.push(Finding { kind, series, count: 0, numbers: Vec::new() });
            self.findings.len() - 1
        });
        &mut self.findings[index]
    }

    /// All findings by series and kind.
    pub fn finish(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| (finding.series, finding.kind));
        self.findings
    }
}

/// 100 minus, for each finding, the weight of its kind times the number of decimal digits of its count, but at least 0. So
/// every fault shows, and the figure stays useful whether one record is damaged or a million are. The formula is our own.
pub fn health(findings: &[Finding]) -> i64 {
    let cost: i64 = findings.iter().map(|finding| finding.kind.weight() * decimal_digits(finding.count)).sum();
    (100 - cost).max(0)
}

fn decimal_digits(count: i64) -> i64 {
    i64::from(count.max(1).ilog10()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_numbers_form_a_range_and_the_list_is_bounded() {
        let mut findings = Findings::default();
        for number in [3, 4, 9] {
            findings.add(FindingKind::Gap, Series::Order, number);
        }
        for number in 0..500 {
            findings.add(FindingKind::BrokenSeal, Series::Order, number * 2);
        }
        let found = findings.finish();
        assert_eq!(found[0].numbers, [NumberSpan { first: 3, last: 4 }, NumberSpan { first: 9, last: 9 }]);
        assert_eq!((found[0].count, found[1].count, found[1].numbers.len()), (3, 500, LISTED_RANGES_MAX));
    }

    #[test]
    fn the_smallest_and_largest_numbers_do_not_overflow() {
        let mut findings = Findings::default();
        findings.add_span(FindingKind::Gap, Series::Order, 6, i64::MAX - 1);
        findings.add_span(FindingKind::Gap, Series::Order, i64::MAX, i64::MAX);
        findings.add_span(FindingKind::OutOfRange, Series::Order, i64::MIN, 0);
        let found = findings.finish();
        assert_eq!(found[0].numbers, [NumberSpan { first: 6, last: i64::MAX }]);
        assert_eq!(health(&found), 0);
    }

    #[test]
    fn health_falls_by_weight_and_digits_but_not_below_zero() {
        let finding = |kind, count| Finding { kind, series: Series::Order, count, numbers: Vec::new() };
        assert_eq!(health(&[]), 100);
        assert_eq!(health(&[finding(FindingKind::Gap, 1)]), 85);
        assert_eq!(health(&[finding(FindingKind::Gap, 9), finding(FindingKind::CounterAhead, 10)]), 65);
        assert_eq!(health(&[finding(FindingKind::BrokenSeal, 10_000)]), 0);
        assert!(FindingKind::ALL.iter().all(|kind| health(&[finding(*kind, 1)]) < 100));
    }

    #[test]
    fn a_finding_is_a_sentence_with_its_numbers_and_its_store() {
        let span = |first, last| NumberSpan { first, last };
        let finding = |kind, numbers: Vec<NumberSpan>, count| Finding { kind, series: Series::Order, count, numbers };
        let store = Some("Main Street");
        let gap = finding(FindingKind::Gap, vec![span(4, 4)], 1).sentence(store);
        assert_eq!(gap, "Receipt 4 of store Main Street is missing (1 missing in total).");
        let seals = finding(FindingKind::BrokenSeal, vec![span(3, 3), span(6, 8)], 4).sentence(None);
        assert_eq!(seals, "Receipts 3, 6–8 were changed after they were written (4 in total).");
        let removed = finding(FindingKind::AuditMissing, vec![span(2, 3)], 2).sentence(None);
        assert_eq!(removed, "Audit records 2–3 were removed (2 in total).");
        let orphans = finding(FindingKind::OrphanLines, Vec::new(), 4).sentence(None);
        assert_eq!(orphans, "4 receipts are missing, but their lines exist.");
        let no_store = finding(FindingKind::NoStore, Vec::new(), 1).sentence(store);
        assert_eq!(no_store, "The records of store Main Street exist, but the store's own row is missing.");
        let many = (0..60).map(|index| span(index * 2, index * 2)).collect();
        assert!(finding(FindingKind::Gap, many, 60).sentence(None).contains("22 and more are missing"));
    }
}
