//! What is shown: products to teach, and kiosk photos of them. Everything follows from the seed.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use image::RgbImage;
use rayon::prelude::*;
use tillsight::demo::packages::{Package, catalogue, encode_jpeg, render_photo};

use super::support::SEED;

/// Photos that each product is taught with.
pub const VIEWS: u64 = 5;
/// Side of those photos, in pixels.
const SIDE: u32 = 320;
/// A kiosk's photo, in pixels.
pub const WIDTH: u32 = 1_280;
pub const HEIGHT: u32 = 720;
/// Views from here on are no teaching photos.
const UNSEEN_VIEWS: u64 = 1_000;

/// A kiosk's photo and what is on it.
pub struct Shown {
    pub jpeg: Bytes,
    pub product: String,
}

/// A catalogue, the photos to teach it with, and photos from the till.
pub struct Shop {
    pub packages: Vec<Package>,
    pub shown: Vec<Shown>,
    /// Where the teaching photos lie, with `products.json` beside them.
    pub gallery: PathBuf,
}

impl Shop {
    /// Renders everything; teaching photos go into `folder`, from where the peer reads them.
    pub fn render(products: usize, photos: usize, folder: &Path) -> Self {
        let packages = catalogue(SEED, products.max(1));
        let gallery = folder.join("gallery");
        let listed: Vec<serde_json::Value> =
            packages.par_iter().enumerate().map(|(place, package)| teach(&gallery, place, package)).collect();
        std::fs::write(gallery.join("products.json"), serde_json::json!(listed).to_string()).expect("a list");
        let shown = (0..photos.max(1)).into_par_iter().map(|turn| {
            let package = &packages[turn * 7 % packages.len()];
            let picture = kiosk_frame(&render_photo(package, UNSEEN_VIEWS + turn as u64, HEIGHT));
            Shown { jpeg: encode_jpeg(&picture).expect("a JPEG").into(), product: package.name.clone() }
        });
        let shown = shown.collect();
        Self { packages, shown, gallery }
    }

    /// The teaching photos of a product.
    pub fn teaching_photos(&self, place: usize) -> Vec<Vec<u8>> {
        (0..VIEWS).map(|view| std::fs::read(teaching_photo(&self.gallery, place, view)).expect("a photo")).collect()
    }

    /// The mean size of a kiosk's photo, in bytes.
    pub fn mean_bytes(&self) -> usize {
        self.shown.iter().map(|shown| shown.jpeg.len()).sum::<usize>() / self.shown.len()
    }
}

fn teaching_photo(gallery: &Path, place: usize, view: u64) -> PathBuf {
    gallery.join(format!("{place:05}")).join(format!("{view}.jpg"))
}

/// Writes the teaching photos of one product and gives its line of the list.
fn teach(gallery: &Path, place: usize, package: &Package) -> serde_json::Value {
    std::fs::create_dir_all(gallery.join(format!("{place:05}"))).expect("a folder");
    for view in 0..VIEWS {
        let photo = encode_jpeg(&render_photo(package, view, SIDE)).expect("a JPEG");
        std::fs::write(teaching_photo(gallery, place, view), photo).expect("a file");
    }
    serde_json::json!({ "name": package.name, "folder": format!("{place:05}") })
}

/// The square picture in the middle of a wide one; what is beside it goes on as in a mirror.
fn kiosk_frame(square: &RgbImage) -> RgbImage {
    let margin = (WIDTH - square.width()) / 2;
    let last = square.width() - 1;
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let x = x.abs_diff(margin);
        *square.get_pixel(if x > last { 2 * last - x } else { x }, y)
    })
}
