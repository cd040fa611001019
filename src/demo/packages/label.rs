//! Paints the label that goes around a package: background, brand, icon, flavour, small print and barcode.
//!
//! Invariants: the front is around x = 0; what is further out than half the front is on the sides. Text takes its colour from
//! the background, so it is readable with every palette. Nothing is random: the same design gives the same label at any scale.

use super::barcode;
use super::canvas::{Canvas, Colour, hex, length, luma, mix, smoothstep};
use super::catalogue::{BackgroundPattern, Badge, LabelLayout, PackageDesign};
use super::glyphs::{self, TextStyle};
use super::icon::{self, Icon};

const CREAM: Colour = hex(0xfffaf0);
const INK: Colour = hex(0x24201d);

/// Half of the label's width, the width of its front, and its height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LabelSize {
    pub(super) half: f32,
    pub(super) front: f32,
    pub(super) height: f32,
}

/// Paints the whole label at `scale` pixels per unit.
pub(super) fn paint_label(design: &PackageDesign, label_size: LabelSize, scale: f32) -> Canvas {
    let mut canvas = Canvas::new(label_size.half, label_size.height, scale, design.base);
    let low = label_size.height < label_size.front * 0.72;
    let centre =
        if low { (label_size.front * 0.28, label_size.height * 0.5) } else { picture_position(design, label_size) };
    paint_background(&mut canvas, design, label_size, centre);
    if low {
        paint_low_front(&mut canvas, design, label_size, centre);
    } else {
        paint_tall_front(&mut canvas, design, label_size, centre);
    }
    if label_size.half - label_size.front / 2.0 > label_size.front * 0.12 {
        paint_side(&mut canvas, design, label_size, 1.0);
        paint_side(&mut canvas, design, label_size, -1.0);
    }
    canvas
}

/// Paints the lid of a box: its colour, the brand, and the seam.
pub(super) fn paint_lid(design: &PackageDesign, (half, depth): (f32, f32), scale: f32) -> Canvas {
    let mut canvas = Canvas::new(half, depth, scale, mix(design.base, CREAM, 0.06));
    let seam = mix(design.base, INK, 0.3);
    canvas.line((-half, depth * 0.18), (half, depth * 0.18), 0.006, seam);
    let ink = readable_ink(canvas.colour_at(0.0, depth * 0.6), design.second);
    let style =
        TextStyle { height: depth * 0.34, width_max: half * 1.5, weight: design.stroke_width, angle: 0.0, colour: ink };
    glyphs::draw_text(&mut canvas, &design.brand, (0.0, depth * 0.6), style);
    canvas
}

/// `preferred` if it is readable on `background`, otherwise cream or nearly black.
fn readable_ink(background: Colour, preferred: Colour) -> Colour {
    if (luma(background) - luma(preferred)).abs() > 0.38 {
        preferred
    } else if luma(background) > 0.5 {
        mix(preferred, INK, 0.85)
    } else {
        CREAM
    }
}

/// The position of the picture on a front that is taller than wide.
fn picture_position(design: &PackageDesign, label_size: LabelSize) -> (f32, f32) {
    let share = match design.layout {
        LabelLayout::BrandPictureFlavour => 0.54,
        LabelLayout::PictureBrandFlavour => 0.25,
        LabelLayout::BrandFlavourPicture => 0.67,
    };
    (0.0, label_size.height * share)
}

fn paint_background(canvas: &mut Canvas, design: &PackageDesign, label_size: LabelSize, (cx, cy): (f32, f32)) {
    let (base, accent) = (design.base, design.accent);
    let (height, front) = (label_size.height, label_size.front);
    let soft = 0.004;
    let shade = |y: f32, colour: Colour| mix(colour, INK, 0.10 * y / height);
    match design.pattern {
        BackgroundPattern::Plain => canvas.paint_pixels(|_, y| shade(y, base)),
        BackgroundPattern::Band => canvas.paint_pixels(|_, y| {
            let foot = smoothstep(-soft, soft, y - height * 0.7);
            let rule = smoothstep(soft, -soft, (y - height * 0.685).abs() - height * 0.008);
            mix(mix(shade(y, base), accent, foot), design.second, rule)
        }),
        BackgroundPattern::Wave => canvas.paint_pixels(|x, y| {
            let edge = height * 0.66 + front * 0.07 * (x / front * 7.0).sin();
            let pale = mix(base, accent, 0.45);
            mix(
                mix(shade(y, base), pale, smoothstep(-soft, soft, y - edge + front * 0.06)),
                accent,
                smoothstep(-soft, soft, y - edge),
            )
        }),
        BackgroundPattern::Slant => canvas.paint_pixels(|x, y| {
            let edge = y - height * 0.55 + x * 0.6;
            let line = smoothstep(soft, -soft, (edge + front * 0.04).abs() - front * 0.012);
            mix(mix(shade(y, base), accent, smoothstep(-soft, soft, edge)), design.second, line)
        }),
        BackgroundPattern::Rays => {
            let pale = mix(base, if luma(base) > 0.6 { accent } else { CREAM }, 0.22);
            canvas.paint_pixels(|x, y| {
                let wave = ((x - cx).atan2(y - cy) * 14.0).sin();
                let fade = smoothstep(0.0, front * 0.3, length(x - cx, y - cy));
                mix(shade(y, base), pale, smoothstep(-0.15, 0.15, wave) * fade)
            });
        }
        BackgroundPattern::Stripes => {
            let pale = mix(base, accent, 0.3);
            canvas.paint_pixels(|x, y| mix(shade(y, base), pale, smoothstep(-0.2, 0.2, (x / front * 32.0).sin())));
        }
        BackgroundPattern::Dots => {
            let pale = mix(base, if luma(base) > 0.6 { accent } else { CREAM }, 0.3);
            let step = front * 0.13;
            canvas.paint_pixels(|x, y| {
                let row = (y / step).floor();
                let u = (x / step + row * 0.5).rem_euclid(1.0) - 0.5;
                let v = (y / step).rem_euclid(1.0) - 0.5;
                mix(shade(y, base), pale, smoothstep(0.22, 0.17, length(u, v)))
            });
        }
        BackgroundPattern::Arch => canvas.paint_pixels(|x, y| {
            let reach = front * 0.42;
            let top = match design.layout {
                LabelLayout::PictureBrandFlavour => height * 0.05,
                LabelLayout::BrandPictureFlavour | LabelLayout::BrandFlavourPicture => height * 0.345,
            };
            let distance = if y < top + reach { length(x, y - top - reach) - reach } else { x.abs() - reach };
            let inner = smoothstep(soft, -soft, distance.max(y - height * 0.94));
            let line = smoothstep(soft, -soft, (distance + front * 0.03).abs() - front * 0.007) * inner;
            let paper = mix(CREAM, accent, 0.08);
            mix(mix(shade(y, base), paper, inner), accent, line)
        }),
        BackgroundPattern::Disc => canvas.paint_pixels(|x, y| {
            let distance = length(x - cx, y - cy) - front * 0.46;
            let ring = smoothstep(soft, -soft, (distance - front * 0.03).abs() - front * 0.01);
            mix(mix(shade(y, base), mix(CREAM, accent, 0.12), smoothstep(soft, -soft, distance)), accent, ring)
        }),
        BackgroundPattern::Checks => {
            let step = front * 0.1;
            canvas.paint_pixels(|x, y| {
                let band = smoothstep(soft, -soft, y - height * 0.09) + smoothstep(-soft, soft, y - height * 0.91);
                let odd = ((x / step).floor() + (y / step).floor()).rem_euclid(2.0);
                mix(shade(y, base), mix(CREAM, accent, odd), band)
            });
        }
    }
}

/// Paints the brand and its badge around (x, y).
fn paint_brand(canvas: &mut Canvas, design: &PackageDesign, (x, y): (f32, f32), height: f32, room: f32) {
    let text_height = height.min(room * 0.86 / (glyphs::text_width(&design.brand) + design.stroke_width));
    let (rx, ry) = (text_height * glyphs::text_width(&design.brand) / 2.0 + text_height * 0.55, text_height * 0.95);
    let badge_colour = if luma(canvas.colour_at(x, y)) > 0.45 { mix(design.second, INK, 0.1) } else { design.second };
    let line = text_height * 0.1;
    let paper = match design.badge {
        Badge::Plain | Badge::Rule => canvas.colour_at(x, y),
        Badge::Oval | Badge::Ribbon | Badge::Plate => badge_colour,
    };
    let ink = match design.badge {
        Badge::Plain | Badge::Rule => readable_ink(paper, design.second),
        Badge::Oval | Badge::Ribbon | Badge::Plate => readable_ink(paper, design.base),
    };
    match design.badge {
        Badge::Plain => {}
        Badge::Oval => {
            canvas.ellipse(x, y, (rx * 1.12, ry * 1.15), design.slant, ink);
            canvas.ellipse(x, y, (rx * 1.12 - line, ry * 1.15 - line), design.slant, badge_colour);
        }
        Badge::Ribbon => {
            let fold = mix(badge_colour, INK, 0.35);
            for side in [-1.0, 1.0] {
                let tail = x + side * (rx + text_height * 0.25);
                canvas.rounded_rectangle(tail, y + text_height * 0.3, (text_height * 0.5, ry * 0.8), 0.0, fold);
            }
            canvas.rounded_rectangle(x, y, (rx, ry * 0.9), 0.0, badge_colour);
        }
        Badge::Plate => {
            canvas.rounded_rectangle(x, y, (rx + line, ry + line), text_height * 0.4, ink);
            canvas.rounded_rectangle(x, y, (rx, ry), text_height * 0.34, badge_colour);
        }
        Badge::Rule => {
            for side in [-1.0, 1.0] {
                let position = y + side * text_height * 0.92;
                canvas.line((x - rx * 0.9, position), (x + rx * 0.9, position), line, ink);
            }
        }
    }
    let lean = match design.badge {
        Badge::Plain | Badge::Oval => design.slant,
        Badge::Ribbon | Badge::Plate | Badge::Rule => 0.0,
    };
    let style =
        TextStyle { height: text_height, width_max: room, weight: design.stroke_width, angle: lean, colour: ink };
    glyphs::draw_text(canvas, &design.brand, (x, y), style);
}

/// Writes one line of text in a readable colour, on a patch of one colour if the background varies below the text.
fn write_text(canvas: &mut Canvas, text: &str, (x, y): (f32, f32), height: f32, room: f32, preferred: Colour) {
    let text_height = height.min(room / (glyphs::text_width(text) + 0.17));
    let half_width = text_height * glyphs::text_width(text) / 2.0;
    let (mut low, mut high) = (1.0_f32, 0.0_f32);
    for (dx, dy) in [-1.0, -0.5, 0.0, 0.5, 1.0].into_iter().flat_map(|dx| [(dx, -0.5), (dx, 0.5)]) {
        let level = luma(canvas.colour_at(x + dx * half_width, y + dy * text_height));
        (low, high) = (low.min(level), high.max(level));
    }
    if high - low > 0.22 {
        let paper = canvas.colour_at(x, y);
        canvas.rounded_rectangle(x, y, (half_width + text_height * 0.45, text_height * 0.82), text_height * 0.3, paper);
    }
    let ink = readable_ink(canvas.colour_at(x, y), preferred);
    glyphs::draw_text(
        canvas,
        text,
        (x, y),
        TextStyle { height, width_max: room, weight: 0.17, angle: 0.0, colour: ink },
    );
}

/// Paints the icon, on a pale disc if its colour is close to that of the background.
fn paint_picture(canvas: &mut Canvas, design: &PackageDesign, (x, y): (f32, f32), radius: f32) {
    let paper = canvas.colour_at(x, y);
    let colour = design.contents;
    let colour_distance: f32 = (0..3).map(|i| (paper[i] - colour[i]).abs()).sum();
    let mut radius = radius;
    if colour_distance < 0.9
        || design.pattern == BackgroundPattern::Slant
        || (design.icon == Icon::Flower && luma(paper) > 0.5)
    {
        canvas.disc(x, y, radius * 1.12, mix(colour, INK, 0.25));
        // Pale petals need a darker disc.
        let pale = design.icon == Icon::Flower;
        let badge_colour = if pale { mix(colour, INK, 0.42) } else { mix(CREAM, colour, 0.12) };
        canvas.disc(x, y, radius * 1.07, badge_colour);
        radius *= 0.78;
    }
    icon::draw_icon(canvas, design.icon, (x, y), radius, colour);
}

/// Paints the flavour on a strip of its colour.
fn paint_flavour(canvas: &mut Canvas, design: &PackageDesign, (x, y): (f32, f32), height: f32, room: f32) {
    let strip = design.contents;
    let paper = canvas.colour_at(x, y);
    let colour_distance: f32 = (0..3).map(|i| (paper[i] - strip[i]).abs()).sum();
    let text_height = height.min(room * 0.9 / (glyphs::text_width(&design.flavour) + 0.6));
    if colour_distance > 0.3 {
        let rx = text_height * (glyphs::text_width(&design.flavour) / 2.0 + 0.6);
        canvas.rounded_rectangle(x, y, (rx, text_height * 0.95), text_height * 0.95, strip);
    }
    write_text(canvas, &design.flavour, (x, y), text_height, room, CREAM);
}

fn paint_tall_front(canvas: &mut Canvas, design: &PackageDesign, label_size: LabelSize, centre: (f32, f32)) {
    let LabelSize { front, height, .. } = label_size;
    let size = (front * 0.2).min(height * 0.115);
    let (brand_y, noun_y, flavour_y) = match design.layout {
        LabelLayout::BrandPictureFlavour => (0.14, 0.29, 0.81),
        LabelLayout::PictureBrandFlavour => (0.53, 0.69, 0.81),
        LabelLayout::BrandFlavourPicture => (0.14, 0.29, 0.395),
    };
    let radius = (front * 0.34).min(height * 0.175);
    paint_picture(canvas, design, centre, radius);
    paint_brand(canvas, design, (0.0, brand_y * height), size, front * 0.92);
    write_text(canvas, &design.noun, (0.0, noun_y * height), size * 0.62, front * 0.8, design.second);
    paint_flavour(canvas, design, (0.0, flavour_y * height), size * 0.6, front * 0.86);
    write_text(canvas, &design.size, (0.0, height * 0.925), size * 0.36, front * 0.6, design.second);
}

fn paint_low_front(canvas: &mut Canvas, design: &PackageDesign, label_size: LabelSize, centre: (f32, f32)) {
    let LabelSize { front, height, .. } = label_size;
    let x = -front * 0.18;
    let room = front * 0.58;
    paint_picture(canvas, design, centre, (front * 0.19).min(height * 0.34));
    paint_brand(canvas, design, (x, height * 0.25), height * 0.2, room);
    write_text(canvas, &design.noun, (x, height * 0.54), height * 0.13, room, design.second);
    paint_flavour(canvas, design, (x, height * 0.75), height * 0.11, room);
    write_text(canvas, &design.size, (centre.0, height * 0.92), height * 0.07, front * 0.3, design.second);
}

/// Paints one side: a table of ingredients, and the barcode to the right of the front or an icon to the left.
fn paint_side(canvas: &mut Canvas, design: &PackageDesign, label_size: LabelSize, direction: f32) {
    let LabelSize { half, front, height } = label_size;
    let wide = half - front / 2.0;
    let x = direction * (front / 2.0 + wide / 2.0);
    let room = (wide * 0.4).min(height * 0.26);
    let (top, rows) = (height * 0.2, 7);
    canvas.rounded_rectangle(x, top + height * 0.17, (room, height * 0.19), 0.01, CREAM);
    for row in 0..rows {
        let y = top + height * 0.05 * row as f32 + height * 0.02;
        let reach = [0.5, 0.8, 0.65, 0.9, 0.55, 0.75, 0.6][row];
        canvas.line((x - room * 0.85, y), (x - room * 0.85 + room * reach, y), height * 0.012, mix(INK, CREAM, 0.25));
        canvas.line((x + room * 0.5, y), (x + room * 0.8, y), height * 0.012, mix(INK, CREAM, 0.25));
    }
    if direction > 0.0 {
        paint_barcode(canvas, &design.barcode, (x, height * 0.78), (room, height * 0.1));
    } else {
        icon::draw_icon(canvas, design.icon, (x, height * 0.76), room * 0.7, design.contents);
    }
}

/// Paints the barcode on a white field around (x, y).
fn paint_barcode(canvas: &mut Canvas, code: &str, (x, y): (f32, f32), (rx, ry): (f32, f32)) {
    canvas.rounded_rectangle(x, y, (rx, ry), 0.0, [1.0; 3]);
    let bars = barcode::ean13_modules(code);
    let module = rx * 1.76 / bars.len().max(1) as f32;
    let left = x - rx * 0.88;
    for (i, _) in bars.iter().enumerate().filter(|(_, dark)| **dark) {
        let position = left + (i as f32 + 0.5) * module;
        let foot = if i < 3 || (45..50).contains(&i) || i >= 92 { 0.85 } else { 0.6 };
        let (upper, lower) = (y - ry * 0.85, y + ry * foot);
        canvas.fill([position - module, upper, position + module, lower], INK, |px, py| {
            ((px - position).abs() - module / 2.0).max((upper - py).max(py - lower))
        });
    }
}
