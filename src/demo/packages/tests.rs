//! Distinct products, valid barcodes, reproducible and varied pictures.

use std::collections::HashSet;

use super::*;

const KINDS: [PackageKind; 8] = [
    PackageKind::Box,
    PackageKind::Can,
    PackageKind::Tin,
    PackageKind::SlimCan,
    PackageKind::Bottle,
    PackageKind::Pouch,
    PackageKind::Carton,
    PackageKind::Jar,
];

/// Mean and standard deviation of a picture's bytes.
fn statistics(picture: &RgbImage) -> (f64, f64) {
    let count = picture.len() as f64;
    let mean = picture.iter().map(|b| f64::from(*b)).sum::<f64>() / count;
    let spread = picture.iter().map(|b| (f64::from(*b) - mean).powi(2)).sum::<f64>() / count;
    (mean, spread.sqrt())
}

/// Mean absolute difference of two pictures of one size.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    a.iter().zip(b.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

#[test]
fn names_skus_and_barcodes_are_unique_in_the_largest_catalogue() {
    let packages = catalogue(11, usize::MAX);
    assert_eq!(packages.len(), MAX_PRODUCTS);
    for key in [|p: &Package| p.name.clone(), |p: &Package| p.sku.clone(), |p: &Package| p.barcode.clone()] {
        let distinct: HashSet<String> = packages.iter().map(key).collect();
        assert_eq!(distinct.len(), packages.len());
    }
}

#[test]
fn barcodes_are_in_store_ean_13() {
    for package in catalogue(29, 300) {
        let digits: Vec<u32> = package.barcode.chars().filter_map(|c| c.to_digit(10)).collect();
        assert_eq!(digits.len(), 13, "{}", package.barcode);
        assert!((20..=29).contains(&(digits[0] * 10 + digits[1])), "{}", package.barcode);
        let weighted: u32 = digits.iter().enumerate().map(|(i, d)| d * [1, 3][i % 2]).sum();
        assert_eq!(weighted % 10, 0, "{}", package.barcode);
    }
}

#[test]
fn a_longer_catalogue_begins_with_the_shorter_one() {
    let (short, long) = (catalogue(4, 37), catalogue(4, 90));
    assert_eq!(short[..], long[..37]);
    assert_ne!(catalogue(5, 37), short);
    assert!(catalogue(4, 0).is_empty());
}

#[test]
fn a_small_catalogue_has_every_kind_and_some_look_alikes() {
    let packages = catalogue(1, 48);
    for kind in KINDS {
        assert!(packages.iter().any(|p| p.kind == kind), "no {kind:?}");
    }
    let lines: HashSet<u32> = packages.iter().map(|p| p.line).collect();
    assert!(lines.len() < packages.len());
    assert!(packages.iter().all(|p| (50..2000).contains(&p.price_minor)));
}

#[test]
fn a_cutout_is_the_photo_without_what_the_package_does_not_cover() {
    let package = &catalogue(2, 3)[1];
    let (cutout, photo) = (render_cutout(package, 4, 96), render_photo(package, 4, 96));
    assert!(cutout.enumerate_pixels().all(|(x, y, pixel)| pixel.0[..3] == photo.get_pixel(x, y).0));
    let opaque = cutout.pixels().filter(|pixel| pixel[3] == 255).count() as f64 / f64::from(96 * 96);
    assert!((0.1..0.75).contains(&opaque), "{opaque}");
    assert_eq!((cutout.get_pixel(0, 0)[3], cutout.get_pixel(95, 95)[3]), (0, 0), "the corners show the counter");
    assert!(cutout.pixels().any(|pixel| (1..255).contains(&pixel[3])), "edges are soft");
}

#[test]
fn the_same_arguments_give_the_same_bytes() {
    let package = &catalogue(2, 3)[2];
    assert_eq!(render_photo(package, 6, 96), render_photo(&catalogue(2, 9)[2], 6, 96));
    let encoded = encode_jpeg(&render_photo(package, 6, 96)).unwrap();
    assert_eq!(encoded, encode_jpeg(&render_photo(package, 6, 96)).unwrap());
    assert_eq!(encoded[..2], [0xff, 0xd8]);
}

#[test]
fn pictures_show_something_and_differ_between_views_and_products() {
    let packages = catalogue(3, 40);
    for (package, other) in packages.iter().zip(&packages[1..]) {
        let picture = render_photo(package, 0, 96);
        assert_eq!(picture.dimensions(), (96, 96));
        let (mean, spread) = statistics(&picture);
        assert!((15.0..245.0).contains(&mean) && spread > 12.0, "{}: mean {mean}, spread {spread}", package.name);
        assert!(difference(&picture, &render_photo(package, 1, 96)) > 4.0, "{}: two views alike", package.name);
        assert!(difference(&picture, &render_photo(other, 0, 96)) > 4.0, "{}: two products alike", package.name);
    }
}

#[test]
fn look_alikes_differ_in_the_same_light() {
    let packages = catalogue(7, 80);
    let pairs: Vec<_> = packages.windows(2).filter(|pair| pair[0].line == pair[1].line).collect();
    assert!(!pairs.is_empty());
    for pair in pairs {
        let (a, b) = (render::render_tile(&pair[0], 96), render::render_tile(&pair[1], 96));
        assert!(difference(&a, &b) > 1.0, "{} and {} look the same", pair[0].name, pair[1].name);
    }
}

#[test]
fn a_sheet_has_a_tile_for_every_package() {
    let page = contact_sheet(&catalogue(1, 5), 3, 40);
    assert_eq!(page.dimensions(), (3 * 42 + 2, 2 * 42 + 2));
    assert_eq!(contact_sheet(&[], 0, 40).height(), 2);
}

#[test]
fn unusual_sizes_are_rendered() {
    let package = &catalogue(1, 1)[0];
    for side in [0, 1, 2, 7, 33] {
        assert_eq!(render_photo(package, 0, side).dimensions(), (side, side));
    }
}
