//! The rule that turns scores into an answer. Recognition, measurement and calibration of models all ask here, so that
//! figures are those of the till.

use serde::Serialize;
use utoipa::ToSchema;

/// What a second product would have to beat where there is none: the smallest cosine.
const NO_RIVAL: f32 = -1.0;

/// What is said about one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The first candidate is it.
    Matched,
    /// The first two candidates are too close to call: ask.
    Ambiguous,
    /// Nothing in the catalog is like it.
    Unknown,
}

impl Verdict {
    /// Unknown below `score`, ambiguous where the best product leads the second by less than `margin`, else matched.
    /// `best_first` are the scores of different products, best first; only two are looked at.
    pub fn of(best_first: impl IntoIterator<Item = f32>, score: f32, margin: f32) -> Self {
        let mut scores = best_first.into_iter();
        let Some(best) = scores.next().filter(|best| *best >= score) else { return Self::Unknown };
        let rival = scores.next().unwrap_or(NO_RIVAL);
        if best - rival < margin { Self::Ambiguous } else { Self::Matched }
    }

    /// The word that is sent, and the label of the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Ambiguous => "ambiguous",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(scores: &[f32]) -> Verdict {
        Verdict::of(scores.iter().copied(), 0.6, 0.1)
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
