//! Paints the paper that goes round a package: ground, badge and brand, picture, flavour, small print and barcode.
//!
//! Invariants: the front panel lies around x = 0; what is further out than half the front goes round the sides. Writing takes
//! its ink from the ground it stands on, so it can be read on every palette. No chance is involved: the same design gives
//! the same label at any scale.

use super::barcode;
use super::canvas::{Canvas, Colour, brightness, hex, length, mix, ramp};
use super::catalogue::{Badge, Design, Ground, Order};
use super::glyphs::{self, Type};
use super::motif::{self, Motif};

const CREAM: Colour = hex(0xfffaf0);
const INK: Colour = hex(0x24201d);

/// The paper: `half` of its width, width of its front, height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Panel {
    pub(super) half: f32,
    pub(super) front: f32,
    pub(super) height: f32,
}

/// Paints the whole paper at `scale` pixels per unit.
pub(super) fn paint(design: &Design, panel: Panel, scale: f32) -> Canvas {
    let mut canvas = Canvas::new(panel.half, panel.height, scale, design.base);
    let low = panel.height < panel.front * 0.72;
    let centre = if low { (panel.front * 0.28, panel.height * 0.5) } else { picture_place(design, panel) };
    ground(&mut canvas, design, panel, centre);
    if low {
        low_front(&mut canvas, design, panel, centre);
    } else {
        tall_front(&mut canvas, design, panel, centre);
    }
    if panel.half - panel.front / 2.0 > panel.front * 0.12 {
        side(&mut canvas, design, panel, 1.0);
        side(&mut canvas, design, panel, -1.0);
    }
    canvas
}

/// The lid of a box: its colour, a line of brand, and the seam.
pub(super) fn paint_top(design: &Design, (half, depth): (f32, f32), scale: f32) -> Canvas {
    let mut canvas = Canvas::new(half, depth, scale, mix(design.base, CREAM, 0.06));
    let seam = mix(design.base, INK, 0.3);
    canvas.line((-half, depth * 0.18), (half, depth * 0.18), 0.006, seam);
    let ink = ink_on(canvas.at(0.0, depth * 0.6), design.second);
    let style = Type { height: depth * 0.34, room: half * 1.5, weight: design.weight, angle: 0.0, colour: ink };
    glyphs::write(&mut canvas, &design.brand, (0.0, depth * 0.6), style);
    canvas
}

/// `wanted` where it can be read on `paper`, otherwise cream or near-black.
fn ink_on(paper: Colour, wanted: Colour) -> Colour {
    if (brightness(paper) - brightness(wanted)).abs() > 0.38 {
        wanted
    } else if brightness(paper) > 0.5 {
        mix(wanted, INK, 0.85)
    } else {
        CREAM
    }
}

/// Where the picture goes on a front that is taller than wide.
fn picture_place(design: &Design, panel: Panel) -> (f32, f32) {
    let share = match design.order {
        Order::BrandPictureFlavour => 0.54,
        Order::PictureBrandFlavour => 0.25,
        Order::BrandFlavourPicture => 0.67,
    };
    (0.0, panel.height * share)
}

fn ground(canvas: &mut Canvas, design: &Design, panel: Panel, (cx, cy): (f32, f32)) {
    let (base, accent) = (design.base, design.accent);
    let (height, front) = (panel.height, panel.front);
    let soft = 0.004;
    let shade = |y: f32, colour: Colour| mix(colour, INK, 0.10 * y / height);
    match design.ground {
        Ground::Plain => canvas.wash(|_, y| shade(y, base)),
        Ground::Foot => canvas.wash(|_, y| {
            let foot = ramp(-soft, soft, y - height * 0.7);
            let rule = ramp(soft, -soft, (y - height * 0.685).abs() - height * 0.008);
            mix(mix(shade(y, base), accent, foot), design.second, rule)
        }),
        Ground::Wave => canvas.wash(|x, y| {
            let edge = height * 0.66 + front * 0.07 * (x / front * 7.0).sin();
            let pale = mix(base, accent, 0.45);
            mix(
                mix(shade(y, base), pale, ramp(-soft, soft, y - edge + front * 0.06)),
                accent,
                ramp(-soft, soft, y - edge),
            )
        }),
        Ground::Slant => canvas.wash(|x, y| {
            let edge = y - height * 0.55 + x * 0.6;
            let line = ramp(soft, -soft, (edge + front * 0.04).abs() - front * 0.012);
            mix(mix(shade(y, base), accent, ramp(-soft, soft, edge)), design.second, line)
        }),
        Ground::Rays => {
            let pale = mix(base, if brightness(base) > 0.6 { accent } else { CREAM }, 0.22);
            canvas.wash(|x, y| {
                let wave = ((x - cx).atan2(y - cy) * 14.0).sin();
                let fade = ramp(0.0, front * 0.3, length(x - cx, y - cy));
                mix(shade(y, base), pale, ramp(-0.15, 0.15, wave) * fade)
            });
        }
        Ground::Stripes => {
            let pale = mix(base, accent, 0.3);
            canvas.wash(|x, y| mix(shade(y, base), pale, ramp(-0.2, 0.2, (x / front * 32.0).sin())));
        }
        Ground::Dots => {
            let pale = mix(base, if brightness(base) > 0.6 { accent } else { CREAM }, 0.3);
            let step = front * 0.13;
            canvas.wash(|x, y| {
                let row = (y / step).floor();
                let u = (x / step + row * 0.5).rem_euclid(1.0) - 0.5;
                let v = (y / step).rem_euclid(1.0) - 0.5;
                mix(shade(y, base), pale, ramp(0.22, 0.17, length(u, v)))
            });
        }
        Ground::Arch => canvas.wash(|x, y| {
            let reach = front * 0.42;
            let top = match design.order {
                Order::PictureBrandFlavour => height * 0.05,
                Order::BrandPictureFlavour | Order::BrandFlavourPicture => height * 0.345,
            };
            let distance = if y < top + reach { length(x, y - top - reach) - reach } else { x.abs() - reach };
            let inner = ramp(soft, -soft, distance.max(y - height * 0.94));
            let line = ramp(soft, -soft, (distance + front * 0.03).abs() - front * 0.007) * inner;
            let paper = mix(CREAM, accent, 0.08);
            mix(mix(shade(y, base), paper, inner), accent, line)
        }),
        Ground::Disc => canvas.wash(|x, y| {
            let distance = length(x - cx, y - cy) - front * 0.46;
            let ring = ramp(soft, -soft, (distance - front * 0.03).abs() - front * 0.01);
            mix(mix(shade(y, base), mix(CREAM, accent, 0.12), ramp(soft, -soft, distance)), accent, ring)
        }),
        Ground::Checks => {
            let step = front * 0.1;
            canvas.wash(|x, y| {
                let band = ramp(soft, -soft, y - height * 0.09) + ramp(-soft, soft, y - height * 0.91);
                let odd = ((x / step).floor() + (y / step).floor()).rem_euclid(2.0);
                mix(shade(y, base), mix(CREAM, accent, odd), band)
            });
        }
    }
}

/// The brand with its badge around (x, y).
fn brand(canvas: &mut Canvas, design: &Design, (x, y): (f32, f32), height: f32, room: f32) {
    let fitted = height.min(room * 0.86 / (glyphs::width(&design.brand) + design.weight));
    let (rx, ry) = (fitted * glyphs::width(&design.brand) / 2.0 + fitted * 0.55, fitted * 0.95);
    let plate = if brightness(canvas.at(x, y)) > 0.45 { mix(design.second, INK, 0.1) } else { design.second };
    let line = fitted * 0.1;
    let paper = match design.badge {
        Badge::Bare | Badge::Rule => canvas.at(x, y),
        Badge::Oval | Badge::Ribbon | Badge::Plate => plate,
    };
    let ink = match design.badge {
        Badge::Bare | Badge::Rule => ink_on(paper, design.second),
        Badge::Oval | Badge::Ribbon | Badge::Plate => ink_on(paper, design.base),
    };
    match design.badge {
        Badge::Bare => {}
        Badge::Oval => {
            canvas.ellipse(x, y, (rx * 1.12, ry * 1.15), design.lean, ink);
            canvas.ellipse(x, y, (rx * 1.12 - line, ry * 1.15 - line), design.lean, plate);
        }
        Badge::Ribbon => {
            let fold = mix(plate, INK, 0.35);
            for side in [-1.0, 1.0] {
                let tail = x + side * (rx + fitted * 0.25);
                canvas.block(tail, y + fitted * 0.3, (fitted * 0.5, ry * 0.8), 0.0, fold);
            }
            canvas.block(x, y, (rx, ry * 0.9), 0.0, plate);
        }
        Badge::Plate => {
            canvas.block(x, y, (rx + line, ry + line), fitted * 0.4, ink);
            canvas.block(x, y, (rx, ry), fitted * 0.34, plate);
        }
        Badge::Rule => {
            for side in [-1.0, 1.0] {
                let at = y + side * fitted * 0.92;
                canvas.line((x - rx * 0.9, at), (x + rx * 0.9, at), line, ink);
            }
        }
    }
    let lean = match design.badge {
        Badge::Bare | Badge::Oval => design.lean,
        Badge::Ribbon | Badge::Plate | Badge::Rule => 0.0,
    };
    let style = Type { height: fitted, room, weight: design.weight, angle: lean, colour: ink };
    glyphs::write(canvas, &design.brand, (x, y), style);
}

/// One line of plain writing with an ink that can be read, on a patch of paper where the ground changes below the line.
fn words(canvas: &mut Canvas, text: &str, (x, y): (f32, f32), height: f32, room: f32, wanted: Colour) {
    let fitted = height.min(room / (glyphs::width(text) + 0.17));
    let reach = fitted * glyphs::width(text) / 2.0;
    let (mut low, mut high) = (1.0_f32, 0.0_f32);
    for (dx, dy) in [-1.0, -0.5, 0.0, 0.5, 1.0].into_iter().flat_map(|dx| [(dx, -0.5), (dx, 0.5)]) {
        let level = brightness(canvas.at(x + dx * reach, y + dy * fitted));
        (low, high) = (low.min(level), high.max(level));
    }
    if high - low > 0.22 {
        let paper = canvas.at(x, y);
        canvas.block(x, y, (reach + fitted * 0.45, fitted * 0.82), fitted * 0.3, paper);
    }
    let ink = ink_on(canvas.at(x, y), wanted);
    glyphs::write(canvas, text, (x, y), Type { height, room, weight: 0.17, angle: 0.0, colour: ink });
}

/// The picture, on a pale disc where its colour would drown in the ground.
fn picture(canvas: &mut Canvas, design: &Design, (x, y): (f32, f32), radius: f32) {
    let paper = canvas.at(x, y);
    let colour = design.contents;
    let apart: f32 = (0..3).map(|i| (paper[i] - colour[i]).abs()).sum();
    let mut radius = radius;
    if apart < 0.9 || design.ground == Ground::Slant || (design.motif == Motif::Flower && brightness(paper) > 0.5) {
        canvas.disc(x, y, radius * 1.12, mix(colour, INK, 0.25));
        // Pale petals need a darker plate.
        let pale = design.motif == Motif::Flower;
        let plate = if pale { mix(colour, INK, 0.42) } else { mix(CREAM, colour, 0.12) };
        canvas.disc(x, y, radius * 1.07, plate);
        radius *= 0.78;
    }
    motif::draw(canvas, design.motif, (x, y), radius, colour);
}

/// The flavour on a strip of its own colour.
fn flavour(canvas: &mut Canvas, design: &Design, (x, y): (f32, f32), height: f32, room: f32) {
    let strip = design.contents;
    let paper = canvas.at(x, y);
    let apart: f32 = (0..3).map(|i| (paper[i] - strip[i]).abs()).sum();
    let fitted = height.min(room * 0.9 / (glyphs::width(&design.flavour) + 0.6));
    if apart > 0.3 {
        let rx = fitted * (glyphs::width(&design.flavour) / 2.0 + 0.6);
        canvas.block(x, y, (rx, fitted * 0.95), fitted * 0.95, strip);
    }
    words(canvas, &design.flavour, (x, y), fitted, room, CREAM);
}

fn tall_front(canvas: &mut Canvas, design: &Design, panel: Panel, centre: (f32, f32)) {
    let Panel { front, height, .. } = panel;
    let size = (front * 0.2).min(height * 0.115);
    let (brand_y, noun_y, flavour_y) = match design.order {
        Order::BrandPictureFlavour => (0.14, 0.29, 0.81),
        Order::PictureBrandFlavour => (0.53, 0.69, 0.81),
        Order::BrandFlavourPicture => (0.14, 0.29, 0.395),
    };
    let radius = (front * 0.34).min(height * 0.175);
    picture(canvas, design, centre, radius);
    brand(canvas, design, (0.0, brand_y * height), size, front * 0.92);
    words(canvas, &design.noun, (0.0, noun_y * height), size * 0.62, front * 0.8, design.second);
    flavour(canvas, design, (0.0, flavour_y * height), size * 0.6, front * 0.86);
    words(canvas, &design.size, (0.0, height * 0.925), size * 0.36, front * 0.6, design.second);
}

fn low_front(canvas: &mut Canvas, design: &Design, panel: Panel, centre: (f32, f32)) {
    let Panel { front, height, .. } = panel;
    let x = -front * 0.18;
    let room = front * 0.58;
    picture(canvas, design, centre, (front * 0.19).min(height * 0.34));
    brand(canvas, design, (x, height * 0.25), height * 0.2, room);
    words(canvas, &design.noun, (x, height * 0.54), height * 0.13, room, design.second);
    flavour(canvas, design, (x, height * 0.75), height * 0.11, room);
    words(canvas, &design.size, (centre.0, height * 0.92), height * 0.07, front * 0.3, design.second);
}

/// One side: a table of contents and small print, and to the right of the front the barcode.
fn side(canvas: &mut Canvas, design: &Design, panel: Panel, hand: f32) {
    let Panel { half, front, height } = panel;
    let wide = half - front / 2.0;
    let x = hand * (front / 2.0 + wide / 2.0);
    let room = (wide * 0.4).min(height * 0.26);
    let (top, rows) = (height * 0.2, 7);
    canvas.block(x, top + height * 0.17, (room, height * 0.19), 0.01, CREAM);
    for row in 0..rows {
        let y = top + height * 0.05 * row as f32 + height * 0.02;
        let reach = [0.5, 0.8, 0.65, 0.9, 0.55, 0.75, 0.6][row];
        canvas.line((x - room * 0.85, y), (x - room * 0.85 + room * reach, y), height * 0.012, mix(INK, CREAM, 0.25));
        canvas.line((x + room * 0.5, y), (x + room * 0.8, y), height * 0.012, mix(INK, CREAM, 0.25));
    }
    if hand > 0.0 {
        stripes(canvas, &design.barcode, (x, height * 0.78), (room, height * 0.1));
    } else {
        motif::draw(canvas, design.motif, (x, height * 0.76), room * 0.7, design.contents);
    }
}

/// The barcode on its white field around (x, y).
fn stripes(canvas: &mut Canvas, code: &str, (x, y): (f32, f32), (rx, ry): (f32, f32)) {
    canvas.block(x, y, (rx, ry), 0.0, [1.0; 3]);
    let bars = barcode::modules(code);
    let module = rx * 1.76 / bars.len().max(1) as f32;
    let left = x - rx * 0.88;
    for (i, _) in bars.iter().enumerate().filter(|(_, dark)| **dark) {
        let at = left + (i as f32 + 0.5) * module;
        let foot = if i < 3 || (45..50).contains(&i) || i >= 92 { 0.85 } else { 0.6 };
        let (upper, lower) = (y - ry * 0.85, y + ry * foot);
        canvas.fill([at - module, upper, at + module, lower], INK, |px, py| {
            ((px - at).abs() - module / 2.0).max((upper - py).max(py - lower))
        });
    }
}
