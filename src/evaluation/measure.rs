//! Computes a model's figures from the samples of labelled photos.

use std::collections::BTreeSet;

use super::EvaluationError;
use super::calibration::point_at_margin;
use super::embed::{Sample, Samples};
use super::hold_out::{HeldOutProducts, NO_QUERIES};
use super::metrics::{area_under_curve, bootstrap_interval, score_reached_by, share};
use super::photos::PhotoSet;
use super::reliability;
use super::report::{
    FewShotFigures, HitRates, ModelFigures, OpenSetFigures, PhotoCounts, ThresholdFigures, UnseenFigures,
    UnseenMeanFigures,
};
use super::scores::{RankedAnswer, ScoreTable, first_samples_per_product};
use crate::domain::VerdictLimits;
use crate::embedding::{Model, Thresholds};

/// Share of the known photos that are accepted when unknown ones are counted.
const KNOWN_ACCEPTED: f64 = 0.95;

/// Which figures are computed.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasurementOptions {
    /// Numbers of photos per product for the few-shot figures.
    pub few_shot: Vec<usize>,
    /// Sets of products that are treated as never seen.
    pub held_out: Vec<HeldOutProducts>,
    /// Seed of the bootstrap, and of the sample of photos that a confidence is learned from.
    pub seed: u64,
    /// When a till asks.
    pub verdicts: VerdictLimits,
}

/// The figures of `model`, whose embeddings are `samples`. The speed and the frames
/// are left out: see [`measure_speeds`](super::measure_speeds) and [`measure_frames`](super::measure_frames).
///
/// # Errors
/// No query photo shows an enrolled product, or none shows a held-out one.
pub fn measure(
    model: &Model,
    set: &PhotoSet,
    samples: &Samples,
    options: &MeasurementOptions,
) -> Result<ModelFigures, EvaluationError> {
    let products = set.products.len();
    let score_against = |gallery: &[&Sample]| ScoreTable::new(&samples.queries, gallery, products);
    let enrolled: Vec<&Sample> = samples.enrolled.iter().collect();
    let table = score_against(&enrolled);
    let hit_rates = |table: &ScoreTable| hit_rates(&table.known_answers(), gallery_size(table, products), options.seed);
    let no_queries = || EvaluationError::invalid_photos(&set.name, "no query photo shows an enrolled product");
    let all_enrolled = hit_rates(&table).ok_or_else(no_queries)?;
    let few_shot = options.few_shot.iter().filter_map(|count| {
        let gallery = first_samples_per_product(&samples.enrolled, products, *count);
        let products_with_fewer = count_by_product(&samples.enrolled, products)
            .iter()
            .filter(|product_photos| (1..*count).contains(*product_photos))
            .count();
        let hits = hit_rates(&score_against(&gallery))?;
        Some(FewShotFigures { photos_per_product: *count, products_with_fewer, hits })
    });
    let catalogue = score_against(&samples.catalogue.iter().collect::<Vec<_>>());
    let confidence = reliability::learn_confidence(&enrolled, options.seed).map(|confidence| {
        let answers = reliability::answers_with_and_without(&table, &confidence);
        reliability::compare_with_truth(&confidence, &answers, options.verdicts)
    });
    let unseen = options.held_out.iter().map(|held_out| unseen_figures(set, &table, &enrolled, held_out, options));
    let unseen = unseen.collect::<Result<Vec<_>, _>>()?;
    Ok(ModelFigures {
        model: model.id.to_string(),
        dim: model.manifest.output.dim,
        photos: count_photos(set, samples),
        all_enrolled,
        few_shot: few_shot.collect(),
        catalogue: hit_rates(&catalogue),
        one_product_out: open_set_figures(&table.known_answers(), &table.unknown_answers()),
        unseen_mean: mean_of_draws(&unseen),
        unseen,
        thresholds: threshold_figures(&table, &model.manifest.thresholds),
        confidence,
        speed: None,
        frames: None,
    })
}

fn gallery_size(table: &ScoreTable, products: usize) -> usize {
    (0..products).filter(|product| table.in_gallery(*product)).count()
}

fn count_by_product(samples: &[Sample], products: usize) -> Vec<usize> {
    let mut counts = vec![0; products];
    samples.iter().for_each(|sample| counts[sample.product] += 1);
    counts
}

fn count_photos(set: &PhotoSet, samples: &Samples) -> PhotoCounts {
    let products = |samples: &[Sample]| samples.iter().map(|sample| sample.product).collect::<BTreeSet<_>>();
    let (enrolled, queried) = (products(&samples.enrolled), products(&samples.queries));
    let ids_only_in = |one: &BTreeSet<usize>, other: &BTreeSet<usize>| {
        one.difference(other).map(|product| set.products[*product].id.clone()).collect()
    };
    PhotoCounts {
        enrolled_photos: samples.enrolled.len(),
        enrolled_products: enrolled.len(),
        query_photos: samples.queries.len(),
        query_products: queried.len(),
        catalogue_pictures: samples.catalogue.len(),
        products_without_queries: ids_only_in(&enrolled, &queried),
        products_never_enrolled: ids_only_in(&queried, &enrolled),
        skipped: samples.skipped.clone(),
    }
}

fn hit_rates(answers: &[RankedAnswer], products: usize, seed: u64) -> Option<HitRates> {
    let within = |top: usize| answers.iter().map(move |answer| answer.rank.is_some_and(|rank| rank < top));
    let first: Vec<bool> = within(1).collect();
    Some(HitRates {
        photos: answers.len(),
        products,
        top_1_interval: bootstrap_interval(&first, seed)?,
        top_1: share(first),
        top_5: share(within(5)),
    })
}

fn open_set_figures(known: &[RankedAnswer], unknown: &[RankedAnswer]) -> Option<OpenSetFigures> {
    let scores = |answers: &[RankedAnswer]| answers.iter().map(|answer| answer.best).collect::<Vec<_>>();
    let (known, unknown) = (scores(known), scores(unknown));
    let score = score_reached_by(&known, KNOWN_ACCEPTED)?;
    Some(OpenSetFigures {
        known_photos: known.len(),
        unknown_photos: unknown.len(),
        auroc: area_under_curve(&known, &unknown)?,
        score_at_95_known: score,
        unknown_accepted_at_95_known: share(unknown.iter().map(|best| *best >= score)),
    })
}

fn unseen_figures(
    set: &PhotoSet,
    table: &ScoreTable,
    enrolled_photos: &[&Sample],
    held_out: &HeldOutProducts,
    options: &MeasurementOptions,
) -> Result<UnseenFigures, EvaluationError> {
    let seed = options.seed;
    let is_held_out = |product: usize| held_out.products.contains(&product);
    let is_enrolled = |product: usize| table.in_gallery(product);
    let remaining = (0..set.products.len()).filter(|product| is_enrolled(*product) && !is_held_out(*product)).count();
    let too_few = |reason: &str| EvaluationError::InsufficientPhotos(format!("{}: {reason}", held_out.describe()));
    let enrolled = held_out.products.iter().filter(|product| is_enrolled(**product)).count();
    let unseen_and_enrolled = |product: usize| is_held_out(product) && is_enrolled(product);
    let among_unseen = hit_rates(&table.answers(unseen_and_enrolled, is_held_out), enrolled, seed);
    let all_products = gallery_size(table, set.products.len());
    let in_full_gallery = hit_rates(&table.answers(unseen_and_enrolled, |_| true), all_products, seed);
    let known_and_enrolled = |product: usize| is_enrolled(product) && !is_held_out(product);
    let known = table.answers(known_and_enrolled, |product| !is_held_out(product));
    let unknown = table.answers(is_held_out, |product| !is_held_out(product));
    let open_set = open_set_figures(&known, &unknown);
    let gallery: Vec<&Sample> = enrolled_photos.iter().copied().filter(|sample| !is_held_out(sample.product)).collect();
    let confidence = reliability::learn_confidence(&gallery, seed).map(|confidence| {
        let answer = |row| reliability::first_answer(table, &confidence, row, |product| !is_held_out(product));
        let answers: Vec<_> = (0..table.products().len()).filter_map(answer).collect();
        reliability::compare_with_truth(&confidence, &answers, options.verdicts)
    });
    Ok(UnseenFigures {
        seed: held_out.seed,
        products: held_out.products.iter().map(|product| set.products[*product].id.clone()).collect(),
        among_unseen: among_unseen.ok_or_else(|| too_few(NO_QUERIES))?,
        in_full_gallery: in_full_gallery.ok_or_else(|| too_few(NO_QUERIES))?,
        open_set: open_set.ok_or_else(|| {
            too_few(&format!("no query photo shows one of the {remaining} products that remain; hold out fewer"))
        })?,
        confidence,
    })
}

fn mean_of_draws(draws: &[UnseenFigures]) -> Option<UnseenMeanFigures> {
    if draws.is_empty() {
        return None;
    }
    let mean = |value: fn(&UnseenFigures) -> f64| draws.iter().map(value).sum::<f64>() / draws.len() as f64;
    Some(UnseenMeanFigures {
        top_1_among_unseen: mean(|draw| draw.among_unseen.top_1),
        top_1_in_full_gallery: mean(|draw| draw.in_full_gallery.top_1),
        auroc: mean(|draw| draw.open_set.auroc),
        unknown_accepted_at_95_known: mean(|draw| draw.open_set.unknown_accepted_at_95_known),
    })
}

fn threshold_figures(table: &ScoreTable, thresholds: &Thresholds) -> ThresholdFigures {
    let Thresholds { score, margin, operating_point, .. } = thresholds.clone();
    let (known, unknown) = (table.known_answers(), table.unknown_answers());
    let point = point_at_margin(&known, &unknown, score, margin);
    ThresholdFigures {
        score,
        margin,
        matched: point.matched,
        matched_correct: point.matched_correct,
        ambiguous: point.ambiguous,
        unknown: point.unknown,
        unknown_accepted: (!unknown.is_empty()).then(|| share(unknown.iter().map(|answer| answer.best >= score))),
        unknown_matched: point.unknown_matched,
        operating_point,
    }
}
