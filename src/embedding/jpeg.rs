//! Checks of a JPEG's segments, and decoding at a reduced scale: `image` does neither.
//!
//! JPEG decoders are tolerant: if the data runs out, they fill the rest of the picture with grey, and they decode a thousand
//! scans if the file has them. A till must not take half a photo for a whole one, nor spend minutes on a small file. So this
//! checks that the file has an end and not too many scans. Markers are those of ITU-T T.81, table B.1.
//!
//! A photo of 49 megapixels takes a thread as long as twenty photos of a till, and most of its pixels are averaged away afterwards.
//! `jpeg-decoder` computes a half, a quarter or an eighth of each side from the low frequencies alone; `image`'s decoder cannot.

use image::RgbImage;
use jpeg_decoder::{Decoder, PixelFormat};

/// The shorter side of a photo keeps at least so many pixels. A till's camera has as many, and a product of a tenth of that
/// height is still recognised.
const SHORTER_SIDE_MIN: u32 = 1_080;

/// Progressive files of common encoders have about ten scans; each costs one pass over the whole picture.
const SCANS_MAX: usize = 64;

const END_OF_IMAGE: u8 = 0xD9;
pub(super) const START_OF_SCAN: u8 = 0xDA;

/// Follows the segments from the first to the end-of-image marker. Later bytes are ignored: cameras append previews there.
///
/// # Errors
/// A message that continues "the photo is damaged: ".
pub(super) fn check_structure(bytes: &[u8]) -> Result<(), String> {
    let mut position = 2; // after the start-of-image marker, which decided the format
    let mut scans = 0;
    loop {
        let marker = read_marker(bytes, &mut position)?;
        match marker {
            END_OF_IMAGE if scans > 0 => return Ok(()),
            END_OF_IMAGE => return Err("it contains no picture".to_owned()),
            // Restart markers and TEM have no length.
            0x01 | 0xD0..=0xD7 => continue,
            _ => {}
        }
        let length = bytes.get(position..position + 2).ok_or_else(cut_off)?;
        position += usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        if marker == START_OF_SCAN {
            scans += 1;
            if scans > SCANS_MAX {
                return Err(format!("it has more than {SCANS_MAX} scans"));
            }
            position = find_scan_end(bytes, position)?;
        }
    }
}

/// Decodes a JPEG of `width` × `height` at the smallest scale that has enough pixels. `None` if that is the full scale, or this
/// decoder does not take the file; the full decoder then decides about it.
pub(super) fn decode_reduced(bytes: &[u8], width: u32, height: u32) -> Option<RgbImage> {
    let divisor = [8, 4, 2].into_iter().find(|divisor| width.min(height) / divisor >= SHORTER_SIDE_MIN)?;
    let side = |side: u32| u16::try_from(side.div_ceil(divisor)).ok();
    let mut decoder = Decoder::new(bytes);
    let (width, height) = decoder.scale(side(width)?, side(height)?).ok()?;
    let pixels = match decoder.info()?.pixel_format {
        PixelFormat::RGB24 => decoder.decode().ok()?,
        PixelFormat::L8 => decoder.decode().ok()?.into_iter().flat_map(|value| [value; 3]).collect(),
        // Rare: printers' colours and 16 bits, which the full decoder converts.
        PixelFormat::L16 | PixelFormat::CMYK32 => return None,
    };
    RgbImage::from_raw(width.into(), height.into(), pixels)
}

/// Reads the next marker from `position` on and moves after it. Any number of fill bytes may precede a marker. Stray bytes between
/// segments are skipped, as other decoders do.
pub(super) fn read_marker(bytes: &[u8], position: &mut usize) -> Result<u8, String> {
    let rest = bytes.get(*position..).ok_or_else(cut_off)?;
    let found = rest.windows(2).position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF));
    *position += found.ok_or_else(cut_off)? + 2;
    Ok(bytes[*position - 1])
}

/// Skips entropy-coded data: 0xFF followed by 0x00 (a stuffed byte) or a restart marker does not end the scan.
fn find_scan_end(bytes: &[u8], start: usize) -> Result<usize, String> {
    let data = bytes.get(start..).ok_or_else(cut_off)?;
    let end = data.windows(2).position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF | 0xD0..=0xD7));
    end.map(|offset| start + offset).ok_or_else(cut_off)
}

fn cut_off() -> String {
    "the file is cut off".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start of image, a comment, `scans` scans with a stuffed byte and a restart marker in them, end of image.
    fn jpeg_file(scans: usize) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xFE, 0, 4, 0xFF, 0xD9];
        for _ in 0..scans {
            bytes.extend([0xFF, 0xDA, 0, 3, 9, 1, 0xFF, 0x00, 2, 0xFF, 0xD3, 4]);
        }
        bytes.extend([0xFF, 0xD9]);
        bytes
    }

    #[test]
    fn a_whole_file_is_followed_to_its_end_and_what_follows_is_ignored() {
        check_structure(&jpeg_file(3)).unwrap();
        check_structure(&[jpeg_file(1), b"trailer".to_vec()].concat()).unwrap();
    }

    #[test]
    fn every_shorter_prefix_is_cut_off() {
        let whole = jpeg_file(2);
        for length in 2..whole.len() {
            assert!(check_structure(&whole[..length]).is_err(), "a prefix of {length} bytes passes");
        }
    }

    #[test]
    fn too_many_scans_and_files_without_a_picture_are_refused() {
        assert!(check_structure(&jpeg_file(SCANS_MAX)).is_ok());
        assert!(check_structure(&jpeg_file(SCANS_MAX + 1)).unwrap_err().contains("64 scans"));
        assert!(check_structure(&jpeg_file(0)).unwrap_err().contains("no picture"));
    }

    #[test]
    fn stray_bytes_between_segments_are_skipped() {
        let whole = jpeg_file(1);
        check_structure(&[&whole[..8], &[1, 0xFF, 0x00, 0xFF, 0xFF], &whole[8..]].concat()).unwrap();
        assert!(check_structure(&[0xFF, 0xD8, 1, 2]).unwrap_err().contains("cut off"));
    }
}
