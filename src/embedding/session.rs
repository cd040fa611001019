//! One ONNX Runtime session: opened, checked against its manifest, run on batches.
//!
//! A session belongs to one thread, because running it needs it exclusively. What the manifest says and the graph does
//! not do is found here, at start-up, with a message that names both.

use ndarray::{Array3, Array4, Axis};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{Outlet, TensorElementType, TensorRef};

use super::ModelError;
use super::batch::Runner;
use super::manifest::{Manifest, Model};
use super::runtime;
use super::vector::{Embedding, VectorError};

/// A session and what is needed to feed and read it.
pub(super) struct ModelSession {
    session: Session,
    input: String,
    output: String,
    dim: usize,
    /// The largest batch that the graph takes; `None` where it takes any.
    pub(super) fixed_batch: Option<usize>,
}

impl ModelSession {
    /// Loads `model` with `threads` threads and checks the shape of its input and the name of its output.
    ///
    /// Threads do not spin (an idle session that spins uses whole cores), and memory patterns are off because the
    /// batch size varies.
    pub(super) fn open(model: &Model, threads: usize) -> Result<Self, ModelError> {
        let unusable = |reason: String| ModelError::Unusable { path: model.path.clone(), reason };
        let session = load(&model.bytes, runtime::environment()?, threads)
            .map_err(|error| unusable(format!("ONNX Runtime does not take it: {error}")))?;
        let fixed_batch = check(&session, &model.manifest).map_err(unusable)?;
        let Manifest { input, output, .. } = &model.manifest;
        Ok(Self { session, input: input.name.clone(), output: output.name.clone(), dim: output.dim, fixed_batch })
    }

    fn infer(&mut self, batch: &Array4<f32>) -> Result<Vec<Result<Embedding, VectorError>>, String> {
        let count = batch.len_of(Axis(0));
        let words = |error: ort::Error| error.to_string();
        let input = TensorRef::from_array_view(batch.view()).map_err(words)?;
        let outputs = self.session.run(ort::inputs![self.input.as_str() => input]).map_err(words)?;
        let output = outputs.get(&self.output).ok_or_else(|| format!("no output called \"{}\"", self.output))?;
        let (shape, values) = output.try_extract_tensor::<f32>().map_err(words)?;
        // Further dimensions of size 1 are common in converted networks (N × dim × 1 × 1) and harmless.
        let per_photo = shape.get(1..).map(|rest| rest.iter().product::<i64>());
        if shape.first() != i64::try_from(count).ok().as_ref() || per_photo != i64::try_from(self.dim).ok() {
            let (dim, name) = (self.dim, &self.output);
            return Err(format!(
                "output \"{name}\" has shape {} for {count} photos; the manifest says {dim} values per photo",
                sizes(shape)
            ));
        }
        Ok(values.chunks_exact(self.dim).map(Embedding::normalised).collect())
    }
}

impl Runner<Array3<f32>, Result<Embedding, VectorError>> for ModelSession {
    fn run(&mut self, inputs: Vec<Array3<f32>>) -> Result<Vec<Result<Embedding, VectorError>>, String> {
        let views: Vec<_> = inputs.iter().map(|input| input.view()).collect();
        let batch = ndarray::stack(Axis(0), &views).map_err(|error| error.to_string())?;
        self.infer(&batch)
    }
}

fn load(bytes: &[u8], environment: &ort::environment::Environment, threads: usize) -> Result<Session, String> {
    fn words<T>(error: ort::Error<T>) -> String {
        error.to_string()
    }
    let builder = Session::builder(environment).map_err(words)?;
    let builder = builder.with_optimization_level(GraphOptimizationLevel::All).map_err(words)?;
    let builder = builder.with_intra_threads(threads).map_err(words)?;
    let builder = builder.with_intra_op_spinning(false).map_err(words)?;
    let mut builder = builder.with_memory_pattern(false).map_err(words)?;
    builder.commit_from_memory(bytes).map_err(words)
}

/// Compares the graph's ends with the manifest; returns the batch size where the graph has a fixed one.
fn check(session: &Session, manifest: &Manifest) -> Result<Option<usize>, String> {
    let input = &manifest.input;
    let outlet = match session.inputs() {
        [only] if only.name() == input.name => only,
        others => {
            return Err(format!("the manifest feeds one input \"{}\"; the graph has {}", input.name, names(others)));
        }
    };
    if !session.outputs().iter().any(|output| output.name() == manifest.output.name) {
        let (wanted, found) = (&manifest.output.name, names(session.outputs()));
        return Err(format!("the manifest reads output \"{wanted}\"; the graph has {found}"));
    }
    let shape = outlet.dtype().tensor_shape().map_or(&[][..], |shape| shape);
    let wanted = [3, i64::from(input.height), i64::from(input.width)];
    let fits = |(size, wanted): (&i64, &i64)| *size == -1 || size == wanted;
    if outlet.dtype().tensor_type() != Some(TensorElementType::Float32)
        || shape.len() != 4
        || !shape[1..].iter().zip(&wanted).all(fits)
    {
        let [channels, height, width] = wanted;
        return Err(format!(
            "input \"{}\" is {}; the manifest feeds float32 of shape N × {channels} × {height} × {width}",
            input.name,
            outlet.dtype()
        ));
    }
    Ok(usize::try_from(shape[0]).ok().filter(|batch| *batch > 0))
}

fn names(outlets: &[Outlet]) -> String {
    match outlets {
        [] => "none".to_owned(),
        some => some.iter().map(|outlet| format!("\"{}\"", outlet.name())).collect::<Vec<_>>().join(", "),
    }
}

fn sizes(shape: &[i64]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}
