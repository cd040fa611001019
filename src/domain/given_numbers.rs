//! Numbers that were given out according to something outside the database: a back-up, the data folder, a printed receipt.
//!
//! A database that was restored from an older copy does not know them and would give them out again.

use serde::{Deserialize, Serialize};

use super::{Series, StoreId};

/// The last number of a series of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenNumber {
    pub store_id: StoreId,
    /// Its name, for people.
    pub store: String,
    pub series: Series,
    pub number: i64,
}

/// The last number of each series, from one or several sources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GivenNumbers(Vec<GivenNumber>);

impl GivenNumbers {
    pub fn iter(&self) -> impl Iterator<Item = &GivenNumber> {
        self.0.iter()
    }

    /// The highest number that is known of a series.
    pub fn last(&self, store: StoreId, series: Series) -> Option<i64> {
        let of_series = self.0.iter().filter(|given| given.store_id == store && given.series == series);
        of_series.map(|given| given.number).max()
    }

    pub fn retain(&mut self, is_kept: impl FnMut(&GivenNumber) -> bool) {
        self.0.retain(is_kept);
    }

    /// Keeps the higher number of each series.
    pub fn merge(&mut self, other: impl IntoIterator<Item = GivenNumber>) {
        for given in other {
            let known =
                self.0.iter_mut().find(|known| known.store_id == given.store_id && known.series == given.series);
            match known {
                Some(known) if known.number >= given.number => {}
                Some(known) => *known = given,
                None => self.0.push(given),
            }
        }
    }
}

impl FromIterator<GivenNumber> for GivenNumbers {
    fn from_iter<I: IntoIterator<Item = GivenNumber>>(numbers: I) -> Self {
        let mut given = Self::default();
        given.merge(numbers);
        given
    }
}

impl IntoIterator for GivenNumbers {
    type Item = GivenNumber;
    type IntoIter = std::vec::IntoIter<GivenNumber>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_number_of_each_series_counts() {
        let (here, there) = (StoreId::NIL, "01900000-0000-7000-8000-000000000000".parse().unwrap());
        let number = |store_id, series, number| GivenNumber { store_id, store: String::new(), series, number };
        let mut given: GivenNumbers =
            [number(here, Series::Order, 7), number(here, Series::Order, 5), number(there, Series::Order, 1)]
                .into_iter()
                .collect();
        given.merge([number(here, Series::Order, 6), number(here, Series::Refund, 2)]);
        assert_eq!(given.last(here, Series::Order), Some(7));
        assert_eq!(given.last(here, Series::Refund), Some(2));
        assert_eq!(given.last(there, Series::Order), Some(1));
        assert_eq!(given.last(there, Series::Refund), None);
        assert_eq!(given.iter().count(), 3);
    }
}
