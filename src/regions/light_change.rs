//! How the colours of a frame differ from the empty view's by their light alone.
//!
//! A quadratic surface follows a lamp or a window; a linear function of the view's own colours follows a dimmer or warmer light,
//! which changes light parts more than dark ones. Both are fitted robustly to a sample of the pixels. What becomes brighter than the
//! camera can tell is cut off as the camera does.

use super::border_background::border_pixels;
use super::lab_picture::{LabPicture, clip_to_camera, is_saturated};
use super::robust_fit::{LinearFit, Observation, cauchy_weights, coordinate, length, median, subtract, surface_terms};

/// Pixels of the border, and as many of the rest, that the light is fitted to, at most.
const SAMPLES_MAX: usize = 250;
/// With less than one in so many that is not saturated, saturated pixels are used too.
const UNSATURATED_SHARE_MIN: usize = 4;
/// The terms of a quadratic surface; then L*, a* and b* of the view, and each times the place.
const SURFACE_TERMS: usize = 6;
const TERMS: usize = SURFACE_TERMS + 9;
const SURFACE_RIDGE: [f64; SURFACE_TERMS] = [1e-6; SURFACE_TERMS];
/// Draws the factors of the view's colours to zero: on a table of one colour nothing else determines them.
const RIDGE: [f64; TERMS] = [1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
/// Brings colours near to 1, as the coordinates are.
const COLOR_SCALE: f32 = 100.0;
/// A change of light scales a colour by less than this, more or less.
const SCALE_CHANGE_MAX: f32 = 0.5;
/// A change of light moves L* by less than this, in the median.
const LIGHTNESS_CHANGE_MAX: f32 = 35.0;
/// The median is taken of one pixel in so many.
const MEDIAN_STEP: usize = 7;

/// The change as a surface alone.
pub(super) struct SmoothChange(LinearFit<SURFACE_TERMS>);

/// The change as a surface and a function of the view's colours.
pub(super) struct LightChange(LinearFit<TERMS>);

impl SmoothChange {
    pub(super) fn fit(view: &LabPicture, frame: &LabPicture, pixels: &SamplePixels) -> Self {
        Self(fit(view, frame, pixels, surface_terms, SURFACE_RIDGE))
    }

    /// What it adds to L* at x and y.
    pub(super) fn lightness(&self, x: f32, y: f32) -> f32 {
        let [constant, x_factor, y_factor, x_square, x_y, y_square] = self.0.factors[0];
        constant + x * (x_factor + x * x_square + y * x_y) + y * (y_factor + y * y_square)
    }
}

impl LightChange {
    pub(super) fn fit(view: &LabPicture, frame: &LabPicture, pixels: &SamplePixels) -> Self {
        Self(fit(view, frame, pixels, terms, RIDGE))
    }

    /// The view as it looks in the frame's light; `None` if the light of a shop does not change like that: a covered lens,
    /// another place.
    pub(super) fn apply(&self, mut view: LabPicture) -> Option<LabPicture> {
        let mut scales = (0..3).map(|channel| self.0.factors[channel][SURFACE_TERMS + channel] / COLOR_SCALE);
        if !scales.all(|scale| scale.abs() < SCALE_CHANGE_MAX) {
            return None;
        }
        let mut lightness_changes = Vec::with_capacity(view.colors.len() / MEDIAN_STEP + 1);
        let (width, height) = (view.width, view.height);
        for (y, line) in view.colors.chunks_exact_mut(width).enumerate() {
            let row = self.row_factors(coordinate(y, height));
            for (column, color) in line.iter_mut().enumerate() {
                let change = row.at(coordinate(column, width), *color);
                if (column + y) % MEDIAN_STEP == 0 {
                    lightness_changes.push(change[0]);
                }
                *color = clip_to_camera(std::array::from_fn(|channel| color[channel] + change[channel]));
            }
        }
        (median(&lightness_changes).abs() < LIGHTNESS_CHANGE_MAX).then_some(view)
    }

    fn row_factors(&self, y: f32) -> RowFactors {
        RowFactors(self.0.factors.map(|factors| {
            let [constant, x, y_factor, x_square, x_y, y_square, own_l, own_a, own_b, l_x, l_y, a_x, a_y, b_x, b_y] =
                factors;
            let surface = [constant + y * (y_factor + y * y_square), x + y * x_y, x_square];
            let colors = [[own_l + y * l_y, l_x], [own_a + y * a_y, a_x], [own_b + y * b_y, b_x]];
            ChannelFactors { surface, colors: colors.map(|factors| factors.map(|factor| factor / COLOR_SCALE)) }
        }))
    }
}

/// The fit in one row, for each channel.
struct RowFactors([ChannelFactors; 3]);

#[derive(Debug, Clone, Copy)]
struct ChannelFactors {
    /// Of 1, x and x².
    surface: [f32; 3],
    /// For each of L*, a* and b*, of 1 and x.
    colors: [[f32; 2]; 3],
}

impl RowFactors {
    /// The change at x of a pixel that has this colour in the view.
    fn at(&self, x: f32, color: [f32; 3]) -> [f32; 3] {
        let [lightness, green_red, blue_yellow] = color;
        self.0.map(|ChannelFactors { surface: [constant, linear, square], colors: [l, a, b] }| {
            let surface = constant + x * (linear + x * square);
            surface + lightness * (l[0] + x * l[1]) + green_red * (a[0] + x * a[1]) + blue_yellow * (b[0] + x * b[1])
        })
    }
}

fn terms(view: &LabPicture, pixel: usize) -> [f32; TERMS] {
    let [one, x, y, xx, xy, yy] = surface_terms(view, pixel);
    let [lightness, a, b] = view.colors[pixel].map(|value| value / COLOR_SCALE);
    [one, x, y, xx, xy, yy, lightness, a, b, lightness * x, lightness * y, a * x, a * y, b * x, b * y]
}

fn fit<const N: usize>(
    view: &LabPicture,
    frame: &LabPicture,
    pixels: &SamplePixels,
    terms: fn(&LabPicture, usize) -> [f32; N],
    ridge: [f64; N],
) -> LinearFit<N> {
    let sample = |pixel: &usize| Observation {
        terms: terms(view, *pixel),
        color: subtract(frame.colors[*pixel], view.colors[*pixel]),
    };
    let samples: Vec<_> = pixels.border.iter().chain(&pixels.rest).map(sample).collect();
    // Begins with what agrees with the change at the border, where goods seldom are.
    let at_border = &samples[..pixels.border.len()];
    let shift: [f32; 3] = std::array::from_fn(|channel| {
        median(&at_border.iter().map(|sample| sample.color[channel]).collect::<Vec<_>>())
    });
    let distances: Vec<f32> = samples.iter().map(|sample| length(subtract(sample.color, shift))).collect();
    LinearFit::fit_robustly(&samples, cauchy_weights(&distances), ridge)
}

/// The pixels that the light is fitted to. Half of them are of the border, so that goods may cover most of the rest. Saturated
/// ones do not follow the light, and are used only where most are.
pub(super) struct SamplePixels {
    border: Vec<usize>,
    rest: Vec<usize>,
}

impl SamplePixels {
    pub(super) fn choose(view: &LabPicture, frame: &LabPicture) -> Self {
        // The step is odd, so that the samples do not all come from the same columns.
        let thin_out = |pixels: Vec<usize>| -> Vec<usize> {
            let step = pixels.len().div_ceil(SAMPLES_MAX) | 1;
            let pixels: Vec<usize> = pixels.into_iter().step_by(step).collect();
            let follows_light =
                |pixel: &usize| !is_saturated(view.colors[*pixel]) && !is_saturated(frame.colors[*pixel]);
            let following: Vec<usize> = pixels.iter().copied().filter(follows_light).collect();
            if following.len() * UNSATURATED_SHARE_MIN >= pixels.len() { following } else { pixels }
        };
        Self {
            border: thin_out(border_pixels(view.width, view.height)),
            rest: thin_out((0..view.colors.len()).collect()),
        }
    }
}
