//! Each query photo's score for each product: the best cosine with one of the product's photos in a gallery.
//!
//! All figures come from such tables (photos × products). The cosines themselves (photos × gallery photos) take far more
//! memory, so they are computed for one block of photos at a time.

use ndarray::{Array2, Axis, s};
use uuid::Uuid;

use super::embed::Sample;
use crate::confidence::RankedProduct;
use crate::domain::{ProductId, Verdict};

/// Query photos per block: 256 of them against 50 000 embeddings take 50 MB.
const BLOCK_PHOTOS: usize = 256;

/// The answer to a query photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RankedAnswer {
    /// How many products came before the right one; `None` if the right one is outside the gallery.
    pub(super) rank: Option<usize>,
    /// The product that came first.
    pub(super) first: usize,
    /// The first product's score.
    pub(super) best: f32,
    /// The second product's score; `None` if the gallery has one product.
    pub(super) second: Option<f32>,
}

impl RankedAnswer {
    pub(super) fn is_correct(&self) -> bool {
        self.rank == Some(0)
    }

    /// What the till would decide.
    pub(super) fn verdict(&self, score: f32, margin: f32) -> Verdict {
        Verdict::from_scores(std::iter::once(self.best).chain(self.second), score, margin)
    }
}

/// Scores of query photos (rows) for products (columns).
pub(super) struct ScoreTable {
    /// `NEG_INFINITY` for products outside the gallery.
    scores: Array2<f32>,
    /// Those of each product's second nearest photo; `NEG_INFINITY` for products with one.
    second_scores: Array2<f32>,
    /// The product that each query photo shows.
    products: Vec<usize>,
    in_gallery: Vec<bool>,
}

impl ScoreTable {
    /// Compares `queries` with `gallery`; `products` is the number of all products.
    pub(super) fn new(queries: &[Sample], gallery: &[&Sample], products: usize) -> Self {
        let mut in_gallery = vec![false; products];
        gallery.iter().for_each(|sample| in_gallery[sample.product] = true);
        let mut scores = Array2::from_elem((queries.len(), products), f32::NEG_INFINITY);
        let mut second_scores = scores.clone();
        let gallery_matrix = to_matrix(gallery.iter().copied());
        // An empty matrix has no dimension to multiply with.
        let blocks = queries.chunks(BLOCK_PHOTOS).enumerate().take_while(|_| !gallery.is_empty());
        for (block, samples) in blocks {
            let cosines = to_matrix(samples.iter()).dot(&gallery_matrix.t());
            for (offset, row) in cosines.outer_iter().enumerate() {
                let query = block * BLOCK_PHOTOS + offset;
                let (mut photo_scores, mut second) = (scores.row_mut(query), second_scores.row_mut(query));
                for (sample, cosine) in gallery.iter().zip(row) {
                    let best = &mut photo_scores[sample.product];
                    second[sample.product] = second[sample.product].max(best.min(*cosine));
                    *best = best.max(*cosine);
                }
            }
        }
        Self { scores, second_scores, products: queries.iter().map(|sample| sample.product).collect(), in_gallery }
    }

    /// The product that each query photo shows.
    pub(super) fn products(&self) -> &[usize] {
        &self.products
    }

    pub(super) fn in_gallery(&self, product: usize) -> bool {
        self.in_gallery[product]
    }

    /// The answer to the photo in `row` with only the products that `included` accepts in the gallery; `None` if there are
    /// none. Of equal scores, the product that appeared first comes first, as in the index.
    pub(super) fn answer(&self, row: usize, included: impl Fn(usize) -> bool) -> Option<RankedAnswer> {
        let correct = self.products[row];
        let scores = self.scores.slice(s![row, ..]);
        let candidates = || {
            scores.iter().copied().enumerate().filter(|(product, _)| self.in_gallery[*product] && included(*product))
        };
        let (first, best) = candidates().reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        let others = candidates().filter(|(product, _)| *product != first).map(|(_, score)| score);
        let second = others.reduce(f32::max);
        let rank = (self.in_gallery[correct] && included(correct)).then(|| {
            let own = scores[correct];
            let comes_before = |(product, score): &(usize, f32)| *score > own || (*score == own && *product < correct);
            candidates().filter(comes_before).count()
        });
        Some(RankedAnswer { rank, first, best, second })
    }

    /// The best `count` products for the photo in `row`, as a search of the server returns them.
    pub(super) fn ranking(&self, row: usize, included: impl Fn(usize) -> bool, count: usize) -> Vec<RankedProduct> {
        let (scores, second_scores) = (self.scores.row(row), self.second_scores.row(row));
        let candidates = (0..scores.len()).filter(|product| self.in_gallery[*product] && included(*product));
        let mut ranking: Vec<RankedProduct> = candidates
            .map(|product| RankedProduct {
                product: product_id(product),
                score: scores[product],
                second_score: Some(second_scores[product]).filter(|score| score.is_finite()),
            })
            .collect();
        // Stable: of equal scores, the product that appeared first comes first.
        ranking.sort_by(|a, b| b.score.total_cmp(&a.score));
        ranking.truncate(count);
        ranking
    }

    /// The answers to the photos whose product `queried` accepts, with the products that `included` accepts in the gallery.
    pub(super) fn answers(
        &self,
        queried: impl Fn(usize) -> bool,
        included: impl Fn(usize) -> bool,
    ) -> Vec<RankedAnswer> {
        let rows = (0..self.products.len()).filter(|row| queried(self.products[*row]));
        rows.filter_map(|row| self.answer(row, &included)).collect()
    }

    /// The answers to the photos whose product is in the gallery.
    pub(super) fn known_answers(&self) -> Vec<RankedAnswer> {
        self.answers(|product| self.in_gallery(product), |_| true)
    }

    /// The answers to all photos, each without its product in the gallery.
    pub(super) fn unknown_answers(&self) -> Vec<RankedAnswer> {
        let rows = 0..self.products.len();
        rows.filter_map(|row| self.answer(row, |product| product != self.products[row])).collect()
    }
}

/// A product's id where one is needed, by its position in [`super::PhotoSet::products`].
pub(super) fn product_id(position: usize) -> ProductId {
    Uuid::from_u128(position as u128).into()
}

/// The first `count` samples of each product, in their order.
pub(super) fn first_samples_per_product(samples: &[Sample], products: usize, count: usize) -> Vec<&Sample> {
    let mut counts = vec![0; products];
    let first = samples.iter().filter(|sample| {
        counts[sample.product] += 1;
        counts[sample.product] <= count
    });
    first.collect()
}

/// One embedding per row.
fn to_matrix<'a>(samples: impl ExactSizeIterator<Item = &'a Sample> + Clone) -> Array2<f32> {
    let dim = samples.clone().next().map_or(0, |sample| sample.embedding.dim());
    let mut matrix = Array2::zeros((samples.len(), dim));
    for (mut row, sample) in matrix.axis_iter_mut(Axis(0)).zip(samples) {
        row.as_slice_mut().expect("a row of a new matrix is contiguous").copy_from_slice(sample.embedding.as_slice());
    }
    matrix
}
