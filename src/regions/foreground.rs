//! From differences to the background to a mask of what stands out.
//!
//! Two thresholds. Above the higher one (Otsu's, within bounds) something stands out for sure. Above the lower one is also
//! what a white carton on a white table differs by, and a soft shadow; it counts only where it surrounds things that stand
//! out and is much larger than they are.

use super::lab_picture::LabPicture;
use super::mask::{Mask, otsu_threshold};

/// Noise of the background, in spreads of its border.
const NOISE_SPREADS: f32 = 4.0;
/// Bounds of the higher threshold in L*a*b*.
const STRONG_MIN: f32 = 6.0;
const STRONG_MAX: f32 = 30.0;
/// With much noise, the higher threshold is at least so high.
const STRONG_MIN_NOISY: f32 = 12.0;
/// Bounds of the lower threshold.
const WEAK_MIN: f32 = 2.0;
const WEAK_MAX: f32 = 10.0;
/// A part of which at most this share stands out for sure is a pale thing with print on it.
const PALE_SHARE: f32 = 0.75;
/// A darkening of up to so much of L* without another colour is mostly a shadow …
const SHADOW_MAX: f32 = 25.0;
/// … and counts by this factor.
const SHADOW_FACTOR: f32 = 0.25;

/// What of `picture` stands out, given each pixel's difference to the background and the background's `spread`.
pub(super) fn mask_from_differences(picture: &LabPicture, differences: &[[f32; 3]], spread: f32) -> Mask {
    let differences: Vec<f32> = differences.iter().copied().map(visible_difference).collect();
    let mask_above = |threshold: f32| Mask {
        width: picture.width,
        height: picture.height,
        set: differences.iter().map(|difference| *difference > threshold).collect(),
    };
    let noise = NOISE_SPREADS * spread;
    let otsu = otsu_threshold(&differences, 100.0);
    let mut mask = mask_above(otsu.clamp(noise.clamp(STRONG_MIN, STRONG_MIN_NOISY), STRONG_MAX));
    let weak = mask_above(noise.clamp(WEAK_MIN, WEAK_MAX)).close(1).open(2);
    mask = mask.close(1).open(2);
    mask.fill_holes();
    mask.fill_pale_parts(weak, PALE_SHARE);
    mask
}

/// The length of a difference in L*a*b*; a darkening without another colour counts less.
fn visible_difference([lightness, a, b]: [f32; 3]) -> f32 {
    let lightness = if lightness < 0.0 {
        let shadow = (-lightness).min(SHADOW_MAX);
        -lightness - shadow + shadow * SHADOW_FACTOR
    } else {
        lightness
    };
    (lightness * lightness + a * a + b * b).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shadow_counts_less_than_the_same_difference_in_light_or_colour() {
        assert!(visible_difference([-20.0, 0.0, 0.0]) < 6.0);
        assert!(visible_difference([20.0, 0.0, 0.0]) > 19.0 && visible_difference([-5.0, 20.0, 0.0]) > 19.0);
        assert!(visible_difference([-60.0, 0.0, 0.0]) > 40.0, "no shadow is that dark");
    }
}
