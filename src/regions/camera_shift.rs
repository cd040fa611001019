//! Whether a frame shows the expected picture from another place: it matches better when it is shifted.
//!
//! Goods before the camera match nowhere, so they do not look like a shift; the background around them matches where it is.

use super::lab_picture::LabPicture;

/// Pixels of the reduced picture that are one here: shifts of fewer are opened away or tolerated later.
const BLOCK: usize = 4;
/// Shifts that are tried, as a share of the longer side.
const SHIFT_MAX: f32 = 0.16;
/// Steps of L* that are told apart: bytes are compared many at a time.
const STEPS_PER_LIGHTNESS: f32 = 2.0;
/// A larger difference of L*, in steps, does not count more: it is a thing.
const DIFFERENCE_MAX: u8 = 20;
/// The mean difference, in steps, of a frame that may be shifted. Noise and light stay below it.
const UNSHIFTED_MIN: f32 = 2.0;
/// A shift must reduce the mean difference to this share.
const IMPROVEMENT: f32 = 0.6;

/// Whether `frame` matches `expected`, which has its size, clearly better when shifted.
pub(super) fn is_shifted(expected: &LabPicture, frame: &LabPicture) -> bool {
    let (width, height) = (expected.width / BLOCK, expected.height / BLOCK);
    if width == 0 || height == 0 {
        return false;
    }
    let (expected, frame) = (lightness_of_blocks(expected), lightness_of_blocks(frame));
    let at_shift = |shift_x: isize, shift_y: isize| mean_difference(&expected, &frame, width, height, shift_x, shift_y);
    let unshifted = at_shift(0, 0);
    if unshifted < UNSHIFTED_MIN {
        return false;
    }
    let reach = (width.max(height) as f32 * SHIFT_MAX) as isize;
    let limit = |side: usize| reach.min(side as isize / 2);
    let (reach_x, reach_y) = (limit(width), limit(height));
    let shifts = (-reach_y..=reach_y).flat_map(|y| (-reach_x..=reach_x).map(move |x| (x, y)));
    shifts.map(|(x, y)| at_shift(x, y)).fold(unshifted, f32::min) < IMPROVEMENT * unshifted
}

/// The mean L* of each block, in steps.
fn lightness_of_blocks(picture: &LabPicture) -> Vec<u8> {
    let (width, height) = (picture.width / BLOCK, picture.height / BLOCK);
    let mut sums = vec![0.0; width * height];
    for (y, line) in picture.colors.chunks_exact(picture.width).take(height * BLOCK).enumerate() {
        for (sum, block) in sums[y / BLOCK * width..][..width].iter_mut().zip(line.chunks_exact(BLOCK)) {
            *sum += block.iter().map(|color| color[0]).sum::<f32>() / (BLOCK * BLOCK) as f32;
        }
    }
    sums.into_iter().map(|lightness: f32| (lightness * STEPS_PER_LIGHTNESS).round() as u8).collect()
}

/// Over the part that both have when `frame` is shifted.
fn mean_difference(expected: &[u8], frame: &[u8], width: usize, height: usize, shift_x: isize, shift_y: isize) -> f32 {
    let starts = |shift: isize| (shift.max(0).unsigned_abs(), (-shift).max(0).unsigned_abs());
    let ((left, frame_left), (top, frame_top)) = (starts(shift_x), starts(shift_y));
    let (columns, rows) = (width - left.max(frame_left), height - top.max(frame_top));
    let mut sum = 0_u32;
    for row in 0..rows {
        let expected = &expected[(top + row) * width + left..][..columns];
        let frame = &frame[(frame_top + row) * width + frame_left..][..columns];
        sum += expected.iter().zip(frame).map(|(a, b)| u32::from(a.abs_diff(*b).min(DIFFERENCE_MAX))).sum::<u32>();
    }
    sum as f32 / (columns * rows).max(1) as f32
}
