//! Looking at a model file or a manifest without adding or serving it.
//!
//! The same reading, the same checks and the same refusals as when a model is added: what is said here holds there.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use super::manifest::Manifest;
use super::manifest_draft::{ManifestOverrides, draft_for, read};
use super::model::{Model, sha256};
use super::onnx_file::OnnxFile;
use super::preprocess::Preprocessor;
use super::presets::{PRESETS, Preset};
use super::self_test::{self, BATCH, SelfTest};
use super::session::{ANY_SIZE, Graph, ModelSession, picture_input};
use super::tensor_info::TensorInfo;
use super::{ModelError, Refusal};

/// Runs whose median is the time of one picture, and the time after which no more are begun.
const RUNS: usize = 15;
const ENOUGH: Duration = Duration::from_millis(1_500);

/// What there is to say about a model.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The ONNX file.
    #[serde(serialize_with = "lossily")]
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// The program that wrote it; empty where it does not say, or is no ONNX file.
    pub producer: String,
    /// Version of the standard operators.
    pub opset: Option<i64>,
    /// Version of the file format.
    pub ir_version: Option<i64>,
    /// Number of weights.
    pub parameters: Option<u64>,
    /// Files that hold weights beside this one.
    pub external_data: Vec<String>,
    /// What the graph takes.
    pub inputs: Vec<TensorInfo>,
    /// What the graph gives.
    pub outputs: Vec<TensorInfo>,
    /// Which presets it can belong to, judged by sizes alone.
    pub presets: Vec<PresetFit>,
    /// How it was fed and read for the two figures below: its own manifest, or one drafted after `tried_as`.
    pub manifest: Option<Manifest>,
    /// The preset after which that was drafted; absent where there is a manifest.
    pub tried_as: Option<&'static str>,
    /// What the proof showed.
    pub proof: Option<SelfTest>,
    /// Median time of one picture on one thread, in milliseconds, without decoding and resizing.
    pub one_picture_ms: Option<f64>,
    /// Why tillsight cannot use it; absent where it can.
    pub refusal: Option<String>,
}

/// Writes a path that need not be UTF-8: what is not becomes U+FFFD, where `serde` would give up.
///
/// # Errors
/// Those of the serializer.
pub fn lossily<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Whether a model can belong to a family, judged by sizes alone. Where the file came from, only a person knows.
#[derive(Debug, Clone, Serialize)]
pub struct PresetFit {
    /// The preset's name.
    pub preset: &'static str,
    /// Why it cannot; absent where it can.
    pub objection: Option<String>,
    /// What the preset would decide or ask for, in words.
    pub asks: Vec<String>,
}

/// Looks at `path`: a manifest where its name ends in `.json`, otherwise an ONNX file.
///
/// # Errors
/// A file cannot be read, a manifest is none or contradicts its file, ONNX Runtime is missing. That the model itself cannot be
/// used is no error here: [`Inspection::refusal`] says it.
pub fn inspect(path: &Path) -> Result<Inspection, ModelError> {
    let own =
        if path.extension().is_some_and(|extension| extension == "json") { Some(Model::open(path)?) } else { None };
    let (path, bytes) = match &own {
        Some(model) => (model.path.clone(), model.bytes.clone()),
        None => (path.to_owned(), read(path)?),
    };
    let file = OnnxFile::read(&bytes).ok();
    let mut seen = Inspection {
        bytes: bytes.len() as u64,
        sha256: sha256(&bytes),
        producer: file.as_ref().map(|file| file.producer.clone()).unwrap_or_default(),
        opset: file.as_ref().and_then(|file| file.opset),
        ir_version: file.as_ref().map(|file| file.ir_version),
        parameters: file.as_ref().map(|file| file.parameters),
        external_data: file.map(|file| file.external_data.into_iter().collect()).unwrap_or_default(),
        path,
        inputs: Vec::new(),
        outputs: Vec::new(),
        presets: Vec::new(),
        manifest: own.map(|model| model.manifest),
        tried_as: None,
        proof: None,
        one_picture_ms: None,
        refusal: None,
    };
    match look(&mut seen, &bytes) {
        // The file's name is there already.
        Err(ModelError::Unusable { reason, .. }) => seen.refusal = Some(reason.to_string()),
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    Ok(seen)
}

/// Loads the graph, describes its ends, proves it and takes its time.
fn look(seen: &mut Inspection, bytes: &[u8]) -> Result<(), ModelError> {
    let path = seen.path.clone();
    let unusable = |reason: Refusal| ModelError::unusable(&path, reason);
    let (mut graph, _) = Graph::load(&path, bytes, 1)?;
    (seen.inputs, seen.outputs) = (graph.inputs(), graph.outputs());
    let input = picture_input(&seen.inputs, ANY_SIZE).map_err(unusable)?;
    seen.presets = PRESETS.iter().map(|preset| fit(preset, input, &seen.outputs)).collect();
    let mut drafts = match &seen.manifest {
        Some(_) => Vec::new(),
        None => drafted(&mut graph, seen)?,
    }
    .into_iter();
    if let Some((preset, manifest)) = drafts.next() {
        (seen.tried_as, seen.manifest) = (Some(preset), Some(manifest));
    }
    let mut outcome = seen.manifest.as_ref().map_or(Ok(None), |manifest| shown(graph, manifest).map(Some));
    for (preset, manifest) in drafts {
        // Pictures in the wrong range of values can look all alike to a good network.
        if !matches!(outcome, Err(Refusal::Constant { .. } | Refusal::BadValues { .. })) {
            break;
        }
        if let Ok(proved) = shown(Graph::load(&path, bytes, 1)?.0, &manifest) {
            (seen.tried_as, seen.manifest) = (Some(preset), Some(manifest));
            outcome = Ok(Some(proved));
        }
    }
    if let Some((proof, one_picture_ms)) = outcome.map_err(unusable)? {
        (seen.proof, seen.one_picture_ms) = (Some(proof), Some(one_picture_ms));
    }
    Ok(())
}

/// The proof of a graph that is fed and read as `manifest` says, and the milliseconds that a picture takes.
fn shown(graph: Graph, manifest: &Manifest) -> Result<(SelfTest, f64), Refusal> {
    let mut session = ModelSession::of(graph, manifest)?;
    let preprocessor = Preprocessor::new(&manifest.input);
    let proof = self_test::prove(&mut session, &preprocessor, &[], BATCH)?;
    Ok((proof, one_picture_ms(&mut session, &preprocessor)?))
}

/// The manifests that can be drafted: by the first preset of all, which knows no limits of sizes, then by the others that
/// fit. Where there is none, what the first objects to.
fn drafted(graph: &mut Graph, seen: &Inspection) -> Result<Vec<(&'static str, Manifest)>, ModelError> {
    let mut draft = |preset: &'static Preset| {
        let manifest = draft_for(graph, &seen.path, &seen.sha256, preset, &ManifestOverrides::default())?;
        Ok((preset.name, manifest))
    };
    let first = draft(&PRESETS[0]);
    let fitting = seen.presets.iter().filter(|fit| fit.objection.is_none()).filter_map(|fit| Preset::named(fit.preset));
    let others = fitting.filter(|preset| preset.name != PRESETS[0].name).filter_map(|preset| draft(preset).ok());
    let others: Vec<_> = others.collect();
    match first {
        Err(objection) if others.is_empty() => Err(objection),
        first => Ok(first.into_iter().chain(others).collect()),
    }
}

fn fit(preset: &Preset, input: &TensorInfo, outputs: &[TensorInfo]) -> PresetFit {
    let known = preset.outputs.iter().find_map(|name| outputs.iter().find(|output| output.name == *name));
    let output = known.or(if let [only] = outputs { Some(only) } else { None });
    let mut asks = Vec::new();
    match output {
        None => {
            asks.push("--output (of `model add`): it has several and the preset knows none of their names".to_owned())
        }
        Some(output) if outputs.len() > 1 => {
            asks.push(format!("reads output \"{}\"; --output names another", output.name))
        }
        Some(_) => {}
    }
    if output.is_some_and(|output| output.shape.len() == 3) {
        asks.push(match preset.tokens {
            Some(pooling) => format!("reads its tokens by {pooling}; --pooling names another way"),
            None => "--pooling: cls or mean of its tokens".to_owned(),
        });
    }
    if input.shape[2..].iter().any(|side| side.fixed().is_none()) {
        asks.push(format!("feeds {0} × {0} pixels; --side names another size", preset.side));
    }
    PresetFit { preset: preset.name, objection: preset.objection(input, output), asks }
}

fn one_picture_ms(session: &mut ModelSession, preprocessor: &Preprocessor) -> Result<f64, Refusal> {
    let tensor = [self_test::tensor(preprocessor, &self_test::warm_colours())?];
    let (begun, mut times) = (Instant::now(), Vec::new());
    while times.is_empty() || (times.len() < RUNS && begun.elapsed() < ENOUGH) {
        let run = Instant::now();
        session.embed(&tensor)?;
        times.push(run.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
