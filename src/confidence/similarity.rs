//! How alike the photos of one product are: the mean cosine of two of them.
//!
//! Computed from the sum of the product's vectors, which have length 1: the squared length of the sum is the number of
//! photos plus twice the cosines of all pairs.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::domain::ProductId;

/// The mean similarity of each product's photos.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Similarities {
    by_product: HashMap<ProductId, f32>,
    /// The mean over the products: what is taken for a product with one photo.
    pub(super) mean: f64,
}

impl Similarities {
    pub(super) fn new(by_product: HashMap<ProductId, f32>) -> Self {
        // In a fixed order, so that rounding is the same each time.
        let mut values: Vec<f32> = by_product.values().copied().collect();
        values.sort_by(f32::total_cmp);
        let mean = values.iter().copied().map(f64::from).sum::<f64>() / values.len().max(1) as f64;
        Self { by_product, mean }
    }

    /// `None` for a product with one photo, and for one that was added since.
    pub(super) fn of_product(&self, product: ProductId) -> Option<f32> {
        self.by_product.get(&product).copied()
    }
}

/// The sum of a product's vectors.
#[derive(Debug, Clone)]
pub(super) struct VectorSum {
    sum: Vec<f32>,
    photos: u32,
}

impl VectorSum {
    pub(super) fn new(dim: usize) -> Self {
        Self { sum: vec![0.0; dim], photos: 0 }
    }

    pub(super) fn add(&mut self, vector: &[f32]) {
        self.photos += 1;
        self.sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }

    /// The mean cosine of two different photos; `None` if there is only one.
    pub(super) fn similarity(&self) -> Option<f32> {
        mean_cosine(square_length(&self.sum), self.photos)
    }

    /// As [`Self::similarity`], without the photo of this vector.
    pub(super) fn similarity_without(&self, vector: &[f32]) -> Option<f32> {
        let rest: Vec<f32> = self.sum.iter().zip(vector).map(|(sum, value)| sum - value).collect();
        mean_cosine(square_length(&rest), self.photos.saturating_sub(1))
    }
}

fn square_length(vector: &[f32]) -> f64 {
    vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum()
}

fn mean_cosine(square_length_of_sum: f64, photos: u32) -> Option<f32> {
    let photos = f64::from(photos);
    #[expect(clippy::cast_possible_truncation, reason = "a cosine")]
    let mean = ((square_length_of_sum - photos) / (photos * (photos - 1.0))) as f32;
    (photos > 1.0).then_some(mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_similarity_is_the_mean_cosine_of_the_pairs() {
        let mut sum = VectorSum::new(2);
        assert_eq!(sum.similarity(), None);
        sum.add(&[1.0, 0.0]);
        assert_eq!(sum.similarity(), None);
        sum.add(&[0.6, 0.8]);
        assert!((sum.similarity().unwrap() - 0.6).abs() < 1e-6);
        sum.add(&[0.0, 1.0]);
        let mean = (0.6 + 0.8 + 0.0) / 3.0;
        assert!((sum.similarity().unwrap() - mean).abs() < 1e-6);
        assert!((sum.similarity_without(&[0.0, 1.0]).unwrap() - 0.6).abs() < 1e-6);
    }
}
