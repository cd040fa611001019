//! Why a model is not taken: at `tillsight model add` and at the server's start alike, never at the first customer.
//!
//! Each message says what was found, what is needed, and what to do about it; [`ModelError`](super::ModelError) puts the
//! file's name in front.

use super::tensor_info::TensorInfo;

/// The least cosine between two embeddings that count as the same.
pub(super) const SAME: f32 = 0.9999;

/// What is wrong with a model, and what to do about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The file is no ONNX model, or not all of one.
    #[error("it is not an ONNX file ({reason}); take the .onnx file that the export wrote, whole")]
    NotOnnx {
        /// What it looks like instead.
        reason: String,
    },
    /// Weights lie in other files.
    #[error(
        "it keeps weights in other files ({}{}); tillsight takes a model in one file, so that one SHA-256 stands for all \
         of it: export with external_data=False, or join them: python -c \"import onnx; onnx.save(onnx.load('model.onnx'), \
         'joined.onnx')\"",
        files.join(", "),
        absent(missing)
    )]
    ExternalData {
        /// Their names, relative to the model.
        files: Vec<String>,
        /// Those of them that are not there.
        missing: Vec<String>,
    },
    /// ONNX Runtime does not load it.
    #[error("ONNX Runtime does not take it: {reason}")]
    Unloadable {
        /// ONNX Runtime's words.
        reason: String,
    },
    /// Not exactly one input.
    #[error(
        "it has {} inputs ({}) and must have one, the picture; export the network's picture half alone (of CLIP and its \
         kin: the image encoder)",
        found.len(),
        list(found)
    )]
    Inputs {
        /// All of them.
        found: Vec<TensorInfo>,
    },
    /// The input has another name.
    #[error("no input of the graph is called \"{wanted}\"; the graph has {}", list(found))]
    NoSuchInput {
        /// What is asked for.
        wanted: String,
        /// What there is.
        found: Vec<TensorInfo>,
    },
    /// The input's elements are not float32.
    #[error("input {found} takes {}, and is fed float32; {}", found.element, advice(&found.element))]
    InputType {
        /// The input.
        found: TensorInfo,
    },
    /// The input's shape is not that of pictures as they are fed.
    #[error("input {found}; it is fed float32 of shape {wanted}{advice}")]
    InputShape {
        /// The input.
        found: TensorInfo,
        /// What it is fed.
        wanted: String,
        /// What to do, after a semicolon; may be empty.
        advice: &'static str,
    },
    /// The graph takes a fixed number of pictures that is not one.
    #[error(
        "its graph takes exactly {pictures} photos at a time; export it with a free batch size (dynamic_axes or \
         dynamic_shapes of torch.onnx.export) or with 1"
    )]
    FixedBatch {
        /// How many.
        pictures: usize,
    },
    /// No output of that name.
    #[error("no output of the graph is called \"{wanted}\"; the graph has {}", list(found))]
    NoSuchOutput {
        /// What is asked for.
        wanted: String,
        /// What there is.
        found: Vec<TensorInfo>,
    },
    /// Several outputs, and no telling which is meant.
    #[error(
        "it has {} outputs and the preset knows none of them: say which with `model add … --output` ({})",
        found.len(),
        list(found)
    )]
    WhichOutput {
        /// All of them.
        found: Vec<TensorInfo>,
    },
    /// The output's elements are not float32.
    #[error("output {found} gives {}, and float32 is read; {}", found.element, advice(&found.element))]
    OutputType {
        /// The output.
        found: TensorInfo,
    },
    /// The output cannot be read as a vector per picture.
    #[error(
        "output \"{output}\" has shape {found} for {pictures} photos; the manifest says {dim} values per photo, read as \
         {wanted} (pooling \"{pooling}\"); name another output or pooling"
    )]
    OutputShape {
        /// The output's name.
        output: String,
        /// Its shape as computed.
        found: String,
        /// How many pictures it was given.
        pictures: usize,
        /// The manifest's number of values.
        dim: usize,
        /// The shape that is read.
        wanted: &'static str,
        /// The manifest's pooling.
        pooling: String,
    },
    /// No pooling was named for a shape that needs one.
    #[error(
        "output \"{output}\" has shape {found}; say with `model add … --pooling` how that becomes one vector per picture: \
         {choice}"
    )]
    WhichPooling {
        /// The output's name.
        output: String,
        /// Its shape as computed.
        found: String,
        /// What could be meant.
        choice: &'static str,
    },
    /// The mean is over tokens of which all are left out.
    #[error(
        "output \"{output}\" has {tokens} tokens and {skipped} are to be skipped (skip_tokens): all of them, and none is left \
         for the mean; skip fewer"
    )]
    NoTokenLeft {
        /// The output's name.
        output: String,
        /// Its tokens.
        tokens: i64,
        /// How many are left out.
        skipped: usize,
    },
    /// It does not run.
    #[error(
        "it does not run on {width} × {height} pixels: {reason}; where it was made for another size, name that one"
    )]
    Run {
        /// Width of what it was fed.
        width: usize,
        /// Height of what it was fed.
        height: usize,
        /// ONNX Runtime's words.
        reason: String,
    },
    /// An embedding of an ordinary picture holds NaN or nothing but zeros.
    #[error(
        "for an ordinary picture, {reason}; look whether the export is whole and mean, std and range are the network's"
    )]
    BadValues {
        /// What is wrong with the vector.
        reason: String,
    },
    /// All pictures get the same embedding.
    #[error(
        "{pictures} different pictures get the same embedding (cosines of {lowest:.6} and more); it would take every product \
         for every other: look whether the right output is read and mean, std and range are the network's"
    )]
    Constant {
        /// How many were tried.
        pictures: usize,
        /// The lowest cosine between two.
        lowest: f32,
    },
    /// One picture gets another embedding each time.
    #[error(
        "the same picture gets another embedding the second time (cosine {cosine:.6}); it looks exported in training mode, \
         with dropout: call .eval() before the export"
    )]
    Unsteady {
        /// Between the two.
        cosine: f32,
    },
}

/// Ports as a sentence has them.
fn list(ports: &[TensorInfo]) -> String {
    if ports.is_empty() {
        return "none".to_owned();
    }
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn absent(files: &[String]) -> String {
    if files.is_empty() { String::new() } else { format!("; not there: {}", files.join(", ")) }
}

/// What to do about elements of a type that is not float32.
fn advice(element: &str) -> &'static str {
    match element {
        "float16" | "bfloat16" => {
            "export in float32, or convert with keep_io_types=True (onnxconverter_common.float16), which keeps the weights \
             small and the ends in float32"
        }
        "uint8" | "int8" => "leave the quantised weights as they are and export the ends in float32",
        _ => "export it with float32 ends",
    }
}
