//! What a ranking says about one of its products: the inputs of the regression.
//!
//! Each is computed in the same way from a search of the till and from a case of the catalogue.

use super::RankedProduct;

pub(super) const FEATURE_COUNT: usize = 5;
/// With fewer products there is nobody after the second one.
pub(super) const RANKED_PRODUCTS_MIN: usize = 3;

/// The inputs that one candidate has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Features {
    score: f64,
    /// Lead over the best other product.
    lead: f64,
    /// Lead over the mean of the products after that one.
    lead_over_following: f64,
    /// Cosine of two photos of the candidate, in the mean; `None` if it has only one.
    similarity: Option<f64>,
    /// Lead of its nearest photo over its second nearest; `None` if it has only one.
    photo_lead: Option<f64>,
}

impl Features {
    /// Judges the product at `candidate` in `ranking` as if it came first. `following` is how many products after the
    /// best other one count; `similarity` is the candidate's.
    pub(super) fn of_candidate(
        ranking: &[RankedProduct],
        candidate: usize,
        following: usize,
        similarity: Option<f32>,
    ) -> Self {
        let RankedProduct { score, second_score, .. } = ranking[candidate];
        let score = f64::from(score);
        let mut others = ranking.iter().enumerate().filter(|(rank, _)| *rank != candidate);
        let mut next = || others.next().map(|(_, other)| f64::from(other.score));
        // A cosine is -1 at least.
        let best_other = next().unwrap_or(-1.0);
        let following: Vec<f64> = std::iter::from_fn(next).take(following).collect();
        let mean_following =
            if following.is_empty() { best_other } else { following.iter().sum::<f64>() / following.len() as f64 };
        // Searches return no lower scores of second photos, so cases must not know them either.
        let lowest = ranking.last().map_or(-1.0, |last| f64::from(last.score));
        let second_score = second_score.map(f64::from).or(similarity.map(|_| lowest));
        Self {
            score,
            lead: score - best_other,
            lead_over_following: score - mean_following,
            similarity: similarity.map(f64::from),
            photo_lead: second_score.map(|second| score - second.max(lowest)),
        }
    }

    pub(super) fn photo_lead(&self) -> Option<f64> {
        self.photo_lead
    }

    /// The inputs of the regression. What a product with one photo lacks is taken to be the mean over the others.
    pub(super) fn regression_inputs(&self, mean_similarity: f64, typical_photo_lead: f64) -> [f64; FEATURE_COUNT] {
        [
            self.score,
            self.lead,
            self.lead_over_following,
            self.score - self.similarity.unwrap_or(mean_similarity),
            self.photo_lead.unwrap_or(typical_photo_lead),
        ]
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn ranked(scores: &[(f32, Option<f32>)]) -> Vec<RankedProduct> {
        let ranked = |(number, (score, second_score)): (u128, &(f32, Option<f32>))| RankedProduct {
            product: Uuid::from_u128(number).into(),
            score: *score,
            second_score: *second_score,
        };
        (1..).zip(scores).map(ranked).collect()
    }

    fn assert_close(found: [f64; FEATURE_COUNT], expected: [f64; FEATURE_COUNT]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}, not {expected:?}");
    }

    #[test]
    fn leads_are_those_over_the_other_products() {
        let ranking = ranked(&[(0.9, Some(0.85)), (0.7, None), (0.5, None), (0.3, None), (0.1, None)]);
        let first = Features::of_candidate(&ranking, 0, 2, Some(0.8)).regression_inputs(0.0, 0.0);
        assert_close(first, [0.9, 0.2, 0.5, 0.1, 0.05]);
        let second = Features::of_candidate(&ranking, 1, 2, Some(0.8)).regression_inputs(0.0, 0.0);
        assert_close(second, [0.7, -0.2, 0.3, -0.1, 0.6]);
    }

    #[test]
    fn a_second_photo_below_the_last_product_counts_as_that_product() {
        let scores = |second| [(0.9, second), (0.7, None), (0.5, None)];
        let lead = |second| Features::of_candidate(&ranked(&scores(second)), 0, 1, Some(0.8)).photo_lead().unwrap();
        assert!((lead(None) - 0.4).abs() < 1e-6, "a search would not return it");
        assert_eq!(lead(Some(0.2)), lead(None));
    }

    #[test]
    fn a_product_with_one_photo_counts_as_an_average_one() {
        let ranking = ranked(&[(0.9, None), (0.7, None), (0.5, None)]);
        let features = Features::of_candidate(&ranking, 0, 1, None);
        assert_eq!(features.photo_lead(), None);
        assert_close(features.regression_inputs(0.6, 0.25), [0.9, 0.2, 0.4, 0.3, 0.25]);
    }

    #[test]
    fn a_short_ranking_is_judged_by_what_it_has() {
        let ranking = ranked(&[(0.9, None), (0.7, None)]);
        assert_close(
            Features::of_candidate(&ranking, 0, 10, None).regression_inputs(0.5, 0.1),
            [0.9, 0.2, 0.2, 0.4, 0.1],
        );
    }
}
