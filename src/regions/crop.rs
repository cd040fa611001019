//! Regions cut out of their picture.

use std::sync::Arc;

use crate::domain::{Photo, Region};

/// Space around a region, as a share of its longer side: the mask may lack a pixel at a product's edge.
const MARGIN: f32 = 0.05;

/// The pixels of `region`, which must be inside the original of `photo`, with a margin as far as the photo goes.
pub fn crop_region(photo: &Arc<Photo>, region: Region) -> Arc<Photo> {
    let margin = (region.width.max(region.height) as f32 * MARGIN).round() as u32;
    let span = |start: u32, length: u32, side: u32| {
        let first = start.saturating_sub(margin);
        (first, (start + length + margin).min(side) - first)
    };
    let (x, width) = span(region.x, region.width, photo.original_width());
    let (y, height) = span(region.y, region.height, photo.original_height());
    let Region { x, y, width, height } = photo.pixels_of(Region { x, y, width, height });
    if (width, height) == (photo.width(), photo.height()) {
        return Arc::clone(photo);
    }
    let lines = photo.rgb().chunks_exact(photo.width() as usize * 3).skip(y as usize).take(height as usize);
    let mut rgb = Vec::with_capacity((width * height) as usize * 3);
    lines.for_each(|line| rgb.extend_from_slice(&line[x as usize * 3..(x + width) as usize * 3]));
    // A region has an area and is inside the photo, so this is a picture.
    Photo::new(width, height, rgb).map_or_else(|| Arc::clone(photo), Arc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_cut_with_a_margin_that_ends_at_the_edge() {
        let rgb = (0..100_u8).flat_map(|y| (0..200_u8).flat_map(move |x| [x, y, 0])).collect();
        let photo = Arc::new(Photo::new(200, 100, rgb).unwrap());
        let cut = crop_region(&photo, Region { x: 0, y: 20, width: 100, height: 50 });
        assert_eq!((cut.width(), cut.height()), (105, 60));
        assert_eq!(cut.rgb()[..3], [0, 15, 0]);
        assert_eq!(crop_region(&photo, Region::whole(200, 100)), photo);
        let reduced = Arc::new(Photo::clone(&photo).reduced_from(800, 400));
        let cut = crop_region(&reduced, Region { x: 0, y: 80, width: 400, height: 200 });
        assert_eq!((cut.width(), cut.height(), &cut.rgb()[..3]), (105, 60, &[0, 15, 0][..]));
    }
}
