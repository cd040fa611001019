//! The export: the products on sale with their photos as an import takes them, and their embeddings, as one ZIP.
//!
//! The ZIP is made one photo at a time while somebody takes it, so it needs neither a file nor the memory for a catalogue.
//! Embeddings are those of the model in use, as a NumPy array with a table that says which row belongs to which photo: for
//! programs of others; the import computes its own. No cell of the tables is a formula to a spreadsheet.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use zip::ZipWriter;
use zip::write::{SimpleFileOptions, StreamWriter};

use super::Catalog;
use crate::db::blobs::{BlobError, Blobs};
use crate::db::product_images::{self, ImageEmbeddingRow, ImageRow};
use crate::db::products::{self, ProductFilter, ProductRow};
use crate::db::{Database, DatabaseError};
use crate::domain::{PageRequest, write_cell};

const PAGE: i64 = 500;

/// Why an export breaks off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("product \"{product}\": {cause}")]
    Photo { product: String, cause: BlobError },
    #[error("product \"{product}\": the original of {path} is lost")]
    LostPhoto { product: String, path: String },
    #[error("the ZIP cannot be written: {0}")]
    Zip(#[from] io::Error),
}

/// A ZIP that is made while it is taken.
pub struct CatalogExport {
    db: Database,
    blobs: Blobs,
    model: String,
    buffer: SharedBuffer,
    /// `None` once it is complete.
    zip: Option<ZipWriter<StreamWriter<SharedBuffer>>>,
    page: PageRequest,
    products: VecDeque<ProductRow>,
    current: Option<OpenProduct>,
    table: Vec<[String; 8]>,
    /// Photo and product of each row of `vectors`.
    labels: Vec<[String; 3]>,
    vectors: Vec<Vec<u8>>,
}

/// The product whose photos are being added.
struct OpenProduct {
    row: ProductRow,
    images: VecDeque<ImageRow>,
    embeddings: Vec<ImageEmbeddingRow>,
    paths: Vec<String>,
}

/// What the ZIP has written and nobody has taken. The writer owns its target, so both sides share it.
#[derive(Clone, Default)]
struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for SharedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Catalog {
    /// An export of the products that are on sale.
    pub fn export(&self) -> CatalogExport {
        let model = self.active.current().embedder.model_id().to_string();
        CatalogExport::new(self.db.clone(), self.blobs.clone(), model)
    }
}

impl CatalogExport {
    /// With the embeddings of `model`.
    pub fn new(db: Database, blobs: Blobs, model: String) -> Self {
        let buffer = SharedBuffer::default();
        Self {
            db,
            blobs,
            model,
            zip: Some(ZipWriter::new_stream(buffer.clone())),
            buffer,
            page: PageRequest { before: None, limit: PAGE },
            products: VecDeque::new(),
            current: None,
            table: Vec::new(),
            labels: Vec::new(),
            vectors: Vec::new(),
        }
    }

    /// Products and photos so far.
    pub fn counts(&self) -> (usize, usize) {
        (self.table.len(), self.labels.len())
    }

    /// The next bytes of the ZIP; `None` after its last.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, ExportError> {
        while self.zip.is_some() {
            self.step().await?;
            let written = std::mem::take(&mut *self.buffer.0.lock().unwrap_or_else(PoisonError::into_inner));
            if !written.is_empty() {
                return Ok(Some(written.into()));
            }
        }
        Ok(None)
    }

    /// Adds one photo, or ends a product, or begins one, or completes the ZIP.
    async fn step(&mut self) -> Result<(), ExportError> {
        match self.current.take() {
            Some(mut open) => match open.images.pop_front() {
                Some(image) => {
                    self.add_photo(&mut open, &image).await?;
                    self.current = Some(open);
                }
                None => self.table.push(table_row(&open)),
            },
            None => match self.next_product().await? {
                Some(row) => self.current = Some(self.open_product(row).await?),
                None => self.finish()?,
            },
        }
        Ok(())
    }

    async fn next_product(&mut self) -> Result<Option<ProductRow>, DatabaseError> {
        loop {
            if let Some(row) = self.products.pop_front() {
                return Ok(Some(row));
            }
            let rows = products::list(&mut self.db.read().await?, &ProductFilter::default(), self.page).await?;
            let Some(last) = rows.last() else { return Ok(None) };
            self.page.before = Some(last.id.uuid());
            self.products.extend(rows.into_iter().filter(|row| row.active));
        }
    }

    async fn open_product(&self, row: ProductRow) -> Result<OpenProduct, DatabaseError> {
        let mut reader = self.db.read().await?;
        let images = product_images::list_by_product(&mut reader, row.id).await?;
        let ids: Vec<_> = images.iter().map(|image| image.id).collect();
        let embeddings = product_images::list_embeddings(&mut reader, &self.model, &ids).await?;
        Ok(OpenProduct { row, images: images.into(), embeddings, paths: Vec::new() })
    }

    async fn add_photo(&mut self, open: &mut OpenProduct, image: &ImageRow) -> Result<(), ExportError> {
        let (path, product) = (photo_path(&open.row, image), open.row.name.clone());
        let bytes = match self.blobs.get(image.content_hash).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(ExportError::LostPhoto { product, path }),
            Err(cause) => return Err(ExportError::Photo { product, cause }),
        };
        self.add_file(&path, &bytes)?;
        let embedding = open.embeddings.iter().find(|row| row.image_id == image.id);
        if let Some(vector) = embedding.and_then(|row| row.vector.clone()) {
            self.labels.push([path.clone(), open.row.id.to_string(), product]);
            self.vectors.push(vector);
        }
        open.paths.push(path);
        Ok(())
    }

    fn add_file(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let Some(zip) = &mut self.zip else { return Ok(()) };
        // Photos are compressed already.
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).large_file(true);
        zip.start_file(path, options).map_err(io::Error::other)?;
        zip.write_all(bytes)
    }

    fn finish(&mut self) -> io::Result<()> {
        let header = ["name", "sku", "barcode", "price", "currency", "tax_rate_bp", "description", "images"];
        let table = to_csv(&header, &self.table)?;
        self.add_file("products.csv", &table)?;
        let labels = to_csv(&["image", "product_id", "product_name"], &self.labels)?;
        self.add_file("embeddings.csv", &labels)?;
        let array = to_npy(&std::mem::take(&mut self.vectors));
        self.add_file("embeddings.npy", &array)?;
        match self.zip.take() {
            Some(zip) => zip.finish().map(drop).map_err(io::Error::other),
            None => Ok(()),
        }
    }
}

fn table_row(open: &OpenProduct) -> [String; 8] {
    let product = &open.row;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        product.name.clone(),
        text(&product.sku),
        text(&product.barcode),
        product.amount.map(|amount| amount.to_string()).unwrap_or_default(),
        product.currency.map(|currency| currency.code().to_owned()).unwrap_or_default(),
        product.tax_rate.to_string(),
        text(&product.description),
        open.paths.join(";"),
    ]
}

/// `images/PRODUCT/PHOTO.jpg`, by identifiers, which are plain names and unique.
fn photo_path(product: &ProductRow, image: &ImageRow) -> String {
    let ending = match image.media_type.as_str() {
        "image/png" => "png",
        "image/webp" => "webp",
        _ => "jpg",
    };
    format!("images/{}/{}.{ending}", product.id, image.id)
}

fn to_csv<const N: usize>(header: &[&str; N], rows: &[[String; N]]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| write_cell(cell).into_owned()))?;
    }
    writer.into_inner().map_err(io::Error::other)
}

/// A two-dimensional array of little-endian f32 in NumPy's format 1.0.
fn to_npy(vectors: &[Vec<u8>]) -> Vec<u8> {
    let dim = vectors.first().map_or(0, |vector| vector.len() / size_of::<f32>());
    let shape = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {dim}), }}", vectors.len());
    // Magic number, version, length of the header: 10 bytes. The data begin at a multiple of 64.
    let padding = (64 - (10 + shape.len() + 1) % 64) % 64;
    let header = format!("{shape}{}\n", " ".repeat(padding));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&u16::try_from(header.len()).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    vectors.iter().for_each(|vector| bytes.extend_from_slice(vector));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_written_as_numpy_reads_it() {
        let vectors =
            vec![[1.0_f32, 2.0].map(f32::to_le_bytes).concat(), [3.0_f32, 4.0].map(f32::to_le_bytes).concat()];
        let bytes = to_npy(&vectors);
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
        assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }"), "{header}");
        assert!(header.ends_with('\n'));
        assert_eq!(bytes[10 + length..], vectors.concat());
    }
}
