//! How a photo of a product becomes its embedding: at the upload, anew under another model, and when models are compared.
//!
//! Decode → the product's region → crop → look for issues → embed. All of these go through [`embed_product_photo`], so that the same photo
//! and region always give the same embedding, and a till's pictures are cut by the same code.

use serde::Serialize;

use crate::domain::{Photo, Region, text_enum};
use crate::embedding::{EmbedError, Embedder, Embedding};
use crate::photo_quality::{PhotoIssue, find_issues};
use crate::pool::{Overloaded, Priority};
use crate::regions::{self, ProductRegion};

/// Which part of the photo shows the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RegionChoice {
    /// What stands out from the background; the whole photo if nothing does. Several things are refused.
    Auto,
    /// As `Auto`, but the whole photo if it shows several things: for stored photos, where no person can choose.
    AutoOrWhole,
    Whole,
    Given(Region),
}

text_enum! {
    /// Where the region of an enrolled photo comes from.
    EnrolledRegionSource, "a source of a region":
    /// What stands out from the background.
    Background = "background",
    /// The whole photo: asked for, or nothing stands out.
    Whole = "whole",
    /// A box that was sent with the photo.
    Given = "given",
}

/// An embedded photo of a product.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductPhoto {
    pub embedding: Embedding,
    pub region: Region,
    pub source: EnrolledRegionSource,
    /// What makes the product hard to recognise by it.
    pub issues: Vec<PhotoIssue>,
}

/// Why a photo of a product has no embedding.
#[derive(Debug, thiserror::Error)]
pub enum ProductPhotoError {
    #[error(transparent)]
    Embed(#[from] EmbedError),
    #[error("{} separate things were found in it", .0.len())]
    Several(Vec<Region>),
    #[error("the region is outside the photo, which is {width} × {height} pixels")]
    OutsidePhoto { width: u32, height: u32 },
}

/// Embeds the photo in `bytes` as a background job.
///
/// # Cancel safety
/// As [`Embedder::decode`].
pub async fn embed_product_photo(
    embedder: &Embedder,
    bytes: impl AsRef<[u8]> + Send + 'static,
    choice: RegionChoice,
) -> Result<ProductPhoto, ProductPhotoError> {
    let permit = embedder.admit(Priority::Background).await.map_err(|Overloaded { .. }| EmbedError::Busy)?;
    let photo = embedder.decode(&permit, bytes).await?.photo;
    let cut = move || {
        let (region, source) = choose_region(&photo, choice)?;
        let picture = regions::crop_region(&photo, region);
        let issues = find_issues(&picture, region);
        Ok::<_, ProductPhotoError>((region, source, picture, issues))
    };
    let (cut, _queue) = embedder.run_on_decode_threads(&permit, cut).await?;
    let (region, source, picture, issues) = cut?;
    let mut embedded = embedder.embed(&permit, vec![picture]).await?;
    // One picture, one embedding.
    let embedding = embedded.embeddings.pop().ok_or(EmbedError::Stopped)?;
    Ok(ProductPhoto { embedding, region, source, issues })
}

fn choose_region(photo: &Photo, choice: RegionChoice) -> Result<(Region, EnrolledRegionSource), ProductPhotoError> {
    let (width, height) = (photo.original_width(), photo.original_height());
    let whole = (photo.whole_region(), EnrolledRegionSource::Whole);
    let found = match choice {
        RegionChoice::Whole => return Ok(whole),
        RegionChoice::Given(region) if region.fits(width, height) => return Ok((region, EnrolledRegionSource::Given)),
        RegionChoice::Given(_) => return Err(ProductPhotoError::OutsidePhoto { width, height }),
        RegionChoice::Auto | RegionChoice::AutoOrWhole => regions::find_product_region(photo),
    };
    match found {
        ProductRegion::Whole => Ok(whole),
        ProductRegion::Found(region) => Ok((region, EnrolledRegionSource::Background)),
        ProductRegion::Several(_) if choice == RegionChoice::AutoOrWhole => Ok(whole),
        ProductRegion::Several(regions) => Err(ProductPhotoError::Several(regions)),
    }
}
