//! What was found and recognised in composed frames, and the figures of a kind of frame.

use super::embed::Sample;
use super::frame_composer::FrameSetup;
use super::frame_report::ComposedFrameRow;
use super::metrics::share;
use super::reliability::{self, FirstAnswer};
use super::scores::ScoreTable;
use crate::confidence::CatalogConfidence;
use crate::embedding::Embedding;

/// What was found in a frame.
pub(super) struct FrameOutcome {
    /// The things that have a region of their own.
    pub(super) found: usize,
    /// Regions that overlap no thing enough for it to count as found.
    pub(super) extra_regions: usize,
    /// Regions that were matched with no thing: they overlap none, or one that another region overlaps more.
    pub(super) unmatched: Vec<Embedding>,
    /// The whole frame, if it shows one thing.
    pub(super) whole: Option<Sample>,
    /// The region that overlaps each thing most; `None` if no region does.
    pub(super) best_regions: Vec<Option<Sample>>,
    pub(super) true_regions: Vec<Sample>,
}

/// What the outcomes are compared with.
pub(super) struct Gallery<'a> {
    pub(super) photos: Vec<&'a Sample>,
    /// The number of all products.
    pub(super) products: usize,
}

impl Gallery<'_> {
    fn scores(&self, queries: &[Sample]) -> ScoreTable {
        ScoreTable::new(queries, &self.photos, self.products)
    }

    /// Share of `queries` whose product comes first.
    pub(super) fn top_1(&self, queries: &[Sample]) -> f64 {
        share(self.scores(queries).known_answers().iter().map(|answer| answer.is_correct()))
    }

    /// The first answers to the found regions. The answer to a region without a thing is wrong whatever it is.
    pub(super) fn first_answers(&self, confidence: &CatalogConfidence, outcomes: &[FrameOutcome]) -> Vec<FirstAnswer> {
        let things: Vec<Sample> =
            outcomes.iter().flat_map(|outcome| outcome.best_regions.iter().flatten().cloned()).collect();
        let mut answers = reliability::answers_with_and_without(&self.scores(&things), confidence);
        let unmatched = outcomes.iter().flat_map(|outcome| &outcome.unmatched);
        let unmatched: Vec<Sample> =
            unmatched.map(|embedding| Sample { product: 0, embedding: embedding.clone() }).collect();
        let table = self.scores(&unmatched);
        let rows = (0..unmatched.len()).filter_map(|row| reliability::first_answer(&table, confidence, row, |_| true));
        answers.extend(rows.map(|answer| FirstAnswer { correct: false, known: true, ..answer }));
        answers
    }

    /// The figures of the frames of `setup`.
    pub(super) fn summarise(&self, setup: &FrameSetup, outcomes: &[FrameOutcome]) -> ComposedFrameRow {
        let (frames, things) =
            (outcomes.len(), outcomes.iter().map(|outcome| outcome.best_regions.len()).sum::<usize>());
        let of_all = |value: fn(&FrameOutcome) -> usize, all: usize| {
            outcomes.iter().map(value).sum::<usize>() as f64 / all.max(1) as f64
        };
        let whole: Vec<Sample> = outcomes.iter().filter_map(|outcome| outcome.whole.clone()).collect();
        // A thing that no region overlaps is wrong.
        let auto: Vec<Sample> =
            outcomes.iter().flat_map(|outcome| outcome.best_regions.iter().flatten().cloned()).collect();
        let true_regions: Vec<Sample> =
            outcomes.iter().flat_map(|outcome| outcome.true_regions.iter().cloned()).collect();
        ComposedFrameRow {
            height_percent: setup.height_percent,
            placement: setup.placement,
            background: setup.background,
            empty_view: setup.has_empty_view,
            things_per_frame: [*setup.things.start(), *setup.things.end()],
            frames,
            things,
            found: of_all(|outcome| outcome.found, things),
            extra_regions: of_all(|outcome| outcome.extra_regions, frames),
            top_1_whole: (!whole.is_empty()).then(|| self.top_1(&whole)),
            top_1_auto: self.top_1(&auto) * auto.len() as f64 / things.max(1) as f64,
            top_1_true_region: self.top_1(&true_regions),
        }
    }
}
