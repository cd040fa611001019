//! Products cut out of labelled photos, to compose frames of.
//!
//! Where the product stands out from its background, what has the background's colour and is connected to the edge becomes
//! transparent. A given box, and a close-up in which nothing stands out, are cut out whole.

use std::collections::VecDeque;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, Resizer};

use super::metrics::share;
use crate::domain::{Photo, Region};

/// Bytes per pixel: red, green, blue, opacity.
pub(super) const CHANNELS: usize = 4;
/// Greatest difference of a channel from the background's colour: light falls off, and JPEG blurs edges.
const BACKGROUND_TOLERANCE: u8 = 20;
/// Share of the edge that must have the background's colour; a product may touch it.
const PLAIN_BORDER_MIN: f64 = 0.9;
/// From this opacity on, a pixel belongs to the product.
const OPAQUE_MIN: u8 = 128;
/// Larger cutouts are reduced: in a frame they are never larger, and many are kept in memory.
const SIDE_MAX: u32 = 400;

/// A product without its background. The edges of the picture are those of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cutout {
    pub(super) width: u32,
    pub(super) height: u32,
    /// [`CHANNELS`] bytes per pixel, row by row.
    pub(super) rgba: Vec<u8>,
}

impl Cutout {
    /// Cuts `region` out of `photo` and makes its background transparent.
    ///
    /// # Errors
    /// The resizer's message; it should not fail for a valid [`Photo`].
    pub(super) fn without_background(photo: &Photo, region: Region) -> Result<Self, String> {
        let mut cutout = Self::from_region(photo, region);
        cutout.clear_background(median_border_color(photo));
        // A product of its background's colour has nothing left.
        cutout.trim().unwrap_or_else(|| Self::from_region(photo, region)).reduce()
    }

    /// All of `region` of `photo`.
    ///
    /// # Errors
    /// As [`Self::without_background`].
    pub(super) fn from_box(photo: &Photo, region: Region) -> Result<Self, String> {
        Self::from_region(photo, region).reduce()
    }

    fn reduce(self) -> Result<Self, String> {
        let scale = f64::from(SIDE_MAX) / f64::from(self.width.max(self.height));
        if scale < 1.0 { self.scale(scale) } else { Ok(self) }
    }

    fn from_region(photo: &Photo, region: Region) -> Self {
        let region = photo.pixels_of(region);
        let lines = photo.rgb().chunks_exact(photo.width() as usize * 3);
        let (left, right) = (region.x as usize * 3, (region.x + region.width) as usize * 3);
        let lines = lines.skip(region.y as usize).take(region.height as usize);
        let pixels = lines.flat_map(|line| line[left..right].chunks_exact(3));
        let rgba = pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2], u8::MAX]).collect();
        Self { width: region.width, height: region.height, rgba }
    }

    /// Resized by `factor`, at least to one pixel.
    pub(super) fn scale(&self, factor: f64) -> Result<Self, String> {
        let side = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
        self.resize(side(self.width), side(self.height))
    }

    pub(super) fn resize(&self, width: u32, height: u32) -> Result<Self, String> {
        let source = ImageRef::new(self.width, self.height, &self.rgba, PixelType::U8x4);
        let source = source.map_err(|error| error.to_string())?;
        let mut resized = Image::new(width, height, PixelType::U8x4);
        Resizer::new().resize(&source, &mut resized, None).map_err(|error| error.to_string())?;
        Ok(Self { width, height, rgba: resized.into_vec() })
    }

    /// The smallest box around the pixels that belong to the product; `None` if there are none.
    pub(super) fn opaque_box(&self) -> Option<Region> {
        let mut joined: Option<Region> = None;
        for (y, line) in (0..).zip(self.rgba.chunks_exact(self.width as usize * CHANNELS)) {
            let is_opaque = |pixel: &[u8]| pixel[3] >= OPAQUE_MIN;
            let Some(first) = line.chunks_exact(CHANNELS).position(is_opaque) else { continue };
            let last = line.chunks_exact(CHANNELS).rposition(is_opaque).unwrap_or(first);
            let row = Region { x: first as u32, y, width: (last + 1 - first) as u32, height: 1 };
            joined = Some(joined.map_or(row, |region| region.join(row)));
        }
        joined
    }

    /// Makes transparent what is connected to the edge and has the background's colour.
    fn clear_background(&mut self, color: [u8; 3]) {
        let (width, height) = (self.width as usize, self.height as usize);
        let top_and_bottom = (0..width).flat_map(|x| [(x, 0), (x, height - 1)]);
        let sides = (0..height).flat_map(|y| [(0, y), (width - 1, y)]);
        let mut queue: VecDeque<(usize, usize)> = top_and_bottom.chain(sides).collect();
        while let Some((x, y)) = queue.pop_front() {
            let pixel = &mut self.rgba[(y * width + x) * CHANNELS..][..CHANNELS];
            if pixel[3] == 0 || !is_near(&pixel[..3], color) {
                continue;
            }
            pixel[3] = 0;
            queue.extend((x > 0).then(|| (x - 1, y)));
            queue.extend((x + 1 < width).then_some((x + 1, y)));
            queue.extend((y > 0).then(|| (x, y - 1)));
            queue.extend((y + 1 < height).then_some((x, y + 1)));
        }
    }

    /// Without the transparent rows and columns at the edges; `None` if nothing is left.
    fn trim(&self) -> Option<Self> {
        let Region { x, y, width, height } = self.opaque_box()?;
        let lines = self.rgba.chunks_exact(self.width as usize * CHANNELS).skip(y as usize).take(height as usize);
        let columns = x as usize * CHANNELS..(x + width) as usize * CHANNELS;
        Some(Self { width, height, rgba: lines.flat_map(|line| &line[columns.clone()]).copied().collect() })
    }
}

/// Whether nearly all of the photo's edge has one colour, as in a catalogue picture.
pub(super) fn has_plain_border(photo: &Photo) -> bool {
    let color = median_border_color(photo);
    share(border_pixels(photo).into_iter().map(|pixel| is_near(pixel, color))) >= PLAIN_BORDER_MIN
}

fn is_near(pixel: &[u8], color: [u8; 3]) -> bool {
    pixel.iter().zip(color).all(|(value, color)| value.abs_diff(color) <= BACKGROUND_TOLERANCE)
}

/// The pixels at the photo's edge.
fn border_pixels(photo: &Photo) -> Vec<&[u8]> {
    let lines = || photo.rgb().chunks_exact(photo.width() as usize * 3);
    let top_and_bottom = lines().take(1).chain(lines().next_back()).flat_map(|line| line.chunks_exact(3));
    let sides = lines().flat_map(|line| [&line[..3], &line[line.len() - 3..]]);
    top_and_bottom.chain(sides).collect()
}

/// The median of each channel over the pixels at the photo's edge.
fn median_border_color(photo: &Photo) -> [u8; 3] {
    let border = border_pixels(photo);
    std::array::from_fn(|channel| {
        let mut values: Vec<u8> = border.iter().map(|pixel| pixel[channel]).collect();
        values.sort_unstable();
        values[values.len() / 2]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// White, with a red ring that is white inside.
    fn ring() -> Photo {
        let mut rgb = vec![250; 100 * 60 * 3];
        for (y, x) in (10..50).flat_map(|y| (20..80).map(move |x| (y, x))) {
            if !((20..40).contains(&y) && (40..60).contains(&x)) {
                rgb[(y * 100 + x) * 3..][..3].copy_from_slice(&[200, 20, 20]);
            }
        }
        Photo::new(100, 60, rgb).unwrap()
    }

    #[test]
    fn the_background_is_cut_away_and_what_is_enclosed_stays() {
        let cutout = Cutout::without_background(&ring(), Region { x: 10, y: 5, width: 80, height: 50 }).unwrap();
        assert_eq!((cutout.width, cutout.height), (60, 40));
        assert!(cutout.rgba.chunks_exact(CHANNELS).all(|pixel| pixel[3] == u8::MAX));
    }

    #[test]
    fn a_border_of_one_color_is_plain() {
        assert!(has_plain_border(&ring()));
        let striped: Vec<u8> =
            (0..100 * 60_u32).flat_map(|pixel| [if pixel / 7 % 2 == 0 { 250 } else { 90 }; 3]).collect();
        assert!(!has_plain_border(&Photo::new(100, 60, striped).unwrap()));
    }

    #[test]
    fn all_of_a_box_is_the_cutout_and_a_large_one_is_reduced() {
        let cutout = Cutout::from_box(&ring(), Region { x: 10, y: 5, width: 80, height: 50 }).unwrap();
        assert_eq!((cutout.width, cutout.height), (80, 50));
        assert_eq!(cutout.opaque_box(), Some(Region::whole(80, 50)));
        let large = Photo::new(1_000, 100, vec![7; 300_000]).unwrap();
        let cutout = Cutout::without_background(&large, Region::whole(1_000, 100)).unwrap();
        assert_eq!((cutout.width, cutout.height), (400, 40), "all of its background's colour: it stays whole");
        assert_eq!(cutout.opaque_box(), Some(Region::whole(400, 40)));
    }
}
