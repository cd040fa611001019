//! From a photo to an embedding: decoding with limits, preprocessing by the model's manifest, ONNX Runtime.
//!
//! Invariants:
//! * enrolled photos and photos to be recognised go through the same code with the same settings;
//! * nothing here waits without a bound: queues have a fixed length and refuse when full, and a photo that somebody
//!   waits for is refused where it would wait for long;
//! * an [`Embedding`] is finite and of length 1; a model that returns anything else gives an error, not a vector;
//! * a model that does not do what its manifest says is an error at start-up, by the same proof as when it is added.
//!
//! Knows nothing of products, databases or HTTP. The only module that uses `ort`, `prost` and, with its tests, `image`'s
//! decoders.

mod accelerator;
mod decode;
mod draft;
mod embedded;
mod engine;
mod error;
mod inspection;
mod install;
mod jpeg;
mod manifest;
mod model;
mod onnx_file;
mod operating_point;
mod options;
mod pooling;
mod port;
mod preprocess;
mod presets;
mod proof;
mod refusal;
mod running;
mod runtime;
mod session;
mod thresholds;
mod vector;

#[cfg(test)]
mod adding_tests;
#[cfg(test)]
pub(crate) mod onnx_fixture;
#[cfg(test)]
mod tests;

pub use decode::{DecodeError, DecodeLimits, Format, Header, Photo, decode, probe};
pub use draft::{Wishes, draft};
pub use embedded::{Embedded, Timings};
pub use engine::Embedder;
pub use error::{EmbedError, ModelError};
pub use inspection::{Inspection, PresetFit, inspect, lossily};
pub use install::{Installed, install};
pub use manifest::{ColorOrder, Filter, Fit, Input, Manifest, Output};
pub use model::{Model, ModelId};
pub use operating_point::OperatingPoint;
pub use options::EmbedderOptions;
pub use pooling::Pooling;
pub use port::{Port, Side};
pub use preprocess::Preprocessor;
pub use presets::{PRESETS, Preset};
pub use proof::{OneByOne, Proof, prove_model};
pub use refusal::Refusal;
pub use runtime::RuntimeError;
pub use session::ModelSession;
pub use thresholds::Thresholds;
pub use vector::{Embedding, VectorError};
