//! Real photos of several items, and where each item is: a CSV file with a line per item.
//!
//! Columns: `photo` (a file, relative to a folder), `product`, and the item's box as shares of the picture: `left`, `top`,
//! `width`, `height`.

use std::path::{Path, PathBuf};

use super::EvaluationError;
use super::photo_table::Table;
use super::photos::Product;
use crate::domain::Region;

/// Boxes are rounded to a few digits, so their edges may be this far outside.
const EDGE_TOLERANCE: f64 = 0.002;

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
    /// Left, top, width and height as shares of the picture.
    shares: [f64; 4],
}

impl BoxedItem {
    /// The box in pixels of a picture of this size.
    pub(super) fn region(&self, width: u32, height: u32) -> Region {
        let span = |start: f64, length: f64, side: u32| {
            let pixel = |share: f64| ((share * f64::from(side)).round() as u32).min(side);
            let start_px = pixel(start).min(side - 1);
            (start_px, pixel(start + length).max(start_px + 1) - start_px)
        };
        let [left, top, box_width, box_height] = self.shares;
        let ((x, width), (y, height)) = (span(left, box_width, width), span(top, box_height, height));
        Region { x, y, width, height }
    }
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
        let mut shares = [0.0; 4];
        for ((share, column), name) in shares.iter_mut().zip(&box_columns).zip(BOX_COLUMNS) {
            let text = value(*column);
            let number = text.parse().ok().filter(|number: &f64| number.is_finite());
            *share = number.ok_or_else(|| {
                invalid(format!("{name} is \"{text}\"; it must be a share of the picture, such as 0.25"))
            })?;
        }
        check_inside(shares).map_err(invalid)?;
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

const BOX_COLUMNS: [&str; 4] = ["left", "top", "width", "height"];

fn check_inside([left, top, width, height]: [f64; 4]) -> Result<(), String> {
    let outside =
        |start: f64, length: f64| start < -EDGE_TOLERANCE || length <= 0.0 || start + length > 1.0 + EDGE_TOLERANCE;
    if outside(left, width) || outside(top, height) {
        let found = format!("left {left}, top {top}, width {width}, height {height}");
        return Err(format!("the box is not inside the picture ({found}); shares lie between 0 and 1"));
    }
    Ok(())
}

/// The first few, for a message.
fn list(products: &[Product]) -> String {
    let ids: Vec<&str> = products.iter().take(8).map(|product| product.id.as_str()).collect();
    let rest = if products.len() > ids.len() { ", …" } else { "" };
    format!("{}{rest}", ids.join(", "))
}
