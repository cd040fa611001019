//! Photos listed in a table: a CSV file with a header, separated by commas, semicolons or tabs.
//!
//! | column | other names | content |
//! |---|---|---|
//! | `path` | `file`, `filename`, `image`, `photo` | the photo, relative to the table |
//! | `product` | `product_id`, `class_id`, `class`, `label` | the product that it shows |
//! | `role` | `split`, `set`, `subset` | its role, in the words of [`super::photos`] |
//! | `name` | `product_name`, `class_name` | the product's name for people; optional |
//! | `left`, `top`, `width`, `height` | | where the product is, as shares of the picture; optional, and may be empty |
//!
//! Names may also be in a table of products in the same folder: `classes.csv` or `products.csv`, with an id and a name.

use std::collections::HashMap;
use std::path::Path;

use csv::StringRecord;

use super::EvaluationError;
use super::box_shares::{BOX_COLUMNS, BoxShares};
use super::photos::{ListedPhoto, PhotoListing};
use crate::atomic_file;

/// A million photos with long paths.
const TABLE_BYTES_MAX: u64 = 256 << 20;

const PATH_COLUMNS: &[&str] = &["path", "file", "filename", "file_name", "image", "photo"];
const PRODUCT_COLUMNS: &[&str] = &["product", "product_id", "class_id", "class", "label"];
const ROLE_COLUMNS: &[&str] = &["role", "split", "set", "subset"];
const NAME_COLUMNS: &[&str] = &["name", "product_name", "class_name"];
/// Tables of product names, in the order in which they are tried.
const PRODUCT_TABLES: [&str; 2] = ["products.csv", "classes.csv"];

/// Lists the photos of the table at `path`.
pub(super) fn list_photos(path: &Path) -> Result<PhotoListing, EvaluationError> {
    let table = Table::read(path)?;
    let [file, product, role] = [("path", PATH_COLUMNS), ("product", PRODUCT_COLUMNS), ("role", ROLE_COLUMNS)]
        .map(|(column, names)| table.column(column, names));
    let (file, product, role) = (file?, product?, role?);
    let name = table.find_column(NAME_COLUMNS);
    let box_columns = table.find_box_columns()?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let product_table = PRODUCT_TABLES.map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
    let mut names = product_table.as_deref().map_or_else(|| Ok(HashMap::new()), read_product_names)?;
    let mut rows = Vec::new();
    for (line, record) in &table.rows {
        let value = |column: usize| record.get(column).unwrap_or_default().trim();
        for (column, name) in [(file, "path"), (product, "product"), (role, "role")] {
            if value(column).is_empty() {
                return Err(EvaluationError::invalid_photos(path, format!("line {line}: the {name} is empty")));
            }
        }
        let texts =
            box_columns.map(|columns| columns.map(value)).filter(|texts| texts.iter().any(|text| !text.is_empty()));
        let product_box = texts.map(BoxShares::parse).transpose();
        rows.push(ListedPhoto {
            split: value(role).to_lowercase(),
            product: value(product).to_owned(),
            path: folder.join(value(file)),
            product_box: product_box
                .map_err(|reason| EvaluationError::invalid_photos(path, format!("line {line}: {reason}")))?,
        });
        if let Some(name) = name.map(value).filter(|name| !name.is_empty()) {
            names.insert(value(product).to_owned(), name.to_owned());
        }
    }
    let tables = [path.to_owned()].into_iter().chain(product_table).collect();
    Ok(PhotoListing { path: path.to_owned(), rows, names, has_splits: true, tables, ..PhotoListing::default() })
}

/// Names by product id, from the table of products at `path`.
fn read_product_names(path: &Path) -> Result<HashMap<String, String>, EvaluationError> {
    let table = Table::read(path)?;
    let id_columns: Vec<&str> = [&["id"], PRODUCT_COLUMNS].concat();
    let (id, name) = (table.column("id", &id_columns)?, table.column("name", NAME_COLUMNS)?);
    let pair = |record: &StringRecord| Some((record.get(id)?.trim().to_owned(), record.get(name)?.trim().to_owned()));
    Ok(table.rows.iter().filter_map(|(_, record)| pair(record)).collect())
}

pub(super) struct Table<'a> {
    path: &'a Path,
    header: Vec<String>,
    /// With their line numbers.
    pub(super) rows: Vec<(u64, StringRecord)>,
}

impl<'a> Table<'a> {
    pub(super) fn read(path: &'a Path) -> Result<Self, EvaluationError> {
        let bytes = atomic_file::read_limited(path, TABLE_BYTES_MAX).map_err(EvaluationError::unreadable(path))?;
        if bytes.is_empty() {
            return Err(EvaluationError::invalid_photos(path, "it is empty"));
        }
        let bytes = with_unix_line_ends(bytes);
        let invalid = |error: csv::Error| {
            let reason = if let csv::ErrorKind::Utf8 { pos, .. } = error.kind() {
                let line = pos.as_ref().map_or(1, csv::Position::line);
                format!("line {line} is not UTF-8; save the table as UTF-8 (in a spreadsheet: \"CSV UTF-8\")")
            } else {
                format!("it is not a table: {error} (or a quote is not closed above)")
            };
            EvaluationError::invalid_photos(path, reason)
        };
        let mut reader = csv::ReaderBuilder::new().delimiter(separator(&bytes)).flexible(false).from_reader(&bytes[..]);
        let normalise = |name: &str| name.trim().trim_start_matches('\u{feff}').to_lowercase();
        let header = reader.headers().map_err(invalid)?.iter().map(normalise).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(invalid)?;
            rows.push((record.position().map_or(0, csv::Position::line), record));
        }
        Ok(Self { path, header, rows })
    }

    fn find_column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.header.iter().position(|column| column == name))
    }

    /// The columns of a box: all of them, or none.
    fn find_box_columns(&self) -> Result<Option<[usize; 4]>, EvaluationError> {
        if BOX_COLUMNS.iter().all(|column| self.find_column(&[column]).is_none()) {
            return Ok(None);
        }
        let [left, top, width, height] = BOX_COLUMNS.map(|column| self.column(column, &[column]));
        Ok(Some([left?, top?, width?, height?]))
    }

    /// The column with the first of `names` that is there.
    pub(super) fn column(&self, column: &str, names: &[&str]) -> Result<usize, EvaluationError> {
        self.find_column(names).ok_or_else(|| {
            let header = self.header.join(", ");
            let others = if names.len() > 1 { format!(" (nor {})", names[1..].join(", ")) } else { String::new() };
            let reason = format!("no column \"{column}\"{others}; its columns are: {header}");
            EvaluationError::invalid_photos(self.path, reason)
        })
    }
}

/// `csv` counts a line too few before a record that follows "\r\n".
fn with_unix_line_ends(bytes: Vec<u8>) -> Vec<u8> {
    let next_bytes = bytes.iter().skip(1).map(Some).chain([None]);
    let is_kept = |(byte, next): &(&u8, Option<&u8>)| **byte != b'\r' || *next != Some(&b'\n');
    bytes.iter().zip(next_bytes).filter(is_kept).map(|(byte, _)| *byte).collect()
}

/// Comma, semicolon or tab, whichever the first line has most of.
fn separator(table: &[u8]) -> u8 {
    let header = table.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| header.iter().filter(|byte| **byte == separator).count();
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}
