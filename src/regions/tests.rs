//! Regions of drawn frames and enrolment photos.

use super::*;

/// A 16:9 frame of a grey table that is lit from the left, with rectangles of (x, y, width, height, colour).
fn frame(things: &[(u32, u32, u32, u32, [u8; 3])]) -> Photo {
    let (width, height) = (640, 360);
    let mut rgb = Vec::with_capacity((width * height * 3) as usize);
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let covers = |thing: &&(u32, u32, u32, u32, [u8; 3])| {
            (thing.0..thing.0 + thing.2).contains(&x) && (thing.1..thing.1 + thing.3).contains(&y)
        };
        // Noise of a camera, from a multiplicative hash of the position.
        let noise = ((y * width + x).wrapping_mul(2_654_435_761) >> 30) as u8;
        let table = 200 - (x / 16) as u8 + noise;
        rgb.extend(things.iter().rev().find(covers).map_or([table; 3], |thing| thing.4));
    }
    Photo::new(width, height, rgb).unwrap()
}

fn overlap(one: Region, other: Region) -> f32 {
    let span = |start: u32, length: u32, other: u32, other_length: u32| {
        (start + length).min(other + other_length).saturating_sub(start.max(other)) as f32
    };
    let both = span(one.x, one.width, other.x, other.width) * span(one.y, one.height, other.y, other.height);
    both / ((one.width * one.height + other.width * other.height) as f32 - both)
}

const RED: [u8; 3] = [190, 30, 40];
const BLUE: [u8; 3] = [30, 50, 170];

#[test]
fn each_thing_on_a_table_is_a_region() {
    let placed = [(60, 80, 90, 140, RED), (300, 100, 70, 70, BLUE), (480, 40, 100, 220, RED)];
    let found = find_regions(&frame(&placed), RegionMode::Auto, None);
    assert_eq!(found.method, DetectionMethod::Background);
    assert_eq!(found.regions.len(), 3, "{found:?}");
    for (x, y, width, height, _) in placed {
        let expected = Region { x, y, width, height };
        let best = found.regions.iter().map(|found| overlap(found.region, expected)).fold(0.0, f32::max);
        assert!(best > 0.8, "{expected:?}: {best}");
    }
    assert_eq!(find_regions(&frame(&placed), RegionMode::Whole, None).regions.len(), 1);
}

#[test]
fn shadows_specks_and_hands_are_no_regions() {
    let shadow = (150, 200, 60, 30, [140; 3]);
    let speck = (20, 20, 6, 6, BLUE);
    // An arm from the lower edge.
    let arm = (430, 230, 70, 130, [205, 150, 120]);
    let found = find_regions(&frame(&[(60, 80, 90, 140, RED), shadow, speck, arm]), RegionMode::Auto, None);
    assert_eq!(found.regions.len(), 1, "{found:?}");
    assert!(found.regions[0].region.x < 70 && found.regions[0].region.width < 110, "{found:?}");
}

#[test]
fn an_empty_table_a_close_up_and_a_strip_are_one_region_each() {
    let whole = |photo: &Photo| {
        let found = find_regions(photo, RegionMode::Auto, None);
        assert_eq!(found.method, DetectionMethod::Whole, "{found:?}");
        assert_eq!(found.regions[0].region, Region::whole(photo.width(), photo.height()));
    };
    whole(&frame(&[]));
    whole(&frame(&[(8, 8, 624, 344, RED)]));
    let is_blank = |photo: &Photo| find_regions(photo, RegionMode::Auto, None).regions[0].is_blank;
    assert!(is_blank(&Photo::new(64, 64, vec![77; 64 * 64 * 3]).unwrap()));
    assert!(!is_blank(&frame(&[(8, 8, 624, 344, RED)])));
    whole(&Photo::new(1, 4_000, vec![77; 12_000]).unwrap());
    whole(&Photo::new(64, 64, vec![77; 64 * 64 * 3]).unwrap());
    // Everywhere another colour, as on a shelf.
    let shelf = (0..200 * 150_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes().into_iter().skip(1));
    whole(&Photo::new(200, 150, shelf.collect()).unwrap());
}

#[test]
fn regions_are_in_pixels_of_the_original() {
    let placed = frame(&[(60, 80, 90, 140, RED)]);
    let expected = find_regions(&placed, RegionMode::Auto, None).regions[0].region;
    let reduced = placed.reduced_from(2_560, 1_440);
    let found = find_regions(&reduced, RegionMode::Auto, None).regions[0].region;
    let scaled =
        Region { x: expected.x * 4, y: expected.y * 4, width: expected.width * 4, height: expected.height * 4 };
    assert!(overlap(found, scaled) > 0.95, "{found:?} {expected:?}");
    assert!(matches!(find_product_region(&reduced), ProductRegion::Found(region) if overlap(region, scaled) > 0.95));
    let whole = find_regions(&reduced, RegionMode::Whole, None).regions[0].region;
    assert_eq!(whole, Region::whole(2_560, 1_440));
}

#[test]
fn an_enrolment_photo_shows_one_product() {
    let one = find_product_region(&frame(&[(60, 80, 90, 140, RED)]));
    assert!(matches!(one, ProductRegion::Found(_)), "{one:?}");
    let two = find_product_region(&frame(&[(60, 80, 90, 140, RED), (300, 100, 70, 70, BLUE)]));
    assert!(matches!(&two, ProductRegion::Several(regions) if regions.len() == 2), "{two:?}");
}

#[test]
fn a_product_that_the_edge_cuts_off_is_another_one_and_the_edge_of_the_table_is_none() {
    let whole = (200, 80, 90, 140, RED);
    let cut_off = find_product_region(&frame(&[whole, (540, 100, 100, 120, BLUE)]));
    assert!(matches!(&cut_off, ProductRegion::Several(regions) if regions.len() == 2), "{cut_off:?}");
    let both_cut_off = find_product_region(&frame(&[(0, 80, 120, 90, RED), (540, 100, 100, 90, BLUE)]));
    assert!(matches!(&both_cut_off, ProductRegion::Several(regions) if regions.len() == 2), "{both_cut_off:?}");
    for beside in [(600, 100, 40, 120, BLUE), (0, 330, 640, 30, [60; 3])] {
        let one = find_product_region(&frame(&[whole, beside]));
        assert!(matches!(one, ProductRegion::Found(region) if region.width < 120), "{one:?}");
    }
}

/// A plain table with discs of (x, y, radius, colour).
fn discs(discs: &[(i32, i32, i32, [u8; 3])]) -> Photo {
    let color = |x: i32, y: i32| {
        let covers = |disc: &&(i32, i32, i32, [u8; 3])| (x - disc.0).pow(2) + (y - disc.1).pow(2) <= disc.2.pow(2);
        discs.iter().find(covers).map_or([200; 3], |disc| disc.3)
    };
    let rgb = (0..360).flat_map(|y| (0..640).flat_map(move |x| color(x, y)));
    Photo::new(640, 360, rgb.collect()).unwrap()
}

#[test]
fn two_fruits_with_overlapping_boxes_are_two_and_halves_of_a_package_are_one_product() {
    let fruits = discs(&[(200, 130, 60, RED), (290, 220, 60, [60, 140, 40])]);
    let found = find_product_region(&fruits);
    assert!(matches!(&found, ProductRegion::Several(regions) if regions.len() == 2), "{found:?}");
    let halves = frame(&[(200, 80, 100, 80, RED), (200, 164, 100, 90, BLUE)]);
    let found = find_product_region(&halves);
    assert!(matches!(found, ProductRegion::Found(region) if region.height > 160), "{found:?}");
}

#[test]
fn more_regions_than_are_billed_are_one_that_may_show_several() {
    let placed: Vec<_> = (0..30).map(|n| (20 + n % 10 * 62, 30 + n / 10 * 110, 40, 60, RED)).collect();
    let crowded = find_regions(&frame(&placed), RegionMode::Auto, None);
    assert_eq!((crowded.method, crowded.regions.len()), (DetectionMethod::Whole, 1), "{crowded:?}");
    assert!(crowded.regions[0].may_be_several);
    let full = find_regions(&frame(&placed[..24]), RegionMode::Auto, None);
    assert_eq!((full.method, full.regions.len()), (DetectionMethod::Background, 24), "{full:?}");
}

#[test]
fn a_catalogue_picture_in_pieces_shows_one_product() {
    let mut rgb = vec![255; 200 * 100 * 3];
    for (y, x) in (30..70).flat_map(|y| (40..80).chain(110..150).map(move |x| (y, x))) {
        rgb[(y * 200 + x) * 3 + 1] = 20;
    }
    let found = find_product_region(&Photo::new(200, 100, rgb).unwrap());
    let ProductRegion::Found(region) = found else { panic!("{found:?}") };
    assert!(region.x <= 41 && region.x + region.width >= 149, "{region:?}");
}

#[test]
fn a_white_package_in_pieces_is_one_region_and_two_packages_are_two() {
    let studio = |things: &[(usize, usize, usize, usize)]| {
        let mut rgb = vec![255; 640 * 360 * 3];
        for (left, top, width, height) in things {
            for (y, x) in (*top..top + height).flat_map(|y| (*left..left + width).map(move |x| (y, x))) {
                rgb[(y * 640 + x) * 3 + 1] = 20;
            }
        }
        find_regions(&Photo::new(640, 360, rgb).unwrap(), RegionMode::Auto, None).regions
    };
    let pieces = studio(&[(200, 40, 140, 90), (205, 136, 130, 80), (200, 222, 140, 90)]);
    assert!(pieces.len() == 1 && pieces[0].region.height > 260, "{pieces:?}");
    assert_eq!(studio(&[(100, 60, 120, 200), (400, 60, 120, 200)]).len(), 2);
}
