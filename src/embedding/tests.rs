//! The embedder on tiny models of our own, and on a pretrained network if its file is available.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::onnx_fixture::{Operator, mean_colour_of_one_or, model, op, op_with, png};
use super::*;
use crate::pool::Priority;

const SIDE: u32 = 16;
const INPUT_SHAPE: [i64; 4] = [-1, 3, SIDE as i64, SIDE as i64];

/// The mean colour of the picture, as an embedding of three values.
fn mean_colour() -> Vec<Operator> {
    vec![op("GlobalAveragePool"), op("Flatten")]
}

/// A folder with a model and its manifest.
pub(super) struct ModelFiles {
    pub(super) folder: TempDir,
    manifest: Value,
}

impl ModelFiles {
    pub(super) fn new(onnx: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("tiny.onnx"), onnx).unwrap();
        let manifest = json!({
            "name": "tiny", "version": "1", "file": "tiny.onnx", "sha256": hex::encode(Sha256::digest(onnx)),
            "input": {
                "name": "image", "width": SIDE, "height": SIDE, "color": "rgb", "range": 1.0,
                "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "resize": "crop", "resize_to": null, "filter": "bilinear"
            },
            "output": {"name": "embedding", "dim": 3, "pooling": "none", "skip_tokens": 0},
            "thresholds": {"score": 0.5, "margin": 0.05}
        });
        Self { folder, manifest }
    }

    pub(super) fn set(mut self, pointer: &str, value: Value) -> Self {
        *self.manifest.pointer_mut(pointer).unwrap() = value;
        self
    }

    fn write(&self) -> PathBuf {
        let path = self.folder.path().join("tiny.json");
        std::fs::write(&path, self.manifest.to_string()).unwrap();
        path
    }

    pub(super) fn open(&self) -> Result<Model, ModelError> {
        Model::open(&self.write())
    }

    pub(super) fn start(&self) -> Result<Embedder, ModelError> {
        // More threads that decode than sessions, so that photos meet in batches.
        let options = EmbedderOptions { sessions: 2, decode_threads: 8, ..EmbedderOptions::default() };
        Embedder::start(&self.open()?, options)
    }
}

pub(super) fn message<T>(outcome: Result<T, ModelError>) -> String {
    outcome.err().expect("an error").to_string()
}

#[test]
fn the_same_file_fed_or_read_in_another_way_is_another_model() {
    let onnx = model(&INPUT_SHAPE, &mean_colour());
    let id = |pointer: &str, value: Value| ModelFiles::new(&onnx).set(pointer, value).open().unwrap().id;
    let plain = id("/version", json!("1"));
    assert!(plain.to_string().starts_with("tiny@1#"), "{plain}");
    for (pointer, value) in
        [("/input/resize", json!("stretch")), ("/input/range", json!(255)), ("/version", json!("2"))]
    {
        assert_ne!(id(pointer, value), plain, "{pointer}");
    }
    assert_eq!(id("/thresholds/score", json!(0.7)), plain);
    // Capitals mean the same file.
    assert_eq!(id("/sha256", json!(hex::encode_upper(Sha256::digest(&onnx)))), plain);
}

#[tokio::test]
async fn a_photo_becomes_the_embedding_that_the_model_computes() {
    let embedder = ModelFiles::new(&model(&INPUT_SHAPE, &mean_colour())).start().unwrap();
    let PhotoEmbedding { embedding, width, height, timings } = embedder.embed_photo(png([0, 153, 204])).await.unwrap();
    assert_eq!((width, height), (20, 30));
    for (value, expected) in embedding.as_slice().iter().zip([0.0, 0.6, 0.8]) {
        assert!((value - expected).abs() < 1e-6, "{embedding:?}");
    }
    assert_eq!((embedder.dim(), embedding.dim(), width, height), (3, 3, 20, 30));
    assert!(!timings.decode.is_zero() && !timings.infer.is_zero(), "{timings:?}");
}

#[tokio::test]
async fn concurrent_photos_each_get_their_own_embedding_bit_for_bit() {
    let embedder = Arc::new(ModelFiles::new(&model(&INPUT_SHAPE, &mean_colour())).start().unwrap());
    let color = |n: u8| [n * 5, 255 - n * 3, 100];
    let mut alone = Vec::new();
    for n in 0..40 {
        alone.push(embedder.embed_photo(png(color(n))).await.unwrap().embedding);
    }
    let at_once = (0..40).map(|n| {
        let embedder = Arc::clone(&embedder);
        tokio::spawn(async move { embedder.embed_photo(png(color(n))).await.unwrap().embedding })
    });
    let at_once: Vec<_> = at_once.collect();
    for (task, alone) in at_once.into_iter().zip(alone) {
        assert_eq!(task.await.unwrap(), alone);
    }
}

/// An embedder for one photo at a time, before which nobody may wait.
fn without_a_queue() -> Embedder {
    let model = ModelFiles::new(&model(&INPUT_SHAPE, &mean_colour())).open().unwrap();
    let options = EmbedderOptions { decode_threads: 1, max_wait: Duration::ZERO, ..EmbedderOptions::default() };
    Embedder::start(&model, options).unwrap()
}

#[tokio::test]
async fn an_interactive_photo_is_refused_where_it_would_wait_and_a_background_one_takes_its_turn() {
    let embedder = without_a_queue();
    let permits = [(); 2].map(|()| embedder.admit(Priority::Interactive).now_or_never().unwrap().unwrap());
    embedder.admit(Priority::Interactive).await.unwrap_err();
    embedder.embed_photo(png([200; 3])).await.unwrap();
    embedder.admit(Priority::Interactive).await.unwrap_err();
    drop(permits);
    embedder.admit(Priority::Interactive).await.unwrap();
}

#[tokio::test]
async fn several_pictures_of_one_photo_are_embedded_in_their_order() {
    let embedder = without_a_queue();
    let permit = embedder.admit(Priority::Interactive).await.unwrap();
    let mut photos = Vec::new();
    for color in [[0, 153, 204], [200; 3], [204, 153, 0]] {
        photos.push(embedder.decode(&permit, png(color)).await.unwrap().photo);
    }
    let together = embedder.embed(&permit, photos.clone()).await.unwrap().embeddings;
    for (photo, embedding) in photos.into_iter().zip(&together) {
        assert_eq!(embedder.embed(&permit, vec![photo]).await.unwrap().embeddings, vec![embedding.clone()]);
    }
    assert!(embedder.embed(&permit, Vec::new()).await.unwrap().embeddings.is_empty());
}

#[tokio::test]
async fn a_step_whose_caller_left_is_not_run_and_counts_until_its_turn() {
    let embedder = Arc::new(without_a_queue());
    // The only thread that decodes is held up, so a photo waits for it.
    let ((begun, has_begun), (go_on, gate)) = (tokio::sync::oneshot::channel(), std::sync::mpsc::channel::<()>());
    let held = tokio::spawn({
        let embedder = Arc::clone(&embedder);
        async move { embedder.decode_pool.run(move || (begun.send(()), gate.recv())).await.map(drop) }
    });
    has_begun.await.unwrap();
    let leaves = embedder.admit(Priority::Interactive).await.unwrap();
    let mut decoding = Box::pin(embedder.decode(&leaves, png([200; 3])));
    assert!(futures_util::poll!(&mut decoding).is_pending());
    drop(decoding);
    drop(leaves);
    let stays = embedder.admit(Priority::Interactive).await.unwrap();
    embedder.admit(Priority::Interactive).await.unwrap_err();
    go_on.send(()).unwrap();
    held.await.unwrap().unwrap();
    // Behind the photo that nobody waits for.
    embedder.decode(&stays, png([100; 3])).await.unwrap();
    embedder.admit(Priority::Interactive).await.unwrap();
}

#[tokio::test]
async fn a_bad_photo_is_an_error_and_the_next_photo_works() {
    // The square root of a negative mean: NaN for dark pictures only. Zeros for black ones without the subtraction.
    let chain = vec![op("GlobalAveragePool"), op("Flatten"), op_with("Sub", 0.05), op("Sqrt")];
    let embedder = ModelFiles::new(&model(&INPUT_SHAPE, &chain)).start().unwrap();
    let dark = embedder.embed_photo(png([10; 3])).await.unwrap_err();
    assert!(matches!(&dark, EmbedError::NotFinite { position: 0, value } if value == "NaN"), "{dark:?}");
    assert_eq!(embedder.embed_photo(Vec::new()).await.unwrap_err(), EmbedError::Decode(DecodeError::Empty));
    let cut = embedder.embed_photo(png([9; 3])[..50].to_vec()).await.unwrap_err();
    assert!(matches!(cut, EmbedError::Decode(DecodeError::Broken { .. })), "{cut:?}");
    embedder.embed_photo(png([200; 3])).await.unwrap();

    let embedder = ModelFiles::new(&model(&INPUT_SHAPE, &mean_colour())).start().unwrap();
    assert_eq!(embedder.embed_photo(png([0; 3])).await.unwrap_err(), EmbedError::ZeroNorm);
}

#[test]
fn a_model_that_differs_from_its_manifest_does_not_start() {
    let start = |onnx: &[u8]| ModelFiles::new(onnx).start();
    let good = model(&INPUT_SHAPE, &mean_colour());
    let cases = [
        (message(start(b"not a model")), "not an ONNX file"),
        (message(ModelFiles::new(&good).set("/input/name", json!("picture")).start()), "the graph has \"image\""),
        (message(ModelFiles::new(&good).set("/output/name", json!("logits")).start()), "the graph has \"embedding\""),
        (message(ModelFiles::new(&good).set("/output/dim", json!(4)).start()), "has shape 1 × 3 for 1 photos"),
        (message(ModelFiles::new(&good).set("/input/width", json!(24)).start()), "N × 3 × 16 × 24"),
        (message(start(&model(&[-1, 768], &[op("Sqrt")]))), "N × 3 × 16 × 16"),
        (message(start(&model(&[4, 3, 16, 16], &mean_colour()))), "exactly 4 photos at a time"),
        (
            message(start(&model(&INPUT_SHAPE, &[op("GlobalAveragePool"), op("Flatten"), op_with("Mul", f32::NAN)]))),
            "NaN",
        ),
        (
            message(start(&model(&INPUT_SHAPE, &[op("GlobalAveragePool"), op("Flatten"), op_with("Mul", 0.0)]))),
            "length 0",
        ),
    ];
    for (found, expected) in cases {
        assert!(found.contains(expected), "\"{found}\" does not say \"{expected}\"");
        assert!(found.contains("tiny.onnx") && !found.contains('\n'), "{found}");
    }
}

#[tokio::test]
async fn a_graph_for_one_photo_at_a_time_is_fed_one_at_a_time() {
    let embedder = Arc::new(ModelFiles::new(&model(&[1, 3, 16, 16], &mean_colour())).start().unwrap());
    let tasks = [50, 100, 150, 200].map(|value| {
        let embedder = Arc::clone(&embedder);
        tokio::spawn(async move { embedder.embed_photo(png([value; 3])).await })
    });
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[test]
fn a_manifest_error_names_the_field_and_the_value() {
    let files = || ModelFiles::new(b"bytes");
    let cases = [
        ("/name", json!("a b"), "name: \"a b\""),
        ("/version", json!(""), "version: \"\""),
        ("/file", json!("../tiny.onnx"), "file: \"../tiny.onnx\""),
        ("/sha256", json!("abc"), "sha256: \"abc\""),
        ("/input/width", json!(0), "input.width: 0"),
        ("/input/range", json!(-1.0), "input.range: -1"),
        ("/input/std", json!([1.0, 0.0, 1.0]), "input.std: 0"),
        ("/output/dim", json!(0), "output.dim: 0"),
        ("/thresholds/score", json!(1.5), "thresholds.score: 1.5"),
        ("/thresholds/margin", json!(-0.1), "thresholds.margin: -0.1"),
        ("/input/resize_to", json!(15), "input.resize_to: 15"),
        ("/input/resize_to", json!(4000), "input.resize_to: 4000"),
        ("/output/skip_tokens", json!(1), "output.skip_tokens: 1"),
        ("/output/pooling", json!("max"), "the field output.pooling must be"),
        ("/input/color", json!("cmyk"), "the field input.color must be \"rgb\" or \"bgr\", not \"cmyk\""),
        ("/input/resize", json!("tile"), "not \"tile\""),
        ("/output", json!({"name": "e", "dim": 3, "size": 4}), "the field output.size does not exist"),
        ("/sha256", json!("0".repeat(64)), "do not belong together"),
        ("/file", json!("other.onnx"), "other.onnx"),
    ];
    for (pointer, value, expected) in cases {
        let found = message(files().set(pointer, value).open());
        assert!(found.contains(expected), "\"{found}\" does not say \"{expected}\"");
        assert!(found.contains("tiny.json") && !found.contains('\n'), "{found}");
    }
    assert!(message(Model::open(Path::new("absent/model.json"))).contains("absent/model.json"));
}

/// The test runner's name for test `name` of this file.
fn full_name(name: &str) -> String {
    let module = module_path!();
    format!("{}::{name}", module.split_once("::").map_or(module, |(_program, inside)| inside))
}

/// Prints and records that a test was skipped; a test run counts the records.
fn record_skip(name: &str, reason: &str) {
    let name = full_name(name);
    println!("SKIPPED {name}: {reason}");
    if let Some(list) = std::env::var_os("TILLSIGHT_SKIPPED_TESTS") {
        let list = std::fs::OpenOptions::new().append(true).create(true).open(list);
        list.and_then(|mut list| writeln!(list, "{name}: {reason}")).unwrap();
    }
}

#[test]
fn a_skipped_test_is_recorded_under_the_name_that_the_runner_uses() {
    let name = full_name("a_skipped_test_is_recorded_under_the_name_that_the_runner_uses");
    assert!(name.starts_with("embedding::tests::"), "{name}");
    // The runner names a test's thread after the test, except for the main thread, which runs the tests if it is the only one.
    let thread = std::thread::current();
    assert!(thread.name().is_none_or(|runner| runner == "main" || runner == name), "{:?}, not {name}", thread.name());
}

#[tokio::test]
async fn a_model_that_takes_one_photo_or_a_full_batch_loses_no_photo() {
    let files = ModelFiles::new(&mean_colour_of_one_or(8));
    let alone = Embedder::start(&files.open().unwrap(), EmbedderOptions { max_batch: 1, ..EmbedderOptions::default() });
    let alone = alone.unwrap();
    // It takes eight, so the self-test passes; the photos below form smaller batches.
    let embedder = Arc::new(files.start().unwrap());
    for round in 0..5 {
        let at_once = (1..=7_u8).map(|n| {
            let embedder = Arc::clone(&embedder);
            tokio::spawn(async move { embedder.embed_photo(png([n * 30, 200, 90])).await })
        });
        for (task, n) in at_once.collect::<Vec<_>>().into_iter().zip(1_u8..) {
            let embedded = task.await.unwrap().unwrap_or_else(|error| panic!("round {round}, photo {n}: {error}"));
            let expected = alone.embed_photo(png([n * 30, 200, 90])).await.unwrap();
            assert_eq!(embedded.embedding, expected.embedding);
        }
    }
}

#[tokio::test]
async fn a_pretrained_network_tells_real_photos_apart() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let (network, photos) = (data.join("teachers/mobilenet_v2_1.0_224.onnx"), data.join("grocery/train"));
    let Ok(onnx) = std::fs::read(&network) else {
        return record_skip("a_pretrained_network_tells_real_photos_apart", "no ../shared/data");
    };
    let files = ModelFiles::new(&onnx).set("/output/dim", json!(1280)).set(
        "/input",
        json!({
            "name": "image", "width": 224, "height": 224, "color": "rgb", "range": 255.0,
            "mean": [127.0, 127.0, 127.0], "std": [127.5, 127.5, 127.5], "resize": "crop", "filter": "bilinear"
        }),
    );
    let embedder = files.start().unwrap();
    let listed = std::fs::read_to_string(data.join("grocery/images.csv")).unwrap();
    let mut by_class: std::collections::BTreeMap<&str, Vec<PathBuf>> = std::collections::BTreeMap::new();
    for line in listed.lines().filter(|line| line.starts_with("train,")) {
        let [_, path, class] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let path = photos.parent().unwrap().join(path);
        by_class.entry(class).or_default().push(path);
    }
    let (mut same, mut other, mut enrolled) = (0.0, 0.0, Vec::<Embedding>::new());
    for paths in by_class.values().take(12) {
        let mut pair = Vec::new();
        for path in &paths[..2] {
            pair.push(embedder.embed_photo(std::fs::read(path).unwrap()).await.unwrap().embedding);
        }
        same += pair[0].cosine(&pair[1]) / 12.0;
        other += enrolled.iter().map(|earlier| earlier.cosine(&pair[1])).sum::<f32>() / 66.0;
        enrolled.push(pair.swap_remove(0));
    }
    println!("mean cosine of two photos of one product {same:.3}, of two products {other:.3}");
    assert!(same > other + 0.1, "{same} against {other}");
}
