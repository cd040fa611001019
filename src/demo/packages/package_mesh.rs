//! Builds the meshes of the eight kinds of packages: their surfaces, their proportions, and the size of their label.
//!
//! Invariants: a mesh is 0.3 to 1.05 units tall, and its width fits its camera distance; the label has the size of the surface
//! that carries it, so nothing on it is stretched.

use std::f32::consts::PI;

use super::PackageKind;
use super::canvas::{Colour, hex, mix, smoothstep};
use super::catalogue::{Package, PackageDesign};
use super::label::LabelSize;
use super::surface::{
    CARD, FOIL, GLASS, METAL, Material, Outline, PAPER, PLASTIC, PRINTED_METAL, Ring, Surface, SurfaceColour, circle,
    interpolate_rings, sweep_outline,
};
use super::vec3::{Vec3, vec3};

const STEEL: Colour = hex(0xc3c6c9);
const TUBE: Outline = Outline::Round(64);

pub(super) struct PackageMesh {
    pub(super) surfaces: Vec<Surface>,
    pub(super) label_size: LabelSize,
    /// Half the width and the depth of a printed lid.
    pub(super) lid_size: Option<(f32, f32)>,
    pub(super) height: f32,
    pub(super) half_width: f32,
    pub(super) half_depth: f32,
}

impl PackageMesh {
    fn new(label_size: LabelSize, height: f32, half_width: f32, half_depth: f32) -> Self {
        Self { surfaces: Vec::with_capacity(8), label_size, lid_size: None, height, half_width, half_depth }
    }

    /// Adds a surface of one colour.
    fn add_plain_surface(&mut self, outline: Outline, rings: &[Ring], colour: Colour, material: Material) {
        self.add_surface(outline, rings, 0.0, SurfaceColour::Colour(colour), material);
    }

    /// Adds the flat base of the package.
    fn add_base(&mut self, outline: Outline, (rx, rz): (f32, f32), colour: Colour, material: Material) {
        let ring = |share: f32| Ring { y: 0.0, rx: rx * share, rz: rz * share };
        self.add_plain_surface(outline, &[ring(0.01), ring(0.5), ring(0.9), ring(1.0)], colour, material);
    }

    /// Adds a surface whose label has its upper edge at `top`.
    fn add_surface(&mut self, outline: Outline, rings: &[Ring], top: f32, colour: SurfaceColour, material: Material) {
        let girth = rings.iter().copied().max_by(|a, b| (a.rx + a.rz).total_cmp(&(b.rx + b.rz)));
        if let Some(girth) = girth {
            let (points, columns) = sweep_outline(outline, rings, (girth, top), |place, _| place);
            self.surfaces.push(Surface { points, columns, colour, material });
        }
    }
}

pub(super) fn build_mesh(package: &Package) -> PackageMesh {
    let design = &package.design;
    match package.kind {
        PackageKind::Box => folding_box(design),
        PackageKind::Can => can(design, 0.27 + 0.04 * design.proportions[0], 0.80),
        PackageKind::Tin => can(design, 0.36 + 0.04 * design.proportions[0], 0.30 + 0.08 * design.proportions[1]),
        PackageKind::SlimCan => slim_can(design),
        PackageKind::Bottle => bottle(design),
        PackageKind::Pouch => pouch(design),
        PackageKind::Carton => carton(design),
        PackageKind::Jar => jar(design),
    }
}

/// The label around a tube: a little more than the visible half.
fn tube_label_size(radius: f32, height: f32) -> LabelSize {
    LabelSize { half: radius * PI * 0.68, front: radius * 1.6, height }
}

fn folding_box(design: &PackageDesign) -> PackageMesh {
    let low = design.noun == "Crackers" || design.noun == "Tea" || design.noun == "Oat Bars";
    let height = if low { 0.62 + 0.12 * design.proportions[0] } else { 0.92 + 0.08 * design.proportions[0] };
    let rx = 0.30 + 0.06 * design.proportions[1];
    let rz = 0.09 + 0.06 * design.proportions[2] + if low { 0.05 } else { 0.0 };
    let label_size = LabelSize { half: rx + 2.0 * rz, front: 2.0 * rx, height };
    let mut mesh = PackageMesh::new(label_size, height, rx, rz);
    let bevel = 0.008;
    let mut rings = interpolate_rings(Ring { y: 0.0, rx, rz }, Ring { y: height - bevel, rx, rz }, 14);
    rings.push(Ring { y: height, rx: rx - bevel, rz: rz - bevel });
    mesh.add_surface(Outline::RoundedRectangle(0.01), &rings, height, SurfaceColour::Label, CARD);
    let lid = interpolate_rings(
        Ring { y: height, rx: rx - bevel, rz: rz - bevel },
        Ring { y: height, rx: 0.01, rz: 0.002 },
        4,
    );
    mesh.add_surface(Outline::RoundedRectangle(0.01), &lid, height, SurfaceColour::Lid, CARD);
    set_flat_texture(&mut mesh.surfaces[1], rz);
    mesh.add_base(Outline::RoundedRectangle(0.01), (rx, rz), mix(design.base, [0.0; 3], 0.08), CARD);
    mesh.lid_size = Some((rx, 2.0 * rz));
    mesh
}

/// Gives a horizontal lid the texture coordinates of a flat label instead of a wrapped one.
fn set_flat_texture(lid: &mut Surface, half_depth: f32) {
    for point in &mut lid.points {
        point.s = point.position.x;
        point.v = point.position.z + half_depth;
        point.normal = vec3(0.0, 1.0, 0.0);
    }
}

fn can(design: &PackageDesign, radius: f32, height: f32) -> PackageMesh {
    let (foot, crown) = (0.035, height - 0.035);
    let mut mesh = PackageMesh::new(tube_label_size(radius, crown - foot), height, radius, radius);
    let rim = |y: f32, up: f32| {
        vec![
            circle(y, radius * 0.985),
            circle(y + up * 0.006, radius * 1.012),
            circle(y + up * 0.018, radius * 1.02),
            circle(y + up * 0.028, radius * 1.005),
            circle(y + up * 0.034, radius * 0.97),
        ]
    };
    let mut bottom = rim(foot, -1.0);
    bottom.reverse();
    mesh.add_plain_surface(TUBE, &bottom, STEEL, METAL);
    mesh.add_base(TUBE, (radius * 0.97, radius * 0.97), mix(STEEL, [0.0; 3], 0.15), METAL);
    // Beads in the wall, which show through the label.
    let mut wall = interpolate_rings(circle(foot, radius), circle(crown, radius), 40);
    for ring in &mut wall {
        let share = (ring.y - foot) / (crown - foot);
        let bead = if height > 0.5 {
            0.005 * (share * 44.0).sin() * smoothstep(0.18, 0.3, 0.5 - (share - 0.5).abs())
        } else {
            0.0
        };
        ring.rx += radius * bead;
        ring.rz += radius * bead;
    }
    mesh.add_surface(TUBE, &wall, crown, SurfaceColour::Label, PAPER);
    mesh.add_plain_surface(TUBE, &rim(crown, 1.0), STEEL, METAL);
    can_lid(&mut mesh, radius * 0.97, height - 0.001, design.proportions[2] > 0.4);
    mesh
}

/// The recessed lid of a can with its rings and, if it has one, the tab.
fn can_lid(mesh: &mut PackageMesh, radius: f32, height: f32, tab: bool) {
    let sunk = height - 0.03;
    mesh.add_plain_surface(
        TUBE,
        &[circle(height, radius), circle(sunk, radius * 0.93)],
        mix(STEEL, [0.0; 3], 0.25),
        METAL,
    );
    let end = [
        circle(sunk, radius * 0.93),
        circle(sunk + 0.006, radius * 0.86),
        circle(sunk, radius * 0.80),
        circle(sunk, radius * 0.66),
        circle(sunk + 0.006, radius * 0.6),
        circle(sunk + 0.004, radius * 0.5),
        circle(sunk + 0.004, 0.002),
    ];
    mesh.add_plain_surface(TUBE, &end, STEEL, METAL);
    if tab {
        let y = sunk + 0.012;
        let (rx, rz) = (radius * 0.17, radius * 0.3);
        let ends =
            [Ring { y: y - 0.006, rx, rz }, Ring { y, rx, rz }, Ring { y: y + 0.004, rx: rx * 0.8, rz: rz * 0.85 }];
        mesh.add_plain_surface(Outline::Round(24), &ends, mix(STEEL, [0.0; 3], 0.1), METAL);
        mesh.add_plain_surface(
            Outline::Round(24),
            &[ends[2], Ring { y: y + 0.001, rx: rx * 0.3, rz: rz * 0.3 }, Ring { y, rx: 0.002, rz: 0.002 }],
            mix(STEEL, [0.0; 3], 0.3),
            METAL,
        );
    }
}

fn slim_can(design: &PackageDesign) -> PackageMesh {
    let radius = 0.20 + 0.03 * design.proportions[0];
    let height = 0.92;
    let (foot, shoulder, neck) = (0.05, 0.80, 0.885);
    let mut mesh = PackageMesh::new(tube_label_size(radius, neck - foot), height, radius, radius);
    let bottom =
        [circle(0.0, radius * 0.72), circle(0.012, radius * 0.76), circle(0.04, radius * 0.95), circle(foot, radius)];
    mesh.add_plain_surface(TUBE, &bottom, STEEL, METAL);
    mesh.add_base(TUBE, (radius * 0.72, radius * 0.72), mix(STEEL, [0.0; 3], 0.2), METAL);
    let mut wall = interpolate_rings(circle(foot, radius), circle(shoulder, radius), 16);
    for (share, size) in [(0.25, 0.985), (0.5, 0.94), (0.75, 0.875), (1.0, 0.83)] {
        wall.push(circle(shoulder + (neck - shoulder) * share, radius * size));
    }
    mesh.add_surface(TUBE, &wall, neck, SurfaceColour::Label, PRINTED_METAL);
    let rim = [
        circle(neck, radius * 0.83),
        circle(neck + 0.01, radius * 0.82),
        circle(neck + 0.02, radius * 0.86),
        circle(neck + 0.03, radius * 0.86),
        circle(height, radius * 0.83),
    ];
    mesh.add_plain_surface(TUBE, &rim, STEEL, METAL);
    can_lid(&mut mesh, radius * 0.83, height - 0.001, true);
    mesh
}

fn bottle(design: &PackageDesign) -> PackageMesh {
    let oil = design.noun == "Olive Oil" || design.noun == "Syrup";
    let sauce = design.noun == "Sauce";
    let radius = if oil { 0.165 } else { 0.2 } + 0.03 * design.proportions[0];
    let neck = if oil { 0.055 } else { 0.075 };
    let shoulder = if oil { 0.60 } else { 0.54 } + 0.08 * design.proportions[1];
    let throat = if sauce { 0.84 } else { 0.80 };
    let height = 1.0;
    let (low, high) = (0.09, shoulder - 0.01);
    let mut mesh = PackageMesh::new(tube_label_size(radius + 0.003, high - low), height, radius, radius);
    let glass = match design.noun.as_str() {
        "Olive Oil" => hex(0x5a7035),
        "Ice Tea" => mix(hex(0xa9612a), design.contents, 0.25),
        _ => design.contents,
    };
    let mut body = vec![circle(0.0, radius * 0.86), circle(0.012, radius * 0.95), circle(0.04, radius)];
    body.extend(interpolate_rings(circle(0.06, radius), circle(shoulder, radius), 10));
    for i in 1..=12 {
        let t = i as f32 / 12.0;
        let ease = smoothstep(0.0, 1.0, t);
        body.push(circle(shoulder + (throat - shoulder) * t, radius + (neck - radius) * ease));
    }
    body.push(circle(0.90, neck));
    mesh.add_plain_surface(TUBE, &body, glass, GLASS);
    mesh.add_base(TUBE, (radius * 0.86, radius * 0.86), mix(glass, [0.0; 3], 0.15), GLASS);
    let paper = interpolate_rings(circle(low, radius + 0.003), circle(high, radius + 0.003), 10);
    mesh.add_surface(TUBE, &paper, high, SurfaceColour::Label, PAPER);
    mesh.add_plain_surface(
        TUBE,
        &[circle(0.875, neck + 0.012), circle(0.895, neck + 0.014), circle(0.9, neck)],
        design.lid,
        PLASTIC,
    );
    cap(&mut mesh, (0.9, height), neck + 0.014, design.lid, PLASTIC);
    mesh
}

/// A ribbed screw cap between two heights.
fn cap(mesh: &mut PackageMesh, (from, to): (f32, f32), radius: f32, colour: Colour, material: Material) {
    let mut rings = interpolate_rings(circle(from, radius), circle(to - 0.012, radius), 4);
    rings.push(circle(to - 0.003, radius * 0.96));
    rings.push(circle(to, radius * 0.9));
    let girth = circle(from, radius);
    let (points, columns) = sweep_outline(Outline::Round(96), &rings, (girth, to), |place, out| {
        let angle = out.x.atan2(out.z);
        place + out * (radius * 0.018 * (angle * 32.0).sin())
    });
    mesh.surfaces.push(Surface { points, columns, colour: SurfaceColour::Colour(colour), material });
    mesh.add_plain_surface(
        TUBE,
        &[circle(to, radius * 0.9), circle(to, radius * 0.4), circle(to, 0.002)],
        colour,
        material,
    );
}

fn jar(design: &PackageDesign) -> PackageMesh {
    let radius = 0.26 + 0.05 * design.proportions[0];
    let height = 0.62 + 0.14 * design.proportions[1];
    let (low, high) = (0.09, height * 0.70);
    let mut mesh = PackageMesh::new(tube_label_size(radius + 0.003, high - low), height, radius, radius);
    let contents = match design.noun.as_str() {
        "Peanut Butter" => mix(hex(0xb87d3c), design.contents, 0.3),
        "Pickles" => hex(0x8f9a45),
        _ => mix(design.contents, hex(0x301008), 0.12),
    };
    let mut body = vec![circle(0.0, radius * 0.88), circle(0.01, radius * 0.96), circle(0.035, radius)];
    body.extend(interpolate_rings(circle(0.05, radius), circle(height * 0.76, radius), 8));
    for (y, size) in [(0.80, 0.985), (0.835, 0.93), (0.86, 0.88), (0.90, 0.87)] {
        body.push(circle(height * y, radius * size));
    }
    mesh.add_plain_surface(TUBE, &body, contents, GLASS);
    mesh.add_base(TUBE, (radius * 0.88, radius * 0.88), mix(contents, [0.0; 3], 0.15), GLASS);
    let paper = interpolate_rings(circle(low, radius + 0.003), circle(high, radius + 0.003), 8);
    mesh.add_surface(TUBE, &paper, high, SurfaceColour::Label, PAPER);
    let brass = design.proportions[2] > 0.5;
    let (colour, material) = if brass { (hex(0xd9b25c), METAL) } else { (design.lid, PLASTIC) };
    cap(&mut mesh, (height * 0.865, height), radius * 0.95, colour, material);
    mesh
}

fn pouch(design: &PackageDesign) -> PackageMesh {
    let height = 0.90 + 0.08 * design.proportions[0];
    let rx = 0.30 + 0.05 * design.proportions[1];
    let rz = 0.13 + 0.03 * design.proportions[2];
    let label_size = LabelSize { half: rx * 1.08, front: rx * 1.9, height };
    let mut mesh = PackageMesh::new(label_size, height, rx, rz);
    let rings: Vec<Ring> = (0..=36)
        .map(|i| {
            let t = i as f32 / 36.0;
            let seal = smoothstep(0.0, 0.30, t - 0.035) * smoothstep(0.0, 0.34, 0.955 - t);
            let belly = 0.006 + (rz - 0.006) * seal.powf(0.75) * (1.06 - 0.16 * t);
            Ring { y: height * t, rx: rx * (1.0 - 0.06 * seal), rz: belly }
        })
        .collect();
    let phase = design.proportions[0] * 40.0;
    let girth = Ring { y: 0.0, rx, rz: 0.02 };
    let (mut points, columns) = sweep_outline(Outline::Round(72), &rings, (girth, height), |place, out| {
        let t = place.y / height;
        let near = smoothstep(0.32, 0.06, t) + smoothstep(0.68, 0.92, t);
        let crease = (place.x * 34.0 + phase + 3.0 * (place.y * 9.0).sin()).sin() * 0.010
            + (place.x * 13.0 - place.y * 11.0 + phase).sin() * 0.011;
        let seam = if !(0.035..=0.955).contains(&t) { 0.0022 * (place.y * 420.0).sin() } else { 0.0 };
        place + vec3(0.0, 0.0, out.z.signum()) * (crease * near * smoothstep(0.0, 0.05, t) + seam)
    });
    for point in &mut points {
        point.s = if point.position.z >= 0.0 { point.position.x } else { point.s };
    }
    mesh.surfaces.push(Surface { points, columns, colour: SurfaceColour::Label, material: FOIL });
    mesh
}

fn carton(design: &PackageDesign) -> PackageMesh {
    let rx = 0.19 + 0.03 * design.proportions[0];
    let rz = rx * (0.85 + 0.15 * design.proportions[1]);
    let (eave, ridge, height) = (0.74, 0.90, 0.97);
    let corner = Outline::RoundedRectangle(0.008);
    let label_size = LabelSize { half: rx + 2.0 * rz, front: 2.0 * rx, height: eave };
    let mut mesh = PackageMesh::new(label_size, height, rx, rz);
    mesh.add_surface(
        corner,
        &interpolate_rings(Ring { y: 0.0, rx, rz }, Ring { y: eave, rx, rz }, 14),
        eave,
        SurfaceColour::Label,
        CARD,
    );
    mesh.add_base(corner, (rx, rz), mix(design.base, [0.0; 3], 0.08), CARD);
    let roof = interpolate_rings(Ring { y: eave, rx, rz }, Ring { y: ridge, rx: rx * 0.985, rz: 0.012 }, 5);
    mesh.add_plain_surface(corner, &roof, mix(design.base, [1.0; 3], 0.05), CARD);
    let fin = interpolate_rings(
        Ring { y: ridge, rx: rx * 0.985, rz: 0.012 },
        Ring { y: height, rx: rx * 0.985, rz: 0.010 },
        2,
    );
    mesh.add_plain_surface(corner, &fin, design.base, CARD);
    let edge = Ring { y: height, rx: rx * 0.985, rz: 0.010 };
    mesh.add_plain_surface(corner, &[edge, Ring { y: height, rx: 0.01, rz: 0.001 }], [0.93, 0.92, 0.89], CARD);
    // A screw cap in the middle of the sloping roof.
    let first = mesh.surfaces.len();
    cap(&mut mesh, (0.0, 0.055), rx * 0.36, design.lid, PLASTIC);
    let slope = (ridge - eave).atan2(rz - 0.012);
    let (sin, cos) = slope.sin_cos();
    let (y, z) = ((eave + ridge) / 2.0 - 0.008, (rz + 0.012) / 2.0);
    // The roof slopes back by `slope`: its normal is (0, cos, sin).
    let turn = |p: Vec3| vec3(p.x, p.y * cos - p.z * sin, p.z * cos + p.y * sin);
    for point in mesh.surfaces[first..].iter_mut().flat_map(|surface| surface.points.iter_mut()) {
        point.position = turn(point.position) + vec3(0.0, y, z);
        point.normal = turn(point.normal);
    }
    mesh
}
