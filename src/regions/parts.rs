//! Joins segments that are parts of one product: a label inside a package, a cap above a bottle, the stem of an apple.

use super::mask_segment::MaskSegment;

/// A segment with this share of its box inside another one's box …
const ENCLOSED_SHARE: f32 = 0.6;
/// … and at most this share of its area is a part of it.
const ENCLOSED_AREA_MAX: f32 = 0.25;
/// A segment of at most this share of another one's area, …
const NEIGHBOR_AREA_MAX: f32 = 0.08;
/// … at most this far from its box, as a share of that box's longer side, is a part of it.
const NEIGHBOR_GAP_MAX: f32 = 0.04;

/// Joins parts to what they are parts of.
pub(super) fn join_parts(segments: &mut Vec<MaskSegment>) {
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.area));
    let mut whole = 0;
    while whole < segments.len() {
        let part = (whole + 1..segments.len()).find(|part| is_part(&segments[*part], &segments[whole]));
        match part {
            Some(part) => {
                let part = segments.remove(part);
                segments[whole] = segments[whole].join(&part);
            }
            None => whole += 1,
        }
    }
}

fn is_part(part: &MaskSegment, whole: &MaskSegment) -> bool {
    let (area, whole_area) = (part.area as f32, whole.area as f32);
    let is_enclosed = whole.share_inside(part) >= ENCLOSED_SHARE && area <= ENCLOSED_AREA_MAX * whole_area;
    let is_near = whole.gap(part) as f32 <= NEIGHBOR_GAP_MAX * whole.longer_side() as f32;
    is_enclosed || (is_near && area <= NEIGHBOR_AREA_MAX * whole_area)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(left: usize, top: usize, right: usize, bottom: usize) -> MaskSegment {
        let area = (right - left) * (bottom - top);
        MaskSegment { left, top, right, bottom, area, edge_pixels: 0, skin_pixels: 0, may_be_several: false }
    }

    fn joined(mut segments: Vec<MaskSegment>) -> usize {
        join_parts(&mut segments);
        segments.len()
    }

    #[test]
    fn a_label_and_a_cap_belong_to_their_package_and_a_neighbour_does_not() {
        let bottle = segment(40, 20, 80, 120);
        assert_eq!(joined(vec![segment(50, 50, 60, 60), bottle]), 1, "a label");
        assert_eq!(joined(vec![segment(52, 6, 68, 18), bottle]), 1, "a cap");
        assert_eq!(joined(vec![segment(85, 20, 125, 120), bottle]), 2, "a bottle beside it");
        assert_eq!(joined(vec![segment(100, 6, 110, 16), bottle]), 2, "something small, away from it");
    }
}
