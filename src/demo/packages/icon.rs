//! The icons on the labels: fruit, leaves, grain and the like, each of a few shapes.
//!
//! Invariants: an icon stays within about 1.1 radii of its centre, and is visible on light and dark backgrounds, because it has
//! darker and lighter tones of its own.

use std::f32::consts::{PI, TAU};

use super::canvas::{Canvas, Colour, hex, mix};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    Citrus,
    Berries,
    Strawberry,
    Cherries,
    Fruit,
    Leaves,
    Bean,
    Wheat,
    Drop,
    Comb,
    Chilli,
    Mushroom,
    Fish,
    Flower,
    Crystal,
    Squares,
    Cheese,
}

const LEAF: Colour = hex(0x4c8f3d);
const DARK_LEAF: Colour = hex(0x2f6b34);
const WHITE: Colour = [1.0; 3];

/// Draws an icon around (x, y).
pub(super) fn draw_icon(canvas: &mut Canvas, icon: Icon, (x, y): (f32, f32), r: f32, colour: Colour) {
    let dark = mix(colour, hex(0x2a1410), 0.35);
    let light = mix(colour, WHITE, 0.4);
    let at = |dx: f32, dy: f32| (x + dx * r, y + dy * r);
    let turn = |i: usize, of: usize| i as f32 / of as f32 * TAU;
    match icon {
        Icon::Citrus => {
            draw_leaf(canvas, at(0.75, -0.72), r * 0.8, -0.7);
            canvas.disc(x, y, r * 0.95, colour);
            canvas.disc(x, y, r * 0.83, mix(colour, WHITE, 0.82));
            for i in 0..9 {
                let angle = turn(i, 9);
                let (sin, cos) = angle.sin_cos();
                let flesh = (x + cos * r * 0.44, y + sin * r * 0.44);
                canvas.ellipse(flesh.0, flesh.1, (r * 0.32, r * 0.125), angle, mix(colour, light, 0.15));
            }
        }
        Icon::Berries => {
            draw_leaf(canvas, at(-0.45, -0.75), r * 0.8, 0.5);
            draw_leaf(canvas, at(0.45, -0.75), r * 0.8, PI - 0.5);
            for (dx, dy) in [(-0.5, -0.2), (0.5, -0.2), (0.0, -0.32), (-0.28, 0.28), (0.28, 0.28), (0.0, 0.72)] {
                let (bx, by) = at(dx, dy);
                canvas.disc(bx, by, r * 0.34, dark);
                canvas.disc(bx - r * 0.02, by - r * 0.03, r * 0.3, colour);
                canvas.disc(bx - r * 0.1, by - r * 0.11, r * 0.08, light);
            }
        }
        Icon::Strawberry => {
            canvas.leaf(x, y + r * 0.12, (r * 1.95, r * 1.5), PI / 2.0, colour);
            canvas.ellipse(x, y - r * 0.28, (r * 0.74, r * 0.5), 0.0, colour);
            for (dx, dy) in
                [(-0.4, -0.2), (0.0, -0.25), (0.4, -0.2), (-0.22, 0.1), (0.22, 0.1), (0.0, 0.4), (0.0, 0.75)]
            {
                let (sx, sy) = at(dx, dy);
                canvas.ellipse(sx, sy, (r * 0.04, r * 0.075), 0.0, hex(0xf9dc8a));
            }
            for angle in [0.35, 1.05, PI / 2.0, PI - 1.05, PI - 0.35] {
                let (sin, cos) = f32::sin_cos(angle);
                let tip = (x + cos * r * 0.3, y - r * 0.85 + sin * r * 0.22);
                canvas.leaf(tip.0, tip.1, (r * 0.62, r * 0.24), angle, LEAF);
            }
        }
        Icon::Cherries => {
            canvas.line(at(-0.42, 0.3), at(0.15, -0.85), r * 0.09, DARK_LEAF);
            canvas.line(at(0.5, 0.35), at(0.15, -0.85), r * 0.09, DARK_LEAF);
            draw_leaf(canvas, at(0.55, -0.75), r * 0.85, 0.25);
            for (dx, dy) in [(-0.45, 0.42), (0.5, 0.5)] {
                let (bx, by) = at(dx, dy);
                canvas.disc(bx, by, r * 0.46, colour);
                canvas.disc(bx - r * 0.16, by - r * 0.16, r * 0.1, light);
            }
        }
        Icon::Fruit => {
            canvas.line(at(0.0, -0.6), at(0.1, -1.0), r * 0.12, hex(0x6a4526));
            draw_leaf(canvas, at(0.42, -0.84), r * 0.75, -0.35);
            canvas.disc(x - r * 0.24, y + r * 0.06, r * 0.72, dark);
            canvas.disc(x + r * 0.24, y + r * 0.06, r * 0.72, colour);
            canvas.disc(x - r * 0.16, y + r * 0.06, r * 0.7, colour);
            canvas.ellipse(x - r * 0.42, y - r * 0.2, (r * 0.24, r * 0.13), -0.9, light);
        }
        Icon::Leaves => {
            for (angle, tone) in [(-2.3_f32, dark), (-0.84, dark), (-PI / 2.0, colour)] {
                let (sin, cos) = angle.sin_cos();
                let centre = (x + cos * r * 0.5, y + r * 0.55 + sin * r * 0.72);
                canvas.leaf(centre.0, centre.1, (r * 1.4, r * 0.66), angle, tone);
                canvas.line((x, y + r * 0.55), (x + cos * r * 0.85, y + r * 0.55 + sin * r * 1.1), r * 0.045, light);
            }
            canvas.line(at(0.0, 0.5), at(-0.1, 1.0), r * 0.09, dark);
        }
        Icon::Bean => {
            for (dx, dy, angle) in [(-0.42, 0.25, -0.7), (0.45, 0.3, 0.6), (0.02, -0.4, 0.15)] {
                let (bx, by) = at(dx, dy);
                canvas.ellipse(bx, by, (r * 0.4, r * 0.56), angle, dark);
                canvas.ellipse(bx - r * 0.03, by - r * 0.03, (r * 0.34, r * 0.5), angle, colour);
                canvas.leaf(bx, by, (r * 0.85, r * 0.14), angle + PI / 2.0, dark);
            }
        }
        Icon::Wheat => {
            for (dx, lean) in [(-0.45, -0.28), (0.45, 0.28), (0.0, 0.0)] {
                canvas.line(at(0.0, 1.0), at(dx + lean, -0.7), r * 0.06, dark);
                for i in 0..5 {
                    let t = 0.3 + i as f32 * 0.17;
                    let (gx, gy) = at((dx + lean) * t, 1.0 - 1.75 * t);
                    for side in [-1.0_f32, 1.0] {
                        let place = (gx + side * r * 0.11, gy);
                        canvas.leaf(place.0, place.1, (r * 0.4, r * 0.19), -PI / 2.0 + side * 0.5 + lean, colour);
                    }
                }
            }
        }
        Icon::Drop => {
            for (dx, dy, s, tone) in [(0.0, 0.1, 1.0, colour), (-0.14, 0.3, 0.42, light)] {
                let (bx, by) = at(dx, dy);
                canvas.leaf(bx, by - r * 0.32 * s, (r * 1.6 * s, r * 0.9 * s), PI / 2.0, tone);
                canvas.disc(bx, by + r * 0.25 * s, r * 0.6 * s, tone);
            }
        }
        Icon::Comb => {
            let hexagon = |cx: f32, cy: f32, s: f32| -> Vec<(f32, f32)> {
                (0..6)
                    .map(|i| (cx + s * (turn(i, 6) + PI / 6.0).cos(), cy + s * (turn(i, 6) + PI / 6.0).sin()))
                    .collect()
            };
            for i in 0..7 {
                let (dx, dy) = if i == 0 { (0.0, 0.0) } else { (turn(i, 6).cos() * 0.62, turn(i, 6).sin() * 0.62) };
                let (cx, cy) = at(dx, dy);
                canvas.polygon(&hexagon(cx, cy, r * 0.36), dark);
                canvas.polygon(&hexagon(cx, cy, r * 0.29), if i % 3 == 1 { light } else { colour });
            }
        }
        Icon::Chilli => {
            let spine = [(-0.75, -0.55), (-0.35, -0.1), (0.1, 0.25), (0.55, 0.4), (0.95, 0.32)];
            for (i, pair) in spine.windows(2).enumerate() {
                canvas.line(at(pair[0].0, pair[0].1), at(pair[1].0, pair[1].1), r * (0.46 - 0.11 * i as f32), colour);
            }
            canvas.line(at(-0.45, -0.36), at(0.0, 0.02), r * 0.08, light);
            canvas.line(at(-0.75, -0.55), at(-0.85, -0.95), r * 0.13, DARK_LEAF);
            draw_leaf(canvas, at(-0.72, -0.6), r * 0.55, 0.65);
        }
        Icon::Mushroom => {
            canvas.rounded_rectangle(x, y + r * 0.42, (r * 0.24, r * 0.5), r * 0.18, mix(colour, WHITE, 0.75));
            canvas.ellipse(x, y - r * 0.18, (r * 0.95, r * 0.62), 0.0, colour);
            canvas.ellipse(x, y + r * 0.3, (r * 0.72, r * 0.13), 0.0, dark);
            for (dx, dy, s) in [(-0.4, -0.25, 0.13), (0.1, -0.5, 0.11), (0.45, -0.15, 0.12)] {
                let (sx, sy) = at(dx, dy);
                canvas.disc(sx, sy, r * s, light);
            }
        }
        Icon::Fish => {
            canvas.polygon(&[at(0.45, 0.0), at(1.0, -0.5), at(0.85, 0.0)], dark);
            canvas.polygon(&[at(0.45, 0.0), at(0.85, 0.0), at(1.0, 0.5)], dark);
            canvas.leaf(x - r * 0.15, y, (r * 1.75, r * 0.95), 0.0, colour);
            canvas.leaf(x - r * 0.15, y + r * 0.14, (r * 1.4, r * 0.5), 0.0, light);
            canvas.disc(x - r * 0.65, y - r * 0.08, r * 0.11, WHITE);
            canvas.disc(x - r * 0.66, y - r * 0.08, r * 0.055, hex(0x1b2430));
        }
        Icon::Flower => {
            draw_leaf(canvas, at(-0.62, 0.75), r * 0.8, -0.5);
            draw_leaf(canvas, at(0.62, 0.75), r * 0.8, 0.5 + PI);
            for i in 0..8 {
                let (sin, cos) = turn(i, 8).sin_cos();
                let tone = if i % 2 == 0 { mix(light, WHITE, 0.6) } else { mix(light, WHITE, 0.35) };
                let petal = (x + cos * r * 0.56, y + sin * r * 0.56);
                canvas.ellipse(petal.0, petal.1, (r * 0.44, r * 0.22), turn(i, 8), tone);
            }
            canvas.disc(x, y, r * 0.3, colour);
            canvas.disc(x, y, r * 0.17, dark);
        }
        Icon::Crystal => {
            for (dx, dy, s) in [(-0.25, 0.15, 0.78), (0.55, -0.45, 0.42), (0.55, 0.62, 0.32)] {
                let c = |px: f32, py: f32| at(dx + px * s, dy + py * s);
                canvas.polygon(&[c(0.0, -1.0), c(0.8, -0.45), c(0.0, 0.1), c(-0.8, -0.45)], mix(light, WHITE, 0.6));
                canvas.polygon(&[c(-0.8, -0.45), c(0.0, 0.1), c(0.0, 1.0), c(-0.8, 0.45)], colour);
                canvas.polygon(&[c(0.8, -0.45), c(0.8, 0.45), c(0.0, 1.0), c(0.0, 0.1)], light);
            }
        }
        Icon::Squares => {
            for i in 0..9 {
                let (cx, cy) = at((i % 3) as f32 * 0.62 - 0.62, (i / 3) as f32 * 0.62 - 0.62);
                canvas.rounded_rectangle(cx, cy, (r * 0.3, r * 0.3), r * 0.05, dark);
                canvas.rounded_rectangle(cx - r * 0.02, cy - r * 0.02, (r * 0.25, r * 0.25), r * 0.04, colour);
                canvas.rounded_rectangle(
                    cx - r * 0.02,
                    cy - r * 0.02,
                    (r * 0.16, r * 0.16),
                    r * 0.03,
                    mix(colour, light, 0.35),
                );
            }
        }
        Icon::Cheese => {
            canvas.polygon(&[at(-0.95, 0.0), at(0.5, -0.75), at(0.95, 0.0)], light);
            canvas.polygon(&[at(-0.95, 0.0), at(0.95, 0.0), at(0.95, 0.75), at(-0.95, 0.75)], colour);
            for (dx, dy, s) in [(-0.5, 0.32, 0.17), (0.15, 0.5, 0.13), (0.55, 0.22, 0.19), (0.3, -0.3, 0.1)] {
                let (hx, hy) = at(dx, dy);
                canvas.disc(hx, hy, r * s, mix(colour, dark, 0.55));
            }
        }
    }
}

/// Draws a green leaf with its rib.
fn draw_leaf(canvas: &mut Canvas, (x, y): (f32, f32), length: f32, angle: f32) {
    let (sin, cos) = angle.sin_cos();
    let half = length * 0.42;
    canvas.leaf(x, y, (length, length * 0.45), angle, LEAF);
    canvas.line((x - cos * half, y - sin * half), (x + cos * half, y + sin * half), length * 0.05, DARK_LEAF);
}
