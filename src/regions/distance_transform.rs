//! How far inside a mask each pixel is: the heights of the watershed.

use super::mask::Mask;

/// Length of a step to the side; a diagonal one is [`DIAGONAL`].
const STEP: u32 = 3;
const DIAGONAL: u32 = 4;

/// Distance of each pixel to the nearest one outside the mask, in thirds of a pixel (chamfer 3-4, Borgefors 1986; at most
/// 8 % wrong). What is beyond the picture counts as inside: a product that the edge cuts is not thinner for it.
pub(super) fn distances_to_outside(mask: &Mask) -> Vec<u32> {
    let (width, height) = (mask.width, mask.height);
    let far = STEP * (width + height) as u32;
    let mut distances: Vec<u32> = mask.set.iter().map(|set| if *set { far } else { 0 }).collect();
    for y in 0..height {
        for x in 0..width {
            let pixel = y * width + x;
            if distances[pixel] == 0 {
                continue;
            }
            let mut nearest = distances[pixel];
            if x > 0 {
                nearest = nearest.min(distances[pixel - 1] + STEP);
            }
            if y > 0 {
                let above = pixel - width;
                nearest = nearest.min(distances[above] + STEP);
                nearest = if x > 0 { nearest.min(distances[above - 1] + DIAGONAL) } else { nearest };
                nearest = if x + 1 < width { nearest.min(distances[above + 1] + DIAGONAL) } else { nearest };
            }
            distances[pixel] = nearest;
        }
    }
    for y in (0..height).rev() {
        for x in (0..width).rev() {
            let pixel = y * width + x;
            if distances[pixel] == 0 {
                continue;
            }
            let mut nearest = distances[pixel];
            if x + 1 < width {
                nearest = nearest.min(distances[pixel + 1] + STEP);
            }
            if y + 1 < height {
                let below = pixel + width;
                nearest = nearest.min(distances[below] + STEP);
                nearest = if x > 0 { nearest.min(distances[below - 1] + DIAGONAL) } else { nearest };
                nearest = if x + 1 < width { nearest.min(distances[below + 1] + DIAGONAL) } else { nearest };
            }
            distances[pixel] = nearest;
        }
    }
    distances
}

/// The pixels inside the mask, by counting sort.
pub(super) fn pixels_from_high_to_low(heights: &[u32]) -> Vec<u32> {
    let highest = heights.iter().copied().max().unwrap_or(0) as usize;
    let mut starts = vec![0_usize; highest + 2];
    for height in heights.iter().filter(|height| **height > 0) {
        starts[highest - *height as usize + 1] += 1;
    }
    for height in 1..starts.len() {
        starts[height] += starts[height - 1];
    }
    let mut pixels = vec![0; starts[highest.min(starts.len() - 1)]];
    for (pixel, height) in (0..).zip(heights).filter(|(_, height)| **height > 0) {
        let start = &mut starts[highest - *height as usize];
        pixels[*start] = pixel;
        *start += 1;
    }
    pixels
}
