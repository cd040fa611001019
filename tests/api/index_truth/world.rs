//! The catalog under test, random choices from it, and the check after each step.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use secrecy::{ExposeSecret, SecretString};
use tillsight::active_model::{IncomingModel, StartedModel};
use tillsight::background::{BackgroundTasks, RunningTasks};
use tillsight::catalog::{Catalog, NewPhoto, NewPhotos, RegionChoice};
use tillsight::clock::Clock;
use tillsight::config::Settings;
use tillsight::db::blobs::Blobs;
use tillsight::db::{Database, product_images, products};
use tillsight::domain::{ImageId, PageRequest, ProductId, Timestamp};
use tillsight::embedding::{Embedder, EmbedderOptions, Embedding, Model};
use tillsight::index::IndexRow;
use tillsight::index_feed::IndexFeed;

use super::brute_force;
use crate::harness::{MODEL, TestDatabase, jpeg, snapshot_path};

/// Random queries after each step.
const QUERIES: usize = 6;
/// Products that each query asks for.
const PRODUCTS: usize = 7;
/// The number of dead rows from which a segment of the usual size may be compacted (a 64th of it).
const WORTH_COMPACTING: usize = 64;

pub struct World {
    pub(super) random: Pcg64Mcg,
    database: TestDatabase,
    settings: Settings,
    pub(super) clock: Clock,
    pub(super) embedder: Arc<Embedder>,
    /// The other server's connections.
    pub(super) db: Database,
    pub(super) server: Server,
    /// Servers that hang: they still follow the log, but are not used.
    pub(super) hanging: Vec<Server>,
    history: History,
}

/// A catalog, its index and the task that follows other servers' changes, as a server has them.
pub(super) struct Server {
    pub(super) catalog: Catalog,
    pub(super) index_feed: IndexFeed,
    _background: RunningTasks,
}

/// The steps so far, printed if the test fails.
struct History {
    seed: u64,
    database: &'static str,
    steps: Vec<String>,
}

impl Drop for History {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let steps = self.steps.join("\n  ");
            eprintln!("INDEX_TRUTH_SEED={} on {} failed after:\n  {steps}", self.seed, self.database);
        }
    }
}

impl World {
    pub async fn open(database: TestDatabase) -> Self {
        let chosen = std::env::var("INDEX_TRUTH_SEED").ok().map(|seed| seed.parse().expect("a number"));
        let seed = chosen.unwrap_or_else(|| getrandom::u64().unwrap());
        let mut settings = Settings::from_toml("").unwrap();
        settings.database_url = SecretString::from(database.url().expose_secret());
        settings.data_dir = database.folder().to_owned();
        let clock = Clock::fixed(Timestamp::from_micros(1_767_614_400_000_000));
        let model = Model::open(MODEL.as_ref()).unwrap();
        let embedder = Arc::new(Embedder::start(&model, EmbedderOptions::default()).unwrap());
        let db = Database::connect(&settings.database_url, 4).await.unwrap();
        db.migrate().await.unwrap();
        let server = start(&settings, &clock, &embedder).await;
        let history = History { seed, database: database.kind(), steps: Vec::new() };
        let random = Pcg64Mcg::seed_from_u64(seed);
        Self { random, database, settings, clock, embedder, db, server, hanging: Vec::new(), history }
    }

    /// Compares the index with the database; returns its number of dead rows.
    pub async fn check(&mut self) -> usize {
        let revision = self.server.index_feed.follow().await.unwrap();
        let rows = self.rows_on_sale().await;
        let index = self.server.index_feed.active_model().current().index.clone();
        let stats = index.stats().await;
        assert_eq!((stats.revision, stats.rows), (revision, rows.len()));
        assert!(index.rows_after(ImageId::NIL, usize::MAX).await == rows, "the index holds other rows");
        for _ in 0..QUERIES {
            let query = match rows.choose(&mut self.random) {
                Some(row) if self.random.random() => row.vector.to_vec(),
                _ => self.random_vector(),
            };
            let hits = index.search(query.clone(), PRODUCTS).await.unwrap().hits;
            assert_eq!(hits, brute_force::search(&rows, &query, PRODUCTS));
        }
        let sparse = stats.dead_rows >= WORTH_COMPACTING && stats.dead_rows * 4 > stats.dead_rows + stats.rows;
        assert!(!sparse, "{} dead rows beside {} were not compacted", stats.dead_rows, stats.rows);
        stats.dead_rows
    }

    /// The photos on sale in the database, in the order of their identifiers.
    pub(super) async fn rows_on_sale(&self) -> Vec<IndexRow> {
        let mut reader = self.db.read().await.unwrap();
        let model = self.embedder.model_id().as_str();
        let rows = product_images::list_on_sale(&mut reader, model, ImageId::NIL, i64::MAX).await.unwrap();
        let dim = self.embedder.dim();
        let row = |row: product_images::ImageEmbeddingRow| IndexRow {
            image: row.image_id,
            product: row.product_id,
            vector: Embedding::from_bytes(&row.vector.unwrap(), dim).unwrap().into(),
        };
        rows.into_iter().map(row).collect()
    }

    pub(super) fn note(&mut self, step: impl Into<String>) {
        self.history.steps.push(step.into());
        self.clock.advance(1);
    }

    pub(super) async fn started(&self) -> Server {
        start(&self.settings, &self.clock, &self.embedder).await
    }

    pub(super) fn folder(&self) -> &std::path::Path {
        self.database.folder()
    }

    pub(super) fn place(&self) -> PathBuf {
        snapshot_path(&self.database)
    }

    /// A product that the catalog has, on sale or not.
    pub(super) async fn product(&mut self) -> Option<ProductId> {
        let mut reader = self.db.read().await.unwrap();
        let all = PageRequest { before: None, limit: 200 };
        let rows = products::list(&mut reader, &products::ProductFilter::default(), all).await.unwrap();
        rows.choose(&mut self.random).map(|row| row.id)
    }

    /// A photo that is on sale.
    pub(super) async fn image(&mut self) -> Option<(ProductId, ImageId)> {
        let rows = self.rows_on_sale().await;
        rows.choose(&mut self.random).map(|row| (row.product, row.image))
    }

    /// One to three small pictures.
    pub(super) fn photos(&mut self) -> NewPhotos {
        let count = self.random.random_range(1..=3);
        let photos = (0..count).map(|_| NewPhoto { file_name: None, bytes: jpeg(self.random.random()).into() });
        NewPhotos { photos: photos.collect(), region: RegionChoice::Auto, insist: true }
    }

    /// A vector of length 1 with four values of ±½ among its first six, so that many are alike.
    pub(super) fn random_vector(&mut self) -> Vec<f32> {
        let mut vector = vec![0.0; self.embedder.dim()];
        for at in [0, 1, 2, 3, 4, 5].sample(&mut self.random, 4) {
            vector[*at] = 0.5;
        }
        vector.iter().map(|value| if self.random.random() { -value } else { *value }).collect()
    }
}

async fn start(settings: &Settings, clock: &Clock, embedder: &Arc<Embedder>) -> Server {
    let db = Database::connect(&settings.database_url, 4).await.unwrap();
    let blobs = Blobs::open(&settings.data_dir).unwrap();
    let (manifest, embedder) = ("tillsight-small.json".to_owned(), Arc::clone(embedder));
    let model = StartedModel { embedder, manifest, generation: None };
    let index_feed = IndexFeed::start(db.clone(), blobs.clone(), clock.clone(), model, settings).await.unwrap();
    let incoming = IncomingModel::default();
    let catalog = Catalog::new(db, blobs, clock.clone(), index_feed.clone(), incoming, settings).unwrap();
    let mut tasks = BackgroundTasks::new(clock.clone());
    let trigger = (index_feed.change_signal(), Duration::from_millis(20));
    tasks
        .register("test follow", "As the server's task does.")
        .on_signal(trigger, &index_feed, |feed| async move { feed.follow().await.map(drop) });
    tasks
        .register("test listen", "As the server's task does.")
        .continuous(&index_feed, |feed, runs| feed.listen_for_announcements(runs));
    Server { catalog, index_feed, _background: tasks.start() }
}
