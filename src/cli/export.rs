//! `tillsight export ZIP`: the products on sale with their photos, as `tillsight import` takes them, and their embeddings.
//!
//! The database is only read. Embeddings are those of the model in use, as a NumPy array with a table that says which row belongs
//! to which photo: for programs of others, the import computes its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::CliError;
use super::index::open_stored_index;
use crate::config::Settings;
use crate::db::blobs::Blobs;
use crate::db::product_images::{self, ImageRow};
use crate::db::products::{self, ProductFilter, ProductRow};
use crate::db::{Database, DatabaseError};
use crate::domain::PageRequest;
use crate::terminal::say;

const PAGE: i64 = 500;

#[derive(Debug, Args)]
pub(super) struct ExportOptions {
    /// The ZIP to write; it must not exist.
    #[arg(value_name = "ZIP")]
    target: PathBuf,
}

pub(super) async fn run(options: ExportOptions, settings: Settings) -> Result<(), CliError> {
    let (stored, db) = open_stored_index(&settings).await?;
    let blobs = Blobs::open(&settings.data_dir).map_err(|error| CliError::Task(error.to_string()))?;
    let at = |error: io::Error| CliError::File(options.target.clone(), error);
    // A file that exists is not replaced.
    let file = OpenOptions::new().write(true).create_new(true).open(&options.target).map_err(at)?;
    let mut export = Export { zip: ZipWriter::new(file), table: Vec::new(), labels: Vec::new(), vectors: Vec::new() };
    let mut products = 0;
    let mut page = PageRequest { before: None, limit: PAGE };
    loop {
        let rows = list_products(&db, page).await.map_err(|error| CliError::Task(error.to_string()))?;
        let Some(last) = rows.last() else { break };
        page.before = Some(last.id.uuid());
        for product in rows.into_iter().filter(|row| row.active) {
            products += 1;
            let photos = export.add_product(&db, &blobs, stored.model().0, &product).await;
            photos.map_err(|error| CliError::Task(format!("product \"{}\": {error}", product.name)))?;
        }
    }
    let photos = export.labels.len();
    export.finish().map_err(at)?;
    db.close().await;
    say!("{products} products with {photos} photos are in {}.", options.target.display());
    Ok(())
}

async fn list_products(db: &Database, page: PageRequest) -> Result<Vec<ProductRow>, DatabaseError> {
    products::list(&mut db.read().await?, &ProductFilter::default(), page).await
}

/// A ZIP that grows by a product at a time, and the tables that are written last.
struct Export {
    zip: ZipWriter<File>,
    table: Vec<[String; 8]>,
    /// Photo and product of each row of `vectors`.
    labels: Vec<[String; 3]>,
    vectors: Vec<Vec<u8>>,
}

impl Export {
    async fn add_product(
        &mut self,
        db: &Database,
        blobs: &Blobs,
        model: &str,
        product: &ProductRow,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut reader = db.read().await?;
        let images = product_images::list_by_product(&mut reader, product.id).await?;
        let ids: Vec<_> = images.iter().map(|image| image.id).collect();
        let embeddings = product_images::list_embeddings(&mut reader, model, &ids).await?;
        drop(reader);
        let mut paths = Vec::new();
        for image in &images {
            let path = photo_path(product, image);
            let bytes = blobs.get(image.content_hash).await?.ok_or_else(|| format!("{path} is lost"))?;
            self.add_file(&path, &bytes)?;
            if let Some(vector) =
                embeddings.iter().find(|row| row.image_id == image.id).and_then(|row| row.vector.clone())
            {
                self.labels.push([path.clone(), product.id.to_string(), product.name.clone()]);
                self.vectors.push(vector);
            }
            paths.push(path);
        }
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        self.table.push([
            product.name.clone(),
            text(&product.sku),
            text(&product.barcode),
            product.amount.map(|amount| amount.to_string()).unwrap_or_default(),
            product.currency.map(|currency| currency.code().to_owned()).unwrap_or_default(),
            product.tax_rate.to_string(),
            text(&product.description),
            paths.join(";"),
        ]);
        Ok(())
    }

    fn add_file(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        // Photos are compressed already.
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).large_file(true);
        self.zip.start_file(path, options).map_err(io::Error::other)?;
        self.zip.write_all(bytes)
    }

    fn finish(mut self) -> io::Result<()> {
        let header = ["name", "sku", "barcode", "price", "currency", "tax_rate_bp", "description", "images"];
        let table = to_csv(&header, &self.table)?;
        self.add_file("products.csv", &table)?;
        let labels = to_csv(&["image", "product_id", "product_name"], &self.labels)?;
        self.add_file("embeddings.csv", &labels)?;
        let array = to_npy(&self.vectors);
        self.add_file("embeddings.npy", &array)?;
        self.zip.finish().map_err(io::Error::other)?.sync_all()
    }
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
        writer.write_record(row)?;
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
