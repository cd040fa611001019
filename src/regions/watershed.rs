//! Splits a mask into segments, one per product: connected components, and components split where two products touch.
//!
//! The distance of each pixel to the outside is a height. A watershed from the peaks down (Vincent and Soille 1991) meets
//! where two products touch; the lower the saddle between two peaks, the likelier these are two products.

use super::distance_transform::{distances_to_outside, pixels_from_high_to_low};
use super::lab_picture::LabPicture;
use super::mask::Mask;
use super::mask_segment::MaskSegment;

/// Two peaks are two segments if the saddle between them is below this share of the lower peak.
const SADDLE_MAX: f32 = 0.55;
/// The same, where the two differ in colour.
const SADDLE_MAX_BETWEEN_COLORS: f32 = 0.85;
/// A saddle below this but not below [`SADDLE_MAX`] may be either.
const SADDLE_MAX_IN_DOUBT: f32 = 0.7;
/// Difference in L*a*b* of two basins' mean colours from which on they differ in colour.
const COLOR_DIFFERENCE_MIN: f32 = 18.0;
/// A basin below this share of the other one's area belongs to it, as a cap to a bottle or a stem to an apple.
const PART_AREA_MAX: f32 = 0.08;
/// Two basins that fill their common box like this are one package of two colours.
const RECTANGLE_FILL_MIN: f32 = 0.8;
/// Area of the smaller basin, as a share of the larger one's, from which a saddle in doubt counts.
const SIMILAR_AREA_MIN: f32 = 0.4;

/// A basin of the watershed.
#[derive(Debug, Clone)]
struct Basin {
    peak: u32,
    segment: MaskSegment,
    color_sum: [f64; 3],
}

/// The segments of `mask` with at least `area_min` pixels, the widest first.
pub(super) fn segment_mask(mask: &Mask, picture: &LabPicture, area_min: usize) -> Vec<MaskSegment> {
    let heights = distances_to_outside(mask);
    let mut watershed = Watershed { basins: Vec::new(), parents: Vec::new(), labels: vec![NONE; heights.len()] };
    for pixel in pixels_from_high_to_low(&heights) {
        watershed.add_pixel(pixel as usize, &heights, picture, area_min);
    }
    watershed.into_segments(area_min)
}

const NONE: u32 = u32::MAX;

struct Watershed {
    basins: Vec<Basin>,
    /// Union-find: a basin that was joined to another one points to it.
    parents: Vec<u32>,
    labels: Vec<u32>,
}

impl Watershed {
    fn root(&mut self, mut basin: u32) -> u32 {
        while self.parents[basin as usize] != basin {
            let next = self.parents[self.parents[basin as usize] as usize];
            self.parents[basin as usize] = next;
            basin = next;
        }
        basin
    }

    /// Adds the next lower pixel to a neighbour's basin, joining basins that are one segment; or begins a basin.
    fn add_pixel(&mut self, pixel: usize, heights: &[u32], picture: &LabPicture, area_min: usize) {
        let (width, height) = (picture.width, picture.height);
        let (x, y) = (pixel % width, pixel / width);
        let mut own = NONE;
        for near_y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
            for near_x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                let label = self.labels[near_y * width + near_x];
                if label == NONE {
                    continue;
                }
                let near = self.root(label);
                own = match own {
                    NONE => near,
                    own if own == near => own,
                    own => self.join_or_keep(own, near, heights[pixel], area_min),
                };
            }
        }
        if own == NONE {
            own = self.basins.len() as u32;
            self.parents.push(own);
            let color_sum = picture.colors[pixel].map(f64::from);
            self.basins.push(Basin {
                peak: heights[pixel],
                segment: MaskSegment::from_pixel(pixel, picture),
                color_sum,
            });
            self.labels[pixel] = own;
            return;
        }
        self.labels[pixel] = own;
        let basin = &mut self.basins[own as usize];
        basin.segment = basin.segment.join(&MaskSegment::from_pixel(pixel, picture));
        for (sum, value) in basin.color_sum.iter_mut().zip(picture.colors[pixel]) {
            *sum += f64::from(value);
        }
    }

    /// Two basins meet at a saddle of this height: joins them, unless they are two segments. Returns the higher one.
    fn join_or_keep(&mut self, one: u32, other: u32, saddle: u32, area_min: usize) -> u32 {
        let is_higher = self.basins[one as usize].peak >= self.basins[other as usize].peak;
        let (high, low) = if is_higher { (one, other) } else { (other, one) };
        let (higher, lower) = (&self.basins[high as usize], self.basins[low as usize].clone());
        let (joined, areas) = (higher.segment.join(&lower.segment), [higher.segment.area, lower.segment.area]);
        let (larger, smaller) = (areas[0].max(areas[1]) as f32, areas[0].min(areas[1]));
        let relative_saddle = saddle as f32 / lower.peak as f32;
        let differ_in_color =
            color_distance(higher, &lower) > COLOR_DIFFERENCE_MIN && joined.fill() < RECTANGLE_FILL_MIN;
        let saddle_max = if differ_in_color { SADDLE_MAX_BETWEEN_COLORS } else { SADDLE_MAX };
        let is_large = smaller >= area_min && smaller as f32 >= PART_AREA_MAX * larger;
        if is_large && relative_saddle < saddle_max {
            return high;
        }
        let in_doubt = is_large && relative_saddle < SADDLE_MAX_IN_DOUBT && smaller as f32 >= SIMILAR_AREA_MIN * larger;
        let color_sum = std::array::from_fn(|channel| higher.color_sum[channel] + lower.color_sum[channel]);
        let may_be_several = in_doubt || joined.may_be_several;
        let peak = higher.peak;
        self.basins[high as usize] = Basin { peak, segment: MaskSegment { may_be_several, ..joined }, color_sum };
        self.parents[low as usize] = high;
        high
    }

    fn into_segments(self, area_min: usize) -> Vec<MaskSegment> {
        let roots = self.basins.iter().zip(self.parents).zip(0..).filter(|((_, parent), own)| parent == own);
        let segments = roots.map(|((basin, _), _)| basin.segment);
        segments.filter(|segment| segment.area >= area_min).collect()
    }
}

fn color_distance(one: &Basin, other: &Basin) -> f32 {
    let mean = |basin: &Basin| basin.color_sum.map(|sum| sum / basin.segment.area as f64);
    let squares = mean(one).into_iter().zip(mean(other)).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f64>().sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 120;

    /// Discs of (x, y, radius, colour) on nothing.
    fn segments(discs: &[(f32, f32, f32, [f32; 3])]) -> Vec<MaskSegment> {
        let (mut set, mut colors) = (vec![false; WIDTH * 60], vec![[50.0, 0.0, 0.0]; WIDTH * 60]);
        for (pixel, (set, color)) in set.iter_mut().zip(&mut colors).enumerate() {
            let (x, y) = ((pixel % WIDTH) as f32, (pixel / WIDTH) as f32);
            for (center_x, center_y, radius, disc_color) in discs {
                if (x - center_x).hypot(y - center_y) <= *radius {
                    (*set, *color) = (true, *disc_color);
                }
            }
        }
        let mask = Mask { width: WIDTH, height: 60, set };
        let picture = LabPicture { width: WIDTH, height: 60, colors };
        segment_mask(&mask, &picture, 30)
    }

    const RED: [f32; 3] = [50.0, 60.0, 40.0];
    const GREEN: [f32; 3] = [60.0, -50.0, 40.0];

    #[test]
    fn separate_segments_are_found_with_their_boxes_and_specks_are_not() {
        let found = segments(&[(20.0, 20.0, 10.0, RED), (80.0, 30.0, 15.0, RED), (50.0, 50.0, 2.0, RED)]);
        let boxes: Vec<_> = found.iter().map(|found| (found.left, found.top, found.right, found.bottom)).collect();
        assert_eq!(boxes, [(65, 15, 96, 46), (10, 10, 31, 31)]);
    }

    #[test]
    fn discs_that_touch_are_two_and_discs_that_overlap_deeply_are_one() {
        assert_eq!(segments(&[(30.0, 30.0, 14.0, RED), (56.0, 30.0, 14.0, RED)]).len(), 2);
        let overlapping = segments(&[(30.0, 30.0, 14.0, RED), (46.0, 30.0, 14.0, RED)]);
        assert_eq!(overlapping.len(), 1);
    }

    #[test]
    fn other_colours_separate_sooner_and_a_saddle_in_doubt_is_told() {
        let one_color = segments(&[(30.0, 30.0, 14.0, RED), (52.0, 30.0, 14.0, RED)]);
        assert_eq!(one_color.len(), 1);
        assert!(one_color[0].may_be_several);
        assert_eq!(segments(&[(30.0, 30.0, 14.0, RED), (52.0, 30.0, 14.0, GREEN)]).len(), 2);
    }

    #[test]
    fn an_empty_mask_has_no_segments() {
        assert!(segments(&[]).is_empty());
    }
}
