//! The eight kinds of packages as models: which parts they have, in which proportions, and how large their paper is.
//!
//! Invariants: every model is 0.3 to 1.05 units tall and no wider than it needs a camera distance for; the paper's measures
//! are those of the part that carries it, so nothing on a label is stretched.

use std::f32::consts::PI;

use super::Kind;
use super::canvas::{Colour, hex, mix, ramp};
use super::catalogue::{Design, Package};
use super::label::Panel;
use super::shape::{
    CARD, FOIL, Finish, GLASS, METAL, Outline, PAPER, PLASTIC, PRINTED_METAL, Paint, Part, Ring, between, round, sweep,
};
use super::vector::{Vector, vector};

const STEEL: Colour = hex(0xc3c6c9);
const TUBE: Outline = Outline::Round(64);

/// A package ready to be placed in front of the camera.
pub(super) struct Model {
    pub(super) parts: Vec<Part>,
    pub(super) panel: Panel,
    /// Half the width and the depth of a printed lid.
    pub(super) top: Option<(f32, f32)>,
    pub(super) height: f32,
    pub(super) half_width: f32,
    pub(super) half_depth: f32,
}

impl Model {
    fn new(panel: Panel, height: f32, half_width: f32, half_depth: f32) -> Self {
        Self { parts: Vec::with_capacity(8), panel, top: None, height, half_width, half_depth }
    }

    /// Adds a plain surface of revolution or of a box outline.
    fn plain(&mut self, outline: Outline, rings: &[Ring], colour: Colour, finish: Finish) {
        self.carry(outline, rings, 0.0, Paint::Colour(colour), finish);
    }

    /// Closes the package below with a flat end.
    fn foot(&mut self, outline: Outline, (rx, rz): (f32, f32), colour: Colour, finish: Finish) {
        let ring = |share: f32| Ring { y: 0.0, rx: rx * share, rz: rz * share };
        self.plain(outline, &[ring(0.01), ring(0.5), ring(0.9), ring(1.0)], colour, finish);
    }

    /// Adds a surface whose paper has its upper edge at `top`.
    fn carry(&mut self, outline: Outline, rings: &[Ring], top: f32, paint: Paint, finish: Finish) {
        let girth = rings.iter().copied().max_by(|a, b| (a.rx + a.rz).total_cmp(&(b.rx + b.rz)));
        if let Some(girth) = girth {
            let (points, columns) = sweep(outline, rings, (girth, top), |place, _| place);
            self.parts.push(Part { points, columns, paint, finish });
        }
    }
}

/// Builds the model of a package.
pub(super) fn model(package: &Package) -> Model {
    let design = &package.design;
    match package.kind {
        Kind::Box => folding_box(design),
        Kind::Can => can(design, 0.27 + 0.04 * design.build[0], 0.80),
        Kind::Tin => can(design, 0.36 + 0.04 * design.build[0], 0.30 + 0.08 * design.build[1]),
        Kind::Slim => slim_can(design),
        Kind::Bottle => bottle(design),
        Kind::Pouch => pouch(design),
        Kind::Carton => carton(design),
        Kind::Jar => jar(design),
    }
}

/// The paper round a tube: a bit more than the half that can be seen.
fn tube_panel(radius: f32, height: f32) -> Panel {
    Panel { half: radius * PI * 0.68, front: radius * 1.6, height }
}

fn folding_box(design: &Design) -> Model {
    let low = design.noun == "Crackers" || design.noun == "Tea" || design.noun == "Oat Bars";
    let height = if low { 0.62 + 0.12 * design.build[0] } else { 0.92 + 0.08 * design.build[0] };
    let rx = 0.30 + 0.06 * design.build[1];
    let rz = 0.09 + 0.06 * design.build[2] + if low { 0.05 } else { 0.0 };
    let panel = Panel { half: rx + 2.0 * rz, front: 2.0 * rx, height };
    let mut model = Model::new(panel, height, rx, rz);
    let bevel = 0.008;
    let mut rings = between(Ring { y: 0.0, rx, rz }, Ring { y: height - bevel, rx, rz }, 14);
    rings.push(Ring { y: height, rx: rx - bevel, rz: rz - bevel });
    model.carry(Outline::Boxy(0.01), &rings, height, Paint::Label, CARD);
    let lid = between(Ring { y: height, rx: rx - bevel, rz: rz - bevel }, Ring { y: height, rx: 0.01, rz: 0.002 }, 4);
    model.carry(Outline::Boxy(0.01), &lid, height, Paint::Top, CARD);
    flatten(&mut model.parts[1], rz);
    model.foot(Outline::Boxy(0.01), (rx, rz), mix(design.base, [0.0; 3], 0.08), CARD);
    model.top = Some((rx, 2.0 * rz));
    model
}

/// Gives a horizontal lid the places of a flat paper instead of a wrapped one.
fn flatten(lid: &mut Part, half_depth: f32) {
    for point in &mut lid.points {
        point.s = point.place.x;
        point.v = point.place.z + half_depth;
        point.normal = vector(0.0, 1.0, 0.0);
    }
}

fn can(design: &Design, radius: f32, height: f32) -> Model {
    let (foot, crown) = (0.035, height - 0.035);
    let mut model = Model::new(tube_panel(radius, crown - foot), height, radius, radius);
    let rim = |y: f32, up: f32| {
        vec![
            round(y, radius * 0.985),
            round(y + up * 0.006, radius * 1.012),
            round(y + up * 0.018, radius * 1.02),
            round(y + up * 0.028, radius * 1.005),
            round(y + up * 0.034, radius * 0.97),
        ]
    };
    let mut bottom = rim(foot, -1.0);
    bottom.reverse();
    model.plain(TUBE, &bottom, STEEL, METAL);
    model.foot(TUBE, (radius * 0.97, radius * 0.97), mix(STEEL, [0.0; 3], 0.15), METAL);
    // Beads pressed into the wall, which show through the paper.
    let mut wall = between(round(foot, radius), round(crown, radius), 40);
    for ring in &mut wall {
        let share = (ring.y - foot) / (crown - foot);
        let bead =
            if height > 0.5 { 0.005 * (share * 44.0).sin() * ramp(0.18, 0.3, 0.5 - (share - 0.5).abs()) } else { 0.0 };
        ring.rx += radius * bead;
        ring.rz += radius * bead;
    }
    model.carry(TUBE, &wall, crown, Paint::Label, PAPER);
    model.plain(TUBE, &rim(crown, 1.0), STEEL, METAL);
    can_lid(&mut model, radius * 0.97, height - 0.001, design.build[2] > 0.4);
    model
}

/// The sunk end of a can with its rings, and the tab where it has one.
fn can_lid(model: &mut Model, radius: f32, height: f32, tab: bool) {
    let sunk = height - 0.03;
    model.plain(TUBE, &[round(height, radius), round(sunk, radius * 0.93)], mix(STEEL, [0.0; 3], 0.25), METAL);
    let end = [
        round(sunk, radius * 0.93),
        round(sunk + 0.006, radius * 0.86),
        round(sunk, radius * 0.80),
        round(sunk, radius * 0.66),
        round(sunk + 0.006, radius * 0.6),
        round(sunk + 0.004, radius * 0.5),
        round(sunk + 0.004, 0.002),
    ];
    model.plain(TUBE, &end, STEEL, METAL);
    if tab {
        let y = sunk + 0.012;
        let (rx, rz) = (radius * 0.17, radius * 0.3);
        let ends =
            [Ring { y: y - 0.006, rx, rz }, Ring { y, rx, rz }, Ring { y: y + 0.004, rx: rx * 0.8, rz: rz * 0.85 }];
        model.plain(Outline::Round(24), &ends, mix(STEEL, [0.0; 3], 0.1), METAL);
        model.plain(
            Outline::Round(24),
            &[ends[2], Ring { y: y + 0.001, rx: rx * 0.3, rz: rz * 0.3 }, Ring { y, rx: 0.002, rz: 0.002 }],
            mix(STEEL, [0.0; 3], 0.3),
            METAL,
        );
    }
}

fn slim_can(design: &Design) -> Model {
    let radius = 0.20 + 0.03 * design.build[0];
    let height = 0.92;
    let (foot, shoulder, neck) = (0.05, 0.80, 0.885);
    let mut model = Model::new(tube_panel(radius, neck - foot), height, radius, radius);
    let bottom =
        [round(0.0, radius * 0.72), round(0.012, radius * 0.76), round(0.04, radius * 0.95), round(foot, radius)];
    model.plain(TUBE, &bottom, STEEL, METAL);
    model.foot(TUBE, (radius * 0.72, radius * 0.72), mix(STEEL, [0.0; 3], 0.2), METAL);
    let mut wall = between(round(foot, radius), round(shoulder, radius), 16);
    for (share, size) in [(0.25, 0.985), (0.5, 0.94), (0.75, 0.875), (1.0, 0.83)] {
        wall.push(round(shoulder + (neck - shoulder) * share, radius * size));
    }
    model.carry(TUBE, &wall, neck, Paint::Label, PRINTED_METAL);
    let rim = [
        round(neck, radius * 0.83),
        round(neck + 0.01, radius * 0.82),
        round(neck + 0.02, radius * 0.86),
        round(neck + 0.03, radius * 0.86),
        round(height, radius * 0.83),
    ];
    model.plain(TUBE, &rim, STEEL, METAL);
    can_lid(&mut model, radius * 0.83, height - 0.001, true);
    model
}

fn bottle(design: &Design) -> Model {
    let oil = design.noun == "Olive Oil" || design.noun == "Syrup";
    let sauce = design.noun == "Sauce";
    let radius = if oil { 0.165 } else { 0.2 } + 0.03 * design.build[0];
    let neck = if oil { 0.055 } else { 0.075 };
    let shoulder = if oil { 0.60 } else { 0.54 } + 0.08 * design.build[1];
    let throat = if sauce { 0.84 } else { 0.80 };
    let height = 1.0;
    let (low, high) = (0.09, shoulder - 0.01);
    let mut model = Model::new(tube_panel(radius + 0.003, high - low), height, radius, radius);
    let glass = match design.noun.as_str() {
        "Olive Oil" => hex(0x5a7035),
        "Ice Tea" => mix(hex(0xa9612a), design.contents, 0.25),
        _ => design.contents,
    };
    let mut body = vec![round(0.0, radius * 0.86), round(0.012, radius * 0.95), round(0.04, radius)];
    body.extend(between(round(0.06, radius), round(shoulder, radius), 10));
    for i in 1..=12 {
        let t = i as f32 / 12.0;
        let ease = ramp(0.0, 1.0, t);
        body.push(round(shoulder + (throat - shoulder) * t, radius + (neck - radius) * ease));
    }
    body.push(round(0.90, neck));
    model.plain(TUBE, &body, glass, GLASS);
    model.foot(TUBE, (radius * 0.86, radius * 0.86), mix(glass, [0.0; 3], 0.15), GLASS);
    let paper = between(round(low, radius + 0.003), round(high, radius + 0.003), 10);
    model.carry(TUBE, &paper, high, Paint::Label, PAPER);
    model.plain(TUBE, &[round(0.875, neck + 0.012), round(0.895, neck + 0.014), round(0.9, neck)], design.lid, PLASTIC);
    cap(&mut model, (0.9, height), neck + 0.014, design.lid, PLASTIC);
    model
}

/// A ribbed screw cap from one height to another.
fn cap(model: &mut Model, (from, to): (f32, f32), radius: f32, colour: Colour, finish: Finish) {
    let mut rings = between(round(from, radius), round(to - 0.012, radius), 4);
    rings.push(round(to - 0.003, radius * 0.96));
    rings.push(round(to, radius * 0.9));
    let girth = round(from, radius);
    let (points, columns) = sweep(Outline::Round(96), &rings, (girth, to), |place, out| {
        let angle = out.x.atan2(out.z);
        place + out * (radius * 0.018 * (angle * 32.0).sin())
    });
    model.parts.push(Part { points, columns, paint: Paint::Colour(colour), finish });
    model.plain(TUBE, &[round(to, radius * 0.9), round(to, radius * 0.4), round(to, 0.002)], colour, finish);
}

fn jar(design: &Design) -> Model {
    let radius = 0.26 + 0.05 * design.build[0];
    let height = 0.62 + 0.14 * design.build[1];
    let (low, high) = (0.09, height * 0.70);
    let mut model = Model::new(tube_panel(radius + 0.003, high - low), height, radius, radius);
    let contents = match design.noun.as_str() {
        "Peanut Butter" => mix(hex(0xb87d3c), design.contents, 0.3),
        "Pickles" => hex(0x8f9a45),
        _ => mix(design.contents, hex(0x301008), 0.12),
    };
    let mut body = vec![round(0.0, radius * 0.88), round(0.01, radius * 0.96), round(0.035, radius)];
    body.extend(between(round(0.05, radius), round(height * 0.76, radius), 8));
    for (y, size) in [(0.80, 0.985), (0.835, 0.93), (0.86, 0.88), (0.90, 0.87)] {
        body.push(round(height * y, radius * size));
    }
    model.plain(TUBE, &body, contents, GLASS);
    model.foot(TUBE, (radius * 0.88, radius * 0.88), mix(contents, [0.0; 3], 0.15), GLASS);
    let paper = between(round(low, radius + 0.003), round(high, radius + 0.003), 8);
    model.carry(TUBE, &paper, high, Paint::Label, PAPER);
    let brass = design.build[2] > 0.5;
    let (colour, finish) = if brass { (hex(0xd9b25c), METAL) } else { (design.lid, PLASTIC) };
    cap(&mut model, (height * 0.865, height), radius * 0.95, colour, finish);
    model
}

fn pouch(design: &Design) -> Model {
    let height = 0.90 + 0.08 * design.build[0];
    let rx = 0.30 + 0.05 * design.build[1];
    let rz = 0.13 + 0.03 * design.build[2];
    let panel = Panel { half: rx * 1.08, front: rx * 1.9, height };
    let mut model = Model::new(panel, height, rx, rz);
    let rings: Vec<Ring> = (0..=36)
        .map(|i| {
            let t = i as f32 / 36.0;
            let seal = ramp(0.0, 0.30, t - 0.035) * ramp(0.0, 0.34, 0.955 - t);
            let belly = 0.006 + (rz - 0.006) * seal.powf(0.75) * (1.06 - 0.16 * t);
            Ring { y: height * t, rx: rx * (1.0 - 0.06 * seal), rz: belly }
        })
        .collect();
    let phase = design.build[0] * 40.0;
    let girth = Ring { y: 0.0, rx, rz: 0.02 };
    let (mut points, columns) = sweep(Outline::Round(72), &rings, (girth, height), |place, out| {
        let t = place.y / height;
        let near = ramp(0.32, 0.06, t) + ramp(0.68, 0.92, t);
        let crease = (place.x * 34.0 + phase + 3.0 * (place.y * 9.0).sin()).sin() * 0.010
            + (place.x * 13.0 - place.y * 11.0 + phase).sin() * 0.011;
        let seam = if !(0.035..=0.955).contains(&t) { 0.0022 * (place.y * 420.0).sin() } else { 0.0 };
        place + vector(0.0, 0.0, out.z.signum()) * (crease * near * ramp(0.0, 0.05, t) + seam)
    });
    for point in &mut points {
        point.s = if point.place.z >= 0.0 { point.place.x } else { point.s };
    }
    model.parts.push(Part { points, columns, paint: Paint::Label, finish: FOIL });
    model
}

fn carton(design: &Design) -> Model {
    let rx = 0.19 + 0.03 * design.build[0];
    let rz = rx * (0.85 + 0.15 * design.build[1]);
    let (eave, ridge, height) = (0.74, 0.90, 0.97);
    let corner = Outline::Boxy(0.008);
    let panel = Panel { half: rx + 2.0 * rz, front: 2.0 * rx, height: eave };
    let mut model = Model::new(panel, height, rx, rz);
    model.carry(corner, &between(Ring { y: 0.0, rx, rz }, Ring { y: eave, rx, rz }, 14), eave, Paint::Label, CARD);
    model.foot(corner, (rx, rz), mix(design.base, [0.0; 3], 0.08), CARD);
    let roof = between(Ring { y: eave, rx, rz }, Ring { y: ridge, rx: rx * 0.985, rz: 0.012 }, 5);
    model.plain(corner, &roof, mix(design.base, [1.0; 3], 0.05), CARD);
    let fin = between(Ring { y: ridge, rx: rx * 0.985, rz: 0.012 }, Ring { y: height, rx: rx * 0.985, rz: 0.010 }, 2);
    model.plain(corner, &fin, design.base, CARD);
    let edge = Ring { y: height, rx: rx * 0.985, rz: 0.010 };
    model.plain(corner, &[edge, Ring { y: height, rx: 0.01, rz: 0.001 }], [0.93, 0.92, 0.89], CARD);
    // A screw cap on the slope of the roof, half way up.
    let first = model.parts.len();
    cap(&mut model, (0.0, 0.055), rx * 0.36, design.lid, PLASTIC);
    let slope = (ridge - eave).atan2(rz - 0.012);
    let (sin, cos) = slope.sin_cos();
    let (y, z) = ((eave + ridge) / 2.0 - 0.008, (rz + 0.012) / 2.0);
    // The slope leans back by `slope` from level: its normal is (0, cos, sin).
    let turn = |p: Vector| vector(p.x, p.y * cos - p.z * sin, p.z * cos + p.y * sin);
    for point in model.parts[first..].iter_mut().flat_map(|part| part.points.iter_mut()) {
        point.place = turn(point.place) + vector(0.0, y, z);
        point.normal = turn(point.normal);
    }
    model
}
