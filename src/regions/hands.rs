//! Hands and arms: segments of the colour of skin that come in over the picture's edge. They are no products.

use super::mask_segment::MaskSegment;

/// Share of a hand's pixels that have the colour of skin.
const SKIN_SHARE_MIN: f32 = 0.5;
/// An arm is cut by the edge over its whole width: contact with the edge, relative to the square root of the area.
const CONTACT_MIN: f32 = 0.35;

pub(super) fn is_hand(segment: &MaskSegment) -> bool {
    let area = segment.area as f32;
    segment.skin_pixels as f32 >= SKIN_SHARE_MIN * area && segment.edge_pixels as f32 >= CONTACT_MIN * area.sqrt()
}

/// Skin of all tones has a hue between red and yellow (20° to 80°) and moderate chroma (8 to 45), whatever its lightness.
pub(super) fn has_skin_color([lightness, a, b]: [f32; 3]) -> bool {
    /// The tangents of the two hues: cheaper than the hue of each pixel.
    const HUE_MIN: f32 = 0.363_97;
    const HUE_MAX: f32 = 5.671_28;
    let has_hue = a > 0.0 && (HUE_MIN * a..HUE_MAX * a).contains(&b);
    has_hue && (20.0..92.0).contains(&lightness) && (8.0 * 8.0..45.0 * 45.0).contains(&(a * a + b * b))
}
