//! A photo that was left out of the catalogue and searched for.

use super::LookAlikeSearch;
use crate::confidence::{COPY_SCORE, RankedProduct};
use crate::domain::{ImageId, ProductId, Verdict};
use crate::embedding::Thresholds;
use crate::index::{Hit, IndexRow};

/// From this confidence on, a photo is taken for the other product rather than for anything else.
const MISTAKEN_CONFIDENCE_MIN: f32 = 0.5;

/// Scores that differ by less are of the same two photos.
const SAME_SCORE: f32 = 1e-5;

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
    /// Cosine to the nearest other photo of its product; `None` if none is known.
    pub own_score: Option<f32>,
    /// The nearest other product, if there is one.
    pub nearest: Option<Neighbour>,
    /// Whether the till would take the photo for that product, or would have to ask.
    pub is_mistaken: bool,
    /// Whether the photo's product comes first, and what the till says then, knowing the product's other photos. `None` if
    /// no other photo of the product is known.
    pub judged: Option<JudgedPhoto>,
    /// What the till would say if it had never seen the product.
    pub verdict_unseen: Verdict,
}

/// How the till judges a photo of a product that it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgedPhoto {
    pub is_first: bool,
    pub verdict: Verdict,
}

impl LeftOutPhoto {
    /// Whether its product has a copy of the photo, in another size or compression. The photo would find itself.
    pub fn is_copy(&self) -> bool {
        self.own_score.is_some_and(|own| own > COPY_SCORE)
    }

    /// Whether the till, knowing the other photos, would bill the photo's product or name it first when it asks.
    pub fn is_recognized(&self) -> bool {
        self.judged.is_some_and(|judged| judged.is_first && judged.verdict != Verdict::Unknown)
    }
}

impl LookAlikeSearch {
    /// Judges `photo` by `found`, the products nearest to it, and by its product's other photos among `photos`.
    pub(super) fn judge(&self, photo: &IndexRow, photos: &[IndexRow], found: Vec<Hit>) -> LeftOutPhoto {
        let (own, others): (Vec<Hit>, Vec<Hit>) = found.into_iter().partition(|hit| hit.product == photo.product);
        let own = rank_own_product(photo, photos, own.first());
        let mut ranking: Vec<RankedProduct> = others.iter().map(ranked).collect();
        let verdict_unseen = self.judge_ranking(&ranking, self.rank_confidences(&ranking).as_deref());
        let own_rank = own.map(|own| {
            let rank = ranking.partition_point(|other| other.score >= own.score);
            ranking.insert(rank, own);
            rank
        });
        let confidences = self.rank_confidences(&ranking);
        let nearest = others.first().map(|hit| Neighbour {
            product: hit.product,
            image: hit.image,
            score: hit.score,
            confidence: confidences.as_ref().and_then(|all| all.get(usize::from(own_rank == Some(0))).copied()),
        });
        let own_score = own.map(|own| own.score);
        let is_mistaken = nearest.is_some_and(|nearest| match nearest.confidence {
            Some(confidence) => confidence >= MISTAKEN_CONFIDENCE_MIN,
            None => is_mistaken_by_score(nearest.score, own_score, &self.thresholds),
        });
        let judged = own_rank.map(|rank| JudgedPhoto {
            is_first: rank == 0,
            verdict: self.judge_ranking(&ranking, confidences.as_deref()),
        });
        let (image, product) = (photo.image, photo.product);
        LeftOutPhoto { image, product, own_score, nearest, is_mistaken, judged, verdict_unseen }
    }

    fn rank_confidences(&self, ranking: &[RankedProduct]) -> Option<Vec<f32>> {
        self.confidence().and_then(|confidence| confidence.of_ranking(ranking, ranking.len()))
    }

    /// As the till judges: see `recognition::verdicts`.
    fn judge_ranking(&self, ranking: &[RankedProduct], confidences: Option<&[f32]>) -> Verdict {
        match confidences.filter(|_| !self.thresholds.own_photos).and_then(|confidences| confidences.first()) {
            Some(confidence) => self.limits.judge((*confidence).into()),
            None => {
                let scores = ranking.iter().map(|ranked| ranked.score);
                Verdict::from_scores(scores, self.thresholds.score, self.thresholds.margin)
            }
        }
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

/// The photo's own product without the photo, if another photo of it is known. A search returns the two best scores of a product,
/// of which the photo itself has one, and none at all below the last product that it found: `photos` supply the others.
fn rank_own_product(photo: &IndexRow, photos: &[IndexRow], found: Option<&Hit>) -> Option<RankedProduct> {
    let others = photos.iter().filter(|other| other.product == photo.product && other.image != photo.image);
    let mut scores: Vec<f32> = others.map(|other| cosine(&photo.vector, &other.vector)).collect();
    scores.sort_unstable_by(|one, other| other.total_cmp(one));
    let (found_score, found_second) = match found {
        Some(hit) if hit.image == photo.image => (hit.second_score, None),
        Some(hit) => (Some(hit.score), hit.second_score),
        None => (None, None),
    };
    // A photo that the search found and `photos` lack is nearer than all of them; otherwise it is one of them.
    let (score, second_score) = match found_score {
        Some(found) if scores.first().is_none_or(|best| *best < found - SAME_SCORE) => {
            (found, found_second.or(scores.first().copied()))
        }
        Some(_) | None => (*scores.first()?, scores.get(1).copied()),
    };
    Some(RankedProduct { product: photo.product, score, second_score })
}

/// Of vectors of length 1.
fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}
