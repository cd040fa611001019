//! A part of a picture.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A rectangle, in pixels of the upright picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    pub width: u32,
    pub height: u32,
}

impl Region {
    /// All of a picture of this size.
    pub fn whole(width: u32, height: u32) -> Self {
        Self { x: 0, y: 0, width, height }
    }

    /// The smallest region that has both inside.
    pub fn join(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let (right, bottom) =
            ((self.x + self.width).max(other.x + other.width), (self.y + self.height).max(other.y + other.height));
        Self { x, y, width: right - x, height: bottom - y }
    }

    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The area of both over the area of either: 1 for the same region, 0 for two that do not overlap.
    pub fn intersection_over_union(self, other: Self) -> f64 {
        let overlap = |start: u32, length: u32, other_start: u32, other_length: u32| {
            u64::from((start + length).min(other_start + other_length).saturating_sub(start.max(other_start)))
        };
        let both =
            overlap(self.x, self.width, other.x, other.width) * overlap(self.y, self.height, other.y, other.height);
        both as f64 / (self.area() + other.area() - both) as f64
    }

    /// Pixels between two regions, to the side or up and down, whichever are more; 0 if they touch or overlap.
    pub fn gap(self, other: Self) -> u32 {
        let between = |start: u32, length: u32, other_start: u32, other_length: u32| {
            start.saturating_sub(other_start + other_length).max(other_start.saturating_sub(start + length))
        };
        between(self.x, self.width, other.x, other.width).max(between(self.y, self.height, other.y, other.height))
    }

    /// Whether it has an area and is inside a picture of `width` × `height` pixels.
    pub fn fits(self, width: u32, height: u32) -> bool {
        let inside =
            |start: u32, length: u32, side: u32| length > 0 && start.checked_add(length).is_some_and(|end| end <= side);
        inside(self.x, self.width, width) && inside(self.y, self.height, height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlap_is_shared_pixels_by_all_pixels() {
        let region = |x, width| Region { x, y: 10, width, height: 40 };
        assert_eq!(region(0, 30).intersection_over_union(region(0, 30)), 1.0);
        assert_eq!(region(0, 30).intersection_over_union(region(10, 30)), 0.5);
        assert_eq!(region(0, 30).intersection_over_union(region(30, 30)), 0.0);
    }

    #[test]
    fn a_region_must_have_an_area_inside_the_picture() {
        assert!(Region::whole(4, 3).fits(4, 3));
        for (x, width) in [(0, 5), (1, 4), (0, 0), (u32::MAX, 2)] {
            assert!(!Region { x, y: 0, width, height: 1 }.fits(4, 3), "{x} {width}");
        }
    }
}
