//! Names of products that were asked for a moment ago.
//!
//! A till sees the same few hundred products all day, and to ask for their names is a way to the database and back for every
//! photo. They change only with the catalog, so they are kept for as long as the index stands at one change of it. Invariant:
//! a name that is given was read when the catalog stood at `revision` or later, so once this server has followed a change,
//! no product has the name, or the place on sale, that it had before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::ProductId;

/// Names that are kept at most, some 10 MB; then all are asked for anew.
const MOST: usize = 65_536;

/// Names by product; a clone is the same memory.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownNames(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// How many changes of the catalog the index had seen from which the products came.
    revision: i64,
    names: HashMap<ProductId, Arc<str>>,
}

impl KnownNames {
    /// The names of all `products`, which an index found that stood at `revision`; nothing where one is not known.
    pub(super) fn of(&self, revision: i64, products: &[ProductId]) -> Option<HashMap<ProductId, Arc<str>>> {
        let known = self.lock();
        let name = |id: &ProductId| known.names.get(id).map(|name| (*id, Arc::clone(name)));
        if known.revision == revision { products.iter().map(name).collect() } else { None }
    }

    /// Keeps names that were read after an index that stood at `revision` had found the products.
    pub(super) fn remember(&self, revision: i64, names: &HashMap<ProductId, Arc<str>>) {
        let mut known = self.lock();
        if revision < known.revision {
            return;
        }
        if revision > known.revision || known.names.len() + names.len() > MOST {
            known.names.clear();
            known.revision = revision;
        }
        known.names.extend(names.iter().map(|(id, name)| (*id, Arc::clone(name))));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn named(names: &[(ProductId, &str)]) -> HashMap<ProductId, Arc<str>> {
        names.iter().map(|(id, name)| (*id, Arc::from(*name))).collect()
    }

    #[test]
    fn names_are_known_until_the_catalog_changes_and_never_by_halves() {
        let known = KnownNames::default();
        let (tea, rice) = (ProductId::at(Timestamp::from_micros(1)), ProductId::at(Timestamp::from_micros(2)));
        assert_eq!(known.of(4, &[tea]), None);
        known.remember(4, &named(&[(tea, "Tea")]));
        assert_eq!(known.of(4, &[tea]), Some(named(&[(tea, "Tea")])));
        assert_eq!(known.of(4, &[tea, rice]), None);
        assert_eq!(known.of(5, &[tea]), None);
        known.remember(5, &named(&[(rice, "Rice")]));
        assert_eq!(known.of(5, &[tea]), None, "it is of the catalog before");
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let known = KnownNames::default();
        let tea = ProductId::at(Timestamp::from_micros(1));
        known.remember(5, &named(&[(tea, "Green tea")]));
        known.remember(4, &named(&[(tea, "Tea")]));
        assert_eq!(known.of(5, &[tea]), Some(named(&[(tea, "Green tea")])));
        assert_eq!(known.of(4, &[tea]), None);
    }

    #[test]
    fn there_is_a_bound() {
        let known = KnownNames::default();
        let all = || (0..MOST as i64).map(|at| (ProductId::at(Timestamp::from_micros(at)), Arc::from("x"))).collect();
        known.remember(1, &all());
        let tea = ProductId::at(Timestamp::from_micros(1));
        known.remember(1, &named(&[(tea, "Tea")]));
        assert_eq!(known.lock().names.len(), 1);
    }
}
