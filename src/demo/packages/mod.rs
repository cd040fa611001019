//! Invented grocery products and the pictures a kiosk camera would take of them.
//!
//! The demonstration and the tests need products that anyone may copy (the training of the shipped model draws its own,
//! `models/training/packages.py`). These are computed: [`catalogue`] invents products, [`render_photo`] renders a photo of one
//! product, [`contact_sheet`] arranges many pictures on a page.
//!
//! Invariants: no input or output besides arguments and return values; the same arguments give the same bytes on one machine;
//! a product looks the same in a catalogue of any size. Names, brands and numbers belong to no real maker: the barcodes are
//! EAN-13 of the in-store range 20–29.

mod backdrop;
mod barcode;
mod canvas;
mod catalogue;
mod glyphs;
mod icon;
mod label;
mod package_mesh;
mod post_process;
mod product_lines;
mod raster;
mod render;
mod scene;
mod shadow;
mod surface;
mod vec3;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageError, RgbImage};

pub use barcode::ean13_modules;
pub use catalogue::{CURRENCY, MAX_PRODUCTS, Package, catalogue};
pub use render::{render_cutout, render_photo};

/// As a kiosk camera writes: with real but small artefacts.
const JPEG_QUALITY: u8 = 88;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PackageKind {
    /// A folding box, such as for cereal or tea.
    Box,
    /// A food can with a paper label.
    Can,
    /// A low tin.
    Tin,
    /// A slim printed drink can.
    SlimCan,
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
/// The picture has no pixels or a side above 65 535 pixels.
pub fn encode_jpeg(picture: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::with_capacity(picture.len() / 8);
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode_image(picture)?;
    Ok(bytes)
}

/// A contact sheet: each package once, `columns` in a row, in tiles of `side` × `side` pixels with a narrow gap. All tiles have
/// the same backdrop and light.
pub fn contact_sheet(packages: &[Package], columns: u32, side: u32) -> RgbImage {
    let columns = columns.max(1);
    let rows = (packages.len() as u32).div_ceil(columns);
    let gap = side / 40 + 1;
    let pitch = side + gap;
    let mut page = RgbImage::from_pixel(columns * pitch + gap, rows * pitch + gap, image::Rgb([250, 249, 247]));
    for (package, position) in packages.iter().zip(0_u32..) {
        let tile = render::render_tile(package, side);
        let (left, top) = (gap + position % columns * pitch, gap + position / columns * pitch);
        image::imageops::replace(&mut page, &tile, i64::from(left), i64::from(top));
    }
    page
}

#[cfg(test)]
mod tests;
