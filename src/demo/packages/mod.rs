//! Invented grocery products and the pictures a kiosk camera would take of them.
//!
//! The demonstration and the tests need products that anyone may copy (the training of the shipped model draws its own,
//! `models/training/packages.py`). These are drawn from nothing but numbers: [`catalogue`] invents products,
//! [`photograph`] takes one picture of one product, [`sheet`] lays many pictures out for a page.
//!
//! Invariants: no input and no output besides the arguments and the return values; the same arguments give the same bytes on
//! one machine; a product looks the same however many others the catalogue holds. Names, brands and numbers belong to no
//! real maker: the barcodes are EAN-13 of the range 20–29 that shops give out themselves.

mod barcode;
mod canvas;
mod catalogue;
mod counter;
mod film;
mod glyphs;
mod goods;
mod grocery;
mod label;
mod motif;
mod raster;
mod scene;
mod shadow;
mod shape;
mod vector;
mod view;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageError, RgbImage};

pub use catalogue::{CURRENCY, MAX_PRODUCTS, Package, catalogue};
pub use scene::photograph;

/// JPEG quality of the demonstration's photographs: what a kiosk camera writes, with artefacts that are real but small.
const JPEG_QUALITY: u8 = 88;

/// What a product comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A folding box, such as for cereal or tea.
    Box,
    /// A food can with a paper label.
    Can,
    /// A low tin.
    Tin,
    /// A slim drink can, printed all over.
    Slim,
    /// A bottle with a screw cap.
    Bottle,
    /// A sealed bag.
    Pouch,
    /// A drink carton with a gable top.
    Carton,
    /// A jar with a lid.
    Jar,
}

/// Encodes a picture as JPEG of quality 88.
///
/// # Errors
/// Only when the picture has no pixels or more than JPEG can hold (65 535 a side).
pub fn jpeg(picture: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::with_capacity(picture.len() / 8);
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(picture)?;
    Ok(bytes)
}

/// A contact sheet: each package once, `columns` in a row, each tile `side` pixels wide and high with a narrow gap around it.
///
/// The tiles are taken on one counter in one light, so that the page shows the products and not the kiosk.
pub fn sheet(packages: &[Package], columns: u32, side: u32) -> RgbImage {
    let columns = columns.max(1);
    let rows = (packages.len() as u32).div_ceil(columns);
    let gap = side / 40 + 1;
    let pitch = side + gap;
    let mut page = RgbImage::from_pixel(columns * pitch + gap, rows * pitch + gap, image::Rgb([250, 249, 247]));
    for (package, place) in packages.iter().zip(0_u32..) {
        let tile = scene::portrait(package, side);
        let (left, top) = (gap + place % columns * pitch, gap + place / columns * pitch);
        image::imageops::replace(&mut page, &tile, i64::from(left), i64::from(top));
    }
    page
}

#[cfg(test)]
mod tests;
