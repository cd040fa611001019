//! A box in a picture, as shares of its sides, and how a table writes it: `left`, `top`, `width` and `height`.

use crate::domain::Region;

/// The columns of a box, in the order of [`BoxShares::parse`].
pub(super) const BOX_COLUMNS: [&str; 4] = ["left", "top", "width", "height"];
/// Boxes are rounded to a few digits, so their edges may be this far outside.
const EDGE_TOLERANCE: f64 = 0.002;

/// Left, top, width and height, 0 to 1 from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxShares([f64; 4]);

impl BoxShares {
    /// Reads what [`BOX_COLUMNS`] say.
    ///
    /// # Errors
    /// A text is no number, or the box is not inside the picture; in words.
    pub(super) fn parse(texts: [&str; 4]) -> Result<Self, String> {
        let mut shares = [0.0; 4];
        for ((share, text), column) in shares.iter_mut().zip(texts).zip(BOX_COLUMNS) {
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            *share = number
                .ok_or_else(|| format!("{column} is \"{text}\"; it must be a share of the picture, such as 0.25"))?;
        }
        let [left, top, width, height] = shares;
        let outside =
            |start: f64, length: f64| start < -EDGE_TOLERANCE || length <= 0.0 || start + length > 1.0 + EDGE_TOLERANCE;
        if outside(left, width) || outside(top, height) {
            let found = format!("left {left}, top {top}, width {width}, height {height}");
            return Err(format!("the box is not inside the picture ({found}); shares lie between 0 and 1"));
        }
        Ok(Self(shares))
    }

    /// The box in pixels of a picture of this size.
    pub(super) fn region(&self, width: u32, height: u32) -> Region {
        let span = |start: f64, length: f64, side: u32| {
            let pixel = |share: f64| ((share * f64::from(side)).round() as u32).min(side);
            let start_px = pixel(start).min(side - 1);
            (start_px, pixel(start + length).max(start_px + 1) - start_px)
        };
        let [left, top, box_width, box_height] = self.0;
        let ((x, width), (y, height)) = (span(left, box_width, width), span(top, box_height, height));
        Region { x, y, width, height }
    }

    /// For a hash: equal boxes have equal bytes.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        self.0.iter().flat_map(|share| share.to_le_bytes()).collect()
    }
}
