//! Photos listed in a table: a CSV file with a header, separated by commas, semicolons or tabs.
//!
//! | column | also called | holds |
//! |---|---|---|
//! | `path` | `file`, `filename`, `image`, `photo` | the photo, relative to the table |
//! | `product` | `product_id`, `class_id`, `class`, `label` | which product it shows |
//! | `role` | `split`, `set`, `subset` | what it is used for, in the words of [`super::photos`] |
//! | `name` | `product_name`, `class_name` | what people call the product; need not be there |
//!
//! Names may also stand in a table of products beside it: `classes.csv` or `products.csv`, with an id and a name.

use std::collections::HashMap;
use std::path::Path;

use csv::StringRecord;

use super::EvaluationError;
use super::photos::Listing;
use crate::atomic_file;

/// Most bytes of a table: a million photos with long paths.
const LARGEST: u64 = 256 << 20;

const PATH: &[&str] = &["path", "file", "filename", "file_name", "image", "photo"];
const PRODUCT: &[&str] = &["product", "product_id", "class_id", "class", "label"];
const ROLE: &[&str] = &["role", "split", "set", "subset"];
const NAME: &[&str] = &["name", "product_name", "class_name"];
/// Tables that name products, in this order.
const PRODUCT_TABLES: [&str; 2] = ["products.csv", "classes.csv"];

/// Lists the photos of the table at `path`.
pub(super) fn read(path: &Path) -> Result<Listing, EvaluationError> {
    let table = Table::read(path)?;
    let [file, product, role] =
        [("path", PATH), ("product", PRODUCT), ("role", ROLE)].map(|(meant, names)| table.column(meant, names));
    let (file, product, role) = (file?, product?, role?);
    let name = table.find(NAME);
    let folder = path.parent().unwrap_or(Path::new(""));
    let beside = PRODUCT_TABLES.map(|name| folder.join(name)).into_iter().find(|path| path.is_file());
    let mut names = beside.as_deref().map_or_else(|| Ok(HashMap::new()), names_in)?;
    let mut rows = Vec::new();
    for (line, record) in &table.rows {
        let value = |column: usize| record.get(column).unwrap_or_default().trim();
        for (column, meant) in [(file, "path"), (product, "product"), (role, "role")] {
            if value(column).is_empty() {
                return Err(EvaluationError::photos(path, format!("line {line}: the {meant} is empty")));
            }
        }
        rows.push((value(role).to_lowercase(), value(product).to_owned(), folder.join(value(file))));
        if let Some(name) = name.map(value).filter(|name| !name.is_empty()) {
            names.insert(value(product).to_owned(), name.to_owned());
        }
    }
    let tables = [path.to_owned()].into_iter().chain(beside).collect();
    Ok(Listing { path: path.to_owned(), rows, names, has_splits: true, tables, ..Listing::default() })
}

/// Names by product id from the table of products at `path`.
fn names_in(path: &Path) -> Result<HashMap<String, String>, EvaluationError> {
    let table = Table::read(path)?;
    let ids: Vec<&str> = [&["id"], PRODUCT].concat();
    let (id, name) = (table.column("id", &ids)?, table.column("name", NAME)?);
    let pair = |record: &StringRecord| Some((record.get(id)?.trim().to_owned(), record.get(name)?.trim().to_owned()));
    Ok(table.rows.iter().filter_map(|(_, record)| pair(record)).collect())
}

struct Table<'a> {
    path: &'a Path,
    header: Vec<String>,
    /// With the number of their line.
    rows: Vec<(u64, StringRecord)>,
}

impl<'a> Table<'a> {
    fn read(path: &'a Path) -> Result<Self, EvaluationError> {
        let bytes = atomic_file::read_limited(path, LARGEST).map_err(EvaluationError::reading(path))?;
        if bytes.is_empty() {
            return Err(EvaluationError::photos(path, "it is empty"));
        }
        let fault = |error: csv::Error| {
            let fault = if let csv::ErrorKind::Utf8 { pos, .. } = error.kind() {
                let line = pos.as_ref().map_or(1, csv::Position::line);
                format!("line {line} is not UTF-8; save the table as UTF-8 (of a spreadsheet: \"CSV UTF-8\")")
            } else {
                format!("it is no table: {error} (or a quote is not closed above)")
            };
            EvaluationError::photos(path, fault)
        };
        let mut reader = csv::ReaderBuilder::new().delimiter(separator(&bytes)).flexible(false).from_reader(&bytes[..]);
        let tidy = |name: &str| name.trim().trim_start_matches('\u{feff}').to_lowercase();
        let header = reader.headers().map_err(fault)?.iter().map(tidy).collect();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(fault)?;
            rows.push((record.position().map_or(0, csv::Position::line), record));
        }
        Ok(Self { path, header, rows })
    }

    fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.header.iter().position(|column| column == name))
    }

    fn column(&self, meant: &str, names: &[&str]) -> Result<usize, EvaluationError> {
        self.find(names).ok_or_else(|| {
            let header = self.header.join(", ");
            let fault = format!("no column \"{meant}\" (nor {}); its columns are: {header}", names[1..].join(", "));
            EvaluationError::photos(self.path, fault)
        })
    }
}

/// The one of comma, semicolon and tab that the first line has most of.
fn separator(table: &[u8]) -> u8 {
    let header = table.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |separator: u8| header.iter().filter(|byte| **byte == separator).count();
    [b'\t', b';', b','].into_iter().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}
