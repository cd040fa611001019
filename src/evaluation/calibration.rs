//! The two thresholds of a model, chosen on labelled photos.
//!
//! First the score: the greatest that the target share of the correct first answers reaches. Then the margin: the smallest
//! at which the target share of the matched answers is correct. Both are whole thousandths; the score is rounded down and the
//! margin up, so that the written values reach the targets. A wrong product on the bill costs more than a question, so the
//! margin is chosen for correct answers, not for few questions.

use std::collections::{BTreeMap, BTreeSet};

use super::EvaluationError;
use super::embed::Samples;
use super::metrics::{score_reached_by, share};
use super::photos::PhotoSet;
use super::scores::{RankedAnswer, ScoreTable, first_samples_per_product};
use crate::domain::Verdict;
use crate::embedding::{OperatingPoint, Thresholds};

/// The greatest margin that is tried, in thousandths: cosines differ by 2 at most.
const MARGIN_THOUSANDTHS_MAX: u16 = 2_000;
/// Margins that the curve shows besides the chosen one, in thousandths.
const CURVE_MARGINS_THOUSANDTHS: [u16; 8] = [0, 20, 50, 100, 150, 200, 300, 400];

/// What the thresholds must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationTarget {
    /// Share of the correct first answers that reach the score.
    pub accept_known: f64,
    /// Share of the matched answers that are correct.
    pub correct: f64,
    /// The most photos of one product in the gallery: about as many as a store will enrol.
    pub photos_per_product: usize,
    /// Whether the photos are the shop's own: see [`Thresholds::own_photos`].
    pub own_photos: bool,
}

/// The verdicts at one margin. Shares lie between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    pub margin: f32,
    /// Number of matched photos.
    pub matched_photos: usize,
    /// Share of the photos that are matched.
    pub matched: f64,
    /// Share of the matched photos whose answer is correct; `None` if none is matched.
    pub matched_correct: Option<f64>,
    /// Share of the photos.
    pub ambiguous: f64,
    /// Share of the photos.
    pub unknown: f64,
    /// Share of the photos that are matched although their product is outside the gallery; `None` without such photos.
    pub unknown_matched: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    pub score: f32,
    /// The verdicts at some margins, including the chosen one, in the order of the margins.
    pub curve: Vec<CurvePoint>,
    /// The thresholds for the manifest, or a message that says why no margin reaches the target.
    pub thresholds: Result<Thresholds, String>,
}

/// Chooses thresholds on the photos of `set`, whose embeddings are `samples`.
///
/// # Errors
/// Fewer than two products are enrolled, or no query photo of an enrolled product is answered correctly.
pub fn calibrate(set: &PhotoSet, samples: &Samples, target: CalibrationTarget) -> Result<Calibration, EvaluationError> {
    let gallery = first_samples_per_product(&samples.enrolled, set.products.len(), target.photos_per_product);
    if gallery.iter().all(|sample| sample.product == gallery[0].product) {
        let reason = "only one product has enrolled photos, so no answer can be wrong and no threshold can be chosen; enrol at \
                      least two";
        return Err(EvaluationError::invalid_photos(&set.name, reason.to_owned()));
    }
    let table = ScoreTable::new(&samples.queries, &gallery, set.products.len());
    let (known, unknown) = (table.known_answers(), table.unknown_answers());
    let correct: Vec<f32> = known.iter().filter(|answer| answer.is_correct()).map(|answer| answer.best).collect();
    let score = score_reached_by(&correct, target.accept_known).map(floor_to_thousandths).ok_or_else(|| {
        let reason = format!("none of {} first answers is correct, so no threshold can be chosen", known.len());
        EvaluationError::invalid_photos(&set.name, reason)
    })?;
    let at_margin = |thousandths: u16| point_at_margin(&known, &unknown, score, f32::from(thousandths) / 1_000.0);
    let chosen = (0..=MARGIN_THOUSANDTHS_MAX)
        .map(at_margin)
        .take_while(|point| point.matched_photos > 0)
        .find(|point| point.matched_correct >= Some(target.correct));
    let mut curve: Vec<CurvePoint> = CURVE_MARGINS_THOUSANDTHS.map(at_margin).into_iter().chain(chosen).collect();
    curve.sort_by(|a, b| a.margin.total_cmp(&b.margin));
    curve.dedup();
    let unreachable = || unreachable_target(target, (0..=MARGIN_THOUSANDTHS_MAX).map(at_margin), known.len());
    let thresholds = chosen.ok_or_else(unreachable).map(|chosen| {
        let queried: BTreeSet<usize> =
            table.products().iter().copied().filter(|product| table.in_gallery(*product)).collect();
        let mut enrolled = BTreeMap::<usize, usize>::new();
        gallery.iter().for_each(|sample| *enrolled.entry(sample.product).or_default() += 1);
        let point = OperatingPoint {
            data: set.name_with_split(),
            photos: known.len(),
            products: queried.len(),
            enrolled_products: enrolled.len(),
            photos_per_product: enrolled.into_values().max().unwrap_or_default(),
            accept_known: target.accept_known,
            correct: target.correct,
            matched: round_share(chosen.matched),
            matched_correct: round_share(chosen.matched_correct.unwrap_or_default()),
            ambiguous: round_share(chosen.ambiguous),
            unknown: round_share(chosen.unknown),
            unknown_accepted: round_share(share(unknown.iter().map(|answer| answer.best >= score))),
            unknown_matched: round_share(chosen.unknown_matched.unwrap_or_default()),
        };
        Thresholds { score, margin: chosen.margin, own_photos: target.own_photos, operating_point: Some(point) }
    });
    Ok(Calibration { score, curve, thresholds })
}

/// Why no margin reaches the target: the best margin, and what to do.
fn unreachable_target(target: CalibrationTarget, points: impl Iterator<Item = CurvePoint>, photos: usize) -> String {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let best = points.reduce(|best, next| if next.matched_correct > best.matched_correct { next } else { best });
    let best = best.map_or(String::new(), |best| {
        format!(
            "; the best is {} at margin {:.3}, where {} of {photos} photos are matched",
            percent(best.matched_correct.unwrap_or_default()),
            best.margin,
            best.matched_photos
        )
    });
    format!(
        "no margin makes {} of the matched answers correct{best}. Choose a smaller share (--correct), or enrol more photos of each \
         product",
        percent(target.correct)
    )
}

/// The verdicts at these thresholds on the answers to known and to unknown products.
pub(super) fn point_at_margin(known: &[RankedAnswer], unknown: &[RankedAnswer], score: f32, margin: f32) -> CurvePoint {
    let is = |verdict: Verdict| move |answer: &RankedAnswer| answer.verdict(score, margin) == verdict;
    let matched: Vec<bool> =
        known.iter().filter(|answer| is(Verdict::Matched)(answer)).map(RankedAnswer::is_correct).collect();
    CurvePoint {
        margin,
        matched_photos: matched.len(),
        matched: share(known.iter().map(is(Verdict::Matched))),
        ambiguous: share(known.iter().map(is(Verdict::Ambiguous))),
        unknown: share(known.iter().map(is(Verdict::Unknown))),
        unknown_matched: (!unknown.is_empty()).then(|| share(unknown.iter().map(is(Verdict::Matched)))),
        matched_correct: (!matched.is_empty()).then(|| share(matched)),
    }
}

fn floor_to_thousandths(score: f32) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a cosine in thousandths")]
    let floor = ((f64::from(score) * 1_000.0).floor() / 1_000.0) as f32;
    floor.clamp(-1.0, 1.0)
}

/// Four decimals: a few thousand photos cannot tell more.
fn round_share(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}
