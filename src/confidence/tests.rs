//! The confidence of invented catalogues: it is true, it refuses what it cannot learn from, and nothing odd spoils it.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use uuid::Uuid;

use super::*;

const DIM: usize = 32;

struct TestPhoto {
    image: ImageId,
    product: ProductId,
    vector: Vec<f32>,
}

/// Products as points in space, some of them close to another one; photos lie around them.
struct World {
    random: Pcg64,
    products: Vec<Vec<f64>>,
    images: u128,
}

impl World {
    fn new(seed: u64, products: usize) -> Self {
        let mut world = Self { random: Pcg64::seed_from_u64(seed), products: Vec::new(), images: 0 };
        for number in 0..products {
            let alone = world.noise();
            let product = match number % 3 {
                2 => add(&world.products[number - 1], &alone, 0.5),
                _ => alone,
            };
            world.products.push(product);
        }
        world
    }

    fn noise(&mut self) -> Vec<f64> {
        // The sum of some uniform numbers is nearly normal.
        (0..DIM).map(|_| (0..6).map(|_| self.random.random_range(-0.5..0.5)).sum()).collect()
    }

    fn photo(&mut self, product: usize) -> TestPhoto {
        let blur = self.random.random_range(0.5..0.9);
        let noise = self.noise();
        let vector = add(&self.products[product], &noise, blur);
        let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
        self.images += 1;
        TestPhoto {
            image: Uuid::from_u128(self.images).into(),
            product: product_id(product),
            vector: vector.iter().map(|value| (value / length) as f32).collect(),
        }
    }

    fn photos(&mut self, products: std::ops::Range<usize>, each: usize) -> Vec<TestPhoto> {
        products.flat_map(|product| vec![product; each]).map(|product| self.photo(product)).collect()
    }
}

fn product_id(number: usize) -> ProductId {
    Uuid::from_u128(1_000 + number as u128).into()
}

fn add(a: &[f64], b: &[f64], scale: f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + scale * b).collect()
}

fn enrolled(photos: &[TestPhoto]) -> Vec<EnrolledPhoto<'_>> {
    photos
        .iter()
        .map(|TestPhoto { image, product, vector }| EnrolledPhoto { image: *image, product: *product, vector })
        .collect()
}

fn learn_from(photos: &[TestPhoto]) -> Result<CatalogConfidence, NotLearned> {
    learn(&enrolled(photos), 1)
}

/// What a search finds.
fn search(photos: &[TestPhoto], query: &[f32], products: usize) -> Vec<RankedProduct> {
    let score = |photo: &TestPhoto| photo.vector.iter().zip(query).map(|(a, b)| a * b).sum::<f32>();
    let mut hits: Vec<(ProductId, f32)> = photos.iter().map(|photo| (photo.product, score(photo))).collect();
    hits.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut ranking: Vec<RankedProduct> = Vec::new();
    for (product, score) in hits {
        match ranking.iter_mut().find(|ranked| ranked.product == product) {
            Some(ranked) => ranked.second_score = ranked.second_score.or(Some(score)),
            None => ranking.push(RankedProduct { product, score, second_score: None }),
        }
    }
    ranking.truncate(products);
    let lowest = ranking.last().map_or(-1.0, |last| last.score);
    ranking.iter_mut().for_each(|ranked| ranked.second_score = ranked.second_score.filter(|second| *second >= lowest));
    ranking
}

fn first_confidence(learned: &CatalogConfidence, photos: &[TestPhoto], query: &[f32]) -> f64 {
    f64::from(learned.of_ranking(&search(photos, query, learned.products_needed()), 1).unwrap()[0])
}

#[test]
fn what_is_said_with_a_confidence_is_true_as_often() {
    let mut world = World::new(1, 80);
    // Every fourth product is not enrolled; some of those have a twin that is.
    let mut catalogue = world.photos(0..80, 6);
    catalogue.retain(|photo| (0..80).step_by(4).all(|unknown| photo.product != product_id(unknown)));
    let learned = learn_from(&catalogue).unwrap();
    assert_eq!((learned.photos, learned.products), (360, 60));
    let queries = world.photos(0..80, 40);
    let said: Vec<(f64, bool)> = queries
        .iter()
        .map(|query| {
            let ranking = search(&catalogue, &query.vector, learned.products_needed());
            let confidence = learned.of_ranking(&ranking, 1).unwrap()[0];
            (f64::from(confidence), ranking[0].product == query.product)
        })
        .collect();
    let bins = (0..10).map(|decile| {
        let low = f64::from(decile) / 10.0;
        let bin: Vec<&(f64, bool)> = said.iter().filter(|(p, _)| (low..low + 0.1).contains(p)).collect();
        let right = bin.iter().filter(|(_, right)| *right).count() as f64;
        (bin.iter().map(|(p, _)| p).sum::<f64>() - right).abs()
    });
    let calibration_error = bins.sum::<f64>() / said.len() as f64;
    assert!(calibration_error < 0.05, "{calibration_error}");
    let certain = said.iter().filter(|(p, _)| *p > 0.9).count();
    assert!(certain * 5 > said.len(), "only {certain} of {} are certain", said.len());
}

#[test]
fn confidences_add_up_to_one_at_most_and_the_first_is_the_regressions() {
    let mut world = World::new(2, 20);
    let catalogue = world.photos(0..15, 4);
    let learned = learn_from(&catalogue).unwrap();
    for query in world.photos(0..20, 5) {
        let ranking = search(&catalogue, &query.vector, 12);
        let confidences = learned.of_ranking(&ranking, 5).unwrap();
        assert_eq!(confidences.len(), 5);
        assert!(confidences.iter().all(|p| (0.0..=1.0).contains(p)), "{confidences:?}");
        assert!(confidences.iter().copied().map(f64::from).sum::<f64>() <= 1.0 + 1e-6, "{confidences:?}");
        assert_eq!(learned.of_ranking(&ranking, 1).unwrap()[0], confidences[0]);
    }
    let short = search(&catalogue[..8], &catalogue[0].vector, 12);
    assert_eq!((short.len(), learned.of_ranking(&short, 5)), (2, None));
}

#[test]
fn the_same_photos_in_other_pieces_teach_the_same() {
    let mut world = World::new(3, 30);
    let catalogue = world.photos(0..30, 5);
    let whole = learn_from(&catalogue).unwrap();
    let photos = enrolled(&catalogue);
    let mut survey = Survey::new(1);
    photos.chunks(7).for_each(|piece| survey.add(piece));
    let mut cases = LeaveOneOut::new(survey).unwrap();
    photos.chunks(11).for_each(|piece| cases.compare(piece));
    let pieces = cases.learn().unwrap();
    let query = world.photo(3);
    let (one, other) =
        (first_confidence(&whole, &catalogue, &query.vector), first_confidence(&pieces, &catalogue, &query.vector));
    assert!((one - other).abs() < 2e-4, "{one} {other}");
    let stored = serde_json::to_string(&whole).unwrap();
    let loaded: CatalogConfidence = serde_json::from_str(&stored).unwrap();
    assert!((first_confidence(&loaded, &catalogue, &query.vector) - one).abs() < 2e-4);
}

#[test]
fn a_catalogue_that_is_too_small_teaches_nothing() {
    let mut world = World::new(4, 30);
    let refused = |photos: &[TestPhoto]| match learn_from(photos) {
        Err(NotLearned::TooFewPhotos { photos, products }) => (photos, products),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&[]), (0, 0));
    assert_eq!(refused(&world.photos(0..2, 50)), (100, 2), "two products");
    assert_eq!(refused(&world.photos(0..4, 20)), (80, 4));
    assert_eq!(refused(&world.photos(0..30, 1)), (0, 0), "a photo each");
    assert_eq!(refused(&world.photos(0..9, 2)), (18, 9));
    assert!(learn_from(&world.photos(0..5, 4)).is_ok());
    let message = learn_from(&world.photos(0..9, 2)).unwrap_err().to_string();
    assert!(message.contains("18 photos of 9 products") && message.contains("20 photos of 5"), "{message}");
}

#[test]
fn copies_are_not_learned_from() {
    let mut world = World::new(5, 30);
    let mut catalogue = world.photos(0..12, 3);
    assert_eq!(learn_from(&catalogue).unwrap().photos, 36);
    let copy_of = |original: &TestPhoto, image: u128, product: ProductId| TestPhoto {
        image: Uuid::from_u128(image).into(),
        product,
        vector: original.vector.clone(),
    };
    // Every photo of the first four products twice, one as a photo of another product too.
    let copies: Vec<TestPhoto> =
        (0..12).map(|n| copy_of(&catalogue[n], 5_000 + n as u128, catalogue[n].product)).collect();
    let elsewhere = copy_of(&catalogue[20], 6_000, product_id(29));
    catalogue.extend(copies);
    catalogue.push(elsewhere);
    let learned = learn_from(&catalogue).unwrap();
    assert_eq!((learned.photos, learned.products), (23, 8), "12 photos of four products and one more have copies");
}

#[test]
fn products_with_one_photo_do_not_spoil_it() {
    let mut world = World::new(6, 60);
    let mut catalogue = world.photos(0..30, 5);
    let learned = learn_from(&catalogue).unwrap();
    catalogue.extend(world.photos(30..60, 1));
    let mixed = learn_from(&catalogue).unwrap();
    assert_eq!((learned.photos, mixed.photos), (150, 150));
    let right = |learned: &CatalogConfidence, world: &mut World, products: std::ops::Range<usize>| {
        let queries = world.photos(products, 20);
        let confidence = |query: &TestPhoto| first_confidence(learned, &catalogue, &query.vector);
        queries.iter().map(confidence).sum::<f64>() / queries.len() as f64
    };
    let (many, one) = (right(&mixed, &mut world, 0..30), right(&mixed, &mut world, 30..60));
    assert!(many > one + 0.1, "five photos: {many}, one photo: {one}");
    assert!(one > 0.1, "a product with one photo can be certain too: {one}");
}

#[test]
fn a_model_that_finds_nothing_teaches_nothing() {
    let mut world = World::new(7, 30);
    // Each photo's twin belongs to another product.
    let photos: Vec<TestPhoto> = (0..30)
        .flat_map(|n| {
            let first = world.photo(n);
            let vector = add(&first.vector.iter().map(|v| f64::from(*v)).collect::<Vec<_>>(), &world.noise(), 0.03);
            let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
            let second = TestPhoto {
                image: Uuid::from_u128(9_000 + n as u128).into(),
                product: product_id((n + 1) % 30),
                vector: vector.iter().map(|value| (value / length) as f32).collect(),
            };
            [first, second]
        })
        .collect();
    let learned = learn_from(&photos);
    assert!(matches!(learned, Err(NotLearned::NothingRecognized { photos: 60 })), "{learned:?}");
}
