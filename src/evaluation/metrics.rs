//! Shares, quantiles, area under the curve, bootstrap intervals.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde::Serialize;

/// With so many resamples, the ends of an interval vary by about a tenth of its width from seed to seed.
const RESAMPLES: usize = 2_000;
/// Square of the standard normal distribution's 97.5 % point.
const Z_SQUARED: f64 = 1.96 * 1.96;

/// A 95 % confidence interval of a share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The 2.5 % quantile of the resamples.
    pub low: f64,
    /// The 97.5 % quantile of the resamples.
    pub high: f64,
}

/// The share of `true`; 0 if there are no values.
pub(super) fn share(hits: impl IntoIterator<Item = bool>) -> f64 {
    let (mut count, mut all) = (0_usize, 0_usize);
    for hit in hits {
        count += usize::from(hit);
        all += 1;
    }
    if all == 0 { 0.0 } else { count as f64 / all as f64 }
}

/// The greatest of `scores` that at least `target` (0 to 1) of them reach. `None` without scores.
pub(super) fn score_reached_by(scores: &[f32], target: f64) -> Option<f32> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a number of photos")]
    // The tolerance is for rounding: 0.95 × 20 may be 19.000000000000004.
    let needed = (target * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted.get(needed - 1).copied()
}

/// Area under the receiver operating characteristic: the probability that a known photo's score is above an unknown one's,
/// equal scores counted as half. 0.5: the scores are useless; 1: they are perfect. Computed by the rank sum of Mann and
/// Whitney with mean ranks for ties. `None` if either is empty.
pub(super) fn area_under_curve(known: &[f32], unknown: &[f32]) -> Option<f64> {
    if known.is_empty() || unknown.is_empty() {
        return None;
    }
    let mut all: Vec<(f32, bool)> = known.iter().map(|score| (*score, true)).collect();
    all.extend(unknown.iter().map(|score| (*score, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut rank_sum = 0.0;
    let mut below = 0;
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let mean_rank = below as f64 + (tied.len() + 1) as f64 / 2.0;
        rank_sum += mean_rank * tied.iter().filter(|(_, known)| *known).count() as f64;
        below += tied.len();
    }
    let (known, unknown) = (known.len() as f64, unknown.len() as f64);
    Some((rank_sum - known * (known + 1.0) / 2.0) / (known * unknown))
}

/// 95 % percentile bootstrap interval of the share of `true` in `hits`, with photos resampled; if all or none are `true`,
/// Wilson's interval. Photos of one product in one place are alike, so the true interval may be wider. `None` without hits.
pub(super) fn bootstrap_interval(hits: &[bool], seed: u64) -> Option<Interval> {
    if hits.is_empty() {
        return None;
    }
    let photos = hits.len() as f64;
    match hits.iter().filter(|hit| **hit).count() {
        0 => return Some(Interval { low: 0.0, high: Z_SQUARED / (photos + Z_SQUARED) }),
        all if all == hits.len() => return Some(Interval { low: photos / (photos + Z_SQUARED), high: 1.0 }),
        _ => {}
    }
    let mut random = Pcg64::seed_from_u64(seed);
    let mut draw = || share((0..hits.len()).map(|_| hits[random.random_range(0..hits.len())]));
    let mut shares: Vec<f64> = (0..RESAMPLES).map(|_| draw()).collect();
    shares.sort_by(f64::total_cmp);
    let tail = RESAMPLES / 40;
    Some(Interval { low: shares[tail], high: shares[RESAMPLES - 1 - tail] })
}

/// The middle value; of an even number of values, the greater of the two in the middle. `None` without values.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_area_counts_pairs_and_ties_as_half() {
        assert_eq!(area_under_curve(&[0.9, 0.8], &[0.1, 0.2]), Some(1.0));
        assert_eq!(area_under_curve(&[0.1], &[0.9]), Some(0.0));
        assert_eq!(area_under_curve(&[0.5, 0.5], &[0.5]), Some(0.5));
        // Pairs: .9>.5, .9>.3, .5=.5, .5>.3, .2<.5, .2<.3 give 3.5 of 6.
        assert_eq!(area_under_curve(&[0.9, 0.5, 0.2], &[0.5, 0.3]), Some(3.5 / 6.0));
        assert_eq!(area_under_curve(&[], &[0.5]), None);
    }

    #[test]
    fn the_score_reached_by_a_share_is_one_of_the_scores() {
        let scores: Vec<f32> = (1_u8..=20).map(|n| f32::from(n) / 20.0).collect();
        assert_eq!(score_reached_by(&scores, 0.95), Some(0.1), "19 of 20 reach 0.1");
        assert_eq!(score_reached_by(&scores, 0.951), Some(0.05), "more than 19 of 20: all");
        assert_eq!(score_reached_by(&scores, 1.0), Some(0.05));
        assert_eq!(score_reached_by(&scores, 0.0), Some(1.0));
        assert_eq!(score_reached_by(&[], 0.95), None);
    }

    #[test]
    fn the_interval_is_reproducible_and_about_as_wide_as_the_normal_one() {
        let hits: Vec<bool> = (0..400).map(|n| n % 4 != 0).collect();
        let interval = bootstrap_interval(&hits, 7).unwrap();
        assert_eq!(bootstrap_interval(&hits, 7), Some(interval));
        // 1.96 × √(0.75 × 0.25 / 400) = 0.0424 on either side of 0.75.
        assert!((interval.low - 0.7076).abs() < 0.008 && (interval.high - 0.7924).abs() < 0.008, "{interval:?}");
        // Wilson, E. B. (1927): for 9 of 9 the lower end is 9 / (9 + 1.96²) = 0.7009.
        let all = bootstrap_interval(&[true; 9], 1).unwrap();
        assert!((all.low - 0.7009).abs() < 1e-4 && all.high == 1.0, "{all:?}");
        let none = bootstrap_interval(&[false; 9], 1).unwrap();
        assert!((none.high - 0.2991).abs() < 1e-4 && none.low == 0.0, "{none:?}");
        assert_eq!(bootstrap_interval(&[], 1), None);
    }

    #[test]
    fn shares_and_medians_are_computed() {
        assert_eq!((share([true, false, true, true]), share([])), (0.75, 0.0));
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[])), (Some(2.0), None));
    }

    fn any_scores() -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec((-20_i8..20).prop_map(|n| f32::from(n) / 20.0), 1..40)
    }

    proptest! {
        #[test]
        fn the_area_equals_the_count_of_all_pairs(known in any_scores(), unknown in any_scores()) {
            let half_wins = |a: &f32| unknown.iter().map(|b| if a > b { 2 } else { i32::from(a == b) }).sum::<i32>();
            let counted = f64::from(known.iter().map(half_wins).sum::<i32>()) / 2.0 / (known.len() * unknown.len()) as f64;
            let area = area_under_curve(&known, &unknown).unwrap();
            prop_assert!((area - counted).abs() < 1e-9);
            prop_assert!((area + area_under_curve(&unknown, &known).unwrap() - 1.0).abs() < 1e-9);
        }

        #[test]
        fn the_target_share_reaches_the_score_and_no_greater_one(scores in any_scores(), target in 0.0_f64..=1.0) {
            let score = score_reached_by(&scores, target).unwrap();
            prop_assert!(share(scores.iter().map(|other| *other >= score)) >= target - 1e-9);
            let above = share(scores.iter().map(|other| *other > score));
            prop_assert!(above < target || score == scores.iter().copied().fold(f32::MIN, f32::max));
        }

        #[test]
        fn the_interval_holds_the_share(hits in prop::collection::vec(any::<bool>(), 1..60), seed: u64) {
            let interval = bootstrap_interval(&hits, seed).unwrap();
            let share = share(hits.iter().copied());
            prop_assert!(0.0 <= interval.low && interval.low <= share && share <= interval.high && interval.high <= 1.0);
        }
    }
}
