//! Enrolled photos and their embeddings.
//!
//! A photo's file is a blob (see [`blobs`](super::blobs)). An embedding belongs to one photo and one model, and is deleted with
//! the photo.

use sqlx::types::Json;

use super::blobs::ContentHash;
use super::{DatabaseError, Reader, Tx, run_query};
use crate::domain::{ImageId, ProductId, Region, Timestamp};

/// Ids in one statement.
const IDS_PER_QUERY: usize = 8;

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ImageRow {
    pub id: ImageId,
    pub product_id: ProductId,
    /// Names the file of the photo.
    pub content_hash: ContentHash,
    /// `image/jpeg`, `image/png` or `image/webp`, found in its first bytes.
    pub media_type: String,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    pub bytes: i64,
    /// Where the product is; photos enrolled by releases that embedded whole photos have none.
    #[sqlx(json(nullable))]
    pub region: Option<Region>,
    pub created_at: Timestamp,
}

/// A photo and its embedding by one model.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ImageEmbeddingRow {
    pub image_id: ImageId,
    pub product_id: ProductId,
    /// Names the file of the photo.
    pub content_hash: ContentHash,
    /// Where the product is, if that was stored.
    #[sqlx(json(nullable))]
    pub region: Option<Region>,
    /// Little-endian f32 values.
    pub vector: Option<Vec<u8>>,
}

/// The product that a photo is enrolled under.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ImageOwnerRow {
    pub product_id: ProductId,
    pub name: String,
    /// Where the product is, if that was stored.
    #[sqlx(json(nullable))]
    pub region: Option<Region>,
}

/// Fails with `product_images_product_id_content_hash` taken if the product has this content already.
pub async fn insert(tx: &mut Tx, row: &ImageRow) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO product_images \
        (id, product_id, content_hash, media_type, width, height, bytes, region, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    run_query!(tx, c => sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.product_id)
        .bind(row.content_hash)
        .bind(&row.media_type)
        .bind(row.width)
        .bind(row.height)
        .bind(row.bytes)
        .bind(row.region.map(Json))
        .bind(row.created_at)
        .execute(c))?;
    Ok(())
}

/// Stores the embedding of a photo. The model is deterministic, so the stored one differs only if it is damaged; then it
/// is replaced.
pub async fn upsert_embedding(tx: &mut Tx, image: ImageId, model: &str, vector: &[u8]) -> Result<(), DatabaseError> {
    const INSERT: &str = "INSERT INTO embeddings (image_id, model, vector) VALUES ($1, $2, $3) \
                          ON CONFLICT (image_id, model) DO UPDATE SET vector = excluded.vector";
    run_query!(tx, c => sqlx::query(INSERT).bind(image).bind(model).bind(vector).execute(c))?;
    Ok(())
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, product_id, content_hash, media_type, width, height, bytes, region, created_at FROM product_images WHERE ",
            $rest
        )
    };
}

/// Oldest first; a product has a bounded number of photos.
pub async fn list_by_product(reader: &mut Reader, product: ProductId) -> Result<Vec<ImageRow>, DatabaseError> {
    const SELECT: &str = select!("product_id = $1 ORDER BY id");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(product).fetch_all(c))
}

/// The contents that rows name, each once.
pub async fn list_content_hashes(reader: &mut Reader) -> Result<Vec<ContentHash>, DatabaseError> {
    const SELECT: &str = "SELECT DISTINCT content_hash FROM product_images";
    let rows: Vec<(Vec<u8>,)> = run_query!(reader, c => sqlx::query_as(SELECT).fetch_all(c))?;
    rows.into_iter().map(|(hash,)| hash.try_into().map_err(DatabaseError::Unexpected)).collect()
}

pub async fn find(reader: &mut Reader, product: ProductId, id: ImageId) -> Result<Option<ImageRow>, DatabaseError> {
    const SELECT: &str = select!("product_id = $1 AND id = $2");
    run_query!(reader, c => sqlx::query_as(SELECT).bind(product).bind(id).fetch_optional(c))
}

/// Deletes a photo and its embeddings; its file stays.
/// Whether a photo of any product has this content.
pub async fn exists_with_content(reader: &mut Reader, hash: ContentHash) -> Result<bool, DatabaseError> {
    const SELECT: &str = "SELECT COUNT(*) FROM (SELECT id FROM product_images WHERE content_hash = $1 LIMIT 1) i";
    let count: i64 = run_query!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).bind(hash).fetch_one(c))?;
    Ok(count > 0)
}

pub async fn delete(tx: &mut Tx, product: ProductId, id: ImageId) -> Result<bool, DatabaseError> {
    const DELETE: &str = "DELETE FROM product_images WHERE product_id = $1 AND id = $2";
    Ok(run_query!(tx, c => sqlx::query(DELETE).bind(product).bind(id).execute(c))? == 1)
}

/// Enrols a photo under another product, with its embeddings.
pub async fn set_product(tx: &mut Tx, id: ImageId, product: ProductId) -> Result<(), DatabaseError> {
    const UPDATE: &str = "UPDATE product_images SET product_id = $2 WHERE id = $1";
    run_query!(tx, c => sqlx::query(UPDATE).bind(id).bind(product).execute(c))?;
    Ok(())
}

/// The other products that have a photo with this content.
pub async fn list_other_owners(
    reader: &mut Reader,
    content: ContentHash,
    but: ProductId,
) -> Result<Vec<ImageOwnerRow>, DatabaseError> {
    const SELECT: &str = "SELECT i.product_id, p.name, i.region FROM product_images i JOIN products p ON p.id = i.product_id \
                          WHERE i.content_hash = $1 AND i.product_id <> $2 AND p.removed_at IS NULL \
                          ORDER BY i.id";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(content).bind(but).fetch_all(c))
}

/// Embeddings of these photos by `model`. Photos that no longer exist are missing; photos without an embedding have no
/// vector.
pub async fn list_embeddings(
    reader: &mut Reader,
    model: &str,
    images: &[ImageId],
) -> Result<Vec<ImageEmbeddingRow>, DatabaseError> {
    const SELECT: &str = "SELECT i.id AS image_id, i.product_id, i.content_hash, i.region, e.vector FROM product_images i \
                          LEFT JOIN embeddings e ON e.image_id = i.id AND e.model = $1 \
                          WHERE i.id IN ($2, $3, $4, $5, $6, $7, $8, $9)";
    let mut rows = Vec::with_capacity(images.len());
    for chunk in images.chunks(IDS_PER_QUERY) {
        // One text for both databases has a fixed number of parameters; spare ones repeat the first id.
        let id = |index: usize| chunk.get(index).unwrap_or(&chunk[0]);
        let found: Vec<ImageEmbeddingRow> = run_query!(reader, c => sqlx::query_as(SELECT)
            .bind(model)
            .bind(id(0)).bind(id(1)).bind(id(2)).bind(id(3)).bind(id(4)).bind(id(5)).bind(id(6)).bind(id(7))
            .fetch_all(c))?;
        rows.extend(found);
    }
    Ok(rows)
}

/// Like [`list_on_sale`], only these photos.
pub async fn list_on_sale_by_id(
    reader: &mut Reader,
    model: &str,
    images: &[ImageId],
) -> Result<Vec<ImageEmbeddingRow>, DatabaseError> {
    const SELECT: &str = "SELECT i.id AS image_id, i.product_id, i.content_hash, i.region, e.vector FROM product_images i \
                          JOIN products p ON p.id = i.product_id \
                          LEFT JOIN embeddings e ON e.image_id = i.id AND e.model = $1 \
                          WHERE i.id IN ($2, $3, $4, $5, $6, $7, $8, $9) AND p.active AND p.removed_at IS NULL";
    let mut rows = Vec::with_capacity(images.len());
    for chunk in images.chunks(IDS_PER_QUERY) {
        let id = |index: usize| chunk.get(index).unwrap_or(&chunk[0]);
        let found: Vec<ImageEmbeddingRow> = run_query!(reader, c => sqlx::query_as(SELECT)
            .bind(model)
            .bind(id(0)).bind(id(1)).bind(id(2)).bind(id(3)).bind(id(4)).bind(id(5)).bind(id(6)).bind(id(7))
            .fetch_all(c))?;
        rows.extend(found);
    }
    Ok(rows)
}

/// Ids of the photos on sale after `after`, in order.
pub async fn list_ids_on_sale(reader: &mut Reader, after: ImageId, limit: i64) -> Result<Vec<ImageId>, DatabaseError> {
    const SELECT: &str = "SELECT i.id FROM product_images i JOIN products p ON p.id = i.product_id \
                          WHERE i.id > $1 AND p.active AND p.removed_at IS NULL ORDER BY i.id LIMIT $2";
    let found: Vec<(ImageId,)> = run_query!(reader, c => sqlx::query_as(SELECT).bind(after).bind(limit).fetch_all(c))?;
    Ok(found.into_iter().map(|(image,)| image).collect())
}

/// Photos after `after` with an embedding by `model`, on sale or not, in order.
pub async fn list_ids_with_embedding(
    reader: &mut Reader,
    model: &str,
    after: ImageId,
    limit: i64,
) -> Result<Vec<ImageId>, DatabaseError> {
    const SELECT: &str =
        "SELECT image_id FROM embeddings WHERE model = $1 AND image_id > $2 ORDER BY image_id LIMIT $3";
    let found: Vec<(ImageId,)> =
        run_query!(reader, c => sqlx::query_as(SELECT).bind(model).bind(after).bind(limit).fetch_all(c))?;
    Ok(found.into_iter().map(|(image,)| image).collect())
}

/// Deletes the embeddings by `model` of the photos after `after` up to `last`; returns their number.
pub async fn delete_embeddings(tx: &mut Tx, model: &str, after: ImageId, last: ImageId) -> Result<u64, DatabaseError> {
    const DELETE: &str = "DELETE FROM embeddings WHERE model = $1 AND image_id > $2 AND image_id <= $3";
    run_query!(tx, c => sqlx::query(DELETE).bind(model).bind(after).bind(last).execute(c))
}

/// Photos on sale.
pub async fn count_on_sale(reader: &mut Reader) -> Result<i64, DatabaseError> {
    const SELECT: &str = "SELECT COUNT(*) FROM product_images i JOIN products p ON p.id = i.product_id \
                          WHERE p.active AND p.removed_at IS NULL";
    run_query!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).fetch_one(c))
}

/// Products on sale with photos.
pub async fn count_products_on_sale(reader: &mut Reader) -> Result<i64, DatabaseError> {
    const SELECT: &str = "SELECT COUNT(DISTINCT i.product_id) FROM product_images i \
                          JOIN products p ON p.id = i.product_id WHERE p.active AND p.removed_at IS NULL";
    run_query!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).fetch_one(c))
}

/// How many photos on sale each model has embedded, ordered by model key.
pub async fn count_on_sale_by_model(reader: &mut Reader) -> Result<Vec<(String, i64)>, DatabaseError> {
    const SELECT: &str = "SELECT e.model, COUNT(*) FROM embeddings e JOIN product_images i ON i.id = e.image_id \
                          JOIN products p ON p.id = i.product_id WHERE p.active AND p.removed_at IS NULL GROUP BY e.model";
    let mut counts: Vec<(String, i64)> = run_query!(reader, c => sqlx::query_as(SELECT).fetch_all(c))?;
    // Sorted here, because the two databases sort texts differently.
    counts.sort();
    Ok(counts)
}

/// Photos on sale after `after`, ordered by id; photos without an embedding by `model` have no vector.
pub async fn list_on_sale(
    reader: &mut Reader,
    model: &str,
    after: ImageId,
    limit: i64,
) -> Result<Vec<ImageEmbeddingRow>, DatabaseError> {
    const SELECT: &str = "SELECT i.id AS image_id, i.product_id, i.content_hash, i.region, e.vector FROM product_images i \
                          JOIN products p ON p.id = i.product_id \
                          LEFT JOIN embeddings e ON e.image_id = i.id AND e.model = $1 \
                          WHERE i.id > $2 AND p.active AND p.removed_at IS NULL ORDER BY i.id LIMIT $3";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(model).bind(after).bind(limit).fetch_all(c))
}

/// Photos on sale without an embedding by `model`.
pub async fn count_without_embedding(reader: &mut Reader, model: &str) -> Result<i64, DatabaseError> {
    const SELECT: &str = "SELECT COUNT(*) FROM product_images i JOIN products p ON p.id = i.product_id \
                          WHERE p.active AND p.removed_at IS NULL AND NOT EXISTS \
                          (SELECT 1 FROM embeddings e WHERE e.image_id = i.id AND e.model = $1)";
    run_query!(reader, c => sqlx::query_as::<_, (i64,)>(SELECT).bind(model).fetch_one(c))
}

/// Photos on sale without an embedding by `model`, after `after`, ordered by id.
pub async fn list_without_embedding(
    reader: &mut Reader,
    model: &str,
    after: ImageId,
    limit: i64,
) -> Result<Vec<ImageEmbeddingRow>, DatabaseError> {
    const SELECT: &str = "SELECT i.id AS image_id, i.product_id, i.content_hash, i.region, e.vector FROM product_images i \
                          JOIN products p ON p.id = i.product_id \
                          LEFT JOIN embeddings e ON e.image_id = i.id AND e.model = $1 \
                          WHERE i.id > $2 AND p.active AND p.removed_at IS NULL AND e.image_id IS NULL \
                          ORDER BY i.id LIMIT $3";
    run_query!(reader, c => sqlx::query_as(SELECT).bind(model).bind(after).bind(limit).fetch_all(c))
}
