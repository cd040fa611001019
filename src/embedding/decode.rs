//! Decodes the bytes of an upload to RGB pixels; each limit is checked before the work that it limits.
//!
//! Order: size in bytes → format by its first bytes (only JPEG, PNG, WebP) → width × height from the header → for JPEG, that
//! the file has an end → decoding under a memory limit, a large JPEG at a reduced scale → EXIF orientation. A picture of
//! 30 000 × 30 000 pixels is refused by its header; its pixels are never allocated. Decoders may panic on hostile input: run
//! [`decode_photo`] on a [`Pool`](crate::pool::Pool), which turns a panic into an error.

use std::borrow::Cow;
use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::{huffman_tables, jpeg};
use crate::domain::{Photo, PhotoFault};

/// Of the widest format (16 bits × RGBA).
const BYTES_PER_PIXEL_MAX: u64 = 8;
/// A decoder's memory for tables, colour profiles and other chunks.
const DECODER_OVERHEAD_BYTES: u64 = 16 * 1024 * 1024;

/// The largest picture that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    pub max_bytes: usize,
    /// Width × height. Decoding takes up to 16 bytes of memory per pixel, usually 3 to 9.
    pub max_pixels: u64,
}

impl DecodeLimits {
    /// The most that a decoder may allocate.
    fn memory_bytes(&self) -> u64 {
        self.max_pixels.saturating_mul(BYTES_PER_PIXEL_MAX).saturating_add(DECODER_OVERHEAD_BYTES)
    }
}

impl Default for DecodeLimits {
    /// 16 MiB and 32 megapixels: above what phones and kiosk cameras deliver (12 to 24 megapixels).
    fn default() -> Self {
        Self { max_bytes: 16 * 1024 * 1024, max_pixels: 32_000_000 }
    }
}

/// An accepted file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhotoFormat {
    Jpeg,
    /// Of an animation, the first picture.
    Png,
    /// Of an animation, the first picture.
    WebP,
}

impl PhotoFormat {
    /// Detects the format by the first bytes; file names and content types are ignored.
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }

    /// As in an HTTP header.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }

    /// Without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
        }
    }

    fn codec(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::WebP => ImageFormat::WebP,
        }
    }
}

impl std::fmt::Display for PhotoFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
        })
    }
}

/// Why bytes are not an accepted picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the photo is empty")]
    Empty,
    #[error("the photo has {len} bytes; at most {limit} are allowed")]
    TooManyBytes { len: usize, limit: usize },
    #[error("this is not a JPEG, PNG or WebP photo")]
    UnknownFormat,
    #[error(
        "this is a HEIC photo, which is not supported: send a JPEG; an iPhone takes them with Settings > Camera > Formats > \
         Most Compatible"
    )]
    Heic,
    #[error("the photo has {width} × {height} pixels; at most {limit} pixels are allowed")]
    TooManyPixels { width: u32, height: u32, limit: u64 },
    /// Its pixels have more bits than usual, or the file more tables.
    #[error(
        "the photo is too large: decoding it takes more than {} MiB of memory, which is the limit; send it as a JPEG, or as a PNG \
         with 8 bits per colour",
        limit_bytes >> 20
    )]
    TooMuchMemory { limit_bytes: u64 },
    /// The file is damaged, cut off, or of a kind that the decoder does not support.
    #[error("the {format} photo is damaged: {reason}")]
    Broken { format: PhotoFormat, reason: String },
    /// The decoder panicked.
    #[error("the photo cannot be decoded: {reason}")]
    Crashed { reason: String },
}

impl From<DecodeError> for PhotoFault {
    fn from(error: DecodeError) -> Self {
        let detail = error.to_string();
        match error {
            DecodeError::TooManyBytes { .. }
            | DecodeError::TooManyPixels { .. }
            | DecodeError::TooMuchMemory { .. } => Self::TooLarge(detail),
            DecodeError::UnknownFormat | DecodeError::Heic => Self::NotAnImage(detail),
            DecodeError::Empty | DecodeError::Broken { .. } | DecodeError::Crashed { .. } => Self::Broken(detail),
        }
    }
}

/// The header of a picture. Width and height are those before the EXIF orientation is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhotoHeader {
    pub format: PhotoFormat,
    pub width: u32,
    pub height: u32,
}

/// Checks the size, format and pixels of a picture by its header, without decoding the picture.
///
/// # Errors
/// The errors of [`decode`] that the header shows.
pub fn read_photo_header(bytes: &[u8], limits: &DecodeLimits) -> Result<PhotoHeader, DecodeError> {
    open(bytes, limits).map(|(header, _)| header)
}

/// Decodes a picture and turns it upright. Transparent parts become white. A JPEG far larger than any model needs has fewer
/// pixels than its original.
///
/// # Errors
/// See [`DecodeError`]. A picture that is cut off is an error.
pub fn decode_photo(bytes: &[u8], limits: &DecodeLimits) -> Result<Photo, DecodeError> {
    let (PhotoHeader { format, width, height }, mut decoder) = open(bytes, limits)?;
    let broken = |reason: String| DecodeError::Broken { format, reason };
    let refused = |error| refuse(format, error, limits);
    if format == PhotoFormat::Jpeg {
        jpeg::check_structure(bytes).map_err(broken)?;
    }
    let orientation = decoder.orientation().map_err(refused)?;
    let reduced = if format == PhotoFormat::Jpeg {
        jpeg::decode_reduced(&huffman_tables::complete_tables(bytes), width, height)
    } else {
        None
    };
    let picture = match reduced {
        Some(reduced) => reduced,
        None => {
            let picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
            if picture.color().has_alpha() { blend_on_white(&picture).into_rgb8() } else { picture.into_rgb8() }
        }
    };
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation);
    let swaps_sides = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let (width, height) = if swaps_sides { (height, width) } else { (width, height) };
    let photo = Photo::new(picture.width(), picture.height(), picture.into_rgb8().into_raw());
    Ok(photo.ok_or_else(|| broken("it has no pixels".to_owned()))?.reduced_from(width, height))
}

fn open<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Result<(PhotoHeader, impl ImageDecoder + 'a), DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    if bytes.len() > limits.max_bytes {
        return Err(DecodeError::TooManyBytes { len: bytes.len(), limit: limits.max_bytes });
    }
    let format = match PhotoFormat::detect(bytes) {
        Some(format) => format,
        None if is_heic(bytes) => return Err(DecodeError::Heic),
        None => return Err(DecodeError::UnknownFormat),
    };
    let bytes = if format == PhotoFormat::Jpeg { huffman_tables::complete_tables(bytes) } else { Cow::Borrowed(bytes) };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.codec());
    let mut memory = Limits::default();
    memory.max_alloc = Some(limits.memory_bytes());
    reader.limits(memory);
    let decoder = reader.into_decoder().map_err(|error| refuse(format, error, limits))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(DecodeError::TooManyPixels { width, height, limit: limits.max_pixels });
    }
    Ok((PhotoHeader { format, width, height }, decoder))
}

/// A photo in an ISO media file, as iPhones take them: ISO/IEC 23008-12, annex B.
fn is_heic(bytes: &[u8]) -> bool {
    const BRANDS: [&[u8]; 6] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"];
    bytes.get(4..8) == Some(b"ftyp") && bytes.get(8..12).is_some_and(|brand| BRANDS.contains(&brand))
}

fn refuse(format: PhotoFormat, error: ImageError, limits: &DecodeLimits) -> DecodeError {
    let reason = match error {
        ImageError::Limits(_) => return DecodeError::TooMuchMemory { limit_bytes: limits.memory_bytes() },
        ImageError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => "the file is cut off",
        ImageError::Unsupported(_) => "it is of a rare kind that is not supported",
        // The decoder's own words help nobody at a till.
        ImageError::IoError(_) | ImageError::Decoding(_) | ImageError::Encoding(_) | ImageError::Parameter(_) => {
            "its contents are not those of a photo"
        }
    };
    DecodeError::Broken { format, reason: reason.to_owned() }
}

fn blend_on_white(picture: &DynamicImage) -> DynamicImage {
    let mut pixels = picture.to_rgba8();
    for pixel in pixels.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0;
        let blend = |value: u8| {
            let sum = u16::from(value) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
        };
        pixel.0 = [blend(red), blend(green), blend(blue), u8::MAX];
    }
    DynamicImage::ImageRgba8(pixels)
}

#[cfg(test)]
mod tests;
