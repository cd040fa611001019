//! What a kiosk's camera sees when nothing lies before it, and what of a frame differs from that.
//!
//! The light of shops changes: the frame's colours are first fitted to the view's, robustly, by a smooth surface and a
//! linear function of the view's own colours (a dimmer lamp darkens light parts more). A frame that differs nearly
//! everywhere, that matches the view better when it is shifted, or whose light cannot be explained shows that the camera was
//! moved, or covered; the view then says nothing about it.

use super::border_background::border_pixels;
use super::camera_shift::is_shifted;
use super::foreground::mask_from_differences;
use super::lab_picture::{LabPicture, reduce, reduced_size};
use super::mask::Mask;
use super::robust_fit::{LinearFit, Sample, cauchy_weights, length, median, subtract, surface_terms};
use crate::domain::Photo;

/// The smallest side of an empty view, in pixels: no camera's picture is smaller.
const SIDE_MIN: u32 = 64;
/// A picture that is nowhere lighter than this L* is black.
const LIGHTNESS_MIN: f32 = 8.0;
/// Two pictures whose ratios of sides differ by more than this were not taken alike.
const ASPECT_TOLERANCE: f64 = 0.02;
/// From this share of the picture and of its border on, what differs is not goods: they seldom lie across all of the border.
const MOVED_SHARE: f32 = 0.6;
/// Pixels of the border, and as many of the rest, that the light is fitted to, at most.
const SAMPLES_MAX: usize = 400;
/// The terms of a quadratic surface; then L*, a* and b* of the view, and each times the place.
const SURFACE_TERMS: usize = 6;
const TERMS: usize = SURFACE_TERMS + 9;
const SURFACE_RIDGE: [f64; SURFACE_TERMS] = [1e-6; SURFACE_TERMS];
/// Draws the factors of the view's colours to zero: on a table of one colour nothing else determines them.
const RIDGE: [f64; TERMS] = [1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
/// A change of light scales a colour by less than this, more or less.
const SCALE_CHANGE_MAX: f32 = 0.5;
/// A change of light moves L* by less than this, in the median.
const LIGHTNESS_CHANGE_MAX: f32 = 35.0;
/// Noise of a camera in L*a*b*, after the picture is reduced.
const SPREAD_MIN: f32 = 0.5;
const SPREAD_MAX: f32 = 3.0;

/// A kiosk's empty view, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmptyView {
    width: u32,
    height: u32,
    reduced: Photo,
}

/// Why a picture cannot be an empty view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusableView {
    #[error("has {width} × {height} pixels; an empty view needs at least {SIDE_MIN} on each side")]
    TooSmall { width: u32, height: u32 },
    #[error("is black. Switch the light on, uncover the camera, and take it again")]
    Black,
}

/// How a frame relates to the empty view.
#[derive(Debug)]
pub(super) enum Comparison {
    /// The mask is of what differs.
    Same(LabPicture, Mask),
    CameraMoved,
    OtherSize,
}

impl EmptyView {
    pub fn from_photo(photo: &Photo) -> Result<Self, UnusableView> {
        let (width, height) = (photo.width(), photo.height());
        if width.min(height) < SIDE_MIN {
            return Err(UnusableView::TooSmall { width, height });
        }
        let (reduced_width, reduced_height) = reduced_size(width, height);
        let rgb = reduce(photo, reduced_width, reduced_height).concat();
        // Not reached: the reduced picture has the size that it was reduced to.
        let view = Self::from_stored(width, height, rgb).ok_or(UnusableView::TooSmall { width, height })?;
        let is_black = LabPicture::from_photo(&view.reduced).colors.iter().all(|color| color[0] < LIGHTNESS_MIN);
        if is_black { Err(UnusableView::Black) } else { Ok(view) }
    }

    /// From what [`Self::reduced_rgb`] gave; `None` if that does not fit to `width` and `height`.
    pub fn from_stored(width: u32, height: u32, reduced_rgb: Vec<u8>) -> Option<Self> {
        let (reduced_width, reduced_height) = reduced_size(width, height);
        let reduced = Photo::new(reduced_width.try_into().ok()?, reduced_height.try_into().ok()?, reduced_rgb)?;
        Some(Self { width, height, reduced })
    }

    /// Of the picture that it was made from.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Of the picture that it was made from.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels of the reduced picture.
    pub fn reduced_rgb(&self) -> &[u8] {
        self.reduced.rgb()
    }

    /// The same view as `photo` shows it.
    pub fn renewed(&self, photo: &Photo) -> Self {
        let rgb = reduce(photo, self.reduced.width() as usize, self.reduced.height() as usize).concat();
        Self::from_stored(self.width, self.height, rgb).unwrap_or_else(|| self.clone())
    }

    pub(super) fn compare(&self, photo: &Photo) -> Comparison {
        let aspect = |width: u32, height: u32| f64::from(width) / f64::from(height);
        let ratio = aspect(photo.width(), photo.height()) / aspect(self.width, self.height);
        if (ratio - 1.0).abs() > ASPECT_TOLERANCE {
            return Comparison::OtherSize;
        }
        let view = LabPicture::from_photo(&self.reduced);
        let frame = LabPicture::with_size(photo, view.width, view.height);
        let pixels = sample_pixels(&view);
        // Without the view's colours: a fit to another picture would take their contrast away, and no shift would match.
        let smooth_change = LightChange::fit(&view, &frame, &pixels, surface_terms, SURFACE_RIDGE);
        if is_shifted(&smooth_change.apply(&view), &frame) {
            return Comparison::CameraMoved;
        }
        let change = LightChange::fit(&view, &frame, &pixels, terms, RIDGE);
        if !change.is_plausible(&view) {
            return Comparison::CameraMoved;
        }
        let expected = change.apply(&view);
        let differences = differences(&expected, &frame);
        let lengths: Vec<f32> = differences.iter().copied().map(length).collect();
        let spread = median(&lengths).clamp(SPREAD_MIN, SPREAD_MAX);
        let mask = mask_from_differences(&frame, &differences, spread);
        let border = border_pixels(mask.width, mask.height);
        let in_border = border.iter().filter(|pixel| mask.set[**pixel]).count() as f32;
        if mask.share() > MOVED_SHARE && in_border > MOVED_SHARE * border.len() as f32 {
            return Comparison::CameraMoved;
        }
        Comparison::Same(frame, mask)
    }
}

/// How the colours of a frame differ from the view's by their light alone.
struct LightChange<const N: usize> {
    fit: LinearFit<N>,
    terms: fn(&LabPicture, usize) -> [f32; N],
}

impl<const N: usize> LightChange<N> {
    fn fit(
        view: &LabPicture,
        frame: &LabPicture,
        pixels: &SamplePixels,
        terms: fn(&LabPicture, usize) -> [f32; N],
        ridge: [f64; N],
    ) -> Self {
        let sample = |pixel: &usize| Sample {
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
        Self { fit: LinearFit::fit_robustly(&samples, cauchy_weights(&distances), ridge), terms }
    }

    /// The view as it looks in the frame's light.
    fn apply(&self, view: &LabPicture) -> LabPicture {
        let colors = view.colors.iter().enumerate().map(|(pixel, color)| {
            let change = self.fit.predict((self.terms)(view, pixel));
            std::array::from_fn(|channel| color[channel] + change[channel])
        });
        LabPicture { colors: colors.collect(), ..*view }
    }
}

impl LightChange<TERMS> {
    /// False for a change that the light of a shop does not make: a covered lens, another place.
    fn is_plausible(&self, view: &LabPicture) -> bool {
        let mut scales = (0..3).map(|channel| self.fit.factors[channel][SURFACE_TERMS + channel] / 100.0);
        let changes: Vec<f32> =
            (0..view.colors.len()).step_by(7).map(|pixel| self.fit.predict(terms(view, pixel))[0]).collect();
        scales.all(|scale| scale.abs() < SCALE_CHANGE_MAX) && median(&changes).abs() < LIGHTNESS_CHANGE_MAX
    }
}

/// The pixels that the light is fitted to. Half of them are of the border, so that goods may cover most of the rest.
struct SamplePixels {
    border: Vec<usize>,
    rest: Vec<usize>,
}

fn sample_pixels(view: &LabPicture) -> SamplePixels {
    // The step is odd, so that the samples do not all come from the same columns.
    let thin_out = |pixels: Vec<usize>| -> Vec<usize> {
        let step = pixels.len().div_ceil(SAMPLES_MAX) | 1;
        pixels.into_iter().step_by(step).collect()
    };
    SamplePixels {
        border: thin_out(border_pixels(view.width, view.height)),
        rest: thin_out((0..view.colors.len()).collect()),
    }
}

fn terms(view: &LabPicture, pixel: usize) -> [f32; TERMS] {
    let [one, x, y, xx, xy, yy] = surface_terms(view, pixel);
    let [lightness, a, b] = view.colors[pixel].map(|value| value / 100.0);
    [one, x, y, xx, xy, yy, lightness, a, b, lightness * x, lightness * y, a * x, a * y, b * x, b * y]
}

/// What each pixel of `frame` differs by from `expected`. Colours between the expected one and halfway to a neighbour's do not
/// differ: cameras shake, and compress.
fn differences(expected: &LabPicture, frame: &LabPicture) -> Vec<[f32; 3]> {
    let (width, height) = (expected.width, expected.height);
    let difference = |pixel: usize| {
        let (x, y) = (pixel % width, pixel / width);
        let own = expected.colors[pixel];
        let (mut lowest, mut highest) = (own, own);
        for near_y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
            for near in &expected.colors[near_y * width + x.saturating_sub(1)..=near_y * width + (x + 1).min(width - 1)]
            {
                for channel in 0..3 {
                    lowest[channel] = lowest[channel].min(f32::midpoint(own[channel], near[channel]));
                    highest[channel] = highest[channel].max(f32::midpoint(own[channel], near[channel]));
                }
            }
        }
        let color = frame.colors[pixel];
        std::array::from_fn(|channel| color[channel] - color[channel].clamp(lowest[channel], highest[channel]))
    };
    (0..width * height).map(difference).collect()
}

#[cfg(test)]
mod tests;
