//! Products and photos as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::look_alike_views::{LookAlikeView, PhotoCheckView};
use super::photo_warning::PhotoWarning;
use crate::db::product_images::ImageRow;
use crate::db::products::{ArticleRow, ProductRow};
use crate::domain::{Currency, ImageId, ProductId, Region, Timestamp, text_enum};
use crate::product_photos::EnrolledRegionSource;

/// Photos of a product from different sides; more make little difference (docs/how-to/photograph-products.md).
const IMAGES_ADVISED: i64 = 5;

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProductView {
    pub id: ProductId,
    #[schema(examples("Oat milk 1 l"))]
    pub name: String,
    /// The shop's own number for it.
    pub sku: Option<String>,
    /// What a scanner reads on it, as it was entered.
    pub barcode: Option<String>,
    /// A few words about it.
    pub description: Option<String>,
    /// Minor units of `currency`; `null` while it has no price and cannot be sold.
    #[schema(examples(199))]
    pub price: Option<i64>,
    pub currency: Option<Currency>,
    /// Tax in basis points: 1900 is 19 %.
    #[schema(examples(1900))]
    pub tax_rate_bp: i64,
    /// Whether it is on sale; recognition does not find what is not.
    pub active: bool,
    /// How many photos of it are enrolled; without one it can only be scanned or chosen by hand.
    pub images_count: i64,
    /// How many more photos are advisable: five tell most products apart.
    pub images_advised: i64,
    /// The oldest photo; `null` without one.
    pub image_id: Option<ImageId>,
    /// When recognition last matched it, to half a minute; `null` if it never did.
    pub last_seen_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl From<ProductRow> for ProductView {
    fn from(row: ProductRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            sku: row.sku,
            barcode: row.barcode,
            description: row.description,
            price: row.amount,
            currency: row.currency,
            tax_rate_bp: row.tax_rate,
            active: row.active,
            images_count: row.images_count,
            images_advised: (IMAGES_ADVISED - row.images_count).max(0),
            image_id: row.image_id,
            last_seen_at: row.last_seen_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A product of the same article.
#[derive(Debug, Clone, PartialEq)]
pub struct ArticleView {
    pub id: ProductId,
    pub name: String,
    pub barcode: String,
}

impl From<ArticleRow> for ArticleView {
    fn from(row: ArticleRow) -> Self {
        Self { id: row.id, name: row.name, barcode: row.barcode }
    }
}

/// An enrolled photo of a product.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ImageView {
    pub id: ImageId,
    pub product_id: ProductId,
    /// Format, as found in its first bytes.
    #[schema(examples("image/jpeg"))]
    pub media_type: String,
    /// Pixels from side to side, before any rotation that the file asks for.
    pub width: i64,
    /// Pixels from top to bottom, before any rotation that the file asks for.
    pub height: i64,
    /// Size of the file.
    pub bytes: i64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Where the product is, in pixels of the upright photo; `null` if the photo was enrolled by a release that took whole
    /// photos.
    pub region: Option<Region>,
    pub created_at: Timestamp,
}

impl From<ImageRow> for ImageView {
    fn from(row: ImageRow) -> Self {
        Self {
            id: row.id,
            product_id: row.product_id,
            media_type: row.media_type,
            width: row.width,
            height: row.height,
            bytes: row.bytes,
            sha256: row.content_hash.to_string(),
            region: row.region,
            created_at: row.created_at,
        }
    }
}

/// The part of an enrolled photo that its product is recognised by.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EnrolledRegion {
    pub image_id: ImageId,
    /// In pixels of the upright photo.
    pub region: Region,
    pub source: EnrolledRegionSource,
}

text_enum! {
    /// What became of the photos of an upload.
    EnrolmentStatus, "the status of an enrolment":
    /// At least one of them is new, or the product is.
    Added = "added",
    /// Every photo was enrolled for this product before.
    Unchanged = "unchanged",
}

/// What an upload did. By the time a client reads it, the product is found by its photos.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EnrolmentView {
    pub status: EnrolmentStatus,
    pub id: ProductId,
    pub product_name: String,
    /// How many photos of it are enrolled now.
    pub images_count: i64,
    /// The photos that were added, in the order sent.
    pub images: Vec<ImageId>,
    /// What was cut out of each of them, in the same order.
    pub regions: Vec<EnrolledRegion>,
    /// What makes the product hard to recognise by these photos.
    pub warnings: Vec<PhotoWarning>,
    /// Products that the new photos may be mistaken for, the likeliest first; then products that may be mistaken for this one
    /// since it has the new photos. At most five.
    pub look_alikes: Vec<LookAlikeView>,
    /// Whether the product's photos are enough; `null` for a product off sale, or if the index did not answer in time.
    pub photo_check: Option<PhotoCheckView>,
    /// Photos that were skipped because the product has them already, or because they were sent twice.
    pub duplicates_skipped: usize,
    /// How many products the catalog has.
    pub total_products: i64,
    /// How many embeddings are searched.
    pub total_embeddings: usize,
    /// The number of the last catalog change that the index has applied.
    pub index_revision: i64,
}
