//! Rasterises triangles into a frame buffer with a depth buffer.
//!
//! Invariants: nearer samples win (depth is 1/distance, larger is nearer); colours are linear light; a sample is covered or
//! not, so antialiasing needs several samples per pixel.

use super::canvas::{Canvas, Colour};

/// A projected corner of a triangle, in samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vertex {
    pub(super) x: f32,
    pub(super) y: f32,
    /// 1 / distance from the camera.
    pub(super) depth: f32,
    /// Texture coordinates.
    pub(super) s: f32,
    pub(super) v: f32,
    /// Diffuse and specular light.
    pub(super) light: f32,
    pub(super) gloss: f32,
}

pub(super) enum Fill<'a> {
    Texture(&'a Texture),
    Colour(Colour),
}

/// A canvas in linear light, sampled with bilinear interpolation.
pub(super) struct Texture {
    width: usize,
    rows: usize,
    half: f32,
    scale: (f32, f32),
    /// Four numbers each, the last unused, so that reading a texel is a single load.
    texels: Vec<[f32; 4]>,
}

impl Texture {
    pub(super) fn new(canvas: &Canvas) -> Self {
        // Gamma 2 instead of 2.2: a square here and a square root at the end look almost the same and are much faster.
        let texels = canvas.pixels.iter().map(|&[r, g, b]| [r * r, g * g, b * b, 0.0]).collect();
        let scale = (canvas.width as f32 / (2.0 * canvas.half), canvas.rows as f32 / canvas.height);
        Self { width: canvas.width, rows: canvas.rows, half: canvas.half, scale, texels }
    }

    fn sample(&self, s: f32, v: f32) -> [f32; 4] {
        let x = ((s + self.half) * self.scale.0 - 0.5).clamp(0.0, (self.width - 1) as f32 - 0.001);
        let y = (v * self.scale.1 - 0.5).clamp(0.0, (self.rows - 1) as f32 - 0.001);
        let (column, row) = (x as usize, y as usize);
        let (fx, fy) = (x - column as f32, y - row as f32);
        let upper = row * self.width + column;
        let (a, b) = (self.texels[upper], self.texels[upper + 1]);
        let (c, d) = (self.texels[upper + self.width], self.texels[upper + self.width + 1]);
        std::array::from_fn(|i| {
            let (top, bottom) = (a[i] + (b[i] - a[i]) * fx, c[i] + (d[i] - c[i]) * fx);
            top + (bottom - top) * fy
        })
    }
}

/// Colours and depths of all samples; a depth of zero means that no triangle covers the sample.
pub(super) struct FrameBuffer {
    pub(super) width: usize,
    pub(super) rows: usize,
    pub(super) colours: Vec<Colour>,
    pub(super) depths: Vec<f32>,
}

impl FrameBuffer {
    pub(super) fn new(width: usize, rows: usize) -> Self {
        Self { width, rows, colours: vec![[0.0; 3]; width * rows], depths: vec![0.0; width * rows] }
    }

    /// The corners may be in either order.
    pub(super) fn fill_triangle(&mut self, [a, mut b, mut c]: [Vertex; 3], fill: &Fill<'_>) {
        let mut area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
        if area.abs() < 1e-6 || !area.is_finite() {
            return;
        }
        if area < 0.0 {
            std::mem::swap(&mut b, &mut c);
            area = -area;
        }
        let clip = |value: f32, limit: usize| value.clamp(0.0, limit as f32) as usize;
        let top = clip(a.y.min(b.y).min(c.y), self.rows);
        let bottom = clip(a.y.max(b.y).max(c.y) + 1.0, self.rows);
        // Texture coordinates divided by distance are linear on the screen; the light is nearly so on small triangles.
        let value = |vertex: &Vertex| {
            let Vertex { depth, s, v, light, gloss, .. } = *vertex;
            [depth, s * depth, v * depth, light, gloss]
        };
        let (va, vb, vc) = (value(&a), value(&b), value(&c));
        // Barycentric coordinates of vertices b and c, and their change from one sample of a row to the next.
        let (du, dw) = ((c.y - a.y) / area, -(b.y - a.y) / area);
        let step: [f32; 5] = std::array::from_fn(|i| (vb[i] - va[i]) * du + (vc[i] - va[i]) * dw);
        for row in top..bottom {
            let y = row as f32 + 0.5 - a.y;
            let u0 = ((0.5 - a.x) * (c.y - a.y) - y * (c.x - a.x)) / area;
            let w0 = ((b.x - a.x) * y - (b.y - a.y) * (0.5 - a.x)) / area;
            // Inside: u ≥ 0, w ≥ 0, u + w ≤ 1; each is a half line on the row.
            let (mut from, mut to) = (0.0_f32, self.width as f32);
            for (at, slope) in [(u0, du), (w0, dw), (1.0 - u0 - w0, -du - dw)] {
                if slope > 0.0 {
                    from = from.max(-at / slope);
                } else if slope < 0.0 {
                    to = to.min(-at / slope + 1e-4);
                } else if at < 0.0 {
                    to = 0.0;
                }
            }
            // Rounded up without `ceil`, which would be a function call.
            let round_up = |value: f32| value as usize + usize::from((value as usize as f32) < value);
            let (first, last) = (round_up(from), round_up(to).min(self.width));
            if first >= last {
                continue;
            }
            let (u, w) = (u0 + du * first as f32, w0 + dw * first as f32);
            let mut values: [f32; 5] = std::array::from_fn(|i| va[i] + (vb[i] - va[i]) * u + (vc[i] - va[i]) * w);
            let samples = row * self.width + first..row * self.width + last;
            for (depth, colour) in self.depths[samples.clone()].iter_mut().zip(&mut self.colours[samples]) {
                if values[0] > *depth {
                    *depth = values[0];
                    let paint = match fill {
                        Fill::Texture(texture) => texture.sample(values[1] / values[0], values[2] / values[0]),
                        Fill::Colour([r, g, b]) => [*r, *g, *b, 0.0],
                    };
                    let [r, g, b, _] = paint.map(|c| c * values[3] + values[4]);
                    *colour = [r, g, b];
                }
                for (value, step) in values.iter_mut().zip(step) {
                    *value += step;
                }
            }
        }
    }
}
