//! Two-dimensional drawing: filled shapes with antialiased edges, in the units of the drawn object.
//!
//! Invariants: the origin is the middle of the upper edge, x grows to the right and y downwards, one unit is `scale` pixels in
//! both directions. Shapes are signed distance functions, so every edge is antialiased at any scale. Drawing outside the
//! canvas does nothing.

/// Red, green and blue from 0 to 1, gamma-encoded as in a stored picture.
pub(super) type Colour = [f32; 3];

/// The colour `0xrrggbb`.
pub(super) const fn hex(code: u32) -> Colour {
    [((code >> 16) & 255) as f32 / 255.0, ((code >> 8) & 255) as f32 / 255.0, (code & 255) as f32 / 255.0]
}

/// Interpolates from `a` (`share` 0) to `b` (`share` 1).
pub(super) fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
}

/// Brightness from 0 to 1, with Rec. 709 weights.
pub(super) fn luma(colour: Colour) -> f32 {
    0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]
}

/// Rises smoothly from 0 at `from` to 1 at `to`.
pub(super) fn smoothstep(from: f32, to: f32, value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Five times as fast as `f32::hypot`, whose protection against overflow is not needed here.
pub(super) fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// A rectangle of `2 × half` by `height` units.
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) rows: usize,
    pub(super) half: f32,
    pub(super) height: f32,
    scale: f32,
    pub(super) pixels: Vec<Colour>,
}

impl Canvas {
    pub(super) fn new(half: f32, height: f32, scale: f32, colour: Colour) -> Self {
        let width = ((2.0 * half * scale).ceil() as usize).max(2);
        let rows = ((height * scale).ceil() as usize).max(2);
        Self { width, rows, half, height, scale, pixels: vec![colour; width * rows] }
    }

    /// Sets every pixel to the colour of its position.
    pub(super) fn paint_pixels(&mut self, colour: impl Fn(f32, f32) -> Colour) {
        for row in 0..self.rows {
            let y = (row as f32 + 0.5) / self.scale;
            for column in 0..self.width {
                let x = (column as f32 + 0.5) / self.scale - self.half;
                self.pixels[row * self.width + column] = colour(x, y);
            }
        }
    }

    /// The colour at a position, clamped to the canvas.
    pub(super) fn colour_at(&self, x: f32, y: f32) -> Colour {
        let column = (((x + self.half) * self.scale).max(0.0) as usize).min(self.width - 1);
        let row = ((y * self.scale).max(0.0) as usize).min(self.rows - 1);
        self.pixels[row * self.width + column]
    }

    /// Fills where `distance` is negative, within `bounds` (left, top, right, bottom).
    pub(super) fn fill(&mut self, bounds: [f32; 4], colour: Colour, distance: impl Fn(f32, f32) -> f32) {
        let column = |x: f32| ((x + self.half) * self.scale).clamp(0.0, self.width as f32) as usize;
        let row = |y: f32| (y * self.scale).clamp(0.0, self.rows as f32) as usize;
        let edge = 1.5 / self.scale;
        let (left, right) = (column(bounds[0] - edge), column(bounds[2] + edge));
        let (top, bottom) = (row(bounds[1] - edge), row(bounds[3] + edge));
        for row in top..bottom {
            let y = (row as f32 + 0.5) / self.scale;
            let line = &mut self.pixels[row * self.width..(row + 1) * self.width];
            for (column, pixel) in line.iter_mut().enumerate().take(right).skip(left) {
                let x = (column as f32 + 0.5) / self.scale - self.half;
                let coverage = (0.5 - distance(x, y) * self.scale).clamp(0.0, 1.0);
                if coverage > 0.0 {
                    *pixel = mix(*pixel, colour, coverage);
                }
            }
        }
    }

    pub(super) fn disc(&mut self, x: f32, y: f32, radius: f32, colour: Colour) {
        self.fill([x - radius, y - radius, x + radius, y + radius], colour, |px, py| length(px - x, py - y) - radius);
    }

    /// An ellipse rotated by `angle` (radians, clockwise).
    pub(super) fn ellipse(&mut self, x: f32, y: f32, (rx, ry): (f32, f32), angle: f32, colour: Colour) {
        let (sin, cos) = angle.sin_cos();
        let reach = rx.max(ry);
        self.fill([x - reach, y - reach, x + reach, y + reach], colour, |px, py| {
            let (dx, dy) = (px - x, py - y);
            let (u, v) = ((dx * cos + dy * sin) / rx, (dy * cos - dx * sin) / ry);
            let k = length(u, v);
            // First-order distance: exact on the outline, which suffices for antialiasing.
            (k - 1.0) * k / length(u / rx, v / ry).max(1e-6)
        });
    }

    /// A pointed leaf: the intersection of two discs.
    pub(super) fn leaf(&mut self, x: f32, y: f32, (leaf_length, leaf_width): (f32, f32), angle: f32, colour: Colour) {
        let (sin, cos) = angle.sin_cos();
        let (a, b) = (leaf_length / 2.0, leaf_width / 2.0);
        let radius = (a * a + b * b) / (2.0 * b);
        let shift = radius - b;
        self.fill([x - a, y - a, x + a, y + a], colour, |px, py| {
            let (dx, dy) = (px - x, py - y);
            let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
            length(u, v.abs() + shift) - radius
        });
    }

    /// Centred on (x, y).
    pub(super) fn rounded_rectangle(&mut self, x: f32, y: f32, (rx, ry): (f32, f32), corner: f32, colour: Colour) {
        let corner = corner.min(rx).min(ry);
        self.fill([x - rx, y - ry, x + rx, y + ry], colour, |px, py| {
            let (dx, dy) = ((px - x).abs() - rx + corner, (py - y).abs() - ry + corner);
            length(dx.max(0.0), dy.max(0.0)) + dx.max(dy).min(0.0) - corner
        });
    }

    /// A line with round ends.
    pub(super) fn line(&mut self, from: (f32, f32), to: (f32, f32), width: f32, colour: Colour) {
        let r = width / 2.0;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let square = (dx * dx + dy * dy).max(1e-12);
        let bounds = [from.0.min(to.0) - r, from.1.min(to.1) - r, from.0.max(to.0) + r, from.1.max(to.1) + r];
        self.fill(bounds, colour, |px, py| {
            let t = (((px - from.0) * dx + (py - from.1) * dy) / square).clamp(0.0, 1.0);
            length(px - from.0 - t * dx, py - from.1 - t * dy) - r
        });
    }

    /// A convex polygon, with its corners in clockwise order.
    pub(super) fn polygon(&mut self, corners: &[(f32, f32)], colour: Colour) {
        let mut bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for &(x, y) in corners {
            bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
        }
        self.fill(bounds, colour, |px, py| {
            let mut distance = f32::MIN;
            for (i, &(ax, ay)) in corners.iter().enumerate() {
                let (bx, by) = corners[(i + 1) % corners.len()];
                let (ex, ey) = (bx - ax, by - ay);
                distance = distance.max(((px - ax) * ey - (py - ay) * ex) / length(ex, ey).max(1e-6));
            }
            distance
        });
    }
}
