//! Thresholds of made-up vectors, and that what is written is what the till will do.

use super::*;

const WANTED: CalibrationTarget = CalibrationTarget { accept_known: 0.8, correct: 0.75, photos_per_product: 1 };

/// a at 0°, b at 90°, a second photo of each that a calibration with one photo per product must not see. Asked about a:
/// 10°, 20°, 30°, 40° (right, leads of 0.81, 0.60, 0.37, 0.12); about b: 35° (wrong, lead 0.25), 38° (wrong, lead 0.17).
fn samples() -> Samples {
    Samples {
        enrolled: vec![at(0, 0.0), at(0, 38.0), at(1, 90.0), at(1, 36.0)],
        asked: vec![at(0, 10.0), at(0, 20.0), at(0, 30.0), at(0, 40.0), at(1, 35.0), at(1, 38.0)],
        ..Samples::default()
    }
}

#[test]
fn first_the_score_then_the_smallest_margin_that_is_right_often_enough() {
    let found = calibrate(&products(2), &samples(), WANTED).unwrap();
    // 80 % of four right answers: all four. cos 40° = 0.76604, rounded down.
    assert_eq!(found.score, 0.766);
    // Matched at a lead of 0: 4 of 6 right. 0.123 and less let 40° in; above it 3 of 5 are right, above 0.172 (38°) 3 of 4.
    let thresholds = found.thresholds.unwrap();
    assert_eq!(thresholds.margin, 0.173);
    let point = thresholds.operating_point.unwrap();
    assert_eq!((point.photos, point.products, point.enrolled_products, point.photos_per_product), (6, 2, 2, 1));
    assert_eq!((point.matched, point.matched_correct, point.ambiguous, point.unknown), (0.6667, 0.75, 0.3333, 0.0));
    // With the own product taken out: a's photos are 80°, 70°, 60°, 50° from b, below the score; b's are 35° and 38° from
    // a, above it, and have no rival.
    assert_eq!((point.unknown_accepted, point.unknown_matched), (0.3333, 0.3333));
    assert_eq!((point.data.as_str(), point.accept_known, point.correct), ("made up", 0.8, 0.75));
    let split = PhotoSet { asked_split: Some("val".to_owned()), ..products(2) };
    let of_split = calibrate(&split, &samples(), WANTED).unwrap().thresholds.unwrap().operating_point.unwrap();
    assert_eq!(of_split.data, "made up, val");
    let chosen: Vec<_> = found.curve.iter().filter(|point| point.margin == 0.173).collect();
    assert_eq!((chosen.len(), chosen[0].matched_photos), (1, 4));
    assert!(found.curve.is_sorted_by(|a, b| a.margin < b.margin && a.matched >= b.matched));
    for point in &found.curve {
        assert!((point.matched + point.ambiguous + point.unknown - 1.0).abs() < 1e-9, "{point:?}");
    }
}

#[test]
fn a_wish_that_no_margin_fulfils_says_what_there_is() {
    let mut samples = samples();
    // The surest answer is a wrong one: the best is where 35° (a lead of 0.2456) is out and 30° is in.
    samples.asked.push(at(1, 1.0));
    let found = calibrate(&products(2), &samples, CalibrationTarget { correct: 0.99, ..WANTED }).unwrap();
    let words = found.thresholds.unwrap_err();
    assert!(
        words.contains("99.0 %") && words.contains("the most is 75.0 % at margin 0.246, where 4 of 7 photos"),
        "{words}"
    );
    assert!(words.contains("--correct"), "{words}");
    samples.asked = vec![at(1, 1.0)];
    let nothing = calibrate(&products(2), &samples, WANTED).unwrap_err().to_string();
    assert!(nothing.contains("none of 1 first answers is correct"), "{nothing}");
}
