//! One ONNX Runtime session: opened, checked against its manifest, run on batches.
//!
//! A session belongs to one thread, because running it needs it exclusively. What the manifest says and the graph does
//! not do is found here, at start-up, with a message that names both.

use std::path::Path;

use ndarray::{Array3, Array4, Axis};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorRef;

use super::manifest::{Input, Manifest, Output};
use super::model::Model;
use super::onnx_file::OnnxFile;
use super::tensor_info::{TensorInfo, product};
use super::vector::{Embedding, VectorError};
use super::{ModelError, Pooling, Refusal, accelerator, pooling, runtime};

/// What [`picture_input`] is asked for where no size is settled yet.
pub(super) const ANY_SIZE: &str = "N × 3 × height × width";
const CHANNELS_LAST: &str = "; its channels come last: export it channels first (of TensorFlow: tf2onnx --inputs-as-nchw with the input's name)";

/// A model's graph, loaded and ready to run; nothing is known yet about how it is fed.
pub(super) struct Graph {
    session: Session,
}

impl Graph {
    /// Loads the model in `bytes`, which came from `path`, with `threads` threads. Gives also what the file says of
    /// itself.
    ///
    /// Threads do not spin (an idle session that spins uses whole cores), and memory patterns are off because the batch
    /// size varies.
    ///
    /// # Errors
    /// It is no ONNX file, keeps weights elsewhere, or ONNX Runtime is missing or does not take it.
    pub(super) fn load(path: &Path, bytes: &[u8], threads: usize) -> Result<(Self, OnnxFile), ModelError> {
        let unusable = |reason: Refusal| ModelError::unusable(path, reason);
        let file = OnnxFile::read(bytes).map_err(unusable)?;
        if !file.external_data.is_empty() {
            let files: Vec<String> = file.external_data.iter().cloned().collect();
            let missing = files.iter().filter(|name| !path.with_file_name(name).exists()).cloned().collect();
            return Err(unusable(Refusal::ExternalData { files, missing }));
        }
        let session = load(bytes, runtime::environment()?, threads);
        let session = session.map_err(|reason| unusable(Refusal::Unloadable { reason: one_line(&reason) }))?;
        Ok((Self { session }, file))
    }

    /// The graph's inputs.
    pub(super) fn inputs(&self) -> Vec<TensorInfo> {
        self.session.inputs().iter().map(TensorInfo::of).collect()
    }

    /// The graph's outputs.
    pub(super) fn outputs(&self) -> Vec<TensorInfo> {
        self.session.outputs().iter().map(TensorInfo::of).collect()
    }

    /// Runs `batch` and hands values and shape of `output` to `read`.
    ///
    /// # Errors
    /// ONNX Runtime's words on one line.
    pub(super) fn run<T>(
        &mut self,
        input: &str,
        batch: &Array4<f32>,
        output: &str,
        read: impl FnOnce(&[f32], &[i64]) -> T,
    ) -> Result<T, String> {
        let words = |error: ort::Error| one_line(&error.to_string());
        let tensor = TensorRef::from_array_view(batch.view()).map_err(words)?;
        let outputs = self.session.run(ort::inputs![input => tensor]).map_err(words)?;
        let value = outputs.get(output).ok_or_else(|| format!("no output called \"{output}\""))?;
        let (shape, values) = value.try_extract_tensor::<f32>().map_err(words)?;
        Ok(read(values, shape))
    }
}

/// A session and what is needed to feed and read it. The server runs it behind an [`Embedder`](super::Embedder); a
/// program that has a thread of its own for it can run it bare.
pub struct ModelSession {
    graph: Graph,
    input: String,
    output: Output,
    /// The number of pictures that the graph takes at a time; `None` where it takes any.
    pub(super) fixed_batch: Option<usize>,
}

impl ModelSession {
    /// Loads `model` with `threads` threads and checks that the graph's ends are what its manifest says.
    ///
    /// # Errors
    /// As [`Graph::load`]; input or output are not what the manifest says.
    pub fn open(model: &Model, threads: usize) -> Result<Self, ModelError> {
        let (graph, _) = Graph::load(&model.path, &model.bytes, threads)?;
        Self::of(graph, &model.manifest).map_err(|reason| ModelError::unusable(&model.path, reason))
    }

    /// A loaded graph, fed and read as `manifest` says.
    ///
    /// # Errors
    /// Input or output are not what the manifest says.
    pub(super) fn of(graph: Graph, manifest: &Manifest) -> Result<Self, Refusal> {
        let Manifest { input, output, .. } = manifest;
        let inputs = graph.inputs();
        let fed = check_input(&inputs, input)?;
        check_output(&graph.outputs(), &output.name)?;
        let fixed_batch = fed.shape[0].fixed().and_then(|batch| usize::try_from(batch).ok()).filter(|batch| *batch > 0);
        Ok(Self { graph, input: input.name.clone(), output: output.clone(), fixed_batch })
    }

    /// One embedding for each of `pictures` (channels × height × width, of [`Preprocessor`](super::Preprocessor)), in
    /// one run.
    ///
    /// # Errors
    /// The graph does not run, or its output is not of the shape that the manifest says.
    pub fn embed(&mut self, pictures: &[Array3<f32>]) -> Result<Vec<Result<Embedding, VectorError>>, Refusal> {
        let (height, width) =
            pictures.first().map_or((0, 0), |picture| (picture.len_of(Axis(1)), picture.len_of(Axis(2))));
        let failed = |reason: String| Refusal::Run { width, height, reason };
        let views: Vec<_> = pictures.iter().map(|picture| picture.view()).collect();
        let batch = ndarray::stack(Axis(0), &views).map_err(|error| failed(error.to_string()))?;
        let (count, output) = (pictures.len(), &self.output);
        let read = |values: &[f32], shape: &[i64]| {
            let vectors = pooling::vectors(values, shape, output, count);
            let vectors = vectors.ok_or_else(|| output_shape(output, shape, count))?;
            Ok(vectors.iter().map(|vector| Embedding::normalised(vector)).collect())
        };
        self.graph.run(&self.input, &batch, &output.name, read).map_err(failed)?
    }

    /// As [`ModelSession::embed`], of one picture.
    pub(super) fn embed_one(&mut self, picture: &Array3<f32>) -> Result<Result<Embedding, VectorError>, Refusal> {
        let embedding = self.embed(std::slice::from_ref(picture))?.pop();
        // `embed` gives one result per picture or an error.
        Ok(embedding.unwrap_or(Err(VectorError::WrongDimension { expected: 1, found: 0 })))
    }
}

fn load(bytes: &[u8], environment: &ort::environment::Environment, threads: usize) -> Result<Session, String> {
    accelerator::session(|| builder(environment, threads), bytes)
}

fn builder(environment: &ort::environment::Environment, threads: usize) -> Result<SessionBuilder, String> {
    fn words<T>(error: ort::Error<T>) -> String {
        error.to_string()
    }
    let builder = Session::builder(environment).map_err(words)?;
    let builder = builder.with_optimization_level(GraphOptimizationLevel::All).map_err(words)?;
    // It also prints what it returns; who asked says it better.
    let builder = builder.with_log_level(LogLevel::Fatal).map_err(words)?;
    let builder = builder.with_intra_threads(threads).map_err(words)?;
    let builder = builder.with_intra_op_spinning(false).map_err(words)?;
    builder.with_memory_pattern(false).map_err(words)
}

/// The one input that pictures can be fed to: float32 of four sides, the second of which is the channels.
///
/// # Errors
/// There is another number of inputs, or this one takes something else than `wanted` says in words.
pub(super) fn picture_input<'a>(inputs: &'a [TensorInfo], wanted: &str) -> Result<&'a TensorInfo, Refusal> {
    let [input] = inputs else { return Err(Refusal::Inputs { found: inputs.to_vec() }) };
    if input.element != "float32" {
        return Err(Refusal::InputType { found: input.clone() });
    }
    match &input.shape[..] {
        [_, channels, _, _] if channels.fits(3) => Ok(input),
        shape => {
            let advice = match shape {
                [_, _, _, channels] if channels.fixed() == Some(3) => CHANNELS_LAST,
                [_, _, _, _] => "; export a network that takes pictures in colour",
                [] => "; export it with its input's shape, whose sides may be left open but for the channels",
                _ => "; export the network from the picture on, not from what becomes of it",
            };
            Err(Refusal::InputShape { found: input.clone(), wanted: wanted.to_owned(), advice })
        }
    }
}

/// The picture input, if it is the one that `fed` describes.
///
/// # Errors
/// As [`picture_input`]; it has another name or another size.
pub(super) fn check_input<'a>(inputs: &'a [TensorInfo], fed: &Input) -> Result<&'a TensorInfo, Refusal> {
    let wanted = format!("N × 3 × {} × {}", fed.height, fed.width);
    let input = picture_input(inputs, &wanted)?;
    if input.name != fed.name {
        return Err(Refusal::NoSuchInput { wanted: fed.name.clone(), found: inputs.to_vec() });
    }
    if !input.shape[2].fits(fed.height.into()) || !input.shape[3].fits(fed.width.into()) {
        let advice = "; its size is fixed: width and height (`model add … --side`) must be that value";
        return Err(Refusal::InputShape { found: input.clone(), wanted, advice });
    }
    Ok(input)
}

/// The output of that name, if it gives float32.
///
/// # Errors
/// There is none, or it gives something else.
pub(super) fn check_output<'a>(outputs: &'a [TensorInfo], name: &str) -> Result<&'a TensorInfo, Refusal> {
    let output = outputs.iter().find(|output| output.name == name);
    let output = output.ok_or_else(|| Refusal::NoSuchOutput { wanted: name.to_owned(), found: outputs.to_vec() })?;
    if output.element == "float32" { Ok(output) } else { Err(Refusal::OutputType { found: output.clone() }) }
}

fn output_shape(output: &Output, shape: &[i64], pictures: usize) -> Refusal {
    if let (Pooling::Mean, [_, tokens, _]) = (output.pooling, shape)
        && usize::try_from(*tokens).is_ok_and(|tokens| tokens <= output.skip_tokens)
    {
        return Refusal::NoTokenLeft { output: output.name.clone(), tokens: *tokens, skipped: output.skip_tokens };
    }
    Refusal::OutputShape {
        output: output.name.clone(),
        found: if shape.is_empty() { "() (one number)".to_owned() } else { product(shape) },
        pictures,
        dim: output.dim,
        wanted: output.pooling.reads(),
        pooling: output.pooling.to_string(),
    }
}

/// ONNX Runtime's messages may span lines; errors here are one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
