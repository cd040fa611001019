//! The bare loop: the parts of recognition on all cores, each core by itself, and nothing around them.
//!
//! Each core has a thread, a session of the model with one thread and an index of its own, and does decode → resize →
//! ONNX Runtime → FAISS over and over. No queue, no lock, no HTTP, no database: what a server built of these parts
//! cannot exceed.

use std::path::Path;
use std::time::{Duration, Instant};

use faiss::Index;
use faiss::index::flat::FlatIndexImpl;
use tillsight::config::Settings;
use tillsight::embedding::{DecodeLimits, Model, ModelSession, Preprocessor, decode_photo};

use super::pictures::{Shop, VIEWS};
use super::support::DIM;

/// The shipped model.
pub const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tillsight-small.json");

/// What one core works with.
struct Core {
    session: ModelSession,
    index: FlatIndexImpl,
}

/// All cores.
pub struct Bare {
    preprocessor: Preprocessor,
    /// Rows that a search asks for: what five products have.
    rows: usize,
    cores: Vec<Core>,
}

impl Bare {
    /// One session and one index of `vectors` for each of `cores`.
    pub fn open(cores: usize, vectors: Vec<f32>) -> Self {
        let model = Model::open(Path::new(MODEL)).unwrap_or_else(|error| panic!("{error}"));
        let core = |_| {
            let session = ModelSession::open(&model, 1).unwrap_or_else(|error| panic!("{error}"));
            let mut index = FlatIndexImpl::new_ip(u32::try_from(DIM).expect("small")).expect("an index");
            index.add(&vectors).expect("an add");
            Core { session, index }
        };
        let products = Settings::from_toml("").expect("the defaults").engine.candidates;
        let rows = products * usize::try_from(VIEWS).expect("small");
        Self { preprocessor: Preprocessor::new(&model.manifest.input), rows, cores: (0..cores).map(core).collect() }
    }

    /// Photos per second on all cores together, with `batch` photos per run of the model.
    pub fn rate(&mut self, shop: &Shop, batch: usize, time: Duration) -> f64 {
        let (preprocessor, rows) = (&self.preprocessor, self.rows);
        std::thread::scope(|scope| {
            let running: Vec<_> = self
                .cores
                .iter_mut()
                .enumerate()
                .map(|(place, core)| scope.spawn(move || core.run(preprocessor, shop, rows, batch, place, time)))
                .collect();
            running.into_iter().map(|core| core.join().expect("a core's rate")).sum()
        })
    }
}

impl Core {
    fn run(
        &mut self,
        preprocessor: &Preprocessor,
        shop: &Shop,
        rows: usize,
        batch: usize,
        first: usize,
        time: Duration,
    ) -> f64 {
        let limits = DecodeLimits::default();
        let (mut done, begun) = (0, Instant::now());
        while begun.elapsed() < time {
            let tensors = (0..batch).map(|place| {
                let photo = decode_photo(&shop.photo(first + done + place).jpeg, &limits).expect("a photo");
                preprocessor.preprocess(&photo).expect("a tensor")
            });
            let tensors: Vec<_> = tensors.collect();
            let embeddings = self.session.embed(&tensors).unwrap_or_else(|error| panic!("{error}"));
            let mut queries = Vec::with_capacity(batch * DIM);
            for embedding in embeddings {
                queries.extend_from_slice(embedding.expect("an embedding").as_slice());
            }
            std::hint::black_box(self.index.search(&queries, rows).expect("hits"));
            done += batch;
        }
        done as f64 / begun.elapsed().as_secs_f64()
    }
}
