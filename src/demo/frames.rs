//! What the kiosk's camera sees: a table with one or several products on it, each somewhere.
//!
//! The table is lit from one side and has the noise of a camera. Products are cut out of their rendered photos and cast a soft
//! shadow. Equal arguments give equal frames.

use image::imageops::{FilterType, crop_imm, resize};
use image::{Rgb, RgbImage, RgbaImage};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::packages::{Package, render_cutout};

/// A kiosk camera's 720p.
const WIDTH: u32 = 1_280;
const HEIGHT: u32 = 720;
/// Height of the largest and the smallest product, as a share of the frame's.
const LARGEST: f64 = 0.62;
const SMALLEST: f64 = 0.48;
const RENDERED_SIDE_PX: u32 = 480;

/// A frame and where its products are.
pub(super) struct KioskFrame {
    pub(super) picture: RgbImage,
    /// Left, top, width and height in pixels, one for each product.
    pub(super) places: Vec<[u32; 4]>,
}

/// The table with nothing on it.
pub(super) fn empty_table(seed: u64) -> RgbImage {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let light = 214.0 - 26.0 * x as f32 / WIDTH as f32 - 10.0 * y as f32 / HEIGHT as f32;
        let noise: f32 = rng.random_range(-3.0..3.0);
        Rgb([1.0, 0.985, 0.95].map(|tint| (light * tint + noise) as u8))
    })
}

/// Puts `packages` on the table, side by side, at heights and places that `seed` chooses.
pub(super) fn kiosk_frame(packages: &[&Package], seed: u64) -> KioskFrame {
    let mut rng = Pcg64Mcg::seed_from_u64(seed ^ 0x5eed);
    let mut picture = empty_table(seed);
    let column = WIDTH / packages.len().max(1) as u32;
    let mut places = Vec::new();
    for (index, package) in packages.iter().enumerate() {
        let cutout = trim(&render_cutout(package, seed + index as u64, RENDERED_SIDE_PX));
        let height_wanted = f64::from(HEIGHT) * rng.random_range(SMALLEST..LARGEST);
        // A wide thing must stay in its column.
        let scale =
            (height_wanted / f64::from(cutout.height())).min(f64::from(column) * 0.8 / f64::from(cutout.width()));
        let scaled = |side: u32| ((f64::from(side) * scale) as u32).max(1);
        let cutout = resize(&cutout, scaled(cutout.width()), scaled(cutout.height()), FilterType::Triangle);
        let (width, height) = cutout.dimensions();
        let left = index as u32 * column + rng.random_range(0..=(column - width).saturating_sub(1));
        let top = rng.random_range(20..=HEIGHT.saturating_sub(height + 20).max(20));
        blend(&mut picture, &cutout, left, top);
        places.push([left, top, width, height]);
    }
    KioskFrame { picture, places }
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

/// Puts a cut-out into the frame, after its shadow to the lower right.
fn blend(frame: &mut RgbImage, cutout: &RgbaImage, left: u32, top: u32) {
    const SHADOW_STEPS: u32 = 8;
    for step in 1..=SHADOW_STEPS {
        for (x, y, pixel) in cutout.enumerate_pixels().filter(|(_, _, pixel)| pixel[3] > 127) {
            if let Some(below) = frame.get_pixel_mut_checked(left + x + step, top + y + step) {
                // Each step darkens a little, so the shadow ends softly.
                let shade = 1.0 - 0.02 * f32::from(pixel[3]) / 255.0;
                below.0 = below.0.map(|value| (f32::from(value) * shade) as u8);
            }
        }
    }
    for (x, y, pixel) in cutout.enumerate_pixels() {
        if let Some(below) = frame.get_pixel_mut_checked(left + x, top + y) {
            let alpha = f32::from(pixel[3]) / 255.0;
            let mix = |channel: usize| f32::from(pixel[channel]) * alpha + f32::from(below[channel]) * (1.0 - alpha);
            *below = Rgb([0, 1, 2].map(|channel| mix(channel) as u8));
        }
    }
}
