//! From a photo to an embedding: decoding with limits, preprocessing by the model's manifest, ONNX Runtime.
//!
//! Invariants:
//! * enrolled photos and photos to be recognised go through the same code with the same settings;
//! * nothing here waits without a bound: a photo that somebody waits for is refused where it would wait for long, and the
//!   queue of all others has a fixed length;
//! * an [`Embedding`] is finite and of length 1; a model that returns anything else gives an error, not a vector;
//! * a model that does not do what its manifest says is an error at start-up, by the same self-test as when it is added.
//!
//! Knows nothing of products, databases or HTTP. The only module that uses `ort`, `prost` and, with its tests, `image`'s
//! decoders.

mod accelerator;
mod batch_runner;
mod decode;
mod engine;
mod error;
mod huffman_tables;
mod inspection;
mod install;
mod jpeg;
mod manifest;
mod manifest_draft;
mod model;
mod model_refusal;
mod onnx_file;
mod operating_point;
mod options;
mod photo_embedding;
mod pooling;
mod preprocess;
mod presets;
mod runtime;
mod self_test;
mod session;
mod tensor_info;
mod thresholds;
mod vector;

#[cfg(test)]
mod model_add_tests;
#[cfg(test)]
pub(crate) mod onnx_fixture;
#[cfg(test)]
mod tests;

pub use decode::{DecodeError, DecodeLimits, PhotoFormat, PhotoHeader, decode_photo, read_photo_header};
pub use engine::Embedder;
pub use error::{EmbedError, ModelError};
pub use inspection::{Inspection, PresetFit, inspect, serialize_path_lossy};
pub use install::{Installation, install};
pub use manifest::{ColorOrder, Filter, Fit, Input, Manifest, Output};
pub use manifest_draft::{ManifestOverrides, draft_model};
pub use model::{Model, ModelId};
pub use model_refusal::Refusal;
pub use operating_point::OperatingPoint;
pub use options::EmbedderOptions;
pub use photo_embedding::{DecodedPhoto, EmbedTimings, Embeddings, PhotoEmbedding};
pub use pooling::Pooling;
pub use preprocess::Preprocessor;
pub use presets::{PRESETS, Preset};
pub use runtime::{RuntimeError, start_runtime};
pub use self_test::{BatchLimitation, SelfTestReport, test_model};
pub use tensor_info::{Dimension, TensorInfo};
pub use thresholds::Thresholds;
pub use vector::{Embedding, VectorError};
