//! Looking deeper: one look into each segment does not name the nearest products, and further looks do.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::tests::{exact, image, product};
use super::*;

const DIM: usize = 256;

/// A query and what lies at a chosen distance from it.
struct Around {
    query: Vec<f64>,
    random: Pcg64,
}

impl Around {
    fn new(seed: u64) -> Self {
        let mut random = Pcg64::seed_from_u64(seed);
        let query = unit((0..DIM).map(|_| random.random::<f64>() - 0.5).collect());
        Self { query, random }
    }

    /// A vector of length 1 whose cosine with the query is `cosine`, in a direction of its own.
    fn at(&mut self, cosine: f64) -> Arc<[f32]> {
        let aside: Vec<f64> = (0..DIM).map(|_| self.random.random::<f64>() - 0.5).collect();
        let along: f64 = aside.iter().zip(&self.query).map(|(a, b)| a * b).sum();
        let aside = unit(aside.iter().zip(&self.query).map(|(a, b)| a - along * b).collect());
        let sine = (1.0 - cosine * cosine).sqrt();
        aside.iter().zip(&self.query).map(|(a, b)| (sine * a + cosine * b) as f32).collect()
    }

    /// The query among `company` in all; the others are near it, or not.
    fn in_company(&mut self, company: usize, products: usize) -> Vec<Query> {
        let mut vectors: Vec<Arc<[f32]>> = (1..company).map(|at| self.at(at as f64 / 20.0)).collect();
        vectors.insert(company / 2, self.query.iter().map(|value| *value as f32).collect());
        vectors.into_iter().map(|vector| Query { vector, products }).collect()
    }
}

fn unit(values: Vec<f64>) -> Vec<f64> {
    let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    values.into_iter().map(|value| value / length).collect()
}

/// Rows in their order: product and cosine with the query.
fn rows(around: &mut Around, of: impl IntoIterator<Item = (u32, f64)>) -> Vec<Row> {
    let row =
        |(n, (of, cosine)): (u32, (u32, f64))| Row { image: image(n), product: product(of), vector: around.at(cosine) };
    (0..).zip(of).map(row).collect()
}

fn state(rows: &[Row], capacity: usize) -> State {
    let mut state = State::new(DIM, capacity);
    state.fill(rows.to_vec()).unwrap();
    state
}

/// Alone, in company that is padded, and in company that is multiplied as matrices.
fn all_find_what_is_there(around: &mut Around, rows: &[Row], capacity: usize, products: usize) {
    let state = state(rows, capacity);
    for company in [1, 5, 20] {
        let queries = around.in_company(company, products);
        let found = state.search(&queries, None).unwrap();
        for (query, found) in queries.iter().zip(found) {
            assert_eq!(found.hits, exact(rows, &query.vector, products), "in a company of {company}");
        }
    }
}

/// One product's rows fill what the first look into their segment returns. Others, there and elsewhere, follow so closely
/// that FAISS may have them in another order.
#[test]
fn products_behind_many_rows_of_another_are_found_among_near_ties() {
    for seed in 0..12 {
        let mut around = Around::new(seed);
        let near = |step: u32| 0.9 - 3e-8 * f64::from(step);
        let crowd = (0..60).map(|_| (0, 0.9 + 1e-7));
        let behind = (0..4).map(|n| (1 + n, near(2 * n)));
        let elsewhere = (0..8).map(|n| (5 + n, near(2 * n + 1)));
        let far = (13..13 + 568).map(|n| (n, 0.3));
        let rows = rows(&mut around, crowd.chain(behind).chain(elsewhere).chain(far));
        let truth = exact(&rows, &around.in_company(1, 5)[0].vector, 5);
        let hidden = (1..5).map(product).filter(|hidden| truth.iter().any(|hit| hit.product == *hidden)).count();
        assert!(hidden > 0 && truth[0].product == product(0), "the first look would do: {truth:?}");
        all_find_what_is_there(&mut around, &rows, 64, 5);
    }
}

/// The first look, and with larger segments the second, names one product where five are wanted.
#[test]
fn looks_go_deeper_until_as_many_products_as_wanted_are_named() {
    for (capacity, crowd) in [(64, 20), (400, 100)] {
        let mut around = Around::new(99);
        let number = |segment: u32, at: u32| 1 + segment * capacity + at;
        let segment = |segment: u32| {
            let crowded = (0..crowd).map(|_| (0, 0.8));
            let others = (crowd..capacity).map(move |at| (number(segment, at), 0.6 - f64::from(at) * 1e-8));
            crowded.chain(others)
        };
        let rows = rows(&mut around, (0..4).flat_map(segment));
        all_find_what_is_there(&mut around, &rows, capacity as usize, 5);
    }
}

#[test]
fn more_products_than_there_are_may_be_wanted() {
    let mut around = Around::new(7);
    let rows = rows(&mut around, (0..200).map(|n| (n % 3, 0.5 + f64::from(n) * 1e-4)));
    let state = state(&rows, 64);
    for products in [4, 1_000, usize::MAX / 2, usize::MAX] {
        let queries = around.in_company(1, products);
        let found = state.search(&queries, None).unwrap().remove(0).hits;
        assert_eq!(found, exact(&rows, &queries[0].vector, 3));
    }
}
