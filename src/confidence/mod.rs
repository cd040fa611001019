//! How likely it is that the first product of a search is the right one, learned from the catalogue's own photos.
//!
//! Each enrolled photo is searched for twice: in the catalogue without the photo, where its product should come first, and
//! in the catalogue without its product, where whatever comes first is wrong (`leave_one_out`). A logistic regression
//! (`logistic`) on the shape of the ranking (`features`) is fitted to both kinds of cases. So the confidence follows the
//! catalogue: a score that is certain among fruit may be a guess among packages of one brand.
//!
//! Invariants: the same photos and the same seed give the same confidence. Confidences of one ranking add up to 1 at most;
//! the rest is the probability that the product is none of them. Knows nothing of databases, indexes or models.

mod features;
mod leave_one_out;
mod logistic;
mod similarity;
mod survey;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::domain::{ImageId, ProductId};
use features::{Features, RANKED_PRODUCTS_MIN};
pub use leave_one_out::{COPY_SCORE, LeaveOneOut, UNKNOWN_SHARE};
use logistic::LogisticRegression;
use similarity::Similarities;
pub use survey::Survey;

/// With fewer photos or products than this, there are too few cases to learn from. Measured on 60 random catalogues per
/// size, of groceries and of rendered packages: from here on the largest error of the learned probabilities stays as it is
/// for catalogues of any size.
pub const PHOTOS_MIN: usize = 20;
/// See [`PHOTOS_MIN`].
pub const PRODUCTS_MIN: usize = 5;

/// An enrolled photo.
#[derive(Debug, Clone, Copy)]
pub struct EnrolledPhoto<'a> {
    pub image: ImageId,
    pub product: ProductId,
    /// The embedding, of length 1.
    pub vector: &'a [f32],
}

/// A product in the result of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankedProduct {
    pub product: ProductId,
    /// Cosine of the query and the product's nearest photo.
    pub score: f32,
    /// Cosine of the query and the product's second nearest photo. May be missing if it is below the last product's score.
    pub second_score: Option<f32>,
}

/// Why no confidence was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotLearned {
    #[error(
        "{photos} photos of {products} products with two photos or more are too few; {PHOTOS_MIN} photos of {PRODUCTS_MIN} \
         such products are needed"
    )]
    TooFewPhotos {
        /// Photos of products with two photos or more, copies excluded.
        photos: usize,
        /// Products with two photos or more.
        products: usize,
    },
    #[error("none of {photos} photos finds its own product by the product's other photos")]
    NothingRecognized { photos: usize },
}

/// The confidence learned from one catalogue under one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CatalogConfidence {
    regression: LogisticRegression,
    /// How many products after the second one count.
    following: usize,
    /// The mean lead of a product's nearest photo over its second nearest, for products with one photo.
    typical_photo_lead: f64,
    similarities: Similarities,
    /// How many photos it was learned from.
    pub photos: usize,
    /// How many products these photos show.
    pub products: usize,
}

impl CatalogConfidence {
    /// How many products a search must return.
    pub fn products_needed(&self) -> usize {
        self.following + 2
    }

    /// The confidences of the first `count` products of `ranking`, best first; `None` if the ranking is too short to judge.
    ///
    /// That of the first product is the probability that it is the right one. A later product is judged as if it came first,
    /// and gets at most what the products before it have left over. Rounded down to ten-thousandths.
    pub fn of_ranking(&self, ranking: &[RankedProduct], count: usize) -> Option<Vec<f32>> {
        if ranking.len() < RANKED_PRODUCTS_MIN {
            return None;
        }
        let ranking = &ranking[..ranking.len().min(self.products_needed())];
        let mut unassigned = 10_000.0;
        let confidence = |candidate: usize| {
            let probability = self.regression.probability(&self.features(ranking, candidate));
            let assigned = (probability * 10_000.0).floor().min(unassigned);
            unassigned -= assigned;
            #[expect(clippy::cast_possible_truncation, reason = "a probability in ten-thousandths")]
            let confidence = (assigned / 10_000.0) as f32;
            confidence
        };
        // Products beyond those that are judged share what is left, which is next to nothing.
        Some((0..count.min(ranking.len())).map(confidence).collect())
    }

    fn features(&self, ranking: &[RankedProduct], candidate: usize) -> [f64; features::FEATURE_COUNT] {
        let similarity = self.similarities.of_product(ranking[candidate].product);
        Features::of_candidate(ranking, candidate, self.following, similarity)
            .regression_inputs(self.similarities.mean, self.typical_photo_lead)
    }
}

/// Learns from `photos` that are all in memory.
///
/// # Errors
/// See [`NotLearned`].
pub fn learn(photos: &[EnrolledPhoto<'_>], seed: u64) -> Result<CatalogConfidence, NotLearned> {
    let mut survey = Survey::new(seed);
    survey.add(photos);
    let mut cases = LeaveOneOut::new(survey)?;
    cases.compare(photos);
    cases.learn()
}
