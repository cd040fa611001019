//! Real photos of several items, and where each item is: a CSV file with a line per item.
//!
//! Columns: `photo` (a file, relative to a folder), `product`, and the item's box as shares of the picture: `left`, `top`,
//! `width`, `height`.

use std::path::{Path, PathBuf};

use super::EvaluationError;
use super::box_shares::{BOX_COLUMNS, BoxShares};
use super::photo_table::Table;
use super::photos::Product;

/// A photo with its items.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxedPhoto {
    /// As in the table.
    pub name: String,
    pub path: PathBuf,
    pub items: Vec<BoxedItem>,
}

/// An item in a photo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxedItem {
    /// Position in [`super::PhotoSet::products`].
    pub product: usize,
    pub(super) shares: BoxShares,
}

/// Reads the boxes in `table` of photos in `folder`; their products must be among `products`. Photos come in the order in
/// which they appear.
///
/// # Errors
/// The table cannot be read, a column is missing, or a line names no photo, an unknown product or no box inside the picture.
pub fn read_boxes(table: &Path, folder: &Path, products: &[Product]) -> Result<Vec<BoxedPhoto>, EvaluationError> {
    let rows = Table::read(table)?;
    let [photo, product] = ["photo", "product"].map(|column| rows.column(column, &[column]));
    let (photo, product) = (photo?, product?);
    let box_columns =
        BOX_COLUMNS.into_iter().map(|column| rows.column(column, &[column])).collect::<Result<Vec<_>, _>>()?;
    let mut photos: Vec<BoxedPhoto> = Vec::new();
    for (line, record) in &rows.rows {
        let invalid = |reason: String| EvaluationError::invalid_photos(table, format!("line {line}: {reason}"));
        let value = |column: usize| record.get(column).unwrap_or_default().trim();
        let texts = [0, 1, 2, 3].map(|position| value(box_columns[position]));
        let shares = BoxShares::parse(texts).map_err(invalid)?;
        let id = value(product);
        let position = products.iter().position(|product| product.id == id);
        let position = position.ok_or_else(|| {
            invalid(format!("no photos of the product \"{id}\" are enrolled; the products are {}", list(products)))
        })?;
        let name = value(photo);
        let path = folder.join(name);
        if name.is_empty() || !path.is_file() {
            let reason = format!(
                "there is no photo {}; its folder is the table's, or the one that --boxes-photos names",
                path.display()
            );
            return Err(invalid(reason));
        }
        let item = BoxedItem { product: position, shares };
        match photos.iter_mut().find(|photo| photo.name == name) {
            Some(photo) => photo.items.push(item),
            None => photos.push(BoxedPhoto { name: name.to_owned(), path, items: vec![item] }),
        }
    }
    if photos.is_empty() {
        return Err(EvaluationError::invalid_photos(table, "it has no boxes, only a header"));
    }
    Ok(photos)
}

/// The first few, for a message.
fn list(products: &[Product]) -> String {
    let ids: Vec<&str> = products.iter().take(8).map(|product| product.id.as_str()).collect();
    let rest = if products.len() > ids.len() { ", …" } else { "" };
    format!("{}{rest}", ids.join(", "))
}
