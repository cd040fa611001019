//! A repair as it is shown, kept in the audit log, and told to people.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::finding::{Finding, NumberSpan};
use crate::domain::{Series, StoreId, text_enum};

/// Ranges of changed numbers that are listed at most; the count goes on.
const LISTED: usize = 1_000;

text_enum! {
    /// How numbers are repaired.
    #[schema(as = Method)]
    RepairMethod, "a repair method":
    /// Missing numbers get void placeholders, and a counter that is behind moves forward. No record changes.
    Void = "void",
    /// Records are numbered 1, 2, 3 … in their order and sealed again; for stores that are not fiscal.
    Renumber = "renumber",
}

/// Where a counter stood and where it is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CounterMove {
    /// The last number that was taken, by the counter; 0 where there is none.
    pub from: i64,
    /// The last number that was taken, in truth.
    pub to: i64,
}

/// Records whose numbers move together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Renumbered {
    /// Their numbers before.
    pub from: NumberSpan,
    /// Their numbers afterwards.
    pub to: NumberSpan,
}

/// What a repair changes in one series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeriesRepair {
    /// The series.
    pub series: Series,
    /// Numbers that get a void placeholder, ascending.
    pub placeholders: Vec<NumberSpan>,
    /// How many numbers these are.
    pub placeholder_count: i64,
    /// The counter, where it moves.
    pub counter: Option<CounterMove>,
    /// Records that get another number, ascending; the first 1 000 ranges.
    pub renumbered: Vec<Renumbered>,
    /// How many records these are.
    pub renumbered_count: i64,
    /// Records that are sealed anew: from the first that gets another number to the last.
    pub sealed_anew: i64,
    /// Among them those that do not fit their old seal, by their old numbers: they are sealed as they are now.
    pub did_not_fit: Option<Finding>,
    /// What this method does not mend.
    pub left: Vec<Finding>,
}

/// What a repair changes, or would change, in a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RepairView {
    /// The store.
    pub store_id: StoreId,
    /// How.
    pub method: RepairMethod,
    /// Why, as whoever wants it wrote.
    pub reason: String,
    /// Whether it was done; otherwise nothing was changed.
    pub applied: bool,
    /// The series in which there is something to repair, or something that is left as it is.
    pub series: Vec<SeriesRepair>,
}

impl SeriesRepair {
    /// Nothing yet.
    pub(super) fn of(series: Series) -> Self {
        Self {
            series,
            placeholders: Vec::new(),
            placeholder_count: 0,
            counter: None,
            renumbered: Vec::new(),
            renumbered_count: 0,
            sealed_anew: 0,
            did_not_fit: None,
            left: Vec::new(),
        }
    }

    /// Adds a record that gets another number; they come in the order of their new numbers.
    pub(super) fn add_renumbered(&mut self, from: i64, to: i64) {
        self.renumbered_count += 1;
        let one = |number| NumberSpan { first: number, last: number };
        match self.renumbered.last_mut() {
            Some(run) if run.from.last.checked_add(1) == Some(from) && run.to.last + 1 == to => {
                (run.from.last, run.to.last) = (from, to);
            }
            Some(_) | None => {
                if self.renumbered.len() < LISTED {
                    self.renumbered.push(Renumbered { from: one(from), to: one(to) });
                }
            }
        }
    }

    /// Whether anything is changed.
    pub(super) fn changes_anything(&self) -> bool {
        !self.placeholders.is_empty() || self.sealed_anew > 0 || self.counter.is_some()
    }

    /// What is changed, a line each.
    fn changes(&self) -> Vec<String> {
        let series = self.series.as_str();
        let mut lines = Vec::new();
        for span in &self.placeholders {
            lines.push(format!("{series} {span}: void placeholder"));
        }
        for Renumbered { from, to } in &self.renumbered {
            lines.push(format!("{series} {from} becomes {to}"));
        }
        if self.renumbered.len() == LISTED {
            lines.push(format!("{series}: {} records get another number in all", self.renumbered_count));
        }
        if self.sealed_anew > 0 {
            lines.push(format!("{series}: {} records are sealed anew", self.sealed_anew));
        }
        if let Some(finding) = &self.did_not_fit {
            lines.push(format!("{}; sealed as it is now", finding.in_words()));
        }
        if let Some(CounterMove { from, to }) = self.counter {
            lines.push(format!("{series}: the counter goes from {from} to {to}"));
        }
        lines
    }
}

impl RepairView {
    /// Whether anything is changed, or would be.
    pub fn changes_anything(&self) -> bool {
        self.series.iter().any(SeriesRepair::changes_anything)
    }

    /// What is changed and what is left as it is, a line each; the same before and after.
    pub fn lines(&self) -> Vec<String> {
        let changes = self.series.iter().flat_map(SeriesRepair::changes);
        let left = self.series.iter().flat_map(|repair| &repair.left);
        changes.chain(left.map(|finding| format!("left as it is: {}", finding.in_words()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_move_together_are_one_range_and_the_list_is_bounded() {
        let mut repair = SeriesRepair::of(Series::Order);
        for (from, to) in [(4, 3), (5, 4), (9, 5), (9, 6)] {
            repair.add_renumbered(from, to);
        }
        let expected = ["order 4–5 becomes 3–4", "order 9 becomes 5", "order 9 becomes 6"];
        assert_eq!(repair.changes(), expected);
        for place in 0..2_000 {
            repair.add_renumbered(100 + place * 2, 50 + place);
        }
        assert_eq!((repair.renumbered.len(), repair.renumbered_count), (LISTED, 2_004));
        assert!(repair.changes().contains(&"order: 2004 records get another number in all".to_owned()));
    }
}
