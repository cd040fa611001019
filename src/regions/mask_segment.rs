//! A segment of a mask, with its box and what tells hands and parts from products.

use super::hands::has_skin_color;
use super::lab_picture::LabPicture;

/// A part of the mask that shows one product, as far as the outline tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MaskSegment {
    pub(super) left: usize,
    pub(super) top: usize,
    /// Exclusive.
    pub(super) right: usize,
    /// Exclusive.
    pub(super) bottom: usize,
    pub(super) area: usize,
    /// Pixels at the picture's edge.
    pub(super) edge_pixels: usize,
    /// Pixels of the colour of skin.
    pub(super) skin_pixels: usize,
    /// It may show several products that touch.
    pub(super) may_be_several: bool,
}

impl MaskSegment {
    /// The segment of one pixel.
    pub(super) fn from_pixel(pixel: usize, picture: &LabPicture) -> Self {
        let (x, y) = (pixel % picture.width, pixel / picture.width);
        let is_at_edge = x == 0 || y == 0 || x + 1 == picture.width || y + 1 == picture.height;
        Self {
            left: x,
            top: y,
            right: x + 1,
            bottom: y + 1,
            area: 1,
            edge_pixels: usize::from(is_at_edge),
            skin_pixels: usize::from(has_skin_color(picture.colors[pixel])),
            may_be_several: false,
        }
    }

    /// Share of `other`'s box that is inside this one's.
    pub(super) fn share_inside(&self, other: &Self) -> f32 {
        let overlap = |start: usize, end: usize, other_start: usize, other_end: usize| {
            end.min(other_end).saturating_sub(start.max(other_start))
        };
        let inside = overlap(self.left, self.right, other.left, other.right)
            * overlap(self.top, self.bottom, other.top, other.bottom);
        inside as f32 / ((other.right - other.left) * (other.bottom - other.top)) as f32
    }

    /// Pixels between the two boxes, to the side or up and down, whichever are more; 0 if they touch or overlap.
    pub(super) fn gap(&self, other: &Self) -> usize {
        let between = |start: usize, end: usize, other_start: usize, other_end: usize| {
            start.saturating_sub(other_end).max(other_start.saturating_sub(end))
        };
        between(self.left, self.right, other.left, other.right).max(between(
            self.top,
            self.bottom,
            other.top,
            other.bottom,
        ))
    }

    pub(super) fn longer_side(&self) -> usize {
        (self.right - self.left).max(self.bottom - self.top)
    }

    /// Share of the box that the segment covers.
    pub(super) fn fill(&self) -> f32 {
        self.area as f32 / ((self.right - self.left) * (self.bottom - self.top)) as f32
    }

    /// Both as one.
    pub(super) fn join(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
            area: self.area + other.area,
            edge_pixels: self.edge_pixels + other.edge_pixels,
            skin_pixels: self.skin_pixels + other.skin_pixels,
            may_be_several: self.may_be_several || other.may_be_several,
        }
    }
}
