//! Which products are treated as never seen: by lot, or from a list.
//!
//! The lot is easy to draw anywhere else, so that a model can be trained without the same products: with seed S, draw d
//! (from 0) puts the product ids in the order of SHA-256 of the text `"<S + d>:<product id>"` and takes the first.
//!
//! ```python
//! sorted(ids, key=lambda id: hashlib.sha256(f"{seed + draw}:{id}".encode()).digest())[:count]
//! ```

use std::collections::{HashMap, HashSet};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::EvaluationError;
use super::photos::{PhotoSet, Product, Role};
use crate::atomic_file;

/// Most bytes of a list of products.
const LARGEST_LIST: u64 = 16 << 20;

/// Products that are left out of the gallery and asked about as unknown.
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
    pub fn drawn(products: &[Product], candidates: &[usize], count: usize, seed: u64) -> Result<Self, EvaluationError> {
        if candidates.len().saturating_sub(2) < count {
            return Err(EvaluationError::Unreachable(format!(
                "--unseen {count}: enrolled products: {}; two of them must remain, so hold out fewer",
                candidates.len()
            )));
        }
        let lot = |place: &usize| <[u8; 32]>::from(Sha256::digest(format!("{seed}:{}", products[*place].id)));
        let mut order = candidates.to_vec();
        order.sort_by_cached_key(lot);
        order.truncate(count);
        Ok(Self { seed: Some(seed), products: order })
    }
}

/// What to say where the photos cannot tell anything about these products.
pub(super) const NOTHING_ASKED: &str =
    "no photo asks about a held-out product that is enrolled; hold out others, or more";

impl HeldOutProducts {
    /// Whether the labels of `set` let anything be asked, before an hour is spent on embedding its photos.
    ///
    /// # Errors
    /// No photo asks about one of these products that is enrolled too, or about one of the others.
    pub fn check(&self, set: &PhotoSet) -> Result<(), EvaluationError> {
        let with = |role| -> HashSet<usize> {
            set.photos.iter().filter(|photo| photo.role == role).map(|photo| photo.product).collect()
        };
        let (enrolled, asked) = (with(Role::Enrolled), with(Role::Asked));
        let (unseen, known): (Vec<&usize>, Vec<&usize>) =
            enrolled.intersection(&asked).partition(|product| self.products.contains(product));
        let fault = match (unseen.is_empty(), known.is_empty()) {
            (true, _) => NOTHING_ASKED,
            (false, true) => "no photo asks about a product that remains; hold out fewer",
            (false, false) => return Ok(()),
        };
        Err(EvaluationError::Unreachable(format!("{}: {fault}", self.in_words())))
    }

    /// How many they are, and where they come from.
    pub(super) fn in_words(&self) -> String {
        let count = self.products.len();
        let products = if count == 1 { "product" } else { "products" };
        match self.seed {
            Some(seed) => format!("{count} {products} held out with seed {seed}"),
            None => format!("{count} listed {products} held out"),
        }
    }
}

/// The products that the file at `path` lists: an id per line; empty lines and lines that begin with `#` are passed over.
///
/// # Errors
/// The file cannot be read, lists nothing, a product twice, or one that is not among `products`.
pub fn listed_products(path: &Path, products: &[Product]) -> Result<HeldOutProducts, EvaluationError> {
    let text = atomic_file::read_limited(path, LARGEST_LIST)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| std::io::Error::other("it is not text in UTF-8")))
        .map_err(EvaluationError::reading(path))?;
    let places: HashMap<&str, usize> = products.iter().enumerate().map(|(place, of)| (of.id.as_str(), place)).collect();
    let mut listed = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let id = line.trim();
        if id.is_empty() || id.starts_with('#') {
            continue;
        }
        let fault = |fault: &str| EvaluationError::photos(path, format!("line {}: \"{id}\" {fault}", number + 1));
        let place = *places.get(id).ok_or_else(|| {
            let first = products.first().map_or("", |product| &product.id);
            let meant = products.iter().find(|product| product.name == id).map_or_else(
                || format!("is the id of no product among the photos, whose first is \"{first}\""),
                |product| format!("is a product's name; its id is \"{}\"", product.id),
            );
            fault(&meant)
        })?;
        if listed.contains(&place) {
            return Err(fault("is listed twice"));
        }
        listed.push(place);
    }
    if listed.is_empty() {
        return Err(EvaluationError::photos(path, "it lists no product"));
    }
    Ok(HeldOutProducts { seed: None, products: listed })
}
