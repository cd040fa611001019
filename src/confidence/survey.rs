//! The first pass over the catalogue: how many photos each product has, how alike they are, and a sample of all photos.
//!
//! Memory is bounded however large the catalogue is: by the sample, and by a limit on the products whose vectors are summed.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::EnrolledPhoto;
use super::similarity::{Similarities, VectorSum};
use crate::domain::{ImageId, ProductId};

/// The most photos in the sample. Twice as many change a probability by 0.008 in the mean, with 400 rendered packages.
const SAMPLE_MAX: usize = 2_000;
/// Products whose similarity is kept; with vectors of 256 values the sums take 20 MB. Later products count as average.
const SIMILARITIES_MAX: usize = 20_000;

/// A photo of the sample, which the second pass searches for.
#[derive(Debug)]
pub(super) struct SampledPhoto {
    pub(super) image: ImageId,
    pub(super) product: ProductId,
    pub(super) vector: Vec<f32>,
}

/// What is known of a product after the first pass.
#[derive(Debug)]
pub(super) struct SurveyedProduct {
    pub(super) photos: usize,
    pub(super) vectors: Option<VectorSum>,
}

/// The first pass.
#[derive(Debug)]
pub struct Survey {
    random: Pcg64,
    photos: usize,
    pub(super) products: HashMap<ProductId, SurveyedProduct>,
    pub(super) sample: Vec<SampledPhoto>,
}

impl Survey {
    /// `seed` chooses the sample.
    pub fn new(seed: u64) -> Self {
        Self { random: Pcg64::seed_from_u64(seed), photos: 0, products: HashMap::new(), sample: Vec::new() }
    }

    /// Adds a batch of photos. Each photo must be passed once.
    pub fn add(&mut self, photos: &[EnrolledPhoto<'_>]) {
        for photo in photos {
            self.sample_photo(photo);
            let has_room = self.products.len() < SIMILARITIES_MAX;
            let product = self.products.entry(photo.product).or_insert_with(|| SurveyedProduct {
                photos: 0,
                vectors: has_room.then(|| VectorSum::new(photo.vector.len())),
            });
            product.photos += 1;
            if let Some(vectors) = &mut product.vectors {
                vectors.add(photo.vector);
            }
        }
    }

    /// Reservoir sampling (Knuth, The Art of Computer Programming, §3.4.2, algorithm R).
    fn sample_photo(&mut self, photo: &EnrolledPhoto<'_>) {
        self.photos += 1;
        let EnrolledPhoto { image, product, vector } = *photo;
        let sampled = || SampledPhoto { image, product, vector: vector.to_vec() };
        if self.sample.len() < SAMPLE_MAX {
            self.sample.push(sampled());
        } else if let Some(replaced) = self.sample.get_mut(self.random.random_range(0..self.photos)) {
            *replaced = sampled();
        }
    }

    pub(super) fn similarities(&self) -> Similarities {
        let similarity = |(id, product): (&ProductId, &SurveyedProduct)| {
            Some((*id, product.vectors.as_ref().and_then(VectorSum::similarity)?))
        };
        Similarities::new(self.products.iter().filter_map(similarity).collect())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn survey(photos: u128, seed: u64) -> Survey {
        let mut survey = Survey::new(seed);
        for number in 0..photos {
            let (image, product) = (Uuid::from_u128(number).into(), Uuid::from_u128(number % 30).into());
            survey.add(&[EnrolledPhoto { image, product, vector: &[1.0, 0.0] }]);
        }
        survey
    }

    #[test]
    fn a_small_catalogue_is_sampled_whole() {
        let survey = survey(100, 1);
        assert_eq!((survey.sample.len(), survey.products.len()), (100, 30));
        assert!(survey.products.values().all(|product| (3..=4).contains(&product.photos)));
    }

    #[test]
    fn the_sample_is_even_and_repeatable() {
        let sampled =
            |seed| survey(20_000, seed).sample.iter().map(|photo| photo.image.uuid().as_u128()).collect::<Vec<_>>();
        let (once, again, other) = (sampled(1), sampled(1), sampled(2));
        assert_eq!(once, again);
        assert_ne!(once, other);
        assert_eq!(once.len(), SAMPLE_MAX);
        let in_first_half = once.iter().filter(|image| **image < 10_000).count();
        // Six standard deviations of a fair draw.
        assert!(in_first_half.abs_diff(SAMPLE_MAX / 2) < 6 * 22, "{in_first_half}");
    }
}
