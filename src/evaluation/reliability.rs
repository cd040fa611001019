//! Reliability of the confidence: how often first answers are right, compared with the confidence in them.
//!
//! The confidence is learned from the gallery, as in the server. A known query's product is in the gallery; an unknown one's is
//! not, so whatever comes first is wrong. Unknown queries are weighted to a share of [`UNKNOWN_SHARE`], as the confidence assumes.

use serde::Serialize;
use uuid::Uuid;

use super::embed::Sample;
use super::scores::{ScoreTable, product_id};
use crate::confidence::{CatalogConfidence, EnrolledPhoto, UNKNOWN_SHARE, learn};
use crate::domain::{Verdict, VerdictLimits};

const BINS: usize = 10;
/// With fewer answers, their share of right ones is left to chance.
const GAP_ANSWERS_MIN: usize = 30;

/// How true a confidence is, and what a till would do by it. Shares are of all answers, weighted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfidenceFigures {
    /// What it was learned from.
    pub learned_from_photos: usize,
    pub learned_from_products: usize,
    /// Answers to queries whose product is in the gallery, and regions that show no product.
    pub known_answers: usize,
    /// Answers to queries without their product in the gallery.
    pub unknown_answers: usize,
    /// Settings.
    pub ask_below: f64,
    pub unknown_below: f64,
    /// Share that is matched with the right product.
    pub billed_right: f64,
    /// Share that is matched with a wrong one.
    pub billed_wrong: f64,
    /// Share that is ambiguous.
    pub asked: f64,
    /// Share that is called unknown.
    pub unknown: f64,
    /// Greatest difference between `said` and `correct` in a bin of at least 30 answers; `null` if there is no such bin.
    pub largest_gap: Option<f64>,
    /// By confidence, from 0 to 1 in tenths.
    pub bins: Vec<ReliabilityBin>,
}

/// The answers with a confidence from `from` to below `to`; the last bin has 1 too.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityBin {
    pub from: f64,
    pub to: f64,
    pub answers: usize,
    /// Their mean confidence; `null` without answers.
    pub said: Option<f64>,
    /// Share of them that is right; `null` without answers.
    pub correct: Option<f64>,
}

/// The first answer to a query or a region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FirstAnswer {
    pub(super) confidence: f64,
    pub(super) correct: bool,
    /// Whether it is weighted as an answer to a known query.
    pub(super) known: bool,
}

/// The confidence that the photos of `gallery` teach; `None` if they are too few. `seed` chooses the sample of photos.
pub(super) fn learn_confidence(gallery: &[&Sample], seed: u64) -> Option<CatalogConfidence> {
    let photo = |(position, sample): (u128, &&Sample)| (Uuid::from_u128(position), product_id(sample.product));
    let ids: Vec<_> = (0..).zip(gallery).map(photo).collect();
    let photos = ids.iter().zip(gallery).map(|((image, product), sample)| EnrolledPhoto {
        image: (*image).into(),
        product: *product,
        vector: sample.embedding.as_slice(),
    });
    learn(&photos.collect::<Vec<_>>(), seed).ok()
}

/// The first answer to the query in `row` with only the products that `included` accepts in the gallery, and its confidence;
/// `None` if there are too few of them to judge. It counts as known if its product is one of them.
pub(super) fn first_answer(
    table: &ScoreTable,
    confidence: &CatalogConfidence,
    row: usize,
    included: impl Fn(usize) -> bool,
) -> Option<FirstAnswer> {
    let product = table.products()[row];
    let known = table.in_gallery(product) && included(product);
    let ranking = table.ranking(row, included, confidence.products_needed());
    let said = *confidence.of_ranking(&ranking, 1)?.first()?;
    Some(FirstAnswer { confidence: said.into(), correct: ranking[0].product == product_id(product), known })
}

/// The answers to each query with its product in the gallery, if it is enrolled, and without.
pub(super) fn answers_with_and_without(table: &ScoreTable, confidence: &CatalogConfidence) -> Vec<FirstAnswer> {
    let rows = || 0..table.products().len();
    let known_rows = rows().filter(|row| table.in_gallery(table.products()[*row]));
    let known = known_rows.filter_map(|row| first_answer(table, confidence, row, |_| true));
    let unknown =
        rows().filter_map(|row| first_answer(table, confidence, row, |product| product != table.products()[row]));
    known.chain(unknown).collect()
}

/// Compares the confidence in `answers` with the truth.
pub(super) fn compare_with_truth(
    confidence: &CatalogConfidence,
    answers: &[FirstAnswer],
    limits: VerdictLimits,
) -> ConfidenceFigures {
    let known = answers.iter().filter(|answer| answer.known).count();
    let unknown = answers.len() - known;
    let unknown_weight = match (known, unknown) {
        (0, _) | (_, 0) => 1.0,
        (known, unknown) => UNKNOWN_SHARE / (1.0 - UNKNOWN_SHARE) * known as f64 / unknown as f64,
    };
    let weight = |answer: &FirstAnswer| if answer.known { 1.0 } else { unknown_weight };
    let share = |counts: &dyn Fn(&FirstAnswer) -> bool| {
        weighted_mean(answers.iter().map(|answer| (f64::from(u8::from(counts(answer))), weight(answer)))).unwrap_or(0.0)
    };
    let verdict = |answer: &FirstAnswer| limits.judge(answer.confidence);
    let bin = |number: usize| {
        let in_bin = || answers.iter().filter(move |answer| bin_of(answer.confidence) == number);
        let mean =
            |value: fn(&FirstAnswer) -> f64| weighted_mean(in_bin().map(|answer| (value(answer), weight(answer))));
        ReliabilityBin {
            from: number as f64 / BINS as f64,
            to: (number + 1) as f64 / BINS as f64,
            answers: in_bin().count(),
            said: mean(|answer| answer.confidence),
            correct: mean(|answer| f64::from(u8::from(answer.correct))),
        }
    };
    let bins: Vec<ReliabilityBin> = (0..BINS).map(bin).collect();
    let gaps = bins.iter().filter(|bin| bin.answers >= GAP_ANSWERS_MIN);
    let gaps = gaps.filter_map(|bin| Some((bin.said? - bin.correct?).abs()));
    ConfidenceFigures {
        learned_from_photos: confidence.photos,
        learned_from_products: confidence.products,
        known_answers: known,
        unknown_answers: unknown,
        ask_below: limits.ask_below,
        unknown_below: limits.unknown_below,
        billed_right: share(&|answer| verdict(answer) == Verdict::Matched && answer.correct),
        billed_wrong: share(&|answer| verdict(answer) == Verdict::Matched && !answer.correct),
        asked: share(&|answer| verdict(answer) == Verdict::Ambiguous),
        unknown: share(&|answer| verdict(answer) == Verdict::Unknown),
        largest_gap: gaps.reduce(f64::max),
        bins,
    }
}

fn bin_of(confidence: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a probability")]
    // The tolerance is for rounding: the confidence 0.3 is a little less as a 32-bit number.
    let number = ((confidence + 1e-6) * BINS as f64) as usize;
    number.min(BINS - 1)
}

/// The mean of values with weights; `None` without any.
fn weighted_mean(values: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (sum, total) = values.fold((0.0, 0.0), |(sum, total), (value, weight)| (sum + value * weight, total + weight));
    (total > 0.0).then(|| sum / total)
}
