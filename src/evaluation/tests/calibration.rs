//! Thresholds of vectors in a plane, against values computed by hand.

use super::*;

const TARGET: CalibrationTarget =
    CalibrationTarget { accept_known: 0.8, correct: 0.75, photos_per_product: 1, own_photos: true };

/// a at 0°, b at 90°, and a second photo of each that a calibration with one photo per product must ignore. Queries of a:
/// 10°, 20°, 30°, 40° (correct, margins 0.81, 0.60, 0.37, 0.12); of b: 35° (wrong, margin 0.25), 38° (wrong, margin 0.17).
fn samples() -> Samples {
    Samples {
        enrolled: vec![sample(0, 0.0), sample(0, 38.0), sample(1, 90.0), sample(1, 36.0)],
        queries: vec![
            sample(0, 10.0),
            sample(0, 20.0),
            sample(0, 30.0),
            sample(0, 40.0),
            sample(1, 35.0),
            sample(1, 38.0),
        ],
        ..Samples::default()
    }
}

#[test]
fn the_score_is_chosen_first_then_the_smallest_margin_that_reaches_the_target() {
    let calibration = calibrate(&products(2), &samples(), TARGET).unwrap();
    // 80 % of four correct answers: all four. cos 40° = 0.76604, rounded down.
    assert_eq!(calibration.score, 0.766);
    // At margin 0, 4 of 6 are correct. Up to 0.123, 40° is matched; above it 3 of 5 are correct, above 0.172 (38°) 3 of 4.
    let thresholds = calibration.thresholds.unwrap();
    assert_eq!(thresholds.margin, 0.173);
    let point = thresholds.operating_point.unwrap();
    assert_eq!((point.photos, point.products, point.enrolled_products, point.photos_per_product), (6, 2, 2, 1));
    assert_eq!((point.matched, point.matched_correct, point.ambiguous, point.unknown), (0.6667, 0.75, 0.3333, 0.0));
    // Without their own product: a's photos are 80°, 70°, 60°, 50° from b, below the score; b's are 35° and 38° from a,
    // above it, with no second answer.
    assert_eq!((point.unknown_accepted, point.unknown_matched), (0.3333, 0.3333));
    assert_eq!((point.data.as_str(), point.accept_known, point.correct), ("test set", 0.8, 0.75));
    let split = PhotoSet { query_split: Some("val".to_owned()), ..products(2) };
    let with_split = calibrate(&split, &samples(), TARGET).unwrap().thresholds.unwrap().operating_point.unwrap();
    assert_eq!(with_split.data, "test set, val");
    let chosen: Vec<_> = calibration.curve.iter().filter(|point| point.margin == 0.173).collect();
    assert_eq!((chosen.len(), chosen[0].matched_photos), (1, 4));
    assert!(calibration.curve.is_sorted_by(|a, b| a.margin < b.margin && a.matched >= b.matched));
    for point in &calibration.curve {
        assert!((point.matched + point.ambiguous + point.unknown - 1.0).abs() < 1e-9, "{point:?}");
    }
}

#[test]
fn an_unreachable_target_names_the_best_margin() {
    let mut samples = samples();
    // The answer with the greatest margin is wrong: the best margin excludes 35° (0.2456) and includes 30°.
    samples.queries.push(sample(1, 1.0));
    let calibration = calibrate(&products(2), &samples, CalibrationTarget { correct: 0.99, ..TARGET }).unwrap();
    let message = calibration.thresholds.unwrap_err();
    assert!(
        message.contains("99.0 %") && message.contains("the best is 75.0 % at margin 0.246, where 4 of 7 photos"),
        "{message}"
    );
    assert!(message.contains("--correct"), "{message}");
    samples.queries = vec![sample(1, 1.0)];
    let nothing = calibrate(&products(2), &samples, TARGET).unwrap_err().to_string();
    assert!(nothing.contains("none of 1 first answers is correct"), "{nothing}");
}
