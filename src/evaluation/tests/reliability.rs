//! Confidences of answers made by hand, and of vectors around known directions.

use super::super::reliability::{
    FirstAnswer, answers_with_and_without, compare_with_truth, first_answer, learn_confidence,
};
use super::super::scores::{ScoreTable, product_id};
use super::*;

/// Five samples of each of `products` products; each product is an axis of its own, and samples lie around it.
fn samples_around_axes(products: usize, offset: usize) -> Vec<Sample> {
    let numbers = (0..products).flat_map(|product| (0..5).map(move |photo| (product, photo + offset)));
    let sample = |(product, photo): (usize, usize)| {
        // A few values between -0.3 and 0.3 that differ from photo to photo.
        let noise = |axis: usize| ((axis * 37 + product * 11 + photo * 101) % 61) as f32 / 100.0 - 0.3;
        let value = |axis: usize| if axis == product { 1.0 } else { noise(axis) };
        let values: Vec<f32> = (0..products).map(value).collect();
        Sample { product, embedding: Embedding::normalise(&values).unwrap() }
    };
    numbers.map(sample).collect()
}

fn equal_answers(count: usize, confidence: f64, correct: usize, known: bool) -> Vec<FirstAnswer> {
    (0..count).map(|number| FirstAnswer { confidence, correct: number < correct, known }).collect()
}

#[test]
fn what_is_said_is_compared_with_what_is_true_bin_by_bin() {
    let gallery = samples_around_axes(10, 0);
    let confidence = learn_confidence(&gallery.iter().collect::<Vec<_>>(), 1).unwrap();
    // 60 known and 20 unknown answers: each weighs as one, and the unknown ones are a quarter.
    let answers = [
        equal_answers(40, 0.92, 38, true),
        equal_answers(16, 0.5, 4, true),
        equal_answers(4, 1.0, 4, true),
        equal_answers(15, 0.5, 0, false),
        equal_answers(5, 0.1, 0, false),
    ];
    let figures = compare_with_truth(&confidence, &answers.concat(), LIMITS);
    assert_eq!((figures.known_answers, figures.unknown_answers), (60, 20));
    assert_eq!((figures.learned_from_photos, figures.learned_from_products), (50, 10));
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
    near(figures.billed_right, 42.0 / 80.0);
    near(figures.billed_wrong, 2.0 / 80.0);
    near(figures.asked, 31.0 / 80.0);
    near(figures.unknown, 5.0 / 80.0);
    assert_eq!(figures.bins.iter().map(|bin| bin.answers).collect::<Vec<_>>(), [0, 5, 0, 0, 0, 31, 0, 0, 0, 44]);
    assert_eq!((figures.bins[0].said, figures.bins[0].correct), (None, None));
    near(figures.bins[5].said.unwrap(), 0.5);
    near(figures.bins[5].correct.unwrap(), 4.0 / 31.0);
    near(figures.bins[9].correct.unwrap(), 42.0 / 44.0);
    near(figures.largest_gap.unwrap(), 0.5 - 4.0 / 31.0);

    // Twice as many unknown answers weigh half as much each.
    let twice = [equal_answers(60, 0.95, 60, true), equal_answers(40, 0.95, 0, false)];
    let figures = compare_with_truth(&confidence, &twice.concat(), LIMITS);
    near(figures.bins[9].correct.unwrap(), 0.75);
    let few = compare_with_truth(&confidence, &equal_answers(29, 0.95, 0, true), LIMITS);
    assert_eq!((few.largest_gap, few.billed_wrong), (None, 1.0), "29 answers are too few for a gap");
}

#[test]
fn a_query_is_answered_with_its_product_and_without() {
    let (gallery, queries) = (samples_around_axes(10, 0), samples_around_axes(10, 7));
    let gallery: Vec<&Sample> = gallery.iter().collect();
    let confidence = learn_confidence(&gallery, 1).unwrap();
    let table = ScoreTable::new(&queries, &gallery, 10);
    let answers = answers_with_and_without(&table, &confidence);
    let (known, unknown): (Vec<&FirstAnswer>, Vec<&FirstAnswer>) = answers.iter().partition(|answer| answer.known);
    assert_eq!((known.len(), unknown.len()), (50, 50));
    assert!(known.iter().all(|answer| answer.correct) && unknown.iter().all(|answer| !answer.correct));
    let mean =
        |answers: &[&FirstAnswer]| answers.iter().map(|answer| answer.confidence).sum::<f64>() / answers.len() as f64;
    assert!(mean(&known) > 0.8 && mean(&unknown) < 0.4, "{} {}", mean(&known), mean(&unknown));
    assert_eq!(first_answer(&table, &confidence, 0, |product| product < 2), None, "two products are too few to judge");
    assert!(learn_confidence(&gallery[..10], 1).is_none(), "two products teach nothing");
}

#[test]
fn a_ranking_has_the_scores_of_each_products_two_nearest_photos() {
    let gallery = [sample(0, 0.0), sample(0, 20.0), sample(0, 80.0), sample(1, 90.0), sample(2, 180.0)];
    let table = ScoreTable::new(&[sample(0, 12.0)], &gallery.iter().collect::<Vec<_>>(), 4);
    let ranking = table.ranking(0, |_| true, 2);
    let [first, second] = &ranking[..] else { panic!("{ranking:?}") };
    assert_eq!((first.product, second.product), (product_id(0), product_id(1)));
    assert!(close(first.score, cos(8.0)) && close(first.second_score.unwrap(), cos(12.0)), "{first:?}");
    assert_eq!(second.second_score, None, "it has one photo");
    assert_eq!(table.ranking(0, |product| product != 0, 5).len(), 2);
}
