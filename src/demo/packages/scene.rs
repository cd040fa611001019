//! Places a package before a camera and takes the picture.
//!
//! Invariants: everything about a picture follows from the package and the view's seed; the package's geometry is drawn with several samples a pixel, the counter with one.

use image::RgbImage;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::canvas::{Colour, ramp};
use super::catalogue::Package;
use super::goods::{Model, model};
use super::label;
use super::raster::{Corner, Layer, Skin, Texture};
use super::shadow::Shadows;
use super::shape::{Finish, Paint};
use super::vector::{Vector, vector};
use super::view::{Camera, View};

/// Takes one picture of `side` × `side` pixels as a kiosk camera might: the view's seed decides pose, light, counter and
/// camera, the package what stands there. Any seed will do; equal arguments give equal pictures.
pub fn photograph(package: &Package, view_seed: u64, side: u32) -> RgbImage {
    // An odd multiplier keeps neighbouring seeds apart; without it view n + 1 would resemble view n of another package.
    let mut rng = Pcg64Mcg::seed_from_u64(package.seed ^ view_seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let view = View::throw(&mut rng);
    take(package, &view, side, &mut rng)
}

/// The picture for the contact sheet.
pub(super) fn portrait(package: &Package, side: u32) -> RgbImage {
    let mut rng = Pcg64Mcg::seed_from_u64(package.seed);
    let view = View::studio(package.design.contents, package.seed as u32);
    take(package, &view, side, &mut rng)
}

fn take(package: &Package, view: &View, side: u32, rng: &mut Pcg64Mcg) -> RgbImage {
    if side == 0 {
        return RgbImage::new(0, 0);
    }
    let size = side as usize;
    let mut model = model(package);
    stand(&mut model, view);
    let camera = Camera::new(view, &model, side as f32);
    let shadows = Shadows::cast(&model, view.light);
    let skins = skins(package, &model, &camera);
    let (package_layer, place) = draw(&model, &skins, view, &camera, size, false);
    let hidden = hidden(&package_layer, place, view.samples, size);
    let mut light = surroundings(view, &camera, &shadows, size, &hidden);
    if view.counter.mirror > 0.0 {
        let (image, place) = draw(&model, &skins, view, &camera, size, true);
        lay(&mut light, size, &image, place, 1, view.counter.mirror);
    }
    lay(&mut light, size, &package_layer, place, view.samples, 1.0);
    view.film.develop(light, size, rng)
}

/// Moves the model to where the view wants it.
pub(super) fn stand(model: &mut Model, view: &View) {
    let turn = view.yaw.sin_cos();
    let (height, depth) = (model.height, model.half_depth);
    for point in model.parts.iter_mut().flat_map(|part| part.points.iter_mut()) {
        if view.lying {
            let (p, n) = (point.place, point.normal);
            point.place = vector(p.x, p.z + depth, height / 2.0 - p.y);
            point.normal = vector(n.x, n.z, -n.y);
        }
        point.place = point.place.yawed(turn);
        point.normal = point.normal.yawed(turn);
    }
}

/// Paints the paper as finely as the picture will show it.
fn skins(package: &Package, model: &Model, camera: &Camera) -> [Option<Texture>; 2] {
    let nearest = model.half_depth.max(0.1);
    let distance = (camera.eye - vector(0.0, model.height / 2.0, 0.0)).length() - nearest;
    let scale = camera.focal / distance * 1.35;
    let paper = Texture::new(&label::paint(&package.design, model.panel, scale));
    let top = model.top.map(|size| Texture::new(&label::paint_top(&package.design, size, scale)));
    [Some(paper), top]
}

/// The pixels that the package covers wholly: what is behind them need not be drawn.
fn hidden(layer: &Layer, (left, top): (usize, usize), samples: usize, side: usize) -> Vec<bool> {
    let mut hidden = vec![false; side * side];
    for row in 0..layer.rows / samples {
        for column in 0..layer.width / samples {
            let covered = (0..samples).all(|y| {
                let from = (row * samples + y) * layer.width + column * samples;
                layer.depths[from..from + samples].iter().all(|depth| *depth > 0.0)
            });
            hidden[(top + row) * side + left + column] = covered;
        }
    }
    hidden
}

/// Counter and wall, in linear light; black where they are hidden.
fn surroundings(view: &View, camera: &Camera, shadows: &Shadows, side: usize, hidden: &[bool]) -> Vec<Colour> {
    let mut light = Vec::with_capacity(side * side);
    let level = view.ambient + view.key * view.light.y;
    let back = -view.counter.depth;
    for row in 0..side {
        for column in 0..side {
            if hidden[row * side + column] {
                light.push([0.0; 3]);
                continue;
            }
            let ray = camera.ray(column as f32 + 0.5, row as f32 + 0.5);
            let down = if ray.y < -1e-4 { -camera.eye.y / ray.y } else { 1e6 };
            let (x, z) = (camera.eye.x + ray.x * down, camera.eye.z + ray.z * down);
            // How far the counter's back edge is, in pixels: the edge is softened over one.
            let footprint = down / camera.focal / (-ray.y).max(0.02);
            let counter = ((z - back) / footprint + 0.5).clamp(0.0, 1.0);
            let mut colour = [0.0; 3];
            if counter > 0.0 {
                let surface = view.counter.surface(x, z, footprint);
                // A pool of light around the package, its shadow, and the dark line where the wall begins.
                let pool = 1.06 - 0.16 * (x * x + z * z).min(2.0);
                let joint = 0.75 + 0.25 * ramp(0.0, 0.14, z - back);
                let shade = pool * joint * level * shadows.light_at(x, z);
                colour = surface.map(|c| c * c * shade * counter);
            }
            if counter < 1.0 {
                let to_wall = (back - camera.eye.z) / ray.z.min(-1e-4);
                let wall = view.counter.wall(camera.eye.x + ray.x * to_wall, camera.eye.y + ray.y * to_wall);
                for (c, w) in colour.iter_mut().zip(wall) {
                    *c += w * w * (0.55 + 0.4 * level) * (1.0 - counter);
                }
            }
            light.push(colour);
        }
    }
    light
}

/// Scattered and mirrored light of a point.
fn lit(view: &View, eye: Vector, place: Vector, normal: Vector, finish: Finish) -> (f32, f32) {
    let towards = (eye - place).unit();
    let facing = normal.dot(view.light).max(0.0);
    let mirrored = normal * (2.0 * normal.dot(towards)) - towards;
    // Close to the counter less light arrives.
    let corner = 0.66 + 0.34 * ramp(-0.02, 0.16, place.y);
    let half = (view.light + towards).unit();
    let spot = normal.dot(half).max(0.0).powf(finish.shine);
    if finish.metal {
        // Polished metal shows the room: bright above, a dark band at eye level, lights to the left and right.
        let stripe = (mirrored.x.atan2(mirrored.z + 0.4) * 3.0 + 0.6).sin() * 0.5 + 0.5;
        let room = 0.3 + 0.55 * ramp(-0.3, 0.75, mirrored.y) + 0.45 * stripe * stripe * (1.0 - mirrored.y.abs());
        return (room * corner * (0.55 + 0.55 * view.key), finish.gloss * spot);
    }
    let light = (view.ambient * (0.82 + 0.18 * normal.y) + view.key * facing) * corner;
    let around = mirrored.x.atan2(mirrored.z);
    let window = view.light.x.atan2(view.light.z) * 1.25;
    // A tall window to the side of the lamp: a bright stripe on everything round and glossy.
    let pane = ramp(0.36, 0.16, (around - window).abs()) * ramp(-0.85, -0.6, mirrored.y) * ramp(0.8, 0.5, mirrored.y);
    let rim = (1.0 - normal.dot(towards).clamp(0.0, 1.0)).powi(4) * 0.22;
    (light, finish.gloss * view.key * (0.5 * spot + 0.55 * pane + rim) * corner)
}

/// Draws the model into a layer just large enough; also says at which pixel the layer starts. The mirror image has one sample
/// a pixel and no highlights.
fn draw(
    model: &Model,
    skins: &[Option<Texture>; 2],
    view: &View,
    camera: &Camera,
    side: usize,
    mirrored: bool,
) -> (Layer, (usize, usize)) {
    let samples = if mirrored { 1 } else { view.samples };
    let mut corners: Vec<Vec<Corner>> = Vec::with_capacity(model.parts.len());
    let mut bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
    for part in &model.parts {
        let projected = part.points.iter().map(|point| {
            let (mut place, mut normal) = (point.place, point.normal);
            let (light, gloss) = lit(view, camera.eye, place, normal, part.finish);
            if mirrored {
                place.y = -place.y;
                normal.y = -normal.y;
            }
            let (x, y, depth) = camera.project(place);
            bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
            let away = normal.dot(camera.eye - place) < -0.4 * (camera.eye - place).length();
            let gloss = if mirrored { 0.0 } else { gloss };
            // A corner that surely faces away is marked by a negative light and its triangles are left out.
            Corner { x, y, depth, s: point.s, v: point.v, light: if away { -1.0 } else { light }, gloss }
        });
        corners.push(projected.collect());
    }
    let clip = |value: f32| value.clamp(0.0, side as f32) as usize;
    let (left, top) = (clip(bounds[0].floor()), clip(bounds[1].floor()));
    let (right, bottom) = (clip(bounds[2].ceil()), clip(bounds[3].ceil()));
    let mut layer = Layer::new((right - left) * samples, (bottom - top) * samples);
    let factor = samples as f32;
    for (part, corners) in model.parts.iter().zip(&mut corners) {
        for corner in corners.iter_mut() {
            corner.x = (corner.x - left as f32) * factor;
            corner.y = (corner.y - top as f32) * factor;
        }
        let skin = match part.paint {
            Paint::Colour(colour) => Skin::Colour(colour.map(|c| c * c)),
            Paint::Label => skins[0].as_ref().map_or(Skin::Colour([0.5; 3]), Skin::Picture),
            Paint::Top => skins[1].as_ref().map_or(Skin::Colour([0.5; 3]), Skin::Picture),
        };
        for upper in part.columns..corners.len() {
            if upper % part.columns == 0 {
                continue;
            }
            let quad =
                [corners[upper - part.columns - 1], corners[upper - part.columns], corners[upper - 1], corners[upper]];
            if quad.iter().any(|corner| corner.light < 0.0) {
                continue;
            }
            layer.triangle([quad[0], quad[1], quad[2]], &skin);
            layer.triangle([quad[1], quad[3], quad[2]], &skin);
        }
    }
    (layer, (left, top))
}

/// Lays a layer over the picture: the mean of its samples, as opaque as they cover the pixel.
fn lay(light: &mut [Colour], side: usize, layer: &Layer, (left, top): (usize, usize), samples: usize, opacity: f32) {
    let (width, rows) = (layer.width / samples, layer.rows / samples);
    let share = opacity / (samples * samples) as f32;
    for row in 0..rows {
        for column in 0..width {
            let (mut sum, mut covered) = ([0.0_f32; 3], 0.0);
            for sample in 0..samples * samples {
                let x = column * samples + sample % samples;
                let y = row * samples + sample / samples;
                let at = y * layer.width + x;
                if layer.depths[at] > 0.0 {
                    covered += share;
                    for (total, part) in sum.iter_mut().zip(layer.colours[at]) {
                        *total += part * share;
                    }
                }
            }
            if covered > 0.0 {
                let pixel = &mut light[(top + row) * side + left + column];
                for (value, part) in pixel.iter_mut().zip(sum) {
                    *value = *value * (1.0 - covered) + part;
                }
            }
        }
    }
}
