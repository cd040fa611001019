//! From vectors to a model's figures.

use std::collections::BTreeSet;

use super::EvaluationError;
use super::calibration::point_at;
use super::embed::{Sample, Samples};
use super::hold_out::{HeldOutProducts, NOTHING_ASKED};
use super::metrics::{area_under_curve, bootstrap_interval, reached_by, share};
use super::photos::PhotoSet;
use super::report::{AtThresholds, DataReport, FewShot, Hits, ModelReport, OpenSet, UnseenDraw, UnseenMean};
use super::scores::{RankedAnswer, ScoreTable, first_of_each};
use crate::embedding::{Model, Thresholds};

/// Share of the known photos that are to be accepted where unknown ones are counted.
const KNOWN_ACCEPTED: f64 = 0.95;

/// What is to be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// Numbers of photos per product, for the few-shot figures.
    pub few_shot: Vec<usize>,
    /// Sets of products to treat as never seen.
    pub held_out: Vec<HeldOutProducts>,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// The figures of `model`, whose vectors are `samples`. The speed is left open: see
/// [`speeds_side_by_side`](super::speeds_side_by_side).
///
/// # Errors
/// No asked photo shows an enrolled product, or a held-out set has no photos to ask about.
pub fn measure(
    model: &Model,
    set: &PhotoSet,
    samples: &Samples,
    wanted: &Measurement,
) -> Result<ModelReport, EvaluationError> {
    let products = set.products.len();
    let against = |gallery: &[&Sample]| ScoreTable::new(&samples.asked, gallery, products);
    let every = against(&samples.enrolled.iter().collect::<Vec<_>>());
    let hits = |table: &ScoreTable| hits(&table.known(), in_gallery(table, products), wanted.seed);
    let nobody = || EvaluationError::photos(&set.name, "no photo that is asked about shows an enrolled product");
    let all_enrolled = hits(&every).ok_or_else(nobody)?;
    let few_shot = wanted.few_shot.iter().filter_map(|count| {
        let gallery = first_of_each(&samples.enrolled, products, *count);
        let products_with_fewer =
            counts(&samples.enrolled, products).iter().filter(|has| (1..*count).contains(*has)).count();
        Some(FewShot { photos_per_product: *count, products_with_fewer, hits: hits(&against(&gallery))? })
    });
    let catalogue = against(&samples.catalogue.iter().collect::<Vec<_>>());
    let unseen =
        wanted.held_out.iter().map(|held| unseen(set, &every, held, wanted.seed)).collect::<Result<Vec<_>, _>>()?;
    Ok(ModelReport {
        model: model.id.to_string(),
        dim: model.manifest.output.dim,
        photos: photos(set, samples),
        all_enrolled,
        few_shot: few_shot.collect(),
        catalogue: hits(&catalogue),
        one_product_out: open_set(&every.known(), &every.unknown()),
        unseen_mean: mean(&unseen),
        unseen,
        thresholds: at_thresholds(&every, &model.manifest.thresholds),
        speed: None,
    })
}

fn in_gallery(table: &ScoreTable, products: usize) -> usize {
    (0..products).filter(|product| table.has(*product)).count()
}

/// Number of samples of each product.
fn counts(samples: &[Sample], products: usize) -> Vec<usize> {
    let mut counts = vec![0; products];
    samples.iter().for_each(|sample| counts[sample.product] += 1);
    counts
}

fn photos(set: &PhotoSet, samples: &Samples) -> DataReport {
    let of = |samples: &[Sample]| samples.iter().map(|sample| sample.product).collect::<BTreeSet<_>>();
    let (enrolled, asked) = (of(&samples.enrolled), of(&samples.asked));
    let ids = |of: &BTreeSet<usize>, not: &BTreeSet<usize>| {
        of.difference(not).map(|product| set.products[*product].id.clone()).collect()
    };
    DataReport {
        enrolled_photos: samples.enrolled.len(),
        enrolled_products: enrolled.len(),
        asked_photos: samples.asked.len(),
        asked_products: asked.len(),
        catalogue_pictures: samples.catalogue.len(),
        products_without_asked_photos: ids(&enrolled, &asked),
        products_never_enrolled: ids(&asked, &enrolled),
        left_out: samples.left_out.clone(),
    }
}

fn hits(answers: &[RankedAnswer], products: usize, seed: u64) -> Option<Hits> {
    let within = |top: usize| answers.iter().map(move |answer| answer.place.is_some_and(|place| place < top));
    let first: Vec<bool> = within(1).collect();
    Some(Hits {
        photos: answers.len(),
        products,
        top_1_interval: bootstrap_interval(&first, seed)?,
        top_1: share(first),
        top_5: share(within(5)),
    })
}

fn open_set(known: &[RankedAnswer], unknown: &[RankedAnswer]) -> Option<OpenSet> {
    let scores = |answers: &[RankedAnswer]| answers.iter().map(|answer| answer.best).collect::<Vec<_>>();
    let (known, unknown) = (scores(known), scores(unknown));
    let score = reached_by(&known, KNOWN_ACCEPTED)?;
    Some(OpenSet {
        known_photos: known.len(),
        unknown_photos: unknown.len(),
        auroc: area_under_curve(&known, &unknown)?,
        score_at_95_known: score,
        unknown_accepted_at_95_known: share(unknown.iter().map(|other| *other >= score)),
    })
}

fn unseen(
    set: &PhotoSet,
    every: &ScoreTable,
    held: &HeldOutProducts,
    seed: u64,
) -> Result<UnseenDraw, EvaluationError> {
    let is_held = |product: usize| held.products.contains(&product);
    let askable = |product: usize| is_held(product) && every.has(product);
    let remain = (0..set.products.len()).filter(|product| every.has(*product) && !is_held(*product)).count();
    let fault = |fault: &str| EvaluationError::Unreachable(format!("{}: {fault}", held.in_words()));
    let enrolled = held.products.iter().filter(|product| every.has(**product)).count();
    let among = hits(&every.answers(askable, is_held), enrolled, seed);
    let full = hits(&every.answers(askable, |_| true), in_gallery(every, set.products.len()), seed);
    let known = every.answers(|product| every.has(product) && !is_held(product), |product| !is_held(product));
    let unknown = every.answers(is_held, |product| !is_held(product));
    let open_set = open_set(&known, &unknown);
    Ok(UnseenDraw {
        seed: held.seed,
        products: held.products.iter().map(|place| set.products[*place].id.clone()).collect(),
        among_unseen: among.ok_or_else(|| fault(NOTHING_ASKED))?,
        in_full_gallery: full.ok_or_else(|| fault(NOTHING_ASKED))?,
        open_set: open_set.ok_or_else(|| {
            fault(&format!("of the {remain} products that remain none is asked about; hold out fewer"))
        })?,
    })
}

fn mean(draws: &[UnseenDraw]) -> Option<UnseenMean> {
    if draws.is_empty() {
        return None;
    }
    let mean = |value: fn(&UnseenDraw) -> f64| draws.iter().map(value).sum::<f64>() / draws.len() as f64;
    Some(UnseenMean {
        top_1_among_unseen: mean(|draw| draw.among_unseen.top_1),
        top_1_in_full_gallery: mean(|draw| draw.in_full_gallery.top_1),
        auroc: mean(|draw| draw.open_set.auroc),
        unknown_accepted_at_95_known: mean(|draw| draw.open_set.unknown_accepted_at_95_known),
    })
}

fn at_thresholds(every: &ScoreTable, thresholds: &Thresholds) -> AtThresholds {
    let Thresholds { score, margin, operating_point } = thresholds.clone();
    let (known, unknown) = (every.known(), every.unknown());
    let point = point_at(&known, &unknown, score, margin);
    AtThresholds {
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
