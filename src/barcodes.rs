//! Barcodes of articles (EAN and UPC) in pictures.
//!
//! A picture is crossed by lines in six directions; each is read by `rxing` like a row of a scanner. Invariants: a barcode counts if
//! several lines read it; a picture in which several were read has none, for nobody knows which is meant; the result depends on
//! the pixels alone. QR codes and other kinds are not looked for.

use std::collections::HashMap;
use std::f32::consts::PI;

use rxing::common::GlobalHistogramBinarizer;
use rxing::oned::{MultiFormatUPCEANReader, OneDReader};
use rxing::{Binarizer, DecodeHints, Luma8LuminanceSource};

use crate::domain::{Photo, normalize_barcode};

/// Readers bear bars that are up to 15° askew.
const DIRECTIONS: usize = 6;
/// Lines in each direction, for all pictures together …
const LINES: usize = 60;
/// … and for one picture. A barcode is a fifth of a package's height or more.
const LINES_MIN: usize = 6;
const LINES_MAX: usize = 20;
/// A line that reads bars which are not there does so alone.
const READINGS_MIN: usize = 2;
/// A barcode that was read this much less often than another one is that one misread.
const MISREADINGS_SHARE: usize = 4;
/// 95 modules of an EAN-13, and the quiet zones beside them.
const LINE_LENGTH_MIN: f32 = 110.0;

/// The barcode in each picture, in the form of [`normalize_barcode`]; `None` if there is none that can be read, or several. Takes
/// 1.4 ms for one picture of 480 × 480 pixels, and less for each of more than three.
pub fn read_barcodes<P: AsRef<Photo>>(pictures: &[P]) -> Vec<Option<String>> {
    let lines = (LINES / pictures.len().max(1)).clamp(LINES_MIN, LINES_MAX);
    pictures.iter().map(|picture| read_barcode(&GreyPicture::new(picture.as_ref()), lines)).collect()
}

fn read_barcode(picture: &GreyPicture, lines: usize) -> Option<String> {
    let mut readings: HashMap<String, usize> = HashMap::new();
    for direction in 0..DIRECTIONS {
        let angle = direction as f32 * PI / DIRECTIONS as f32;
        for line in 0..lines {
            let place = (2 * line + 1) as f32 / lines as f32 - 1.0;
            if let Some(code) = picture.line(angle, place).and_then(read_line) {
                *readings.entry(normalize_barcode(&code)).or_default() += 1;
            }
        }
    }
    let most = readings.values().copied().max().filter(|most| *most >= READINGS_MIN)?;
    readings.retain(|_, times| *times >= READINGS_MIN && *times * MISREADINGS_SHARE > most);
    let mut codes = readings.into_keys();
    codes.next().filter(|_| codes.next().is_none())
}

/// The barcode that a line of grey values crosses, in either direction.
fn read_line(grey: Vec<u8>) -> Option<String> {
    let length = u32::try_from(grey.len()).ok()?;
    let source = Luma8LuminanceSource::new(grey, length, 1).ok()?;
    let binarizer = GlobalHistogramBinarizer::new(source);
    let mut bars = binarizer.get_black_row(0).ok()?.into_owned();
    let hints = DecodeHints::default();
    let mut reader = MultiFormatUPCEANReader::new(&hints);
    let mut read = |bars: &_| Some(reader.decode_row(0, bars, &hints).ok()?.getText().to_owned());
    read(&bars).or_else(|| {
        bars.reverse();
        read(&bars)
    })
}

/// The brightness of a picture's pixels.
struct GreyPicture {
    width: usize,
    height: usize,
    values: Vec<u8>,
}

impl GreyPicture {
    fn new(photo: &Photo) -> Self {
        let grey = |pixel: &[u8]| ((u16::from(pixel[0]) + 2 * u16::from(pixel[1]) + u16::from(pixel[2])) / 4) as u8;
        let values = photo.rgb().chunks_exact(3).map(grey).collect();
        Self { width: photo.width() as usize, height: photo.height() as usize, values }
    }

    /// The values along the line at `angle` (radians from the x-axis to the y-axis), pixel by pixel. `place` is −1 for the first such
    /// line that touches the picture and 1 for the last. `None` if it is too short for a barcode.
    fn line(&self, angle: f32, place: f32) -> Option<Vec<u8>> {
        let (right, bottom) = ((self.width - 1) as f32, (self.height - 1) as f32);
        let (sin, cos) = angle.sin_cos();
        let offset = place * (right * sin.abs() + bottom * cos.abs()) / 2.0;
        let (x, y) = (right / 2.0 - offset * sin, bottom / 2.0 + offset * cos);
        let (from_x, to_x) = stay_inside(x, cos, right);
        let (from_y, to_y) = stay_inside(y, sin, bottom);
        let (from, to) = (from_x.max(from_y), to_x.min(to_y));
        if to - from < LINE_LENGTH_MIN {
            return None;
        }
        let position = |step: usize| from + step as f32;
        Some(
            (0..(to - from) as usize).map(|step| self.at(x + position(step) * cos, y + position(step) * sin)).collect(),
        )
    }

    /// Interpolated between the four pixels around the point.
    fn at(&self, x: f32, y: f32) -> u8 {
        let (x, y) = (x.clamp(0.0, (self.width - 1) as f32), y.clamp(0.0, (self.height - 1) as f32));
        let (left, top) = (x as usize, y as usize);
        let (right, below) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let value = |x: usize, y: usize| f32::from(self.values[y * self.width + x]);
        let (part_x, part_y) = (x - left as f32, y - top as f32);
        let mix = |first: f32, second: f32, part: f32| first + (second - first) * part;
        let upper = mix(value(left, top), value(right, top), part_x);
        mix(upper, mix(value(left, below), value(right, below), part_x), part_y) as u8
    }
}

/// From and to which distance a point that begins at `start` and moves by `speed` is between 0 and `end`.
fn stay_inside(start: f32, speed: f32, end: f32) -> (f32, f32) {
    if speed.abs() < 1e-6 {
        return if (0.0..=end).contains(&start) { (f32::MIN, f32::MAX) } else { (f32::MAX, f32::MIN) };
    }
    let (first, second) = (-start / speed, (end - start) / speed);
    (first.min(second), first.max(second))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::demo::packages::ean13_modules;

    /// Barcodes of `module` pixels a module on white fields, each turned by `angle` around its centre, on a striped ground.
    fn picture(codes: &[(&str, f32, f32)], module: f32, angle: f32) -> Arc<Photo> {
        let (width, height) = (480_u32, 360_u32);
        let (sin, cos) = angle.to_radians().sin_cos();
        let mut rgb = Vec::new();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let ground = 60 + ((x / 9 + y / 14) % 3 * 50) as u8;
            let field = codes.iter().find_map(|(code, center_x, center_y)| {
                let (dx, dy) = (x as f32 - center_x, y as f32 - center_y);
                let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
                let place = along / module + 47.5;
                let inside = across.abs() < 24.0 * module && (-10.0..105.0).contains(&place);
                let is_bar = place >= 0.0 && ean13_modules(code).get(place as usize) == Some(&true);
                inside.then_some(if is_bar { 25 } else { 235 })
            });
            rgb.extend([field.unwrap_or(ground); 3]);
        }
        Arc::new(Photo::new(width, height, rgb).unwrap())
    }

    #[test]
    fn a_barcode_is_read_at_every_angle() {
        for angle in (0..360).step_by(24) {
            let picture = picture(&[("4006381333931", 240.0, 180.0)], 2.5, angle as f32);
            assert_eq!(read_barcodes(&[picture]), [Some("04006381333931".to_owned())], "{angle}°");
        }
    }

    #[test]
    fn a_picture_of_several_barcodes_has_none() {
        let (first, second) = (("4006381333931", 240.0, 80.0), ("2012345678903", 240.0, 260.0));
        let alone = picture(&[second], 2.5, 0.0);
        let both = picture(&[first, second], 2.5, 0.0);
        let twice = picture(&[first, ("4006381333931", 240.0, 260.0)], 2.5, 0.0);
        let read = read_barcodes(&[alone, both, twice]);
        assert_eq!(read, [Some("02012345678903".to_owned()), None, Some("04006381333931".to_owned())]);
    }

    #[test]
    fn small_and_empty_pictures_have_none() {
        let small = Arc::new(Photo::new(1, 1, vec![9; 3]).unwrap());
        let flat = Arc::new(Photo::new(300, 200, vec![200; 180_000]).unwrap());
        assert_eq!(read_barcodes(&[small, flat, picture(&[], 2.0, 0.0)]), [None, None, None]);
        assert_eq!(read_barcodes::<Arc<Photo>>(&[]), [None; 0]);
    }
}
