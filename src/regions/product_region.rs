//! The region of the one product that an enrolment photo shows.

use super::lab_picture::LabPicture;
use super::{FoundRegion, find_foreground};
use crate::domain::{Photo, Region};

/// Where the one product of an enrolment photo is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductRegion {
    Found(Region),
    /// Nothing stands out: the whole photo shows it.
    Whole,
    /// The photo shows several products.
    Several(Vec<Region>),
}

/// A region this near to the product may belong to it, as a share of the product's longer side …
const PART_GAP_MAX: f32 = 0.05;
/// … and does if its box is smaller than this, relative to the product's. Two of one size are two fruits rather than one.
const PART_AREA_MAX: f32 = 0.5;
/// A region with a smaller box than this, relative to the product's, is no other product.
const OTHER_AREA_MIN: f32 = 0.2;
/// What touches the edge of the photo is mostly the edge of a table, a shelf or a hand. From this size on, relative to the
/// product's box, it is another product …
const CUT_OFF_AREA_MIN: f32 = 0.5;
/// … unless it runs along this share of a side of the photo.
const TABLE_EDGE_MIN: f32 = 0.9;
/// Two regions that face each other over this share of their extent are halves of one package.
const FLUSH_MIN: f32 = 0.6;
/// A catalogue picture that its product fills to this share of a side is taken whole. Cut tightly, such pictures recognise
/// fewer photos: 67 % of `val` instead of 72 %.
const STUDIO_FILL_MIN: f32 = 0.7;

/// The region of the product in an enrolment photo: the largest one with what belongs to it. Another one counts only if it is
/// not much smaller, or, if the edge cuts it off, at least half as large. In a catalogue picture everything belongs to the product.
pub fn find_product_region(photo: &Photo) -> ProductRegion {
    let Some(found) = find_foreground(photo, &LabPicture::from_photo(photo)) else { return ProductRegion::Whole };
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
    let Some(product) = boxes.next() else { return ProductRegion::Whole };
    let mut others: Vec<Region> = boxes.collect();
    let product = join_parts_of(product, &mut others);
    let is_table_edge = |region: &Region| {
        region.width as f32 >= TABLE_EDGE_MIN * width as f32 || region.height as f32 >= TABLE_EDGE_MIN * height as f32
    };
    others.retain(|region| {
        let share_min = if touches_edge(region) { CUT_OFF_AREA_MIN } else { OTHER_AREA_MIN };
        region.area() as f32 >= share_min * product.area() as f32 && !(touches_edge(region) && is_table_edge(region))
    });
    if others.is_empty() {
        return ProductRegion::Found(product);
    }
    others.insert(0, product);
    ProductRegion::Several(others)
}

/// The product with its parts, which are taken out of `others`.
fn join_parts_of(mut product: Region, others: &mut Vec<Region>) -> Region {
    while let Some(part) = others.iter().position(|region| is_part(*region, product)) {
        product = product.join(others.remove(part));
    }
    product
}

/// Joins the pieces of each product, largest first.
pub(super) fn join_pieces(mut regions: Vec<FoundRegion>) -> Vec<FoundRegion> {
    regions.sort_by_key(|found| std::cmp::Reverse(found.region.area()));
    let mut whole: Vec<FoundRegion> = Vec::new();
    while !regions.is_empty() {
        let largest = regions.remove(0);
        let mut others: Vec<Region> = regions.iter().map(|found| found.region).collect();
        let region = join_parts_of(largest.region, &mut others);
        regions.retain(|found| others.contains(&found.region));
        whole.push(FoundRegion { region, ..largest });
    }
    whole
}

/// Whether `region` belongs to `product`: it is near, and either clearly smaller or as one half of a package to the other.
fn is_part(region: Region, product: Region) -> bool {
    let is_near = product.gap(region) as f32 <= PART_GAP_MAX * product.width.max(product.height) as f32;
    let is_smaller = (region.area() as f32) < PART_AREA_MAX * product.area() as f32;
    is_near && (is_smaller || shared_extent(product, region) >= FLUSH_MIN)
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
