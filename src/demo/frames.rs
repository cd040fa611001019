//! What the kiosk's camera sees: its table with products anywhere on it, one or several at once.
//!
//! Products are cut out of their rendered photos and cast a soft shadow. They lie apart from each other and from what always lies
//! on the table. The light changes from frame to frame. Equal arguments give equal frames.

use image::imageops::{FilterType, crop_imm, resize};
use image::{Rgb, RgbImage, RgbaImage};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::packages::{Package, render_cutout};
use super::table::{FIXTURES, HEIGHT, WIDTH, draw_table};
use crate::domain::Region;

/// Height of the largest and the smallest product, as a share of the frame's.
const LARGEST: f64 = 0.55;
const SMALLEST: f64 = 0.35;
/// The darkest and the brightest frame, compared with the empty view.
const LIGHT: std::ops::Range<f32> = 0.93..1.05;
/// Pixels between two things, and between a thing and the edge.
const GAP: u32 = 24;
const PLACES_TRIED: usize = 300;
const RENDERED_SIDE_PX: u32 = 480;

/// A frame and where its products are.
pub struct KioskFrame {
    pub picture: RgbImage,
    /// One for each product.
    pub places: Vec<Region>,
}

/// The table with nothing on it, as the kiosk's empty view shows it.
pub fn empty_view() -> RgbImage {
    draw_table(1.0, 0)
}

/// Puts `packages` on the table, at heights and places that `seed` chooses.
pub fn kiosk_frame(packages: &[&Package], seed: u64) -> KioskFrame {
    let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0x5eed);
    let mut picture = draw_table(rng.random_range(LIGHT), seed);
    let mut places = Vec::new();
    for (package, view) in packages.iter().zip(seed..) {
        let cutout = trim(&render_cutout(package, view, RENDERED_SIDE_PX));
        let place = find_place(&cutout, &places, &mut rng);
        let cutout = resize(&cutout, place.width, place.height, FilterType::Triangle);
        blend(&mut picture, &cutout, place);
        places.push(place);
    }
    KioskFrame { picture, places }
}

/// Chooses a size and a place for `cutout` apart from everything on the table.
fn find_place(cutout: &RgbaImage, others: &[Region], rng: &mut Pcg64Mcg) -> Region {
    let mut height_wanted = f64::from(HEIGHT) * rng.random_range(SMALLEST..LARGEST);
    loop {
        let scale = height_wanted / f64::from(cutout.height());
        let scaled = |side: u32| ((f64::from(side) * scale) as u32).max(1);
        let (width, height) = (scaled(cutout.width()), scaled(cutout.height()));
        for _ in 0..PLACES_TRIED {
            let x = rng.random_range(GAP..=WIDTH.saturating_sub(width + GAP).max(GAP));
            let y = rng.random_range(GAP..=HEIGHT.saturating_sub(height + GAP).max(GAP));
            let place = Region { x, y, width, height };
            if place.fits(WIDTH, HEIGHT) && others.iter().chain(&FIXTURES).all(|other| place.gap(*other) >= GAP) {
                return place;
            }
        }
        // The table is full: a smaller one fits.
        height_wanted *= 0.9;
    }
}

/// The part of the picture that is not transparent.
fn trim(picture: &RgbaImage) -> RgbaImage {
    let opaque = || picture.enumerate_pixels().filter(|(_, _, pixel)| pixel[3] > 127);
    let (left, right) = (opaque().map(|(x, ..)| x).min(), opaque().map(|(x, ..)| x).max());
    let (top, bottom) = (opaque().map(|(_, y, _)| y).min(), opaque().map(|(_, y, _)| y).max());
    match (left, right, top, bottom) {
        (Some(left), Some(right), Some(top), Some(bottom)) => {
            crop_imm(picture, left, top, right - left + 1, bottom - top + 1).to_image()
        }
        _ => picture.clone(),
    }
}

/// Puts a cut-out of the size of `place` there, after its shadow to the lower right.
fn blend(frame: &mut RgbImage, cutout: &RgbaImage, place: Region) {
    const SHADOW_STEPS: u32 = 8;
    for step in 1..=SHADOW_STEPS {
        for (x, y, pixel) in cutout.enumerate_pixels().filter(|(_, _, pixel)| pixel[3] > 127) {
            if let Some(below) = frame.get_pixel_mut_checked(place.x + x + step, place.y + y + step) {
                // Each step darkens a little, so the shadow ends softly.
                let shade = 1.0 - 0.02 * f32::from(pixel[3]) / 255.0;
                below.0 = below.0.map(|value| (f32::from(value) * shade) as u8);
            }
        }
    }
    for (x, y, pixel) in cutout.enumerate_pixels() {
        if let Some(below) = frame.get_pixel_mut_checked(place.x + x, place.y + y) {
            let alpha = f32::from(pixel[3]) / 255.0;
            let mix = |channel: usize| f32::from(pixel[channel]) * alpha + f32::from(below[channel]) * (1.0 - alpha);
            *below = Rgb([0, 1, 2].map(|channel| mix(channel) as u8));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packages::catalogue;
    use super::*;

    #[test]
    fn products_lie_apart_inside_the_frame_and_hide_nothing_else() {
        let packages = catalogue(3, 6);
        let packages: Vec<&Package> = packages.iter().collect();
        let (one, other) = (kiosk_frame(&packages, 4), kiosk_frame(&packages, 5));
        assert_eq!((one.places.len(), one.picture.dimensions()), (6, (WIDTH, HEIGHT)));
        assert_ne!(one.places, other.places);
        for (position, place) in one.places.iter().enumerate() {
            assert!(place.fits(WIDTH, HEIGHT), "{place:?}");
            assert!(one.places[..position].iter().chain(&FIXTURES).all(|other| place.gap(*other) >= GAP), "{place:?}");
        }
        assert_eq!(kiosk_frame(&packages, 4).picture, one.picture, "the same seed");
    }
}
