//! The products that frames are composed of: cut out of labelled photos by their box, or where they stand out.

use super::cutouts::{Cutout, has_plain_border};
use super::embed::{Sample, read_photo};
use super::photos::LabelledPhoto;
use crate::embedding::{EmbedError, Embedder};
use crate::pool::Priority;
use crate::regions::{self, ProductRegion};

/// How a product was cut out of its photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutoutSource {
    /// It stood out from its background, which was cut away.
    Background,
    /// The box that the table gives, all of it.
    Box,
    /// Nothing stood out: the photo is a close-up, all of it.
    Whole,
}

/// A product that frames are composed of.
pub(super) struct FrameProduct {
    pub(super) cutout: Cutout,
    pub(super) source: CutoutSource,
    /// The photo as it is.
    pub(super) tight: Sample,
}

/// Cuts the product out of `photo` and embeds the photo as it is.
///
/// # Errors
/// The photo cannot be used; in words.
pub(super) async fn load_product(embedder: &Embedder, photo: &LabelledPhoto) -> Result<FrameProduct, String> {
    let (path, limit) = (photo.path.clone(), embedder.limits().max_bytes);
    let bytes = tokio::task::spawn_blocking(move || read_photo(&path, limit)).await;
    let bytes = bytes.map_err(|error| error.to_string())??;
    let name = |error: EmbedError| format!("{}: {error}", photo.path.display());
    let permit = embedder.admit(Priority::Background).await.map_err(|_| name(EmbedError::Busy))?;
    let decoded = embedder.decode(&permit, bytes).await.map_err(name)?.photo;
    let product_box = photo.product_box;
    let cut = move || {
        let (region, source) = match product_box {
            Some(product_box) => {
                (Some(product_box.region(decoded.original_width(), decoded.original_height())), CutoutSource::Box)
            }
            None => match regions::find_product_region(&decoded) {
                ProductRegion::Found(region) => (Some(region), CutoutSource::Background),
                // A catalogue picture that its product fills is embedded whole, but its white is not the product's.
                ProductRegion::Whole if has_plain_border(&decoded) => (None, CutoutSource::Background),
                ProductRegion::Whole | ProductRegion::Several(_) => (None, CutoutSource::Whole),
            },
        };
        let region = region.unwrap_or_else(|| decoded.whole_region());
        let cutout = match source {
            CutoutSource::Background => Cutout::without_background(&decoded, region),
            CutoutSource::Box | CutoutSource::Whole => Cutout::from_box(&decoded, region),
        };
        Ok::<_, String>((cutout?, source, regions::crop_region(&decoded, region)))
    };
    let (cut, _queue) = embedder.run_on_decode_threads(&permit, cut).await.map_err(name)?;
    let (cutout, source, picture) = cut?;
    let embedding = embedder.embed(&permit, vec![picture]).await.map_err(name)?.embeddings.pop();
    let embedding = embedding.ok_or_else(|| name(EmbedError::Stopped))?;
    Ok(FrameProduct { cutout, source, tight: Sample { product: photo.product, embedding } })
}
