//! The index against a brute-force search, and its promises about changes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::*;

const DIM: usize = 8;

pub(super) fn image(n: u32) -> ImageId {
    Uuid::from_u128(1 + u128::from(n)).into()
}

pub(super) fn product(n: u32) -> ProductId {
    Uuid::from_u128(1_000_000 + u128::from(n)).into()
}

/// One of 16 × 70 vectors of length 1 with four values of ±½: inner products are exact in f32, and ties are frequent.
fn vector(seed: u32) -> Vec<f32> {
    let choices: Vec<u32> = (0..1_u32 << DIM).filter(|mask| mask.count_ones() == 4).collect();
    let mask = choices[seed as usize % choices.len()];
    let mut signs = seed / 70;
    (0..DIM)
        .map(|at| {
            if mask >> at & 1 == 0 {
                return 0.0;
            }
            signs = signs.rotate_right(1);
            if signs >> 31 == 0 { 0.5 } else { -0.5 }
        })
        .collect()
}

fn row(n: u32, product_number: u32, seed: u32) -> IndexRow {
    IndexRow { image: image(n), product: product(product_number), vector: vector(seed).into() }
}

fn small_segments() -> IndexOptions {
    IndexOptions { segment_rows: Some(16), ..IndexOptions::default() }
}

fn add(rows: impl IntoIterator<Item = IndexRow>) -> Vec<Change> {
    vec![Change::Add(rows.into_iter().collect())]
}

fn remove(images: impl IntoIterator<Item = u32>) -> Vec<Change> {
    vec![Change::Remove(images.into_iter().map(image).collect())]
}

/// A brute-force search over all rows, in the order of enrolment.
#[derive(Default)]
struct BruteForce(Vec<IndexRow>);

impl BruteForce {
    fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Add(rows) => self.0.extend(rows.iter().cloned()),
                Change::Remove(images) => self.0.retain(|row| !images.contains(&row.image)),
            }
        }
    }

    fn search(&self, query: &[f32], products: usize) -> Vec<Hit> {
        let score = |row: &IndexRow| row.vector.iter().zip(query).map(|(a, b)| a * b).sum::<f32>() + 0.0;
        rank(self.0.iter().map(|row| (row, score(row))), products)
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Photos of one product.
    Enrol { product: u32, seeds: Vec<u32> },
    /// The live rows to remove, as fractions of their number.
    Remove(Vec<f64>),
    /// Another vector for the image of a live row.
    Replace { fraction: f64, seed: u32 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let enrol = (0..12_u32, proptest::collection::vec(0..1_120_u32, 1..12))
        .prop_map(|(product, seeds)| Step::Enrol { product, seeds });
    let remove = proptest::collection::vec(0.0..1.0, 1..20).prop_map(Step::Remove);
    let replace = (0.0..1.0, 0..1_120_u32).prop_map(|(fraction, seed)| Step::Replace { fraction, seed });
    proptest::collection::vec(prop_oneof![4 => enrol, 2 => remove, 1 => replace], 1..24)
}

fn row_at_fraction(flat: &BruteForce, fraction: f64) -> Option<IndexRow> {
    flat.0.get((fraction * flat.0.len() as f64) as usize).cloned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_changes_a_search_equals_a_brute_force_search(
        steps in steps(),
        queries in proptest::collection::vec(0..1_120_u32, 4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let index = VectorIndex::new(DIM, small_segments()).unwrap();
        let (mut flat, mut next) = (BruteForce::default(), 0);
        for (step, revision) in steps.into_iter().zip(1..) {
            let changes = match step {
                Step::Enrol { product, seeds } => {
                    let numbers = next..;
                    next += u32::try_from(seeds.len()).unwrap();
                    add(numbers.zip(seeds).map(|(n, seed)| row(n, product, seed)))
                }
                Step::Remove(fractions) => {
                    let images = fractions.into_iter().filter_map(|fraction| row_at_fraction(&flat, fraction)).map(|row| row.image);
                    vec![Change::Remove(images.collect())]
                }
                Step::Replace { fraction, seed } => match row_at_fraction(&flat, fraction) {
                    Some(old) => {
                        let new = IndexRow { vector: vector(seed).into(), ..old.clone() };
                        vec![Change::Remove(vec![old.image]), Change::Add(vec![new])]
                    }
                    None => Vec::new(),
                },
            };
            flat.apply(&changes);
            runtime.block_on(index.apply(revision, changes)).unwrap();
            for (query, products) in queries.iter().zip([1, 2, 5, 40]) {
                let query = vector(*query);
                let hits = runtime.block_on(index.search(query.clone(), products)).unwrap();
                prop_assert_eq!(hits.hits, flat.search(&query, products));
                prop_assert_eq!(hits.revision, revision);
            }
            let batch = queries.iter().map(|query| vector(*query).into()).collect();
            let results = runtime.block_on(index.search_batch(batch, 5)).unwrap();
            prop_assert_eq!(results.len(), queries.len());
            for (query, hits) in queries.iter().zip(results) {
                prop_assert_eq!(hits.hits, flat.search(&vector(*query), 5));
                prop_assert_eq!(hits.revision, revision);
            }
            let mut rows = flat.0.clone();
            rows.sort_by_key(|row| row.image);
            let half = rows.len() / 2;
            let middle = rows.get(half).map_or(ImageId::NIL, |row| row.image);
            prop_assert_eq!(&runtime.block_on(index.rows_after(ImageId::NIL, usize::MAX))[..], &rows[..]);
            prop_assert_eq!(&runtime.block_on(index.rows_after(middle, 2))[..], rows.get(half + 1..).map_or(&[][..], |rest| &rest[..rest.len().min(2)]));
        }
        let stats = runtime.block_on(index.stats());
        prop_assert_eq!(stats.rows, flat.0.len());
        let products: std::collections::BTreeSet<_> = flat.0.iter().map(|row| row.product).collect();
        prop_assert_eq!(stats.products, products.len());

        // An index built from the remaining rows gives the same results, including ties.
        let rebuilt = VectorIndex::build(DIM, 9, flat.0.clone(), small_segments()).unwrap();
        for query in queries {
            let query = vector(query);
            let hits = runtime.block_on(rebuilt.search(query.clone(), 5)).unwrap();
            prop_assert_eq!(hits.hits, flat.search(&query, 5));
        }
    }
}

#[tokio::test]
async fn many_photos_of_one_product_do_not_hide_the_others() {
    let rows = (0..60).map(|n| row(n, 1, 0)).chain([row(60, 2, 1), row(61, 3, 2)]);
    let index = VectorIndex::build(DIM, 1, rows.collect(), IndexOptions::default()).unwrap();
    let hits = index.search(vector(0), 3).await.unwrap().hits;
    assert_eq!(hits.iter().map(|hit| hit.product).collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!((hits[0].image, hits[0].score), (image(0), 1.0));
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let index = VectorIndex::build(DIM, 5, vec![row(1, 1, 1)], small_segments()).unwrap();
    let before = index.stats().await;
    let with = |values: Vec<f32>| IndexRow { vector: values.into(), ..row(2, 1, 0) };
    let with_value = |position: usize, value: f32| {
        let mut values = vector(0);
        values[position] = value;
        values
    };
    for invalid in [
        with(vec![0.5; 4]),
        with(vec![0.0; DIM]),
        with(vec![1.0; DIM]),
        with(with_value(3, f32::NAN)),
        with(with_value(3, f32::INFINITY)),
        with(Vec::new()),
    ] {
        let error = index.apply(6, add([row(3, 1, 3), invalid])).await.unwrap_err();
        assert!(matches!(error, IndexError::InvalidRow { image: invalid, .. } if invalid == image(2)), "{error}");
    }
    for duplicate in [add([row(1, 2, 2)]), add([row(4, 1, 1), row(4, 1, 2)])] {
        assert!(matches!(index.apply(6, duplicate).await, Err(IndexError::Duplicate { .. })));
    }
    assert_eq!(index.stats().await, before);
    assert!(VectorIndex::build(DIM, 1, vec![row(1, 1, 1), row(1, 1, 2)], small_segments()).is_err());
    for query in [vec![f32::NAN; DIM], vec![0.0; DIM], vec![1.0; 3]] {
        assert!(matches!(index.search(query, 1).await, Err(IndexError::InvalidQuery { .. })));
    }
}

#[tokio::test]
async fn a_revision_is_applied_once() {
    let index = VectorIndex::build(DIM, 5, vec![row(1, 1, 1)], small_segments()).unwrap();
    assert_eq!(index.apply(7, add([row(2, 2, 2)])).await.unwrap(), ChangeOutcome::Changed { added: 1, removed: 0 });
    // Applied again by the follower of the database: neither an error nor a second row.
    for stale in [5, 6, 7] {
        assert_eq!(index.apply(stale, add([row(2, 2, 2)])).await.unwrap(), ChangeOutcome::Stale { revision: 7 });
    }
    assert_eq!(index.apply(8, remove([2, 77])).await.unwrap(), ChangeOutcome::Changed { added: 0, removed: 1 });
    let stats = index.stats().await;
    assert_eq!((stats.revision, stats.rows, stats.products), (8, 1, 1));
}

#[tokio::test]
async fn the_steps_of_a_change_take_effect_together_and_in_order() {
    let index = VectorIndex::build(DIM, 1, vec![row(1, 1, 1)], small_segments()).unwrap();
    let changes = [remove([1]), add([row(1, 2, 9), row(2, 2, 3)]), remove([2])].concat();
    assert_eq!(index.apply(2, changes).await.unwrap(), ChangeOutcome::Changed { added: 1, removed: 1 });
    let hits = index.search(vector(9), 5).await.unwrap().hits;
    assert_eq!(hits, [Hit { product: product(2), image: image(1), score: 1.0, second_score: None }]);
}

#[tokio::test]
async fn dead_rows_are_compacted_and_their_room_is_reused() {
    let index = VectorIndex::new(DIM, small_segments()).unwrap();
    index.apply(1, add((0..48).map(|n| row(n, n, n)))).await.unwrap();
    assert_eq!(index.stats().await.segments, 3);
    index.apply(2, remove(0..12)).await.unwrap();
    let stats = index.stats().await;
    assert_eq!((stats.rows, stats.dead_rows, stats.segments), (36, 0, 3));
    index.apply(3, add((100..112).map(|n| row(n, n, n)))).await.unwrap();
    assert_eq!(index.stats().await.segments, 3);
    // Rows that moved within their segment are still found and removed.
    index.apply(4, remove(12..16)).await.unwrap();
    assert_eq!(index.stats().await.rows, 44);
    assert!(index.search(vector(13), 48).await.unwrap().hits.iter().all(|hit| hit.product != product(13)));
}

#[tokio::test]
async fn an_empty_index_finds_nothing() {
    let index = VectorIndex::new(DIM, small_segments()).unwrap();
    assert_eq!(index.search(vector(0), 5).await.unwrap(), Hits { revision: 0, hits: Vec::new() });
    index.apply(1, add([row(1, 1, 1)])).await.unwrap();
    assert!(index.search(vector(0), 0).await.unwrap().hits.is_empty());
    index.apply(2, remove([1])).await.unwrap();
    assert!(index.search(vector(0), 5).await.unwrap().hits.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn searches_during_changes_see_each_revision_whole() {
    // Revision n holds the products 0..n, each with two images added together.
    let index = Arc::new(VectorIndex::new(DIM, small_segments()).unwrap());
    let searches = (0..8).map(|_| {
        let index = Arc::clone(&index);
        tokio::spawn(async move {
            loop {
                let Hits { revision, hits } = index.search(vector(0), 200).await.unwrap();
                assert_eq!(hits.len(), usize::try_from(revision).unwrap());
                if revision == 100 {
                    return;
                }
            }
        })
    });
    let searches: Vec<_> = searches.collect();
    for n in 0..100_u32 {
        let added = index.apply(i64::from(n) + 1, add([row(2 * n, n, n), row(2 * n + 1, n, n + 500)])).await.unwrap();
        assert_eq!(added, ChangeOutcome::Changed { added: 2, removed: 0 });
        let hits = index.search(vector(n), 200).await.unwrap().hits;
        assert!(hits.iter().any(|hit| hit.product == product(n) && hit.score == 1.0));
    }
    for search in searches {
        search.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_that_is_applied_twice_concurrently_takes_effect_once() {
    let index = Arc::new(VectorIndex::new(DIM, small_segments()).unwrap());
    for revision in 1..=50_u32 {
        let both = [0, 1].map(|_| {
            let index = Arc::clone(&index);
            tokio::spawn(async move {
                index.apply(revision.into(), add([row(revision, revision, revision)])).await.unwrap()
            })
        });
        let mut outcomes = BTreeMap::new();
        for side in both {
            let outcome = side.await.unwrap();
            *outcomes.entry(matches!(outcome, ChangeOutcome::Changed { .. })).or_insert(0) += 1;
        }
        assert_eq!(outcomes, BTreeMap::from([(false, 1), (true, 1)]));
    }
    assert_eq!(index.stats().await.rows, 50);
}

/// Vectors of length 1 with 256 values, in clusters, so that scores are close together, like those of real photos.
fn clustered_vectors(count: usize, seed: u64) -> Vec<Arc<[f32]>> {
    let mut random = rand_pcg::Pcg64::seed_from_u64(seed);
    let centres: Vec<Vec<f64>> = (0..40).map(|_| (0..256).map(|_| random.random::<f64>() - 0.5).collect()).collect();
    let vector = |number: usize| {
        let near = centres[number % 40].iter().map(|value| value + 0.05 * (random.random::<f64>() - 0.5));
        let values: Vec<f64> = near.collect();
        let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        values.iter().map(|value| (value / length) as f32).collect()
    };
    (0..count).map(vector).collect()
}

/// A brute-force search with inner products in f64.
pub(super) fn brute_force(rows: &[IndexRow], query: &[f32], products: usize) -> Vec<Hit> {
    let score = |row: &IndexRow| row.vector.iter().zip(query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    rank(rows.iter().map(|row| (row, score(row) as f32)), products)
}

/// The best and the second best image of each of the best products; older images first, as their identifiers say.
fn rank<'a>(scored: impl Iterator<Item = (&'a IndexRow, f32)>, products: usize) -> Vec<Hit> {
    let mut hits: Vec<Hit> =
        scored.map(|(row, score)| Hit { product: row.product, image: row.image, score, second_score: None }).collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.image.cmp(&b.image)));
    let mut best: Vec<Hit> = Vec::new();
    for hit in &hits {
        if best.iter().all(|better| better.product != hit.product) {
            best.push(*hit);
        }
    }
    best.truncate(products);
    let lowest = best.last().map_or(0.0, |last| last.score);
    for product in &mut best {
        let second = hits.iter().filter(|hit| hit.product == product.product).nth(1);
        product.second_score = second.map(|hit| hit.score).filter(|score| *score >= lowest);
    }
    best
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn results_do_not_depend_on_concurrent_searches_or_threads() {
    let numbered = (0_u32..).zip(clustered_vectors(700, 1));
    let rows: Vec<IndexRow> =
        numbered.map(|(n, vector)| IndexRow { image: image(n), product: product(n / 3), vector }).collect();
    let options = |threads| IndexOptions { search_threads: threads, segment_rows: Some(64), ..IndexOptions::default() };
    for threads in [1, 4] {
        let index = Arc::new(VectorIndex::build(256, 1, rows.clone(), options(threads)).unwrap());
        for searches in [1, 4, 7, 40] {
            let tasks = clustered_vectors(searches, 2).into_iter().map(|query| {
                let index = Arc::clone(&index);
                tokio::spawn(async move { (Arc::clone(&query), index.search(query, 5).await.unwrap().hits) })
            });
            for task in tasks.collect::<Vec<_>>() {
                let (query, hits) = task.await.unwrap();
                assert_eq!(hits, brute_force(&rows, &query, 5), "{searches} searches, {threads} threads");
            }
        }
    }
}

#[test]
fn a_batch_of_any_size_gives_the_results_of_single_searches() {
    let numbered = (0_u32..).zip(clustered_vectors(300, 3));
    let rows: Vec<IndexRow> =
        numbered.map(|(n, vector)| IndexRow { image: image(n), product: product(n), vector }).collect();
    let mut state = State::new(256, 100);
    state.add_rows(rows.clone()).unwrap();
    let query = |vector: Arc<[f32]>| Query { vector, products: 5 };
    for size in [1, 2, 4, 5, 6, 19, 20, 21, 64] {
        let vectors = clustered_vectors(size, 4);
        let batch: Vec<Query> = vectors.iter().cloned().map(query).collect();
        let results = state.search(&batch, None).unwrap();
        for (vector, hits) in vectors.iter().zip(results) {
            assert_eq!(hits.hits, brute_force(&rows, vector, 5), "a batch of {size}");
            assert_eq!(state.search(&[query(Arc::clone(vector))], None).unwrap(), [hits]);
        }
    }
}

#[tokio::test]
async fn an_untrusted_index_refuses_searches() {
    let index = VectorIndex::build(DIM, 1, vec![row(1, 1, 1)], small_segments()).unwrap();
    assert_eq!(index.untrusted_reason(), None);
    index.mark_untrusted("a hole in the log");
    index.mark_untrusted("a later reason");
    let error = index.search(vector(1), 1).await.unwrap_err();
    assert_eq!(error, IndexError::Untrusted { reason: "a hole in the log".to_owned() });
}

#[tokio::test]
async fn memory_equals_the_estimate_and_is_close_to_the_bytes_of_the_vectors() {
    let index = VectorIndex::new(DIM, small_segments()).unwrap();
    assert_eq!(index.stats().await.memory, MemoryUsage::default());
    for revision in 1..=5 {
        let first = (revision - 1) * 100;
        index.apply(revision.into(), add((first..first + 100).map(|n| row(n, n / 2, n)))).await.unwrap();
    }
    assert_eq!(index.stats().await.memory, MemoryUsage::estimate(500, 250, DIM, small_segments()));
    let million = MemoryUsage::estimate(1_000_000, 1_000_000, 256, IndexOptions::default());
    let vectors = 1_000_000 * 256 * size_of::<f32>();
    assert!(million.total() < vectors / 100 * 110, "{million:?} of {vectors}");
}
