//! Where the products are in a picture: the regions that recognition embeds and judges one by one.
//!
//! A reduced picture in L*a*b* is compared with the kiosk's empty view, if there is one, else with a background that is modelled
//! from the picture's border. What differs is thresholded, cleaned, and split into segments. If nothing, or nearly everything,
//! stands out from the border's background, the whole picture is the one region: it is then most likely a picture *of* a
//! product. If nothing differs from the empty view, there is no region.
//!
//! Knows nothing of models, databases or HTTP. Results depend on the pixels alone.

mod border_background;
mod camera_shift;
mod crop;
mod distance_transform;
mod empty_view;
mod foreground;
mod hands;
mod lab_picture;
mod light_change;
mod mask;
mod mask_segment;
mod parts;
mod product_region;
mod robust_fit;
#[cfg(test)]
mod tests;
mod watershed;

use crate::domain::{Photo, Region, text_enum};
use border_background::BorderBackground;
use empty_view::ViewComparison;
use lab_picture::LabPicture;
use mask::Mask;
use mask_segment::MaskSegment;

pub use crop::crop_region;
pub use empty_view::{EmptyView, UnusableView};
pub use lab_picture::{reduce, reduced_size};
pub use product_region::{ProductRegion, find_product_region};

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
    DetectionMethod, "a way that regions were found":
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
    /// It is the whole picture, which shows one colour and nothing else.
    pub is_blank: bool,
}

/// The regions of a picture; at least one, unless nothing differs from the empty view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRegions {
    pub method: DetectionMethod,
    pub regions: Vec<FoundRegion>,
    /// `None` if there is no empty view, or the whole picture is wanted.
    pub empty_view: Option<EmptyViewUse>,
    /// Nothing differs from the empty view, not even a hand: the picture shows it as it looks now.
    pub shows_empty_view: bool,
}

/// A picture with more regions is taken whole and may show several: nobody puts so much before a till, and billing only a part
/// of it would be wrong.
const REGIONS_MAX: usize = 24;
/// Area of the smallest region as a share of the picture: a tenth of its height squared, in 16:9, is 0.56 %.
const AREA_MIN: f32 = 0.003;
/// From this share on, nearly everything stands out: the border is not background.
const AREA_MAX: f32 = 0.8;
/// The background explains at least this share of the border, …
const BORDER_NEAR_MIN: f32 = 0.75;
/// … and half of the border's pixels are at most this far from it in L*a*b*. Shelves and hands reach 10.
const BORDER_SPREAD_MAX: f32 = 4.0;
/// The range of colours in a picture of one colour, in L*a*b*: noise and the fall of light on a bare table.
const BLANK_RANGE_MAX: f32 = 6.0;
/// L* and spread of the pure white behind catalogue pictures; no camera sees a table like that.
const STUDIO_LIGHTNESS_MIN: f32 = 98.0;
const STUDIO_SPREAD_MAX: f32 = 0.6;

/// The regions of `photo`. `empty_view` is that of the kiosk whose camera took it.
pub fn find_regions(photo: &Photo, mode: RegionMode, empty_view: Option<&EmptyView>) -> FoundRegions {
    if mode == RegionMode::Whole {
        return whole_picture(photo);
    }
    let empty_view = match empty_view.map(|view| view.compare(photo)) {
        Some(ViewComparison::SamePlace(picture, mask)) => {
            let regions = find_mask_regions(&mask, &picture, photo);
            return FoundRegions {
                empty_view: Some(EmptyViewUse::Used),
                shows_empty_view: !mask.set.contains(&true),
                ..limit_regions(photo, DetectionMethod::EmptyView, regions)
            };
        }
        Some(ViewComparison::CameraMoved) => Some(EmptyViewUse::CameraMoved),
        Some(ViewComparison::OtherSize) => Some(EmptyViewUse::OtherSize),
        None => None,
    };
    let picture = LabPicture::from_photo(photo);
    let found = match find_foreground(photo, &picture) {
        Some(Foreground { regions, is_studio_picture }) => {
            // White packages on the white of a studio fall into pieces.
            let regions = if is_studio_picture { product_region::join_pieces(regions) } else { regions };
            limit_regions(photo, DetectionMethod::Background, regions)
        }
        None => {
            let mut whole = whole_picture(photo);
            let is_blank = picture.color_range() < BLANK_RANGE_MAX;
            whole.regions.iter_mut().for_each(|found| found.is_blank = is_blank);
            whole
        }
    };
    FoundRegions { empty_view, ..found }
}

fn limit_regions(photo: &Photo, method: DetectionMethod, regions: Vec<FoundRegion>) -> FoundRegions {
    if regions.len() <= REGIONS_MAX {
        return FoundRegions { method, regions, empty_view: None, shows_empty_view: false };
    }
    let mut whole = whole_picture(photo);
    whole.regions.iter_mut().for_each(|found| found.may_be_several = true);
    whole
}

fn whole_picture(photo: &Photo) -> FoundRegions {
    FoundRegions {
        method: DetectionMethod::Whole,
        regions: vec![FoundRegion { region: photo.whole_region(), may_be_several: false, is_blank: false }],
        empty_view: None,
        shows_empty_view: false,
    }
}

fn find_foreground(photo: &Photo, picture: &LabPicture) -> Option<Foreground> {
    let background = BorderBackground::fit(picture);
    if background.share_near < BORDER_NEAR_MIN || background.spread > BORDER_SPREAD_MAX {
        return None;
    }
    let mask = foreground::mask_from_differences(picture, &background.differences(picture), background.spread);
    if mask.share() > AREA_MAX {
        return None;
    }
    let regions = find_mask_regions(&mask, picture, photo);
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
    let region = |segment: MaskSegment| FoundRegion {
        region: scale_up(&segment, picture, photo),
        may_be_several: segment.may_be_several,
        is_blank: false,
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
fn scale_up(segment: &MaskSegment, picture: &LabPicture, photo: &Photo) -> Region {
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
