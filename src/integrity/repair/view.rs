//! Repairs as the API, the audit log and the command line show them.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::finding::{Finding, NumberSpan, series_noun};
use crate::domain::{Series, StoreId, text_enum};

/// The most ranges of renumbered records that are listed; the count includes the rest.
const LISTED_RANGES_MAX: usize = 1_000;

text_enum! {
    /// How numbers are repaired.
    #[schema(as = Method)]
    RepairMethod, "a repair method":
    /// Missing numbers get void placeholders, and a counter that is behind moves forward. No record changes.
    Void = "void",
    /// Records get the numbers 1, 2, 3 … in their present order and new seals; for stores that are not fiscal.
    Renumber = "renumber",
}

/// The old and the new counter of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CounterMove {
    /// 0 if there is no counter.
    pub from: i64,
    pub to: i64,
}

/// Records whose numbers change together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Renumbered)]
pub struct RenumberedRange {
    /// The old numbers.
    pub from: NumberSpan,
    /// The new numbers.
    pub to: NumberSpan,
}

/// What a repair changes in one series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeriesRepair {
    pub series: Series,
    /// Numbers that get a void placeholder, ascending.
    pub placeholders: Vec<NumberSpan>,
    /// How many numbers these are.
    pub placeholder_count: i64,
    /// The move of the counter; `null` if it stays.
    pub counter: Option<CounterMove>,
    /// Records that get another number, ascending; the first 1 000 ranges.
    pub renumbered: Vec<RenumberedRange>,
    /// How many records these are.
    pub renumbered_count: i64,
    /// Records that get a new seal: from the first renumbered one to the last.
    #[serde(rename = "sealed_anew")]
    pub resealed_count: i64,
    /// Records among these that do not match their old seal, by their old numbers. They are sealed as they are.
    #[serde(rename = "did_not_fit")]
    pub broken_seals: Option<Finding>,
    /// Faults that this method does not repair.
    #[serde(rename = "left")]
    pub unrepaired: Vec<Finding>,
}

/// What a repair changes, or would change, in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RepairView {
    pub store_id: StoreId,
    pub method: RepairMethod,
    pub reason: String,
    /// Whether the repair was applied; otherwise nothing was changed.
    pub applied: bool,
    /// The series with changes or unrepaired faults.
    pub series: Vec<SeriesRepair>,
}

impl SeriesRepair {
    pub(super) fn empty(series: Series) -> Self {
        Self {
            series,
            placeholders: Vec::new(),
            placeholder_count: 0,
            counter: None,
            renumbered: Vec::new(),
            renumbered_count: 0,
            resealed_count: 0,
            broken_seals: None,
            unrepaired: Vec::new(),
        }
    }

    /// Records must come in ascending order of their new numbers.
    pub(super) fn add_renumbered(&mut self, from: i64, to: i64) {
        self.renumbered_count += 1;
        let span = |number| NumberSpan { first: number, last: number };
        match self.renumbered.last_mut() {
            Some(range) if range.from.last.checked_add(1) == Some(from) && range.to.last + 1 == to => {
                (range.from.last, range.to.last) = (from, to);
            }
            Some(_) | None => {
                if self.renumbered.len() < LISTED_RANGES_MAX {
                    self.renumbered.push(RenumberedRange { from: span(from), to: span(to) });
                }
            }
        }
    }

    pub(super) fn changes_anything(&self) -> bool {
        !self.placeholders.is_empty() || self.resealed_count > 0 || self.counter.is_some()
    }

    /// The changes, one sentence each.
    fn sentences(&self) -> Vec<String> {
        let noun = |span: &NumberSpan| series_noun(self.series, if span.first == span.last { 1 } else { 2 });
        let mut sentences = Vec::new();
        for span in &self.placeholders {
            let (verb, noun) = if span.first == span.last { ("gets", noun(span)) } else { ("get", noun(span)) };
            let object = if span.first == span.last { "a void placeholder" } else { "void placeholders" };
            sentences.push(format!("{noun} {span} {verb} {object}."));
        }
        for RenumberedRange { from, to } in &self.renumbered {
            let verb = if from.first == from.last { "becomes" } else { "become" };
            sentences.push(format!("{} {from} {verb} {to}.", noun(from)));
        }
        let nouns = series_noun(self.series, 2).to_lowercase();
        if self.renumbered.len() == LISTED_RANGES_MAX {
            sentences.push(format!("{} {nouns} get another number in total.", self.renumbered_count));
        }
        if self.resealed_count > 0 {
            let (count, nouns) = (self.resealed_count, series_noun(self.series, self.resealed_count).to_lowercase());
            let (verb, object) = if count == 1 { ("gets", "a new seal") } else { ("get", "new seals") };
            sentences.push(format!("{count} {nouns} {verb} {object}."));
        }
        if let Some(finding) = &self.broken_seals {
            sentences.push(format!("{} It is sealed as it is now.", finding.sentence(None)));
        }
        if let Some(CounterMove { from, to }) = self.counter {
            sentences.push(format!("The counter of {nouns} moves from {from} to {to}."));
        }
        sentences
    }
}

impl RepairView {
    pub fn changes_anything(&self) -> bool {
        self.series.iter().any(SeriesRepair::changes_anything)
    }

    /// The changes and the unrepaired faults, one line each; the same before and after the repair.
    pub fn lines(&self) -> Vec<String> {
        let changes = self.series.iter().flat_map(SeriesRepair::sentences);
        let unrepaired = self.series.iter().flat_map(|repair| &repair.unrepaired);
        changes.chain(unrepaired.map(|finding| format!("Not repaired: {}", finding.sentence(None)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_move_together_form_one_range_and_the_list_is_bounded() {
        let mut repair = SeriesRepair::empty(Series::Order);
        for (from, to) in [(4, 3), (5, 4), (9, 5), (9, 6)] {
            repair.add_renumbered(from, to);
        }
        assert_eq!(repair.sentences(), ["Receipts 4–5 become 3–4.", "Receipt 9 becomes 5.", "Receipt 9 becomes 6."]);
        for index in 0..2_000 {
            repair.add_renumbered(100 + index * 2, 50 + index);
        }
        assert_eq!((repair.renumbered.len(), repair.renumbered_count), (LISTED_RANGES_MAX, 2_004));
        assert!(repair.sentences().contains(&"2004 receipts get another number in total.".to_owned()));
    }
}
