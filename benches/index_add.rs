//! Adding one product to the index against building the index anew, as the catalogue grows.
//!
//! A product has five photos. "Add" is `VectorIndex::apply` as the server calls it: check, write lock, FAISS. "Rebuild" is
//! what a system without incremental adds does on every upload: a new index of all vectors, the new product's among them.
//! It is measured twice: as this server builds its index at start (checks, ids, memory for the next adds), and as the
//! least that can be done, one call that hands FAISS all vectors at once. In both the vectors are in memory already;
//! reading them from a database would come on top. The yardstick is 376, the ratio at 10 000 products that an earlier
//! system in Python reported for the same comparison.

#[path = "support/mod.rs"]
mod support;

use std::time::Instant;

use faiss::Index;
use faiss::index::flat::FlatIndexImpl;
use support::{DIM, SEED, micros};
use tillsight::index::baseline::{RandomVectors, median};
use tillsight::index::{Change, IndexOptions, VectorIndex};

const CATALOGUES: [usize; 5] = [100, 500, 1_000, 5_000, 10_000];
const IMAGES: usize = 5;
const ADDS: usize = 400;
const REBUILDS: usize = 5;
const EARLIER_SYSTEM: f64 = 376.0;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    println!(
        "seed {SEED}, {IMAGES} images per product, dimension {DIM}; medians of {ADDS} adds and {REBUILDS} rebuilds"
    );
    println!(
        "{:>9} {:>9} {:>9} {:>11} {:>8} {:>14} {:>8}",
        "products", "vectors", "add µs", "rebuild µs", "ratio", "bare FAISS µs", "ratio"
    );
    for products in CATALOGUES {
        let mut made = RandomVectors::new(SEED, DIM);
        let rows = made.next_rows(products, IMAGES);
        let (mut rebuilds, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..REBUILDS {
            let mut all = rows.clone();
            all.extend(made.next_rows(1, IMAGES));
            let vectors: Vec<f32> = all.iter().flat_map(|row| row.vector.iter().copied()).collect();
            let begun = Instant::now();
            let index = VectorIndex::build(DIM, 1, all, IndexOptions::default()).expect("an index");
            rebuilds.push(begun.elapsed());
            drop(index);
            let begun = Instant::now();
            let mut index = FlatIndexImpl::new_ip(u32::try_from(DIM).expect("small")).expect("an index");
            index.add(&vectors).expect("an add");
            bare.push(begun.elapsed());
        }
        let index = VectorIndex::build(DIM, 0, rows, IndexOptions::default()).expect("an index");
        let mut adds = Vec::new();
        for revision in 1..=ADDS {
            let change = vec![Change::Add(made.next_rows(1, IMAGES))];
            let begun = Instant::now();
            runtime.block_on(index.apply(i64::try_from(revision).expect("small"), change)).expect("an add");
            adds.push(begun.elapsed());
        }
        let [add, rebuild, bare] = [&mut adds, &mut rebuilds, &mut bare].map(|times| median(times));
        println!(
            "{products:>9} {:>9} {:>9.1} {:>11.1} {:>8.0} {:>14.1} {:>8.0}",
            products * IMAGES,
            micros(add),
            micros(rebuild),
            rebuild.as_secs_f64() / add.as_secs_f64(),
            micros(bare),
            bare.as_secs_f64() / add.as_secs_f64()
        );
    }
    println!("An earlier system (Python) reported a ratio of {EARLIER_SYSTEM} at 10 000 products.");
}
