//! The second pass over the catalogue: each sampled photo is searched for once as a known product and once as an unknown one.
//!
//! Known: in the catalogue without the photo itself. Unknown: in the catalogue without the photo's product. The photos come in
//! batches. One matrix product compares a batch with all sampled photos, so memory is bounded and the order does not matter.
//! A photo that has a copy is skipped: it would find itself.

use std::collections::{HashMap, HashSet};

use ndarray::Array2;

use super::features::{Features, RANKED_PRODUCTS_MIN};
use super::logistic::{Case, LogisticRegression};
use super::similarity::Similarities;
use super::survey::{SampledPhoto, SurveyedProduct};
use super::{CatalogConfidence, EnrolledPhoto, NotLearned, PHOTOS_MIN, PRODUCTS_MIN, RankedProduct, Survey};
use crate::domain::ProductId;

/// The most products after the second one that count.
const FOLLOWING_MAX: usize = 10;
/// Two photos with a greater cosine are copies: another size or compression of one photo.
pub const COPY_SCORE: f32 = 0.999;
/// The assumed share of things at a till that are not in the catalogue. Half of the cases are unknown, which is more than a
/// shop has. One in four is a cautious guess: where it is too high, the till asks instead of billing.
pub const UNKNOWN_SHARE: f64 = 0.25;

/// The photos nearest to a sampled photo, among those compared so far.
#[derive(Debug, Default)]
struct NearestPhotos {
    /// Scores of the nearest and the second nearest other photo of its product.
    own: Option<(f32, Option<f32>)>,
    /// The nearest other products, best first.
    others: Vec<RankedProduct>,
    is_copy: bool,
}

/// The second pass.
#[derive(Debug)]
pub struct LeaveOneOut {
    products: HashMap<ProductId, SurveyedProduct>,
    similarities: Similarities,
    sample: Vec<SampledPhoto>,
    /// The vectors of `sample`, one per row.
    queries: Array2<f32>,
    nearest: Vec<NearestPhotos>,
    following: usize,
}

impl LeaveOneOut {
    /// # Errors
    /// [`NotLearned::TooFewPhotos`].
    pub fn new(survey: Survey) -> Result<Self, NotLearned> {
        let similarities = survey.similarities();
        let Survey { products, sample, .. } = survey;
        let repeated = || products.values().filter(|product| product.photos > 1);
        check_size(repeated().map(|product| product.photos).sum(), repeated().count())?;
        let dim = sample.first().map_or(0, |photo| photo.vector.len());
        let queries = to_matrix(dim, sample.iter().map(|photo| photo.vector.as_slice()));
        let nearest = sample.iter().map(|_| NearestPhotos::default()).collect();
        // An unknown case has one product less. Both kinds of cases must have the same length: two products, and `following` more.
        let following = products.len().saturating_sub(3).min(FOLLOWING_MAX);
        Ok(Self { products, similarities, sample, queries, nearest, following })
    }

    /// Compares a batch of photos with the sample. Each photo must be passed once.
    pub fn compare(&mut self, photos: &[EnrolledPhoto<'_>]) {
        let scores = self.queries.dot(&to_matrix(self.queries.ncols(), photos.iter().map(|photo| photo.vector)).t());
        for ((query, found), scores) in self.sample.iter().zip(&mut self.nearest).zip(scores.outer_iter()) {
            for (photo, score) in photos.iter().zip(scores) {
                if photo.image != query.image {
                    found.add(photo.product, *score, photo.product == query.product, self.following + 2);
                }
            }
        }
    }

    /// Fits the confidence on the cases.
    ///
    /// # Errors
    /// See [`NotLearned`].
    pub fn learn(self) -> Result<CatalogConfidence, NotLearned> {
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        let mut products = HashSet::new();
        for (query, found) in self.sample.iter().zip(&self.nearest) {
            // Products may have been removed between the passes.
            if found.is_copy || found.others.len() + 1 < RANKED_PRODUCTS_MIN {
                continue;
            }
            unknown.push((self.features(&found.others, None), false));
            if let Some((score, second_score)) = found.own {
                products.insert(query.product);
                let own = RankedProduct { product: query.product, score, second_score };
                let is_first = found.others.first().is_none_or(|other| score > other.score);
                known.push((self.features(&insert_ranked(&found.others, own), Some(query)), is_first));
            }
        }
        check_size(known.len(), products.len())?;
        let unknown_weight = UNKNOWN_SHARE / (1.0 - UNKNOWN_SHARE) * known.len() as f64 / unknown.len() as f64;
        let weighted = known.iter().map(|case| (case, 1.0)).chain(unknown.iter().map(|case| (case, unknown_weight)));
        let typical_photo_lead = mean_photo_lead(weighted.clone().map(|((features, _), weight)| (features, weight)));
        let cases: Vec<Case> = weighted
            .map(|((features, positive), weight)| Case {
                features: features.regression_inputs(self.similarities.mean, typical_photo_lead),
                weight,
                positive: *positive,
            })
            .collect();
        let regression =
            LogisticRegression::fit(&cases).ok_or(NotLearned::NothingRecognized { photos: known.len() })?;
        Ok(CatalogConfidence {
            regression,
            following: self.following,
            typical_photo_lead,
            similarities: self.similarities,
            photos: known.len(),
            products: products.len(),
        })
    }

    /// The features of the first product of `ranking`. If that is the product of `left_out`, this photo is left out of the
    /// product's similarity too: otherwise that feature would give known cases away.
    fn features(&self, ranking: &[RankedProduct], left_out: Option<&SampledPhoto>) -> Features {
        let ranking = &ranking[..ranking.len().min(self.following + 2)];
        let first = ranking[0].product;
        let similarity = match left_out.filter(|photo| photo.product == first) {
            None => self.similarities.of_product(first),
            Some(photo) => {
                let vectors = self.products.get(&first).and_then(|product| product.vectors.as_ref());
                vectors.and_then(|vectors| vectors.similarity_without(&photo.vector))
            }
        };
        Features::of_candidate(ranking, 0, self.following, similarity)
    }
}

impl NearestPhotos {
    /// Adds another photo's score. `depth` is how many products are kept.
    ///
    /// A product that fell out of the list, or never entered it, may have had a photo that would be its second nearest by now. Its
    /// score is below that of the last product in the list, and such scores do not count.
    fn add(&mut self, product: ProductId, score: f32, is_own: bool, depth: usize) {
        self.is_copy |= score > COPY_SCORE;
        if is_own {
            self.own = Some(self.own.map_or((score, None), |best_two| add_score(best_two, score)));
            return;
        }
        let is_full = self.others.len() >= depth;
        if is_full && self.others.last().is_some_and(|last| score <= last.score) {
            return;
        }
        let (score, second_score) = match self.others.iter().position(|other| other.product == product) {
            Some(rank) => {
                let before = self.others.remove(rank);
                add_score((before.score, before.second_score), score)
            }
            None => (score, None),
        };
        self.others.truncate(depth - 1);
        let rank = self.others.partition_point(|other| other.score >= score);
        self.others.insert(rank, RankedProduct { product, score, second_score });
    }
}

/// The two best of three scores.
fn add_score((best, second): (f32, Option<f32>), score: f32) -> (f32, Option<f32>) {
    let lower = best.min(score);
    (best.max(score), Some(second.map_or(lower, |second| second.max(lower))))
}

fn insert_ranked(others: &[RankedProduct], own: RankedProduct) -> Vec<RankedProduct> {
    let rank = others.partition_point(|other| other.score >= own.score);
    [&others[..rank], &[own], &others[rank..]].concat()
}

fn check_size(photos: usize, products: usize) -> Result<(), NotLearned> {
    if photos < PHOTOS_MIN || products < PRODUCTS_MIN {
        return Err(NotLearned::TooFewPhotos { photos, products });
    }
    Ok(())
}

fn mean_photo_lead<'a>(cases: impl Iterator<Item = (&'a Features, f64)>) -> f64 {
    let leads = cases.filter_map(|(features, weight)| Some((features.photo_lead()?, weight)));
    let (sum, total) = leads.fold((0.0, 0.0), |(sum, total), (lead, weight)| (sum + weight * lead, total + weight));
    if total > 0.0 { sum / total } else { 0.0 }
}

/// One vector per row.
fn to_matrix<'a>(dim: usize, vectors: impl ExactSizeIterator<Item = &'a [f32]>) -> Array2<f32> {
    let rows = vectors.len();
    let mut values = Vec::with_capacity(rows * dim);
    vectors.for_each(|vector| values.extend_from_slice(vector));
    Array2::from_shape_vec((rows, dim), values).expect("every vector has as many values as the index's")
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;
    use uuid::Uuid;

    use super::*;

    /// The result does not depend on the order of the photos. It equals a ranking of all products down to the last one that
    /// counts.
    #[test]
    fn nearest_photos_equal_a_full_ranking() {
        for seed in 0..200 {
            let mut random = Pcg64::seed_from_u64(seed);
            let photos: Vec<(ProductId, f32)> = (0..60)
                .map(|_| (Uuid::from_u128(random.random_range(0..14)).into(), random.random_range(-20_i8..20)))
                .map(|(product, score)| (product, f32::from(score) / 20.0))
                .collect();
            let depth = 5;
            let mut found = NearestPhotos::default();
            photos.iter().for_each(|(product, score)| found.add(*product, *score, false, depth));

            let mut scores: HashMap<ProductId, Vec<f32>> = HashMap::new();
            photos.iter().for_each(|(product, score)| scores.entry(*product).or_default().push(*score));
            let mut ranking: Vec<(f32, Option<f32>)> = scores
                .into_values()
                .map(|mut scores| {
                    scores.sort_by(|a, b| b.total_cmp(a));
                    (scores[0], scores.get(1).copied())
                })
                .collect();
            ranking.sort_by(|a, b| b.0.total_cmp(&a.0));
            ranking.truncate(depth);
            let lowest = ranking[depth - 1].0;
            let above_lowest = |second: Option<f32>| second.map_or(lowest, |second| second.max(lowest));
            // Of products with equal scores, either may come first.
            let sorted = |mut pairs: Vec<(f32, f32)>| {
                pairs.retain(|(best, _)| *best > lowest);
                pairs.sort_by(|a, b| b.partial_cmp(a).unwrap());
                pairs
            };
            let expected = ranking.iter().map(|(best, second)| (*best, above_lowest(*second))).collect();
            let others = found.others.iter().map(|other| (other.score, above_lowest(other.second_score))).collect();
            assert_eq!(sorted(others), sorted(expected), "seed {seed}");
            assert!(found.others.is_sorted_by(|a, b| a.score >= b.score), "seed {seed}");
        }
    }
}
