//! How a package is looked at: its pose, the light, the counter, and the camera.
//!
//! Invariants: a view is drawn from one random stream in a fixed order, so adding a setting anywhere but at the end changes
//! every picture; the camera keeps the package in the frame whatever its shape.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::canvas::Colour;
use super::counter::Counter;
use super::film::Film;
use super::goods::Model;
use super::vector::{Vector, vector};

/// How a package stands or lies and how the camera looks at it.
pub(super) struct View {
    pub(super) yaw: f32,
    /// On its back, with the front up.
    pub(super) lying: bool,
    /// Camera above the horizon, and its turn about its own axis.
    pub(super) pitch: f32,
    pub(super) roll: f32,
    /// Focal length in sides of the picture.
    pub(super) focal: f32,
    /// Share of the picture that the package fills, and where its middle goes (sides from the picture's middle).
    pub(super) fill: f32,
    pub(super) shift: (f32, f32),
    /// Direction towards the main light, its strength and that of the light from everywhere.
    pub(super) light: Vector,
    pub(super) key: f32,
    pub(super) ambient: f32,
    pub(super) counter: Counter,
    pub(super) film: Film,
    /// Samples per pixel along each side for the package itself.
    pub(super) samples: usize,
}

impl View {
    /// One of the many views of a kiosk.
    pub(super) fn throw(rng: &mut Pcg64Mcg) -> Self {
        let lying = rng.random_bool(0.25);
        let side: f32 = rng.random_range(-1.1..1.1);
        let key = rng.random_range(0.35..0.75);
        Self {
            yaw: if lying { rng.random_range(-0.35..0.35) } else { rng.random_range(-0.6..0.6) },
            lying,
            pitch: if lying { rng.random_range(0.85..1.35) } else { rng.random_range(0.16..0.62) },
            roll: rng.random_range(-0.1..0.1),
            focal: rng.random_range(1.3..2.3),
            fill: rng.random_range(0.60..0.86),
            shift: (rng.random_range(-0.07..0.07), rng.random_range(-0.05..0.05)),
            light: vector(side, rng.random_range(0.9..1.6), rng.random_range(0.35..1.2)).unit(),
            key,
            ambient: 0.98 - key * 0.75,
            counter: Counter::throw(rng),
            film: Film::throw(rng),
            samples: 2,
        }
    }

    /// The view of the contact sheet.
    pub(super) fn studio(tint: Colour, seed: u32) -> Self {
        Self {
            yaw: -0.33,
            lying: false,
            pitch: 0.27,
            roll: 0.0,
            focal: 2.1,
            fill: 0.84,
            shift: (0.0, 0.015),
            light: vector(-0.75, 1.25, 0.8).unit(),
            key: 0.78,
            ambient: 0.56,
            counter: Counter::studio(tint, seed),
            film: Film::studio(),
            samples: 3,
        }
    }
}

/// Where the camera stands, and which way its picture's axes point.
pub(super) struct Camera {
    pub(super) eye: Vector,
    pub(super) right: Vector,
    pub(super) up: Vector,
    pub(super) forward: Vector,
    pub(super) focal: f32,
    pub(super) middle: (f32, f32),
}

impl Camera {
    pub(super) fn new(view: &View, model: &Model, side: f32) -> Self {
        let (sin, cos) = view.pitch.sin_cos();
        let target = vector(0.0, if view.lying { model.half_depth } else { model.height / 2.0 }, 0.0);
        // The package's extent across and along the picture, as seen from this height and side.
        let turned = model.half_width * view.yaw.cos().abs() + model.half_depth * view.yaw.sin().abs();
        let (across, along) = if view.lying {
            (turned + model.height * 0.5 * view.yaw.sin().abs(), model.height * sin + 2.0 * model.half_depth * cos)
        } else {
            (turned, model.height * cos + 2.0 * model.half_depth * sin)
        };
        // Small packages look a little smaller, as they would under one fixed camera.
        let extent = along.max(2.0 * across) * 0.8 + 0.2;
        let near = model.half_depth.max(model.half_width * 0.5);
        let distance = view.focal * extent / view.fill + near;
        let forward = vector(0.0, -sin, -cos);
        let (rs, rc) = view.roll.sin_cos();
        let (level, upright) = (vector(1.0, 0.0, 0.0), vector(0.0, cos, -sin));
        Self {
            eye: target - forward * distance,
            right: level * rc + upright * rs,
            up: upright * rc - level * rs,
            forward,
            focal: view.focal * side,
            middle: (side * (0.5 + view.shift.0), side * (0.5 + view.shift.1)),
        }
    }

    /// Picture place and 1/distance of a point.
    pub(super) fn project(&self, place: Vector) -> (f32, f32, f32) {
        let to = place - self.eye;
        let depth = 1.0 / to.dot(self.forward).max(0.05);
        let scale = self.focal * depth;
        (self.middle.0 + to.dot(self.right) * scale, self.middle.1 - to.dot(self.up) * scale, depth)
    }

    /// The direction in which a pixel looks, one unit of depth long.
    pub(super) fn ray(&self, x: f32, y: f32) -> Vector {
        self.forward + self.right * ((x - self.middle.0) / self.focal) - self.up * ((y - self.middle.1) / self.focal)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::catalogue::catalogue;
    use super::super::{goods, scene};
    use super::*;

    #[test]
    fn every_package_stays_in_the_frame_in_every_view() {
        for (package, seed) in catalogue(8, 120).iter().flat_map(|p| (0..12).map(move |seed| (p, seed))) {
            let view = View::throw(&mut Pcg64Mcg::seed_from_u64(seed * 977 + package.seed));
            let mut model = goods::model(package);
            scene::stand(&mut model, &view);
            let camera = Camera::new(&view, &model, 1.0);
            for point in model.parts.iter().flat_map(|part| &part.points) {
                let (x, y, _) = camera.project(point.place);
                let inside = (-0.03..1.03).contains(&x) && (-0.03..1.03).contains(&y);
                assert!(inside, "{} in view {seed}: ({x}, {y})", package.name);
            }
        }
    }
}
