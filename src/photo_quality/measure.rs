//! What is measured on a photo: spread of its colours, shares of black and white, sharpness.

use crate::domain::Photo;
use crate::regions::{reduce, reduced_size};

/// Grey values up to this one are black, as far as a model can tell.
const BLACK_MAX: f32 = 16.0;
/// Pixels with this value in each channel are white: the camera could not measure more light.
const WHITE_MIN: u8 = 250;
/// The share of pixels at either end that do not count for the spread: specks and dead pixels.
const OUTLIER_SHARE: f32 = 0.02;

pub(super) struct Measurements {
    /// 0 to 255.
    pub(super) color_spread: f32,
    pub(super) black_share: f32,
    pub(super) white_share: f32,
    /// Variance of the Laplacian over the variance of the grey values, so that a pale label is not called blurred. `None` if the
    /// picture has no inner pixels.
    pub(super) sharpness: Option<f32>,
}

impl Measurements {
    pub(super) fn of_photo(photo: &Photo) -> Self {
        let (width, height) = reduced_size(photo.width(), photo.height());
        let colors = reduce(photo, width, height);
        let grey: Vec<f32> = colors.iter().map(grey_value).collect();
        let black = grey.iter().filter(|value| **value <= BLACK_MAX).count();
        let white = colors.iter().filter(|color| color.iter().all(|value| *value >= WHITE_MIN)).count();
        let share = |pixels: usize| pixels as f32 / colors.len() as f32;
        Self {
            color_spread: (0..3).map(|channel| spread(&colors, channel)).fold(0.0, f32::max),
            black_share: share(black),
            white_share: share(white),
            sharpness: sharpness(&grey, width),
        }
    }
}

/// Luma of ITU-R BT.601.
fn grey_value([red, green, blue]: &[u8; 3]) -> f32 {
    0.299 * f32::from(*red) + 0.587 * f32::from(*green) + 0.114 * f32::from(*blue)
}

/// The range of one channel without the outliers.
fn spread(colors: &[[u8; 3]], channel: usize) -> f32 {
    let mut values: Vec<u8> = colors.iter().map(|color| color[channel]).collect();
    values.sort_unstable();
    let outliers = (values.len() as f32 * OUTLIER_SHARE) as usize;
    f32::from(values[values.len() - 1 - outliers] - values[outliers])
}

/// Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", divided by the contrast.
fn sharpness(grey: &[f32], width: usize) -> Option<f32> {
    let rows: Vec<&[f32]> = grey.chunks_exact(width).collect();
    let laplacian = rows.windows(3).flat_map(|rows| {
        let (above, row, below) = (rows[0], rows[1], rows[2]);
        (1..width.saturating_sub(1)).map(move |x| row[x - 1] + row[x + 1] + above[x] + below[x] - 4.0 * row[x])
    });
    let laplacian: Vec<f32> = laplacian.collect();
    let contrast = variance(grey);
    (!laplacian.is_empty() && contrast > 0.0).then(|| (variance(&laplacian) / contrast) as f32)
}

fn variance(values: &[f32]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().copied().map(f64::from).sum::<f64>() / count;
    values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count
}
