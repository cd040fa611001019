//! The memory of the index, by part.

use serde::Serialize;

use super::segment::Segment;
use super::state::{ImageLocations, ProductCounts};
use super::{IndexOptions, IndexStats};

/// Allocated bytes, filled or not. Not included: the threads' stacks, temporary memory of searches and changes, and what the
/// allocator adds to each block (16 bytes to 6 KB and more).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MemoryUsage {
    /// Vectors: 4 bytes per value.
    pub vectors: usize,
    /// The rows' images, products, serial numbers and live flags.
    pub rows: usize,
    /// The location of each image's row.
    pub images: usize,
    /// The number of rows of each product.
    pub products: usize,
}

impl MemoryUsage {
    pub fn total(&self) -> usize {
        self.vectors + self.rows + self.images + self.products
    }

    /// Estimates the memory of an index of `rows` images of `products` products with `dim` values each, without removals. If the
    /// images do not come in the order of their identifiers, `images` takes up to twice as much.
    pub fn estimate(rows: usize, products: usize, dim: usize, options: IndexOptions) -> Self {
        let capacity = options.capacity(dim);
        let segments = rows.div_ceil(capacity);
        Self {
            vectors: segments * Segment::vector_bytes(dim, capacity),
            rows: segments * Segment::row_bytes(capacity),
            images: ImageLocations::estimate_bytes(rows),
            products: ProductCounts::estimate_bytes(products),
        }
    }
}

impl IndexStats {
    /// Bytes of the vectors that searches can find: the minimum of any index with `dim` values per vector.
    pub fn vector_bytes(&self, dim: usize) -> usize {
        self.rows * dim * size_of::<f32>()
    }
}
