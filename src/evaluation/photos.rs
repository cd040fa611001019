//! Labelled photos: which product each shows, and whether it is enrolled or asked about.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::EvaluationError;
use super::photo_folders::{self, FolderLayout};
use super::photo_table;

/// Tables that are looked for in a folder, in this order.
const TABLES: [&str; 2] = ["images.csv", "photos.csv"];

/// What a photo is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Enrolled: what the model may compare with.
    Enrolled,
    /// The maker's clean picture of the product, enrolled alone.
    Catalogue,
    /// Asked about.
    Asked,
}

/// Words for a split whose photos are enrolled.
const ENROLLED: [&str; 6] = ["enrol", "enroll", "enrolled", "train", "training", "gallery"];
/// Words for a split of catalogue pictures.
const CATALOGUE: [&str; 4] = ["catalogue", "catalog", "iconic", "icon"];
/// Words for a split that is asked about; without a wish, the first that is there is taken.
const ASKED: [&str; 9] = ["ask", "asked", "query", "probe", "val", "valid", "validation", "dev", "test"];

/// A product and how people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// As the folder or the table has it.
    pub id: String,
    /// The same, where nothing names it.
    pub name: String,
}

/// One photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledPhoto {
    /// Where it lies.
    pub path: PathBuf,
    /// Position in [`PhotoSet::products`].
    pub product: usize,
    /// What it is used for.
    pub role: Role,
}

/// Where photos are and how they are to be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A folder or a table.
    pub path: PathBuf,
    /// The split that is asked about; `None` for the first usual one.
    pub ask: Option<String>,
    /// How a folder that has no splits is divided.
    pub layout: FolderLayout,
}

/// Labelled photos, in the order of the table or of their sorted names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhotoSet {
    /// A short name of where they come from, for reports.
    pub name: String,
    /// The split that is asked about, where there are splits.
    pub asked_split: Option<String>,
    /// The products, in the order in which they appear.
    pub products: Vec<Product>,
    /// The photos.
    pub photos: Vec<LabelledPhoto>,
    /// What was passed over, in words.
    pub passed_over: Vec<String>,
    /// Tables that were read.
    pub tables: Vec<PathBuf>,
}

impl PhotoSet {
    /// Reads the folder or table that `source` names; the photos themselves are not opened.
    ///
    /// # Errors
    /// It cannot be read, a column or split is missing, or nothing is enrolled or asked about.
    pub fn read(source: &Source) -> Result<Self, EvaluationError> {
        let path = &source.path;
        let kind = std::fs::metadata(path).map_err(EvaluationError::reading(path))?;
        let table =
            if kind.is_dir() { TABLES.map(|name| path.join(name)).into_iter().find(|at| at.is_file()) } else { None };
        if let (FolderLayout::AskedIn(asked), false) = (&source.layout, kind.is_dir()) {
            let fault = format!(
                "it is a table, and a table says itself what is asked about; the folder {} goes with a folder only",
                asked.display()
            );
            return Err(EvaluationError::photos(path, fault));
        }
        let listed = match (kind.is_dir(), table, &source.layout) {
            (false, ..) => photo_table::read(path)?,
            (true, Some(table), FolderLayout::FirstEnrolled(_) | FolderLayout::FirstEnrolledOnly(_)) => {
                photo_table::read(&table)?
            }
            (true, ..) => photo_folders::read(path, &source.layout, source.ask.as_deref())?,
        };
        if let (FolderLayout::FirstEnrolledOnly(count), true) = (&source.layout, listed.has_splits) {
            let fault = format!(
                "it says itself which photos are enrolled; --enrol {count} goes with a folder per product without splits \
                 (--enrol-per-product, --few-shot and the like take fewer of those)"
            );
            return Err(EvaluationError::photos(&listed.path, fault));
        }
        listed.into_set(source)
    }

    /// The name of the photos, with that of the split that is asked about where there is one.
    pub fn name_with_split(&self) -> String {
        self.asked_split.as_ref().map_or_else(|| self.name.clone(), |split| format!("{}, {split}", self.name))
    }

    /// Photos with this role.
    pub fn count(&self, role: Role) -> usize {
        self.photos.iter().filter(|photo| photo.role == role).count()
    }
}

/// What a folder or table lists, before splits are given their roles.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// For messages and reports.
    pub(super) path: PathBuf,
    /// Of photos: the split's word in lower case, the product's id, the file. In order.
    pub(super) rows: Vec<(String, String, PathBuf)>,
    /// Names of products by id.
    pub(super) names: HashMap<String, String>,
    pub(super) passed_over: Vec<String>,
    /// Whether the words are splits that the source has, and not our own.
    pub(super) has_splits: bool,
    /// Tables that were read.
    pub(super) tables: Vec<PathBuf>,
}

impl Listing {
    fn into_set(self, source: &Source) -> Result<PhotoSet, EvaluationError> {
        let fault = |fault: String| EvaluationError::photos(&self.path, fault);
        let mut splits: BTreeMap<&str, usize> = BTreeMap::new();
        for (split, ..) in &self.rows {
            *splits.entry(split).or_default() += 1;
        }
        let there = splits.keys().map(|split| format!("\"{split}\"")).collect::<Vec<_>>().join(", ");
        let asked = match &source.ask {
            Some(wish) => Some(wish.to_lowercase()),
            None => ASKED.iter().find(|word| splits.contains_key(**word)).map(|word| (*word).to_owned()),
        };
        let asked = match asked {
            Some(asked) if splits.contains_key(asked.as_str()) => asked,
            _ if splits.is_empty() => {
                let instead = match &self.passed_over[..] {
                    [] => String::new(),
                    others => format!(" (there are {})", others.join("; ")),
                };
                return Err(fault(format!(
                    "there are no photos in it where they are looked for{instead}; a folder per product with JPEG, PNG \
                     or WebP files, or splits with such folders, is wanted"
                )));
            }
            Some(asked) => return Err(fault(format!("no photos have the split \"{asked}\"; it has {there}"))),
            None => {
                return Err(fault(format!(
                    "no split is asked about; it has {there}: name one with --ask, or give some photos the role \"ask\""
                )));
            }
        };
        let mut passed_over = self.passed_over;
        let (mut photos, mut products, mut places) = (Vec::new(), Vec::<Product>::new(), HashMap::new());
        for (split, id, path) in &self.rows {
            let role = match split.as_str() {
                split if split == asked => Role::Asked,
                split if ENROLLED.contains(&split) => Role::Enrolled,
                split if CATALOGUE.contains(&split) => Role::Catalogue,
                _ => continue,
            };
            let product = *places.entry(id).or_insert_with(|| {
                let name = self.names.get(id).unwrap_or(id).clone();
                products.push(Product { id: id.clone(), name });
                products.len() - 1
            });
            photos.push(LabelledPhoto { path: path.clone(), product, role });
        }
        for (split, count) in &splits {
            if *split != asked && !ENROLLED.contains(split) && !CATALOGUE.contains(split) {
                passed_over.push(format!("photos of the split \"{split}\": {count}"));
            }
        }
        let asked_split = self.has_splits.then(|| asked.clone());
        let set =
            PhotoSet { name: short_name(&self.path), asked_split, products, photos, passed_over, tables: self.tables };
        if set.count(Role::Enrolled) == 0 {
            return Err(fault(format!(
                "no photos are enrolled; it has the splits {there}, and enrolled are \"train\" or \"enrol\""
            )));
        }
        Ok(set)
    }
}

/// Whether `word` is one of the usual names of a split.
pub(super) fn is_split(word: &str) -> bool {
    let word = word.to_lowercase();
    [&ENROLLED[..], &CATALOGUE, &ASKED].iter().any(|words| words.contains(&word.as_str()))
}

/// Whether photos of the split `word` are enrolled.
pub(super) fn is_enrolled(word: &str) -> bool {
    ENROLLED.contains(&word.to_lowercase().as_str())
}

/// Whether the split `word` holds catalogue pictures.
pub(super) fn is_catalogue(word: &str) -> bool {
    CATALOGUE.contains(&word.to_lowercase().as_str())
}

/// The last two parts of a path: enough to recognise it, and nothing of the machine.
fn short_name(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let parts: Vec<_> = full.iter().map(|part| part.to_string_lossy()).filter(|part| part != "/").collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}
