//! A stroke font of our own: strokes on a lattice of 5 × 7 points, drawn as lines with round ends at any size.
//!
//! Invariants: only capitals, digits and a few marks; lower-case letters are drawn as capitals, an unknown character as a gap.
//! The font is proportional: `I` is narrow and `M` wide.

use super::canvas::{Canvas, Colour};

/// In lattice steps.
const GLYPH_GAP: f32 = 1.75;
const BLANK_WIDTH: f32 = 1.6;
/// In lattice steps.
const CAPITAL_HEIGHT: f32 = 6.0;

/// The strokes of a character, separated by blanks, as points `xy` (x 0–4, y 0 at the top); `~` marks a smooth open stroke, `@` a
/// smooth closed one.
fn strokes(character: char) -> &'static str {
    match character.to_ascii_uppercase() {
        'A' => "062046 1434",
        'B' => "0006 ~003041423303 ~033344453606",
        'C' => "~4130100105163645",
        'D' => "0006 ~002042442606",
        'E' => "40000646 0333",
        'F' => "400006 0333",
        'G' => "~4130100105163645 454323",
        'H' => "0006 4046 0343",
        'I' => "2026",
        'J' => "~4045361605",
        'K' => "0006 4004 1346",
        'L' => "000646",
        'M' => "0600234046",
        'N' => "06004640",
        'O' => "@1030414536160501",
        'P' => "0006 ~003041423303",
        'Q' => "@1030414536160501 2446",
        'R' => "0006 ~003041423303 2346",
        'S' => "~413010010213334445361605",
        'T' => "0040 2026",
        'U' => "~000516364540",
        'V' => "002640",
        'W' => "0016233640",
        'X' => "0046 4006",
        'Y' => "002340 2326",
        'Z' => "00400646",
        '0' => "@1020313526160501",
        '1' => "011016",
        '2' => "~011030414206 0646",
        '3' => "~01103041423313 ~13334445361605",
        '4' => "36300444",
        '5' => "400003 ~03334445361605",
        '6' => "~413010010516364544331304",
        '7' => "004016",
        '8' => "@1030414233130201 @1333444536160504",
        '9' => "~051636454130100102133342",
        '&' => "~4612112031320405162644",
        '%' => "4006 @00101101 @35454636",
        '.' => "2626",
        ',' => "2617",
        '-' => "1333",
        '\'' => "2021",
        '!' => "2024 2626",
        '+' => "1434 2325",
        _ => "",
    }
}

/// Cuts the corners of a polyline twice (Chaikin), which looks round at the sizes of a label.
fn smooth_polyline(mut points: Vec<(f32, f32)>, closed: bool) -> Vec<(f32, f32)> {
    for _ in 0..2 {
        let mut cut = Vec::with_capacity(points.len() * 2 + 2);
        let count = points.len();
        let sides = if closed { count } else { count - 1 };
        if !closed {
            cut.push(points[0]);
        }
        for i in 0..sides {
            let (a, b) = (points[i], points[(i + 1) % count]);
            cut.push((a.0 * 0.75 + b.0 * 0.25, a.1 * 0.75 + b.1 * 0.25));
            cut.push((a.0 * 0.25 + b.0 * 0.75, a.1 * 0.25 + b.1 * 0.75));
        }
        if !closed {
            cut.push(points[count - 1]);
        }
        points = cut;
    }
    if closed {
        points.push(points[0]);
    }
    points
}

fn polylines(character: char) -> Vec<Vec<(f32, f32)>> {
    strokes(character)
        .split_ascii_whitespace()
        .map(|stroke| {
            let digits: Vec<f32> = stroke.bytes().filter(u8::is_ascii_digit).map(|d| f32::from(d - b'0')).collect();
            let points: Vec<(f32, f32)> = digits.chunks_exact(2).map(|p| (p[0], p[1])).collect();
            match stroke.as_bytes()[0] {
                b'~' => smooth_polyline(points, false),
                b'@' => smooth_polyline(points, true),
                _ => points,
            }
        })
        .collect()
}

/// Left edge and width of a character on the lattice.
fn glyph_extent(character: char) -> (f32, f32) {
    let (mut left, mut right) = (9.0_f32, 0.0_f32);
    for stroke in strokes(character).split_ascii_whitespace() {
        for pair in stroke.trim_start_matches(['~', '@']).as_bytes().chunks_exact(2) {
            let x = f32::from(pair[0] - b'0');
            left = left.min(x);
            right = right.max(x);
        }
    }
    if left > right { (0.0, BLANK_WIDTH) } else { (left, right - left) }
}

/// The width of a line of text with capitals of height 1.
pub(super) fn text_width(text: &str) -> f32 {
    let steps: f32 = text.chars().map(|c| glyph_extent(c).1 + GLYPH_GAP).sum();
    (steps - GLYPH_GAP).max(0.0) / CAPITAL_HEIGHT
}

#[derive(Clone, Copy)]
pub(super) struct TextStyle {
    /// Height of a capital, before the text is scaled down.
    pub(super) height: f32,
    /// The text is scaled down to this width.
    pub(super) width_max: f32,
    /// Width of a stroke as a share of the height.
    pub(super) weight: f32,
    /// Radians, clockwise.
    pub(super) angle: f32,
    pub(super) colour: Colour,
}

/// Draws one line of text centred on (x, y).
pub(super) fn draw_text(canvas: &mut Canvas, text: &str, (x, y): (f32, f32), style: TextStyle) {
    let height = style.height.min(style.width_max / (text_width(text) + style.weight).max(0.1));
    let step = height / CAPITAL_HEIGHT;
    let (sin, cos) = style.angle.sin_cos();
    let mut pen = -text_width(text) * height / 2.0;
    for character in text.chars() {
        let (left, wide) = glyph_extent(character);
        let to_canvas = |p: (f32, f32)| {
            let (u, v) = (pen + (p.0 - left) * step, (p.1 - CAPITAL_HEIGHT / 2.0) * step);
            (x + u * cos - v * sin, y + u * sin + v * cos)
        };
        for polyline in polylines(character) {
            for pair in polyline.windows(2) {
                canvas.line(to_canvas(pair[0]), to_canvas(pair[1]), style.weight * height, style.colour);
            }
        }
        pen += (wide + GLYPH_GAP) * step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_and_digit_has_strokes_inside_the_lattice() {
        for character in ('A'..='Z').chain('0'..='9') {
            let lines = polylines(character);
            assert!(!lines.is_empty(), "{character} has no strokes");
            for (x, y) in lines.into_iter().flatten() {
                assert!((0.0..=4.0).contains(&x) && (0.0..=6.0).contains(&y), "{character} leaves the lattice");
            }
        }
    }

    #[test]
    fn letters_and_digits_differ_from_each_other() {
        let mut glyphs = std::collections::HashMap::new();
        for character in ('A'..='Z').chain('0'..='9') {
            let other = glyphs.insert(strokes(character), character);
            assert_eq!(other, None, "{character} is drawn like another character");
        }
    }
}
