//! The state that the lock guards: the segments, the location of each image's row, and the revision.
//!
//! Plain and synchronous. A change is validated under a shared reference ([`State::validate`]) and then committed under an
//! exclusive one ([`State::commit`]) without further decisions, in time proportional to the change.

use std::collections::{HashMap, HashSet};

use rayon::ThreadPool;

use super::block_map::BlockMap;
use super::error::VectorFault;
use super::scan::Query;
use super::segment::Segment;
use super::snapshot::{IndexPosition, append_row};
use super::{Change, ChangeOutcome, Hits, IndexError, IndexRow, IndexStats, MemoryUsage, ranking};
use crate::domain::{ImageId, ProductId};

/// Tolerance for the length of a vector: rounding over a few thousand f32 values stays below 1e-5.
const LENGTH_TOLERANCE: f64 = 1e-3;

/// Where an image's row is.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowLocation {
    segment: u32,
    serial: u32,
}

/// The location of each live image's row.
pub(super) type ImageLocations = BlockMap<ImageId, RowLocation>;
/// The number of live rows of each product.
pub(super) type ProductCounts = BlockMap<ProductId, u32>;

#[derive(Debug)]
pub(super) struct State {
    dim: usize,
    capacity: usize,
    revision: i64,
    segments: Vec<Segment>,
    /// The first segment that may have room: those before it are full, so a change skips them.
    first_open_segment: usize,
    images: ImageLocations,
    products: ProductCounts,
}

/// A validated change: the combined effect of its steps.
#[derive(Debug)]
pub(super) struct ValidatedChange {
    removals: Vec<ImageId>,
    additions: Vec<IndexRow>,
}

impl State {
    /// Empty, at revision 0.
    pub(super) fn new(dim: usize, capacity: usize) -> Self {
        let (images, products) = (ImageLocations::new(), ProductCounts::new());
        Self { dim, capacity, revision: 0, segments: Vec::new(), first_open_segment: 0, images, products }
    }

    /// Adds rows without changing the revision, before any search.
    pub(super) fn add_rows(&mut self, rows: Vec<IndexRow>) -> Result<(), IndexError> {
        check_vectors(self.dim, &rows)?;
        let change = self.validate(vec![Change::Add(rows)])?;
        let new_segments = (0..self.missing_segments(&change)).map(|_| Segment::new(self.dim, self.capacity));
        let new_segments = new_segments.collect::<Result<_, _>>()?;
        self.commit(self.revision, change, new_segments)?;
        Ok(())
    }

    /// The revision of the rows that were added before any search.
    pub(super) fn set_revision(&mut self, revision: i64) {
        self.revision = revision;
    }

    pub(super) fn dim(&self) -> usize {
        self.dim
    }

    pub(super) fn contains_image(&self, image: ImageId) -> bool {
        self.images.contains(image)
    }

    pub(super) fn position(&self) -> IndexPosition {
        IndexPosition { revision: self.revision, serials: self.segments.iter().map(Segment::next_serial).collect() }
    }

    /// Fills `bytes` with the segment's live rows with serial numbers below `end`, as in a snapshot, and returns their number.
    pub(super) fn copy_to(&self, bytes: &mut Vec<u8>, segment: usize, end: u32) -> u64 {
        bytes.clear();
        let mut rows = 0;
        for (row, vector) in self.segments[segment].live_rows_before(end) {
            append_row(bytes, row.image.uuid(), row.product.uuid(), vector);
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

    pub(super) fn stats(&self) -> IndexStats {
        IndexStats {
            revision: self.revision,
            rows: self.images.len(),
            dead_rows: self.segments.iter().map(Segment::dead_rows).sum(),
            products: self.products.len(),
            segments: self.segments.len(),
            memory: MemoryUsage {
                vectors: self.segments.len() * Segment::vector_bytes(self.dim, self.capacity),
                rows: self.segments.len() * Segment::row_bytes(self.capacity),
                images: self.images.bytes(),
                products: self.products.bytes(),
            },
        }
    }

    /// Live rows after `after`, in the order of their images' identifiers.
    pub(super) fn rows_after(&self, after: ImageId) -> impl Iterator<Item = IndexRow> {
        let locations = self.images.entries_after(after);
        locations.filter_map(|(_, location)| self.segments[location.segment as usize].row(location.serial))
    }

    /// Combines the steps in their order.
    ///
    /// # Errors
    /// An image is added that is in the index at that step.
    pub(super) fn validate(&self, changes: Vec<Change>) -> Result<ValidatedChange, IndexError> {
        let mut removed = HashSet::new();
        let mut added: HashMap<ImageId, usize> = HashMap::new();
        let mut additions: Vec<Option<IndexRow>> = Vec::new();
        for change in changes {
            match change {
                Change::Add(rows) => {
                    for row in rows {
                        let image = row.image;
                        let exists = self.images.contains(image) && !removed.contains(&image);
                        if exists || added.insert(image, additions.len()).is_some() {
                            return Err(IndexError::Duplicate { image });
                        }
                        additions.push(Some(row));
                    }
                }
                Change::Remove(images) => {
                    for image in images {
                        if let Some(position) = added.remove(&image) {
                            additions[position] = None;
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

    /// How many segments must be created before [`State::commit`] has room for the change.
    pub(super) fn missing_segments(&self, change: &ValidatedChange) -> usize {
        let room = self.segments.iter().skip(self.first_open_segment).map(Segment::room).sum();
        change.additions.len().saturating_sub(room).div_ceil(self.capacity)
    }

    /// Applies the change: all of it, or, if FAISS fails, nothing. Returns what was done and which segments became sparse.
    pub(super) fn commit(
        &mut self,
        revision: i64,
        change: ValidatedChange,
        new_segments: Vec<Segment>,
    ) -> Result<(ChangeOutcome, Vec<usize>), IndexError> {
        self.segments.extend(new_segments);
        let added = change.additions.len();
        let locations = self.append(&change.additions)?;
        let mut affected: Vec<usize> = change.removals.iter().filter_map(|image| self.remove(*image)).collect();
        let removed = affected.len();
        for (row, location) in change.additions.iter().zip(locations) {
            self.images.insert(row.image, location);
            self.products.insert(row.product, self.products.get(row.product).unwrap_or_default() + 1);
        }
        self.revision = revision;
        affected.sort_unstable();
        affected.dedup();
        affected.retain(|segment| self.segments[*segment].is_sparse());
        Ok((ChangeOutcome::Changed { added, removed }, affected))
    }

    /// Appends rows to the segments that have room, first to last.
    fn append(&mut self, mut rows: &[IndexRow]) -> Result<Vec<RowLocation>, IndexError> {
        let mut locations: Vec<RowLocation> = Vec::with_capacity(rows.len());
        for (segment, number) in self.segments.iter_mut().zip(0..).skip(self.first_open_segment) {
            let (fitting, rest) = rows.split_at(rows.len().min(segment.room()));
            if fitting.is_empty() {
                continue;
            }
            match segment.append(fitting) {
                Ok(serials) => locations.extend(serials.map(|serial| RowLocation { segment: number, serial })),
                Err(error) => {
                    // The rows in earlier segments have no location: searches ignore them when they are dead.
                    for RowLocation { segment, serial } in locations {
                        self.segments[segment as usize].mark_dead(serial);
                    }
                    return Err(error);
                }
            }
            rows = rest;
        }
        debug_assert!(rows.is_empty(), "missing_segments made room for every row");
        self.first_open_segment +=
            self.segments[self.first_open_segment..].iter().take_while(|segment| segment.room() == 0).count();
        Ok(locations)
    }

    /// Marks the image's row dead and returns its segment.
    fn remove(&mut self, image: ImageId) -> Option<usize> {
        let RowLocation { segment, serial } = self.images.remove(image)?;
        if let Some(product) = self.segments[segment as usize].mark_dead(serial) {
            match self.products.get(product) {
                Some(rows) if rows > 1 => self.products.insert(product, rows - 1),
                _ => drop(self.products.remove(product)),
            }
        }
        Some(segment as usize)
    }

    /// A copy of a segment without its dead rows.
    pub(super) fn copy_compacted(&self, segment: usize) -> Result<Segment, IndexError> {
        self.segments[segment].copy_compacted()
    }

    /// Replaces the segment by its copy and returns the old one. Rows keep their serial numbers, so no location changes.
    pub(super) fn replace_segment(&mut self, segment: usize, copy: Segment) -> Segment {
        self.first_open_segment = self.first_open_segment.min(segment);
        std::mem::replace(&mut self.segments[segment], copy)
    }

    /// The nearest products of each query. `helpers` share the work if there is enough of it.
    pub(super) fn search(&self, queries: &[Query], helpers: Option<&ThreadPool>) -> Result<Vec<Hits>, IndexError> {
        // Twice the average number of rows of so many products usually suffices.
        let product_count = self.products.len();
        let rows_per_product = self.images.len().div_ceil(product_count.max(1));
        let products_max = queries.iter().map(|query| query.products.min(product_count)).max().unwrap_or_default();
        let rows_wanted = products_max.saturating_mul(rows_per_product).saturating_mul(2);
        let segments: Vec<&Segment> = self.segments.iter().filter(|segment| segment.live_rows() > 0).collect();
        let hits = ranking::nearest_products(&segments, queries, (product_count, rows_wanted), helpers)?;
        Ok(hits.into_iter().map(|hits| Hits { revision: self.revision, hits }).collect())
    }
}

/// Refuses the first row whose vector FAISS would accept although it is wrong.
pub(super) fn check_vectors<'a>(dim: usize, rows: impl IntoIterator<Item = &'a IndexRow>) -> Result<(), IndexError> {
    let check = |row: &IndexRow| {
        check_vector(dim, &row.vector).map_err(|fault| IndexError::InvalidRow { image: row.image, fault })
    };
    rows.into_iter().try_for_each(check)
}

/// A vector must be finite, have `dim` values, and have length 1.
pub(super) fn check_vector(dim: usize, vector: &[f32]) -> Result<(), VectorFault> {
    if vector.len() != dim {
        return Err(VectorFault::WrongDimension { expected: dim, found: vector.len() });
    }
    if let Some(position) = vector.iter().position(|value| !value.is_finite()) {
        return Err(VectorFault::NotFinite { position, value: vector[position] });
    }
    let length = vector.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>().sqrt();
    if (length - 1.0).abs() > LENGTH_TOLERANCE {
        return Err(VectorFault::NotUnit { length });
    }
    Ok(())
}
