//! A bounded part of the index: a FAISS flat index, and what each of its vectors stands for.
//!
//! FAISS keeps a flat index in one growing array, so an add would sometimes copy all of it. A segment therefore allocates its
//! whole memory when it is created (outside any lock) and never grows. Each row keeps the serial number that it gets in its
//! segment; it is found by that number even after the segment was compacted.

use std::cmp::Ordering;
use std::ops::Range;

use faiss::index::flat::FlatIndexImpl;
use faiss::{ConcurrentIndex, Idx, Index};

use super::ranking::SegmentResult;
use super::scan::Query;
use super::{IndexError, IndexRow};
use crate::domain::{ImageId, ProductId};

/// With this many queries FAISS multiplies matrices instead of scanning the rows once per query (its
/// `distance_compute_blas_threshold`).
const MATRIX_QUERIES_MIN: usize = 20;
/// With this many queries a batch is padded to [`MATRIX_QUERIES_MIN`]: an estimate of where a product of 20 queries becomes
/// cheaper than single scans.
const PADDED_QUERIES_MIN: usize = 5;

/// What one vector of a segment stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct SegmentRow {
    pub(super) image: ImageId,
    pub(super) product: ProductId,
    /// Number of the row in its segment: increases with every row ever added there.
    serial: u32,
    live: bool,
}

/// A row in the result of a search.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowHit {
    pub(super) score: f32,
    pub(super) row: SegmentRow,
}

impl RowHit {
    /// Best first: by score, then by the image's identifier, which increases with time. So the order does not depend on when or
    /// in what order this index got the rows.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.image.cmp(&other.row.image))
    }
}

#[derive(Debug)]
pub(super) struct Segment {
    // Has exactly one vector per row, in the same order.
    flat: FlatIndexImpl,
    rows: Vec<SegmentRow>,
    live_rows: usize,
    capacity: usize,
    next_serial: u32,
}

impl Segment {
    /// An empty segment with memory for `capacity` rows.
    pub(super) fn new(dim: usize, capacity: usize) -> Result<Self, IndexError> {
        let mut flat = FlatIndexImpl::new_ip(u32::try_from(dim).unwrap_or(u32::MAX))?;
        // FAISS has no call to reserve memory, but clearing an index keeps its memory.
        flat.add(&vec![0.0; dim * capacity])?;
        flat.reset()?;
        Ok(Self { flat, rows: Vec::with_capacity(capacity), live_rows: 0, capacity, next_serial: 0 })
    }

    /// How many rows can be appended: none once the serial numbers are used up, which takes more than a million times its size.
    pub(super) fn room(&self) -> usize {
        (self.capacity - self.rows.len()).min((u32::MAX - self.next_serial) as usize)
    }

    /// The serial number of the next row.
    pub(super) fn next_serial(&self) -> u32 {
        self.next_serial
    }

    pub(super) fn live_rows(&self) -> usize {
        self.live_rows
    }

    pub(super) fn dead_rows(&self) -> usize {
        self.rows.len() - self.live_rows
    }

    /// More than a quarter of the rows are dead, which slows every search, and they are enough to be worth a copy.
    pub(super) fn is_sparse(&self) -> bool {
        self.dead_rows() * 4 > self.rows.len() && self.dead_rows() * 64 >= self.capacity
    }

    /// Memory of a segment's vectors, filled or not.
    pub(super) const fn vector_bytes(dim: usize, capacity: usize) -> usize {
        capacity * dim * size_of::<f32>()
    }

    /// Memory of a segment's rows without the vectors, filled or not.
    pub(super) const fn row_bytes(capacity: usize) -> usize {
        capacity * size_of::<SegmentRow>()
    }

    /// Appends `rows` and returns their serial numbers. There must be room for them. On an error the segment is unchanged.
    pub(super) fn append(&mut self, rows: &[IndexRow]) -> Result<Range<u32>, IndexError> {
        debug_assert!(rows.len() <= self.room());
        let mut vectors = Vec::with_capacity(rows.len() * self.dim());
        rows.iter().for_each(|row| vectors.extend_from_slice(&row.vector));
        self.flat.add(&vectors)?;
        let serials = self.next_serial..self.next_serial + rows.len() as u32;
        let to_segment_row =
            |(serial, row): (u32, &IndexRow)| SegmentRow { image: row.image, product: row.product, serial, live: true };
        self.rows.extend(serials.clone().zip(rows).map(to_segment_row));
        self.live_rows += rows.len();
        self.next_serial = serials.end;
        Ok(serials)
    }

    /// Marks the row dead; returns its product if it was live.
    pub(super) fn mark_dead(&mut self, serial: u32) -> Option<ProductId> {
        let position = self.position(serial)?;
        let row = &mut self.rows[position];
        let product = std::mem::replace(&mut row.live, false).then_some(row.product);
        self.live_rows -= usize::from(product.is_some());
        product
    }

    /// The live row with this serial number.
    pub(super) fn row(&self, serial: u32) -> Option<IndexRow> {
        let position = self.position(serial)?;
        let SegmentRow { image, product, live, .. } = self.rows[position];
        live.then(|| IndexRow { image, product, vector: self.vector(position).into() })
    }

    fn position(&self, serial: u32) -> Option<usize> {
        self.rows.binary_search_by_key(&serial, |row| row.serial).ok()
    }

    /// The live rows with serial numbers below `end`, and their vectors.
    pub(super) fn live_rows_before(&self, end: u32) -> impl Iterator<Item = (&SegmentRow, &[f32])> {
        let rows = self.rows.iter().zip(self.flat.xb().chunks_exact(self.dim()));
        rows.take_while(move |(row, _)| row.serial < end).filter(|(row, _)| row.live)
    }

    /// A copy without the dead rows.
    pub(super) fn copy_compacted(&self) -> Result<Self, IndexError> {
        let mut copy = Self::new(self.dim(), self.capacity)?;
        let (rows, vectors): (Vec<SegmentRow>, Vec<&[f32]>) =
            self.live_rows_before(self.next_serial).map(|(row, vector)| (*row, vector)).unzip();
        copy.flat.add(&vectors.concat())?;
        copy.live_rows = rows.len();
        copy.rows.extend(rows);
        copy.next_serial = self.next_serial;
        Ok(copy)
    }

    /// FAISS' `depth` nearest rows for each of the `selected` queries, without the dead ones.
    pub(super) fn search(
        &self,
        queries: &[Query],
        selected: &[usize],
        depth: usize,
    ) -> Result<Vec<SegmentResult>, IndexError> {
        let depth = depth.min(self.rows.len());
        let mut values: Vec<f32> = selected.iter().flat_map(|query| queries[*query].vector.iter().copied()).collect();
        if (PADDED_QUERIES_MIN..MATRIX_QUERIES_MIN).contains(&selected.len()) {
            let last = values[values.len() - self.dim()..].to_vec();
            (selected.len()..MATRIX_QUERIES_MIN).for_each(|_| values.extend_from_slice(&last));
        }
        // Called by its path, because the `search` of FAISS' other trait needs `&mut`.
        let nearest = ConcurrentIndex::search(&self.flat, &values, depth)?;
        let results =
            nearest.labels.chunks_exact(depth).zip(nearest.distances.chunks_exact(depth)).take(selected.len());
        let result = |(labels, scores): (&[Idx], &[f32])| SegmentResult {
            rows: labels
                .iter()
                .zip(scores)
                .filter_map(|(label, score)| Some((self.live_position(*label)?, *score)))
                .collect(),
            unreturned_score_max: scores.last().copied().filter(|_| depth < self.rows.len()),
        };
        Ok(results.map(result).collect())
    }

    /// The position of the row with FAISS' `label`, if the row is live.
    fn live_position(&self, label: Idx) -> Option<u32> {
        let position = label.get()?;
        self.rows.get(usize::try_from(position).ok()?).filter(|row| row.live)?;
        u32::try_from(position).ok()
    }

    pub(super) fn product(&self, position: u32) -> ProductId {
        self.rows[position as usize].product
    }

    /// The row at this position with its score by [`score`].
    pub(super) fn score_row(&self, position: u32, query: &[f32]) -> RowHit {
        RowHit { score: score(query, self.vector(position as usize)), row: self.rows[position as usize] }
    }

    fn vector(&self, position: usize) -> &[f32] {
        let dim = self.dim();
        &self.flat.xb()[position * dim..(position + 1) * dim]
    }

    fn dim(&self) -> usize {
        self.flat.d() as usize
    }

    /// The largest difference between FAISS' score of two vectors of length 1 and ours: each of `dim` sums in f32 rounds by at
    /// most half an EPSILON of the sum, which is at most 1 (Higham, Accuracy and Stability of Numerical Algorithms, §3.1).
    pub(super) fn score_error_max(&self) -> f32 {
        self.dim() as f32 * f32::EPSILON
    }
}

/// The inner product, summed in f64 and always in the same order, with eight parallel sums for the processor. Adding zero turns
/// -0 into 0, which would otherwise sort after it.
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
            IndexRow { image: id.into(), product: id.into(), vector: vector.to_vec().into() }
        };
        segment.append(&[row(0, [1.0, 0.0, 0.0, 0.0])]).unwrap();
        let address = segment.flat.xb().as_ptr();
        for n in 1..1_000 {
            segment.append(&[row(n, [0.0, 1.0, 0.0, 0.0])]).unwrap();
        }
        assert_eq!(segment.flat.xb().as_ptr(), address, "FAISS copied the segment to grow");
        assert_eq!((segment.room(), segment.flat.xb().len()), (0, dim * capacity));
    }

    #[test]
    fn a_segment_without_serial_numbers_accepts_no_more_rows() {
        let mut segment = Segment::new(1, 8).unwrap();
        segment.next_serial = u32::MAX - 2;
        assert_eq!(segment.room(), 2);
        let row = |n: u128| IndexRow {
            image: Uuid::from_u128(n).into(),
            product: Uuid::from_u128(9).into(),
            vector: vec![1.0].into(),
        };
        assert_eq!(segment.append(&[row(1), row(2)]).unwrap(), u32::MAX - 2..u32::MAX);
        assert_eq!(segment.room(), 0);
        assert_eq!(segment.copy_compacted().unwrap().row(u32::MAX - 1).unwrap().image, row(2).image);
    }
}
