//! From the files of an import to its items: one for each photo, one for each product without photos, one for each wrong row.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::product_table::{ImportedProduct, TableRow};
use crate::automation::{JobFailure, NewItem};
use crate::domain::ProductId;

/// What phones and programs write as pictures. Those that cannot be enrolled are told as failed items.
const PHOTO_ENDINGS: [&str; 13] =
    ["jpg", "jpeg", "jfif", "png", "webp", "heic", "heif", "avif", "gif", "bmp", "tif", "tiff", "dng"];
const TABLE_NAMES: [&str; 2] = ["products.csv", "products.json"];
/// What spreadsheets write.
const TABLE_ENDINGS: [&str; 6] = ["csv", "tsv", "xlsx", "xls", "ods", "numbers"];
/// Of the name of an item, which is a path or the name of a product.
const NAME_CHARS_MAX: usize = 300;

/// What the jobs of an item are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ItemData {
    /// A product, and the path of one of its photos in the ZIP, or the name of a frame.
    Product {
        product: ImportedProduct,
        /// If it was named by its id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        product_id: Option<ProductId>,
        photo: Option<String>,
    },
    /// A row of the table that cannot be used, and why.
    WrongRow { reason: String },
}

impl ItemData {
    pub(super) fn read(data: &Value) -> Result<Self, JobFailure> {
        serde_json::from_value(data.clone())
            .map_err(|error| JobFailure::lasting(format!("The item was planned by another version: {error}.")))
    }

    pub(super) fn to_value(&self) -> Result<Value, JobFailure> {
        serde_json::to_value(self).map_err(JobFailure::lasting)
    }
}

/// The folder in a ZIP that holds everything, with a slash at its end; empty if there is none.
pub(super) fn common_folder(files: &[String]) -> String {
    let table = files.iter().filter(|path| is_table(path)).min_by_key(|path| path.matches('/').count());
    if let Some(table) = table {
        return table.rfind('/').map_or_else(String::new, |end| table[..=end].to_owned());
    }
    // Without a table, folders are products: the folder around them is that of all files, if they lie deeper than in it.
    let first = files.first().and_then(|path| Some(&path[..=path.find('/')?])).unwrap_or_default();
    let is_around = files.iter().all(|path| path.strip_prefix(first).is_some_and(|rest| rest.contains('/')));
    if is_around { first.to_owned() } else { String::new() }
}

/// The path of the table in a ZIP, if it has one.
pub(super) fn find_table<'a>(files: &'a [String], folder: &str) -> Option<&'a str> {
    TABLE_NAMES.iter().find_map(|name| {
        let is_it = |path: &&String| path.strip_prefix(folder).is_some_and(|rest| rest.eq_ignore_ascii_case(name));
        files.iter().find(is_it).map(String::as_str)
    })
}

fn is_table(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    TABLE_NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// A table that has another name than it should: without it, its folders of photos would become products.
pub(super) fn find_misnamed_table(files: &[String]) -> Option<&str> {
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned()).unwrap_or_default();
    let with_photos: HashSet<String> = files.iter().filter(|path| is_photo(path)).map(|path| folder(path)).collect();
    let is_misnamed = |path: &&String| has_ending(path, &TABLE_ENDINGS) && !with_photos.contains(&folder(path));
    files.iter().find(is_misnamed).map(String::as_str)
}

/// Items from the rows of a table, whose paths of photos are relative to `folder`. A product none of whose photos `exists` comes
/// without them.
pub(super) fn plan_rows(
    rows: Vec<TableRow>,
    folder: &str,
    table: &str,
    exists: impl Fn(&str) -> bool,
) -> Result<Vec<NewItem>, JobFailure> {
    let mut plan = Plan::default();
    for row in rows {
        match row.product {
            Err(fault) => {
                let reason = fault.to_string();
                let name = format!("{} line {}", table.rsplit('/').next().unwrap_or(table), row.line);
                plan.add(&name, &ItemData::WrongRow { reason })?;
            }
            Ok((product, photos)) => {
                let paths: Vec<String> = photos.into_iter().map(|path| format!("{folder}{path}")).collect();
                let are_missing = !paths.is_empty() && !paths.iter().any(|path| exists(path));
                plan.add_product(&product, paths)?;
                if are_missing {
                    plan.add_product(&product, Vec::new())?;
                }
            }
        }
    }
    Ok(plan.items)
}

/// The photos of each folder that is named for a product.
pub(super) fn group_folders<'a>(
    files: &'a [String],
    folder: &str,
) -> Result<BTreeMap<&'a str, Vec<String>>, JobFailure> {
    let mut products: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for path in files.iter().filter(|path| is_photo(path)) {
        let Some((name, _)) = path.strip_prefix(folder).and_then(|rest| rest.split_once('/')) else { continue };
        products.entry(name).or_default().push(path.clone());
    }
    if products.is_empty() {
        return Err(JobFailure::lasting(
            "The ZIP has neither products.csv or products.json, nor folders of photos named for products.",
        ));
    }
    Ok(products)
}

/// Items from folders of photos, each named for its product.
pub(super) fn plan_folders(files: &[String], folder: &str) -> Result<Vec<NewItem>, JobFailure> {
    let products = group_folders(files, folder)?;
    let mut plan = Plan::default();
    for (name, photos) in products {
        plan.add_product(&ImportedProduct { name: name.to_owned(), ..ImportedProduct::default() }, photos)?;
    }
    Ok(plan.items)
}

pub(super) fn is_photo(path: &str) -> bool {
    has_ending(path, &PHOTO_ENDINGS)
}

fn has_ending(path: &str, endings: &[&str]) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default();
    endings.contains(&ending.as_str())
}

#[derive(Default)]
struct Plan {
    items: Vec<NewItem>,
    names: HashSet<String>,
}

impl Plan {
    fn add_product(&mut self, product: &ImportedProduct, photos: Vec<String>) -> Result<(), JobFailure> {
        if photos.is_empty() {
            let data = ItemData::Product { product: product.clone(), product_id: None, photo: None };
            return self.add(&product.name, &data);
        }
        for path in photos {
            let data = ItemData::Product { product: product.clone(), product_id: None, photo: Some(path.clone()) };
            self.add(&path, &data)?;
        }
        Ok(())
    }

    /// A photo may show several products, and two products may have one name.
    fn add(&mut self, name: &str, data: &ItemData) -> Result<(), JobFailure> {
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        let mut unique = name.clone();
        let mut count = 1;
        while !self.names.insert(unique.clone()) {
            count += 1;
            unique = format!("{name} ({count})");
        }
        let position = i64::try_from(self.items.len()).unwrap_or(i64::MAX);
        self.items.push(NewItem { name: unique, position, data: data.to_value()? });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::product_table::RowFault;
    use super::*;

    fn paths(list: &[&str]) -> Vec<String> {
        list.iter().map(|path| (*path).to_owned()).collect()
    }

    fn names(items: &[NewItem]) -> Vec<&str> {
        items.iter().map(|item| item.name.as_str()).collect()
    }

    #[test]
    fn the_folder_around_everything_does_not_count() {
        let table = paths(&["shop/products.csv", "shop/images/a.jpg"]);
        assert_eq!(common_folder(&table), "shop/");
        assert_eq!(find_table(&table, "shop/"), Some("shop/products.csv"));
        assert_eq!(common_folder(&paths(&["shop/Milk/1.jpg", "shop/Tea/1.jpg"])), "shop/");
        assert_eq!(common_folder(&paths(&["Milk/1.jpg", "Milk/2.jpg"])), "", "one product");
        assert_eq!(common_folder(&paths(&["Milk/1.jpg", "Tea/1.jpg"])), "");
    }

    #[test]
    fn folders_are_products_and_their_photos_items() {
        let files =
            paths(&["Tea/1.jpg", "Milk/1.JPG", "Milk/notes.txt", "Milk/front/2.webp", "Tea/2.HEIC", "loose.jpg"]);
        let items = plan_folders(&files, "").unwrap();
        assert_eq!(names(&items), ["Milk/1.JPG", "Milk/front/2.webp", "Tea/1.jpg", "Tea/2.HEIC"]);
        let ItemData::Product { product, photo, .. } = ItemData::read(&items[1].data).unwrap() else { panic!() };
        assert_eq!((product.name.as_str(), photo.as_deref()), ("Milk", Some("Milk/front/2.webp")));
        assert!(plan_folders(&paths(&["loose.jpg"]), "").unwrap_err().reason.contains("neither"));
    }

    #[test]
    fn every_item_has_a_name_of_its_own() {
        let milk = ImportedProduct { name: "Milk".to_owned(), ..ImportedProduct::default() };
        let row = |line, photos: &[&str]| TableRow { line, product: Ok((milk.clone(), paths(photos))) };
        let wrong = TableRow {
            line: 5,
            product: Err(RowFault { column: None, value: None, reason: "name is empty".to_owned() }),
        };
        let rows = vec![row(2, &["a.jpg"]), row(3, &["a.jpg"]), row(4, &[]), wrong];
        let items = plan_rows(rows.clone(), "shop/", "shop/products.csv", |_| true).unwrap();
        assert_eq!(names(&items), ["shop/a.jpg", "shop/a.jpg (2)", "Milk", "products.csv line 5"]);
        assert_eq!(items.iter().map(|item| item.position).collect::<Vec<_>>(), [0, 1, 2, 3]);
        let without_photos = plan_rows(rows[..1].to_vec(), "shop/", "shop/products.csv", |_| false).unwrap();
        assert_eq!(names(&without_photos), ["shop/a.jpg", "Milk"]);
    }

    #[test]
    fn a_table_is_found_in_capitals_and_one_with_another_name_is_told() {
        let files = paths(&["shop/Products.CSV", "shop/images/a.jpg"]);
        assert_eq!(common_folder(&files), "shop/");
        assert_eq!(find_table(&files, "shop/"), Some("shop/Products.CSV"));
        for table in ["catalog.csv", "shop/prices.xlsx"] {
            assert_eq!(find_misnamed_table(&paths(&["shop/images/a.jpg", table])), Some(table));
        }
        assert_eq!(find_misnamed_table(&paths(&["Milk/a.jpg", "Milk/notes.csv", "readme.txt"])), None);
    }
}
