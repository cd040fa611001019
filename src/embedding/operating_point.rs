//! The photos that a model's thresholds were chosen on, and the results there.

use serde::{Deserialize, Serialize};

/// The photos that thresholds were chosen on, the targets, and the results there. Shares lie between 0 and 1. They are a fit
/// to these photos, not a forecast: expect somewhat worse elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoint {
    /// Name of the photos, and of the split that was queried if there are splits.
    pub data: String,
    /// Photos that were queried.
    pub photos: usize,
    /// Products that the queried photos show.
    pub products: usize,
    /// Products in the index.
    pub enrolled_products: usize,
    /// The most photos of one product in the index.
    pub photos_per_product: usize,
    /// Target: share of the correct first answers that reach the score.
    pub accept_known: f64,
    /// Target: share of the matched answers that are correct.
    pub correct: f64,
    pub matched: f64,
    /// Share of the matched photos whose first answer was correct.
    pub matched_correct: f64,
    pub ambiguous: f64,
    pub unknown: f64,
    /// Share of photos of products outside the index that reach the score.
    pub unknown_accepted: f64,
    /// Share of photos of products outside the index that are matched, and so billed as another product.
    pub unknown_matched: f64,
}

impl OperatingPoint {
    /// The first field that is out of range, and what is wrong with its value.
    pub(super) fn first_invalid_field(&self) -> Option<(&'static str, String)> {
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
    fn the_sentence_names_the_photos_and_the_results() {
        assert_eq!(
            point().to_string(),
            "shelf, 296 photos of 60 products against at most 10 photos of each of 81 products: 33.8 % matched (91.0 % of \
             them correctly), 50.7 % ambiguous, 15.5 % unknown; of products that are not enrolled 59.8 % reach the score \
             and 5.0 % are matched"
        );
    }
}
