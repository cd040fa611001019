//! What a kiosk's camera sees when nothing lies before it, and what of a frame differs from that.
//!
//! The light of shops changes: the frame's colours are first fitted to the view's, robustly, by a smooth surface and a
//! linear function of the view's own colours (a dimmer lamp darkens light parts more). A frame that differs nearly
//! everywhere, that matches the view better when it is shifted, or whose light differs more than that of a shop shows that the
//! camera was moved or covered. The view is not used for such a frame.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::border_background::border_pixels;
use super::camera_shift::is_shifted;
use super::foreground::mask_from_differences;
use super::lab_picture::{LabPicture, reduce, reduced_size};
use super::light_change::{LightChange, SamplePixels, SmoothChange};
use super::mask::Mask;
use super::robust_fit::{length, median};
use crate::domain::Photo;

/// The smallest side of an empty view, in pixels: no camera's picture is smaller.
const SIDE_MIN: u32 = 64;
/// A picture that is nowhere lighter than this L* is black.
const LIGHTNESS_MIN: f32 = 8.0;
/// The range of L*, a* or b* in a picture of a plain table: light falls off, and cameras have noise. A covered lens, a camera that
/// starts, and a drawn rectangle have less.
const COLOR_RANGE_MIN: f32 = 1.0;
/// No camera's picture is longer, relative to its shorter side.
const ASPECT_MAX: u32 = 4;
/// Two pictures whose ratios of sides differ by more than this were not taken alike.
const ASPECT_TOLERANCE: f64 = 0.02;
/// From this share of the picture and of its border on, what differs is not goods: they seldom lie across all of the border.
const MOVED_SHARE: f32 = 0.6;
/// Noise of a camera in L*a*b*, after the picture is reduced.
const SPREAD_MIN: f32 = 0.5;
const SPREAD_MAX: f32 = 3.0;
/// The spread is taken of one pixel in so many.
const MEDIAN_STEP: usize = 7;

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
    #[error("is {width} × {height} pixels, a strip. Send a whole picture of the kiosk's camera")]
    Strip { width: u32, height: u32 },
    #[error(
        "shows one colour only, which no table does before a camera. Uncover the camera, let it finish its start, and take it again"
    )]
    OneColor,
    #[error("is black. Switch the light on, uncover the camera, and take it again")]
    Black,
}

/// How a frame relates to the empty view.
#[derive(Debug)]
pub(super) enum ViewComparison {
    /// The mask is of what differs.
    SamePlace(LabPicture, Mask),
    CameraMoved,
    OtherSize,
}

impl EmptyView {
    pub fn from_photo(photo: &Photo) -> Result<Self, UnusableView> {
        let (width, height) = (photo.original_width(), photo.original_height());
        if width.min(height) < SIDE_MIN {
            return Err(UnusableView::TooSmall { width, height });
        }
        if width.max(height) > ASPECT_MAX * width.min(height) {
            return Err(UnusableView::Strip { width, height });
        }
        let (reduced_width, reduced_height) = reduced_size(width, height);
        let rgb = reduce(photo, reduced_width, reduced_height).concat();
        // Not reached: the reduced picture has the size that it was reduced to.
        let view = Self::from_stored(width, height, rgb).ok_or(UnusableView::TooSmall { width, height })?;
        let picture = LabPicture::from_photo(&view.reduced);
        if picture.colors.iter().all(|color| color[0] < LIGHTNESS_MIN) {
            return Err(UnusableView::Black);
        }
        if picture.color_range() < COLOR_RANGE_MIN { Err(UnusableView::OneColor) } else { Ok(view) }
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

    /// The reduced picture as a PNG.
    pub fn to_png(&self) -> Result<Vec<u8>, image::ImageError> {
        let (width, height) = (self.reduced.width(), self.reduced.height());
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(self.reduced.rgb(), width, height, ExtendedColorType::Rgb8)?;
        Ok(png)
    }

    /// The same view as `photo` shows it.
    pub fn renewed(&self, photo: &Photo) -> Self {
        let rgb = reduce(photo, self.reduced.width() as usize, self.reduced.height() as usize).concat();
        Self::from_stored(self.width, self.height, rgb).unwrap_or_else(|| self.clone())
    }

    pub(super) fn compare(&self, photo: &Photo) -> ViewComparison {
        let aspect = |width: u32, height: u32| f64::from(width) / f64::from(height);
        let ratio = aspect(photo.original_width(), photo.original_height()) / aspect(self.width, self.height);
        if (ratio - 1.0).abs() > ASPECT_TOLERANCE {
            return ViewComparison::OtherSize;
        }
        let view = LabPicture::from_photo(&self.reduced);
        let frame = LabPicture::with_size(photo, view.width, view.height);
        let pixels = SamplePixels::choose(&view, &frame);
        // Without the view's colours: a fit to another picture would take their contrast away, and no shift would match.
        let smooth_change = SmoothChange::fit(&view, &frame, &pixels);
        if is_shifted(&view, &frame, |x, y| smooth_change.lightness(x, y)) {
            return ViewComparison::CameraMoved;
        }
        let Some(expected) = LightChange::fit(&view, &frame, &pixels).apply(view) else {
            return ViewComparison::CameraMoved;
        };
        let differences = differences(&expected, &frame);
        let lengths: Vec<f32> = differences.iter().step_by(MEDIAN_STEP).copied().map(length).collect();
        let spread = median(&lengths).clamp(SPREAD_MIN, SPREAD_MAX);
        let mask = mask_from_differences(&frame, &differences, spread);
        let border = border_pixels(mask.width, mask.height);
        let in_border = border.iter().filter(|pixel| mask.set[**pixel]).count() as f32;
        if mask.share() > MOVED_SHARE && in_border > MOVED_SHARE * border.len() as f32 {
            return ViewComparison::CameraMoved;
        }
        ViewComparison::SamePlace(frame, mask)
    }
}

/// What each pixel of `frame` differs by from `expected`. Colours between the expected one and halfway to a neighbour's do not
/// differ: cameras shake, and compress.
fn differences(expected: &LabPicture, frame: &LabPicture) -> Vec<[f32; 3]> {
    let mut differences = Vec::with_capacity(frame.colors.len());
    let lower = |value: f32, near: f32| if near < value { near } else { value };
    let higher = |value: f32, near: f32| if near > value { near } else { value };
    let (mut lowest, mut highest) = (NearbyExtremes::new(expected, lower), NearbyExtremes::new(expected, higher));
    let (own_lines, lines) = (expected.colors.chunks_exact(expected.width), frame.colors.chunks_exact(frame.width));
    for (y, (own_line, line)) in own_lines.zip(lines).enumerate() {
        let extremes = lowest.row(y).iter().zip(highest.row(y));
        for ((color, own), (lowest, highest)) in line.iter().zip(own_line).zip(extremes) {
            differences.push(std::array::from_fn(|channel| {
                let halfway = |near: &[f32; 3]| f32::midpoint(own[channel], near[channel]);
                color[channel] - color[channel].clamp(halfway(lowest), halfway(highest))
            }));
        }
    }
    differences
}

/// For each pixel and channel the extreme value of the 3 × 3 pixels around it, a row at a time.
struct NearbyExtremes<'a, F> {
    picture: &'a LabPicture,
    choose: F,
    /// Extremes of the columns.
    columns: Vec<[f32; 3]>,
    row: Vec<[f32; 3]>,
}

impl<'a, F: Fn(f32, f32) -> f32> NearbyExtremes<'a, F> {
    fn new(picture: &'a LabPicture, choose: F) -> Self {
        let row = vec![[0.0; 3]; picture.width];
        Self { picture, choose, columns: row.clone(), row }
    }

    fn row(&mut self, y: usize) -> &[[f32; 3]] {
        let (width, last) = (self.picture.width, self.picture.height - 1);
        let line = |y: usize| &self.picture.colors[y * width..][..width];
        let choose_each = |values: &mut [[f32; 3]], near: &[[f32; 3]]| {
            for (value, near) in values.as_flattened_mut().iter_mut().zip(near.as_flattened()) {
                *value = (self.choose)(*value, *near);
            }
        };
        self.columns.copy_from_slice(line(y));
        choose_each(&mut self.columns, line(y.saturating_sub(1)));
        choose_each(&mut self.columns, line((y + 1).min(last)));
        self.row.copy_from_slice(&self.columns);
        choose_each(&mut self.row[1..], &self.columns[..width - 1]);
        choose_each(&mut self.row[..width - 1], &self.columns[1..]);
        &self.row
    }
}

#[cfg(test)]
mod tests;
