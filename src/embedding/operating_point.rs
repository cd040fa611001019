//! What a model's thresholds were chosen on, and what they gave there.

use serde::{Deserialize, Serialize};

/// The photos that thresholds were chosen on, what was asked of them, and what they gave there. Shares lie between 0
/// and 1. They are a fit to these photos and no forecast: expect somewhat worse elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoint {
    /// Name of the photos, and of the split that was asked about, where there are splits.
    pub data: String,
    /// Photos that were asked about.
    pub photos: usize,
    /// Products that they show.
    pub products: usize,
    /// Products they could be taken for.
    pub enrolled_products: usize,
    /// Most photos with which each of those was enrolled.
    pub photos_per_product: usize,
    /// Asked for: share of the correct first answers that reach the score.
    pub accept_known: f64,
    /// Asked for: share of the matched answers that are correct.
    pub correct: f64,
    /// Share of the photos that were matched.
    pub matched: f64,
    /// Share of the matched ones whose first answer was correct.
    pub matched_correct: f64,
    /// Share of the photos that were ambiguous.
    pub ambiguous: f64,
    /// Share of the photos that were unknown.
    pub unknown: f64,
    /// Share of photos of products that are not enrolled which reach the score.
    pub unknown_accepted: f64,
    /// Share of photos of products that are not enrolled which are matched, and so billed as something else.
    pub unknown_matched: f64,
}

impl OperatingPoint {
    /// The first field that is out of range, with its value and why.
    pub(super) fn first_fault(&self) -> Option<(&'static str, String)> {
        [
            ("thresholds.operating_point.accept_known", self.accept_known),
            ("thresholds.operating_point.correct", self.correct),
            ("thresholds.operating_point.matched", self.matched),
            ("thresholds.operating_point.matched_correct", self.matched_correct),
            ("thresholds.operating_point.ambiguous", self.ambiguous),
            ("thresholds.operating_point.unknown", self.unknown),
            ("thresholds.operating_point.unknown_accepted", self.unknown_accepted),
            ("thresholds.operating_point.unknown_matched", self.unknown_matched),
        ]
        .into_iter()
        .find(|(_, share)| !(0.0..=1.0).contains(share))
        .map(|(field, share)| (field, format!("{share} is not a share between 0 and 1")))
    }
}

impl std::fmt::Display for OperatingPoint {
    /// One sentence for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        write!(
            f,
            "{}, {} photos of {} products against at most {} photos of each of {} products: {} matched ({} of them \
             correctly), {} ambiguous, {} unknown; of products that are not enrolled {} reach the score and {} are \
             matched",
            self.data,
            self.photos,
            self.products,
            self.photos_per_product,
            self.enrolled_products,
            percent(self.matched),
            percent(self.matched_correct),
            percent(self.ambiguous),
            percent(self.unknown),
            percent(self.unknown_accepted),
            percent(self.unknown_matched)
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn point() -> OperatingPoint {
        OperatingPoint {
            data: "shelf".to_owned(),
            photos: 296,
            products: 60,
            enrolled_products: 81,
            photos_per_product: 10,
            accept_known: 0.95,
            correct: 0.9,
            matched: 0.338,
            matched_correct: 0.91,
            ambiguous: 0.507,
            unknown: 0.155,
            unknown_accepted: 0.598,
            unknown_matched: 0.05,
        }
    }

    #[test]
    fn the_sentence_says_on_what_and_what_came_of_it() {
        assert_eq!(
            point().to_string(),
            "shelf, 296 photos of 60 products against at most 10 photos of each of 81 products: 33.8 % matched (91.0 % of \
             them correctly), 50.7 % ambiguous, 15.5 % unknown; of products that are not enrolled 59.8 % reach the score \
             and 5.0 % are matched"
        );
    }
}
