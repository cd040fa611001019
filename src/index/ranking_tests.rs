//! Deeper searches: one search of each segment does not find the nearest products, and deeper ones do.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::tests::{brute_force, image, product};
use super::*;

const DIM: usize = 256;

/// A query, and vectors at chosen cosines from it.
struct QuerySpace {
    query: Vec<f64>,
    random: Pcg64,
}

impl QuerySpace {
    fn new(seed: u64) -> Self {
        let mut random = Pcg64::seed_from_u64(seed);
        let query = unit((0..DIM).map(|_| random.random::<f64>() - 0.5).collect());
        Self { query, random }
    }

    /// A random vector of length 1 whose cosine with the query is `cosine`.
    fn vector_at(&mut self, cosine: f64) -> Arc<[f32]> {
        let random: Vec<f64> = (0..DIM).map(|_| self.random.random::<f64>() - 0.5).collect();
        let along: f64 = random.iter().zip(&self.query).map(|(a, b)| a * b).sum();
        let orthogonal = unit(random.iter().zip(&self.query).map(|(a, b)| a - along * b).collect());
        let sine = (1.0 - cosine * cosine).sqrt();
        orthogonal.iter().zip(&self.query).map(|(a, b)| (sine * a + cosine * b) as f32).collect()
    }

    /// A batch of `size` queries with this one in the middle.
    fn batch(&mut self, size: usize, products: usize) -> Vec<Query> {
        let mut vectors: Vec<Arc<[f32]>> = (1..size).map(|number| self.vector_at(number as f64 / 20.0)).collect();
        vectors.insert(size / 2, self.query.iter().map(|value| *value as f32).collect());
        vectors.into_iter().map(|vector| Query { vector, products }).collect()
    }
}

fn unit(values: Vec<f64>) -> Vec<f64> {
    let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    values.into_iter().map(|value| value / length).collect()
}

/// Rows in their order, from the product and the cosine with the query.
fn rows(around: &mut QuerySpace, products: impl IntoIterator<Item = (u32, f64)>) -> Vec<IndexRow> {
    let row = |(n, (product_number, cosine)): (u32, (u32, f64))| IndexRow {
        image: image(n),
        product: product(product_number),
        vector: around.vector_at(cosine),
    };
    (0..).zip(products).map(row).collect()
}

fn state(rows: &[IndexRow], capacity: usize) -> State {
    let mut state = State::new(DIM, capacity);
    state.add_rows(rows.to_vec()).unwrap();
    state
}

/// Compares single queries, padded batches, and batches that are multiplied as matrices.
fn assert_brute_force_results(around: &mut QuerySpace, rows: &[IndexRow], capacity: usize, products: usize) {
    let state = state(rows, capacity);
    for size in [1, 5, 20] {
        let queries = around.batch(size, products);
        let results = state.search(&queries, None).unwrap();
        for (query, result) in queries.iter().zip(results) {
            assert_eq!(result.hits, brute_force(rows, &query.vector, products), "in a batch of {size}");
        }
    }
}

/// The first search of a segment returns only rows of one product. Other products follow so closely, there and in other
/// segments, that FAISS may order them differently.
#[test]
fn products_behind_many_rows_of_another_product_are_found() {
    for seed in 0..12 {
        let mut around = QuerySpace::new(seed);
        let near = |step: u32| 0.9 - 3e-8 * f64::from(step);
        let one_product = (0..60).map(|_| (0, 0.9 + 1e-7));
        let same_segment = (0..4).map(|n| (1 + n, near(2 * n)));
        let other_segments = (0..8).map(|n| (5 + n, near(2 * n + 1)));
        let far = (13..13 + 568).map(|n| (n, 0.3));
        let rows = rows(&mut around, one_product.chain(same_segment).chain(other_segments).chain(far));
        let truth = brute_force(&rows, &around.batch(1, 5)[0].vector, 5);
        let hidden = (1..5).map(product).filter(|hidden| truth.iter().any(|hit| hit.product == *hidden)).count();
        assert!(hidden > 0 && truth[0].product == product(0), "one search would suffice: {truth:?}");
        assert_brute_force_results(&mut around, &rows, 64, 5);
    }
}

/// The first search, and with larger segments the second, finds one product, but five are wanted.
#[test]
fn segments_are_searched_deeper_until_enough_products_are_found() {
    for (capacity, same_product) in [(64, 20), (400, 100)] {
        let mut around = QuerySpace::new(99);
        let number = |segment: u32, position: u32| 1 + segment * capacity + position;
        let segment = |segment: u32| {
            let one_product = (0..same_product).map(|_| (0, 0.8));
            let others = (same_product..capacity)
                .map(move |position| (number(segment, position), 0.6 - f64::from(position) * 1e-8));
            one_product.chain(others)
        };
        let rows = rows(&mut around, (0..4).flat_map(segment));
        assert_brute_force_results(&mut around, &rows, capacity as usize, 5);
    }
}

#[test]
fn more_products_than_exist_may_be_wanted() {
    let mut around = QuerySpace::new(7);
    let rows = rows(&mut around, (0..200).map(|n| (n % 3, 0.5 + f64::from(n) * 1e-4)));
    let state = state(&rows, 64);
    for products in [4, 1_000, usize::MAX / 2, usize::MAX] {
        let queries = around.batch(1, products);
        let hits = state.search(&queries, None).unwrap().remove(0).hits;
        assert_eq!(hits, brute_force(&rows, &queries[0].vector, 3));
    }
}
