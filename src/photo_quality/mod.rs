//! Whether a product can be recognised by a photo of it: sharpness, size, exposure, and whether the photo shows anything.
//!
//! Measured on the product's part of the photo, reduced to 256 pixels, which is about what a model sees of it. So a photo of
//! 50 megapixels that is blurred by a few of its pixels counts as sharp. Knows nothing of models, catalogues or databases.
//! Each limit was chosen on photos that people took to be good: see docs/decisions/0037.

mod measure;

use crate::domain::{Photo, Region, text_enum};
use measure::Measurements;

text_enum! {
    /// What is wrong with a photo of a product.
    PhotoIssueCode, "an issue of a photo":
    /// It shows one colour and nothing else.
    Blank = "blank",
    /// The product covers too few pixels.
    TooSmall = "too-small",
    /// Nothing in it has a sharp edge.
    Blurred = "blurred",
    /// Nearly all of it is black.
    TooDark = "too-dark",
    /// Nearly all of it is white.
    TooBright = "too-bright",
    /// It shows what a photo of another product shows.
    Copy = "copy",
}

/// The least spread of colours: between the darkest and the brightest fiftieth of the pixels, in the channel with the most.
const COLOR_SPREAD_MIN: f32 = 16.0;
/// The least length of a product's longer side in pixels.
const LONGER_SIDE_MIN: u32 = 64;
/// The least length of a product's shorter side in pixels. Less is nothing that can be recognised.
const SHORTER_SIDE_MIN: u32 = 8;
/// The least sharpness: variance of the Laplacian over the variance of the grey values.
const SHARPNESS_MIN: f32 = 0.006;
/// The greatest share of black pixels.
const BLACK_SHARE_MAX: f32 = 0.7;
/// The greatest share of white pixels. A product on white paper, cut out, is white to nine tenths at most.
const WHITE_SHARE_MAX: f32 = 0.95;

/// Something that is wrong with a photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhotoIssue {
    pub code: PhotoIssueCode,
    /// What was measured.
    pub value: f32,
    /// What it should have been at least, or at most.
    pub limit: f32,
    /// Whether the photo would make recognition wrong, and not only worse.
    pub is_serious: bool,
}

/// The issues of a product's photo. `picture` is the product's part of the photo with its margin, `region` the part without.
///
/// A photo has one issue at most that comes from its light: a black photo has no edges either, and is not called blurred.
pub fn find_issues(picture: &Photo, region: Region) -> Vec<PhotoIssue> {
    let mut issues = Vec::new();
    let Measurements { color_spread, black_share, white_share, sharpness } = Measurements::of_photo(picture);
    let shows_nothing = color_spread < COLOR_SPREAD_MIN;
    if black_share > BLACK_SHARE_MAX {
        issues.push(issue(PhotoIssueCode::TooDark, black_share, BLACK_SHARE_MAX, shows_nothing));
    } else if shows_nothing {
        issues.push(issue(PhotoIssueCode::Blank, color_spread, COLOR_SPREAD_MIN, true));
    } else if white_share > WHITE_SHARE_MAX {
        issues.push(issue(PhotoIssueCode::TooBright, white_share, WHITE_SHARE_MAX, false));
    } else if let Some(sharpness) = sharpness.filter(|sharpness| *sharpness < SHARPNESS_MIN) {
        issues.push(issue(PhotoIssueCode::Blurred, sharpness, SHARPNESS_MIN, false));
    }
    let (shorter, longer) = (region.width.min(region.height), region.width.max(region.height));
    if shorter < SHORTER_SIDE_MIN {
        issues.push(issue(PhotoIssueCode::TooSmall, shorter as f32, SHORTER_SIDE_MIN as f32, true));
    } else if longer < LONGER_SIDE_MIN {
        issues.push(issue(PhotoIssueCode::TooSmall, longer as f32, LONGER_SIDE_MIN as f32, false));
    }
    issues
}

/// Variance of the Laplacian over that of the grey values, on the picture reduced to 256 pixels; `None` if it has one colour.
pub fn sharpness_of(picture: &Photo) -> Option<f32> {
    Measurements::of_photo(picture).sharpness
}

fn issue(code: PhotoIssueCode, value: f32, limit: f32, is_serious: bool) -> PhotoIssue {
    PhotoIssue { code, value, limit, is_serious }
}

impl PhotoIssue {
    /// A copy: the cosine to a photo of another product is `score`, which is `limit` or more.
    pub fn from_copy_score(score: f32, limit: f32) -> Self {
        issue(PhotoIssueCode::Copy, score, limit, true)
    }

    /// What is wrong, and what to do. `product` names the other product of a copy.
    pub fn sentence(&self, product: Option<&str>) -> String {
        let Self { value, .. } = *self;
        let percent = value * 100.0;
        match self.code {
            PhotoIssueCode::Blank => {
                "The photo shows one colour and nothing else. Photograph the product itself.".to_owned()
            }
            PhotoIssueCode::TooSmall => format!(
                "The product covers only {value:.0} pixels of the photo on its {} side. Go closer, or send a larger photo.",
                if self.is_serious { "shorter" } else { "longer" }
            ),
            PhotoIssueCode::Blurred => {
                "The photo is blurred. Hold the camera still until it is in focus, and take the photo again.".to_owned()
            }
            PhotoIssueCode::TooDark => {
                format!("{percent:.0} % of the photo is black. Take it again with more light.")
            }
            PhotoIssueCode::TooBright => {
                format!("{percent:.0} % of the photo is white. Take it again with less light, or on a darker table.")
            }
            PhotoIssueCode::Copy => format!(
                "The photo looks the same as one of product \"{}\", so the till will take the two for each other. Send a \
                 photo that shows the difference.",
                product.unwrap_or_default()
            ),
        }
    }
}

#[cfg(test)]
mod tests;
