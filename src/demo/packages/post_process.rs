//! Post-processing, as by a camera: blur, exposure, white balance, vignette and noise.
//!
//! Invariants: the input is linear light, the output is gamma-encoded bytes; blur is a share of the picture's side, so a
//! picture looks the same at another size.

use image::RgbImage;
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::canvas::Colour;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct PostProcess {
    /// Standard deviation of the blur as a share of the side.
    pub(super) blur: f32,
    /// Gain of each channel: exposure times white balance.
    pub(super) gain: Colour,
    /// 1: unchanged.
    pub(super) saturation: f32,
    /// Share of the light that is lost in the corners.
    pub(super) vignette: f32,
    /// Standard deviation of the noise; white is 1.
    pub(super) noise: f32,
}

impl PostProcess {
    /// A random kiosk camera in random light.
    pub(super) fn random(rng: &mut Pcg64Mcg) -> Self {
        let exposure = rng.random_range(0.78..1.28);
        let warmth = rng.random_range(-0.09..0.09);
        let green = rng.random_range(-0.03..0.03);
        Self {
            blur: if rng.random_bool(0.6) { rng.random_range(0.0..0.0035) } else { 0.0 },
            gain: [exposure * (1.0 + warmth), exposure * (1.0 + green), exposure * (1.0 - warmth)],
            saturation: rng.random_range(0.82..1.1),
            vignette: rng.random_range(0.0..0.3),
            noise: rng.random_range(0.003..0.022),
        }
    }

    /// A good camera in good light.
    pub(super) const fn studio() -> Self {
        Self { blur: 0.0, gain: [1.04, 1.02, 0.99], saturation: 1.06, vignette: 0.1, noise: 0.0 }
    }

    /// Makes a picture of linear light, in rows of `side` pixels.
    pub(super) fn apply(&self, mut light: Vec<Colour>, side: usize, rng: &mut Pcg64Mcg) -> RgbImage {
        gaussian_blur(&mut light, side, self.blur * side as f32);
        let mut bytes = Vec::with_capacity(light.len() * 3);
        let centre = side as f32 / 2.0;
        let reach = 1.0 / (2.0 * centre * centre);
        // The sum of two random bytes has mean 255 and standard deviation 104.5, which is close to a sensor's noise.
        let noise = self.noise / 104.5;
        for (row, line) in light.chunks_exact(side).enumerate() {
            let dy = row as f32 - centre;
            for (column, pixel) in line.iter().enumerate() {
                let dx = column as f32 - centre;
                let corner = 1.0 - self.vignette * (dx * dx + dy * dy) * reach;
                let stored: Colour =
                    std::array::from_fn(|c| compress_highlights((pixel[c] * self.gain[c] * corner).max(0.0).sqrt()));
                let grey = (stored[0] + stored[1] + stored[2]) / 3.0;
                let grain = if noise > 0.0 { rng.random::<u64>().to_le_bytes() } else { [0; 8] };
                let byte = |c: usize| {
                    let offset = (f32::from(grain[c]) + f32::from(grain[c + 3]) - 255.0) * noise;
                    ((grey + (stored[c] - grey) * self.saturation + offset) * 255.0 + 0.5) as u8
                };
                bytes.extend_from_slice(&[byte(0), byte(1), byte(2)]);
            }
        }
        RgbImage::from_raw(side as u32, side as u32, bytes).unwrap_or_default()
    }
}

/// Compresses the brightest tones (a parabola from 0.85 to white) instead of clipping them.
fn compress_highlights(value: f32) -> f32 {
    const FROM: f32 = 0.85;
    const ROOM: f32 = 1.0 - FROM;
    const SLOPE: f32 = 1.0 / (2.0 * ROOM);
    let over = ((value - FROM) * SLOPE).clamp(0.0, 1.0);
    value.min(FROM) + ROOM * over * (2.0 - over)
}

/// A Gaussian blur of a square picture, rows then columns. Both passes add whole rows, which the compiler vectorises.
fn gaussian_blur(light: &mut [Colour], side: usize, sigma: f32) {
    if sigma < 0.25 || side < 2 {
        return;
    }
    let reach = (sigma * 2.5).ceil() as usize;
    let mut kernel: Vec<f32> = (0..=reach).map(|i| (-(i as f32 / sigma).powi(2) / 2.0).exp()).collect();
    let total = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
    kernel.iter_mut().for_each(|k| *k /= total);
    let width = side * 3;
    let values = light.as_flattened_mut();
    let mut blurred_rows = vec![0.0_f32; values.len()];
    let mut padded: Vec<f32> = Vec::with_capacity(width + 6 * reach);
    for (line, out) in values.chunks_exact(width).zip(blurred_rows.chunks_exact_mut(width)) {
        padded.clear();
        (0..reach).for_each(|_| padded.extend_from_slice(&line[..3]));
        padded.extend_from_slice(line);
        (0..reach).for_each(|_| padded.extend_from_slice(&line[width - 3..]));
        for (i, k) in kernel.iter().enumerate() {
            add(out, &padded[3 * (reach - i)..], &padded[3 * (reach + i)..], if i == 0 { k / 2.0 } else { *k });
        }
    }
    values.fill(0.0);
    for (row, out) in values.chunks_exact_mut(width).enumerate() {
        for (i, k) in kernel.iter().enumerate() {
            let (above, below) = (row.saturating_sub(i) * width, (row + i).min(side - 1) * width);
            add(out, &blurred_rows[above..], &blurred_rows[below..], if i == 0 { k / 2.0 } else { *k });
        }
    }
}

/// Adds the weighted sum of two rows.
fn add(out: &mut [f32], a: &[f32], b: &[f32], weight: f32) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out += (a + b) * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_the_sum_and_spreads_a_point_evenly() {
        let mut light = vec![[0.0; 3]; 21 * 21];
        light[10 * 21 + 10] = [1.0, 2.0, 4.0];
        gaussian_blur(&mut light, 21, 1.2);
        let total: f32 = light.iter().map(|c| c[1]).sum();
        assert!((total - 2.0).abs() < 1e-4, "{total}");
        assert!(light[10 * 21 + 10][0] < 0.5);
        assert!((light[10 * 21 + 9][2] - light[11 * 21 + 10][2]).abs() < 1e-6);
    }
}
