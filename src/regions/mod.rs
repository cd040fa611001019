//! Where the products are in a picture: the regions that recognition embeds and judges one by one.
//!
//! Two ways, both on a reduced picture in L*a*b*: what differs from the background that the picture's border shows, or,
//! where the kiosk has one, from its empty view. Thresholded, cleaned, and split into segments. Where the border's way
//! finds nothing, or nearly everything, there is one region, the whole picture: it is then most likely a picture *of* a
//! product. What does not differ from the empty view has no region.
//!
//! Knows nothing of models, databases or HTTP. Results depend on the pixels alone.

mod border_background;
mod camera_shift;
mod crop;
mod empty_view;
mod foreground;
mod hands;
mod lab_picture;
mod light_change;
mod mask;
mod parts;
mod robust_fit;
mod watershed;

use crate::domain::{Photo, Region, text_enum};
use border_background::BorderBackground;
use empty_view::Comparison;
use lab_picture::LabPicture;
use mask::Mask;
use watershed::Segment;

pub use crop::crop_region;
pub use empty_view::{EmptyView, UnusableView};
pub use lab_picture::{reduce, reduced_size};

text_enum! {
    /// Which regions are wanted.
    RegionMode, "a way to find regions (auto or whole)":
    /// Each thing in the picture.
    Auto = "auto",
    /// The whole picture as one.
    Whole = "whole",
}

text_enum! {
    /// How the regions of a picture were found.
    RegionMethod, "a way that regions were found":
    /// What stands out from the background that the picture's border shows.
    Background = "background",
    /// What differs from the kiosk's empty view; there may be no region.
    EmptyView = "empty-view",
    /// The whole picture: asked for, or nothing stands out, or nearly everything does, or more than 24 things do.
    Whole = "whole",
}

text_enum! {
    /// What became of the kiosk's empty view.
    EmptyViewUse, "a use of an empty view":
    /// The regions are what differs from it.
    Used = "used",
    /// The camera was moved or covered since it was taken.
    CameraMoved = "camera-moved",
    /// The picture has other proportions.
    OtherSize = "other-size",
}

/// What is taken for one product in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundRegion {
    pub region: Region,
    /// It may show several products that touch.
    pub may_be_several: bool,
}

/// The regions of a picture; at least one, unless nothing differs from the empty view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRegions {
    pub method: RegionMethod,
    pub regions: Vec<FoundRegion>,
    /// `None` if there is no empty view, or the whole picture is wanted.
    pub empty_view: Option<EmptyViewUse>,
    /// Nothing differs from the empty view, not even a hand: the picture shows it as it looks now.
    pub shows_empty_view: bool,
}

/// Where the one product of an enrolment photo is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductRegion {
    Found(Region),
    /// Nothing stands out: the whole photo shows it.
    Whole,
    /// The photo shows several products.
    Several(Vec<Region>),
}

/// A picture with more regions is taken whole, as one that may show several: nobody lays so much before a till, and to bill a
/// part of it would be wrong.
const REGIONS_MAX: usize = 24;
/// Area of the smallest region as a share of the picture: a tenth of its height squared, in 16:9, is 0.56 %.
const AREA_MIN: f32 = 0.003;
/// From this share on, nearly everything stands out: the border is not background.
const AREA_MAX: f32 = 0.8;
/// The background explains at least this share of the border, …
const BORDER_NEAR_MIN: f32 = 0.75;
/// … and half of the border's pixels are at most this far from it in L*a*b*. Shelves and hands reach 10.
const BORDER_SPREAD_MAX: f32 = 4.0;
/// In an enrolment photo, a region this near to the product may belong to it, as a share of the product's longer side.
const PART_GAP_MAX: f32 = 0.05;
/// In an enrolment photo, a region with a smaller box than this, relative to the product's, is no other product.
const OTHER_AREA_MIN: f32 = 0.2;
/// Two regions that face each other over this share of their extent are halves of one package.
const FLUSH_MIN: f32 = 0.6;
/// L* and spread of the pure white behind catalogue pictures; no camera sees a table like that.
const STUDIO_LIGHTNESS_MIN: f32 = 98.0;
const STUDIO_SPREAD_MAX: f32 = 0.6;
/// A catalogue picture that its product fills to this share of a side is taken whole. Cut tightly, such pictures recognise
/// fewer photos: 67 % of `val` instead of 72 %.
const STUDIO_FILL_MIN: f32 = 0.7;

/// The regions of `photo`. `empty_view` is that of the kiosk whose camera took it.
pub fn find_regions(photo: &Photo, mode: RegionMode, empty_view: Option<&EmptyView>) -> FoundRegions {
    if mode == RegionMode::Whole {
        return whole_picture(photo);
    }
    let empty_view = match empty_view.map(|view| view.compare(photo)) {
        Some(Comparison::Same(picture, mask)) => {
            let regions = find_mask_regions(&mask, &picture, photo);
            return FoundRegions {
                empty_view: Some(EmptyViewUse::Used),
                shows_empty_view: !mask.set.contains(&true),
                ..limit_regions(photo, RegionMethod::EmptyView, regions)
            };
        }
        Some(Comparison::CameraMoved) => Some(EmptyViewUse::CameraMoved),
        Some(Comparison::OtherSize) => Some(EmptyViewUse::OtherSize),
        None => None,
    };
    let found = find_foreground(photo)
        .map_or_else(|| whole_picture(photo), |found| limit_regions(photo, RegionMethod::Background, found.regions));
    FoundRegions { empty_view, ..found }
}

fn limit_regions(photo: &Photo, method: RegionMethod, regions: Vec<FoundRegion>) -> FoundRegions {
    if regions.len() <= REGIONS_MAX {
        return FoundRegions { method, regions, empty_view: None, shows_empty_view: false };
    }
    let mut whole = whole_picture(photo);
    whole.regions.iter_mut().for_each(|found| found.may_be_several = true);
    whole
}

fn whole_picture(photo: &Photo) -> FoundRegions {
    FoundRegions {
        method: RegionMethod::Whole,
        regions: vec![FoundRegion { region: photo.whole_region(), may_be_several: false }],
        empty_view: None,
        shows_empty_view: false,
    }
}

/// The region of the product in an enrolment photo: the largest one with what belongs to it. Another one counts only if it is
/// whole in the picture and not much smaller, and in a catalogue picture everything belongs to the product.
pub fn find_product_region(photo: &Photo) -> ProductRegion {
    let Some(found) = find_foreground(photo) else { return ProductRegion::Whole };
    let (width, height) = (photo.original_width(), photo.original_height());
    let touches_edge = |region: &Region| {
        let (edge_x, edge_y) = (width / 100, height / 100);
        region.x <= edge_x
            || region.y <= edge_y
            || region.x + region.width + edge_x >= width
            || region.y + region.height + edge_y >= height
    };
    let mut boxes: Vec<Region> = found.regions.iter().map(|found| found.region).collect();
    if found.is_studio_picture {
        let fills = |region: &Region| {
            region.width as f32 >= STUDIO_FILL_MIN * width as f32
                || region.height as f32 >= STUDIO_FILL_MIN * height as f32
        };
        let product = boxes.into_iter().reduce(Region::join).filter(|region| !fills(region));
        return product.map_or(ProductRegion::Whole, ProductRegion::Found);
    }
    boxes.sort_by_key(|region| (touches_edge(region), std::cmp::Reverse(region.area())));
    let mut boxes = boxes.into_iter();
    let Some(mut product) = boxes.next() else { return ProductRegion::Whole };
    let mut others = Vec::new();
    for region in boxes {
        let is_near = product.gap(region) as f32 <= PART_GAP_MAX * product.width.max(product.height) as f32;
        let is_small = (region.area() as f32) < OTHER_AREA_MIN * product.area() as f32;
        if is_near && (is_small || shared_extent(product, region) >= FLUSH_MIN) {
            product = product.join(region);
        } else if !touches_edge(&region) && !is_small {
            others.push(region);
        }
    }
    if others.is_empty() {
        return ProductRegion::Found(product);
    }
    others.insert(0, product);
    ProductRegion::Several(others)
}

/// How much of their common extent two regions share, to the side or up and down, whichever is more: 1 for two halves of a box.
fn shared_extent(one: Region, other: Region) -> f32 {
    let share = |start: u32, length: u32, other: u32, other_length: u32| {
        let (end, other_end) = (start + length, other + other_length);
        let both = end.min(other_end).saturating_sub(start.max(other));
        both as f32 / (end.max(other_end) - start.min(other)) as f32
    };
    share(one.x, one.width, other.x, other.width).max(share(one.y, one.height, other.y, other.height))
}

fn find_foreground(photo: &Photo) -> Option<Foreground> {
    let picture = LabPicture::from_photo(photo);
    let background = BorderBackground::fit(&picture);
    if background.share_near < BORDER_NEAR_MIN || background.spread > BORDER_SPREAD_MAX {
        return None;
    }
    let mask = foreground::mask_from_differences(&picture, &background.differences(&picture), background.spread);
    if mask.share() > AREA_MAX {
        return None;
    }
    let regions = find_mask_regions(&mask, &picture, photo);
    if regions.is_empty() {
        return None;
    }
    let is_studio_picture = background.lightness() >= STUDIO_LIGHTNESS_MIN && background.spread <= STUDIO_SPREAD_MAX;
    Some(Foreground { regions, is_studio_picture })
}

/// The regions of the products in the mask, without hands, from the top to the bottom.
fn find_mask_regions(mask: &Mask, picture: &LabPicture, photo: &Photo) -> Vec<FoundRegion> {
    let area_min = ((AREA_MIN * mask.set.len() as f32) as usize).max(1);
    let mut segments = watershed::segment_mask(mask, picture, area_min);
    segments.retain(|segment| !hands::is_hand(segment));
    parts::join_parts(&mut segments);
    let region = |segment: Segment| FoundRegion {
        region: scale_up(&segment, picture, photo),
        may_be_several: segment.may_be_several,
    };
    let mut regions: Vec<_> = segments.into_iter().map(region).collect();
    // As one reads: so that the same products give the same order.
    regions.sort_by_key(|found| (found.region.y, found.region.x));
    regions
}

/// What stands out from the background that the border shows.
struct Foreground {
    regions: Vec<FoundRegion>,
    is_studio_picture: bool,
}

/// The segment's box in pixels of the photo's original.
fn scale_up(segment: &Segment, picture: &LabPicture, photo: &Photo) -> Region {
    let scale = |position: usize, from: usize, to: u32| {
        u32::try_from(position as u64 * u64::from(to) / from as u64).unwrap_or(to).min(to)
    };
    let (left, right) = (
        scale(segment.left, picture.width, photo.original_width()),
        scale(segment.right, picture.width, photo.original_width()),
    );
    let (top, bottom) = (
        scale(segment.top, picture.height, photo.original_height()),
        scale(segment.bottom, picture.height, photo.original_height()),
    );
    Region { x: left, y: top, width: (right - left).max(1), height: (bottom - top).max(1) }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(found.method, RegionMethod::Background);
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
            assert_eq!(found.method, RegionMethod::Whole, "{found:?}");
            assert_eq!(found.regions[0].region, Region::whole(photo.width(), photo.height()));
        };
        whole(&frame(&[]));
        whole(&frame(&[(8, 8, 624, 344, RED)]));
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
        assert!(
            matches!(find_product_region(&reduced), ProductRegion::Found(region) if overlap(region, scaled) > 0.95)
        );
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
        assert_eq!((crowded.method, crowded.regions.len()), (RegionMethod::Whole, 1), "{crowded:?}");
        assert!(crowded.regions[0].may_be_several);
        let full = find_regions(&frame(&placed[..24]), RegionMode::Auto, None);
        assert_eq!((full.method, full.regions.len()), (RegionMethod::Background, 24), "{full:?}");
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
}
