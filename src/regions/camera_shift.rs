//! Whether a frame shows the expected picture from another place: it matches better when it is shifted.
//!
//! Goods before the camera match nowhere, so they do not look like a shift; the background around them matches where it is.

use super::lab_picture::LabPicture;
use super::robust_fit::coordinate;

/// Side of a block in pixels of the reduced picture. Smaller shifts are tolerated by the comparison, or removed by opening.
const BLOCK: usize = 4;
/// Shifts that are tried, as a share of the longer side.
const SHIFT_MAX: f32 = 0.16;
/// Steps of L* that are told apart: bytes are compared many at a time.
const STEPS_PER_LIGHTNESS: f32 = 2.0;
/// A larger difference of L*, in steps, does not count more: it shows goods.
const DIFFERENCE_MAX: u8 = 20;
/// The mean difference, in steps, of a frame that may be shifted. Noise and light stay below it.
const UNSHIFTED_MIN: f32 = 2.0;
/// A shift must reduce the mean difference to this share.
const IMPROVEMENT: f32 = 0.6;

/// Whether `frame` matches `view`, which has its size, clearly better when shifted. `light_change` is what the light adds to
/// L* at x and y, each from −0.5 to 0.5.
pub(super) fn is_shifted(view: &LabPicture, frame: &LabPicture, light_change: impl Fn(f32, f32) -> f32) -> bool {
    let (width, height) = (view.width / BLOCK, view.height / BLOCK);
    if width == 0 || height == 0 {
        return false;
    }
    let (expected, frame) = (lightness_of_blocks(view, light_change), lightness_of_blocks(frame, |_, _| 0.0));
    let Some(unshifted) = mean_difference_up_to(f32::INFINITY, &expected, &frame, width, height, 0, 0) else {
        return false;
    };
    if unshifted < UNSHIFTED_MIN {
        return false;
    }
    let limit_mean = IMPROVEMENT * unshifted;
    let reach = (width.max(height) as f32 * SHIFT_MAX) as isize;
    let limit = |side: usize| reach.min(side as isize / 2);
    let (reach_x, reach_y) = (limit(width), limit(height));
    let mut shifts = (-reach_y..=reach_y).flat_map(|y| (-reach_x..=reach_x).map(move |x| (x, y)));
    shifts.any(|(x, y)| mean_difference_up_to(limit_mean, &expected, &frame, width, height, x, y).is_some())
}

/// The mean L* of each block with its change, in steps.
fn lightness_of_blocks(picture: &LabPicture, change: impl Fn(f32, f32) -> f32) -> Vec<u8> {
    let (width, height) = (picture.width / BLOCK, picture.height / BLOCK);
    let mut sums = vec![0.0; width * height];
    for (y, line) in picture.colors.chunks_exact(picture.width).take(height * BLOCK).enumerate() {
        for (sum, block) in sums[y / BLOCK * width..][..width].iter_mut().zip(line.chunks_exact(BLOCK)) {
            *sum += block.iter().map(|color| color[0]).sum::<f32>();
        }
    }
    let center = |block: usize, side: usize| coordinate(block * BLOCK + BLOCK / 2, side);
    let lightness = |(block, sum): (usize, f32)| {
        let (x, y) = (center(block % width, picture.width), center(block / width, picture.height));
        sum / (BLOCK * BLOCK) as f32 + change(x, y)
    };
    let lightness = sums.into_iter().enumerate().map(lightness);
    lightness.map(|lightness| (lightness * STEPS_PER_LIGHTNESS).round() as u8).collect()
}

/// The mean difference of the part that both have when `frame` is shifted; `None` if it is not below `limit`.
fn mean_difference_up_to(
    limit: f32,
    expected: &[u8],
    frame: &[u8],
    width: usize,
    height: usize,
    shift_x: isize,
    shift_y: isize,
) -> Option<f32> {
    let starts = |shift: isize| (shift.max(0).unsigned_abs(), (-shift).max(0).unsigned_abs());
    let ((left, frame_left), (top, frame_top)) = (starts(shift_x), starts(shift_y));
    let (columns, rows) = (width - left.max(frame_left), height - top.max(frame_top));
    let blocks = (columns * rows).max(1) as f32;
    let mut sum = 0_u32;
    for row in 0..rows {
        let expected = &expected[(top + row) * width + left..][..columns];
        let frame = &frame[(frame_top + row) * width + frame_left..][..columns];
        sum += expected.iter().zip(frame).map(|(a, b)| u32::from(a.abs_diff(*b).min(DIFFERENCE_MAX))).sum::<u32>();
        // Most shifts match much worse and are given up after a few rows.
        if sum as f32 >= limit * blocks {
            return None;
        }
    }
    Some(sum as f32 / blocks)
}
