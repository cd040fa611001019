//! The kiosk's table as its camera sees it: planks, and what always lies there, a card terminal and a stand of leaflets.
//!
//! A cluttered background on purpose: what is for sale can be told from it by the kiosk's empty view alone. Equal arguments give
//! equal pictures.

use image::{Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::domain::Region;

/// A kiosk camera's 720p.
pub(super) const WIDTH: u32 = 1_280;
pub(super) const HEIGHT: u32 = 720;
/// Where no product can lie.
pub(super) const FIXTURES: [Region; 2] = [TERMINAL, LEAFLETS];

const TERMINAL: Region = Region { x: 1_040, y: 30, width: 170, height: 260 };
const LEAFLETS: Region = Region { x: 50, y: 460, width: 210, height: 220 };
const PLANK_PX: u32 = 96;
/// Greatest noise of the camera.
const NOISE: f32 = 3.0;

/// Draws the table with nothing for sale on it, under `light` times the usual light; `seed` is that of the noise.
pub(super) fn draw_table(light: f32, seed: u64) -> RgbImage {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        // It is lit from the upper left.
        let light = light * (1.0 - 0.12 * x as f32 / WIDTH as f32 - 0.05 * y as f32 / HEIGHT as f32);
        let noise = rng.random_range(-NOISE..NOISE);
        Rgb(colour(x, y).map(|value| (value * light + noise) as u8))
    })
}

fn colour(x: u32, y: u32) -> [f32; 3] {
    let inside = |fixture: Region| {
        let (x, y) = (x.checked_sub(fixture.x)?, y.checked_sub(fixture.y)?);
        (x < fixture.width && y < fixture.height).then_some((x, y))
    };
    if let Some((x, y)) = inside(TERMINAL) {
        return terminal_colour(x, y);
    }
    inside(LEAFLETS).map_or_else(|| plank_colour(x, y), |(x, y)| leaflet_colour(x, y))
}

fn plank_colour(x: u32, y: u32) -> [f32; 3] {
    const TINTS: [f32; 5] = [0.94, 1.02, 0.9, 1.05, 0.98];
    if y % PLANK_PX < 3 {
        return [92.0, 68.0, 48.0];
    }
    let tint = TINTS[(y / PLANK_PX) as usize % TINTS.len()];
    let bend = (x as f32 * 0.011 + tint * 40.0).sin() * 9.0;
    let grain = 1.0 + 0.05 * ((y as f32 + bend) * 0.45).sin();
    [196.0, 156.0, 112.0].map(|value| value * tint * grain)
}

/// A screen above three columns of keys.
fn terminal_colour(x: u32, y: u32) -> [f32; 3] {
    let is_screen = (16..154).contains(&x) && (18..92).contains(&y);
    let is_key = (112..244).contains(&y) && (y - 112) % 36 < 24 && (16..154).contains(&x) && (x - 16) % 48 < 36;
    match (is_screen, is_key) {
        (true, _) => [148.0, 178.0, 162.0],
        (_, true) => [205.0, 205.0, 200.0],
        (false, false) => [46.0, 48.0, 54.0],
    }
}

/// Three piles, with a heading and lines of text.
fn leaflet_colour(x: u32, y: u32) -> [f32; 3] {
    const PAPERS: [[f32; 3]; 3] = [[226.0, 220.0, 205.0], [72.0, 112.0, 170.0], [226.0, 186.0, 70.0]];
    let (pile, x) = (x / 70, x % 70);
    let is_text = (10..60).contains(&x) && ((16..40).contains(&y) || y >= 60 && y % 14 < 4);
    let paper = PAPERS[pile as usize % PAPERS.len()];
    match (x < 66, is_text) {
        (false, _) => [60.0, 50.0, 44.0],
        (true, true) => paper.map(|value| value * 0.35),
        (true, false) => paper,
    }
}
