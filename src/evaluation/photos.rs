//! Labelled photos: the product that each shows, and whether it is enrolled or a query.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::EvaluationError;
use super::box_shares::BoxShares;
use super::photo_folders::{self, FolderLayout};
use super::photo_table;

/// Tables that make a folder a table of photos, in the order in which they are tried.
const TABLES: [&str; 2] = ["images.csv", "photos.csv"];

/// What a photo is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PhotoRole {
    /// In the gallery that query photos are compared with.
    Enrolled,
    /// The maker's clean picture of the product, a gallery of its own.
    Catalogue,
    /// Its product must be recognised.
    Query,
}

/// Names of splits with enrolled photos.
const ENROLLED_SPLITS: [&str; 6] = ["enrol", "enroll", "enrolled", "train", "training", "gallery"];
/// Names of splits with catalogue pictures.
const CATALOGUE_SPLITS: [&str; 4] = ["catalogue", "catalog", "iconic", "icon"];
/// Names of splits with query photos; by default, the first that exists is used.
const QUERY_SPLITS: [&str; 9] = ["ask", "asked", "query", "probe", "val", "valid", "validation", "dev", "test"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// As in the folder or the table.
    pub id: String,
    /// For people; the id if the photos give no name.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LabelledPhoto {
    pub path: PathBuf,
    /// Position in [`PhotoSet::products`].
    pub product: usize,
    pub role: PhotoRole,
    /// Where the product is, if the table says so.
    pub product_box: Option<BoxShares>,
}

/// Where the photos are and how they are split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoSource {
    /// A folder or a table.
    pub path: PathBuf,
    /// The split of the query photos; `None`: the first usual one.
    pub query_split: Option<String>,
    /// How a folder without splits is divided.
    pub layout: FolderLayout,
}

/// Labelled photos, in the order of the table or of their sorted names.
#[derive(Debug, Clone, PartialEq)]
pub struct PhotoSet {
    /// A short name of the folder or table, for reports.
    pub name: String,
    /// The split of the query photos, if there are splits.
    pub query_split: Option<String>,
    /// In the order in which they appear.
    pub products: Vec<Product>,
    pub photos: Vec<LabelledPhoto>,
    /// What was ignored in the folder or table, in words.
    pub ignored: Vec<String>,
    /// The tables that were read.
    pub tables: Vec<PathBuf>,
}

impl PhotoSet {
    /// Lists the photos of the folder or table `source`; does not open them.
    ///
    /// # Errors
    /// The source cannot be read, a column or split is missing, or no photo is enrolled or a query.
    pub fn read(source: &PhotoSource) -> Result<Self, EvaluationError> {
        let path = &source.path;
        let metadata = std::fs::metadata(path).map_err(EvaluationError::unreadable(path))?;
        let is_folder = metadata.is_dir();
        let table =
            if is_folder { TABLES.map(|name| path.join(name)).into_iter().find(|path| path.is_file()) } else { None };
        if let (FolderLayout::SeparateQueryFolder(queries), false) = (&source.layout, is_folder) {
            let reason = format!(
                "it is a table, which names its query photos itself; use --asked-folder {} with a folder only",
                queries.display()
            );
            return Err(EvaluationError::invalid_photos(path, reason));
        }
        let listing = match (is_folder, table, &source.layout) {
            (false, ..) => photo_table::list_photos(path)?,
            (
                true,
                Some(table),
                FolderLayout::EnrolAll | FolderLayout::EnrolFirst(_) | FolderLayout::EnrolFirstWithoutSplits(_),
            ) => photo_table::list_photos(&table)?,
            (true, ..) => photo_folders::list_photos(path, &source.layout, source.query_split.as_deref())?,
        };
        if let (FolderLayout::EnrolFirstWithoutSplits(count), true) = (&source.layout, listing.has_splits) {
            let reason = format!(
                "it names its enrolled photos itself; --enrol {count} goes with a folder per product without splits (use \
                 --enrol-per-product, --few-shot and the like to enrol fewer)"
            );
            return Err(EvaluationError::invalid_photos(&listing.path, reason));
        }
        listing.into_photo_set(source)
    }

    /// The name of the photos, with the split of the query photos if there are splits.
    pub fn name_with_split(&self) -> String {
        self.query_split.as_ref().map_or_else(|| self.name.clone(), |split| format!("{}, {split}", self.name))
    }

    pub fn count(&self, role: PhotoRole) -> usize {
        self.photos.iter().filter(|photo| photo.role == role).count()
    }
}

/// A photo before its split becomes a role.
#[derive(Debug)]
pub(super) struct ListedPhoto {
    /// In lower case.
    pub(super) split: String,
    /// The id of its product.
    pub(super) product: String,
    pub(super) path: PathBuf,
    pub(super) product_box: Option<BoxShares>,
}

/// The photos of a folder or table before their splits become roles.
#[derive(Debug, Default)]
pub(super) struct PhotoListing {
    /// For messages and reports.
    pub(super) path: PathBuf,
    /// In order.
    pub(super) rows: Vec<ListedPhoto>,
    /// Names of products by id.
    pub(super) names: HashMap<String, String>,
    pub(super) ignored: Vec<String>,
    /// The splits are those of the source, not assigned by [`FolderLayout`].
    pub(super) has_splits: bool,
    /// The tables that were read.
    pub(super) tables: Vec<PathBuf>,
}

impl PhotoListing {
    fn into_photo_set(self, source: &PhotoSource) -> Result<PhotoSet, EvaluationError> {
        let invalid = |reason: String| EvaluationError::invalid_photos(&self.path, reason);
        let mut splits: BTreeMap<&str, usize> = BTreeMap::new();
        for photo in &self.rows {
            *splits.entry(&photo.split).or_default() += 1;
        }
        let split_names = splits.keys().map(|split| format!("\"{split}\"")).collect::<Vec<_>>().join(", ");
        let query_split = match &source.query_split {
            Some(name) => Some(name.to_lowercase()),
            None => QUERY_SPLITS.iter().find(|name| splits.contains_key(**name)).map(|name| (*name).to_owned()),
        };
        let query_split = match query_split {
            _ if source.layout == FolderLayout::EnrolAll && !splits.is_empty() => None,
            Some(split) if splits.contains_key(split.as_str()) => Some(split),
            _ if splits.is_empty() => {
                let ignored = match &self.ignored[..] {
                    [] => String::new(),
                    entries => format!(" (ignored: {})", entries.join("; ")),
                };
                return Err(invalid(format!(
                    "there are no photos in it{ignored}; it needs a folder per product with JPEG, PNG or WebP files, or splits \
                     with such folders"
                )));
            }
            Some(split) => {
                return Err(invalid(format!("no photos have the split \"{split}\"; the splits are {split_names}")));
            }
            None => {
                return Err(invalid(format!(
                    "it has no query photos; the splits are {split_names}: name one with --ask, or give some photos the role \
                     \"ask\""
                )));
            }
        };
        let mut ignored = self.ignored;
        let (mut photos, mut products, mut positions) = (Vec::new(), Vec::<Product>::new(), HashMap::new());
        for ListedPhoto { split, product: id, path, product_box } in &self.rows {
            let role = match split.as_str() {
                split if Some(split) == query_split.as_deref() => PhotoRole::Query,
                split if ENROLLED_SPLITS.contains(&split) => PhotoRole::Enrolled,
                split if CATALOGUE_SPLITS.contains(&split) => PhotoRole::Catalogue,
                _ => continue,
            };
            let product = *positions.entry(id).or_insert_with(|| {
                let name = self.names.get(id).unwrap_or(id).clone();
                products.push(Product { id: id.clone(), name });
                products.len() - 1
            });
            photos.push(LabelledPhoto { path: path.clone(), product, role, product_box: *product_box });
        }
        for (split, count) in &splits {
            if Some(*split) != query_split.as_deref()
                && !ENROLLED_SPLITS.contains(split)
                && !CATALOGUE_SPLITS.contains(split)
            {
                ignored.push(format!("photos of the split \"{split}\": {count}"));
            }
        }
        let query_split = query_split.filter(|_| self.has_splits);
        let name = short_name(&self.path);
        let set = PhotoSet { name, query_split, products, photos, ignored, tables: self.tables };
        if set.count(PhotoRole::Enrolled) == 0 {
            return Err(invalid(format!(
                "no photos are enrolled; the splits are {split_names}, and enrolled photos need the split \"train\" or \"enrol\""
            )));
        }
        Ok(set)
    }
}

pub(super) fn is_known_split(name: &str) -> bool {
    let name = name.to_lowercase();
    [&ENROLLED_SPLITS[..], &CATALOGUE_SPLITS, &QUERY_SPLITS].iter().any(|names| names.contains(&name.as_str()))
}

pub(super) fn is_enrolled(split: &str) -> bool {
    ENROLLED_SPLITS.contains(&split.to_lowercase().as_str())
}

pub(super) fn is_catalogue(split: &str) -> bool {
    CATALOGUE_SPLITS.contains(&split.to_lowercase().as_str())
}

/// The last two components of a path: enough to recognise it, without showing the rest of the machine.
fn short_name(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let parts: Vec<_> = full.iter().map(|part| part.to_string_lossy()).filter(|part| part != "/").collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}
