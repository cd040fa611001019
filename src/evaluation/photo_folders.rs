//! Photos in folders: `DIR/PRODUCT/*.jpg`, or the same below a folder per split (`train`, `val`, `iconic`).
//!
//! Names are sorted by their bytes, so that "the first photos" are the same everywhere. Hidden files are skipped silently;
//! other files that are not photos are counted and named.

use std::path::{Path, PathBuf};

use super::EvaluationError;
use super::photos::{ListedPhoto, PhotoListing, is_catalogue, is_enrolled, is_known_split};

/// Extensions of photos; decoding decides whether a file really is one.
const PHOTO_EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// How the photos of a folder become enrolled and query photos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderLayout {
    /// Without splits: the first photos of each product are enrolled, the others are query photos. With splits, the splits
    /// decide.
    EnrolFirst(usize),
    /// A person chose the number: a folder with splits is refused.
    EnrolFirstWithoutSplits(usize),
    /// All photos are enrolled; with splits, those of the enrolled split. There are no query photos.
    EnrolAll,
    /// The photos are enrolled; those of this second folder, with the same product names, are query photos.
    SeparateQueryFolder(PathBuf),
}

/// Lists the photos in `folder`. `query_split` may have any name.
pub(super) fn list_photos(
    folder: &Path,
    layout: &FolderLayout,
    query_split: Option<&str>,
) -> Result<PhotoListing, EvaluationError> {
    let mut listing = PhotoListing { path: folder.to_owned(), ..PhotoListing::default() };
    let mut ignored = IgnoredEntries::default();
    match layout {
        FolderLayout::SeparateQueryFolder(queries) => {
            for (folder, role) in [(folder, "enrol"), (queries, "ask")] {
                let rows_before = listing.rows.len();
                add_products(&mut listing, &mut ignored, folder, role)?;
                if listing.rows.len() == rows_before {
                    let reason = "it contains no photos of products; with --asked-folder, both folders need a folder per \
                                 product with JPEG, PNG or WebP files";
                    return Err(EvaluationError::invalid_photos(folder, reason));
                }
            }
        }
        FolderLayout::EnrolAll => {
            let splits =
                FolderEntries::read(folder)?.folders.into_iter().filter(|split| is_enrolled(&file_name(split)));
            let splits: Vec<PathBuf> = splits.collect();
            for split in &splits {
                add_split(&mut listing, &mut ignored, split)?;
            }
            if splits.is_empty() {
                add_products(&mut listing, &mut ignored, folder, "enrol")?;
            }
        }
        FolderLayout::EnrolFirst(count) | FolderLayout::EnrolFirstWithoutSplits(count) => {
            let entries = FolderEntries::read(folder)?;
            let is_named = |split: &str| query_split.is_some_and(|name| name.eq_ignore_ascii_case(split));
            let is_query =
                |split: &str| is_named(split) || is_known_split(split) && !is_enrolled(split) && !is_catalogue(split);
            let has_split =
                |matches: &dyn Fn(&str) -> bool| entries.folders.iter().any(|split| matches(&file_name(split)));
            if has_split(&is_enrolled) && has_split(&is_query) {
                listing.has_splits = true;
                for split in entries.folders {
                    add_split(&mut listing, &mut ignored, &split)?;
                }
                ignored.add(entries.others);
            } else {
                add_products(&mut listing, &mut ignored, folder, "")?;
                assign_roles(&mut listing, *count)?;
            }
        }
    }
    listing.ignored.extend(ignored.describe());
    Ok(listing)
}

/// The first `count` photos of each product become enrolled, the others query photos.
fn assign_roles(listing: &mut PhotoListing, count: usize) -> Result<(), EvaluationError> {
    let (mut product, mut position) = (String::new(), 0);
    for photo in &mut listing.rows {
        if photo.product != product {
            (product, position) = (photo.product.clone(), 0);
        }
        photo.split = if position < count { "enrol" } else { "ask" }.to_owned();
        position += 1;
    }
    if !listing.rows.is_empty() && listing.rows.iter().all(|photo| photo.split == "enrol") {
        let reason = format!(
            "no product has more than {count} photos, so no query photos are left; enrol fewer (--enrol), or name a second \
             folder (--asked-folder)"
        );
        return Err(EvaluationError::invalid_photos(&listing.path, reason));
    }
    Ok(())
}

/// Adds a folder per product below `split`. Catalogue pictures may also be in `split` directly, named as their products.
fn add_split(listing: &mut PhotoListing, ignored: &mut IgnoredEntries, split: &Path) -> Result<(), EvaluationError> {
    let split_name = file_name(split).to_lowercase();
    let direct_photos = add_folders(listing, ignored, split, &split_name)?;
    if is_catalogue(&split_name) {
        for photo in direct_photos {
            let product = photo.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned).ok_or_else(|| {
                let reason = "this picture is named as its product, and its name is not UTF-8; rename it";
                EvaluationError::invalid_photos(&photo, reason)
            })?;
            listing.rows.push(ListedPhoto { split: split_name.clone(), product, path: photo, product_box: None });
        }
    } else {
        ignored.add(direct_photos);
    }
    Ok(())
}

fn add_products(
    listing: &mut PhotoListing,
    ignored: &mut IgnoredEntries,
    folder: &Path,
    split: &str,
) -> Result<(), EvaluationError> {
    let direct_photos = add_folders(listing, ignored, folder, split)?;
    ignored.add(direct_photos);
    Ok(())
}

/// Adds the photos in the folders below `folder`; returns the photos in `folder` itself.
fn add_folders(
    listing: &mut PhotoListing,
    ignored: &mut IgnoredEntries,
    folder: &Path,
    split: &str,
) -> Result<Vec<PathBuf>, EvaluationError> {
    let entries = FolderEntries::read(folder)?;
    for product_folder in &entries.folders {
        let product_entries = FolderEntries::read(product_folder)?;
        let product = product_name(product_folder)?;
        let rows = product_entries.photos.into_iter().map(|path| ListedPhoto {
            split: split.to_owned(),
            product: product.clone(),
            path,
            product_box: None,
        });
        listing.rows.extend(rows);
        ignored.add(product_entries.others);
        ignored.add(product_entries.folders);
    }
    ignored.add(entries.others);
    Ok(entries.photos)
}

/// A product is named by its folder. Names must be UTF-8, because two that are not could look the same.
fn product_name(folder: &Path) -> Result<String, EvaluationError> {
    let name = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    name.ok_or_else(|| {
        EvaluationError::invalid_photos(folder, "the name of this product's folder is not UTF-8; rename it")
    })
}

/// The content of a folder without hidden files, each kind sorted by name.
#[derive(Default)]
struct FolderEntries {
    folders: Vec<PathBuf>,
    photos: Vec<PathBuf>,
    others: Vec<PathBuf>,
}

impl FolderEntries {
    fn read(folder: &Path) -> Result<Self, EvaluationError> {
        let mut entries = Self::default();
        for entry in std::fs::read_dir(folder).map_err(EvaluationError::unreadable(folder))? {
            let path = entry.map_err(EvaluationError::unreadable(folder))?.path();
            let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
            if file_name(&path).starts_with('.') {
                continue;
            }
            if path.is_dir() {
                entries.folders.push(path);
            } else if extension.is_some_and(|extension| PHOTO_EXTENSIONS.contains(&extension.as_str())) {
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

/// Files and folders that are not photos of a product.
#[derive(Default)]
struct IgnoredEntries {
    first: Option<PathBuf>,
    count: usize,
}

impl IgnoredEntries {
    fn add(&mut self, paths: Vec<PathBuf>) {
        self.count += paths.len();
        self.first = self.first.take().or_else(|| paths.into_iter().next());
    }

    fn describe(self) -> Option<String> {
        let first = self.first?;
        Some(match self.count {
            1 => format!("{}, which is not a photo in a product's folder", first.display()),
            count => format!(
                "{count} files or folders that are not photos in a product's folder (the first: {})",
                first.display()
            ),
        })
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
