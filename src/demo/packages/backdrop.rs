//! The counter on which the package stands, and a wall of blurred shelves behind it.
//!
//! Invariants: colours depend on the position in space and not on the pixel, so a scene looks the same at every size; the
//! counter is the plane y = 0, the wall is vertical at `-wall_distance`.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::canvas::{Colour, hex, length, mix, smoothstep};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CounterMaterial {
    Steel,
    Wood,
    Stone,
    Laminate,
    Belt,
}

/// Columns and rows of the blurred shelves behind the counter.
const SHELF_GRID: (usize, usize) = (14, 7);

pub(super) struct Backdrop {
    material: CounterMaterial,
    base_colour: Colour,
    seed: u32,
    /// Sine and cosine of the rotation of the material's grain.
    grain: (f32, f32),
    /// Behind the package.
    pub(super) wall_distance: f32,
    shelf_colours: Vec<Colour>,
    /// The share of the package's light that the counter reflects.
    pub(super) reflectance: f32,
}

/// A pseudo-random number from 0 to 1 for a lattice point.
fn hash(x: i32, y: i32, seed: u32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ seed;
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    (h >> 8) as f32 / 16_777_216.0
}

/// Faster than the library's, which is a function call on processors of the base instruction set; it runs for every pixel.
fn floor(x: f32) -> i32 {
    let cut = x as i32;
    cut - i32::from(cut as f32 > x)
}

/// Value noise from 0 to 1 with features one unit wide.
fn value_noise(x: f32, y: f32, seed: u32) -> f32 {
    let (ix, iy) = (floor(x), floor(y));
    let (tx, ty) = (x - ix as f32, y - iy as f32);
    let (tx, ty) = (tx * tx * (3.0 - 2.0 * tx), ty * ty * (3.0 - 2.0 * ty));
    let (a, b) = (hash(ix, iy, seed), hash(ix + 1, iy, seed));
    let (c, d) = (hash(ix, iy + 1, seed), hash(ix + 1, iy + 1, seed));
    let (top, bottom) = (a + (b - a) * tx, c + (d - c) * tx);
    top + (bottom - top) * ty
}

impl Backdrop {
    /// A random backdrop.
    pub(super) fn random(rng: &mut Pcg64Mcg) -> Self {
        const COUNTER_COLOURS: [(CounterMaterial, &[u32]); 5] = [
            (CounterMaterial::Steel, &[0xb4b8bb, 0x9aa0a4, 0xc4c6c6]),
            (CounterMaterial::Wood, &[0xc59a6b, 0x9b6b43, 0xdcbf95, 0x6f4a31]),
            (CounterMaterial::Stone, &[0xd9d5cd, 0x8d8b88, 0x4b4d50, 0xe9e4dc]),
            (CounterMaterial::Laminate, &[0xf0ece4, 0xb9cbc9, 0xe3d9c8, 0x54616b, 0xd8b9a6]),
            (CounterMaterial::Belt, &[0x2f3133, 0x3c3f40, 0x27292b]),
        ];
        let (material, colours) = COUNTER_COLOURS[rng.random_range(0..COUNTER_COLOURS.len())];
        let base_colour = hex(colours[rng.random_range(0..colours.len())]);
        let grain = rng.random_range(-0.5_f32..0.5).sin_cos();
        let mut backdrop = Self::new(material, base_colour, grain, rng.random());
        backdrop.wall_distance = rng.random_range(0.8..2.0);
        backdrop.shelf_colours = random_shelf_colours(rng);
        backdrop
    }

    /// The backdrop of the contact sheet: pale wood, and a plain wall with a tint of the package.
    pub(super) fn studio(tint: Colour, seed: u32) -> Self {
        let mut backdrop = Self::new(CounterMaterial::Wood, hex(0xd9b98c), (0.0, 1.0), seed);
        backdrop.wall_distance = 1.0;
        backdrop.reflectance = 0.0;
        backdrop.shelf_colours = vec![mix(hex(0xe9e6df), tint, 0.16); SHELF_GRID.0 * SHELF_GRID.1];
        backdrop
    }

    fn new(material: CounterMaterial, base_colour: Colour, grain: (f32, f32), seed: u32) -> Self {
        let reflectance = match material {
            CounterMaterial::Steel => 0.20,
            CounterMaterial::Stone => 0.14,
            CounterMaterial::Laminate => 0.10,
            CounterMaterial::Wood => 0.04,
            CounterMaterial::Belt => 0.0,
        };
        Self { material, base_colour, seed, grain, wall_distance: 1.0, shelf_colours: Vec::new(), reflectance }
    }

    /// The counter's colour at a position; `footprint` is the width that one pixel covers, below which detail fades.
    pub(super) fn counter_colour(&self, x: f32, z: f32, footprint: f32) -> Colour {
        let (sin, cos) = self.grain;
        let (u, w) = (x * cos - z * sin, x * sin + z * cos);
        let fade = |size: f32| smoothstep(1.2, 0.3, footprint / size);
        // Noise of this feature size around zero, skipped if a pixel is too coarse to show it.
        let fine = |x: f32, y: f32, seed: u32, size: f32| {
            let share = fade(size);
            if share > 0.0 { (value_noise(x, y, self.seed ^ seed) - 0.5) * share } else { 0.0 }
        };
        match self.material {
            CounterMaterial::Steel => {
                let brush = fine(u * 3.0, w * 160.0, 0, 0.006);
                let streak = value_noise(u * 1.3, w * 30.0, self.seed ^ 7) - 0.5;
                let sheen = value_noise(u * 0.8, w * 1.1, self.seed ^ 9) - 0.5;
                let level = 1.0 + 0.07 * brush + 0.06 * streak + 0.16 * sheen;
                self.base_colour.map(|c| c * level)
            }
            CounterMaterial::Wood => {
                let plank = floor(w / 0.34);
                let tint = hash(plank, 3, self.seed) - 0.5;
                let shift = hash(plank, 5, self.seed) * 40.0;
                let bend = value_noise(u * 1.1 + shift, w * 2.2, self.seed) * 3.2;
                let ring = ((w * 34.0 + bend * 5.0 + shift).sin() * 0.5 + 0.5).powi(2);
                let fibre = fine(u * 5.0 + shift, w * 130.0, 3, 0.008);
                let gap = w - plank as f32 * 0.34;
                let seam = smoothstep(0.007, 0.0, gap.min(0.34 - gap)) * 0.45;
                let level = (1.0 + 0.14 * tint - 0.10 * ring + 0.12 * fibre) * (1.0 - seam);
                let warm = [1.0, 1.0 - 0.03 * ring, 1.0 - 0.07 * ring];
                std::array::from_fn(|i| self.base_colour[i] * level * warm[i])
            }
            CounterMaterial::Stone => {
                let mut colour = self.base_colour;
                for (size, seed) in [(0.022, 11), (0.045, 23)] {
                    let (cx, cy) = (floor(u / size), floor(w / size));
                    let chance = hash(cx, cy, self.seed ^ seed);
                    let (dx, dy) = (u / size - cx as f32 - 0.5, w / size - cy as f32 - 0.5);
                    let wobble = hash(cx, cy, self.seed ^ (seed + 1));
                    let chip = smoothstep(0.42, 0.3, length(dx, dy * (0.7 + wobble))) * fade(size * 0.7);
                    if chance > 0.55 {
                        let shade = if wobble > 0.5 { [1.0; 3] } else { hex(0x5a4c44) };
                        colour = mix(colour, shade, chip * 0.3 * chance);
                    }
                }
                let cloud = 0.95 + 0.1 * value_noise(u * 3.0, w * 3.0, self.seed);
                colour.map(|c| c * cloud)
            }
            CounterMaterial::Laminate => {
                let cloud = 0.97 + 0.06 * value_noise(u * 2.0, w * 2.0, self.seed);
                let grit = 1.0 + 0.03 * fine(u * 90.0, w * 90.0, 5, 0.011);
                self.base_colour.map(|c| c * cloud * grit)
            }
            CounterMaterial::Belt => {
                let rib = x / 0.03 - floor(x / 0.03) as f32;
                let groove = smoothstep(0.12, 0.04, rib.min(1.0 - rib)) * fade(0.02);
                let wear = 0.9 + 0.25 * value_noise(u * 5.0, w * 5.0, self.seed);
                self.base_colour.map(|c| c * wear * (1.0 - 0.3 * groove))
            }
        }
    }

    /// The wall's colour, `x` along it and `y` above the counter.
    pub(super) fn wall_colour(&self, x: f32, y: f32) -> Colour {
        let u = ((x / 3.2 + 0.5) * (SHELF_GRID.0 - 1) as f32).clamp(0.0, (SHELF_GRID.0 - 1) as f32 - 0.001);
        let v = (y / 1.6 * (SHELF_GRID.1 - 1) as f32).clamp(0.0, (SHELF_GRID.1 - 1) as f32 - 0.001);
        let (column, row) = (u as usize, v as usize);
        let (tx, ty) = (smoothstep(0.0, 1.0, u - column as f32), smoothstep(0.0, 1.0, v - row as f32));
        let at = |dx: usize, dy: usize| self.shelf_colours[(row + dy) * SHELF_GRID.0 + column + dx];
        let colour = mix(mix(at(0, 0), at(1, 0), tx), mix(at(0, 1), at(1, 1), tx), ty);
        // The counter's back edge casts a soft shadow on the wall.
        let foot = 0.72 + 0.28 * smoothstep(0.0, 0.18, y);
        colour.map(|c| c * foot)
    }
}

/// Random blurred shelves: one wall colour, with products in some positions.
fn random_shelf_colours(rng: &mut Pcg64Mcg) -> Vec<Colour> {
    const WALLS: [u32; 6] = [0xd9d4ca, 0x8fa3a8, 0x5d6a70, 0xc8b8a0, 0x3f4a50, 0xe8e6e1];
    let wall = hex(WALLS[rng.random_range(0..WALLS.len())]);
    let plain = rng.random_bool(0.35);
    let mut colours = Vec::with_capacity(SHELF_GRID.0 * SHELF_GRID.1);
    for row in 0..SHELF_GRID.1 {
        for _ in 0..SHELF_GRID.0 {
            let grey = rng.random_range(0.2..0.85);
            let product: Colour = std::array::from_fn(|_| grey + rng.random_range(-0.22..0.22));
            let share = if plain { 0.05 } else { [0.55, 0.1][row % 2] * rng.random_range(0.3..1.0) };
            colours.push(mix(wall, product, share));
        }
    }
    colours
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn colours_stay_in_range_everywhere() {
        let mut rng = Pcg64Mcg::seed_from_u64(5);
        for _ in 0..30 {
            let backdrop = Backdrop::random(&mut rng);
            for i in 0..200 {
                let (x, z) = (i as f32 * 0.37 - 30.0, i as f32 * -0.21 + 9.0);
                for colour in [backdrop.counter_colour(x, z, 0.003), backdrop.wall_colour(x, z)] {
                    assert!(colour.iter().all(|c| (0.0..1.5).contains(c)), "{:?} at {x}, {z}", backdrop.material);
                }
            }
        }
    }
}
