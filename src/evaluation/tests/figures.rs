//! Figures of made-up vectors in a plane, worked out by hand.

use proptest::prelude::*;

use super::super::scores::{ScoreTable, first_of_each};
use super::*;
use crate::domain::Verdict;
use crate::embedding::Model;
use crate::embedding::onnx_fixture::model_blind_to_the_dark;

/// Enrolled: a at 0° and 20°, b at 90°, c at 180°; nothing of d. Asked, best first:
/// a at 12° (a by 8°, b by 78°), b at 50° (a by 30°, b by 40°), c at 175° (c by 5°, b by 85°), d at 100° (b by 10°, c by 80°).
fn samples() -> Samples {
    Samples {
        enrolled: vec![at(0, 0.0), at(0, 20.0), at(1, 90.0), at(2, 180.0)],
        asked: vec![at(0, 12.0), at(1, 50.0), at(2, 175.0), at(3, 100.0)],
        catalogue: vec![at(0, 12.0), at(1, 60.0)],
        left_out: Vec::new(),
    }
}

fn model() -> Model {
    model_blind_to_the_dark(tempfile::tempdir().unwrap().path())
}

fn measured(held_out: Vec<HeldOutProducts>) -> Result<ModelReport, EvaluationError> {
    let wanted = Measurement { few_shot: vec![1, 2], held_out, seed: 5 };
    measure(&model(), &products(4), &samples(), &wanted)
}

#[test]
fn the_best_photo_of_a_product_counts_and_places_are_counted_in_products() {
    let samples = samples();
    let table = ScoreTable::new(&samples.asked, &samples.enrolled.iter().collect::<Vec<_>>(), 4);
    let answers: Vec<_> = (0..4).map(|row| table.answer(row, |_| true).unwrap()).collect();
    let expected = [(Some(0), 8.0, 78.0), (Some(1), 30.0, 40.0), (Some(0), 5.0, 85.0), (None, 10.0, 80.0)];
    for (answer, (place, best, rival)) in answers.iter().zip(expected) {
        assert_eq!(answer.place, place, "{answer:?}");
        assert!(close(answer.best, cos(best)) && close(answer.rival.unwrap(), cos(rival)), "{answer:?}");
    }
    // With a taken out, b's photo is b's; with everything else taken out there is no rival, with all of it no answer.
    assert_eq!(table.answer(1, |product| product != 0).unwrap().place, Some(0));
    let alone = table.answer(1, |product| product == 1).unwrap();
    assert_eq!((alone.rival, alone.verdict(0.7, 1.0)), (None, Verdict::Matched));
    assert_eq!(table.answer(1, |product| product == 3), None);
}

#[test]
fn of_equal_scores_the_product_that_came_first_comes_first() {
    let enrolled = [at(0, 30.0), at(1, 30.0), at(2, 90.0)];
    let table = ScoreTable::new(&[at(1, 30.0), at(0, 30.0)], &enrolled.iter().collect::<Vec<_>>(), 3);
    assert_eq!(table.answer(0, |_| true).unwrap().place, Some(1));
    assert_eq!(table.answer(1, |_| true).unwrap().place, Some(0));
    assert_eq!(table.answer(1, |_| true).unwrap().rival, Some(table.answer(1, |_| true).unwrap().best));
}

#[test]
fn the_first_photos_of_each_product_are_taken_in_their_order() {
    let samples = [at(1, 1.0), at(0, 2.0), at(1, 3.0), at(1, 4.0), at(0, 5.0)];
    let places = |count| -> Vec<usize> {
        let taken = first_of_each(&samples, 2, count);
        taken.iter().map(|sample| samples.iter().position(|other| std::ptr::eq(other, *sample)).unwrap()).collect()
    };
    assert_eq!((places(1), places(2), places(9)), (vec![0, 1], vec![0, 1, 2, 4], vec![0, 1, 2, 3, 4]));
}

#[test]
fn hits_few_photos_and_catalogue_pictures() {
    let report = measured(Vec::new()).unwrap();
    let brief = |hits: &Hits| (hits.photos, hits.products, hits.top_1, hits.top_5);
    assert_eq!(brief(&report.all_enrolled), (3, 3, 2.0 / 3.0, 1.0), "d is not enrolled, so its photo does not count");
    assert!(report.all_enrolled.top_1_interval.low < 2.0 / 3.0 && report.all_enrolled.top_1_interval.high == 1.0);
    // Without a's photo at 20°, b's photo at 50° is nearer to b (40°) than to a (50°).
    let [one, two] = &report.few_shot[..] else { panic!("{:?}", report.few_shot) };
    assert_eq!((one.photos_per_product, one.products_with_fewer, brief(&one.hits)), (1, 0, (3, 3, 1.0, 1.0)));
    assert_eq!((two.products_with_fewer, two.hits.top_1), (2, 2.0 / 3.0), "b and c have one photo");
    assert_eq!(brief(&report.catalogue.unwrap()), (2, 2, 1.0, 1.0), "c has no catalogue picture");
    let photos = &report.photos;
    assert_eq!((photos.enrolled_photos, photos.enrolled_products, photos.asked_products), (4, 3, 4));
    assert_eq!(
        (&photos.products_never_enrolled, photos.products_without_asked_photos.len()),
        (&vec!["d".to_owned()], 0)
    );
}

#[test]
fn one_product_at_a_time_is_taken_out() {
    // Known: 8°, 30°, 5°. Unknown: a without a 78°, b without b 30°, c without c 85°, and d as it is 10°.
    // Pairs of 12: 8° and 5° beat all four, 30° beats 78° and 85° and equals 30°: 4 + 4 + 2.5.
    let open = measured(Vec::new()).unwrap().one_product_out.unwrap();
    assert_eq!((open.known_photos, open.unknown_photos), (3, 4));
    assert!((open.auroc - 10.5 / 12.0).abs() < 1e-9, "{open:?}");
    assert!(close(open.score_at_95_known, cos(30.0)), "all three must be accepted: {open:?}");
    assert_eq!(open.unknown_accepted_at_95_known, 0.5, "30° and 10°");
}

#[test]
fn held_out_products_among_themselves_in_the_crowd_and_as_strangers() {
    let held = HeldOutProducts { seed: Some(3), products: vec![1] };
    let report = measured(vec![held]).unwrap();
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
fn held_out_products_that_nobody_asks_about_are_an_error_that_says_so() {
    let mut asked_elsewhere = samples();
    asked_elsewhere.asked.retain(|sample| sample.product != 1);
    let held = HeldOutProducts { seed: Some(3), products: vec![1] };
    let wanted = Measurement { few_shot: Vec::new(), held_out: vec![held], seed: 5 };
    let error = measure(&model(), &products(4), &asked_elsewhere, &wanted).unwrap_err().to_string();
    assert!(error.contains("1 product held out with seed 3") && error.contains("no photo asks"), "{error}");
    let all = HeldOutProducts { seed: None, products: vec![0, 1, 2] };
    let error = measured(vec![all]).unwrap_err().to_string();
    assert!(error.contains("hold out fewer"), "{error}");
    let strangers = Samples { asked: vec![at(3, 5.0)], ..samples() };
    let wanted = Measurement { few_shot: Vec::new(), held_out: Vec::new(), seed: 5 };
    let error = measure(&model(), &products(4), &strangers, &wanted).unwrap_err().to_string();
    assert!(error.contains("no photo that is asked about shows an enrolled product"), "{error}");
}

#[test]
fn a_draw_is_the_order_of_the_hashes_and_leaves_two_products() {
    // Python: sorted("abcdef", key=lambda id: hashlib.sha256(f"7:{id}".encode()).digest())[:3]
    let set = products(6);
    let drawn = HeldOutProducts::drawn(&set.products, &[0, 1, 2, 3, 4, 5], 3, 7).unwrap();
    let ids: String = drawn.products.iter().map(|place| set.products[*place].id.as_str()).collect();
    assert_eq!((ids.as_str(), drawn.seed), (DRAWN_BY_PYTHON, Some(7)));
    let error = HeldOutProducts::drawn(&set.products, &[0, 1, 2, 3, 4, 5], 5, 7).unwrap_err().to_string();
    assert!(error.contains("--unseen 5") && error.contains("enrolled products: 6;"), "{error}");
}

// tests/training/bookkeeping.py reads both draws: the training must leave out what is held out here.
const DRAWN_BY_PYTHON: &str = "cea";

/// Twenty of the products 0 to 80 with seed 1, as `sorted` has them above: those of the grocery photos.
const DRAWN_NUMBERS: [&str; 20] = [
    "72", "30", "71", "39", "49", "29", "38", "56", "27", "42", "35", "78", "50", "44", "33", "7", "11", "69", "43",
    "51",
];

#[test]
fn a_draw_of_numbers_is_what_the_training_leaves_out() {
    let product = |id: usize| Product { id: id.to_string(), name: String::new() };
    let all: Vec<Product> = (0..81).map(product).collect();
    let drawn = HeldOutProducts::drawn(&all, &(0..81).collect::<Vec<_>>(), 20, 1).unwrap();
    assert_eq!(drawn.products.iter().map(|place| all[*place].id.as_str()).collect::<Vec<_>>(), DRAWN_NUMBERS);
}

proptest! {
    #[test]
    fn more_products_never_help_and_taking_out_the_own_one_never_raises_the_score(
        enrolled in prop::collection::vec((0_usize..5, 0.0_f32..360.0), 5..30),
        asked in prop::collection::vec((0_usize..5, 0.0_f32..360.0), 1..10),
    ) {
        let [enrolled, asked] = [enrolled, asked]
            .map(|drawn| drawn.into_iter().map(|(product, degrees)| at(product, degrees)).collect::<Vec<_>>());
        let table = ScoreTable::new(&asked, &enrolled.iter().collect::<Vec<_>>(), 5);
        for (row, sample) in asked.iter().enumerate() {
            let Some(full) = table.answer(row, |_| true) else { continue };
            prop_assert!(full.rival.is_none_or(|rival| rival <= full.best));
            prop_assert_eq!(full.place.is_some(), table.has(sample.product));
            if let Some(without) = table.answer(row, |product| product != sample.product) {
                prop_assert!(without.best <= full.best);
                prop_assert_eq!(without.place, None);
            }
            let few = table.answer(row, |product| product == sample.product || product % 2 == 0);
            if let (Some(few), Some(place)) = (few, full.place) {
                prop_assert!(few.place.unwrap() <= place);
            }
        }
    }
}
