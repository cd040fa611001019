//! From a photo to the input tensor of a model, as its manifest says.
//!
//! Enrolled photos and photos to be recognised take the same path: a difference would change every score.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use ndarray::{Array3, s};

use super::manifest::{ColorOrder, Filter, Fit, Input};
use crate::domain::Photo;

/// Makes the input tensor of one model. A table per channel holds the value of each pixel value.
#[derive(Debug, Clone)]
pub struct Preprocessor {
    width: u32,
    height: u32,
    fit: Fit,
    resize_to: Option<u32>,
    options: ResizeOptions,
    // For each input channel: its colour in the photo, and the value of each of the 256 pixel values.
    channels: [(usize, Box<[f32; 256]>); 3],
}

impl Preprocessor {
    /// A preprocessor for the `input` of a manifest.
    pub fn new(input: &Input) -> Self {
        let algorithm = match input.filter {
            Filter::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
            Filter::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
            Filter::Lanczos => ResizeAlg::Convolution(FilterType::Lanczos3),
            Filter::Nearest => ResizeAlg::Nearest,
        };
        let options = ResizeOptions::new().resize_alg(algorithm).use_alpha(false);
        let channels = [0, 1, 2].map(|channel| {
            let color = match input.color {
                ColorOrder::Rgb => channel,
                ColorOrder::Bgr => 2 - channel,
            };
            let mut table = Box::new([0.0; 256]);
            for (pixel, value) in (0_u8..=255).zip(table.iter_mut()) {
                *value = (f32::from(pixel) / 255.0 * input.range - input.mean[channel]) / input.std[channel];
            }
            (color, table)
        });
        let Input { width, height, resize: fit, resize_to, .. } = *input;
        Self { width, height, fit, resize_to, options, channels }
    }

    /// The input tensor of `photo`: channels × height × width.
    ///
    /// # Errors
    /// The resizer's message; it should not fail for a valid [`Photo`].
    pub fn preprocess(&self, photo: &Photo) -> Result<Array3<f32>, String> {
        let (width, height) = match self.fit {
            Fit::Crop | Fit::Stretch => (self.width, self.height),
            Fit::Pad => self.letterbox_size(photo),
        };
        let options = match self.fit {
            Fit::Crop => {
                self.resize_to.map_or(self.options.fit_into_destination(None), |to| self.crop_window(photo, to))
            }
            Fit::Pad | Fit::Stretch => self.options,
        };
        let source = ImageRef::new(photo.width(), photo.height(), photo.rgb(), PixelType::U8x3);
        let source = source.map_err(|error| error.to_string())?;
        let mut resized = Image::new(width, height, PixelType::U8x3);
        Resizer::new().resize(&source, &mut resized, &options).map_err(|error| error.to_string())?;
        Ok(self.fill_tensor(resized.buffer(), width as usize, height as usize))
    }

    /// The window of `photo` that is the centre of it when its shorter side is scaled to `to` pixels; only the window is resized.
    /// Sizes and offsets are rounded as torchvision's `Resize` and `CenterCrop` do: the longer side down, half a pixel of offset
    /// to the even one.
    fn crop_window(&self, photo: &Photo, to: u32) -> ResizeOptions {
        let shorter = u64::from(photo.width().min(photo.height()));
        let crop_side = |side: u32, target: u32| {
            let scaled = (u64::from(side) * u64::from(to) / shorter) as f64;
            let (side, target) = (f64::from(side), f64::from(target));
            let offset = ((scaled - target) / 2.0).round_ties_even() * side / scaled;
            // Rounding must not lead past the edge.
            (offset, (target * side / scaled).min(side - offset))
        };
        let (left, width) = crop_side(photo.width(), self.width);
        let (top, height) = crop_side(photo.height(), self.height);
        self.options.crop(left, top, width, height)
    }

    /// The largest size with `photo`'s aspect ratio that fits, at least one pixel in each direction.
    fn letterbox_size(&self, photo: &Photo) -> (u32, u32) {
        let (width, height) = (u64::from(photo.width()), u64::from(photo.height()));
        let (width_max, height_max) = (u64::from(self.width), u64::from(self.height));
        let scale = |side: u64, to: u64, from: u64, max: u32| {
            u32::try_from((side * to + from / 2) / from).unwrap_or(max).clamp(1, max)
        };
        if width_max * height <= height_max * width {
            (self.width, scale(height, width_max, width, self.height))
        } else {
            (scale(width, height_max, height, self.width), self.height)
        }
    }

    fn fill_tensor(&self, rgb: &[u8], width: usize, height: usize) -> Array3<f32> {
        let (full_width, full_height) = (self.width as usize, self.height as usize);
        let mut tensor = Array3::zeros((3, full_height, full_width));
        let (left, top) = ((full_width - width) / 2, (full_height - height) / 2);
        let mut centre = tensor.slice_mut(s![.., top..top + height, left..left + width]);
        for (mut plane, (color, table)) in centre.outer_iter_mut().zip(&self.channels) {
            for (value, pixel) in plane.iter_mut().zip(rgb.chunks_exact(3)) {
                *value = table[usize::from(pixel[*color])];
            }
        }
        tensor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(width: u32, height: u32, resize: Fit) -> Input {
        Input {
            name: "image".to_owned(),
            width,
            height,
            color: ColorOrder::Rgb,
            range: 1.0,
            mean: [0.5; 3],
            std: [0.25; 3],
            resize,
            resize_to: None,
            filter: Filter::Bilinear,
        }
    }

    /// Three vertical stripes: red, green, blue.
    fn stripes(width: u32, height: u32) -> Photo {
        let pixel = |x: u32| [[255, 0, 0], [0, 255, 0], [0, 0, 255]][(x * 3 / width) as usize];
        let rgb = (0..height).flat_map(|_| (0..width).flat_map(pixel)).collect();
        Photo::new(width, height, rgb).unwrap()
    }

    #[test]
    fn input_values_follow_the_manifest() {
        let photo = Photo::new(16, 16, [0, 51, 255].repeat(256)).unwrap();
        let values = |input: &Input| {
            let tensor = Preprocessor::new(input).preprocess(&photo).unwrap();
            [0, 1, 2].map(|channel| tensor[[channel, 7, 3]])
        };
        assert_eq!(values(&input(8, 8, Fit::Stretch)), [-2.0, -1.2, 2.0]);
        let bytes =
            Input { range: 255.0, mean: [127.0, 0.0, 55.0], std: [127.5, 1.0, 2.0], ..input(8, 8, Fit::Stretch) };
        assert_eq!(values(&bytes), [-127.0 / 127.5, 51.0, 100.0]);
        // With the channels reversed, mean and std still go by position.
        let reversed = Input { color: ColorOrder::Bgr, ..bytes };
        assert_eq!(values(&reversed), [(255.0 - 127.0) / 127.5, 51.0, -27.5]);
    }

    #[test]
    fn a_crop_keeps_the_centre_and_a_stretch_keeps_everything() {
        let photo = stripes(96, 32);
        let cropped = Preprocessor::new(&input(8, 8, Fit::Crop)).preprocess(&photo).unwrap();
        assert!(cropped.slice(s![1, .., 1..7]).iter().all(|value| *value == 2.0));
        assert!(cropped.slice(s![0, .., 1..7]).iter().all(|value| *value == -2.0));
        let stretched = Preprocessor::new(&input(12, 12, Fit::Stretch)).preprocess(&photo).unwrap();
        assert_eq!(
            [0, 5, 11].map(|x| [0, 1, 2].map(|c| stretched[[c, 6, x]] > 1.9)),
            [[true, false, false], [false, true, false], [false, false, true]]
        );
    }

    /// Every pixel has another colour, in no order that a filter could predict.
    fn noise_photo(width: u32, height: u32) -> Photo {
        let rgb = (0..width * height * 3).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        Photo::new(width, height, rgb).unwrap()
    }

    #[test]
    fn cropping_before_scaling_gives_the_same_as_scaling_before_cropping() {
        // (photo, shorter side, width and height of the cut, whole scaled picture, left and top of the cut)
        let cases = [
            ((90, 60), 40, (32, 32), (60, 40), (14, 4)),
            ((60, 91), 40, (32, 24), (40, 60), (4, 18)),
            // 101 → 53.02: the longer side is rounded down; (53 - 32) / 2 = 10.5 goes to the even 10.
            ((101, 80), 42, (32, 33), (53, 42), (10, 4)),
            ((33, 33), 33, (33, 33), (33, 33), (0, 0)),
            ((20, 15), 30, (24, 24), (40, 30), (8, 3)),
        ];
        for ((photo_width, photo_height), to, (width, height), whole, (left, top)) in cases {
            let photo = noise_photo(photo_width, photo_height);
            let cut = Input { resize_to: Some(to), ..input(width, height, Fit::Crop) };
            let cut = Preprocessor::new(&cut).preprocess(&photo).unwrap();
            let all = Preprocessor::new(&input(whole.0, whole.1, Fit::Stretch)).preprocess(&photo).unwrap();
            let expected = all.slice(s![.., top..top + height as usize, left..left + width as usize]);
            // One step of 8 bits is 1 / 255 / 0.25.
            let deviation_max = (&cut - &expected).iter().fold(0.0_f32, |max, difference| max.max(difference.abs()));
            assert!(deviation_max < 1.01 / 255.0 / 0.25, "{photo:?} to {to}: {deviation_max}");
        }
    }

    #[test]
    fn a_pad_keeps_the_aspect_ratio_between_borders_of_zeros() {
        let padded = Preprocessor::new(&input(12, 12, Fit::Pad)).preprocess(&stripes(96, 32)).unwrap();
        assert!(padded.slice(s![.., 0..4, ..]).iter().chain(&padded.slice(s![.., 8.., ..])).all(|value| *value == 0.0));
        assert!(padded.slice(s![.., 4..8, ..]).iter().all(|value| *value != 0.0));
        assert!(padded[[0, 5, 0]] > 1.9 && padded[[2, 5, 11]] > 1.9);
        // Even an extreme shape keeps one row.
        let line = Photo::new(3_000, 1, vec![9; 9_000]).unwrap();
        assert_eq!(Preprocessor::new(&input(12, 12, Fit::Pad)).letterbox_size(&line), (12, 1));
    }

    #[test]
    fn every_filter_keeps_a_uniform_colour() {
        let photo = Photo::new(50, 70, vec![51; 50 * 70 * 3]).unwrap();
        for filter in [Filter::Bilinear, Filter::Bicubic, Filter::Lanczos, Filter::Nearest] {
            let tensor = Preprocessor::new(&Input { filter, ..input(16, 16, Fit::Crop) }).preprocess(&photo).unwrap();
            assert!(tensor.iter().all(|value| *value == -1.2), "{filter:?}");
        }
    }
}
