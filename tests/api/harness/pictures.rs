//! Pictures for tests: rendered packages, so that no photo need be shipped.

use tillsight::demo::packages;

/// A photo of product `product` of the test catalogue; `view` chooses position, light and background.
pub fn package_photo(product: usize, view: u64) -> Vec<u8> {
    const SEED: u64 = 7;
    let package = packages::catalogue(SEED, product + 1).pop().unwrap();
    packages::jpeg(&packages::photograph(&package, view, 240)).unwrap()
}

/// A small JPEG of one colour: valid, and like no product.
pub fn jpeg(colour: [u8; 3]) -> Vec<u8> {
    packages::jpeg(&image::RgbImage::from_pixel(64, 64, image::Rgb(colour))).unwrap()
}
