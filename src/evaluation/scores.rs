//! Each asked photo's score for each product: the best cosine with one of the product's photos in a gallery.
//!
//! All figures are read off such tables. They are small (photos × products); the far larger products of vectors are
//! computed a block of photos at a time.

use ndarray::{Array2, Axis, s};

use super::embed::Sample;
use crate::domain::Verdict;

/// Asked photos per block: 256 of them against 50 000 vectors take 50 MB.
const BLOCK: usize = 256;

/// What a photo was answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RankedAnswer {
    /// How many products came before the right one; `None` where the right one could not be found.
    pub(super) place: Option<usize>,
    /// The first product's score.
    pub(super) best: f32,
    /// The second product's score, where there is a second product.
    pub(super) rival: Option<f32>,
}

impl RankedAnswer {
    pub(super) fn is_correct(&self) -> bool {
        self.place == Some(0)
    }

    /// What the till would say.
    pub(super) fn verdict(&self, score: f32, margin: f32) -> Verdict {
        Verdict::of(std::iter::once(self.best).chain(self.rival), score, margin)
    }
}

/// Scores of asked photos (rows) for products (columns).
pub(super) struct ScoreTable {
    /// `NEG_INFINITY` for products that have no photo in the gallery.
    scores: Array2<f32>,
    truth: Vec<usize>,
    in_gallery: Vec<bool>,
}

impl ScoreTable {
    /// Compares `asked` with `gallery`; `products` is the number of all products.
    pub(super) fn new(asked: &[Sample], gallery: &[&Sample], products: usize) -> Self {
        let mut in_gallery = vec![false; products];
        gallery.iter().for_each(|sample| in_gallery[sample.product] = true);
        let mut scores = Array2::from_elem((asked.len(), products), f32::NEG_INFINITY);
        let known = matrix(gallery.iter().copied());
        // A product of matrices with an empty one has no size.
        let blocks = asked.chunks(BLOCK).enumerate().take_while(|_| !gallery.is_empty());
        for (block, part) in blocks {
            let cosines = matrix(part.iter()).dot(&known.t());
            for (place, row) in cosines.outer_iter().enumerate() {
                let mut of_photo = scores.row_mut(block * BLOCK + place);
                for (sample, cosine) in gallery.iter().zip(row) {
                    of_photo[sample.product] = of_photo[sample.product].max(*cosine);
                }
            }
        }
        Self { scores, truth: asked.iter().map(|sample| sample.product).collect(), in_gallery }
    }

    /// Which product each asked photo shows.
    pub(super) fn truth(&self) -> &[usize] {
        &self.truth
    }

    /// Whether the product can be found.
    pub(super) fn has(&self, product: usize) -> bool {
        self.in_gallery[product]
    }

    /// The answer to the photo in `row` where only products that `sold` holds for are in the gallery; `None` where
    /// there are none. Of equal scores the product that appeared first comes first, as in the index.
    pub(super) fn answer(&self, row: usize, sold: impl Fn(usize) -> bool) -> Option<RankedAnswer> {
        let truth = self.truth[row];
        let scores = self.scores.slice(s![row, ..]);
        let on_sale =
            || scores.iter().copied().enumerate().filter(|(product, _)| self.in_gallery[*product] && sold(*product));
        let (first, best) = on_sale().reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        let others = on_sale().filter(|(product, _)| *product != first).map(|(_, score)| score);
        let rival = others.reduce(f32::max);
        let place = (self.in_gallery[truth] && sold(truth)).then(|| {
            let own = scores[truth];
            on_sale().filter(|(product, score)| *score > own || (*score == own && *product < truth)).count()
        });
        Some(RankedAnswer { place, best, rival })
    }

    /// The answers to all photos whose product `asked` holds for, among the products that `sold` holds for.
    pub(super) fn answers(&self, asked: impl Fn(usize) -> bool, sold: impl Fn(usize) -> bool) -> Vec<RankedAnswer> {
        let rows = (0..self.truth.len()).filter(|row| asked(self.truth[*row]));
        rows.filter_map(|row| self.answer(row, &sold)).collect()
    }

    /// The answers to all photos whose product can be found.
    pub(super) fn known(&self) -> Vec<RankedAnswer> {
        self.answers(|product| self.has(product), |_| true)
    }

    /// The answers to all photos, each as if its own product had not been enrolled. Photos of products that are not
    /// enrolled are among them as they are.
    pub(super) fn unknown(&self) -> Vec<RankedAnswer> {
        let rows = 0..self.truth.len();
        rows.filter_map(|row| self.answer(row, |product| product != self.truth[row])).collect()
    }
}

/// The first `count` samples of each product, in their order.
pub(super) fn first_of_each(samples: &[Sample], products: usize, count: usize) -> Vec<&Sample> {
    let mut taken = vec![0; products];
    let wanted = samples.iter().filter(|sample| {
        taken[sample.product] += 1;
        taken[sample.product] <= count
    });
    wanted.collect()
}

/// One vector per row.
fn matrix<'a>(samples: impl ExactSizeIterator<Item = &'a Sample> + Clone) -> Array2<f32> {
    let dim = samples.clone().next().map_or(0, |sample| sample.embedding.dim());
    let mut matrix = Array2::zeros((samples.len(), dim));
    for (mut row, sample) in matrix.axis_iter_mut(Axis(0)).zip(samples) {
        row.as_slice_mut().expect("a row of a new matrix is contiguous").copy_from_slice(sample.embedding.as_slice());
    }
    matrix
}
