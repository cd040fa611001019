//! A decoded picture, and why a received one is refused.

use super::Region;

/// Why a picture is refused. The text is for people; the variant is what a client's program can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhotoFault {
    /// Too many bytes or pixels.
    #[error("{0}")]
    TooLarge(String),
    /// No JPEG, PNG or WebP.
    #[error("{0}")]
    NotAnImage(String),
    /// Empty, damaged or cut off.
    #[error("{0}")]
    Broken(String),
}

/// A decoded picture: upright, 8 bits each of red, green and blue. It may have fewer pixels than the original, in whose pixels
/// every [`Region`] is given.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
    original_width: u32,
    original_height: u32,
}

impl std::fmt::Debug for Photo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Photo({} × {})", self.width, self.height)
    }
}

impl Photo {
    /// From the `rgb` values of its pixels, row by row; `None` if their number does not match or a side is zero.
    pub fn new(width: u32, height: u32, rgb: Vec<u8>) -> Option<Self> {
        let values = u64::from(width).checked_mul(u64::from(height))?.checked_mul(3)?;
        let (original_width, original_height) = (width, height);
        let photo = Self { width, height, rgb, original_width, original_height };
        (values > 0 && values == photo.rgb.len() as u64).then_some(photo)
    }

    /// The same pixels, of an original of this size.
    pub fn reduced_from(self, original_width: u32, original_height: u32) -> Self {
        Self { original_width, original_height, ..self }
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    pub fn original_width(&self) -> u32 {
        self.original_width
    }

    pub fn original_height(&self) -> u32 {
        self.original_height
    }

    /// Red, green and blue of each pixel, row by row.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// All of the original.
    pub fn whole_region(&self) -> Region {
        Region::whole(self.original_width, self.original_height)
    }

    /// The pixels of this photo that show `region`, which must be inside the original; at least one.
    pub fn pixels_of(&self, region: Region) -> Region {
        let scale = |position: u32, side: u32, original: u32| {
            let rounded = (u64::from(position) * u64::from(side) + u64::from(original) / 2) / u64::from(original);
            u32::try_from(rounded).unwrap_or(side).min(side)
        };
        let span = |start: u32, length: u32, side: u32, original: u32| {
            let first = scale(start, side, original).min(side - 1);
            (first, scale(start + length, side, original).max(first + 1) - first)
        };
        let (x, width) = span(region.x, region.width, self.width, self.original_width);
        let (y, height) = span(region.y, region.height, self.height, self.original_height);
        Region { x, y, width, height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_of_the_original_is_found_in_fewer_pixels() {
        let photo = Photo::new(50, 30, vec![0; 50 * 30 * 3]).unwrap();
        let region = Region { x: 7, y: 3, width: 20, height: 9 };
        assert_eq!((photo.pixels_of(region), photo.whole_region()), (region, Region::whole(50, 30)));
        let reduced = photo.reduced_from(199, 119);
        assert_eq!(reduced.pixels_of(reduced.whole_region()), Region::whole(50, 30));
        assert_eq!(
            reduced.pixels_of(Region { x: 40, y: 20, width: 80, height: 40 }),
            Region { x: 10, y: 5, width: 20, height: 10 }
        );
        let last = reduced.pixels_of(Region { x: 198, y: 118, width: 1, height: 1 });
        assert!(last.fits(50, 30), "{last:?}");
    }
}
