//! Surfaces of a package: outlines swept along the height into grids of points with normals and texture coordinates.
//!
//! Invariants: a package stands on y = 0 with its middle over the origin and its front towards +z; normals point outwards;
//! a grid's rows run from the base up (a cap's from the rim inwards), its columns from the back over the left to the front.

use std::f32::consts::{FRAC_PI_2, PI};

use super::canvas::Colour;
use super::vec3::{Vec3, vec3};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum SurfaceColour {
    /// The label around the package.
    Label,
    /// The printed lid of a box.
    Lid,
    Colour(Colour),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Material {
    /// Strength of highlights, from 0 (matt) to 1 (glass).
    pub(super) gloss: f32,
    /// Exponent of the highlight; a small one gives a wide highlight.
    pub(super) shininess: f32,
    pub(super) metal: bool,
}

pub(super) const PAPER: Material = Material { gloss: 0.10, shininess: 14.0, metal: false };
pub(super) const CARD: Material = Material { gloss: 0.16, shininess: 18.0, metal: false };
pub(super) const FOIL: Material = Material { gloss: 0.55, shininess: 22.0, metal: false };
pub(super) const PLASTIC: Material = Material { gloss: 0.45, shininess: 36.0, metal: false };
pub(super) const GLASS: Material = Material { gloss: 0.85, shininess: 48.0, metal: false };
pub(super) const METAL: Material = Material { gloss: 0.35, shininess: 26.0, metal: true };
pub(super) const PRINTED_METAL: Material = Material { gloss: 0.6, shininess: 30.0, metal: false };

/// A point of a surface; `s` and `v` are its texture coordinates on the label (in units, from the middle of the upper edge).
#[derive(Debug, Clone, Copy)]
pub(super) struct SurfacePoint {
    pub(super) position: Vec3,
    pub(super) normal: Vec3,
    pub(super) s: f32,
    pub(super) v: f32,
}

/// One smooth surface: a grid of points, row by row.
#[derive(Debug, Clone)]
pub(super) struct Surface {
    pub(super) points: Vec<SurfacePoint>,
    pub(super) columns: usize,
    pub(super) colour: SurfaceColour,
    pub(super) material: Material,
}

/// The horizontal outline of a surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outline {
    /// An ellipse with this number of columns; a circle if both radii are equal.
    Round(usize),
    /// With corners of this radius.
    RoundedRectangle(f32),
}

/// The size of the outline at one height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ring {
    pub(super) y: f32,
    pub(super) rx: f32,
    pub(super) rz: f32,
}

pub(super) const fn circle(y: f32, radius: f32) -> Ring {
    Ring { y, rx: radius, rz: radius }
}

/// Rings in equal steps from one to the other, including both.
pub(super) fn interpolate_rings(from: Ring, to: Ring, steps: usize) -> Vec<Ring> {
    (0..=steps)
        .map(|i| {
            let t = i as f32 / steps as f32;
            let lerp = |a: f32, b: f32| a + (b - a) * t;
            Ring { y: lerp(from.y, to.y), rx: lerp(from.rx, to.rx), rz: lerp(from.rz, to.rz) }
        })
        .collect()
}

/// Points (x, z) of an outline with their outward normals, from the back over the left (−x) to the front and back again.
fn outline_points(outline: Outline, rx: f32, rz: f32) -> Vec<[f32; 4]> {
    match outline {
        Outline::Round(columns) => (0..=columns)
            .map(|i| {
                let (sin, cos) = (-PI + 2.0 * PI * i as f32 / columns as f32).sin_cos();
                let (nx, nz) = (sin * rz, cos * rx);
                let length = nx.hypot(nz).max(1e-9);
                [rx * sin, rz * cos, nx / length, nz / length]
            })
            .collect(),
        Outline::RoundedRectangle(corner) => {
            const ARC: usize = 4;
            const SIDE: usize = 8;
            let r = corner.min(rx).min(rz);
            let mut points: Vec<[f32; 4]> = Vec::with_capacity(60);
            let back = [0.0, -rz, 0.0, -1.0];
            points.push(back);
            for (sx, sz, middle) in [(-1.0, -1.0, -0.75), (-1.0, 1.0, -0.25), (1.0, 1.0, 0.25), (1.0, -1.0, 0.75)] {
                for i in 0..=ARC {
                    let (sin, cos) = (middle * PI - PI / 4.0 + FRAC_PI_2 * i as f32 / ARC as f32).sin_cos();
                    let corner_point = [sx * (rx - r) + r * sin, sz * (rz - r) + r * cos, sin, cos];
                    if i == 0 {
                        add_edge_points(&mut points, corner_point, SIDE);
                    }
                    points.push(corner_point);
                }
            }
            add_edge_points(&mut points, back, SIDE);
            points.push(back);
            points
        }
    }
}

/// Adds points between the last one and `to`, with the normal of `to`.
fn add_edge_points(points: &mut Vec<[f32; 4]>, to: [f32; 4], steps: usize) {
    let from = points[points.len() - 1];
    for i in 1..steps {
        let t = i as f32 / steps as f32;
        points.push([from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t, to[2], to[3]]);
    }
}

/// Sweeps an outline along its rings. `label_top` is the height of the label's upper edge, `girth` the ring whose circumference is the
/// width of the label, `warp` moves points afterwards (creases).
pub(super) fn sweep_outline(
    outline: Outline,
    rings: &[Ring],
    (girth, label_top): (Ring, f32),
    warp: impl Fn(Vec3, Vec3) -> Vec3,
) -> (Vec<SurfacePoint>, usize) {
    let girth_points = outline_points(outline, girth.rx, girth.rz);
    let columns = girth_points.len();
    let mut distances = vec![0.0_f32; columns];
    for i in 1..columns {
        distances[i] = distances[i - 1]
            + (girth_points[i][0] - girth_points[i - 1][0]).hypot(girth_points[i][1] - girth_points[i - 1][1]);
    }
    let half = distances[columns - 1] / 2.0;
    let mut points = Vec::with_capacity(rings.len() * columns);
    for ring in rings {
        for (i, [x, z, nx, nz]) in outline_points(outline, ring.rx, ring.rz).into_iter().enumerate() {
            let outward = vec3(nx, 0.0, nz);
            let position = warp(vec3(x, ring.y, z), outward);
            points.push(SurfacePoint { position, normal: outward, s: distances[i] - half, v: label_top - ring.y });
        }
    }
    compute_normals(&mut points, columns, outline);
    (points, columns)
}

/// Tilts the horizontal normals by the slope of the surface; round outlines also by the creases along the row.
fn compute_normals(points: &mut [SurfacePoint], columns: usize, outline: Outline) {
    let rows = points.len() / columns;
    let positions: Vec<Vec3> = points.iter().map(|point| point.position).collect();
    for row in 0..rows {
        for column in 0..columns {
            let i = row * columns + column;
            let up = positions[(row + 1).min(rows - 1) * columns + column]
                - positions[row.saturating_sub(1) * columns + column];
            let outward = points[i].normal;
            let round = match outline {
                Outline::RoundedRectangle(_) => vec3(outward.z, 0.0, -outward.x),
                Outline::Round(_) => {
                    let next = if column + 1 < columns { i + 1 } else { row * columns + 1 };
                    let last = if column > 0 { i - 1 } else { row * columns + columns - 2 };
                    (positions[next] - positions[last]).normalise()
                }
            };
            let normal = round.cross(up.normalise());
            if normal.length() > 0.05 {
                points[i].normal = normal.normalise();
            }
        }
    }
}
