//! A bounded piece of the index: a FAISS flat index and, row for row, what its vectors stand for.
//!
//! FAISS keeps a flat index in one growing array. Left alone, an add would now and then copy all of it; so a segment takes
//! its whole memory when it is made (outside any lock) and is never filled beyond that. Row numbers rise within a
//! segment, since rows are only appended; that is how a row is found again after the segment has been compacted.

use std::cmp::Ordering;
use std::collections::HashSet;

use faiss::index::flat::FlatIndexImpl;
use faiss::{ConcurrentIndex, Index};

use super::IndexError;
use crate::domain::{ImageId, ProductId};

/// Fewest rows that a first look into a segment asks for.
const FIRST_LOOK: usize = 16;
/// How much further each next look goes.
const WIDENING: usize = 4;

/// What one vector of a segment stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Number of the row in the index: rises with every row ever added.
    pub(super) row: u64,
    pub(super) image: ImageId,
    pub(super) product: ProductId,
    pub(super) live: bool,
}

/// A row that a search found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) score: f32,
    pub(super) entry: Entry,
}

impl Found {
    /// Best first: by score, then by the order of enrolment.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.entry.row.cmp(&other.entry.row))
    }
}

/// The best row of each product, best first, at most `products` of them.
pub(super) fn best_per_product(mut found: Vec<Found>, products: usize) -> Vec<Found> {
    found.sort_unstable_by(Found::order);
    let mut seen = HashSet::new();
    found.retain(|found| seen.len() < products && seen.insert(found.entry.product));
    found
}

#[derive(Debug)]
pub(super) struct Segment {
    // Holds exactly one vector per entry, in the same order.
    flat: FlatIndexImpl,
    entries: Vec<Entry>,
    live: usize,
    capacity: usize,
}

impl Segment {
    /// An empty segment with memory for `capacity` rows.
    pub(super) fn new(dim: usize, capacity: usize) -> Result<Self, IndexError> {
        let mut flat = FlatIndexImpl::new_ip(u32::try_from(dim).unwrap_or(u32::MAX))?;
        // FAISS has no call to reserve memory, but clearing an index keeps what it had.
        flat.add(&vec![0.0; dim * capacity])?;
        flat.reset()?;
        Ok(Self { flat, entries: Vec::with_capacity(capacity), live: 0, capacity })
    }

    pub(super) fn room(&self) -> usize {
        self.capacity - self.entries.len()
    }

    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn dead(&self) -> usize {
        self.entries.len() - self.live
    }

    /// More than a quarter of the rows are dead, which every search pays for, and enough of them to be worth the copy.
    pub(super) fn is_sparse(&self) -> bool {
        self.dead() * 4 > self.entries.len() && self.dead() * 64 >= self.capacity
    }

    pub(super) fn bytes(&self, dim: usize) -> usize {
        self.capacity * (dim * size_of::<f32>() + size_of::<Entry>())
    }

    /// Appends `entries` with their `vectors`, laid end to end. On an error the segment is as before.
    pub(super) fn append(&mut self, entries: &[Entry], vectors: &[f32]) -> Result<(), IndexError> {
        debug_assert!(entries.len() <= self.room());
        self.flat.add(vectors)?;
        self.entries.extend_from_slice(entries);
        self.live += entries.iter().filter(|entry| entry.live).count();
        Ok(())
    }

    /// Marks the row dead; true where it was alive.
    pub(super) fn bury(&mut self, row: u64) -> bool {
        let found = self.entries.binary_search_by_key(&row, |entry| entry.row);
        let buried = found.is_ok_and(|at| std::mem::replace(&mut self.entries[at].live, false));
        self.live -= usize::from(buried);
        buried
    }

    /// A copy without the dead rows.
    pub(super) fn compacted(&self) -> Result<Self, IndexError> {
        let dim = self.flat.d() as usize;
        let mut copy = Self::new(dim, self.capacity)?;
        let rows = self.entries.iter().zip(self.flat.xb().chunks_exact(dim)).filter(|(entry, _)| entry.live);
        let (entries, vectors): (Vec<Entry>, Vec<&[f32]>) = rows.map(|(entry, vector)| (*entry, vector)).unzip();
        copy.append(&entries, &vectors.concat())?;
        Ok(copy)
    }

    /// The best row of each of the `products` products of this segment that are nearest to `query`.
    ///
    /// FAISS returns the k best rows, not products, and knows nothing of dead ones. So k is widened until there are
    /// enough living products and the worst row returned scores below the last of them (rows cut off at k could tie
    /// with it otherwise), or until every row has been returned.
    pub(super) fn search(&self, query: &[f32], products: usize, first_look: usize) -> Result<Vec<Found>, IndexError> {
        if self.live == 0 || products == 0 {
            return Ok(Vec::new());
        }
        let mut k = first_look.max(FIRST_LOOK).min(self.entries.len());
        loop {
            // By its full name: the other trait's `search` wants the index to itself.
            let result = ConcurrentIndex::search(&self.flat, query, k)?;
            let worst = result.distances.last().copied();
            let rows = result.labels.iter().zip(&result.distances).filter_map(|(label, score)| {
                let entry = *self.entries.get(usize::try_from(label.get()?).ok()?)?;
                // Adding zero turns -0 into 0, which would otherwise sort behind it.
                entry.live.then_some(Found { score: score + 0.0, entry })
            });
            let best = best_per_product(rows.collect(), products);
            let last = best.get(products - 1).map(|found| found.score);
            if k == self.entries.len() || last.zip(worst).is_some_and(|(last, worst)| worst < last) {
                return Ok(best);
            }
            k = (k * WIDENING).min(self.entries.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn filling_a_segment_never_moves_its_vectors() {
        let (dim, capacity) = (4, 1_000);
        let mut segment = Segment::new(dim, capacity).unwrap();
        let entry = |row: u64| {
            let id = Uuid::from_u128(u128::from(row));
            Entry { row, image: id.into(), product: id.into(), live: true }
        };
        segment.append(&[entry(0)], &[1.0, 0.0, 0.0, 0.0]).unwrap();
        let place = segment.flat.xb().as_ptr();
        for row in 1..capacity as u64 {
            segment.append(&[entry(row)], &[0.0, 1.0, 0.0, 0.0]).unwrap();
        }
        assert_eq!(segment.flat.xb().as_ptr(), place, "FAISS copied the segment to grow");
        assert_eq!((segment.room(), segment.flat.xb().len()), (0, dim * capacity));
    }
}
