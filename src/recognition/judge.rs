//! From candidates to a verdict.

use super::view::{Candidate, Verdict};
use crate::embedding::Thresholds;

/// What a second product would have to beat where there is none: the smallest cosine.
const NO_RIVAL: f32 = -1.0;

/// Unknown below the model's score, ambiguous below its margin between the first two products, else matched.
/// `candidates` are best first, each product once.
pub(super) fn judge(candidates: &[Candidate], thresholds: &Thresholds) -> Verdict {
    let Some(best) = candidates.first().filter(|best| best.score >= thresholds.score) else {
        return Verdict::Unknown;
    };
    let rival = candidates.get(1).map_or(NO_RIVAL, |rival| rival.score);
    if best.score - rival < thresholds.margin { Verdict::Ambiguous } else { Verdict::Matched }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ProductId, Timestamp};

    fn judged(scores: &[f32]) -> Verdict {
        let thresholds = Thresholds { score: 0.6, margin: 0.1, operating_point: String::new() };
        let now = Timestamp::from_micros(1);
        let candidate =
            |score: &f32| Candidate { product_id: ProductId::at(now), product_name: "x".to_owned(), score: *score };
        judge(&scores.iter().map(candidate).collect::<Vec<_>>(), &thresholds)
    }

    #[test]
    fn the_score_decides_first_and_the_margin_second() {
        assert_eq!(judged(&[]), Verdict::Unknown);
        assert_eq!(judged(&[0.59, 0.1]), Verdict::Unknown);
        assert_eq!(judged(&[0.9, 0.85]), Verdict::Ambiguous);
        assert_eq!(judged(&[0.9, 0.7]), Verdict::Matched);
    }

    #[test]
    fn the_only_product_has_no_rival() {
        assert_eq!(judged(&[0.61]), Verdict::Matched);
        assert_eq!(judged(&[0.5]), Verdict::Unknown);
    }
}
