//! The settings of a scene (pose, light, backdrop, camera) and the camera itself.
//!
//! Invariants: a scene is drawn from one random stream in a fixed order, so a new setting anywhere but at the end changes
//! every picture; the camera keeps a package of any shape in the frame.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::backdrop::Backdrop;
use super::canvas::Colour;
use super::package_mesh::PackageMesh;
use super::post_process::PostProcess;
use super::vec3::{Vec3, vec3};

/// The pose of the package, the light, the backdrop and the camera.
pub(super) struct SceneSettings {
    pub(super) yaw: f32,
    /// On its back, with the front up.
    pub(super) lies_flat: bool,
    /// The camera's angle above the horizon, and its rotation about its own axis.
    pub(super) pitch: f32,
    pub(super) roll: f32,
    /// Focal length as a multiple of the picture's side.
    pub(super) focal: f32,
    /// Share of the picture that the package fills, and the offset of its middle (as shares of the side).
    pub(super) frame_share: f32,
    pub(super) shift: (f32, f32),
    /// Direction towards the main light, its strength, and that of the ambient light.
    pub(super) light_direction: Vec3,
    pub(super) key_light: f32,
    pub(super) ambient: f32,
    pub(super) backdrop: Backdrop,
    pub(super) post_process: PostProcess,
    /// Samples of the package per pixel in each direction.
    pub(super) samples_per_axis: usize,
}

impl SceneSettings {
    /// A random scene at a kiosk.
    pub(super) fn random(rng: &mut Pcg64Mcg) -> Self {
        let lies_flat = rng.random_bool(0.25);
        let side: f32 = rng.random_range(-1.1..1.1);
        let key = rng.random_range(0.35..0.75);
        Self {
            yaw: if lies_flat { rng.random_range(-0.35..0.35) } else { rng.random_range(-0.6..0.6) },
            lies_flat,
            pitch: if lies_flat { rng.random_range(0.85..1.35) } else { rng.random_range(0.16..0.62) },
            roll: rng.random_range(-0.1..0.1),
            focal: rng.random_range(1.3..2.3),
            frame_share: rng.random_range(0.60..0.86),
            shift: (rng.random_range(-0.07..0.07), rng.random_range(-0.05..0.05)),
            light_direction: vec3(side, rng.random_range(0.9..1.6), rng.random_range(0.35..1.2)).normalise(),
            key_light: key,
            ambient: 0.98 - key * 0.75,
            backdrop: Backdrop::random(rng),
            post_process: PostProcess::random(rng),
            samples_per_axis: 2,
        }
    }

    /// The scene of the contact sheet.
    pub(super) fn studio(tint: Colour, seed: u32) -> Self {
        Self {
            yaw: -0.33,
            lies_flat: false,
            pitch: 0.27,
            roll: 0.0,
            focal: 2.1,
            frame_share: 0.84,
            shift: (0.0, 0.015),
            light_direction: vec3(-0.75, 1.25, 0.8).normalise(),
            key_light: 0.78,
            ambient: 0.56,
            backdrop: Backdrop::studio(tint, seed),
            post_process: PostProcess::studio(),
            samples_per_axis: 3,
        }
    }
}

/// The position of the camera and the axes of its picture.
pub(super) struct Camera {
    pub(super) eye: Vec3,
    pub(super) right: Vec3,
    pub(super) up: Vec3,
    pub(super) forward: Vec3,
    pub(super) focal: f32,
    pub(super) middle: (f32, f32),
}

impl Camera {
    pub(super) fn new(settings: &SceneSettings, mesh: &PackageMesh, side: f32) -> Self {
        let (sin, cos) = settings.pitch.sin_cos();
        let target = vec3(0.0, if settings.lies_flat { mesh.half_depth } else { mesh.height / 2.0 }, 0.0);
        // The extent of the package across and along the picture, from this direction.
        let turned = mesh.half_width * settings.yaw.cos().abs() + mesh.half_depth * settings.yaw.sin().abs();
        let (across, along) = if settings.lies_flat {
            (turned + mesh.height * 0.5 * settings.yaw.sin().abs(), mesh.height * sin + 2.0 * mesh.half_depth * cos)
        } else {
            (turned, mesh.height * cos + 2.0 * mesh.half_depth * sin)
        };
        // Small packages look a little smaller, as with one fixed camera.
        let extent = along.max(2.0 * across) * 0.8 + 0.2;
        let near = mesh.half_depth.max(mesh.half_width * 0.5);
        let distance = settings.focal * extent / settings.frame_share + near;
        let forward = vec3(0.0, -sin, -cos);
        let (rs, rc) = settings.roll.sin_cos();
        let (level, upright) = (vec3(1.0, 0.0, 0.0), vec3(0.0, cos, -sin));
        Self {
            eye: target - forward * distance,
            right: level * rc + upright * rs,
            up: upright * rc - level * rs,
            forward,
            focal: settings.focal * side,
            middle: (side * (0.5 + settings.shift.0), side * (0.5 + settings.shift.1)),
        }
    }

    /// The position in the picture and 1/distance of a point.
    pub(super) fn project(&self, place: Vec3) -> (f32, f32, f32) {
        let to = place - self.eye;
        let depth = 1.0 / to.dot(self.forward).max(0.05);
        let scale = self.focal * depth;
        (self.middle.0 + to.dot(self.right) * scale, self.middle.1 - to.dot(self.up) * scale, depth)
    }

    /// The direction of a pixel's ray, with a depth of one unit.
    pub(super) fn ray(&self, x: f32, y: f32) -> Vec3 {
        self.forward + self.right * ((x - self.middle.0) / self.focal) - self.up * ((y - self.middle.1) / self.focal)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::catalogue::catalogue;
    use super::super::{package_mesh, render};
    use super::*;

    #[test]
    fn every_package_stays_in_the_frame_of_every_scene() {
        for (package, seed) in catalogue(8, 120).iter().flat_map(|p| (0..12).map(move |seed| (p, seed))) {
            let settings = SceneSettings::random(&mut Pcg64Mcg::seed_from_u64(seed * 977 + package.seed));
            let mut mesh = package_mesh::build_mesh(package);
            render::pose_mesh(&mut mesh, &settings);
            let camera = Camera::new(&settings, &mesh, 1.0);
            for point in mesh.surfaces.iter().flat_map(|surface| &surface.points) {
                let (x, y, _) = camera.project(point.position);
                let inside = (-0.03..1.03).contains(&x) && (-0.03..1.03).contains(&y);
                assert!(inside, "{} in view {seed}: ({x}, {y})", package.name);
            }
        }
    }
}
