//! Hands and arms: things of the colour of skin that come in over the picture's edge. They are no products.

use super::lab_picture::LabPicture;
use super::watershed::Thing;

/// Share of a thing's pixels that have the colour of skin.
const SKIN_SHARE_MIN: f32 = 0.5;
/// An arm is cut by the edge over its whole width: contact with the edge, relative to the square root of the area.
const CONTACT_MIN: f32 = 0.35;

/// For each thing, whether it is a hand. `labels` holds the position of each pixel's thing.
pub(super) fn find_hands(things: &[Thing], labels: &[Option<usize>], picture: &LabPicture) -> Vec<bool> {
    let (mut contact, mut skin) = (vec![0_usize; things.len()], vec![0_usize; things.len()]);
    let (width, height) = (picture.width, picture.height);
    for (pixel, thing) in labels.iter().enumerate().filter_map(|(pixel, thing)| Some((pixel, (*thing)?))) {
        let (x, y) = (pixel % width, pixel / width);
        contact[thing] += usize::from(x == 0 || y == 0 || x + 1 == width || y + 1 == height);
        skin[thing] += usize::from(has_skin_color(picture.colors[pixel]));
    }
    let is_hand = |(thing, (contact, skin)): (&Thing, (usize, usize))| {
        let area = thing.area as f32;
        skin as f32 >= SKIN_SHARE_MIN * area && contact as f32 >= CONTACT_MIN * area.sqrt()
    };
    things.iter().zip(contact.into_iter().zip(skin)).map(is_hand).collect()
}

/// Skin of all tones has a hue between red and yellow and moderate chroma, whatever its lightness.
fn has_skin_color([lightness, a, b]: [f32; 3]) -> bool {
    let (chroma, hue) = (a.hypot(b), b.atan2(a).to_degrees());
    (20.0..92.0).contains(&lightness) && (8.0..45.0).contains(&chroma) && (20.0..80.0).contains(&hue)
}
