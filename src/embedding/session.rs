//! One ONNX Runtime session: opened, checked against its manifest, run on batches.
//!
//! A session belongs to one thread, because a run needs exclusive access. If the graph does not do what the manifest says,
//! opening the session fails, with a message that names both.

use std::path::Path;

use ndarray::{Array3, ArrayView4, Axis};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use super::manifest::{Input, Manifest, Output};
use super::model::Model;
use super::onnx_file::OnnxFile;
use super::tensor_info::{TensorInfo, format_shape};
use super::vector::{Embedding, VectorError};
use super::{ModelError, Pooling, Refusal, accelerator, pooling, runtime};

/// The shape that [`picture_input`] needs before a size is chosen, for its message.
pub(super) const UNKNOWN_SIZE_SHAPE: &str = "N × 3 × height × width";
const CHANNELS_LAST: &str = "; its channels come last: export it channels first (from TensorFlow: tf2onnx --inputs-as-nchw with the input's name)";

/// A loaded model whose manifest may not exist yet.
pub(super) struct Graph {
    session: Session,
}

impl Graph {
    /// Loads the model in `bytes`, which came from `path`, to run with `threads` threads. Also returns the file's metadata.
    ///
    /// Threads do not spin (an idle session that spins uses whole cores), and memory patterns are off because the batch
    /// size varies.
    ///
    /// # Errors
    /// The file is not ONNX or keeps weights in other files; ONNX Runtime is missing or refuses the model.
    pub(super) fn load(path: &Path, bytes: &[u8], threads: usize) -> Result<(Self, OnnxFile), ModelError> {
        let unusable = |reason: Refusal| ModelError::unusable(path, reason);
        let file = OnnxFile::parse(bytes).map_err(unusable)?;
        if !file.external_data.is_empty() {
            let files: Vec<String> = file.external_data.iter().cloned().collect();
            let missing = files.iter().filter(|name| !path.with_file_name(name).exists()).cloned().collect();
            return Err(unusable(Refusal::ExternalData { files, missing }));
        }
        let session = open_session(bytes, runtime::environment()?, threads);
        let session = session.map_err(|reason| unusable(Refusal::Unloadable { reason: one_line(&reason) }))?;
        Ok((Self { session }, file))
    }

    pub(super) fn inputs(&self) -> Vec<TensorInfo> {
        self.session.inputs().iter().map(TensorInfo::from_outlet).collect()
    }

    pub(super) fn outputs(&self) -> Vec<TensorInfo> {
        self.session.outputs().iter().map(TensorInfo::from_outlet).collect()
    }

    /// Runs `batch` and passes values and shape of `output` to `read_output`.
    ///
    /// # Errors
    /// ONNX Runtime's message on one line.
    pub(super) fn run<T>(
        &mut self,
        input: &str,
        batch: ArrayView4<'_, f32>,
        output: &str,
        read_output: impl FnOnce(&[f32], &[i64]) -> T,
    ) -> Result<T, String> {
        let message = |error: ort::Error| one_line(&error.to_string());
        let tensor = TensorRef::from_array_view(batch).map_err(message)?;
        let outputs = self.session.run(ort::inputs![input => tensor]).map_err(message)?;
        let value = outputs.get(output).ok_or_else(|| format!("no output called \"{output}\""))?;
        let (shape, values) = value.try_extract_tensor::<f32>().map_err(message)?;
        Ok(read_output(values, shape))
    }
}

/// A session with the names and shapes of its manifest.
pub(super) struct ModelSession {
    graph: Graph,
    input: String,
    output: Output,
    /// The number of pictures that the graph takes at a time; `None`: any.
    pub(super) fixed_batch: Option<usize>,
}

impl ModelSession {
    /// Loads `model` to run with `threads` threads and checks the graph's inputs and outputs against the manifest.
    ///
    /// # Errors
    /// Those of [`Graph::load`]; the input or the output is not what the manifest says.
    pub(super) fn open(model: &Model, threads: usize) -> Result<Self, ModelError> {
        let (graph, _) = Graph::load(&model.path, &model.bytes, threads)?;
        Self::from_graph(graph, &model.manifest).map_err(|reason| ModelError::unusable(&model.path, reason))
    }

    /// # Errors
    /// The input or the output is not what the manifest says.
    pub(super) fn from_graph(graph: Graph, manifest: &Manifest) -> Result<Self, Refusal> {
        let Manifest { input, output, .. } = manifest;
        let inputs = graph.inputs();
        let graph_input = check_input(&inputs, input)?;
        check_output(&graph.outputs(), &output.name)?;
        let batch = graph_input.shape[0].fixed().and_then(|batch| usize::try_from(batch).ok());
        let fixed_batch = batch.filter(|batch| *batch > 0);
        Ok(Self { graph, input: input.name.clone(), output: output.clone(), fixed_batch })
    }

    /// One embedding for each of `pictures` (channels × height × width, from [`Preprocessor`](super::Preprocessor)), in one
    /// run.
    ///
    /// # Errors
    /// The graph does not run, or its output has another shape than the manifest says.
    pub(super) fn embed(&mut self, pictures: &[Array3<f32>]) -> Result<Vec<Result<Embedding, VectorError>>, Refusal> {
        let (height, width) =
            pictures.first().map_or((0, 0), |picture| (picture.len_of(Axis(1)), picture.len_of(Axis(2))));
        let failed = |reason: String| Refusal::RunFailed { width, height, reason };
        let stacked;
        let batch = match pictures {
            [picture] => picture.view().insert_axis(Axis(0)),
            _ => {
                let views: Vec<_> = pictures.iter().map(|picture| picture.view()).collect();
                stacked = ndarray::stack(Axis(0), &views).map_err(|error| failed(error.to_string()))?;
                stacked.view()
            }
        };
        let (count, output) = (pictures.len(), &self.output);
        let read_output = |values: &[f32], shape: &[i64]| {
            let vectors = pooling::pool_output(values, shape, output, count);
            let vectors = vectors.ok_or_else(|| output_refusal(output, shape, count))?;
            Ok(vectors.iter().map(|vector| Embedding::normalise(vector)).collect())
        };
        self.graph.run(&self.input, batch, &output.name, read_output).map_err(failed)?
    }

    pub(super) fn embed_one(&mut self, picture: &Array3<f32>) -> Result<Result<Embedding, VectorError>, Refusal> {
        let embedding = self.embed(std::slice::from_ref(picture))?.pop();
        // `embed` gives one result per picture or an error.
        Ok(embedding.unwrap_or(Err(VectorError::WrongDimension { expected: 1, found: 0 })))
    }
}

fn open_session(bytes: &[u8], environment: &ort::environment::Environment, threads: usize) -> Result<Session, String> {
    accelerator::open_session(|| builder(environment, threads), bytes)
}

fn builder(environment: &ort::environment::Environment, threads: usize) -> Result<SessionBuilder, String> {
    fn message<T>(error: ort::Error<T>) -> String {
        error.to_string()
    }
    let builder = Session::builder(environment).map_err(message)?;
    let builder = builder.with_optimization_level(GraphOptimizationLevel::All).map_err(message)?;
    // ONNX Runtime also prints what it returns; the caller's message is better.
    let builder = builder.with_log_level(LogLevel::Fatal).map_err(message)?;
    let builder = builder.with_intra_threads(threads).map_err(message)?;
    let builder = builder.with_intra_op_spinning(false).map_err(message)?;
    builder.with_memory_pattern(false).map_err(message)
}

/// The only input, if pictures can be fed to it: float32 of four dimensions, the second of which is the channels.
///
/// # Errors
/// There is another number of inputs, or the input has another shape than `expected` (in words).
pub(super) fn picture_input<'a>(inputs: &'a [TensorInfo], expected: &str) -> Result<&'a TensorInfo, Refusal> {
    let [input] = inputs else { return Err(Refusal::InputCount { found: inputs.to_vec() }) };
    if input.element != "float32" {
        return Err(Refusal::InputType { found: input.clone() });
    }
    match &input.shape[..] {
        [_, channels, _, _] if channels.allows(3) => Ok(input),
        shape => {
            let advice = match shape {
                [_, _, _, channels] if channels.fixed() == Some(3) => CHANNELS_LAST,
                [_, _, _, _] => "; export a network that takes pictures in colour",
                [] => "; export it with the shape of its input, in which only the channels must be fixed",
                _ => "; export the network from the picture on, not from a later step",
            };
            Err(Refusal::InputShape { found: input.clone(), expected: expected.to_owned(), advice })
        }
    }
}

/// The picture input, if it is the one that `manifest_input` describes.
///
/// # Errors
/// Those of [`picture_input`]; it has another name or another size.
pub(super) fn check_input<'a>(inputs: &'a [TensorInfo], manifest_input: &Input) -> Result<&'a TensorInfo, Refusal> {
    let expected = format!("N × 3 × {} × {}", manifest_input.height, manifest_input.width);
    let input = picture_input(inputs, &expected)?;
    if input.name != manifest_input.name {
        return Err(Refusal::NoSuchInput { expected: manifest_input.name.clone(), found: inputs.to_vec() });
    }
    if !input.shape[2].allows(manifest_input.height.into()) || !input.shape[3].allows(manifest_input.width.into()) {
        let advice = "; its size is fixed: width and height (`model add … --side`) must be that value";
        return Err(Refusal::InputShape { found: input.clone(), expected, advice });
    }
    Ok(input)
}

/// The output of that name, if it returns float32.
///
/// # Errors
/// There is none, or it returns another type.
pub(super) fn check_output<'a>(outputs: &'a [TensorInfo], name: &str) -> Result<&'a TensorInfo, Refusal> {
    let output = outputs.iter().find(|output| output.name == name);
    let output = output.ok_or_else(|| Refusal::NoSuchOutput { expected: name.to_owned(), found: outputs.to_vec() })?;
    if output.element == "float32" { Ok(output) } else { Err(Refusal::OutputType { found: output.clone() }) }
}

fn output_refusal(output: &Output, shape: &[i64], pictures: usize) -> Refusal {
    if let (Pooling::Mean, [_, tokens, _]) = (output.pooling, shape)
        && usize::try_from(*tokens).is_ok_and(|tokens| tokens <= output.skip_tokens)
    {
        return Refusal::NoTokensLeft { output: output.name.clone(), tokens: *tokens, skipped: output.skip_tokens };
    }
    Refusal::OutputShape {
        output: output.name.clone(),
        found: if shape.is_empty() { "() (one number)".to_owned() } else { format_shape(shape) },
        pictures,
        dim: output.dim,
        expected: output.pooling.output_shape(),
        pooling: output.pooling.to_string(),
    }
}

/// ONNX Runtime's messages may span lines; our errors are one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
