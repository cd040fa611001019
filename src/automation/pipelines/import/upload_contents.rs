//! What an upload holds: the rows of its table, or folders of photos named for products.
//!
//! Read the same way before an import starts and when it has: what the check shows is what the import does.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::archive::Archive;
use super::archive_paths::normalize_path;
use super::drafts::{BrokenRow, SkippedPart, UploadReport};
use super::item_plan::{self, is_photo};
use super::product_table::{self, ImportedProduct, RowFault, TableRow};
use crate::automation::{JobFailure, NewItem};
use crate::catalog::Catalog;

/// The table of products has a kilobyte for a product at most.
pub(super) const TABLE_BYTES_MAX: u64 = 1 << 27;

pub(super) struct UploadContents {
    files: Vec<String>,
    /// The folder around everything, with a slash at its end; empty if there is none.
    folder: String,
    /// Path and rows of the table; `None` if folders are named for products.
    table: Option<(String, Vec<TableRow>)>,
}

impl UploadContents {
    /// # Errors
    /// The upload cannot be used as a whole.
    pub(super) fn read(path: &Path, bytes_max: u64, catalog: &Catalog) -> Result<Self, JobFailure> {
        let mut archive = Archive::open(path)?;
        let files = archive.list_files(bytes_max)?;
        let folder = item_plan::common_folder(&files);
        let Some(table) = item_plan::find_table(&files, &folder).map(str::to_owned) else {
            if let Some(misnamed) = item_plan::find_misnamed_table(&files) {
                return Err(JobFailure::lasting(format!(
                    "The ZIP has \"{misnamed}\", but no products.csv. Give the table that name; save a spreadsheet as CSV in \
                     UTF-8."
                )));
            }
            return Ok(Self { files, folder, table: None });
        };
        let bytes = archive.read_file(&table, TABLE_BYTES_MAX)?;
        let is_json = table.to_lowercase().ends_with(".json");
        let mut rows = if is_json { product_table::read_json(&bytes)? } else { product_table::read_csv(&bytes)? };
        for row in &mut rows {
            if let Some(fault) = find_refusal(row, catalog) {
                row.product = Err(fault);
            }
        }
        find_photos(&mut rows, &files, &folder);
        Ok(Self { files, folder, table: Some((table, rows)) })
    }

    /// The items of the import.
    pub(super) fn plan(self) -> Result<Vec<NewItem>, JobFailure> {
        match self.table {
            Some((table, rows)) => {
                let present: HashSet<&str> = self.files.iter().map(String::as_str).collect();
                item_plan::plan_rows(rows, &self.folder, &table, |path| present.contains(path))
            }
            None => item_plan::plan_folders(&self.files, &self.folder),
        }
    }

    /// How many products and photos would come, and which rows are wrong.
    pub(super) fn report(&self) -> Result<UploadReport, JobFailure> {
        let Some((table, rows)) = &self.table else { return self.report_folders() };
        let mut report = UploadReport { table: table.rsplit('/').next().map(str::to_owned), ..UploadReport::default() };
        let present: HashSet<&str> = self.files.iter().map(String::as_str).collect();
        let (mut products, mut used) = (HashSet::new(), HashSet::new());
        for row in rows {
            let (product, photos) = match &row.product {
                Ok(product) => product,
                Err(fault) => {
                    report.broken_rows.push(broken_row(row.line, fault));
                    continue;
                }
            };
            products.insert(product.key());
            for photo in photos {
                let path = format!("{}{photo}", self.folder);
                match present.get(path.as_str()) {
                    Some(path) => {
                        used.insert(*path);
                        report.photos += 1;
                    }
                    None => report.broken_rows.push(missing_photo(row.line, product, photo)),
                }
            }
        }
        report.products = products.len();
        report.unused_photos = self.files.iter().filter(|path| is_photo(path) && !used.contains(path.as_str())).count();
        Ok(report)
    }

    fn report_folders(&self) -> Result<UploadReport, JobFailure> {
        let products = item_plan::group_folders(&self.files, &self.folder)?;
        let photos: usize = products.values().map(Vec::len).sum();
        let all = self.files.iter().filter(|path| is_photo(path)).count();
        Ok(UploadReport {
            products: products.len(),
            photos,
            unused_photos: all.saturating_sub(photos),
            ..UploadReport::default()
        })
    }
}

/// Gives the photos of each row their paths in the upload: tables may write `\`, and capitals where the files have none.
fn find_photos(rows: &mut [TableRow], files: &[String], folder: &str) {
    let paths = || files.iter().filter_map(|path| path.strip_prefix(folder));
    let by_lowercase: HashMap<String, &str> = paths().map(|path| (path.to_lowercase(), path)).collect();
    let paths: HashSet<&str> = paths().collect();
    for row in rows {
        let Ok((_, photos)) = &mut row.product else { continue };
        for photo in photos.iter_mut().filter(|photo| !paths.contains(photo.as_str())) {
            let written = normalize_path(photo);
            if paths.contains(written.as_str()) {
                *photo = written;
            } else if let Some(path) = by_lowercase.get(&written.to_lowercase()) {
                (*path).clone_into(photo);
            }
        }
    }
}

/// Why the catalogue would refuse the product of a row that could be read.
fn find_refusal(row: &TableRow, catalog: &Catalog) -> Option<RowFault> {
    let (product, _) = row.product.as_ref().ok()?;
    let refused = catalog.check_fields(&product.clone().into_new_product()).err()?;
    Some(RowFault::of_field(product, &refused))
}

fn broken_row(line: u64, fault: &RowFault) -> BrokenRow {
    BrokenRow {
        line,
        column: fault.column.map(str::to_owned),
        value: fault.value.clone(),
        reason: fault.reason.clone(),
        skipped: SkippedPart::Row,
    }
}

fn missing_photo(line: u64, product: &ImportedProduct, photo: &str) -> BrokenRow {
    BrokenRow {
        line,
        column: Some("images".to_owned()),
        value: Some(photo.chars().take(200).collect()),
        reason: format!("the photo is not in the upload; \"{}\" comes without it", product.name),
        skipped: SkippedPart::Photo,
    }
}
