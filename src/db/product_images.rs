//! Enrolled photos and what the models made of them.
//!
//! A photo's pixels are a blob (see [`blobs`](super::blobs)); here is what is known about it. An embedding belongs to one
//! photo and one model, and goes with the photo.

use super::blobs::ContentHash;
use super::{DatabaseError, Reader, Tx, on};
use crate::domain::{ImageId, ProductId, Timestamp};

/// How many identifiers one statement of [`vectors`] takes.
const IDS_PER_QUERY: usize = 8;

/// One enrolled photo.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ImageRow {
    /// Its identifier.
    pub id: ImageId,
    /// The product it shows.
    pub product_id: ProductId,
    /// Names its blob.
    pub content_hash: ContentHash,
    /// `image/jpeg`, `image/png` or `image/webp`, found in its first bytes.
    pub media_type: String,
    /// Pixels from side to side, as its header says.
    pub width: i64,
    /// Pixels from top to bottom, as its header says.
    pub height: i64,
    /// Size of the file.
    pub bytes: i64,
    /// When it was enrolled.
    pub created_at: Timestamp,
}

/// A photo and its vector under one model, if that model has seen it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct VectorRow {
    /// The photo.
    pub image_id: ImageId,
    /// The product it shows.
    pub product_id: ProductId,
    /// Names its blob.
    pub content_hash: ContentHash,
    /// Little-endian f32 values.
    pub vector: Option<Vec<u8>>,
}

/// A photo that is enrolled under another product already.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ImageOwnerRow {
    /// That product.
    pub product_id: ProductId,
    /// What people call it.
    pub name: String,
}

/// Adds a photo. Fails with `product_images_product_id_content_hash` taken where the product has this content already.
pub async fn insert(tx: &mut Tx, row: &ImageRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO product_images \
        (id, product_id, content_hash, media_type, width, height, bytes, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    on!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.product_id)
        .bind(row.content_hash)
        .bind(&row.media_type)
        .bind(row.width)
        .bind(row.height)
        .bind(row.bytes)
        .bind(row.created_at)
        .execute(c))?;
    Ok(())
}

/// Keeps what `model` made of a photo, in place of what it made before: the model is deterministic, so that differs only
/// where the row was damaged.
pub async fn insert_vector(tx: &mut Tx, image: ImageId, model: &str, vector: &[u8]) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO embeddings (image_id, model, vector) VALUES ($1, $2, $3) \
                          ON CONFLICT (image_id, model) DO UPDATE SET vector = excluded.vector";
    on!(tx, c => sqlx::query(INSERT).bind(image).bind(model).bind(vector).execute(c))?;
    Ok(())
}

/// The columns of an [`ImageRow`], written once.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, product_id, content_hash, media_type, width, height, bytes, created_at FROM product_images WHERE ",
            $rest
        )
    };
}

/// All photos of a product, oldest first; a product has a bounded number of them.
pub async fn of_product(reader: &mut Reader, product: ProductId) -> Result<Vec<ImageRow>, DatabaseError> {
    const SELECT: &str = select!("product_id = $1 ORDER BY id");
    on!(reader, c => sqlx::query_as(SELECT).bind(product).fetch_all(c))
}

/// One photo of a product.
pub async fn find(reader: &mut Reader, product: ProductId, id: ImageId) -> Result<Option<ImageRow>, DatabaseError> {
    const SELECT: &str = select!("product_id = $1 AND id = $2");
    on!(reader, c => sqlx::query_as(SELECT).bind(product).bind(id).fetch_optional(c))
}

/// Deletes a photo and its embeddings; its blob stays.
pub async fn delete(tx: &mut Tx, product: ProductId, id: ImageId) -> Result<bool, DatabaseError> {
    const DELETE: &str = "DELETE FROM product_images WHERE product_id = $1 AND id = $2";
    Ok(on!(tx, c => sqlx::query(DELETE).bind(product).bind(id).execute(c))? == 1)
}

/// Another product of the catalog that has a photo of this very content.
pub async fn holder(
    reader: &mut Reader,
    content: ContentHash,
    but: ProductId,
) -> Result<Option<ImageOwnerRow>, DatabaseError> {
    const SELECT: &str = "SELECT i.product_id, p.name FROM product_images i JOIN products p ON p.id = i.product_id \
                          WHERE i.content_hash = $1 AND i.product_id <> $2 AND p.removed_at IS NULL \
                          ORDER BY i.id LIMIT 1";
    on!(reader, c => sqlx::query_as(SELECT).bind(content).bind(but).fetch_optional(c))
}

/// Vectors of these photos under `model`. Photos that no longer exist are left out; those that the model has not seen
/// come without a vector.
pub async fn vectors(reader: &mut Reader, model: &str, images: &[ImageId]) -> Result<Vec<VectorRow>, DatabaseError> {
    const SELECT: &str = "SELECT i.id AS image_id, i.product_id, i.content_hash, e.vector FROM product_images i \
                          LEFT JOIN embeddings e ON e.image_id = i.id AND e.model = $1 \
                          WHERE i.id IN ($2, $3, $4, $5, $6, $7, $8, $9)";
    let mut rows = Vec::with_capacity(images.len());
    for chunk in images.chunks(IDS_PER_QUERY) {
        // Both databases take one text with a fixed number of places; places to spare repeat the first id.
        let id = |place: usize| chunk.get(place).unwrap_or(&chunk[0]);
        let some: Vec<VectorRow> = on!(reader, c => sqlx::query_as(SELECT)
            .bind(model)
            .bind(id(0)).bind(id(1)).bind(id(2)).bind(id(3)).bind(id(4)).bind(id(5)).bind(id(6)).bind(id(7))
            .fetch_all(c))?;
        rows.extend(some);
    }
    Ok(rows)
}

/// Those of these photos whose product is on sale, as [`on_sale`] gives them.
pub async fn on_sale_among(
    reader: &mut Reader,
    model: &str,
    images: &[ImageId],
) -> Result<Vec<VectorRow>, DatabaseError> {
    const SELECT: &str = "SELECT i.id AS image_id, i.product_id, i.content_hash, e.vector FROM product_images i \
                          JOIN products p ON p.id = i.product_id \
                          LEFT JOIN embeddings e ON e.image_id = i.id AND e.model = $1 \
                          WHERE i.id IN ($2, $3, $4, $5, $6, $7, $8, $9) AND p.active AND p.removed_at IS NULL";
    let mut rows = Vec::with_capacity(images.len());
    for chunk in images.chunks(IDS_PER_QUERY) {
        let id = |place: usize| chunk.get(place).unwrap_or(&chunk[0]);
        let some: Vec<VectorRow> = on!(reader, c => sqlx::query_as(SELECT)
            .bind(model)
            .bind(id(0)).bind(id(1)).bind(id(2)).bind(id(3)).bind(id(4)).bind(id(5)).bind(id(6)).bind(id(7))
            .fetch_all(c))?;
        rows.extend(some);
    }
    Ok(rows)
}

/// The photos of [`on_sale`] without what is known of them, in the order of their ids, after `after`.
pub async fn ids_on_sale(reader: &mut Reader, after: ImageId, limit: i64) -> Result<Vec<ImageId>, DatabaseError> {
    const SELECT: &str = "SELECT i.id FROM product_images i JOIN products p ON p.id = i.product_id \
                          WHERE i.id > $1 AND p.active AND p.removed_at IS NULL ORDER BY i.id LIMIT $2";
    let found: Vec<(ImageId,)> = on!(reader, c => sqlx::query_as(SELECT).bind(after).bind(limit).fetch_all(c))?;
    Ok(found.into_iter().map(|(image,)| image).collect())
}

/// The next `limit` photos after `after`, on sale or not, that `model` has seen.
pub async fn seen_by(
    reader: &mut Reader,
    model: &str,
    after: ImageId,
    limit: i64,
) -> Result<Vec<ImageId>, DatabaseError> {
    const SELECT: &str =
        "SELECT image_id FROM embeddings WHERE model = $1 AND image_id > $2 ORDER BY image_id LIMIT $3";
    let found: Vec<(ImageId,)> =
        on!(reader, c => sqlx::query_as(SELECT).bind(model).bind(after).bind(limit).fetch_all(c))?;
    Ok(found.into_iter().map(|(image,)| image).collect())
}

/// Deletes what `model` made of the photos after `after` up to `last`; gives how many there were.
pub async fn forget_vectors(tx: &mut Tx, model: &str, after: ImageId, last: ImageId) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM embeddings WHERE model = $1 AND image_id > $2 AND image_id <= $3";
    on!(tx, c => sqlx::query(DELETE).bind(model).bind(after).bind(last).execute(c))
}

/// How many photos [`on_sale`] gives in all.
pub async fn count_on_sale(reader: &mut Reader) -> Result<i64, DatabaseError> {
    const SELECT: &str = "SELECT COUNT(*) FROM product_images i JOIN products p ON p.id = i.product_id \
                          WHERE p.active AND p.removed_at IS NULL";
    on!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).fetch_one(c))
}

/// Products that [`on_sale`] has photos of.
pub async fn count_products_on_sale(reader: &mut Reader) -> Result<i64, DatabaseError> {
    const SELECT: &str = "SELECT COUNT(DISTINCT i.product_id) FROM product_images i \
                          JOIN products p ON p.id = i.product_id WHERE p.active AND p.removed_at IS NULL";
    on!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).fetch_one(c))
}

/// How many of the photos of [`on_sale`] each model has seen, by the models' keys.
pub async fn count_on_sale_by_model(reader: &mut Reader) -> Result<Vec<(String, i64)>, DatabaseError> {
    const SELECT: &str = "SELECT e.model, COUNT(*) FROM embeddings e JOIN product_images i ON i.id = e.image_id \
                          JOIN products p ON p.id = i.product_id WHERE p.active AND p.removed_at IS NULL GROUP BY e.model";
    let mut counts: Vec<(String, i64)> = on!(reader, c => sqlx::query_as(SELECT).fetch_all(c))?;
    // Not by the database: the two sort texts differently.
    counts.sort();
    Ok(counts)
}

/// Photos whose product is on sale, in the order of their ids, after `after`; those that `model` has not seen come without
/// a vector.
pub async fn on_sale(
    reader: &mut Reader,
    model: &str,
    after: ImageId,
    limit: i64,
) -> Result<Vec<VectorRow>, DatabaseError> {
    const SELECT: &str = "SELECT i.id AS image_id, i.product_id, i.content_hash, e.vector FROM product_images i \
                          JOIN products p ON p.id = i.product_id \
                          LEFT JOIN embeddings e ON e.image_id = i.id AND e.model = $1 \
                          WHERE i.id > $2 AND p.active AND p.removed_at IS NULL ORDER BY i.id LIMIT $3";
    on!(reader, c => sqlx::query_as(SELECT).bind(model).bind(after).bind(limit).fetch_all(c))
}

/// How many photos on sale `model` has not seen.
pub async fn count_unseen(reader: &mut Reader, model: &str) -> Result<i64, DatabaseError> {
    const SELECT: &str = "SELECT COUNT(*) FROM product_images i JOIN products p ON p.id = i.product_id \
                          WHERE p.active AND p.removed_at IS NULL AND NOT EXISTS \
                          (SELECT 1 FROM embeddings e WHERE e.image_id = i.id AND e.model = $1)";
    on!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).bind(model).fetch_one(c))
}

/// Photos on sale that `model` has not seen, in the order of their ids, after `after`.
pub async fn unseen(
    reader: &mut Reader,
    model: &str,
    after: ImageId,
    limit: i64,
) -> Result<Vec<VectorRow>, DatabaseError> {
    const SELECT: &str = "SELECT i.id AS image_id, i.product_id, i.content_hash, e.vector FROM product_images i \
                          JOIN products p ON p.id = i.product_id \
                          LEFT JOIN embeddings e ON e.image_id = i.id AND e.model = $1 \
                          WHERE i.id > $2 AND p.active AND p.removed_at IS NULL AND e.image_id IS NULL \
                          ORDER BY i.id LIMIT $3";
    on!(reader, c => sqlx::query_as(SELECT).bind(model).bind(after).bind(limit).fetch_all(c))
}
