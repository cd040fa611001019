//! Why a model is refused, by `tillsight model add` and at the server's start alike, never at the first customer.
//!
//! Each message says what was found, what is needed, and what to do; [`ModelError`](super::ModelError) adds the file's name
//! in front.

use super::tensor_info::TensorInfo;

/// Two embeddings with at least this cosine count as the same.
pub(super) const SAME_EMBEDDING_COSINE_MIN: f32 = 0.9999;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("it is not an ONNX file ({reason}); take the complete .onnx file that the export wrote")]
    NotOnnx {
        /// What the file is instead.
        reason: String,
    },
    #[error(
        "it keeps weights in other files ({}{}); tillsight takes a model in one file, so that one SHA-256 covers all of it: \
         export with external_data=False, or join them: python -c \"import onnx; onnx.save(onnx.load('model.onnx'), \
         'joined.onnx')\"",
        files.join(", "),
        list_missing(missing)
    )]
    ExternalData {
        /// Names relative to the model.
        files: Vec<String>,
        missing: Vec<String>,
    },
    #[error("ONNX Runtime cannot load it: {reason}")]
    Unloadable {
        /// ONNX Runtime's message.
        reason: String,
    },
    #[error(
        "it has {} inputs ({}) and must have one, the picture; export only the image part of the network (of CLIP and similar \
         models: the image encoder)",
        found.len(),
        list(found)
    )]
    InputCount { found: Vec<TensorInfo> },
    #[error("no input of the graph is called \"{expected}\"; the graph has {}", list(found))]
    NoSuchInput { expected: String, found: Vec<TensorInfo> },
    #[error("input {found} takes {}, but float32 is needed; {}", found.element, type_advice(&found.element))]
    InputType { found: TensorInfo },
    #[error("input {found} does not take pictures, which are float32 of shape {expected}{advice}")]
    InputShape {
        found: TensorInfo,
        expected: String,
        /// What to do, after a semicolon; may be empty.
        advice: &'static str,
    },
    /// The graph takes a fixed number of pictures at a time, other than one.
    #[error(
        "its graph takes exactly {pictures} photos at a time; export it with a free batch size (dynamic_axes or \
         dynamic_shapes of torch.onnx.export) or with 1"
    )]
    FixedBatch { pictures: usize },
    #[error("no output of the graph is called \"{expected}\"; the graph has {}", list(found))]
    NoSuchOutput { expected: String, found: Vec<TensorInfo> },
    #[error(
        "it has {} outputs and the preset knows none of them: name one with `model add … --output` ({})",
        found.len(),
        list(found)
    )]
    AmbiguousOutput { found: Vec<TensorInfo> },
    #[error("output {found} gives {}, but float32 is needed; {}", found.element, type_advice(&found.element))]
    OutputType { found: TensorInfo },
    #[error(
        "output \"{output}\" has shape {found} for {pictures} photos; the manifest says {dim} values per photo, read as \
         {expected} (pooling \"{pooling}\"); name another output or pooling"
    )]
    OutputShape {
        output: String,
        /// The computed shape.
        found: String,
        pictures: usize,
        dim: usize,
        expected: &'static str,
        pooling: String,
    },
    #[error(
        "output \"{output}\" has shape {found}; say with `model add … --pooling` how to make one vector per picture of it: \
         {choice}"
    )]
    PoolingRequired {
        output: String,
        /// The computed shape.
        found: String,
        /// The possible poolings, in words.
        choice: &'static str,
    },
    #[error(
        "output \"{output}\" has {tokens} tokens and {skipped} are to be skipped (skip_tokens), which leaves none for the mean; \
         skip fewer"
    )]
    NoTokensLeft { output: String, tokens: i64, skipped: usize },
    #[error("it does not run on {width} × {height} pixels: {reason}; if it was made for another size, name that size")]
    RunFailed {
        width: usize,
        height: usize,
        /// ONNX Runtime's message.
        reason: String,
    },
    #[error(
        "for an ordinary picture, {reason}; check that the export is complete and that mean, std and range are the network's"
    )]
    InvalidEmbedding { reason: String },
    #[error(
        "{pictures} different pictures get the same embedding (cosines of {lowest:.6} and more), so it cannot tell products \
         apart: check that the right output is read and that mean, std and range are the network's"
    )]
    ConstantEmbedding { pictures: usize, lowest: f32 },
    #[error(
        "the same picture gets a different embedding the second time (cosine {cosine:.6}); the model was probably exported in \
         training mode, with dropout: call .eval() before the export"
    )]
    UnstableEmbedding { cosine: f32 },
}

fn list(tensors: &[TensorInfo]) -> String {
    if tensors.is_empty() {
        return "none".to_owned();
    }
    tensors.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn list_missing(files: &[String]) -> String {
    if files.is_empty() { String::new() } else { format!("; missing: {}", files.join(", ")) }
}

/// What to do about a tensor whose elements are not float32.
fn type_advice(element: &str) -> &'static str {
    match element {
        "float16" | "bfloat16" => {
            "export in float32, or convert with keep_io_types=True (onnxconverter_common.float16), which keeps the weights small \
             and the input and output in float32"
        }
        "uint8" | "int8" => "keep the quantised weights and export the input and output in float32",
        _ => "export its input and output in float32",
    }
}
