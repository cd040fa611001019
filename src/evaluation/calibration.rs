//! The two thresholds of a model, chosen on labelled photos.
//!
//! First the score: the greatest that the wanted share of the correct first answers reaches. Then the margin: the smallest
//! at which the wanted share of the matched answers is correct. Both are whole thousandths; the score is rounded down and
//! the margin up, so that the wishes hold for what is written. A wrong product on the bill costs more than a question:
//! hence a margin that is chosen by being right, and not by asking seldom.

use std::collections::{BTreeMap, BTreeSet};

use super::EvaluationError;
use super::embed::Samples;
use super::metrics::{reached_by, share};
use super::photos::PhotoSet;
use super::scores::{RankedAnswer, ScoreTable, first_of_each};
use crate::domain::Verdict;
use crate::embedding::{OperatingPoint, Thresholds};

/// Margins are looked for up to this many thousandths: cosines differ by 2 at most.
const THOUSANDTHS: u16 = 2_000;
/// Margins that the curve shows beside the chosen one, in thousandths.
const SHOWN: [u16; 8] = [0, 20, 50, 100, 150, 200, 300, 400];

/// What the thresholds are to give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationTarget {
    /// Share of the correct first answers that reach the score.
    pub accept_known: f64,
    /// Share of the matched answers that are correct.
    pub correct: f64,
    /// Most photos per product in the gallery: about as many as a store will enrol.
    pub photos_per_product: usize,
}

/// Verdicts at one margin. Shares lie between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// The margin.
    pub margin: f32,
    /// Number of photos that are matched.
    pub matched_photos: usize,
    /// Share of the photos that are matched.
    pub matched: f64,
    /// Share of those that are matched correctly; `None` where none is matched.
    pub matched_correct: Option<f64>,
    /// Share of the photos that are ambiguous.
    pub ambiguous: f64,
    /// Share of the photos that are unknown.
    pub unknown: f64,
    /// Share of the photos that are matched although their product was taken out of the gallery; `None` without such.
    pub unknown_matched: Option<f64>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The chosen score.
    pub score: f32,
    /// Verdicts at some margins, the chosen one among them, from the smallest to the greatest.
    pub curve: Vec<CurvePoint>,
    /// For the manifest, with their operating point; or, in words, why no margin gives what is wanted.
    pub thresholds: Result<Thresholds, String>,
}

/// Chooses thresholds on the photos of `set`, whose vectors are `samples`.
///
/// # Errors
/// Fewer than two products are enrolled; no asked photo of an enrolled product is answered correctly, so that there is
/// nothing to choose by.
pub fn calibrate(set: &PhotoSet, samples: &Samples, wanted: CalibrationTarget) -> Result<Calibration, EvaluationError> {
    let gallery = first_of_each(&samples.enrolled, set.products.len(), wanted.photos_per_product);
    if gallery.iter().all(|sample| sample.product == gallery[0].product) {
        let fault = "photos of one product are enrolled: with nothing to mistake it for, no threshold can be chosen; \
                     enrol at least two";
        return Err(EvaluationError::photos(&set.name, fault.to_owned()));
    }
    let table = ScoreTable::new(&samples.asked, &gallery, set.products.len());
    let (known, unknown) = (table.known(), table.unknown());
    let right: Vec<f32> = known.iter().filter(|answer| answer.is_correct()).map(|answer| answer.best).collect();
    let score = reached_by(&right, wanted.accept_known).map(down_to_thousandths).ok_or_else(|| {
        let fault = format!("none of {} first answers is correct: there is nothing to choose by", known.len());
        EvaluationError::photos(&set.name, fault)
    })?;
    let at = |thousandths: u16| point_at(&known, &unknown, score, f32::from(thousandths) / 1_000.0);
    let chosen = (0..=THOUSANDTHS)
        .map(at)
        .take_while(|point| point.matched_photos > 0)
        .find(|point| point.matched_correct >= Some(wanted.correct));
    let mut curve: Vec<CurvePoint> = SHOWN.map(at).into_iter().chain(chosen).collect();
    curve.sort_by(|a, b| a.margin.total_cmp(&b.margin));
    curve.dedup();
    let thresholds = chosen.ok_or_else(|| out_of_reach(wanted, (0..=THOUSANDTHS).map(at), known.len())).map(|chosen| {
        let asked: BTreeSet<usize> = table.truth().iter().copied().filter(|product| table.has(*product)).collect();
        let mut enrolled = BTreeMap::<usize, usize>::new();
        gallery.iter().for_each(|sample| *enrolled.entry(sample.product).or_default() += 1);
        let point = OperatingPoint {
            data: set.name_with_split(),
            photos: known.len(),
            products: asked.len(),
            enrolled_products: enrolled.len(),
            photos_per_product: enrolled.into_values().max().unwrap_or_default(),
            accept_known: wanted.accept_known,
            correct: wanted.correct,
            matched: rounded(chosen.matched),
            matched_correct: rounded(chosen.matched_correct.unwrap_or_default()),
            ambiguous: rounded(chosen.ambiguous),
            unknown: rounded(chosen.unknown),
            unknown_accepted: rounded(share(unknown.iter().map(|answer| answer.best >= score))),
            unknown_matched: rounded(chosen.unknown_matched.unwrap_or_default()),
        };
        Thresholds { score, margin: chosen.margin, operating_point: Some(point) }
    });
    Ok(Calibration { score, curve, thresholds })
}

/// What to say where no margin is right often enough: the best there is, and what to do.
fn out_of_reach(wanted: CalibrationTarget, points: impl Iterator<Item = CurvePoint>, photos: usize) -> String {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let best = points.reduce(|best, next| if next.matched_correct > best.matched_correct { next } else { best });
    let best = best.map_or(String::new(), |best| {
        format!(
            "; the most is {} at margin {:.3}, where {} of {photos} photos are matched",
            percent(best.matched_correct.unwrap_or_default()),
            best.margin,
            best.matched_photos
        )
    });
    format!(
        "no margin makes {} of the matched answers correct{best}. Ask for less (--correct), or enrol more photos of each \
         product",
        percent(wanted.correct)
    )
}

/// What these thresholds make of the answers to known and to unknown products.
pub(super) fn point_at(known: &[RankedAnswer], unknown: &[RankedAnswer], score: f32, margin: f32) -> CurvePoint {
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

fn down_to_thousandths(score: f32) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a cosine in thousandths")]
    let down = ((f64::from(score) * 1_000.0).floor() / 1_000.0) as f32;
    down.clamp(-1.0, 1.0)
}

/// To four decimals: what a few hundred or thousand photos can tell.
fn rounded(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}
