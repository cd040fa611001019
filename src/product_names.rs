//! Names of products that were asked for a moment ago: recognition asks for them, the catalog changes them.
//!
//! A till sees the same few hundred products all day, and to ask for their names is a way to the database and back for every
//! photo. So they are believed for [`GOOD_FOR`] seconds, and no longer than the index stands at one change of the catalog.
//! Invariants: once this server has followed a change that takes a product off sale, the product is no longer named; a name
//! given through this server counts when the attempt ends, however it does, and one that was being read at that moment is
//! not remembered; one given through another server counts here no later than [`GOOD_FOR`] seconds after.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::ProductId;

/// How long names are believed without asking.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// Names that are kept at most, some 10 MB; then all are asked for anew.
const MOST: usize = 65_536;

/// Names of products.
pub type Names = HashMap<ProductId, Arc<str>>;

/// What is remembered; a clone is the same memory.
#[derive(Debug, Clone)]
pub struct ProductNames {
    known: Arc<Mutex<Known>>,
    good_for: Duration,
}

#[derive(Debug, Default)]
struct Known {
    /// How many changes of the catalog the index had seen from which the products came.
    revision: i64,
    /// With the moment at which they were asked for.
    names: HashMap<ProductId, (Arc<str>, Instant)>,
    /// Counts what was forgotten on purpose: whoever began to read before that must not remember what it saw.
    renamings: u64,
}

/// When names were asked for, of which products of which index: what is read then is as old as that.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    at: Instant,
    revision: i64,
    renamings: u64,
}

impl Default for ProductNames {
    /// Believes names for [`GOOD_FOR`].
    fn default() -> Self {
        Self { known: Arc::default(), good_for: GOOD_FOR }
    }
}

impl ProductNames {
    /// Believes names however old they are, for tests that must not depend on how fast they run.
    #[cfg(test)]
    pub(crate) fn of_any_age() -> Self {
        Self { good_for: Duration::MAX, ..Self::default() }
    }

    /// The names of all `products`, which an index found that stood at `revision`; or, where one is not known, what to hand
    /// to [`Self::remember`] with what the database says.
    pub fn find(&self, revision: i64, products: &[ProductId], now: Instant) -> Result<Names, Before> {
        let known = self.lock();
        let name = |id: &ProductId| {
            let (name, since) = known.names.get(id)?;
            (now.saturating_duration_since(*since) < self.good_for).then(|| (*id, Arc::clone(name)))
        };
        let names = (known.revision == revision).then(|| products.iter().map(name).collect()).flatten();
        names.ok_or(Before { at: now, revision, renamings: known.renamings })
    }

    /// Believes names that were read after `before`.
    pub fn remember(&self, names: &Names, before: Before) {
        let mut known = self.lock();
        if known.renamings != before.renamings || before.revision < known.revision {
            return;
        }
        if before.revision > known.revision || known.names.len() + names.len() > MOST {
            known.names.clear();
            known.revision = before.revision;
        }
        known.names.extend(names.iter().map(|(id, name)| (*id, (Arc::clone(name), before.at))));
    }

    /// Forgets all names when what is returned is dropped.
    pub fn forgets(&self) -> Forgets<'_> {
        Forgets(self)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it is held.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`ProductNames::forgets`].
#[derive(Debug)]
#[must_use]
pub struct Forgets<'a>(&'a ProductNames);

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        let mut known = self.0.lock();
        known.renamings += 1;
        known.names.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn product(number: i64) -> ProductId {
        ProductId::at(Timestamp::from_micros(number))
    }

    fn named(names: &[(ProductId, &str)]) -> Names {
        names.iter().map(|(id, name)| (*id, Arc::from(*name))).collect()
    }

    #[test]
    fn names_are_believed_for_some_seconds_and_never_by_halves() {
        let (known, now, tea, rice) = (ProductNames::default(), Instant::now(), product(1), product(2));
        let before = known.find(4, &[tea], now).unwrap_err();
        known.remember(&named(&[(tea, "Tea")]), before);
        assert_eq!(known.find(4, &[tea], now + GOOD_FOR / 2).unwrap(), named(&[(tea, "Tea")]));
        known.find(4, &[tea, rice], now).unwrap_err();
        known.find(4, &[tea], now + GOOD_FOR).unwrap_err();
    }

    #[test]
    fn a_change_of_the_catalog_ends_them_and_what_was_read_before_it_is_not_kept_after_it() {
        let (known, now, tea) = (ProductNames::default(), Instant::now(), product(1));
        let early = known.find(4, &[tea], now).unwrap_err();
        known.remember(&named(&[(tea, "Tea")]), early);
        let later = known.find(5, &[tea], now).unwrap_err();
        known.remember(&named(&[(tea, "Green tea")]), later);
        known.find(4, &[tea], now).unwrap_err();
        known.remember(&named(&[(tea, "Tea")]), early);
        assert_eq!(known.find(5, &[tea], now).unwrap(), named(&[(tea, "Green tea")]));
    }

    #[test]
    fn a_new_name_ends_them_and_what_was_being_read_meanwhile_is_not_kept() {
        let (known, now, tea) = (ProductNames::default(), Instant::now(), product(1));
        let before = known.find(1, &[tea], now).unwrap_err();
        known.remember(&named(&[(tea, "Tea")]), before);
        drop(known.forgets());
        let after = known.find(1, &[tea], now).unwrap_err();
        known.remember(&named(&[(tea, "Tea")]), before);
        known.find(1, &[tea], now).unwrap_err();
        known.remember(&named(&[(tea, "Green tea")]), after);
        assert_eq!(known.find(1, &[tea], now).unwrap(), named(&[(tea, "Green tea")]));
    }

    #[test]
    fn there_is_a_bound() {
        let (known, now) = (ProductNames::default(), Instant::now());
        let before = known.find(1, &[product(0)], now).unwrap_err();
        known.remember(&(0..MOST as i64).map(|number| (product(number), Arc::from("x"))).collect(), before);
        known.remember(&named(&[(product(0), "Tea")]), before);
        assert_eq!(known.lock().names.len(), 1);
    }
}
