//! A bounded piece of the index: a FAISS flat index and, row for row, what its vectors stand for.
//!
//! FAISS keeps a flat index in one growing array. Left alone, an add would now and then copy all of it; so a segment takes
//! its whole memory when it is made (outside any lock) and is never filled beyond that. Each row gets the segment's next
//! serial number and keeps it; that is how it is found again after the segment has been compacted.

use std::cmp::Ordering;
use std::ops::Range;

use faiss::index::flat::FlatIndexImpl;
use faiss::{ConcurrentIndex, Idx, Index};

use super::ranking::SegmentResult;
use super::scan::Query;
use super::{IndexError, Row};
use crate::domain::{ImageId, ProductId};

/// Queries from which on FAISS multiplies matrices instead of going through the rows once per query (its
/// `distance_compute_blas_threshold`). From [`PADDED_FROM`] on a batch is filled up to it: an estimate of where a product of
/// 20 queries becomes cheaper than as many passes.
const MATRIX_FROM: usize = 20;
const PADDED_FROM: usize = 5;

/// What one vector of a segment stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) image: ImageId,
    pub(super) product: ProductId,
    /// Number of the row in its segment: rises with every row ever added there.
    serial: u32,
    live: bool,
}

/// A row that a search found.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowHit {
    pub(super) score: f32,
    pub(super) entry: Entry,
}

impl RowHit {
    /// Best first: by score, then by the image's identifier, which rises with time. Nothing of it depends on when and in what
    /// order this index learned of the rows.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.entry.image.cmp(&other.entry.image))
    }
}

#[derive(Debug)]
pub(super) struct Segment {
    // Holds exactly one vector per entry, in the same order.
    flat: FlatIndexImpl,
    entries: Vec<Entry>,
    live: usize,
    capacity: usize,
    next_serial: u32,
}

impl Segment {
    /// An empty segment with memory for `capacity` rows.
    pub(super) fn new(dim: usize, capacity: usize) -> Result<Self, IndexError> {
        let mut flat = FlatIndexImpl::new_ip(u32::try_from(dim).unwrap_or(u32::MAX))?;
        // FAISS has no call to reserve memory, but clearing an index keeps what it had.
        flat.add(&vec![0.0; dim * capacity])?;
        flat.reset()?;
        Ok(Self { flat, entries: Vec::with_capacity(capacity), live: 0, capacity, next_serial: 0 })
    }

    /// Rows that can be appended. None once the serial numbers are used up, which takes more than a million times its size.
    pub(super) fn room(&self) -> usize {
        (self.capacity - self.entries.len()).min((u32::MAX - self.next_serial) as usize)
    }

    /// The serial number that the next row will get.
    pub(super) fn next_serial(&self) -> u32 {
        self.next_serial
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

    /// Memory of the vectors of a segment, filled or not.
    pub(super) const fn vector_bytes(dim: usize, capacity: usize) -> usize {
        capacity * dim * size_of::<f32>()
    }

    /// Memory of what they stand for.
    pub(super) const fn entry_bytes(capacity: usize) -> usize {
        capacity * size_of::<Entry>()
    }

    /// Appends `rows`, for which there must be room, and gives their serial numbers. On an error the segment is as before.
    pub(super) fn append(&mut self, rows: &[Row]) -> Result<Range<u32>, IndexError> {
        debug_assert!(rows.len() <= self.room());
        let mut vectors = Vec::with_capacity(rows.len() * self.dim());
        rows.iter().for_each(|row| vectors.extend_from_slice(&row.vector));
        self.flat.add(&vectors)?;
        let serials = self.next_serial..self.next_serial + rows.len() as u32;
        let entry = |(serial, row): (u32, &Row)| Entry { image: row.image, product: row.product, serial, live: true };
        self.entries.extend(serials.clone().zip(rows).map(entry));
        self.live += rows.len();
        self.next_serial = serials.end;
        Ok(serials)
    }

    /// Marks the row dead; gives its product where it was alive.
    pub(super) fn bury(&mut self, serial: u32) -> Option<ProductId> {
        let at = self.place(serial)?;
        let entry = &mut self.entries[at];
        let buried = std::mem::replace(&mut entry.live, false).then_some(entry.product);
        self.live -= usize::from(buried.is_some());
        buried
    }

    /// The living row of this serial number.
    pub(super) fn row(&self, serial: u32) -> Option<Row> {
        let at = self.place(serial)?;
        let Entry { image, product, live, .. } = self.entries[at];
        live.then(|| Row { image, product, vector: self.vector(at).into() })
    }

    fn place(&self, serial: u32) -> Option<usize> {
        self.entries.binary_search_by_key(&serial, |entry| entry.serial).ok()
    }

    /// The living rows with serial numbers below `end`, and their vectors.
    pub(super) fn living(&self, end: u32) -> impl Iterator<Item = (&Entry, &[f32])> {
        let rows = self.entries.iter().zip(self.flat.xb().chunks_exact(self.dim()));
        rows.take_while(move |(entry, _)| entry.serial < end).filter(|(entry, _)| entry.live)
    }

    /// A copy without the dead rows.
    pub(super) fn compacted(&self) -> Result<Self, IndexError> {
        let mut copy = Self::new(self.dim(), self.capacity)?;
        let (entries, vectors): (Vec<Entry>, Vec<&[f32]>) =
            self.living(self.next_serial).map(|(entry, vector)| (*entry, vector)).unzip();
        copy.flat.add(&vectors.concat())?;
        copy.live = entries.len();
        copy.entries.extend(entries);
        copy.next_serial = self.next_serial;
        Ok(copy)
    }

    /// FAISS' `depth` nearest rows of each of the `asked` queries, those that live.
    pub(super) fn look(
        &self,
        queries: &[Query],
        asked: &[usize],
        depth: usize,
    ) -> Result<Vec<SegmentResult>, IndexError> {
        let depth = depth.min(self.entries.len());
        let mut end_to_end: Vec<f32> = asked.iter().flat_map(|at| queries[*at].vector.iter().copied()).collect();
        if (PADDED_FROM..MATRIX_FROM).contains(&asked.len()) {
            let last = end_to_end[end_to_end.len() - self.dim()..].to_vec();
            (asked.len()..MATRIX_FROM).for_each(|_| end_to_end.extend_from_slice(&last));
        }
        // By its full name: the other trait's `search` wants the index to itself.
        let nearest = ConcurrentIndex::search(&self.flat, &end_to_end, depth)?;
        let rows = nearest.labels.chunks_exact(depth).zip(nearest.distances.chunks_exact(depth)).take(asked.len());
        let look = |(labels, scores): (&[Idx], &[f32])| SegmentResult {
            rows: labels
                .iter()
                .zip(scores)
                .filter_map(|(label, score)| Some((self.living_at(*label)?, *score)))
                .collect(),
            floor: scores.last().copied().filter(|_| depth < self.entries.len()),
        };
        Ok(rows.map(look).collect())
    }

    /// The place of the row that FAISS calls `label`, where it lives.
    fn living_at(&self, label: Idx) -> Option<u32> {
        let at = label.get()?;
        self.entries.get(usize::try_from(at).ok()?).filter(|entry| entry.live)?;
        u32::try_from(at).ok()
    }

    /// What the row at this place shows.
    pub(super) fn product(&self, place: u32) -> ProductId {
        self.entries[place as usize].product
    }

    /// The row at this place with its score, computed here.
    pub(super) fn found(&self, place: u32, query: &[f32]) -> RowHit {
        RowHit { score: score(query, self.vector(place as usize)), entry: self.entries[place as usize] }
    }

    fn vector(&self, at: usize) -> &[f32] {
        let dim = self.dim();
        &self.flat.xb()[at * dim..(at + 1) * dim]
    }

    fn dim(&self) -> usize {
        self.flat.d() as usize
    }

    /// How far FAISS' score of two vectors of length 1 can be from ours: every one of `dim` sums in f32 rounds by at most half
    /// an EPSILON of what is summed, which is 1 at most (Higham, Accuracy and Stability of Numerical Algorithms, §3.1).
    pub(super) fn rounding(&self) -> f32 {
        self.dim() as f32 * f32::EPSILON
    }
}

/// The inner product, summed in f64 and always in the same order, eight sums side by side as the processor likes it. Adding
/// zero turns -0 into 0, which would otherwise sort behind it.
fn score(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0_f64; 8];
    let (ones, others) = (one.chunks_exact(8), other.chunks_exact(8));
    let rest: f64 = ones.remainder().iter().zip(others.remainder()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    for (one, other) in ones.zip(others) {
        for (sum, (a, b)) in sums.iter_mut().zip(one.iter().zip(other)) {
            *sum += f64::from(*a) * f64::from(*b);
        }
    }
    (sums.iter().sum::<f64>() + rest) as f32 + 0.0
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn filling_a_segment_never_moves_its_vectors() {
        let (dim, capacity) = (4, 1_000);
        let mut segment = Segment::new(dim, capacity).unwrap();
        let row = |n: u32, vector: [f32; 4]| {
            let id = Uuid::from_u128(u128::from(n));
            Row { image: id.into(), product: id.into(), vector: vector.to_vec().into() }
        };
        segment.append(&[row(0, [1.0, 0.0, 0.0, 0.0])]).unwrap();
        let place = segment.flat.xb().as_ptr();
        for n in 1..1_000 {
            segment.append(&[row(n, [0.0, 1.0, 0.0, 0.0])]).unwrap();
        }
        assert_eq!(segment.flat.xb().as_ptr(), place, "FAISS copied the segment to grow");
        assert_eq!((segment.room(), segment.flat.xb().len()), (0, dim * capacity));
    }

    #[test]
    fn a_segment_whose_serial_numbers_run_out_takes_no_more_rows() {
        let mut segment = Segment::new(1, 8).unwrap();
        segment.next_serial = u32::MAX - 2;
        assert_eq!(segment.room(), 2);
        let row = |n: u128| Row {
            image: Uuid::from_u128(n).into(),
            product: Uuid::from_u128(9).into(),
            vector: vec![1.0].into(),
        };
        assert_eq!(segment.append(&[row(1), row(2)]).unwrap(), u32::MAX - 2..u32::MAX);
        assert_eq!(segment.room(), 0);
        assert_eq!(segment.compacted().unwrap().row(u32::MAX - 1).unwrap().image, row(2).image);
    }
}
