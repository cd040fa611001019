//! Products that look alike, and whether photos are enough, as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{ImageId, ProductId, Timestamp};
use crate::look_alikes::Neighbour;

/// Another product that a photo looks like.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LookAlikeView {
    /// The other product.
    pub product_id: ProductId,
    pub product_name: String,
    /// The photo of this product.
    pub image_id: ImageId,
    /// The photo of the other product that is nearest to it.
    pub other_image_id: ImageId,
    /// Cosine of the two photos, −1 to 1.
    #[schema(examples(0.87))]
    pub score: f32,
    /// Probability that the till takes the photo for the other product, 0 to 1, with this product's other photos enrolled; `null`
    /// while the catalogue is too small to learn from.
    #[schema(examples(0.93))]
    pub confidence: Option<f32>,
    #[schema(examples("\"Oat milk\" may be mistaken for \"Soy milk\" (93 %)"))]
    pub message: String,
}

impl LookAlikeView {
    /// `product` and `other` are the names of the two products.
    pub(super) fn new(product: &str, other: &str, image: ImageId, neighbour: Neighbour, is_mistaken: bool) -> Self {
        let Neighbour { score, confidence, .. } = neighbour;
        let message = match (is_mistaken, confidence) {
            (true, Some(confidence)) => {
                format!("\"{product}\" may be mistaken for \"{other}\" ({:.0} %)", 100.0 * confidence)
            }
            (true, None) => format!("\"{product}\" looks like \"{other}\": the two have a score of {score:.2}"),
            (false, _) => format!("\"{other}\" looks most like it, but the till can tell them apart"),
        };
        Self {
            product_id: neighbour.product,
            product_name: other.to_owned(),
            image_id: image,
            other_image_id: neighbour.image,
            score,
            confidence,
            message,
        }
    }
}

/// Whether a product's photos are enough. Each is left out in turn: is it recognised by the product's other photos?
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PhotoCheckView {
    /// Photos of the product that are searched.
    #[schema(examples(5))]
    pub photos: i64,
    /// Photos that were left out in turn: at most 64, and none that the product has twice in another size.
    #[schema(examples(5))]
    pub checked: i64,
    /// Photos that were recognised by the others.
    #[schema(examples(3))]
    pub recognized: i64,
    /// Photos that were not.
    pub unrecognized: Vec<ImageId>,
    /// The other product that a photo is most likely taken for; `null` if the catalogue has no other product with photos.
    pub worst_neighbour: Option<LookAlikeView>,
    /// Whether more photos would hardly help: five or more were checked, and four of five were recognised.
    pub enough: bool,
    /// What to do.
    #[schema(examples(
        "3 of 5 photos are recognised by the product's other photos. Add photos of the sides that only one photo shows."
    ))]
    pub advice: String,
}

/// Two products that look alike.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LookAlikePairView {
    /// The product whose photo is mistaken.
    pub product_id: ProductId,
    pub product_name: String,
    /// That photo.
    pub image_id: ImageId,
    /// The product that it is mistaken for.
    pub other_product_id: ProductId,
    pub other_product_name: String,
    /// The photo of that product that is nearest to it.
    pub other_image_id: ImageId,
    /// Cosine of the two photos, −1 to 1.
    pub score: f32,
    /// Probability that the till takes the photo for the other product; `null` while none is learned.
    pub confidence: Option<f32>,
}

/// A product whose photos are not enough.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProductCheckView {
    pub product_id: ProductId,
    pub product_name: String,
    pub photos: usize,
    /// Photos that were left out in turn.
    pub checked: usize,
    /// Photos that were recognised by the others.
    pub recognized: usize,
}

/// A page of the report on products that look alike.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LookAlikePage {
    /// Pairs of products, strongest first.
    pub data: Vec<LookAlikePairView>,
    /// Pass it as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
    /// The catalog change that the report is made of. One of 100 000 photos takes half a minute, and the one before is shown
    /// meanwhile.
    pub index_revision: i64,
    pub made_at: Timestamp,
    /// Photos on sale.
    pub photos: usize,
    /// Photos that were left out in turn: at most 8 of each product, 20 000 in all.
    pub photos_checked: usize,
}
