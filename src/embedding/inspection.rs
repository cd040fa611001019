//! Inspecting a model file or a manifest without installing or serving it.
//!
//! The checks and refusals are those of adding a model, so the results hold there too.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};

use super::manifest::Manifest;
use super::manifest_draft::{ManifestOverrides, draft_manifest, read_model_file};
use super::model::{Model, sha256};
use super::onnx_file::OnnxFile;
use super::preprocess::Preprocessor;
use super::presets::{PRESETS, Preset};
use super::self_test::{self, BATCH_SIZE_MAX, SelfTestReport};
use super::session::{Graph, ModelSession, UNKNOWN_SIZE_SHAPE, picture_input};
use super::tensor_info::TensorInfo;
use super::{ModelError, Refusal};

/// The time of one picture is the median of at most this many runs.
const TIMED_RUNS_MAX: usize = 15;
/// No further run begins after this time.
const TIMING_LIMIT: Duration = Duration::from_millis(1_500);

#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The ONNX file.
    #[serde(serialize_with = "serialize_path_lossy")]
    pub path: PathBuf,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
    /// The program that wrote the file; empty if the file does not say.
    pub producer: String,
    /// Version of the standard operators.
    pub opset: Option<i64>,
    /// Version of the file format.
    pub ir_version: Option<i64>,
    /// Number of weights.
    pub parameters: Option<u64>,
    /// Other files that hold weights of this model.
    pub external_data: Vec<String>,
    pub inputs: Vec<TensorInfo>,
    pub outputs: Vec<TensorInfo>,
    /// Whether the model can belong to each preset, by sizes alone.
    pub presets: Vec<PresetFit>,
    /// How the model was fed and read for the self-test: its own manifest, or one drafted with the preset `tried_as`.
    pub manifest: Option<Manifest>,
    /// The preset of the drafted manifest; absent if the model has its own.
    pub tried_as: Option<&'static str>,
    #[serde(rename = "proof")]
    pub self_test: Option<SelfTestReport>,
    /// Median time of one picture on one thread, without decoding and resizing.
    pub one_picture_ms: Option<f64>,
    /// Why tillsight cannot use the model; absent if it can.
    pub refusal: Option<String>,
}

/// Serialises a path that may not be UTF-8; invalid parts become U+FFFD.
///
/// # Errors
/// Those of the serializer.
pub fn serialize_path_lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Whether a model can belong to a preset, judged by sizes alone.
#[derive(Debug, Clone, Serialize)]
pub struct PresetFit {
    pub preset: &'static str,
    /// Why it cannot; absent if it can.
    pub objection: Option<String>,
    /// What the preset would choose or ask the person for, in words.
    pub asks: Vec<String>,
}

/// Inspects `path`: a manifest if its name ends in `.json`, otherwise an ONNX file.
///
/// # Errors
/// A file cannot be read, the manifest is invalid or contradicts its file, or ONNX Runtime is missing. A model that cannot be
/// used is no error: see [`Inspection::refusal`].
pub fn inspect(path: &Path) -> Result<Inspection, ModelError> {
    let installed =
        if path.extension().is_some_and(|extension| extension == "json") { Some(Model::open(path)?) } else { None };
    let (path, bytes) = match &installed {
        Some(model) => (model.path.clone(), model.bytes.clone()),
        None => (path.to_owned(), read_model_file(path)?),
    };
    let file = OnnxFile::parse(&bytes).ok();
    let mut inspection = Inspection {
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
        manifest: installed.map(|model| model.manifest),
        tried_as: None,
        self_test: None,
        one_picture_ms: None,
        refusal: None,
    };
    match inspect_graph(&mut inspection, &bytes) {
        // The caller knows the path already.
        Err(ModelError::Unusable { reason, .. }) => inspection.refusal = Some(reason.to_string()),
        Err(error) => return Err(error),
        Ok(()) => {}
    }
    Ok(inspection)
}

/// Loads the graph, lists its inputs and outputs, tests it and measures the time of one picture.
fn inspect_graph(inspection: &mut Inspection, bytes: &[u8]) -> Result<(), ModelError> {
    let path = inspection.path.clone();
    let unusable = |reason: Refusal| ModelError::unusable(&path, reason);
    let (mut graph, _) = Graph::load(&path, bytes, 1)?;
    (inspection.inputs, inspection.outputs) = (graph.inputs(), graph.outputs());
    let input = picture_input(&inspection.inputs, UNKNOWN_SIZE_SHAPE).map_err(unusable)?;
    inspection.presets = PRESETS.iter().map(|preset| check_preset(preset, input, &inspection.outputs)).collect();
    let mut drafts = match &inspection.manifest {
        Some(_) => Vec::new(),
        None => draft_manifests(&mut graph, inspection)?,
    }
    .into_iter();
    if let Some((preset, manifest)) = drafts.next() {
        (inspection.tried_as, inspection.manifest) = (Some(preset), Some(manifest));
    }
    let mut outcome =
        inspection.manifest.as_ref().map_or(Ok(None), |manifest| test_and_time(graph, manifest).map(Some));
    for (preset, manifest) in drafts {
        // Pictures in the wrong range of values can look the same to a good network.
        if !matches!(outcome, Err(Refusal::ConstantEmbedding { .. } | Refusal::InvalidEmbedding { .. })) {
            break;
        }
        if let Ok(tested) = test_and_time(Graph::load(&path, bytes, 1)?.0, &manifest) {
            (inspection.tried_as, inspection.manifest) = (Some(preset), Some(manifest));
            outcome = Ok(Some(tested));
        }
    }
    if let Some((report, one_picture_ms)) = outcome.map_err(unusable)? {
        (inspection.self_test, inspection.one_picture_ms) = (Some(report), Some(one_picture_ms));
    }
    Ok(())
}

/// The self-test of a graph that is fed and read as `manifest` says, and the milliseconds that one picture takes.
fn test_and_time(graph: Graph, manifest: &Manifest) -> Result<(SelfTestReport, f64), Refusal> {
    let mut session = ModelSession::from_graph(graph, manifest)?;
    let preprocessor = Preprocessor::new(&manifest.input);
    let report = self_test::test_session(&mut session, &preprocessor, &[], BATCH_SIZE_MAX)?;
    Ok((report, time_one_picture_ms(&mut session, &preprocessor)?))
}

/// The possible manifests: by the first preset, which accepts all sizes, then by the others that fit. If there is none, the
/// error of the first.
fn draft_manifests(graph: &mut Graph, inspection: &Inspection) -> Result<Vec<(&'static str, Manifest)>, ModelError> {
    let mut draft = |preset: &'static Preset| {
        let manifest =
            draft_manifest(graph, &inspection.path, &inspection.sha256, preset, &ManifestOverrides::default())?;
        Ok((preset.name, manifest))
    };
    let first = draft(&PRESETS[0]);
    let fitting =
        inspection.presets.iter().filter(|fit| fit.objection.is_none()).filter_map(|fit| Preset::by_name(fit.preset));
    let others = fitting.filter(|preset| preset.name != PRESETS[0].name).filter_map(|preset| draft(preset).ok());
    let others: Vec<_> = others.collect();
    match first {
        Err(objection) if others.is_empty() => Err(objection),
        first => Ok(first.into_iter().chain(others).collect()),
    }
}

fn check_preset(preset: &Preset, input: &TensorInfo, outputs: &[TensorInfo]) -> PresetFit {
    let preset_output = preset.outputs.iter().find_map(|name| outputs.iter().find(|output| output.name == *name));
    let output = preset_output.or(if let [only] = outputs { Some(only) } else { None });
    let mut asks = Vec::new();
    match output {
        None => {
            asks.push("--output (of `model add`): the model has several and the preset knows none of them".to_owned())
        }
        Some(output) if outputs.len() > 1 => {
            asks.push(format!("reads output \"{}\"; choose another with --output", output.name))
        }
        Some(_) => {}
    }
    if output.is_some_and(|output| output.shape.len() == 3) {
        asks.push(match preset.token_pooling {
            Some(pooling) => format!("pools its tokens by {pooling}; choose another way with --pooling"),
            None => "--pooling: cls or mean of its tokens".to_owned(),
        });
    }
    if input.shape[2..].iter().any(|side| side.fixed().is_none()) {
        asks.push(format!("feeds {0} × {0} pixels; choose another size with --side", preset.side));
    }
    PresetFit { preset: preset.name, objection: preset.size_objection(input, output), asks }
}

fn time_one_picture_ms(session: &mut ModelSession, preprocessor: &Preprocessor) -> Result<f64, Refusal> {
    let tensor = [self_test::preprocess(preprocessor, &self_test::warm_picture())?];
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.is_empty() || (times.len() < TIMED_RUNS_MAX && start.elapsed() < TIMING_LIMIT) {
        let run_start = Instant::now();
        session.embed(&tensor)?;
        times.push(run_start.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
