//! The rules that turn a confidence, or scores, into a verdict. Recognition, evaluation and calibration share them, so that
//! measured figures are those of the till.

use super::text_enum::text_enum;

/// The score of the second product if there is none: the smallest cosine.
const LOWEST_SCORE: f32 = -1.0;

text_enum! {
    /// The verdict on one region.
    Verdict, "a verdict":
    /// The first candidate is the product.
    Matched = "matched",
    /// It may be the first candidate, but not surely enough: ask the shopper.
    Ambiguous = "ambiguous",
    /// No product in the catalog is similar enough.
    Unknown = "unknown",
}

impl Verdict {
    /// Unknown below `score_min`, ambiguous if the best product leads the second by less than `margin_min`, else matched.
    /// `best_first` holds one score per product; only the first two are used.
    pub fn from_scores(best_first: impl IntoIterator<Item = f32>, score_min: f32, margin_min: f32) -> Self {
        let mut scores = best_first.into_iter();
        let Some(best) = scores.next().filter(|best| *best >= score_min) else { return Self::Unknown };
        let second = scores.next().unwrap_or(LOWEST_SCORE);
        if best - second < margin_min { Self::Ambiguous } else { Self::Matched }
    }
}

/// The settings that turn a confidence into a verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VerdictLimits {
    /// Confidence below which the till asks instead of billing.
    pub ask_below: f64,
    /// Confidence below which a thing is said to be unknown.
    pub unknown_below: f64,
}

impl VerdictLimits {
    /// `confidence` is that of the best product.
    pub fn judge(self, confidence: f64) -> Verdict {
        if confidence < self.unknown_below {
            Verdict::Unknown
        } else if confidence < self.ask_below {
            Verdict::Ambiguous
        } else {
            Verdict::Matched
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(scores: &[f32]) -> Verdict {
        Verdict::from_scores(scores.iter().copied(), 0.6, 0.1)
    }

    #[test]
    fn the_score_decides_first_and_the_margin_second() {
        assert_eq!(verdict(&[]), Verdict::Unknown);
        assert_eq!(verdict(&[0.59, 0.1]), Verdict::Unknown);
        assert_eq!(verdict(&[0.9, 0.85]), Verdict::Ambiguous);
        assert_eq!(verdict(&[0.9, 0.7]), Verdict::Matched);
    }

    #[test]
    fn a_single_product_has_a_sufficient_margin() {
        assert_eq!(verdict(&[0.61]), Verdict::Matched);
        assert_eq!(verdict(&[0.5]), Verdict::Unknown);
    }

    #[test]
    fn a_confidence_is_matched_asked_about_or_unknown() {
        let verdict = |confidence| VerdictLimits { ask_below: 0.8, unknown_below: 0.3 }.judge(confidence);
        assert_eq!((verdict(0.29), verdict(0.3)), (Verdict::Unknown, Verdict::Ambiguous));
        assert_eq!((verdict(0.79), verdict(0.8)), (Verdict::Ambiguous, Verdict::Matched));
        let never_ask = VerdictLimits { ask_below: 0.5, unknown_below: 0.5 };
        assert_eq!(never_ask.judge(0.5), Verdict::Matched);
    }
}
