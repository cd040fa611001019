//! Figures of vectors in a plane, against values computed by hand.

use proptest::prelude::*;

use super::super::scores::{ScoreTable, first_samples_per_product};
use super::*;
use crate::domain::Verdict;
use crate::embedding::Model;
use crate::embedding::onnx_fixture::model_blind_to_the_dark;

/// Enrolled: a at 0° and 20°, b at 90°, c at 180°; not d. Queries, best answer first:
/// a at 12° (a by 8°, b by 78°), b at 50° (a by 30°, b by 40°), c at 175° (c by 5°, b by 85°), d at 100° (b by 10°, c by 80°).
fn samples() -> Samples {
    Samples {
        enrolled: vec![sample(0, 0.0), sample(0, 20.0), sample(1, 90.0), sample(2, 180.0)],
        queries: vec![sample(0, 12.0), sample(1, 50.0), sample(2, 175.0), sample(3, 100.0)],
        catalogue: vec![sample(0, 12.0), sample(1, 60.0)],
        skipped: Vec::new(),
    }
}

fn model() -> Model {
    model_blind_to_the_dark(tempfile::tempdir().unwrap().path())
}

fn measure_samples(held_out: Vec<HeldOutProducts>) -> Result<ModelFigures, EvaluationError> {
    let options = MeasurementOptions { few_shot: vec![1, 2], held_out, seed: 5, verdicts: LIMITS };
    measure(&model(), &products(4), &samples(), &options)
}

#[test]
fn the_best_photo_of_a_product_counts_and_ranks_count_products() {
    let samples = samples();
    let table = ScoreTable::new(&samples.queries, &samples.enrolled.iter().collect::<Vec<_>>(), 4);
    let answers: Vec<_> = (0..4).map(|row| table.answer(row, |_| true).unwrap()).collect();
    let expected = [(Some(0), 8.0, 78.0), (Some(1), 30.0, 40.0), (Some(0), 5.0, 85.0), (None, 10.0, 80.0)];
    for (answer, (rank, best, second)) in answers.iter().zip(expected) {
        assert_eq!(answer.rank, rank, "{answer:?}");
        assert!(close(answer.best, cos(best)) && close(answer.second.unwrap(), cos(second)), "{answer:?}");
    }
    // Without a, b's photo is recognised; with b alone there is no second answer; with d alone there is no answer.
    assert_eq!(table.answer(1, |product| product != 0).unwrap().rank, Some(0));
    let alone = table.answer(1, |product| product == 1).unwrap();
    assert_eq!((alone.second, alone.verdict(0.7, 1.0)), (None, Verdict::Matched));
    assert_eq!(table.answer(1, |product| product == 3), None);
}

#[test]
fn of_equal_scores_the_product_that_appeared_first_comes_first() {
    let enrolled = [sample(0, 30.0), sample(1, 30.0), sample(2, 90.0)];
    let table = ScoreTable::new(&[sample(1, 30.0), sample(0, 30.0)], &enrolled.iter().collect::<Vec<_>>(), 3);
    assert_eq!(table.answer(0, |_| true).unwrap().rank, Some(1));
    assert_eq!(table.answer(1, |_| true).unwrap().rank, Some(0));
    assert_eq!(table.answer(1, |_| true).unwrap().second, Some(table.answer(1, |_| true).unwrap().best));
}

#[test]
fn the_first_photos_of_each_product_are_taken_in_their_order() {
    let samples = [sample(1, 1.0), sample(0, 2.0), sample(1, 3.0), sample(1, 4.0), sample(0, 5.0)];
    let positions = |count| -> Vec<usize> {
        let first = first_samples_per_product(&samples, 2, count);
        first.iter().map(|sample| samples.iter().position(|other| std::ptr::eq(other, *sample)).unwrap()).collect()
    };
    assert_eq!((positions(1), positions(2), positions(9)), (vec![0, 1], vec![0, 1, 2, 4], vec![0, 1, 2, 3, 4]));
}

#[test]
fn hit_rates_of_few_photos_and_catalogue_pictures_are_computed() {
    let report = measure_samples(Vec::new()).unwrap();
    let summary = |hits: &HitRates| (hits.photos, hits.products, hits.top_1, hits.top_5);
    assert_eq!(summary(&report.all_enrolled), (3, 3, 2.0 / 3.0, 1.0), "d is not enrolled, so its photo does not count");
    assert!(report.all_enrolled.top_1_interval.low < 2.0 / 3.0 && report.all_enrolled.top_1_interval.high == 1.0);
    // Without a's photo at 20°, b's photo at 50° is nearer to b (40°) than to a (50°).
    let [one, two] = &report.few_shot[..] else { panic!("{:?}", report.few_shot) };
    assert_eq!((one.photos_per_product, one.products_with_fewer, summary(&one.hits)), (1, 0, (3, 3, 1.0, 1.0)));
    assert_eq!((two.products_with_fewer, two.hits.top_1), (2, 2.0 / 3.0), "b and c have one photo");
    assert_eq!(summary(&report.catalogue.unwrap()), (2, 2, 1.0, 1.0), "c has no catalogue picture");
    let photos = &report.photos;
    assert_eq!((photos.enrolled_photos, photos.enrolled_products, photos.query_products), (4, 3, 4));
    assert_eq!((&photos.products_never_enrolled, photos.products_without_queries.len()), (&vec!["d".to_owned()], 0));
}

#[test]
fn open_set_figures_leave_one_product_out_at_a_time() {
    // Known: 8°, 30°, 5°. Unknown: a without a 78°, b without b 30°, c without c 85°, and d as it is 10°.
    // Pairs of 12: 8° and 5° beat all four, 30° beats 78° and 85° and equals 30°: 4 + 4 + 2.5.
    let open = measure_samples(Vec::new()).unwrap().one_product_out.unwrap();
    assert_eq!((open.known_photos, open.unknown_photos), (3, 4));
    assert!((open.auroc - 10.5 / 12.0).abs() < 1e-9, "{open:?}");
    assert!(close(open.score_at_95_known, cos(30.0)), "all three must be accepted: {open:?}");
    assert_eq!(open.unknown_accepted_at_95_known, 0.5, "30° and 10°");
}

#[test]
fn held_out_products_are_measured_alone_with_all_and_as_unknown() {
    let held_out = HeldOutProducts { seed: Some(3), products: vec![1] };
    let report = measure_samples(vec![held_out]).unwrap();
    let draw = &report.unseen[0];
    assert_eq!((draw.seed, &draw.products), (Some(3), &vec!["b".to_owned()]));
    assert_eq!((draw.among_unseen.photos, draw.among_unseen.top_1), (1, 1.0));
    assert_eq!((draw.in_full_gallery.products, draw.in_full_gallery.top_1), (3, 0.0));
    // Without b: known are a by 8° and c by 5°; b's photo is taken for a by 30°.
    assert_eq!((draw.open_set.known_photos, draw.open_set.unknown_photos, draw.open_set.auroc), (2, 1, 1.0));
    assert_eq!(draw.open_set.unknown_accepted_at_95_known, 0.0);
    let mean = report.unseen_mean.unwrap();
    assert_eq!((mean.top_1_among_unseen, mean.top_1_in_full_gallery, mean.auroc), (1.0, 0.0, 1.0));
}

#[test]
fn held_out_products_without_queries_are_an_error() {
    let mut without_b = samples();
    without_b.queries.retain(|sample| sample.product != 1);
    let held_out = HeldOutProducts { seed: Some(3), products: vec![1] };
    let options = MeasurementOptions { few_shot: Vec::new(), held_out: vec![held_out], seed: 5, verdicts: LIMITS };
    let error = measure(&model(), &products(4), &without_b, &options).unwrap_err().to_string();
    assert!(error.contains("1 product held out with seed 3") && error.contains("no query photo shows"), "{error}");
    let all = HeldOutProducts { seed: None, products: vec![0, 1, 2] };
    let error = measure_samples(vec![all]).unwrap_err().to_string();
    assert!(error.contains("hold out fewer"), "{error}");
    let unknown = Samples { queries: vec![sample(3, 5.0)], ..samples() };
    let options = MeasurementOptions { few_shot: Vec::new(), held_out: Vec::new(), seed: 5, verdicts: LIMITS };
    let error = measure(&model(), &products(4), &unknown, &options).unwrap_err().to_string();
    assert!(error.contains("no query photo shows an enrolled product"), "{error}");
}

#[test]
fn a_draw_is_the_order_of_the_hashes_and_leaves_two_products() {
    // Python: sorted("abcdef", key=lambda id: hashlib.sha256(f"7:{id}".encode()).digest())[:3]
    let set = products(6);
    let drawn = HeldOutProducts::draw(&set.products, &[0, 1, 2, 3, 4, 5], 3, 7).unwrap();
    let ids: String = drawn.products.iter().map(|position| set.products[*position].id.as_str()).collect();
    assert_eq!((ids.as_str(), drawn.seed), (DRAWN_BY_PYTHON, Some(7)));
    let error = HeldOutProducts::draw(&set.products, &[0, 1, 2, 3, 4, 5], 5, 7).unwrap_err().to_string();
    assert!(error.contains("--unseen 5") && error.contains("enrolled products: 6;"), "{error}");
}

// tests/training/bookkeeping.py reads both draws: the training must hold out the same products.
const DRAWN_BY_PYTHON: &str = "cea";

/// Twenty of the products 0 to 80 of the grocery photos, with seed 1 and in the order of `sorted` above.
const DRAWN_NUMBERS: [&str; 20] = [
    "72", "30", "71", "39", "49", "29", "38", "56", "27", "42", "35", "78", "50", "44", "33", "7", "11", "69", "43",
    "51",
];

#[test]
fn a_draw_of_numbers_equals_the_training_draw() {
    let product = |id: usize| Product { id: id.to_string(), name: String::new() };
    let all: Vec<Product> = (0..81).map(product).collect();
    let drawn = HeldOutProducts::draw(&all, &(0..81).collect::<Vec<_>>(), 20, 1).unwrap();
    assert_eq!(drawn.products.iter().map(|position| all[*position].id.as_str()).collect::<Vec<_>>(), DRAWN_NUMBERS);
}

proptest! {
    #[test]
    fn more_products_never_help_and_removing_the_right_one_never_raises_the_score(
        enrolled in prop::collection::vec((0_usize..5, 0.0_f32..360.0), 5..30),
        queries in prop::collection::vec((0_usize..5, 0.0_f32..360.0), 1..10),
    ) {
        let [enrolled, queries] = [enrolled, queries]
            .map(|drawn| drawn.into_iter().map(|(product, degrees)| sample(product, degrees)).collect::<Vec<_>>());
        let table = ScoreTable::new(&queries, &enrolled.iter().collect::<Vec<_>>(), 5);
        for (row, sample) in queries.iter().enumerate() {
            let Some(full) = table.answer(row, |_| true) else { continue };
            prop_assert!(full.second.is_none_or(|second| second <= full.best));
            prop_assert_eq!(full.rank.is_some(), table.in_gallery(sample.product));
            if let Some(without) = table.answer(row, |product| product != sample.product) {
                prop_assert!(without.best <= full.best);
                prop_assert_eq!(without.rank, None);
            }
            let few = table.answer(row, |product| product == sample.product || product % 2 == 0);
            if let (Some(few), Some(rank)) = (few, full.rank) {
                prop_assert!(few.rank.unwrap() <= rank);
            }
        }
    }
}
