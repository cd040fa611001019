//! What the index costs in memory, part by part.

use serde::Serialize;

use super::segment::Segment;
use super::state::{Images, Products};
use super::{IndexOptions, Stats};

/// Bytes of memory that the index has taken, filled or not. Not in it: the threads' stacks, what a search or change takes
/// for the moment, and what the allocator adds to each block (16 bytes to 6 KB and more).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Vectors: 4 bytes a value.
    pub vectors: usize,
    /// What each vector stands for: image, product, number, whether it is alive.
    pub rows: usize,
    /// Where each image's row lies.
    pub images: usize,
    /// How many rows each product has.
    pub products: usize,
}

impl Memory {
    /// All of it.
    pub fn total(&self) -> usize {
        self.vectors + self.rows + self.images + self.products
    }

    /// What an index of `rows` images of `products` products takes, none of which was ever removed, where each has `dim`
    /// values. Images that came in another order than that of their identifiers take up to twice as much for `images`.
    pub fn expected(rows: usize, products: usize, dim: usize, options: IndexOptions) -> Self {
        let capacity = options.capacity(dim);
        let segments = rows.div_ceil(capacity);
        Self {
            vectors: segments * Segment::vector_bytes(dim, capacity),
            rows: segments * Segment::entry_bytes(capacity),
            images: Images::bytes_of(rows),
            products: Products::bytes_of(products),
        }
    }
}

impl Stats {
    /// Bytes of the vectors that searches can find: the least that any index of `dim` values takes.
    pub fn vector_bytes(&self, dim: usize) -> usize {
        self.rows * dim * size_of::<f32>()
    }
}
