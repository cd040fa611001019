//! Renders a package: poses its mesh, shades it, and composites it with the backdrop.
//!
//! Invariants: a picture depends on the package, the view's seed and the size alone; the mesh is drawn with several samples per
//! pixel, the backdrop with one.

use image::{RgbImage, Rgba, RgbaImage};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::canvas::{Colour, smoothstep};
use super::catalogue::Package;
use super::label;
use super::package_mesh::{PackageMesh, build_mesh};
use super::raster::{Fill, FrameBuffer, Texture, Vertex};
use super::scene::{Camera, SceneSettings};
use super::shadow::SceneShadows;
use super::surface::{Material, SurfaceColour};
use super::vec3::{Vec3, vec3};

/// Renders a photo of `side` × `side` pixels, as a kiosk camera might take it. The view's seed determines pose, light, backdrop and
/// camera; equal arguments give equal pictures.
pub fn render_photo(package: &Package, view_seed: u64, side: u32) -> RgbImage {
    render_view(package, view_seed, side).picture
}

/// The package as [`render_photo`] shows it, cut out: a pixel is as opaque as the package covers it.
pub fn render_cutout(package: &Package, view_seed: u64, side: u32) -> RgbaImage {
    let rendering = render_view(package, view_seed, side);
    RgbaImage::from_fn(side, side, |x, y| {
        let [red, green, blue] = rendering.picture.get_pixel(x, y).0;
        Rgba([red, green, blue, rendering.opacity(x as usize, y as usize)])
    })
}

fn render_view(package: &Package, view_seed: u64, side: u32) -> Rendering {
    // Without the odd multiplier, view n + 1 would resemble view n of another package.
    let mut rng = Pcg64Mcg::seed_from_u64(package.seed ^ view_seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let settings = SceneSettings::random(&mut rng);
    render(package, &settings, side, &mut rng)
}

/// Renders the picture for the contact sheet.
pub(super) fn render_tile(package: &Package, side: u32) -> RgbImage {
    let mut rng = Pcg64Mcg::seed_from_u64(package.seed);
    let settings = SceneSettings::studio(package.design.contents, package.seed as u32);
    render(package, &settings, side, &mut rng).picture
}

/// A picture, and the samples of the package in it.
struct Rendering {
    picture: RgbImage,
    package: FrameBuffer,
    /// The pixel at which the buffer starts.
    position: (usize, usize),
    samples_per_axis: usize,
}

impl Rendering {
    /// How much of the pixel the package covers, up to 255.
    fn opacity(&self, x: usize, y: usize) -> u8 {
        let samples = self.samples_per_axis;
        let (Some(column), Some(row)) = (x.checked_sub(self.position.0), y.checked_sub(self.position.1)) else {
            return 0;
        };
        if (column + 1) * samples > self.package.width || (row + 1) * samples > self.package.rows {
            return 0;
        }
        let covered = (0..samples).flat_map(|line| {
            let start = (row * samples + line) * self.package.width + column * samples;
            &self.package.depths[start..start + samples]
        });
        (covered.filter(|depth| **depth > 0.0).count() * 255 / (samples * samples)) as u8
    }
}

fn render(package: &Package, settings: &SceneSettings, side: u32, rng: &mut Pcg64Mcg) -> Rendering {
    let samples_per_axis = settings.samples_per_axis;
    if side == 0 {
        let (picture, package) = (RgbImage::new(0, 0), FrameBuffer::new(0, 0));
        return Rendering { picture, package, position: (0, 0), samples_per_axis };
    }
    let size = side as usize;
    let mut mesh = build_mesh(package);
    pose_mesh(&mut mesh, settings);
    let camera = Camera::new(settings, &mesh, side as f32);
    let shadows = SceneShadows::cast(&mesh, settings.light_direction);
    let textures = make_textures(package, &mesh, &camera);
    let (package_buffer, position) = rasterise(&mesh, &textures, settings, &camera, size, false);
    let covered_pixels = covered_pixels(&package_buffer, position, samples_per_axis, size);
    let mut light = render_backdrop(settings, &camera, &shadows, size, &covered_pixels);
    if settings.backdrop.reflectance > 0.0 {
        let (image, position) = rasterise(&mesh, &textures, settings, &camera, size, true);
        composite(&mut light, size, &image, position, 1, settings.backdrop.reflectance);
    }
    composite(&mut light, size, &package_buffer, position, samples_per_axis, 1.0);
    let picture = settings.post_process.apply(light, size, rng);
    Rendering { picture, package: package_buffer, position, samples_per_axis }
}

/// Moves and rotates the mesh as the scene requires.
pub(super) fn pose_mesh(mesh: &mut PackageMesh, settings: &SceneSettings) {
    let turn = settings.yaw.sin_cos();
    let (height, depth) = (mesh.height, mesh.half_depth);
    for point in mesh.surfaces.iter_mut().flat_map(|surface| surface.points.iter_mut()) {
        if settings.lies_flat {
            let (p, n) = (point.position, point.normal);
            point.position = vec3(p.x, p.z + depth, height / 2.0 - p.y);
            point.normal = vec3(n.x, n.z, -n.y);
        }
        point.position = point.position.rotate_yaw(turn);
        point.normal = point.normal.rotate_yaw(turn);
    }
}

/// The textures of label and lid, at the resolution of the picture.
fn make_textures(package: &Package, mesh: &PackageMesh, camera: &Camera) -> [Option<Texture>; 2] {
    let nearest = mesh.half_depth.max(0.1);
    let distance = (camera.eye - vec3(0.0, mesh.height / 2.0, 0.0)).length() - nearest;
    let scale = camera.focal / distance * 1.35;
    let paper = Texture::new(&label::paint_label(&package.design, mesh.label_size, scale));
    let top = mesh.lid_size.map(|size| Texture::new(&label::paint_lid(&package.design, size, scale)));
    [Some(paper), top]
}

/// The pixels that the package covers completely: the backdrop need not be rendered there.
fn covered_pixels(buffer: &FrameBuffer, (left, top): (usize, usize), samples: usize, side: usize) -> Vec<bool> {
    let mut covered_pixels = vec![false; side * side];
    for row in 0..buffer.rows / samples {
        for column in 0..buffer.width / samples {
            let covered = (0..samples).all(|y| {
                let from = (row * samples + y) * buffer.width + column * samples;
                buffer.depths[from..from + samples].iter().all(|depth| *depth > 0.0)
            });
            covered_pixels[(top + row) * side + left + column] = covered;
        }
    }
    covered_pixels
}

/// Counter and wall in linear light; black where the package covers them.
fn render_backdrop(
    settings: &SceneSettings,
    camera: &Camera,
    shadows: &SceneShadows,
    side: usize,
    covered_pixels: &[bool],
) -> Vec<Colour> {
    let mut light = Vec::with_capacity(side * side);
    let level = settings.ambient + settings.key_light * settings.light_direction.y;
    let back = -settings.backdrop.wall_distance;
    for row in 0..side {
        for column in 0..side {
            if covered_pixels[row * side + column] {
                light.push([0.0; 3]);
                continue;
            }
            let ray = camera.ray(column as f32 + 0.5, row as f32 + 0.5);
            let down = if ray.y < -1e-4 { -camera.eye.y / ray.y } else { 1e6 };
            let (x, z) = (camera.eye.x + ray.x * down, camera.eye.z + ray.z * down);
            // The counter's back edge is antialiased over one pixel.
            let footprint = down / camera.focal / (-ray.y).max(0.02);
            let counter = ((z - back) / footprint + 0.5).clamp(0.0, 1.0);
            let mut colour = [0.0; 3];
            if counter > 0.0 {
                let surface = settings.backdrop.counter_colour(x, z, footprint);
                // More light around the package, its shadow, and a dark line at the wall.
                let pool = 1.06 - 0.16 * (x * x + z * z).min(2.0);
                let joint = 0.75 + 0.25 * smoothstep(0.0, 0.14, z - back);
                let shade = pool * joint * level * shadows.light_at(x, z);
                colour = surface.map(|c| c * c * shade * counter);
            }
            if counter < 1.0 {
                let to_wall = (back - camera.eye.z) / ray.z.min(-1e-4);
                let wall =
                    settings.backdrop.wall_colour(camera.eye.x + ray.x * to_wall, camera.eye.y + ray.y * to_wall);
                for (c, w) in colour.iter_mut().zip(wall) {
                    *c += w * w * (0.55 + 0.4 * level) * (1.0 - counter);
                }
            }
            light.push(colour);
        }
    }
    light
}

/// Diffuse and specular light of a point.
fn shade(settings: &SceneSettings, eye: Vec3, position: Vec3, normal: Vec3, material: Material) -> (f32, f32) {
    let towards = (eye - position).normalise();
    let facing = normal.dot(settings.light_direction).max(0.0);
    let mirrored = normal * (2.0 * normal.dot(towards)) - towards;
    // Less light arrives close to the counter.
    let ground_shade = 0.66 + 0.34 * smoothstep(-0.02, 0.16, position.y);
    let half = (settings.light_direction + towards).normalise();
    let highlight = normal.dot(half).max(0.0).powf(material.shininess);
    if material.metal {
        // Polished metal reflects the room: bright above, dark at eye level, lights at the left and right.
        let stripe = (mirrored.x.atan2(mirrored.z + 0.4) * 3.0 + 0.6).sin() * 0.5 + 0.5;
        let room = 0.3 + 0.55 * smoothstep(-0.3, 0.75, mirrored.y) + 0.45 * stripe * stripe * (1.0 - mirrored.y.abs());
        return (room * ground_shade * (0.55 + 0.55 * settings.key_light), material.gloss * highlight);
    }
    let light = (settings.ambient * (0.82 + 0.18 * normal.y) + settings.key_light * facing) * ground_shade;
    let around = mirrored.x.atan2(mirrored.z);
    let window = settings.light_direction.x.atan2(settings.light_direction.z) * 1.25;
    // The reflection of a tall window beside the lamp: a bright stripe on round glossy surfaces.
    let pane = smoothstep(0.36, 0.16, (around - window).abs())
        * smoothstep(-0.85, -0.6, mirrored.y)
        * smoothstep(0.8, 0.5, mirrored.y);
    let rim = (1.0 - normal.dot(towards).clamp(0.0, 1.0)).powi(4) * 0.22;
    (light, material.gloss * settings.key_light * (0.5 * highlight + 0.55 * pane + rim) * ground_shade)
}

/// Rasterises the mesh into a frame buffer just large enough, and returns the pixel at which the buffer starts. The mirror image
/// has one sample per pixel and no highlights.
fn rasterise(
    mesh: &PackageMesh,
    textures: &[Option<Texture>; 2],
    settings: &SceneSettings,
    camera: &Camera,
    side: usize,
    mirrored: bool,
) -> (FrameBuffer, (usize, usize)) {
    let samples = if mirrored { 1 } else { settings.samples_per_axis };
    let mut vertices: Vec<Vec<Vertex>> = Vec::with_capacity(mesh.surfaces.len());
    let mut bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
    for surface in &mesh.surfaces {
        let projected = surface.points.iter().map(|point| {
            let (mut position, mut normal) = (point.position, point.normal);
            let (light, gloss) = shade(settings, camera.eye, position, normal, surface.material);
            if mirrored {
                position.y = -position.y;
                normal.y = -normal.y;
            }
            let (x, y, depth) = camera.project(position);
            bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
            let faces_away = normal.dot(camera.eye - position) < -0.4 * (camera.eye - position).length();
            let gloss = if mirrored { 0.0 } else { gloss };
            // A negative light marks a vertex that faces away; its triangles are skipped.
            Vertex { x, y, depth, s: point.s, v: point.v, light: if faces_away { -1.0 } else { light }, gloss }
        });
        vertices.push(projected.collect());
    }
    let clip = |value: f32| value.clamp(0.0, side as f32) as usize;
    let (left, top) = (clip(bounds[0].floor()), clip(bounds[1].floor()));
    let (right, bottom) = (clip(bounds[2].ceil()), clip(bounds[3].ceil()));
    let mut buffer = FrameBuffer::new((right - left) * samples, (bottom - top) * samples);
    let factor = samples as f32;
    for (surface, vertices) in mesh.surfaces.iter().zip(&mut vertices) {
        for vertex in vertices.iter_mut() {
            vertex.x = (vertex.x - left as f32) * factor;
            vertex.y = (vertex.y - top as f32) * factor;
        }
        let fill = match surface.colour {
            SurfaceColour::Colour(colour) => Fill::Colour(colour.map(|c| c * c)),
            SurfaceColour::Label => textures[0].as_ref().map_or(Fill::Colour([0.5; 3]), Fill::Texture),
            SurfaceColour::Lid => textures[1].as_ref().map_or(Fill::Colour([0.5; 3]), Fill::Texture),
        };
        for upper in surface.columns..vertices.len() {
            if upper % surface.columns == 0 {
                continue;
            }
            let quad = [
                vertices[upper - surface.columns - 1],
                vertices[upper - surface.columns],
                vertices[upper - 1],
                vertices[upper],
            ];
            if quad.iter().any(|vertex| vertex.light < 0.0) {
                continue;
            }
            buffer.fill_triangle([quad[0], quad[1], quad[2]], &fill);
            buffer.fill_triangle([quad[1], quad[3], quad[2]], &fill);
        }
    }
    (buffer, (left, top))
}

/// Composites a frame buffer with the picture: the mean of each pixel's samples, as opaque as they cover the pixel.
fn composite(
    light: &mut [Colour],
    side: usize,
    buffer: &FrameBuffer,
    (left, top): (usize, usize),
    samples: usize,
    opacity: f32,
) {
    let (width, rows) = (buffer.width / samples, buffer.rows / samples);
    let share = opacity / (samples * samples) as f32;
    for row in 0..rows {
        for column in 0..width {
            let (mut sum, mut covered) = ([0.0_f32; 3], 0.0);
            for sample in 0..samples * samples {
                let x = column * samples + sample % samples;
                let y = row * samples + sample / samples;
                let at = y * buffer.width + x;
                if buffer.depths[at] > 0.0 {
                    covered += share;
                    for (total, surface) in sum.iter_mut().zip(buffer.colours[at]) {
                        *total += surface * share;
                    }
                }
            }
            if covered > 0.0 {
                let pixel = &mut light[(top + row) * side + left + column];
                for (value, surface) in pixel.iter_mut().zip(sum) {
                    *value = *value * (1.0 - covered) + surface;
                }
            }
        }
    }
}
