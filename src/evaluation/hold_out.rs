//! Which products are treated as never seen: drawn at random, or listed in a file.
//!
//! The draw can be repeated anywhere else, so that a model can be trained without the same products. With seed S, draw d
//! (from 0) orders the product ids by the SHA-256 of the text `"<S + d>:<product id>"` and takes the first ones.
//!
//! ```python
//! sorted(ids, key=lambda id: hashlib.sha256(f"{seed + draw}:{id}".encode()).digest())[:count]
//! ```

use std::collections::{HashMap, HashSet};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::EvaluationError;
use super::photos::{PhotoRole, PhotoSet, Product};
use crate::atomic_file;

const LIST_BYTES_MAX: u64 = 16 << 20;

/// Products outside the gallery, whose query photos count as unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldOutProducts {
    /// The seed of the draw; `None` for a list.
    pub seed: Option<u64>,
    /// Positions in the photo set's products, in the order drawn or listed.
    pub products: Vec<usize>,
}

impl HeldOutProducts {
    /// Draws `count` of the products at `candidates` (positions in `products`) with `seed`.
    ///
    /// # Errors
    /// Fewer than two products would remain.
    pub fn draw(products: &[Product], candidates: &[usize], count: usize, seed: u64) -> Result<Self, EvaluationError> {
        if candidates.len().saturating_sub(2) < count {
            return Err(EvaluationError::InsufficientPhotos(format!(
                "--unseen {count}: enrolled products: {}; two of them must remain, so hold out fewer",
                candidates.len()
            )));
        }
        let key = |product: &usize| <[u8; 32]>::from(Sha256::digest(format!("{seed}:{}", products[*product].id)));
        let mut order = candidates.to_vec();
        order.sort_by_cached_key(key);
        order.truncate(count);
        Ok(Self { seed: Some(seed), products: order })
    }
}

/// The reason of an error about held-out products.
pub(super) const NO_QUERIES: &str =
    "no query photo shows a held-out product that is enrolled; hold out other products, or more";

impl HeldOutProducts {
    /// Checks the labels of `set` before an hour is spent on embedding its photos.
    ///
    /// # Errors
    /// No query photo shows one of these products that is also enrolled, or one of the other enrolled products.
    pub fn check(&self, set: &PhotoSet) -> Result<(), EvaluationError> {
        let with_role = |role| -> HashSet<usize> {
            set.photos.iter().filter(|photo| photo.role == role).map(|photo| photo.product).collect()
        };
        let (enrolled, queried) = (with_role(PhotoRole::Enrolled), with_role(PhotoRole::Query));
        let (unseen, known): (Vec<&usize>, Vec<&usize>) =
            enrolled.intersection(&queried).partition(|product| self.products.contains(product));
        let reason = match (unseen.is_empty(), known.is_empty()) {
            (true, _) => NO_QUERIES,
            (false, true) => "no query photo shows a product that remains; hold out fewer",
            (false, false) => return Ok(()),
        };
        Err(EvaluationError::InsufficientPhotos(format!("{}: {reason}", self.describe())))
    }

    /// Their number and where they come from, in words.
    pub(super) fn describe(&self) -> String {
        let count = self.products.len();
        let products = if count == 1 { "product" } else { "products" };
        match self.seed {
            Some(seed) => format!("{count} {products} held out with seed {seed}"),
            None => format!("{count} listed {products} held out"),
        }
    }
}

/// Reads the list at `path`: an id per line; empty lines and lines that begin with `#` are ignored.
///
/// # Errors
/// The file cannot be read, lists nothing, lists a product twice, or lists an unknown product.
pub fn read_held_out_list(path: &Path, products: &[Product]) -> Result<HeldOutProducts, EvaluationError> {
    let text = atomic_file::read_limited(path, LIST_BYTES_MAX)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not text in UTF-8")))
        .map_err(EvaluationError::unreadable(path))?;
    let positions: HashMap<&str, usize> =
        products.iter().enumerate().map(|(position, product)| (product.id.as_str(), position)).collect();
    let mut listed = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let id = line.trim();
        if id.is_empty() || id.starts_with('#') {
            continue;
        }
        let invalid_line =
            |reason: &str| EvaluationError::invalid_photos(path, format!("line {}: \"{id}\" {reason}", number + 1));
        let position = *positions.get(id).ok_or_else(|| {
            let first = products.first().map_or("", |product| &product.id);
            let reason = products.iter().find(|product| product.name == id).map_or_else(
                || format!("is not the id of a product of these photos, whose first is \"{first}\""),
                |product| format!("is a product's name; its id is \"{}\"", product.id),
            );
            invalid_line(&reason)
        })?;
        if listed.contains(&position) {
            return Err(invalid_line("is listed twice"));
        }
        listed.push(position);
    }
    if listed.is_empty() {
        return Err(EvaluationError::invalid_photos(path, "it lists no product"));
    }
    Ok(HeldOutProducts { seed: None, products: listed })
}
