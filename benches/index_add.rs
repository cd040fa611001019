//! Adding one product to the index, compared with rebuilding the index, as the catalogue grows.
//!
//! A product has five photos. "Add" is `VectorIndex::apply` as the server calls it: check, write lock, FAISS. "Rebuild" is
//! what a system without incremental adds does on every upload: a new index of all vectors, including the new product's. It is
//! measured twice: as this server builds its index at start (checks, ids, memory for later adds), and as the minimum, one call
//! of FAISS with all vectors. In both cases the vectors are in memory; reading them from a database would add to it. The
//! reference is 376, the ratio at 10 000 products that an earlier system in Python reported.

#[path = "support/mod.rs"]
mod support;

use std::time::Instant;

use faiss::Index;
use faiss::index::flat::FlatIndexImpl;
use support::{DIM, SEED, microseconds};
use tillsight::index::baseline::{RandomVectors, median};
use tillsight::index::{Change, IndexOptions, VectorIndex};

const CATALOGUES: [usize; 5] = [100, 500, 1_000, 5_000, 10_000];
const IMAGES_PER_PRODUCT: usize = 5;
const ADDS: usize = 400;
const REBUILDS: usize = 5;
const EARLIER_SYSTEM_RATIO: f64 = 376.0;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    println!(
        "seed {SEED}, {IMAGES_PER_PRODUCT} images per product, dimension {DIM}; medians of {ADDS} adds and {REBUILDS} rebuilds"
    );
    println!(
        "{:>9} {:>9} {:>9} {:>11} {:>8} {:>14} {:>8}",
        "products", "vectors", "add µs", "rebuild µs", "ratio", "bare FAISS µs", "ratio"
    );
    for products in CATALOGUES {
        let mut random = RandomVectors::new(SEED, DIM);
        let rows = random.next_rows(products, IMAGES_PER_PRODUCT);
        let (mut rebuilds, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..REBUILDS {
            let mut all = rows.clone();
            all.extend(random.next_rows(1, IMAGES_PER_PRODUCT));
            let vectors: Vec<f32> = all.iter().flat_map(|row| row.vector.iter().copied()).collect();
            let start_time = Instant::now();
            let index = VectorIndex::build(DIM, 1, all, IndexOptions::default()).expect("an index");
            rebuilds.push(start_time.elapsed());
            drop(index);
            let start_time = Instant::now();
            let mut index = FlatIndexImpl::new_ip(u32::try_from(DIM).expect("small")).expect("an index");
            index.add(&vectors).expect("an add");
            bare.push(start_time.elapsed());
        }
        let index = VectorIndex::build(DIM, 0, rows, IndexOptions::default()).expect("an index");
        let mut adds = Vec::new();
        for revision in 1..=ADDS {
            let change = vec![Change::Add(random.next_rows(1, IMAGES_PER_PRODUCT))];
            let start_time = Instant::now();
            runtime.block_on(index.apply(i64::try_from(revision).expect("small"), change)).expect("an add");
            adds.push(start_time.elapsed());
        }
        let [add, rebuild, bare] = [&mut adds, &mut rebuilds, &mut bare].map(|times| median(times));
        println!(
            "{products:>9} {:>9} {:>9.1} {:>11.1} {:>8.0} {:>14.1} {:>8.0}",
            products * IMAGES_PER_PRODUCT,
            microseconds(add),
            microseconds(rebuild),
            rebuild.as_secs_f64() / add.as_secs_f64(),
            microseconds(bare),
            bare.as_secs_f64() / add.as_secs_f64()
        );
    }
    println!("An earlier system (Python) reported a ratio of {EARLIER_SYSTEM_RATIO} at 10 000 products.");
}
