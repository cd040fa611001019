//! A picture made small and converted to CIE L*a*b*, in which distances between colours are nearly as people see them.

use std::sync::LazyLock;

use crate::domain::Photo;

/// Longest side in pixels. A product of a tenth of a 16:9 frame's height still covers 14 of them.
const SIDE_MAX: u32 = 256;
/// Steps of the table of the cube root.
const CURVE_STEPS: u32 = 4_096;

/// Linear light of 253 of 255: the mean of a block that is as bright as a camera can tell, less some noise.
const SATURATED_MIN: f32 = 0.98;

/// Colours row by row: L* from 0 to 100, a* and b* about −100 to 100.
#[derive(Debug, Clone)]
pub(super) struct LabPicture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) colors: Vec<[f32; 3]>,
}

impl LabPicture {
    /// `photo` with its longest side at most [`SIDE_MAX`].
    pub(super) fn from_photo(photo: &Photo) -> Self {
        let (width, height) = reduced_size(photo.width(), photo.height());
        Self::with_size(photo, width, height)
    }

    /// `photo` in this size.
    pub(super) fn with_size(photo: &Photo, width: usize, height: usize) -> Self {
        if (width, height) == (photo.width() as usize, photo.height() as usize) {
            let pixels = photo.rgb().as_chunks().0;
            return Self { width, height, colors: pixels.iter().copied().map(lab_from_srgb).collect() };
        }
        Self { width, height, colors: reduce(photo, width, height).into_iter().map(lab_from_srgb).collect() }
    }
}

impl LabPicture {
    /// The range of L*, a* or b*, whichever is widest.
    pub(super) fn color_range(&self) -> f32 {
        let range = |channel: usize| {
            let values = self.colors.iter().map(|color| color[channel]);
            values.clone().fold(f32::NEG_INFINITY, f32::max) - values.fold(f32::INFINITY, f32::min)
        };
        (0..3).map(range).fold(0.0, f32::max)
    }
}

/// The size of a picture with its longest side at most [`SIDE_MAX`].
pub fn reduced_size(width: u32, height: u32) -> (usize, usize) {
    let scale = (f64::from(width.max(height)) / f64::from(SIDE_MAX)).max(1.0);
    let reduce = |side: u32| ((f64::from(side) / scale).round() as usize).max(1);
    (reduce(width), reduce(height))
}

/// `photo` in this size; each pixel is the mean of the block that it covers.
pub fn reduce(photo: &Photo, width: usize, height: usize) -> Vec<[u8; 3]> {
    let edges = |count: usize, side: u32| -> Vec<usize> { (0..=count).map(|i| i * side as usize / count).collect() };
    let (columns, rows) = (edges(width, photo.width()), edges(height, photo.height()));
    let stride = photo.width() as usize * 3;
    let mut colors = Vec::with_capacity(width * height);
    let mut column_sums = vec![0_u32; stride];
    for row in rows.windows(2) {
        let (top, bottom) = (row[0], row[1].max(row[0] + 1));
        column_sums.fill(0);
        for line in photo.rgb()[top * stride..bottom * stride].chunks_exact(stride) {
            for (sum, value) in column_sums.iter_mut().zip(line) {
                // Wrapping, since the check of each sum costs more than the sums; a column has far fewer than 2²⁴ pixels.
                *sum = sum.wrapping_add(u32::from(*value));
            }
        }
        for column in columns.windows(2) {
            let (left, right) = (column[0], column[1].max(column[0] + 1));
            let mut sums = [0_u32; 3];
            for pixel in column_sums[left * 3..right * 3].chunks_exact(3) {
                sums = [sums[0] + pixel[0], sums[1] + pixel[1], sums[2] + pixel[2]];
            }
            let count = ((right - left) * (bottom - top)) as u32;
            colors.push(sums.map(|sum| u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX)));
        }
    }
    colors
}

/// Linear light of each value of sRGB (IEC 61966-2-1).
static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|value| {
        let value = value as f32 / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    })
});

/// The curve of L*a*b* (ISO/CIE 11664-4) in steps from 0 to 1.
static CURVE: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let curve = |t: f32| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    (0..=CURVE_STEPS).map(|step| curve(step as f32 / CURVE_STEPS as f32)).collect()
});

/// L*a*b* under D65.
fn lab_from_srgb(color: [u8; 3]) -> [f32; 3] {
    lab_from_linear(color.map(|value| LINEAR[usize::from(value)]))
}

/// Whether a channel is as bright as a camera can tell: it may be brighter.
pub(super) fn is_saturated(color: [f32; 3]) -> bool {
    linear_from_lab(color).into_iter().any(|value| value > SATURATED_MIN)
}

/// The colour as a camera shows it, which cuts off what is brighter or darker than it can tell.
pub(super) fn clip_to_camera(color: [f32; 3]) -> [f32; 3] {
    let linear = linear_from_lab(color);
    if linear.iter().all(|value| (0.0..=1.0).contains(value)) {
        return color;
    }
    lab_from_linear(linear.map(|value| value.clamp(0.0, 1.0)))
}

/// Linear light of red, green and blue: the inverse of [`lab_from_linear`].
fn linear_from_lab([lightness, a, b]: [f32; 3]) -> [f32; 3] {
    let y = (lightness + 16.0) / 116.0;
    let inverse = |value: f32| if value > 6.0 / 29.0 { value.powi(3) } else { (value - 16.0 / 116.0) / 7.787 };
    let (x, y, z) = (0.9505 * inverse(y + a / 500.0), inverse(y), 1.089 * inverse(y - b / 200.0));
    [3.2406 * x - 1.5372 * y - 0.4986 * z, -0.9689 * x + 1.8758 * y + 0.0415 * z, 0.0557 * x - 0.2040 * y + 1.0570 * z]
}

fn lab_from_linear([red, green, blue]: [f32; 3]) -> [f32; 3] {
    let curve = |t: f32| CURVE[((t * CURVE_STEPS as f32) as usize).min(CURVE_STEPS as usize)];
    let x = curve((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
    let y = curve(0.2126 * red + 0.7152 * green + 0.0722 * blue);
    let z = curve((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_that_a_camera_shows_stay_and_others_are_cut_off() {
        for color in [[0, 0, 0], [255, 255, 255], [12, 200, 90], [250, 240, 10]] {
            let lab = lab_from_srgb(color);
            let distance = clip_to_camera(lab).iter().zip(lab).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(distance < 0.2, "{color:?}");
        }
        let white = clip_to_camera([120.0, 0.0, 0.0]);
        assert!((white[0] - 100.0).abs() < 0.2 && white[1].abs() < 0.2, "{white:?}");
        assert!(is_saturated(lab_from_srgb([255, 90, 90])) && !is_saturated(lab_from_srgb([250, 250, 250])));
    }

    #[test]
    fn known_colours_have_their_published_values() {
        // Bruce Lindbloom's calculator, D65.
        let cases =
            [([255, 255, 255], [100.0, 0.0, 0.0]), ([255, 0, 0], [53.2, 80.1, 67.2]), ([0, 0, 0], [0.0, 0.0, 0.0])];
        for (rgb, expected) in cases {
            let found = lab_from_srgb(rgb);
            let distance = found.iter().zip(expected).map(|(a, b): (&f32, f32)| (a - b).abs()).fold(0.0, f32::max);
            assert!(distance < 0.6, "{rgb:?}: {found:?}");
        }
    }

    #[test]
    fn a_picture_is_never_enlarged_and_a_strip_keeps_a_row() {
        let size = |width, height| {
            let photo = Photo::new(width, height, vec![9; (width * height * 3) as usize]).unwrap();
            let picture = LabPicture::from_photo(&photo);
            assert_eq!(picture.colors.len(), picture.width * picture.height);
            (picture.width, picture.height)
        };
        assert_eq!(size(1_280, 720), (256, 144));
        assert_eq!(size(40, 30), (40, 30));
        assert_eq!(size(4_000, 1), (256, 1));
    }
}
