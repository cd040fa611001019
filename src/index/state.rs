//! What the lock guards: the segments, where each image lies, and the revision.
//!
//! Plain and synchronous. A change is checked and planned under a shared reference ([`State::plan`]) and then put in
//! under an exclusive one ([`State::commit`]) without a further decision, in time proportional to the change.

use std::collections::{HashMap, HashSet};

use rayon::ThreadPool;

use super::block_map::BlockMap;
use super::error::VectorFault;
use super::scan::Query;
use super::segment::Segment;
use super::snapshot::{IndexPosition, put_row};
use super::{Applied, Change, Hits, IndexError, Memory, Row, Stats, ranking};
use crate::domain::{ImageId, ProductId};

/// How far from 1 the length of a vector may be: rounding over a few thousand f32 values stays below 1e-5.
const LENGTH_TOLERANCE: f64 = 1e-3;

/// Where an image's row lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowLocation {
    segment: u32,
    serial: u32,
}

/// Where each living image's row lies.
pub(super) type Images = BlockMap<ImageId, RowLocation>;
/// How many living rows each product has.
pub(super) type Products = BlockMap<ProductId, u32>;

#[derive(Debug)]
pub(super) struct State {
    dim: usize,
    capacity: usize,
    revision: i64,
    segments: Vec<Segment>,
    /// The first segment that may have room: those before it are full, so a change need not look at them.
    open: usize,
    images: Images,
    products: Products,
}

/// A checked change: what it comes to, once its steps are taken together.
#[derive(Debug)]
pub(super) struct ValidatedChange {
    removals: Vec<ImageId>,
    additions: Vec<Row>,
}

impl State {
    /// Nothing in it yet; at revision 0.
    pub(super) fn new(dim: usize, capacity: usize) -> Self {
        let (images, products) = (Images::new(), Products::new());
        Self { dim, capacity, revision: 0, segments: Vec::new(), open: 0, images, products }
    }

    /// Adds rows without a change of revision: only while nobody searches yet.
    pub(super) fn fill(&mut self, rows: Vec<Row>) -> Result<(), IndexError> {
        check_vectors(self.dim, &rows)?;
        let plan = self.plan(vec![Change::Add(rows)])?;
        let fresh = (0..self.missing_segments(&plan)).map(|_| Segment::new(self.dim, self.capacity));
        let fresh = fresh.collect::<Result<_, _>>()?;
        self.commit(self.revision, plan, fresh)?;
        Ok(())
    }

    /// After filling: the change up to which it is full.
    pub(super) fn stand_at(&mut self, revision: i64) {
        self.revision = revision;
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    /// Whether searches can find the image.
    pub(super) fn has(&self, image: ImageId) -> bool {
        self.images.contains(image)
    }

    pub(super) fn mark(&self) -> IndexPosition {
        IndexPosition { revision: self.revision, serials: self.segments.iter().map(Segment::next_serial).collect() }
    }

    /// Fills `bytes` with the segment's living rows with serial numbers below `end`, as a snapshot has them, and tells how
    /// many they are.
    pub(super) fn copy_to(&self, bytes: &mut Vec<u8>, segment: usize, end: u32) -> u64 {
        bytes.clear();
        let mut rows = 0;
        for (entry, vector) in self.segments[segment].living(end) {
            put_row(bytes, entry.image.uuid(), entry.product.uuid(), vector);
            rows += 1;
        }
        rows
    }

    pub(super) fn revision(&self) -> i64 {
        self.revision
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            revision: self.revision,
            rows: self.images.len(),
            dead: self.segments.iter().map(Segment::dead).sum(),
            products: self.products.len(),
            segments: self.segments.len(),
            memory: Memory {
                vectors: self.segments.len() * Segment::vector_bytes(self.dim, self.capacity),
                rows: self.segments.len() * Segment::entry_bytes(self.capacity),
                images: self.images.bytes(),
                products: self.products.bytes(),
            },
        }
    }

    /// Living rows in the order of their images' identifiers, after `after`.
    pub(super) fn rows_after(&self, after: ImageId) -> impl Iterator<Item = Row> {
        self.images.after(after).filter_map(|(_, place)| self.segments[place.segment as usize].row(place.serial))
    }

    /// Goes through the steps in their order and keeps what they come to.
    ///
    /// # Errors
    /// An image is added that is there at that point.
    pub(super) fn plan(&self, changes: Vec<Change>) -> Result<ValidatedChange, IndexError> {
        let mut removed = HashSet::new();
        let mut added: HashMap<ImageId, usize> = HashMap::new();
        let mut additions: Vec<Option<Row>> = Vec::new();
        for change in changes {
            match change {
                Change::Add(rows) => {
                    for row in rows {
                        let image = row.image;
                        let was_there = self.images.contains(image) && !removed.contains(&image);
                        if was_there || added.insert(image, additions.len()).is_some() {
                            return Err(IndexError::Duplicate { image });
                        }
                        additions.push(Some(row));
                    }
                }
                Change::Remove(images) => {
                    for image in images {
                        if let Some(at) = added.remove(&image) {
                            additions[at] = None;
                        } else if self.images.contains(image) {
                            removed.insert(image);
                        }
                    }
                }
            }
        }
        Ok(ValidatedChange {
            removals: removed.into_iter().collect(),
            additions: additions.into_iter().flatten().collect(),
        })
    }

    /// How many segments must be made before [`State::commit`] has room for the plan's rows.
    pub(super) fn missing_segments(&self, plan: &ValidatedChange) -> usize {
        let room = self.segments.iter().skip(self.open).map(Segment::room).sum();
        plan.additions.len().saturating_sub(room).div_ceil(self.capacity)
    }

    /// Puts the plan in: all of it, or, where FAISS fails, nothing. Returns what was done and which segments became sparse.
    pub(super) fn commit(
        &mut self,
        revision: i64,
        plan: ValidatedChange,
        fresh: Vec<Segment>,
    ) -> Result<(Applied, Vec<usize>), IndexError> {
        self.segments.extend(fresh);
        let added = plan.additions.len();
        let places = self.append(&plan.additions)?;
        let mut touched: Vec<usize> = plan.removals.iter().filter_map(|image| self.remove(*image)).collect();
        let removed = touched.len();
        for (row, place) in plan.additions.iter().zip(places) {
            self.images.insert(row.image, place);
            self.products.insert(row.product, self.products.get(row.product).unwrap_or_default() + 1);
        }
        self.revision = revision;
        touched.sort_unstable();
        touched.dedup();
        touched.retain(|segment| self.segments[*segment].is_sparse());
        Ok((Applied::Changed { added, removed }, touched))
    }

    /// Appends rows to the segments that have room, first to last.
    fn append(&mut self, mut rows: &[Row]) -> Result<Vec<RowLocation>, IndexError> {
        let mut places: Vec<RowLocation> = Vec::with_capacity(rows.len());
        for (segment, number) in self.segments.iter_mut().zip(0..).skip(self.open) {
            let (here, rest) = rows.split_at(rows.len().min(segment.room()));
            if here.is_empty() {
                continue;
            }
            match segment.append(here) {
                Ok(serials) => places.extend(serials.map(|serial| RowLocation { segment: number, serial })),
                Err(error) => {
                    // What went into earlier segments is nobody's: searches pass over it.
                    for RowLocation { segment, serial } in places {
                        self.segments[segment as usize].bury(serial);
                    }
                    return Err(error);
                }
            }
            rows = rest;
        }
        debug_assert!(rows.is_empty(), "missing_segments made room for every row");
        self.open += self.segments[self.open..].iter().take_while(|segment| segment.room() == 0).count();
        Ok(places)
    }

    /// Marks the image's row dead and tells its segment.
    fn remove(&mut self, image: ImageId) -> Option<usize> {
        let RowLocation { segment, serial } = self.images.remove(image)?;
        if let Some(product) = self.segments[segment as usize].bury(serial) {
            match self.products.get(product) {
                Some(rows) if rows > 1 => self.products.insert(product, rows - 1),
                _ => drop(self.products.remove(product)),
            }
        }
        Some(segment as usize)
    }

    /// A copy of a segment without its dead rows.
    pub(super) fn compacted(&self, segment: usize) -> Result<Segment, IndexError> {
        self.segments[segment].compacted()
    }

    /// Puts the copy in the segment's place and hands the old one out. Rows keep their numbers, so no place changes.
    pub(super) fn exchange(&mut self, segment: usize, copy: Segment) -> Segment {
        self.open = self.open.min(segment);
        std::mem::replace(&mut self.segments[segment], copy)
    }

    /// For each query its nearest products. `helpers` share the work out where there is enough of it.
    pub(super) fn search(&self, queries: &[Query], helpers: Option<&ThreadPool>) -> Result<Vec<Hits>, IndexError> {
        // Usually enough: twice as many rows as that number of products has on average.
        let rows_per_product = self.images.len().div_ceil(self.products.len().max(1));
        let there_are = self.products.len();
        let most = queries.iter().map(|query| query.products.min(there_are)).max().unwrap_or_default();
        let rows_wanted = most.saturating_mul(rows_per_product).saturating_mul(2);
        let segments: Vec<&Segment> = self.segments.iter().filter(|segment| segment.live() > 0).collect();
        let found = ranking::nearest_products(&segments, queries, (there_are, rows_wanted), helpers)?;
        Ok(found.into_iter().map(|hits| Hits { revision: self.revision, hits }).collect())
    }
}

/// Refuses the first row whose vector FAISS must not see.
pub(super) fn check_vectors<'a>(dim: usize, rows: impl IntoIterator<Item = &'a Row>) -> Result<(), IndexError> {
    let check = |row: &Row| check_vector(dim, &row.vector).map_err(|fault| IndexError::Row { image: row.image, fault });
    rows.into_iter().try_for_each(check)
}

/// Finite, of `dim` values and of length 1.
pub(super) fn check_vector(dim: usize, vector: &[f32]) -> Result<(), VectorFault> {
    if vector.len() != dim {
        return Err(VectorFault::WrongDimension { expected: dim, found: vector.len() });
    }
    if let Some(at) = vector.iter().position(|value| !value.is_finite()) {
        return Err(VectorFault::NotFinite { at, value: vector[at] });
    }
    let length = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>().sqrt();
    if (length - 1.0).abs() > LENGTH_TOLERANCE {
        return Err(VectorFault::NotUnit { length });
    }
    Ok(())
}
