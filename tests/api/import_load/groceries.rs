//! The file of the import: a table of real groceries with their photos, and five photos that cannot be enrolled.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::imports::zip;
use crate::real_photos::Class;

/// What is wrong with each bad photo, and a part of the reason that its item must give.
pub const BAD_PHOTOS: [(&str, &str); 5] = [
    ("bad/text.jpg", "not a JPEG"),
    ("bad/cut.jpg", "damaged"),
    ("bad/dot.jpg", "one colour"),
    ("bad/empty.jpg", "empty"),
    ("bad/phone.heic", "HEIC"),
];

/// Products and photos that were imported: of each product the SHA-256 of its photos.
pub type Catalogue = BTreeMap<String, BTreeSet<String>>;

pub struct Groceries {
    pub file: Vec<u8>,
    /// Path and name of the product of each good photo.
    pub photos: BTreeMap<String, String>,
    /// SHA-256 of each good photo, by its path.
    digests: BTreeMap<String, String>,
}

impl Groceries {
    pub fn new(classes: &[Class]) -> Self {
        let mut table = "name,sku,barcode,price,currency,tax_rate_bp,description,images\n".to_owned();
        let (mut files, mut photos, mut digests) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for (place, class) in classes.iter().enumerate() {
            let mut paths = Vec::new();
            for (n, source) in class.train.iter().enumerate() {
                let (path, bytes) = (format!("photos/{}/{n}.jpg", class.name), std::fs::read(source).unwrap());
                digests.insert(path.clone(), hex::encode(Sha256::digest(&bytes)));
                photos.insert(path.clone(), class.name.clone());
                files.push((path.clone(), bytes));
                paths.push(path);
            }
            let bad = BAD_PHOTOS.iter().enumerate().filter(|(n, _)| n % classes.len() == place);
            // In the middle, so that others come before and after.
            bad.for_each(|(_, (path, _))| paths.insert(paths.len() / 2, (*path).to_owned()));
            let (barcode, price) = (barcode(place), 100 + place);
            let images = paths.join(";");
            table.push_str(&format!("{},G-{place:03},{barcode},{price},EUR,700,shelf {place},{images}\n", class.name));
        }
        let good = files[0].1.clone();
        files.extend(BAD_PHOTOS.iter().map(|(path, _)| ((*path).to_owned(), bad_photo(path, &good))));
        files.push(("products.csv".to_owned(), table.into_bytes()));
        let file = zip(&files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect::<Vec<_>>());
        Self { file, photos, digests }
    }

    /// What the catalogue must hold if the photos at these paths failed.
    pub fn catalogue(&self, failed: &BTreeMap<String, String>) -> Catalogue {
        let mut catalogue = Catalogue::new();
        for (path, product) in self.photos.iter().filter(|(path, _)| !failed.contains_key(*path)) {
            catalogue.entry(product.clone()).or_default().insert(self.digests[path].clone());
        }
        catalogue
    }
}

fn bad_photo(path: &str, good: &[u8]) -> Vec<u8> {
    match path {
        "bad/text.jpg" => b"This is the list of photos that are still to be taken.".to_vec(),
        "bad/cut.jpg" => good[..good.len() / 3].to_vec(),
        "bad/dot.jpg" => {
            tillsight::demo::packages::encode_jpeg(&image::RgbImage::from_pixel(1, 1, image::Rgb([200, 30, 30])))
                .unwrap()
        }
        "bad/empty.jpg" => Vec::new(),
        _ => [&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], &[7; 4_000]].concat(),
    }
}

/// An EAN-13 of the range for shops.
fn barcode(place: usize) -> String {
    let digits = format!("20{place:010}");
    let weighted =
        digits.bytes().enumerate().map(|(n, digit)| u32::from(digit - b'0') * if n % 2 == 0 { 1 } else { 3 });
    format!("{digits}{}", (10 - weighted.sum::<u32>() % 10) % 10)
}
