//! Whether a frame shows the expected picture from another place: it, or parts of it, match better when they are shifted.
//!
//! Goods before the camera match nowhere, so they do not look like a shift; the background around them matches where it is. A camera
//! that was turned or zoomed shifts each part of the picture in another direction, so parts are compared as well.

use super::lab_picture::LabPicture;
use super::robust_fit::coordinate;

/// Side of a block in pixels of the reduced picture. Smaller shifts are tolerated by the comparison, or removed by opening.
const BLOCK: usize = 4;
/// Shifts of the whole picture that are tried, as a share of the longer side.
const SHIFT_MAX: f32 = 0.16;
/// Shifts of a part.
const PART_SHIFT_MAX: f32 = 0.125;
/// Steps of L* that are told apart: bytes are compared many at a time.
const STEPS_PER_LIGHTNESS: f32 = 2.0;
/// A larger difference of L*, in steps, does not count more: it shows goods.
const DIFFERENCE_MAX: u8 = 20;
/// The mean difference, in steps, of a picture or part that may be shifted. Noise and light stay below it.
const UNSHIFTED_MIN: f32 = 2.0;
/// A shift must reduce the mean difference of the picture to this share …
const IMPROVEMENT: f32 = 0.6;
/// … and that of a part to this one.
const PART_IMPROVEMENT: f32 = 0.7;
/// The picture is divided into so many columns and rows of parts.
const PARTS: (usize, usize) = (4, 3);
/// At least this share of a part must be in the picture when it is shifted.
const PART_OVERLAP_MIN: f32 = 0.75;
/// So many parts must be shifted. In 128 drawn frames with up to eight goods in other light, none was; of a camera that is turned by
/// 2° or zoomed by 5 %, two or more are.
const SHIFTED_PARTS_MIN: usize = 2;

/// Whether `frame` matches `view`, which has its size, clearly better when it or parts of it are shifted. `light_change` is what
/// the light adds to L* at x and y, each from −0.5 to 0.5.
pub(super) fn is_shifted(view: &LabPicture, frame: &LabPicture, light_change: impl Fn(f32, f32) -> f32) -> bool {
    let (expected, frame) = (Blocks::new(view, light_change), Blocks::new(frame, |_, _| 0.0));
    expected.width > 0 && expected.height > 0 && (is_moved(&expected, &frame) || has_shifted_parts(&expected, &frame))
}

fn is_moved(expected: &Blocks, frame: &Blocks) -> bool {
    let picture = Part { left: 0, top: 0, width: frame.width, height: frame.height };
    let unshifted = mean_difference(expected, frame, picture, (0, 0), f32::INFINITY);
    let reach = (frame.width.max(frame.height) as f32 * SHIFT_MAX) as usize;
    unshifted.filter(|unshifted| *unshifted >= UNSHIFTED_MIN).is_some_and(|unshifted| {
        let mut shifts = shifts_up_to(reach.min(frame.width / 2), reach.min(frame.height / 2));
        shifts.any(|shift| {
            let overlap = picture.clipped(shift, frame);
            mean_difference(expected, frame, overlap, shift, IMPROVEMENT * unshifted).is_some()
        })
    })
}

fn has_shifted_parts(expected: &Blocks, frame: &Blocks) -> bool {
    let (columns, rows) = PARTS;
    let (width, height) = (frame.width / columns, frame.height / rows);
    if width == 0 || height == 0 {
        return false;
    }
    let part = |part: usize| Part { left: part % columns * width, top: part / columns * height, width, height };
    let shifted = (0..columns * rows).map(part).filter(|part| is_part_shifted(expected, frame, *part));
    shifted.take(SHIFTED_PARTS_MIN).count() == SHIFTED_PARTS_MIN
}

fn is_part_shifted(expected: &Blocks, frame: &Blocks, part: Part) -> bool {
    let unshifted = |part: Part| {
        let difference = mean_difference(expected, frame, part, (0, 0), f32::INFINITY);
        difference.filter(|difference| *difference >= UNSHIFTED_MIN)
    };
    let Some(unshifted_part) = unshifted(part) else { return false };
    let reach = (frame.width.max(frame.height) as f32 * PART_SHIFT_MAX) as usize;
    shifts_up_to(reach, reach).any(|shift| {
        // A camera that zooms out shows more at the edges than is expected there. What is not compared may be goods, so the rest is
        // compared with itself.
        let overlap = part.clipped(shift, frame);
        let unshifted = match overlap.blocks() {
            blocks if blocks == part.blocks() => Some(unshifted_part),
            blocks if blocks as f32 >= PART_OVERLAP_MIN * part.blocks() as f32 => unshifted(overlap),
            _ => None,
        };
        unshifted.is_some_and(|unshifted| {
            mean_difference(expected, frame, overlap, shift, PART_IMPROVEMENT * unshifted).is_some()
        })
    })
}

fn shifts_up_to(reach_x: usize, reach_y: usize) -> impl Iterator<Item = (isize, isize)> {
    let (reach_x, reach_y) = (reach_x as isize, reach_y as isize);
    (-reach_y..=reach_y).flat_map(move |y| (-reach_x..=reach_x).map(move |x| (x, y)))
}

/// The mean L* of each block, in steps.
struct Blocks {
    width: usize,
    height: usize,
    lightness: Vec<u8>,
}

impl Blocks {
    /// `change` is added to L*.
    fn new(picture: &LabPicture, change: impl Fn(f32, f32) -> f32) -> Self {
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
        let lightness = lightness.map(|lightness| (lightness * STEPS_PER_LIGHTNESS).round() as u8).collect();
        Self { width, height, lightness }
    }

    fn row(&self, left: usize, top: usize, width: usize) -> &[u8] {
        &self.lightness[top * self.width + left..][..width]
    }
}

/// A part of the frame, in blocks.
#[derive(Debug, Clone, Copy)]
struct Part {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Part {
    /// Without what `shift` moves out of the picture.
    fn clipped(self, (shift_x, shift_y): (isize, isize), picture: &Blocks) -> Self {
        let clip = |start: usize, length: usize, shift: isize, side: usize| {
            let first = start.max(shift.min(0).unsigned_abs());
            let end = (start + length).min(side.saturating_sub(shift.max(0).unsigned_abs()));
            (first, end.saturating_sub(first))
        };
        let (left, width) = clip(self.left, self.width, shift_x, picture.width);
        let (top, height) = clip(self.top, self.height, shift_y, picture.height);
        Self { left, top, width, height }
    }

    fn blocks(self) -> usize {
        self.width * self.height
    }
}

/// The mean difference of a part of `frame` to the part of `expected` that lies `shift` from it, which is whole in the picture;
/// `None` if it is not below `limit`.
fn mean_difference(expected: &Blocks, frame: &Blocks, part: Part, shift: (isize, isize), limit: f32) -> Option<f32> {
    let (left, top) = (part.left.checked_add_signed(shift.0)?, part.top.checked_add_signed(shift.1)?);
    let blocks = part.blocks().max(1) as f32;
    let mut sum = 0_u32;
    for row in 0..part.height {
        let expected = expected.row(left, top + row, part.width);
        let frame = frame.row(part.left, part.top + row, part.width);
        sum += expected.iter().zip(frame).map(|(a, b)| u32::from(a.abs_diff(*b).min(DIFFERENCE_MAX))).sum::<u32>();
        // Most shifts match much worse and are given up after a few rows.
        if sum as f32 >= limit * blocks {
            return None;
        }
    }
    Some(sum as f32 / blocks)
}
