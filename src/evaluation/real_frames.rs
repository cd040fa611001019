//! Measures a model on real photos of several items: what a till would find, name, bill and ask.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::EvaluationError;
use super::embed::{Sample, Samples, concurrency, read_photo, start_embedder};
use super::frame_boxes::BoxedPhoto;
use super::frame_report::{PhotoOutcome, RealFrameFigures};
use super::metrics::share;
use super::photos::PhotoSet;
use super::region_matching::{RegionMatch, match_regions};
use super::reliability;
use super::scores::{RankedAnswer, ScoreTable};
use crate::domain::{Region, Verdict, VerdictLimits};
use crate::embedding::{DecodeLimits, EmbedError, Embedder, Embedding, Model, Thresholds};
use crate::pool::Priority;
use crate::regions::{self, FoundRegion, RegionMode};

/// How photos are decoded and judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RealFrameOptions {
    pub decode: DecodeLimits,
    pub verdicts: VerdictLimits,
    /// Chooses the photos that a confidence is learned from.
    pub seed: u64,
}

/// Measures `model` on `photos`; `samples` are the enrolled photos of `set`, embedded by the same model.
///
/// # Errors
/// A photo cannot be used, or the model fails.
pub async fn measure_boxes(
    model: &Model,
    set: &PhotoSet,
    samples: &Samples,
    photos: &[BoxedPhoto],
    options: RealFrameOptions,
) -> Result<RealFrameFigures, EvaluationError> {
    let embedder = start_embedder(model, options.decode)?;
    let embedded = stream::iter(photos).map(|photo| embed_regions(&embedder, photo)).buffered(concurrency());
    let photo_regions: Vec<PhotoRegions> = embedded.try_collect().await?;
    // The product of a region is not known here, so 0 stands for it; only the first answers are read.
    let queries = photo_regions.iter().flat_map(|photo| &photo.embeddings);
    let queries: Vec<Sample> = queries.map(|embedding| Sample { product: 0, embedding: embedding.clone() }).collect();
    let gallery: Vec<&Sample> = samples.enrolled.iter().collect();
    let table = ScoreTable::new(&queries, &gallery, set.products.len());
    let Thresholds { score, margin, own_photos, .. } = model.manifest.thresholds;
    // As in the server: thresholds that were chosen on the shop's own photos decide, whatever the catalogue teaches.
    let confidence = if own_photos { None } else { reliability::learn_confidence(&gallery, options.seed) };
    let verdict = |row: usize, answer: &RankedAnswer| {
        let learned =
            confidence.as_ref().and_then(|confidence| reliability::first_answer(&table, confidence, row, |_| true));
        learned.map_or_else(|| answer.verdict(score, margin), |learned| options.verdicts.judge(learned.confidence))
    };
    let answer = |row: usize| table.answer(row, |_| true).map(|answer| (verdict(row, &answer), answer.first));
    let mut answers = (0..queries.len()).filter_map(answer);
    let mut judged = Vec::with_capacity(photos.len());
    for (photo, embedded) in photos.iter().zip(photo_regions) {
        let answers = embedded.regions.iter().zip(answers.by_ref()).map(|(region, (mut verdict, product))| {
            if verdict == Verdict::Matched && region.may_be_several {
                verdict = Verdict::Ambiguous;
            }
            RegionAnswer { product, verdict }
        });
        let answers = answers.collect();
        judged.push(JudgedPhoto {
            name: photo.name.clone(),
            items: photo.items.iter().map(|item| item.product).collect(),
            matches: embedded.matches,
            answers,
        });
    }
    let mut enrolled: Vec<usize> = samples.enrolled.iter().map(|sample| sample.product).collect();
    let enrolled_photos = enrolled.len();
    enrolled.sort_unstable();
    enrolled.dedup();
    let figures = summarise(model.id.to_string(), set, &judged, enrolled_photos, enrolled.len());
    Ok(RealFrameFigures { judged_by_confidence: confidence.is_some(), ..figures })
}

/// The embedded regions of a photo.
struct PhotoRegions {
    regions: Vec<FoundRegion>,
    embeddings: Vec<Embedding>,
    matches: Vec<Option<RegionMatch>>,
}

async fn embed_regions(embedder: &Embedder, photo: &BoxedPhoto) -> Result<PhotoRegions, EvaluationError> {
    let (path, limit) = (photo.path.clone(), embedder.limits().max_bytes);
    let unusable = |reason: String| EvaluationError::invalid_photos(&photo.path, reason);
    let failed = |error: EmbedError| unusable(error.to_string());
    let bytes = tokio::task::spawn_blocking(move || read_photo(&path, limit)).await;
    let bytes = bytes.map_err(|error| unusable(error.to_string()))?.map_err(unusable)?;
    let permit = embedder.admit(Priority::Background).await.map_err(|_| failed(EmbedError::Busy))?;
    let picture = embedder.decode(&permit, bytes).await.map_err(failed)?.photo;
    let (width, height) = (picture.original_width(), picture.original_height());
    let items: Vec<Region> = photo.items.iter().map(|item| item.shares.region(width, height)).collect();
    let find = move || {
        let found = regions::find_regions(&picture, RegionMode::Auto, None).regions;
        let pictures = found.iter().map(|found| regions::crop_region(&picture, found.region)).collect();
        (found, pictures)
    };
    let ((regions, pictures), _queue) = embedder.run_on_decode_threads(&permit, find).await.map_err(failed)?;
    let embeddings = embedder.embed(&permit, pictures).await.map_err(failed)?.embeddings;
    let boxes: Vec<Region> = regions.iter().map(|found: &FoundRegion| found.region).collect();
    let matches = match_regions(&items, &boxes);
    Ok(PhotoRegions { regions, embeddings, matches })
}

/// The first answer to a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RegionAnswer {
    pub(super) product: usize,
    pub(super) verdict: Verdict,
}

/// A photo with an answer for each of its regions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct JudgedPhoto {
    pub(super) name: String,
    /// The product of each item.
    pub(super) items: Vec<usize>,
    /// The region of each item.
    pub(super) matches: Vec<Option<RegionMatch>>,
    pub(super) answers: Vec<RegionAnswer>,
}

impl JudgedPhoto {
    fn found_items(&self) -> impl Iterator<Item = (usize, RegionAnswer)> {
        let found = self.items.iter().zip(&self.matches);
        found.filter_map(|(product, matched)| {
            matched.filter(RegionMatch::is_found).map(|matched| (*product, self.answers[matched.found]))
        })
    }

    /// Whether the answers that `counts` accepts name all items and no other.
    fn names_all(&self, counts: impl Fn(&RegionAnswer) -> bool) -> bool {
        let mut named: Vec<usize> =
            self.answers.iter().filter(|answer| counts(answer)).map(|answer| answer.product).collect();
        let mut items = self.items.clone();
        named.sort_unstable();
        items.sort_unstable();
        named == items
    }

    /// Whether each answer names the item that its region overlaps most.
    fn correct_answers(&self) -> Vec<bool> {
        let mut correct = vec![false; self.answers.len()];
        for (product, matched) in self.items.iter().zip(&self.matches) {
            if let Some(matched) = matched {
                correct[matched.found] = self.answers[matched.found].product == *product;
            }
        }
        correct
    }

    fn outcome(&self, set: &PhotoSet) -> PhotoOutcome {
        let id = |product: usize| set.products[product].id.clone();
        let answer = |answer: &RegionAnswer| format!("{} {}", id(answer.product), answer.verdict.as_str());
        PhotoOutcome {
            photo: self.name.clone(),
            items: self.items.iter().map(|product| id(*product)).collect(),
            found: self.found_items().count(),
            answers: self.answers.iter().map(answer).collect(),
        }
    }
}

pub(super) fn summarise(
    model: String,
    set: &PhotoSet,
    photos: &[JudgedPhoto],
    enrolled_photos: usize,
    enrolled_products: usize,
) -> RealFrameFigures {
    let found: Vec<(usize, RegionAnswer)> = photos.iter().flat_map(JudgedPhoto::found_items).collect();
    let items = photos.iter().map(|photo| photo.items.len()).sum::<usize>();
    let answers = photos.iter().flat_map(|photo| photo.answers.iter().zip(photo.correct_answers()));
    let answers: Vec<(&RegionAnswer, bool)> = answers.collect();
    let is_billed = |answer: &RegionAnswer| answer.verdict == Verdict::Matched;
    let of_regions = |counts: &dyn Fn(&RegionAnswer, bool) -> bool| {
        share(answers.iter().map(|(answer, correct)| counts(answer, *correct)))
    };
    let miscounted = photos.iter().map(|photo| photo.items.len().abs_diff(photo.answers.len())).sum::<usize>();
    RealFrameFigures {
        model,
        enrolled_photos,
        enrolled_products,
        judged_by_confidence: false,
        photos: photos.len(),
        items,
        regions: answers.len(),
        region_recall: found.len() as f64 / items.max(1) as f64,
        names_right: (!found.is_empty()).then(|| share(found.iter().map(|(item, answer)| answer.product == *item))),
        photos_right: share(photos.iter().map(|photo| photo.names_all(|_| true))),
        photos_billed_right: share(photos.iter().map(|photo| photo.names_all(is_billed))),
        counting_distance: miscounted as f64 / photos.len().max(1) as f64,
        billed_right: of_regions(&|answer, correct| is_billed(answer) && correct),
        billed_wrong: of_regions(&|answer, correct| is_billed(answer) && !correct),
        asked: of_regions(&|answer, _| !is_billed(answer)),
        by_photo: photos.iter().map(|photo| photo.outcome(set)).collect(),
    }
}
