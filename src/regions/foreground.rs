//! From differences to the background to a mask of what stands out.
//!
//! There are three thresholds. What is above the highest one (Otsu's, within bounds) stands out. What is above the middle one and
//! nowhere above the highest stands out too: a dark product beside a vivid one, which raises Otsu's threshold. A white carton
//! on a white table is only above the lowest one, but so is a soft shadow. Such a part counts only if it surrounds something
//! that stands out and is much larger than that.

use super::lab_picture::LabPicture;
use super::mask::{Mask, otsu_threshold};

/// Noise of the background, in spreads of its border.
const NOISE_SPREADS: f32 = 4.0;
/// Bounds of the highest threshold in L*a*b*.
const STRONG_MIN: f32 = 6.0;
const STRONG_MAX: f32 = 30.0;
/// With much noise, the highest threshold is at least so high.
const STRONG_MIN_NOISY: f32 = 12.0;
/// The middle threshold: above what a shadow of [`SHADOW_MAX`] counts.
const MIDDLE: f32 = 15.0;
/// What is only above the middle one is a product if its area is at least this share of all that stands out for sure; the
/// print on a pale carton is smaller.
const MIDDLE_AREA_MIN: f32 = 0.25;
/// Bounds of the lowest threshold.
const WEAK_MIN: f32 = 2.0;
const WEAK_MAX: f32 = 10.0;
/// A part of which at most this share stands out for sure is a pale product with print on it.
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
    mask = mask.close(1).open(2);
    mask.fill_holes();
    let mut weak = mask_above(noise.clamp(WEAK_MIN, WEAK_MAX)).close(1).open(2);
    weak.fill_holes();
    mask.add_components(&weak, |strong, area| strong > 0 && strong as f32 <= PALE_SHARE * area as f32);
    // After the pale parts, or a part of a pale product would count as another one.
    let middle_area_min = MIDDLE_AREA_MIN * mask.count() as f32;
    mask.add_components(&mask_above(MIDDLE).close(1).open(2), |strong, area| {
        strong == 0 && area as f32 >= middle_area_min
    });
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

    /// The mask of a picture whose pixels have no colour and differ from the background by a rectangle each: left edge, width
    /// and difference.
    fn mask_of(rectangles: &[(usize, usize, [f32; 3])]) -> Mask {
        let (width, height) = (160, 60);
        let mut differences = vec![[0.0; 3]; width * height];
        for (left, rectangle_width, difference) in rectangles {
            for line in differences.chunks_exact_mut(width).skip(15).take(30) {
                line[*left..left + rectangle_width].fill(*difference);
            }
        }
        let picture = LabPicture { width, height, colors: vec![[50.0, 0.0, 0.0]; width * height] };
        mask_from_differences(&picture, &differences, 0.5)
    }

    #[test]
    fn a_dark_product_beside_a_vivid_one_stands_out_and_a_shadow_and_small_print_do_not() {
        let (vivid, dark, shadow) = ([-10.0, 60.0, 50.0], [-40.0, 1.0, 0.0], [-25.0, 1.0, 0.0]);
        let area = |rectangles: &[(usize, usize, [f32; 3])]| mask_of(rectangles).count();
        assert_eq!(area(&[(10, 40, vivid), (80, 30, dark)]), 70 * 30);
        assert_eq!(area(&[(10, 40, vivid), (80, 30, shadow)]), 40 * 30);
        assert_eq!(area(&[(10, 80, vivid), (110, 6, dark)]), 80 * 30);
    }

    #[test]
    fn a_shadow_counts_less_than_the_same_difference_in_light_or_colour() {
        assert!(visible_difference([-20.0, 0.0, 0.0]) < 6.0);
        assert!(visible_difference([20.0, 0.0, 0.0]) > 19.0 && visible_difference([-5.0, 20.0, 0.0]) > 19.0);
        assert!(visible_difference([-60.0, 0.0, 0.0]) > 40.0, "no shadow is that dark");
    }
}
