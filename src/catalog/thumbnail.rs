//! Thumbnails: the product's part of a photo, small, as a JPEG. Made when one is first asked for, then kept.

use std::sync::Arc;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeOptions, Resizer};
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;

use super::product_images::find_image;
use super::{Catalog, CatalogError};
use crate::domain::{ImageId, Photo, ProductId, Region};
use crate::embedding::EmbedError;
use crate::pool::Priority;

/// Pixels of the longer side, as wide as a picture of the grid of products on a phone. With this quality four to five kilobytes:
/// a full grid of 24 with all that its page loads stays below 150 kB.
const SIDE: u32 = 176;
const QUALITY: u8 = 60;

impl Catalog {
    /// A thumbnail of a photo. A till's photo is decoded before one of these.
    ///
    /// # Errors
    /// Also [`CatalogError::Busy`]: more photos wait to be decoded than may wait.
    pub async fn thumbnail(&self, product: ProductId, id: ImageId) -> Result<Vec<u8>, CatalogError> {
        let row = find_image(&mut self.db.read().await?, product, id).await?;
        if let Some(jpeg) = self.thumbnails.get(id).await? {
            return Ok(jpeg);
        }
        let original = self.blobs.get(row.content_hash).await?;
        let original = original.ok_or_else(|| CatalogError::LostOriginal(id.to_string()))?;
        let jpeg = self.shrink(original, row.region).await?;
        self.thumbnails.put(id, jpeg.clone()).await?;
        Ok(jpeg)
    }

    /// A photo that is not enrolled, small, as a JPEG.
    pub async fn shrink_photo(&self, photo: Vec<u8>) -> Result<Vec<u8>, CatalogError> {
        self.shrink(photo, None).await
    }

    async fn shrink(&self, original: Vec<u8>, region: Option<Region>) -> Result<Vec<u8>, CatalogError> {
        let embedder = Arc::clone(&self.active.current().embedder);
        let permit = embedder.admit(Priority::Background).await.map_err(|_| CatalogError::Busy)?;
        let photo = embedder.decode(&permit, original).await.map_err(decoding_failure)?.photo;
        let shrink = move || shrink(&photo, region);
        let (jpeg, _queue) = embedder.run_on_decode_threads(&permit, shrink).await.map_err(decoding_failure)?;
        jpeg.map_err(CatalogError::Embedder)
    }
}

fn decoding_failure(error: EmbedError) -> CatalogError {
    match error {
        EmbedError::Busy => CatalogError::Busy,
        EmbedError::Decode(_)
        | EmbedError::NotFinite { .. }
        | EmbedError::ZeroNorm
        | EmbedError::Failed(_)
        | EmbedError::Stopped => CatalogError::Embedder(error.to_string()),
    }
}

/// The part of `photo` that shows the product, so that its longer side has [`SIDE`] pixels, or fewer if it has no more.
fn shrink(photo: &Photo, region: Option<Region>) -> Result<Vec<u8>, String> {
    let part = photo.pixels_of(region.unwrap_or_else(|| photo.whole_region()));
    let longer = part.width.max(part.height);
    let scaled = |side: u32| if longer > SIDE { (side * SIDE).div_ceil(longer) } else { side };
    let (width, height) = (scaled(part.width), scaled(part.height));
    let source = ImageRef::new(photo.width(), photo.height(), photo.rgb(), PixelType::U8x3);
    let source = source.map_err(|error| error.to_string())?;
    let mut small = Image::new(width, height, PixelType::U8x3);
    let [x, y, w, h] = [part.x, part.y, part.width, part.height].map(f64::from);
    let options = ResizeOptions::new().use_alpha(false).crop(x, y, w, h);
    Resizer::new().resize(&source, &mut small, &options).map_err(|error| error.to_string())?;
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    encoder.encode(small.buffer(), width, height, ExtendedColorType::Rgb8).map_err(|error| error.to_string())?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_shows_the_products_part_of_the_photo() {
        // Red on the left, blue on the right.
        let pixel = |x: u32| if x < 600 { [200, 0, 0] } else { [0, 0, 200] };
        let rgb = (0..400).flat_map(|_| (0..1_000).flat_map(pixel)).collect();
        let photo = Photo::new(1_000, 400, rgb).unwrap();
        let whole = image::load_from_memory(&shrink(&photo, None).unwrap()).unwrap().to_rgb8();
        assert_eq!(whole.dimensions(), (176, 71));
        let right = Region { x: 700, y: 100, width: 150, height: 300 };
        let part = image::load_from_memory(&shrink(&photo, Some(right)).unwrap()).unwrap().to_rgb8();
        assert_eq!(part.dimensions(), (88, 176));
        assert!(part.pixels().all(|pixel| pixel.0[2] > 150 && pixel.0[0] < 60));
        let tiny = Photo::new(3, 2, vec![9; 18]).unwrap();
        assert_eq!(image::load_from_memory(&shrink(&tiny, None).unwrap()).unwrap().to_rgb8().dimensions(), (3, 2));
    }
}
