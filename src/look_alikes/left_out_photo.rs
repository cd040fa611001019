//! A photo that was left out of the catalogue and searched for.

use crate::confidence::{COPY_SCORE, CatalogConfidence, RankedProduct};
use crate::domain::{ImageId, ProductId, Verdict};
use crate::embedding::Thresholds;
use crate::index::{Hit, Hits, IndexRow};

/// From this confidence on, a photo is taken for the other product rather than for anything else.
const MISTAKEN_CONFIDENCE_MIN: f32 = 0.5;

/// The product that is nearest to a photo of another one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    pub product: ProductId,
    /// Its nearest photo.
    pub image: ImageId,
    /// Cosine of the two photos.
    pub score: f32,
    /// Probability that the till takes the photo for this product; `None` while none is learned.
    pub confidence: Option<f32>,
}

/// What a search of the rest of the catalogue finds for a photo.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOutPhoto {
    pub image: ImageId,
    pub product: ProductId,
    /// Cosine to the nearest other photo of its product; `None` if there is none among the products found.
    pub own_score: Option<f32>,
    /// The nearest other product, if there is one.
    pub nearest: Option<Neighbour>,
    /// Whether the till would take the photo for that product, or would have to ask.
    pub is_mistaken: bool,
}

impl LeftOutPhoto {
    /// Whether the product's other photos are nearer than any other product.
    pub fn is_recognized(&self) -> bool {
        self.own_score.is_some_and(|own| self.nearest.is_none_or(|nearest| own > nearest.score))
    }

    /// Whether its product has a copy of the photo, in another size or compression. The photo would find itself.
    pub fn is_copy(&self) -> bool {
        self.own_score.is_some_and(|own| own > COPY_SCORE)
    }

    pub(super) fn from_hits(
        photo: &IndexRow,
        found: Hits,
        confidence: Option<&CatalogConfidence>,
        thresholds: &Thresholds,
    ) -> Self {
        let (own, others): (Vec<Hit>, Vec<Hit>) = found.hits.into_iter().partition(|hit| hit.product == photo.product);
        let own = own.first().and_then(|hit| rank_without(hit, photo.image));
        let mut ranking: Vec<RankedProduct> = others.iter().map(ranked).collect();
        if let Some(own) = own {
            ranking.insert(ranking.partition_point(|other| other.score >= own.score), own);
        }
        let nearest = others.first().map(|hit| {
            let rank = ranking.iter().position(|ranked| ranked.product == hit.product);
            let confidences = confidence.and_then(|confidence| confidence.of_ranking(&ranking, ranking.len()));
            Neighbour {
                product: hit.product,
                image: hit.image,
                score: hit.score,
                confidence: confidences.zip(rank).and_then(|(confidences, rank)| confidences.get(rank).copied()),
            }
        });
        let own_score = own.map(|own| own.score);
        let is_mistaken = nearest.is_some_and(|nearest| match nearest.confidence {
            Some(confidence) => confidence >= MISTAKEN_CONFIDENCE_MIN,
            None => is_mistaken_by_score(nearest.score, own_score, thresholds),
        });
        Self { image: photo.image, product: photo.product, own_score, nearest, is_mistaken }
    }
}

/// Whether the till bills the nearest other product, or asks because of it. If no other photo of the photo's own product is near,
/// only a bill counts.
fn is_mistaken_by_score(nearest: f32, own: Option<f32>, thresholds: &Thresholds) -> bool {
    let verdict = |scores: &[f32]| Verdict::from_scores(scores.iter().copied(), thresholds.score, thresholds.margin);
    match own {
        Some(own) if own > nearest => verdict(&[own, nearest]) == Verdict::Ambiguous,
        Some(own) => verdict(&[nearest, own]) != Verdict::Unknown,
        None => verdict(&[nearest]) == Verdict::Matched,
    }
}

fn ranked(hit: &Hit) -> RankedProduct {
    RankedProduct { product: hit.product, score: hit.score, second_score: hit.second_score }
}

/// The photo's own product without the photo. A search returns the two best scores of a product, so the second best of the
/// remaining photos is not known.
fn rank_without(hit: &Hit, left_out: ImageId) -> Option<RankedProduct> {
    if hit.image != left_out {
        return Some(ranked(hit));
    }
    let score = hit.second_score?;
    Some(RankedProduct { product: hit.product, score, second_score: None })
}
