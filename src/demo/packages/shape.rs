//! Sweeps outlines along the height of a package into surfaces: a grid of points with normals and places on the label.
//!
//! Invariants: a package stands on y = 0 with its middle over the origin and its front towards +z; normals point outwards;
//! a grid's rows run from the foot up (a cap's from the rim inwards), its columns from the back round the left to the front.

use std::f32::consts::{FRAC_PI_2, PI};

use super::canvas::Colour;
use super::vector::{Vector, vector};

/// Where a part takes its colour from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Paint {
    /// The paper round the package.
    Label,
    /// The printed lid of a box.
    Top,
    /// One colour.
    Colour(Colour),
}

/// How a part takes the light.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Finish {
    /// Strength of highlights, 0 for blotting paper, 1 for glass.
    pub(super) gloss: f32,
    /// Exponent of the highlight: small is wide.
    pub(super) shine: f32,
    pub(super) metal: bool,
}

pub(super) const PAPER: Finish = Finish { gloss: 0.10, shine: 14.0, metal: false };
pub(super) const CARD: Finish = Finish { gloss: 0.16, shine: 18.0, metal: false };
pub(super) const FOIL: Finish = Finish { gloss: 0.55, shine: 22.0, metal: false };
pub(super) const PLASTIC: Finish = Finish { gloss: 0.45, shine: 36.0, metal: false };
pub(super) const GLASS: Finish = Finish { gloss: 0.85, shine: 48.0, metal: false };
pub(super) const METAL: Finish = Finish { gloss: 0.35, shine: 26.0, metal: true };
pub(super) const PRINTED_METAL: Finish = Finish { gloss: 0.6, shine: 30.0, metal: false };

/// A point of a surface; `s` and `v` are its place on the paper (units, from the middle of the upper edge).
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) place: Vector,
    pub(super) normal: Vector,
    pub(super) s: f32,
    pub(super) v: f32,
}

/// One smooth surface of a package.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) points: Vec<Point>,
    pub(super) columns: usize,
    pub(super) paint: Paint,
    pub(super) finish: Finish,
}

/// The outline that is swept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outline {
    /// An ellipse of so many columns; a circle where both radii are equal.
    Round(usize),
    /// A rectangle with corners of this radius.
    Boxy(f32),
}

/// The outline's size at one height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ring {
    pub(super) y: f32,
    pub(super) rx: f32,
    pub(super) rz: f32,
}

/// A ring of a circle.
pub(super) const fn round(y: f32, radius: f32) -> Ring {
    Ring { y, rx: radius, rz: radius }
}

/// Rings from one to the other in equal steps, both ends included.
pub(super) fn between(from: Ring, to: Ring, steps: usize) -> Vec<Ring> {
    (0..=steps)
        .map(|i| {
            let t = i as f32 / steps as f32;
            let lerp = |a: f32, b: f32| a + (b - a) * t;
            Ring { y: lerp(from.y, to.y), rx: lerp(from.rx, to.rx), rz: lerp(from.rz, to.rz) }
        })
        .collect()
}

/// Points (x, z) of an outline with their outward normals, from the back over the left (−x) to the front and on.
fn walk(outline: Outline, rx: f32, rz: f32) -> Vec<[f32; 4]> {
    match outline {
        Outline::Round(columns) => (0..=columns)
            .map(|i| {
                let (sin, cos) = (-PI + 2.0 * PI * i as f32 / columns as f32).sin_cos();
                let (nx, nz) = (sin * rz, cos * rx);
                let length = nx.hypot(nz).max(1e-9);
                [rx * sin, rz * cos, nx / length, nz / length]
            })
            .collect(),
        Outline::Boxy(corner) => {
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
                        side(&mut points, corner_point, SIDE);
                    }
                    points.push(corner_point);
                }
            }
            side(&mut points, back, SIDE);
            points.push(back);
            points
        }
    }
}

/// Points between the last one and `to`, with the normal of `to`.
fn side(points: &mut Vec<[f32; 4]>, to: [f32; 4], steps: usize) {
    let from = points[points.len() - 1];
    for i in 1..steps {
        let t = i as f32 / steps as f32;
        points.push([from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t, to[2], to[3]]);
    }
}

/// Sweeps an outline along its rings. `paper_top` is the height of the paper's upper edge, `girth` the ring that gives the
/// measure round the package, `warp` moves points after the sweep (creases).
pub(super) fn sweep(
    outline: Outline,
    rings: &[Ring],
    (girth, paper_top): (Ring, f32),
    warp: impl Fn(Vector, Vector) -> Vector,
) -> (Vec<Point>, usize) {
    let measure = walk(outline, girth.rx, girth.rz);
    let columns = measure.len();
    let mut along = vec![0.0_f32; columns];
    for i in 1..columns {
        along[i] = along[i - 1] + (measure[i][0] - measure[i - 1][0]).hypot(measure[i][1] - measure[i - 1][1]);
    }
    let half = along[columns - 1] / 2.0;
    let mut points = Vec::with_capacity(rings.len() * columns);
    for ring in rings {
        for (i, [x, z, nx, nz]) in walk(outline, ring.rx, ring.rz).into_iter().enumerate() {
            let flat = vector(nx, 0.0, nz);
            let place = warp(vector(x, ring.y, z), flat);
            points.push(Point { place, normal: flat, s: along[i] - half, v: paper_top - ring.y });
        }
    }
    set_normals(&mut points, columns, outline);
    (points, columns)
}

/// Tilts the flat normals by the slope of the surface; round outlines also by the creases along the row.
fn set_normals(points: &mut [Point], columns: usize, outline: Outline) {
    let rows = points.len() / columns;
    let places: Vec<Vector> = points.iter().map(|point| point.place).collect();
    for row in 0..rows {
        for column in 0..columns {
            let i = row * columns + column;
            let up =
                places[(row + 1).min(rows - 1) * columns + column] - places[row.saturating_sub(1) * columns + column];
            let flat = points[i].normal;
            let round = match outline {
                Outline::Boxy(_) => vector(flat.z, 0.0, -flat.x),
                Outline::Round(_) => {
                    let next = if column + 1 < columns { i + 1 } else { row * columns + 1 };
                    let last = if column > 0 { i - 1 } else { row * columns + columns - 2 };
                    (places[next] - places[last]).unit()
                }
            };
            let normal = round.cross(up.unit());
            if normal.length() > 0.05 {
                points[i].normal = normal.unit();
            }
        }
    }
}
