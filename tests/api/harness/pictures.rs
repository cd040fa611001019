//! Rendered pictures for tests, so that no photo has to be shipped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use tillsight::demo::packages;

/// Rendered photos. Each takes a second in an unoptimised build, and the tests use the same few.
static RENDERED: Mutex<BTreeMap<(usize, u64), Rendered>> = Mutex::new(BTreeMap::new());

/// A photo, empty until the first test that uses it has rendered it.
type Rendered = Arc<OnceLock<Vec<u8>>>;

/// A photo of product `product` of the test catalogue; `view` chooses position, light and background.
pub fn package_photo(product: usize, view: u64) -> Vec<u8> {
    let photo = Arc::clone(RENDERED.lock().unwrap().entry((product, view)).or_default());
    photo.get_or_init(|| render(product, view)).clone()
}

fn render(product: usize, view: u64) -> Vec<u8> {
    const SEED: u64 = 7;
    let package = packages::catalogue(SEED, product + 1).pop().unwrap();
    packages::encode_jpeg(&packages::render_photo(&package, view, 240)).unwrap()
}

/// A 16:9 frame of a grey table on which photos of products (product, left edge) lie like cards.
pub fn table_frame(cards: &[(usize, u32)]) -> Vec<u8> {
    lay_cards(image::RgbImage::from_pixel(960, 540, image::Rgb([205, 204, 200])), cards)
}

/// A frame like [`table_frame`] whose background is rectangles of many greens and blues, which are not the cards'; which ones,
/// `seed` says.
pub fn cluttered_frame(seed: u32, cards: &[(usize, u32)]) -> Vec<u8> {
    let mut frame = image::RgbImage::from_pixel(960, 540, image::Rgb([30, 110, 120]));
    for n in 0..120 {
        let [left, top, width, height, red, green, blue, _] = u64::from(seed * 1_000 + n)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_mul(0xBF58_476D_1CE4_E5B9)
            .to_be_bytes();
        let rectangle = image::RgbImage::from_pixel(
            30 + u32::from(width) / 2,
            30 + u32::from(height) / 2,
            image::Rgb([10 + red / 6, 60 + green / 2, 60 + blue / 2]),
        );
        image::imageops::replace(&mut frame, &rectangle, i64::from(left) * 4 - 60, i64::from(top) * 2 - 60);
    }
    lay_cards(frame, cards)
}

fn lay_cards(mut frame: image::RgbImage, cards: &[(usize, u32)]) -> Vec<u8> {
    for (product, left) in cards {
        let card = image::load_from_memory(&package_photo(*product, 0)).unwrap().into_rgb8();
        image::imageops::replace(&mut frame, &card, i64::from(*left), 140);
    }
    packages::encode_jpeg(&frame).unwrap()
}

/// A small JPEG of one colour: valid, and unlike any product.
pub fn jpeg(colour: [u8; 3]) -> Vec<u8> {
    packages::encode_jpeg(&image::RgbImage::from_pixel(64, 64, image::Rgb(colour))).unwrap()
}

/// A PNG whose header announces `width` × `height` grey pixels, but whose data end after the first few. A decoder that trusts
/// the header allocates memory for all of them.
pub fn png_of_size(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header = [size.as_slice(), &[8, 0, 0, 0, 0]].concat();
    // zlib: a stored block of one row's beginning.
    let data = [0x78, 0x01, 0x01, 0x04, 0x00, 0xFB, 0xFF, 0x00, 0x7F, 0x7F, 0x7F];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &data), chunk(b"IEND", &[])].concat()
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [kind.as_slice(), data].concat();
    [&u32::try_from(data.len()).unwrap().to_be_bytes(), named.as_slice(), &crc32(&named).to_be_bytes()].concat()
}

/// The checksum of a PNG chunk (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}
