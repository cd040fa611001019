//! Shadow maps of the counter: the shadow that a package casts, and the ambient occlusion at its base.
//!
//! Invariants: a map is large enough for the whole shadow with its soft edge; outside it there is full light.

use super::package_mesh::PackageMesh;
use super::raster::{Fill, FrameBuffer, Vertex};
use super::vec3::{Vec3, vec3};

/// Cells along each side of a map.
const CELLS: usize = 96;

/// The occlusion of the light in the cells of a grid over the counter.
struct ShadowMap {
    left: f32,
    back: f32,
    cell: f32,
    occlusion: Vec<f32>,
}

pub(super) struct SceneShadows {
    cast: ShadowMap,
    ambient_occlusion: ShadowMap,
}

impl SceneShadows {
    pub(super) fn cast(mesh: &PackageMesh, light: Vec3) -> Self {
        // The lamp is wide, so the shadow is soft; ambient light comes from above.
        Self { cast: ShadowMap::cast(mesh, light, 2), ambient_occlusion: ShadowMap::cast(mesh, vec3(0.0, 1.0, 0.0), 4) }
    }

    /// The share of light that reaches a position on the counter.
    pub(super) fn light_at(&self, x: f32, z: f32) -> f32 {
        (1.0 - 0.46 * self.cast.sample(x, z)) * (1.0 - 0.5 * self.ambient_occlusion.sample(x, z))
    }
}

impl ShadowMap {
    fn cast(mesh: &PackageMesh, light: Vec3, blur: usize) -> Self {
        let project = |p: Vec3| (p.x - light.x / light.y * p.y, p.z - light.z / light.y * p.y);
        let mut bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for point in mesh.surfaces.iter().flat_map(|surface| &surface.points) {
            let (x, z) = project(point.position);
            bounds = [bounds[0].min(x), bounds[1].min(z), bounds[2].max(x), bounds[3].max(z)];
        }
        let reach = (bounds[2] - bounds[0]).max(bounds[3] - bounds[1]).max(0.1);
        let margin = 3 * blur + 2;
        let cell = reach / (CELLS - 2 * margin) as f32;
        let (left, back) = (bounds[0] - cell * margin as f32, bounds[1] - cell * margin as f32);
        let mut layer = FrameBuffer::new(CELLS, CELLS);
        let fill = Fill::Colour([1.0; 3]);
        for surface in &mesh.surfaces {
            // Every second column suffices for a shadow.
            let step = if surface.columns > 40 { 2 } else { 1 };
            let vertex = |i: usize| {
                let (x, z) = project(surface.points[i].position);
                Vertex {
                    x: (x - left) / cell,
                    y: (z - back) / cell,
                    depth: 1.0,
                    s: 0.0,
                    v: 0.0,
                    light: 1.0,
                    gloss: 0.0,
                }
            };
            for row in 1..surface.points.len() / surface.columns {
                for column in (step..surface.columns).step_by(step) {
                    let upper = row * surface.columns + column;
                    let lower = upper - surface.columns;
                    let quad = [vertex(lower - step), vertex(lower), vertex(upper - step), vertex(upper)];
                    layer.fill_triangle([quad[0], quad[1], quad[2]], &fill);
                    layer.fill_triangle([quad[1], quad[3], quad[2]], &fill);
                }
            }
        }
        let mut occlusion: Vec<f32> = layer.depths;
        for _ in 0..3 {
            box_blur(&mut occlusion, blur, 1, CELLS);
            box_blur(&mut occlusion, blur, CELLS, 1);
        }
        Self { left, back, cell, occlusion }
    }

    /// The occlusion at a position, interpolated between cells.
    fn sample(&self, x: f32, z: f32) -> f32 {
        let (u, v) = ((x - self.left) / self.cell - 0.5, (z - self.back) / self.cell - 0.5);
        let limit = (CELLS - 1) as f32;
        if !(0.0..limit).contains(&u) || !(0.0..limit).contains(&v) {
            return 0.0;
        }
        let (column, row) = (u as usize, v as usize);
        let (fx, fy) = (u - column as f32, v - row as f32);
        let cell_value = |dx: usize, dy: usize| self.occlusion[(row + dy) * CELLS + column + dx];
        let (top, bottom) = (
            cell_value(0, 0) + (cell_value(1, 0) - cell_value(0, 0)) * fx,
            cell_value(0, 1) + (cell_value(1, 1) - cell_value(0, 1)) * fx,
        );
        top + (bottom - top) * fy
    }
}

/// Averages each cell with `reach` neighbours on both sides along one axis.
fn box_blur(occlusion: &mut [f32], reach: usize, step: usize, line: usize) {
    let share = 1.0 / (2 * reach + 1) as f32;
    let mut line_values = [0.0_f32; CELLS];
    for start in 0..CELLS {
        let index = |i: usize| start * line + i * step;
        for (i, value) in line_values.iter_mut().enumerate() {
            *value = occlusion[index(i)];
        }
        // A window slides along the line; outside the map there is no occlusion.
        let mut sum: f32 = line_values[..reach].iter().sum();
        for i in 0..CELLS {
            sum += line_values.get(i + reach).copied().unwrap_or(0.0);
            occlusion[index(i)] = (sum * share).max(0.0);
            sum -= if i >= reach { line_values[i - reach] } else { 0.0 };
        }
    }
}
