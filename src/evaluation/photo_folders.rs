//! Photos in folders: `DIR/PRODUCT/*.jpg`, or the same below a folder per split (`train`, `val`, `iconic`).
//!
//! Names are sorted by their bytes, so that "the first photos" are the same everywhere. Hidden files are not looked at;
//! other things that are no photos are counted and named.

use std::path::{Path, PathBuf};

use super::EvaluationError;
use super::photos::{Listing, is_catalogue, is_enrolled, is_split};

/// Files whose names end so are photos; what they really are is found when they are decoded.
const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// How folders without splits are divided into enrolled and asked photos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderLayout {
    /// Where there are no splits: of each product the first so many photos are enrolled, the others asked about.
    FirstEnrolled(usize),
    /// The same, because a person said how many: what has splits is refused.
    FirstEnrolledOnly(usize),
    /// The photos are enrolled; those of this second folder, by the same product names, are asked about.
    AskedIn(PathBuf),
}

/// Lists the photos in `folder`. `ask` is the split to be asked about, if one was named: it may have any name.
pub(super) fn read(folder: &Path, layout: &FolderLayout, ask: Option<&str>) -> Result<Listing, EvaluationError> {
    let mut listing = Listing { path: folder.to_owned(), ..Listing::default() };
    let mut strays = Strays::default();
    match layout {
        FolderLayout::AskedIn(asked) => {
            for (folder, role) in [(folder, "enrol"), (asked, "ask")] {
                let before = listing.rows.len();
                add_products(&mut listing, &mut strays, folder, role)?;
                if listing.rows.len() == before {
                    let fault = "there are no photos of products in it; with --asked-folder both folders have a folder per \
                                 product with JPEG, PNG or WebP files";
                    return Err(EvaluationError::photos(folder, fault));
                }
            }
        }
        FolderLayout::FirstEnrolled(count) | FolderLayout::FirstEnrolledOnly(count) => {
            let entries = Entries::of(folder)?;
            let named = |word: &str| ask.is_some_and(|ask| ask.eq_ignore_ascii_case(word));
            let asked = |word: &str| named(word) || is_split(word) && !is_enrolled(word) && !is_catalogue(word);
            let has = |wanted: &dyn Fn(&str) -> bool| entries.folders.iter().any(|split| wanted(&name(split)));
            if has(&is_enrolled) && has(&asked) {
                listing.has_splits = true;
                for split in entries.folders {
                    add_split(&mut listing, &mut strays, &split)?;
                }
                strays.take(entries.others);
            } else {
                add_products(&mut listing, &mut strays, folder, "")?;
                divide(&mut listing, *count)?;
            }
        }
    }
    listing.passed_over.extend(strays.in_words());
    Ok(listing)
}

/// The first `count` photos of each product become enrolled, the others asked.
fn divide(listing: &mut Listing, count: usize) -> Result<(), EvaluationError> {
    let (mut product, mut seen) = (String::new(), 0);
    for (split, id, _) in &mut listing.rows {
        if *id != product {
            (product, seen) = (id.clone(), 0);
        }
        *split = if seen < count { "enrol" } else { "ask" }.to_owned();
        seen += 1;
    }
    if !listing.rows.is_empty() && listing.rows.iter().all(|(split, ..)| split == "enrol") {
        let fault = format!(
            "no product has more than {count} photos, so none are left to ask about; enrol fewer (--enrol), or name a \
             second folder (--asked-folder)"
        );
        return Err(EvaluationError::photos(&listing.path, fault));
    }
    Ok(())
}

/// A folder per product below `split`; catalogue pictures may also lie in it directly, named as the products are.
fn add_split(listing: &mut Listing, strays: &mut Strays, split: &Path) -> Result<(), EvaluationError> {
    let word = name(split).to_lowercase();
    let loose = add_folders(listing, strays, split, &word)?;
    if is_catalogue(&word) {
        for photo in loose {
            let product = photo.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned).ok_or_else(|| {
                let fault = "the name of this picture is that of its product, and is not UTF-8; rename it";
                EvaluationError::photos(&photo, fault)
            })?;
            listing.rows.push((word.clone(), product, photo));
        }
    } else {
        strays.take(loose);
    }
    Ok(())
}

fn add_products(listing: &mut Listing, strays: &mut Strays, folder: &Path, split: &str) -> Result<(), EvaluationError> {
    let loose = add_folders(listing, strays, folder, split)?;
    strays.take(loose);
    Ok(())
}

/// Adds the photos in the folders below `folder`; gives those that lie in it directly.
fn add_folders(
    listing: &mut Listing,
    strays: &mut Strays,
    folder: &Path,
    split: &str,
) -> Result<Vec<PathBuf>, EvaluationError> {
    let entries = Entries::of(folder)?;
    for folder in &entries.folders {
        let inside = Entries::of(folder)?;
        let product = product_of(folder)?;
        listing.rows.extend(inside.photos.into_iter().map(|photo| (split.to_owned(), product.clone(), photo)));
        strays.take(inside.others);
        strays.take(inside.folders);
    }
    strays.take(entries.others);
    Ok(entries.photos)
}

/// The product that a folder is named for. Two names that are not UTF-8 could look like one.
fn product_of(folder: &Path) -> Result<String, EvaluationError> {
    let named = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    named.ok_or_else(|| EvaluationError::photos(folder, "the name of this product's folder is not UTF-8; rename it"))
}

/// What lies in a folder, each kind sorted by name; hidden files left out.
#[derive(Default)]
struct Entries {
    folders: Vec<PathBuf>,
    photos: Vec<PathBuf>,
    others: Vec<PathBuf>,
}

impl Entries {
    fn of(folder: &Path) -> Result<Self, EvaluationError> {
        let mut entries = Self::default();
        for entry in std::fs::read_dir(folder).map_err(EvaluationError::reading(folder))? {
            let path = entry.map_err(EvaluationError::reading(folder))?.path();
            let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
            if name(&path).starts_with('.') {
                continue;
            }
            if path.is_dir() {
                entries.folders.push(path);
            } else if extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str())) {
                entries.photos.push(path);
            } else {
                entries.others.push(path);
            }
        }
        for kind in [&mut entries.folders, &mut entries.photos, &mut entries.others] {
            kind.sort();
        }
        Ok(entries)
    }
}

/// Files and folders that are no photos of a product.
#[derive(Default)]
struct Strays {
    first: Option<PathBuf>,
    count: usize,
}

impl Strays {
    fn take(&mut self, paths: Vec<PathBuf>) {
        self.count += paths.len();
        self.first = self.first.take().or_else(|| paths.into_iter().next());
    }

    fn in_words(self) -> Option<String> {
        let first = self.first?;
        Some(match self.count {
            1 => format!("{}, which is no photo in a product's folder", first.display()),
            count => format!(
                "{count} files or folders that are no photos in a product's folder (the first: {})",
                first.display()
            ),
        })
    }
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
