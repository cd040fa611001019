//! The shadow that a package throws on the counter, and the darkness under its foot.
//!
//! Invariants: shadows are maps over the counter, large enough for the whole shadow with its soft edge; outside them there is
//! full light.

use super::goods::Model;
use super::raster::{Corner, Layer, Skin};
use super::vector::{Vector, vector};

/// Cells along each side of a map.
const CELLS: usize = 96;

/// A map of covered ground.
struct Map {
    left: f32,
    back: f32,
    cell: f32,
    cover: Vec<f32>,
}

/// The two maps of one scene.
pub(super) struct Shadows {
    thrown: Map,
    contact: Map,
}

impl Shadows {
    pub(super) fn cast(model: &Model, light: Vector) -> Self {
        // The lamp is wide, so the shadow is soft; the second map stands for the sky that the package hides.
        Self { thrown: Map::cast(model, light, 2), contact: Map::cast(model, vector(0.0, 1.0, 0.0), 4) }
    }

    /// The share of light that reaches a place on the counter.
    pub(super) fn light_at(&self, x: f32, z: f32) -> f32 {
        (1.0 - 0.46 * self.thrown.at(x, z)) * (1.0 - 0.5 * self.contact.at(x, z))
    }
}

impl Map {
    fn cast(model: &Model, light: Vector, blur: usize) -> Self {
        let fall = |p: Vector| (p.x - light.x / light.y * p.y, p.z - light.z / light.y * p.y);
        let mut bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for point in model.parts.iter().flat_map(|part| &part.points) {
            let (x, z) = fall(point.place);
            bounds = [bounds[0].min(x), bounds[1].min(z), bounds[2].max(x), bounds[3].max(z)];
        }
        let reach = (bounds[2] - bounds[0]).max(bounds[3] - bounds[1]).max(0.1);
        let margin = 3 * blur + 2;
        let cell = reach / (CELLS - 2 * margin) as f32;
        let (left, back) = (bounds[0] - cell * margin as f32, bounds[1] - cell * margin as f32);
        let mut layer = Layer::new(CELLS, CELLS);
        let skin = Skin::Colour([1.0; 3]);
        for part in &model.parts {
            // Every second column is enough for a shadow.
            let step = if part.columns > 40 { 2 } else { 1 };
            let corner = |i: usize| {
                let (x, z) = fall(part.points[i].place);
                Corner {
                    x: (x - left) / cell,
                    y: (z - back) / cell,
                    depth: 1.0,
                    s: 0.0,
                    v: 0.0,
                    light: 1.0,
                    gloss: 0.0,
                }
            };
            for row in 1..part.points.len() / part.columns {
                for column in (step..part.columns).step_by(step) {
                    let upper = row * part.columns + column;
                    let lower = upper - part.columns;
                    let quad = [corner(lower - step), corner(lower), corner(upper - step), corner(upper)];
                    layer.triangle([quad[0], quad[1], quad[2]], &skin);
                    layer.triangle([quad[1], quad[3], quad[2]], &skin);
                }
            }
        }
        let mut cover: Vec<f32> = layer.depths;
        for _ in 0..3 {
            smear(&mut cover, blur, 1, CELLS);
            smear(&mut cover, blur, CELLS, 1);
        }
        Self { left, back, cell, cover }
    }

    /// The cover at a place, between cells by interpolation.
    fn at(&self, x: f32, z: f32) -> f32 {
        let (u, v) = ((x - self.left) / self.cell - 0.5, (z - self.back) / self.cell - 0.5);
        let limit = (CELLS - 1) as f32;
        if !(0.0..limit).contains(&u) || !(0.0..limit).contains(&v) {
            return 0.0;
        }
        let (column, row) = (u as usize, v as usize);
        let (fx, fy) = (u - column as f32, v - row as f32);
        let at = |dx: usize, dy: usize| self.cover[(row + dy) * CELLS + column + dx];
        let (top, bottom) = (at(0, 0) + (at(1, 0) - at(0, 0)) * fx, at(0, 1) + (at(1, 1) - at(0, 1)) * fx);
        top + (bottom - top) * fy
    }
}

/// Averages each cell with `reach` neighbours on both sides along one axis.
fn smear(cover: &mut [f32], reach: usize, step: usize, line: usize) {
    let share = 1.0 / (2 * reach + 1) as f32;
    let mut kept = [0.0_f32; CELLS];
    for start in 0..CELLS {
        let at = |i: usize| start * line + i * step;
        for (i, value) in kept.iter_mut().enumerate() {
            *value = cover[at(i)];
        }
        // A window that slides along the line; beyond the map there is no cover.
        let mut sum: f32 = kept[..reach].iter().sum();
        for i in 0..CELLS {
            sum += kept.get(i + reach).copied().unwrap_or(0.0);
            cover[at(i)] = (sum * share).max(0.0);
            sum -= if i >= reach { kept[i - reach] } else { 0.0 };
        }
    }
}
